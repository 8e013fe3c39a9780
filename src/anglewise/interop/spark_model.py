"""Spark's ALS: a model in memory, or the folder that it saves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Int64
from anglewise.errors import FileError
from anglewise.interop.arrow_file import arrow_sheet
from anglewise.interop.columns import listed
from anglewise.interop.factors import Factors, space_of_factors
from anglewise.interop.files import existing_folder, naming
from anglewise.interop.list_column import matrix_of
from anglewise.interop.say import Say, quiet
from anglewise.interop.sheet import numbers_of

SIDES = ("userFactors", "itemFactors")
ABOUT = {"library": "spark", "model": "ALSModel"}


def recognised(model: Any) -> bool:
    """Whether an object has the two tables of Spark's ``ALSModel``."""
    return all(hasattr(model, name) for name in SIDES)


def factors_of(model: Any, _features: Mapping[str, Any]) -> Factors:
    """Users and items collected from the cluster, in the order of their ids."""
    (user_ids, users), (item_ids, items) = (_collected(getattr(model, name)) for name in SIDES)
    return Factors(items=items, users=users, user_ids=user_ids, item_ids=item_ids, about=ABOUT)


def is_spark_model(folder: Path) -> bool:
    """Whether Spark saved an ``ALSModel`` here."""
    return any((folder / name).is_dir() for name in SIDES)


def read_spark_model(folder: Path, say: Say = quiet) -> Space:
    """Read ``userFactors`` and ``itemFactors`` (parquet of ``id``, ``features``) of a saved model.

    Rows are ordered by id, since Spark keeps no order. Raises ``FileError``, ``ShapeError``,
    ``ValuesError`` or ``IdsError`` naming the file or folder.
    """
    (user_ids, users), (item_ids, items) = (_side(folder / name) for name in SIDES)
    say(f"{folder.name} is a model of Spark's ALS: trained for dot")
    with naming(folder):
        return space_of_factors(
            Factors(
                items=items,
                users=users,
                user_ids=user_ids,
                item_ids=item_ids,
                about={**ABOUT, "read_from": str(folder)},
            )
        )


def _side(folder: Path) -> tuple[list[int], Array]:
    files = sorted(existing_folder(folder).glob("part-*.parquet"))
    if not files:
        raise FileError(f"{folder} holds no part-*.parquet: copy the whole model again")
    parts = [_part(file) for file in files]
    widths = {vectors.shape[1] for _, vectors in parts}
    if len(widths) > 1:
        raise FileError(f"{folder}: parts of {listed(sorted(map(str, widths)))} features are mixed")
    return _by_id(np.concatenate([i for i, _ in parts]), np.concatenate([v for _, v in parts]))


def _part(file: Path) -> tuple[Int64[Array, " rows"], Array]:
    sheet = arrow_sheet(file)
    names = sheet.names or ()
    if not {"id", "features"} <= set(names):
        raise FileError(f"{file} has the columns {listed(names)}: id and features are due")
    place = names.index("id")
    ids, features = sheet.columns([place, names.index("features")])
    return numbers_of(sheet, ids, place).astype(np.int64), matrix_of(sheet, features)


def _by_id(ids: Int64[Array, " rows"], vectors: Array) -> tuple[list[int], Array]:
    order = np.argsort(ids, kind="stable")
    return ids[order].tolist(), vectors[order]


def _collected(table: Any) -> tuple[list[int], Array]:
    rows = list(table.select("id", "features").collect())
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    return _by_id(ids, np.array([list(row[1]) for row in rows], dtype=np.float32))
