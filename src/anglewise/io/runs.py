"""Runs: ranked lists in the format of trec_eval, or as parquet."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import shown
from anglewise.core.typing import Array, Float32, Shaped
from anglewise.errors import IdsError, ShapeError
from anglewise.io.files import PathLike, arrow
from anglewise.io.outputs import new_file


def write_run(
    path: PathLike,
    neighbours: Neighbours,
    query_ids: Sequence[str] | Shaped[Array, " q"],
    item_ids: Sequence[str] | Shaped[Array, " n"],
    tag: str | None = None,
) -> None:
    """Write ranked lists as a TREC run, or as parquet if the path ends so; whole or not at all.

    A line reads ``query Q0 item rank score tag``; ranks start at 1. trec_eval ignores the rank and
    orders equal scores by id, backwards: so scores that are equal, or not apart in float32, are
    lowered by single float32 steps, just so far that its order is the one written here. Parquet
    (``query_id,item_id,rank,score``) keeps the scores as they are.

    Parameters
    ----------
    query_ids
        The id of each row of ``neighbours``.
    item_ids
        The ids of the ranked side.
    tag
        The name of the run; the measure unless given.

    Raises
    ------
    IdsError
        An id with blanks in it, which a TREC run cannot hold.
    FileError
        It could not be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> found = Neighbours("dot", np.array([[1, 0]]), np.array([[2, 2]], "f4"), np.array([0]))
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "dot.run"
    >>> write_run(file, found, ["q"], ["a", "b"])
    >>> print(file.read_text(), end="")
    q Q0 b 1 2.0 dot
    q Q0 a 2 1.9999999 dot
    """
    if len(query_ids) != len(neighbours.indices):
        raise ShapeError(
            f"{len(query_ids)} ids for {len(neighbours.indices)} lists: one each is due"
        )
    queries = np.array([str(i) for i in query_ids], dtype=object)
    items = np.array([str(i) for i in item_ids], dtype=object)
    if str(path).endswith(".parquet"):
        _write_parquet(path, neighbours, queries, items)
        return
    tag = re.sub(r"\s+", "", tag or neighbours.measure)
    for names in (queries, items):
        _check_blanks(path, names)
    scores = apart(neighbours.scores)
    with new_file(path) as file:
        for row, (query, indices) in enumerate(zip(queries, neighbours.indices, strict=True)):
            lines = [
                f"{query} Q0 {items[item]} {rank} {score} {tag}\n"
                for rank, (item, score) in enumerate(
                    zip(indices.tolist(), scores[row].astype(str).tolist(), strict=True), start=1
                )
                if item >= 0
            ]
            file.write("".join(lines).encode())


def apart(scores: Float32[Array, "q k"]) -> Float32[Array, "q k"]:
    """Scores that fall strictly along each row, lowered by as few float32 steps as that takes.

    >>> apart(np.array([[2, 2, 1]], dtype="f4"))[0, 1] < 2
    np.True_
    """
    fallen = scores.copy()
    for rank in range(1, scores.shape[1]):
        below = np.nextafter(fallen[:, rank - 1], np.float32(-np.inf))
        fallen[:, rank] = np.minimum(fallen[:, rank], below)
    return fallen


def _check_blanks(path: PathLike, names: Shaped[Array, " n"]) -> None:
    bad = [name for name in names if not name or re.search(r"\s", name)]
    if bad:
        raise IdsError(
            f"{path}: a TREC run parts its columns by blanks and cannot hold the id "
            f"{shown(bad[0])!r}; write the run as .parquet, or use ids without blanks"
        )


def _write_parquet(
    path: PathLike,
    neighbours: Neighbours,
    queries: Shaped[Array, " q"],
    items: Shaped[Array, " n"],
) -> None:
    pa, parquet = arrow(), arrow("parquet")
    row, rank = np.nonzero(neighbours.indices >= 0)
    columns: dict[str, Any] = {
        "query_id": pa.array(queries.tolist()).take(pa.array(row)),
        "item_id": pa.array(items.tolist()).take(pa.array(neighbours.indices[row, rank])),
        "rank": pa.array(rank + 1, pa.int32()),
        "score": pa.array(neighbours.scores[row, rank]),
    }
    with new_file(path) as file:
        parquet.write_table(pa.table(columns), file, compression="zstd")
