"""``space.json``, the description of a space: written once, checked whenever it is read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from anglewise.data_types.embeddings import BIAS_COLUMNS, Space, TrainedFor
from anglewise.data_types.judgements import Complaints, Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import DIRECTIONS, Direction
from anglewise.errors import FileError, ValuesError
from anglewise.io.files import file_text, reading
from anglewise.io.sizes import check_json

MOST = 10**15
"""Counts in a description are whole numbers up to this."""
FORMAT = 1
"""Counted up when an older reader would misread the folder."""


LONGEST = 1 << 22
"""Bytes of ``space.json``."""


def describe(
    space: Space, judgements: Mapping[Direction, Judgements], sha256: Mapping[str, str]
) -> dict[str, Any]:
    """Everything about a space but its numbers, ready for JSON."""
    return {
        "format": FORMAT,
        "written_by": f"anglewise {version('anglewise')}",
        "trained_for": space.trained_for,
        "dimension": space.items.dimension,
        "items": len(space.items),
        "queries": None if space.one_sided else len(space.queries),
        "seen": None if space.seen is None else len(space.seen.indices),
        "judgements": {
            direction: {
                "source": judged.source,
                "entries": len(judged.gains.indices),
                "leaves_out": judged.seen is not None,
                **({} if judged.relevant_from is None else {"relevant_from": judged.relevant_from}),
                **({"not_itself": True} if judged.not_itself else {}),
                "complaints": _stored(judged.complaints),
            }
            for direction, judged in judgements.items()
        },
        "about": plain(dict(space.about), "about"),
        "sha256": dict(sha256),
    }


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write ``space.json``; ``ValuesError`` for one so long that it would not be read again."""
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    content = text.encode()
    if len(content) > LONGEST:
        raise ValuesError(
            f"about takes {len(content):,} bytes in space.json, and at most {LONGEST:,} are read: "
            "keep what is that long in metadata, or in a file of its own"
        )
    (folder / "space.json").write_bytes(content)


def read_description(folder: Path) -> Mapping[str, Any]:
    """Read ``space.json``; only ``format`` must be there, the rest can be seen from the files.

    Raises ``FileError`` if it is missing, damaged or newer than this program.
    """
    if not is_space_folder(folder):
        raise FileError(f"{folder} is no space: it has no space.json; make one with anglewise fit")
    path = folder / "space.json"
    with reading(path, "the description of a space"):
        if path.stat().st_size > LONGEST:  # as objects it takes many times its size
            raise FileError(
                f"{path} has {path.stat().st_size:,} bytes, and at most {LONGEST:,} are read: a "
                "description has some thousand; write the space again"
            )
        text = file_text(path)
        check_json(path, text.replace("\n", " ").encode())
        description: Any = json.loads(text)
        form = int(description["format"])
    if form > FORMAT:
        raise FileError(
            f"{folder} was written by {description.get('written_by', 'a newer anglewise')} in "
            f"format {form}; this version reads up to format {FORMAT}: upgrade anglewise"
        )
    description = {**_by_hand(folder), **description}
    kinds = {"about": dict, "judgements": dict, "sha256": dict, "trained_for": str}
    damaged = [name for name, kind in kinds.items() if not isinstance(description[name], kind)]
    if damaged or description["trained_for"] not in get_args(TrainedFor):
        fault = ", ".join(damaged) or f"trained_for ({description['trained_for']!r})"
        raise FileError(f"{path} is damaged at {fault}: write the space again")
    return cast("Mapping[str, Any]", description)


def _by_hand(folder: Path) -> dict[str, Any]:
    """What holds where the description is silent: it may be written by hand, without checksums."""
    return {
        "trained_for": "unknown",
        "queries": True if (folder / "queries.parquet").exists() else None,
        "seen": True if (folder / "seen.parquet").exists() else None,
        "judgements": {
            direction: {}
            for direction in DIRECTIONS
            if (folder / "judgements" / f"{direction}.parquet").exists()
        },
        "about": {},
        "sha256": {},
    }


def check_about(folder: Path, about: Mapping[str, Any], columns: int) -> None:
    """Raise ``FileError`` for bias columns or a penalty that nothing can be computed with."""
    biases, penalty = about.get(BIAS_COLUMNS, []), about.get("penalty") or 0
    right = {
        BIAS_COLUMNS: isinstance(biases, list)
        and all(_is_count(column, columns - 1) for column in cast("list[Any]", biases)),
        "penalty": about.get("objective") != "factors"
        or isinstance(penalty, float)
        or _is_count(penalty),
    }
    for name in (name for name, holds in right.items() if not holds):
        raise FileError(
            f"{folder / 'space.json'} is damaged at about.{name} ({shown(about[name])}): write "
            "the space again"
        )


def _is_count(value: object, largest: int = MOST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def _stored(complaints: Complaints) -> dict[str, Any]:
    """What is kept of complaints: not a hint that is for whoever read the judgements."""
    kept = asdict(complaints)
    del kept["other_form"]
    return kept


def _complaints(stored: Mapping[str, Any]) -> Complaints:
    """What was wrong with labels, each of the kind that it has where nothing was."""
    kinds = _stored(Complaints())
    for name, value in stored.items():
        if isinstance(kinds[name], tuple):
            kinds[name] = tuple(cast("list[Any]", value) if isinstance(value, list) else [value])
            fits = isinstance(value, list) and all(isinstance(text, str) for text in kinds[name])
        else:
            kinds[name], fits = value, isinstance(value, bool) or _is_count(value)
        if not fits:
            raise ValueError(f"{name} is {shown(kinds[name])}")
    return Complaints(**kinds)


def is_space_folder(path: Path) -> bool:
    """Whether a folder says that it is a space."""
    return (path / "space.json").is_file()


def judgements_as_described(
    folder: Path, direction: Direction, gains: SparseRows, left_out: SparseRows
) -> Judgements:
    """Give tables of judgements the words that ``space.json`` holds about them."""
    description: Any = read_description(folder)["judgements"][direction]
    with reading(folder / "space.json", "the description of a space"):
        return Judgements(
            gains,
            direction,
            str(description.get("source", folder)),
            _complaints(description.get("complaints", {})),
            left_out if description.get("leaves_out", len(left_out.indices) > 0) else None,
            relevant_from=description.get("relevant_from"),
            not_itself=description.get("not_itself") is True,
        )


def plain(value: Any, path: str) -> Any:
    """Turn a value into what JSON can hold; ``ValuesError`` says where it cannot.

    >>> plain({"gap": np.float64(1.5), "shape": (2, 3)}, "about")
    {'gap': 1.5, 'shape': [2, 3]}
    """
    if isinstance(value, np.generic | np.ndarray):
        value = cast("Any", value).tolist()
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {str(name): plain(element, f"{path}[{name!r}]") for name, element in pairs}
    if isinstance(value, list | tuple):
        return [plain(element, path) for element in cast("list[Any]", value)]
    fits = value is None or isinstance(value, str | bool | int)
    if fits or (isinstance(value, float) and np.isfinite(value)):
        return cast("Any", value)
    raise ValuesError(f"{path} is {value!r}, which JSON cannot hold: store text or finite numbers")
