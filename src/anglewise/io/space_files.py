"""The files in the folder of a space: ``space.json``, and tables of vectors and sparse rows."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.conversion import about_fault
from anglewise.data_types.embeddings import BIAS_COLUMNS, Embeddings, Space, TrainedFor
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.parts import Parts
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import DIRECTIONS, Array, Bool, Direction, Int64
from anglewise.errors import FileError, ValuesError
from anglewise.io.arrow_files import (
    parquet_columns,
)
from anglewise.io.files import arrow, file_text, reading
from anglewise.io.ownership import check_inside
from anglewise.io.sizes import check_json
from anglewise.io.tables import rows_of

MOST = 10**15
"""Counts in a description are whole numbers up to this."""
FORMAT = 4
"""Counted up when an older reader would misread the folder.

Format 2 says how queries and pairs were drawn, format 3 holds lists of token vectors or sparse
vectors, format 4 judgements that are made of who used what; where there is none of these, 1 is
written."""


LONGEST = 1 << 22
"""Bytes of ``space.json``."""


def describe(
    space: Space, judgements: Mapping[Direction, Judgements], sha256: Mapping[str, str]
) -> dict[str, Any]:
    """Everything about a space but its numbers, ready for JSON.

    Raises ``ValuesError`` where ``about`` names a column that is not there: nobody could read it.
    """
    last = max(space.about.get(BIAS_COLUMNS, ()), default=-1)
    if last >= space.items.dimension:
        raise ValuesError(
            f"about[{BIAS_COLUMNS!r}] names column {last} of {space.items.dimension}: leave out "
            "what is not there"
        )
    return {
        "format": _format(space, judgements),
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
                **({"of_users": True} if judged.of_users else {}),
                **({} if judged.parts is None else {"of_documents": True}),
                **_draw_described(judged),
                "complaints": _stored(judged.complaints),
            }
            for direction, judged in judgements.items()
        },
        "about": plain(dict(space.about), "about"),
        "sha256": dict(sha256),
    }


def _format(space: Space, judgements: Mapping[Direction, Judgements]) -> int:
    """The lowest format that holds all of it, so that older versions read what they can."""
    if isinstance(space.items, Representation):
        return 3
    return 2 if any(map(_says_draws, judgements.values())) else 1


def _says_draws(judged: Judgements) -> bool:
    return judged.by_lot or judged.drawn is not None


def _draw_described(judged: Judgements) -> dict[str, Any]:
    """What holds for the draw as a whole; the chances of each query and pair stand in tables."""
    content: dict[str, Any] = {}
    if judged.chances_unknown:
        content["chances_unknown"] = judged.chances_unknown
    if judged.drawn is not None:
        weights = {"heaviest": judged.drawn.heaviest, "heaviest_left": judged.drawn.heaviest_left}
        content["drawn"] = {
            "draws": sorted(judged.drawn.draws),
            "queries": judged.drawn.queries,
            **{name: value if np.isfinite(value) else None for name, value in weights.items()},
        }
    return content


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
    check_inside(path, folder)
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
    """Raise ``FileError`` for bias columns, a penalty or a gauge that cannot be computed with."""
    fault = about_fault(about)
    if fault is None and max(about.get(BIAS_COLUMNS, ()), default=-1) >= columns:
        fault = BIAS_COLUMNS
    if fault is not None:
        raise FileError(
            f"{folder / 'space.json'} is damaged at about.{fault} ({shown(about[fault])}): write "
            "the space again"
        )


def _is_count(value: object, largest: int = MOST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def _stored(complaints: Complaints) -> dict[str, Any]:
    """What is kept of complaints: not a hint that is for whoever read the judgements."""
    content = asdict(complaints)
    del content["other_form"], content["stale_pairs"]
    return {name: value for name, value in content.items() if name not in OF_SPANS or value}


OF_SPANS = ("stale", "unchecked", "by_overlap", "of_longer", "by_machine", "of_sources")
"""Complaints about judged characters and about who judged, which older versions do not know: kept
where there are some."""


def _complaints(stored: Mapping[str, Any]) -> Complaints:
    """What was wrong with labels, each of the kind that it has where nothing was."""
    kinds: dict[str, Any] = {**_stored(Complaints()), **dict.fromkeys(OF_SPANS, 0)}
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
    folder: Path,
    direction: Direction,
    description: Any,
    tables: tuple[SparseRows, SparseRows],
    parts: Parts | None = None,
) -> Judgements:
    """Give tables of judgements the words that ``space.json`` holds about them, of any kind.

    ``tables`` are the gains and what is left out; ``parts`` the documents that were judged.
    """
    gains, left_out = tables
    with reading(folder / "space.json", "the description of a space"):
        return Judgements(
            gains,
            direction,
            str(description.get("source", folder)),
            _complaints(description.get("complaints", {})),
            left_out if description.get("leaves_out", len(left_out.indices) > 0) else None,
            relevant_from=description.get("relevant_from"),
            not_itself=description.get("not_itself") is True,
            of_users=description.get("of_users") is True,
            chances_unknown=description.get("chances_unknown", ""),
            parts=parts,
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


NUMBERS = {"vector", "tokens", "weights"}
"""Columns of floats."""
GROUP_BYTES = 1 << 26
"""Vectors are written in groups of about 64 MB, so that no reader needs all at once."""


def write_sparse(
    path: Path, sides: tuple[Embeddings, Embeddings], tables: Mapping[str, SparseRows | None]
) -> None:
    """Write sparse tables of queries x items under one another, a column of values for each."""
    pa = arrow()
    queries, items = (pa.array(side.ids.tolist(), pa.string()) for side in sides)
    present = {name: table for name, table in tables.items() if table is not None}
    parts: list[Any] = []
    for name, table in present.items():
        cells = {
            "query_id": queries.take(pa.array(table.rows)),
            "item_id": items.take(pa.array(table.indices)),
        }
        empty = pa.nulls(len(table.indices), pa.float64())
        for column in tables:
            cells[column] = pa.array(table.values) if column == name else empty
        parts.append(pa.table(cells))
    write_table(path, pa.concat_tables(parts), rows=1 << 20)


def read_sparse(
    path: Path, sides: tuple[Embeddings, Embeddings], names: tuple[str, ...]
) -> dict[str, SparseRows]:
    """Read the tables that ``write_sparse`` wrote, one for each name; empty if it has no column."""
    pa, pc = arrow(), arrow("compute")
    with reading(path, "a table of query_id and item_id"):
        table = parquet_columns(path, kind="a table of query_id and item_id")
        rows = known_rows(path, table["query_id"], sides[0])
        columns = known_rows(path, table["item_id"], sides[1])
        shape = (len(sides[0]), len(sides[1]))
        tables: dict[str, SparseRows] = {}
        for name in names:
            values = table[name] if name in table.column_names else pa.nulls(len(rows))
            present = np.asarray(pc.is_valid(values))
            numbers = np.asarray(pc.drop_null(values).cast(pa.float64()))
            tables[name] = SparseRows.from_pairs(
                rows[present], columns[present], numbers, shape=shape
            )
    return tables


def write_some(path: Path, side: Embeddings, chosen: Bool[Array, " rows"]) -> None:
    """Write the ids of some rows of a side."""
    pa = arrow()
    ids = pa.array(side.ids[chosen].tolist(), pa.string())
    write_table(path, pa.table({"item_id": ids}), rows=1 << 20)


def read_some(path: Path, side: Embeddings) -> Bool[Array, " rows"]:
    """Read which rows of a side ``write_some`` named."""
    with reading(path, "a table of item_id"):
        table = parquet_columns(path, ["item_id"], "a table of item_id")
    chosen = np.zeros(len(side), dtype=bool)
    chosen[known_rows(path, table["item_id"], side)] = True
    return chosen


def known_rows(path: Path, names: Any, side: Embeddings) -> Int64[Array, " entries"]:
    """The rows of ids on a side; ``FileError`` for one that it does not hold."""
    rows = rows_of(names.cast(arrow().string()), side)
    if len(rows) and rows.min() < 0:
        raise FileError(f"{path} names ids that the space does not hold: write the space again")
    return rows


def write_table(path: Path, table: Any, rows: int) -> None:
    """Write a table as parquet, in groups of so many rows."""
    arrow("parquet").write_table(
        table,
        path,
        compression=_codecs(table.schema),
        row_group_size=rows,
        write_statistics=False,
        use_dictionary=[n for n in table.column_names if n not in NUMBERS],
    )


def _codecs(schema: Any) -> dict[str, str]:
    """Floats hardly shrink, and zstd takes three times as long to read them as LZ4."""
    pa, parquet = arrow(), arrow("parquet")
    file = pa.BufferOutputStream()
    parquet.write_table(schema.empty_table(), file)
    stored = parquet.ParquetFile(pa.BufferReader(file.getvalue())).metadata
    paths = [stored.schema.column(i).path for i in range(stored.num_columns)]
    return {path: "lz4" if path.split(".")[0] in NUMBERS else "zstd" for path in paths}


QUERY_COLUMNS = ("judged_at", "chance", "traffic")
"""Columns about judged queries: when they were judged first, and how they were drawn."""

TABLES = (
    ["query_id", "item_id", "weight"],
    ["query_id", "item_id", "gain", "left_out"],
    ["query_id", "item_id", "gain", "left_out", "chance"],
    ["query_id", "item_id", "gain"],
    ["query_id", "item_id", "gain", "chance"],
    ["item_id"],
    ["query_id", *QUERY_COLUMNS],
)
"""The columns of what training saw, of judgements, of those of missing items, of judged items, of
judged queries."""
