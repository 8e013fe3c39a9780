"""Align several spaces by ids, and bring their judgements together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Complaints, Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.text import listed
from anglewise.core.typing import Array, Direction, Int64
from anglewise.errors import IdsError, ShapeError, SpellingError, ValuesError
from anglewise.io.texts import titles

MISSING = -1


@dataclass(frozen=True, eq=False)
class IdIndex:
    """Every id that one of the spaces holds on one side, and where each space has it.

    Attributes
    ----------
    names
        The ids in their order, as embeddings without numbers: zeros stand for the vectors.
    rows
        Of each space, the row of every id; -1 where it has none.
    """

    names: Embeddings
    rows: Mapping[str, Int64[Array, " ids"]]

    @classmethod
    def of(cls, sides: Mapping[str, Embeddings]) -> "IdIndex":
        """Call the roll of one side of each space.

        >>> sides = {"old": Embeddings([[1.0], [2.0]], ["b", "a"]), "new": Embeddings([[3.0]], "c")}
        >>> roll = IdIndex.of(sides)
        >>> roll.names.ids.tolist(), roll.rows["old"].tolist(), roll.rows["new"].tolist()
        (['a', 'b', 'c'], [1, 0, -1], [-1, -1, 0])
        """
        every = list(dict.fromkeys(name for side in sides.values() for name in side.ids))
        order = _blank(every).id_order
        names = [every[i] for i in order]
        rows = {
            space: np.array([side.row_of.get(name, MISSING) for name in names], dtype=np.int64)
            for space, side in sides.items()
        }
        return cls(_blank(names, _Titles(tuple(sides.values()), names)), rows)

    @cached_property
    def places(self) -> Mapping[str, Int64[Array, " rows"]]:
        """Of each space, the place in the roll of every row."""
        there = {space: np.flatnonzero(rows != MISSING) for space, rows in self.rows.items()}
        return {space: on[np.argsort(self.rows[space][on])] for space, on in there.items()}

    @property
    def everywhere(self) -> Array:
        """Whether all spaces have it, for each id."""
        return np.all([rows != MISSING for rows in self.rows.values()], axis=0)

    def lacking(self, space: str) -> list[str]:
        """The ids that one space has not."""
        return self.names.ids[self.rows[space] == MISSING].tolist()


def call(spaces: Mapping[str, Space], direction: Direction) -> tuple[IdIndex, IdIndex]:
    """The rolls of those who ask and of those who are ranked; one and the same where they are."""
    sides = {name: space.sides(direction) for name, space in spaces.items()}
    ranked = IdIndex.of({name: side for name, (_, side) in sides.items()})
    if all(asking is side for asking, side in sides.values()):
        return ranked, ranked
    return IdIndex.of({name: asking for name, (asking, _) in sides.items()}), ranked


@dataclass(frozen=True, eq=False)
class _Titles(Mapping[str, Any]):
    """What a person knows each id by, looked up when it is asked for."""

    sides: tuple[Embeddings, ...]
    names: Sequence[str]

    def __getitem__(self, column: str) -> list[str]:
        if column != "title":
            raise KeyError(column)
        known: dict[str, str] = {}
        for side in self.sides:
            for name, title in zip(side.ids, titles(side) or (), strict=False):
                known.setdefault(str(name), title)
        return [known.get(name, name) for name in self.names]

    def __iter__(self) -> Iterator[str]:
        return iter(["title"])

    def __len__(self) -> int:
        return 1


def _blank(names: Sequence[str], about: Mapping[str, Any] | None = None) -> Embeddings:
    return Embeddings(np.zeros((len(names), 1), np.float32), ids=names, metadata=about)


SHOWN = 3


@dataclass(frozen=True, eq=False)
class Shared:
    """What is judged, in the order of the rolls, for the queries that every space can ask.

    ``unshared`` are the ids of judged queries that some space lacks.
    """

    judgements: Judgements
    unshared: tuple[str, ...]


def check_fit(judged: Mapping[str, Judgements], asking: IdIndex, ranked: IdIndex) -> None:
    """Raise where judgements are of another direction, or of other rows than their space's."""
    if len({one.direction for one in judged.values()}) > 1:
        ways = listed(dict.fromkeys(one.direction for one in judged.values()))
        raise SpellingError(f"the judgements are of {ways}: read all in one direction")
    for name, one in judged.items():
        due = (len(asking.places[name]), len(ranked.places[name]))
        if one.gains.shape != due:
            raise ShapeError(
                f"the judgements of {name} are {one.gains.shape}, the space {due}: read them "
                "with that space"
            )


def shared_judgements(
    judged: Mapping[str, Judgements],
    seen: Mapping[str, SparseRows],
    asking: IdIndex,
    ranked: IdIndex,
) -> Shared:
    """Unite what is judged, pair by pair of ids; a pair judged in one space is judged in all.

    ``seen`` is what a space leaves out of the ranking; what one leaves out, all do.

    Raises ``IdsError`` where the spaces have no judged query in common, or nothing that is ranked;
    ``ValuesError`` where the same pair has two gains.
    """
    _some_in_common(ranked, "items")
    keys, gains = _united(judged, asking, ranked)
    queries = keys // len(ranked.names)
    shared = asking.everywhere[queries]
    if not shared.any():
        _some_in_common(asking, "queries")
        raise IdsError(
            f"none of the {len(np.unique(queries)):,} judged queries is in all spaces, such as "
            f"{_quoted(asking.names.ids[np.unique(queries)].tolist())}: take the same queries for "
            "every space"
        )
    first = next(iter(judged.values()))
    shape = (len(asking.names), len(ranked.names))
    values = gains[shared]
    table = SparseRows.from_pairs(
        queries[shared], keys[shared] % shape[1], gains[shared], shape=shape
    )
    hidden = [_keys(name, one, asking, ranked) for name, one in _left_out(judged, seen)]
    merged = np.unique(np.concatenate(hidden)) if hidden else None
    return Shared(
        Judgements(
            gains=table,
            direction=first.direction,
            source="; ".join(dict.fromkeys(one.source for one in judged.values() if one.source)),
            complaints=Complaints(gains_all_equal=bool(np.all(values == values[0]))),
            seen=None
            if merged is None
            else SparseRows.from_pairs(merged // shape[1], merged % shape[1], shape=shape),
            judged_items=_judged_items(judged, ranked),
        ),
        tuple(asking.names.ids[np.unique(queries[~shared])].tolist()),
    )


def rows_for(table: SparseRows, name: str, asking: IdIndex, ranked: IdIndex) -> SparseRows:
    """A table in the order of the rolls, in that of one space; what this lacks is left away."""
    rows, columns = asking.rows[name][table.rows], ranked.rows[name][table.indices]
    there = (rows != MISSING) & (columns != MISSING)
    shape = (len(asking.places[name]), len(ranked.places[name]))
    return SparseRows.from_pairs(rows[there], columns[there], table.values[there], shape=shape)


def _united(
    judged: Mapping[str, Judgements], asking: IdIndex, ranked: IdIndex
) -> tuple[Int64[Array, " pairs"], Array]:
    """Every judged pair once, as one number, with its gain."""
    keys = np.concatenate([_keys(name, one.gains, asking, ranked) for name, one in judged.items()])
    gains = np.concatenate([one.gains.values for one in judged.values()])
    every, first, back = np.unique(keys, return_index=True, return_inverse=True)
    other = np.flatnonzero(gains != gains[first][back])
    if len(other):
        pairs = keys[other]
        queries = asking.names.ids[pairs // len(ranked.names)].tolist()
        raise ValuesError(
            f"{len(np.unique(pairs)):,} pairs of a query and an item have another gain in another "
            f"space, such as those of {_quoted(queries)}: judge all spaces by one file"
        )
    return every, gains[first]


def _keys(name: str, table: SparseRows, asking: IdIndex, ranked: IdIndex) -> Int64[Array, " pairs"]:
    queries, items = asking.places[name][table.rows], ranked.places[name][table.indices]
    return queries * len(ranked.names) + items


def _left_out(
    judged: Mapping[str, Judgements], seen: Mapping[str, SparseRows]
) -> list[tuple[str, SparseRows]]:
    known = [(name, one.seen) for name, one in judged.items() if one.seen is not None]
    return [*known, *seen.items()]


def _judged_items(judged: Mapping[str, Judgements], ranked: IdIndex) -> Array | None:
    known = [(n, one.judged_items) for n, one in judged.items() if one.judged_items is not None]
    if not known:
        return None
    everywhere = np.zeros(len(ranked.names), dtype=bool)
    for name, items in known:
        everywhere[ranked.places[name][items]] = True
    return everywhere


def _some_in_common(roll: IdIndex, side: str) -> None:
    if roll.everywhere.any():
        return
    held = (
        f"{name} holds {_quoted(roll.names.ids[np.sort(places)].tolist())}"
        for name, places in roll.places.items()
    )
    raise IdsError(
        f"the spaces have none of their {side} in common: {', '.join(held)}; take the same "
        f"{side} for every space, with the same ids"
    )


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(str(name)[:40]) for name in names[:SHOWN])
