"""Rows in the order of their ids, so that what is drawn and summed follows ids, not positions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.data_types.allowed import Allowed
from anglewise.data_types.columns import column
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.mapped import forget, in_portions, new_matrix
from anglewise.data_types.parts import Parts
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Int64
from anglewise.data_types.used_together import digest_of


class _Moved(Mapping[str, Sequence[Any]]):
    """What is known about rows, in another order; a column is read when it is asked for."""

    def __init__(self, side: Embeddings, order: Int64[Array, " rows"]) -> None:
        self.side, self.order = side, order

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.side.metadata_columns:
            raise KeyError(name)
        values = column(self.side, name)
        return [values[row] for row in self.order.tolist()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.side.metadata_columns)

    def __len__(self) -> int:
        return len(self.side.metadata_columns)


def in_order(side: Embeddings) -> bool:
    """Whether rows stand in the order of their ids, as those that came without ids do.

    >>> in_order(Embeddings([[1.0], [2.0]], ids=["b", "a"]))
    False
    """
    return not side.named or bool((np.diff(side.id_order) > 0).all())


def space_by_ids(space: Space) -> Space:
    """The same rows in the order of their ids; the very space where they stand so.

    >>> space = Space(items=Embeddings([[1.0], [2.0]], ids=["b", "a"], metadata={"n": [1, 2]}))
    >>> moved = space_by_ids(space)
    >>> moved.items.ids.tolist(), moved.items.metadata["n"], space_by_ids(moved) is moved
    (['a', 'b'], [2, 1], True)
    """
    if in_order(space.items) and in_order(space.queries):
        return space
    items = _side_by_ids(space.items)
    seen = space.seen
    return Space(
        items=items,
        queries=None if space.one_sided else _side_by_ids(space.queries),
        trained_for=space.trained_for,
        seen=None if seen is None else _moved(seen, space.queries.id_order, space.items.id_order),
        about=space.about,
    )


def _side_by_ids(side: Embeddings) -> Embeddings:
    if in_order(side):
        return side
    order = side.id_order
    metadata = None if side.metadata is None else _Moved(side, order)
    vectors = new_matrix(*side.vectors.shape)  # on disk where it does not fit into memory
    for rows in in_portions(vectors):
        vectors[rows] = side.vectors[order[rows]]
        forget(side.vectors)
    return Embeddings(vectors, ids=side.ids[order], metadata=metadata)


def judgements_by_ids(judged: Judgements, space: Space) -> Judgements:
    """Judgements of a space as those of :func:`space_by_ids`.

    Judgements that are not of this space come back as they are.

    >>> space = Space(items=Embeddings([[1.0], [2.0]], ids=["b", "a"]))
    >>> judged = Judgements.from_pairs([("b", "a")], space, direction="items-items")
    >>> moved = judgements_by_ids(judged, space)
    >>> moved.gains.row(0).tolist(), moved.gains.row(1).tolist()
    ([], [0])
    """
    asking, ranked = space.sides(judged.direction)
    parts = judged.parts
    width = len(ranked) if parts is None else len(parts)
    due = (len(asking), width)
    if (in_order(asking) and in_order(ranked)) or judged.gains.shape != due:
        return judged
    rows, items = asking.id_order, ranked.id_order
    columns = items
    if parts is not None:
        own: list[int] = parts.of[items].tolist()
        moved = Parts.named([parts.documents[document] for document in own])
        place = {name: at for at, name in enumerate(parts.documents)}
        columns = np.array([place[name] for name in moved.documents], dtype=np.int64)
        parts = moved
    missing = np.arange(len(judged.missing_ids), dtype=np.int64)
    every = np.concatenate([columns, width + missing])
    gains = _moved(judged.gains, rows, columns)
    made_of = judged.made_of
    if made_of is not None:
        made_of = replace(
            made_of,
            sets=made_of.sets.take_columns(columns),
            use=None if made_of.use is None else made_of.use[columns],
            digest=digest_of(gains) if made_of.made(judged.gains) else made_of.digest,
        )
    return replace(
        judged,
        gains=gains,
        seen=None if judged.seen is None else _moved(judged.seen, rows, items),
        chances=None if judged.chances is None else _moved(judged.chances, rows, every),
        missing=None if judged.missing is None else _moved(judged.missing, rows, missing),
        judged_items=None if judged.judged_items is None else judged.judged_items[columns],
        judged_at=None if judged.judged_at is None else judged.judged_at[rows],
        drawn=None if judged.drawn is None else _drawn(judged.drawn, rows),
        allowed=None if judged.allowed is None else _allowed(judged.allowed, rows, ranked),
        parts=parts,
        made_of=made_of,
    )


def _moved(
    table: SparseRows, rows: Int64[Array, " rows"], columns: Int64[Array, " columns"]
) -> SparseRows:
    return table.take(rows).take_columns(columns)


def _drawn(drawn: QueryDraw, rows: Int64[Array, " rows"]) -> QueryDraw:
    return replace(drawn, chances=drawn.chances[rows], traffic=drawn.traffic[rows])


def _allowed(allowed: Allowed, rows: Int64[Array, " rows"], ranked: Embeddings) -> Allowed:
    groups, items = np.divmod(allowed.pairs, allowed.width)
    pairs = np.sort(groups * allowed.width + ranked.id_position[items])
    return replace(allowed, group_of=allowed.group_of[rows], pairs=pairs)
