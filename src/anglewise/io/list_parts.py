"""The lists of all who ask as one parquet table, written part by part.

Parts lie beside the table in ``NAME.parts`` until the last one is there, so that what was broken
off goes on where it stopped. No more than one part is held in memory.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.mapped import in_portions
from anglewise.data_types.memory import VARIABLE, words
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.text import Say, counted
from anglewise.data_types.typing import Array, Int64, Progress
from anglewise.errors import FileError
from anglewise.io.arrow_files import parquet_file
from anglewise.io.arrow_sizes import check_parquet
from anglewise.io.files import PathLike, arrow, file_text, opened, reading
from anglewise.io.outputs import check_new_file, filled_folder, new_file
from anglewise.io.sizes import allowed, weight

ROWS = 1 << 21
"""Rows of the table in one part, about."""
MARK, SUMS = "about.json", "sums.json"
"""What the parts are of, and the digest of each that was written whole."""
LONGEST_MARK = 1 << 20
"""Bytes; what a run writes has some hundreds."""
ANEW = "remove the folder of parts, and start anew"
BLOCK = 1 << 14


def spans_of(asking: int, listed: int) -> list[range]:
    """Who asks in each part, where each has a list of so many rows.

    >>> [len(span) for span in spans_of(5_000_000, 1)]
    [2097152, 2097152, 805696]
    """
    length = max(1, ROWS // max(1, listed))
    return [range(start, min(start + length, asking)) for start in range(0, asking, length)]


def lists_table(
    asked: Sequence[str] | Array,
    found: Sequence[Neighbours],
    ids_at: Callable[[Int64[Array, " some"]], Sequence[str]],
) -> Any:
    """A table of ``query_id``, ``item_id``, ``rank`` and ``score``; no row where a list is shorter.

    Several measures are told apart in a column ``measure``. ``ids_at`` names some items.

    >>> found = Neighbours("dot", np.array([[1, -1]]), np.array([[2.0, -np.inf]]), np.zeros(1, int))
    >>> items = Embeddings([[1.0], [2.0]], ids=["heat", "dune"])
    >>> lists_table(["ann"], [found], items.ids_at).to_pylist()
    [{'query_id': 'ann', 'item_id': 'dune', 'rank': 1, 'score': 2.0}]
    """
    pa = arrow()
    names = pa.array(list(map(str, asked)), pa.string())
    tables: list[Any] = []
    for lists in found:
        rows, places = np.nonzero(lists.indices >= 0)
        listed, at = np.unique(lists.indices[rows, places], return_inverse=True)
        items = pa.array(ids_at(listed.astype(np.int64)), pa.string())
        own = {
            "query_id": names.take(pa.array(rows)),
            "item_id": items.take(pa.array(at)),
            "rank": pa.array((places + 1).astype(np.int32)),
            "score": pa.array(lists.scores[rows, places].astype(np.float64)),
        }
        if len(found) > 1:
            own = {"measure": pa.array([lists.measure] * len(rows), pa.string()), **own}
        tables.append(pa.table(own))
    return pa.concat_tables(tables)


def identity_of(space: Space, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What lists depend on: the space, as a digest, and some settings.

    Of the space vectors, ids and metadata, which filters read, columns of biases, and what was
    seen.
    """
    digest = blake2b(digest_size=12)
    sides = [space.items] if space.one_sided else [space.items, space.queries]
    for side in sides:
        _add_side(digest, side)
    digest.update(repr(space.named_biases).encode())
    if space.seen is not None:
        digest.update(_bytes(space.seen.indptr) + _bytes(space.seen.indices))
    return {"space": digest.hexdigest(), **settings}


def _add_side(digest: Any, side: Embeddings) -> None:
    digest.update(repr(side.vectors.shape).encode())
    for rows in in_portions(side.vectors):
        digest.update(np.ascontiguousarray(side.vectors[rows]).data)
    digest.update(repr(side.named).encode())
    for start in range(0, len(side) if side.named else 0, BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(side)))
        digest.update(json.dumps(side.ids_at(rows)).encode())
    for name in side.metadata_columns:
        digest.update(json.dumps([name, list(map(str, column(side, name)))]).encode())


def _bytes(numbers: Int64[Array, " entries"]) -> bytes:
    return np.ascontiguousarray(numbers).tobytes()


@dataclass(frozen=True)
class AllLists:
    """The lists of all who ask, some of them at a time.

    Attributes
    ----------
    spans
        Who asks in each part.
    table_of
        The lists of one part, as a table.
    identity
        What the lists depend on, in plain types: other lists do not take over their parts.

    Examples
    --------
    >>> import pyarrow as pa, tempfile
    >>> lists = AllLists([range(0, 2), range(2, 3)], lambda span: pa.table({"a": [*span]}), {})
    >>> target = Path(tempfile.mkdtemp()) / "lists.parquet"
    >>> lists.write(target, say=print)
    3
    >>> [file.name for file in target.parent.iterdir()]
    ['lists.parquet']
    """

    spans: Sequence[range]
    table_of: Callable[[range], Any]
    identity: Mapping[str, Any]

    @property
    def asking(self) -> int:
        """How many ask."""
        return self.spans[-1].stop if self.spans else 0

    def write(self, path: PathLike, *, say: Say, progress: Progress | None = None) -> int:
        """Write all parts, in order, as one table; returns its rows.

        Parts of the same lists that a broken-off run left are taken over, which is said. Raises
        ``FileError`` for parts of others, and where the table cannot be written.
        """
        path = Path(path)
        check_new_file(path)
        folder = path.with_name(f"{path.name}.parts")
        parts = [folder / f"{number:06d}.parquet" for number in range(len(self.spans))]
        with filled_folder(folder):
            _claim(folder, {**self.identity, "parts": len(parts)})
            sums = _sums_of(folder, parts)
            if sums:
                say(
                    f"{folder} holds {len(sums)} of {counted(len(parts), 'part')} already: going on"
                )
            try:
                self._write_missing(parts, sums, progress)
                rows = _joined(path, parts)
            finally:
                if not any(part.exists() for part in parts):  # nothing is there to go on with
                    (folder / MARK).unlink(missing_ok=True)
            for file in (*parts, folder / SUMS, folder / MARK):
                file.unlink()
        if folder.exists():  # it was there, from a run before
            folder.rmdir()
        return rows

    def _write_missing(
        self, parts: Sequence[Path], sums: dict[str, str], progress: Progress | None
    ) -> None:
        for part, span in zip(parts, self.spans, strict=True):
            if part.name not in sums:
                with new_file(part) as file:
                    arrow("parquet").write_table(self.table_of(span), file, compression="zstd")
                _check_own(part, len(span))
                sums[part.name] = _sum_of(part)
                with new_file(part.with_name(SUMS)) as file:
                    file.write(json.dumps(sums).encode())
            if progress is not None:
                progress(span.stop, self.asking)


def _claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Mark a new folder as that of these lists; ``FileError`` where it is another's."""
    mark = folder / MARK
    if folder.is_symlink() or (not mark.is_file() and any(folder.iterdir())):
        raise FileError(f"{folder} is in the way of the parts of these lists: move it elsewhere")
    if not mark.exists():
        with new_file(mark) as file:
            file.write(json.dumps(identity, indent=1).encode())
        return
    with reading(mark, "what the parts of lists are of"):
        text = file_text(mark) if mark.stat().st_size <= LONGEST_MARK else "null"
        same = json.loads(text) == json.loads(json.dumps(identity))
    if not same:
        raise FileError(
            f"{folder} holds parts of other lists (another space, measure, -k or filter), which a "
            "run left that was broken off: remove it, or choose another name"
        )


def _sums_of(folder: Path, parts: Sequence[Path]) -> dict[str, str]:
    """The digests of the parts that are there whole.

    A part whose digest nobody wrote, as a kill may leave it, is written again. Raises ``FileError``
    for one that is another by now: its lists would stand among the others without a word.
    """
    file = folder / SUMS
    sums: Any = {}
    if file.exists():
        with reading(file, "digests of the parts of lists"):
            text = file_text(file) if file.stat().st_size <= LONGEST_MARK else "null"
            sums = json.loads(text)
    if not isinstance(sums, dict):
        raise FileError(f"{file} holds no digests of parts: {ANEW}")
    sums = cast("dict[str, Any]", sums)
    known = {part.name: sums[part.name] for part in parts if part.exists() and part.name in sums}
    for part in parts:
        if part.name in known and known[part.name] != _sum_of(part):
            raise FileError(f"{part} is not the part that was written: {ANEW}")
    return known


def _sum_of(part: Path) -> str:
    if part.is_symlink() or not part.is_file():
        raise FileError(f"{part} is no plain file, and so no part of these lists: {ANEW}")
    with reading(part, "a part of lists"), opened(part, noted=False) as file:
        return file_digest(file, "blake2b").hexdigest()


def _joined(path: Path, parts: Sequence[Path]) -> int:
    """Copy the parts into one table, row group by row group."""
    parquet, writer, rows = arrow("parquet"), None, 0
    with new_file(path) as file:
        try:
            for part in parts:
                table = _read_part(part)
                writer = writer or parquet.ParquetWriter(file, table.schema, compression="zstd")
                if table.schema != writer.schema:
                    raise FileError(f"{part} has other columns than the parts before it: {ANEW}")
                writer.write_table(table)
                rows += table.num_rows
        finally:
            if writer is not None:
                writer.close()
    return rows


def _check_own(part: Path, asking: int) -> None:
    """Refuse, and remove, a part just written that may not be read again for want of memory."""
    try:
        with reading(part, "a part of lists"), parquet_file(part) as file:
            check_parquet(part, file.metadata.schema, file.schema_arrow.names)
    except FileError as error:
        limit = words(allowed(weight(part)))
        part.unlink()
        raise FileError(
            f"the lists of {counted(asking, 'query', 'queries')}, written at once, take more "
            f"memory than the {limit} that are allowed: allow more ({VARIABLE}), or list fewer (-k)"
        ) from error


def _read_part(part: Path) -> Any:
    """One part, which may have been laid there: no more than its size allows."""
    with reading(part, "a part of lists"), parquet_file(part) as file:
        check_parquet(part, file.metadata.schema, file.schema_arrow.names)
        return file.read()
