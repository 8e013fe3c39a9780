"""Align several spaces by ids, and bring their judgements together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np

from anglewise.comparison.candidates import Source
from anglewise.comparison.linked_queries import linked_groups
from anglewise.comparison.lists import SearchedSpace, judged_space
from anglewise.comparison.shared_use import shared_use
from anglewise.comparison.split import QuerySplit, query_split
from anglewise.data_types.columns import titles
from anglewise.data_types.complaints import Complaints, with_gains
from anglewise.data_types.drawn import QueryDraw, chances_lacking
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.parts import Parts, parts_of
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError, ValuesError

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
        """Index one side of each space.

        >>> old, new = Embeddings([[1.0], [2.0]], ["b", "a"]), Embeddings([[3.0]], ["c"])
        >>> sides = {"old": old, "new": new}
        >>> index = IdIndex.of(sides)
        >>> index.names.ids.tolist(), index.rows["old"].tolist(), index.rows["new"].tolist()
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
        """Of each space, the place of every row among all ids."""
        present = {space: np.flatnonzero(rows != MISSING) for space, rows in self.rows.items()}
        return {space: on[np.argsort(self.rows[space][on])] for space, on in present.items()}

    @property
    def everywhere(self) -> Array:
        """Whether all spaces have it, for each id."""
        return np.all([rows != MISSING for rows in self.rows.values()], axis=0)

    def lacking(self, space: str) -> list[str]:
        """The ids that one space has not."""
        return self.names.ids[self.rows[space] == MISSING].tolist()


@dataclass(frozen=True, eq=False)
class _Titles(Mapping[str, Any]):
    """What a person knows each id by, looked up when it is asked for."""

    sides: tuple[Embeddings, ...]
    names: Sequence[str]

    def __getitem__(self, column: str) -> list[str]:
        if column != "title":
            raise KeyError(column)
        by_id: dict[str, str] = {}
        for side in self.sides:
            for name, title in zip(side.ids, titles(side) or (), strict=False):
                by_id.setdefault(str(name), title)
        return [by_id.get(name, name) for name in self.names]

    def __iter__(self) -> Iterator[str]:
        return iter(["title"])

    def __len__(self) -> int:
        return 1


def _blank(names: Sequence[str], about: Mapping[str, Any] | None = None) -> Embeddings:
    return Embeddings(np.zeros((len(names), 1), np.float32), ids=names, metadata=about)


@dataclass(frozen=True, eq=False)
class AlignedSpaces:
    """Several spaces, told apart by name, their rows by id, and judged alike.

    Attributes
    ----------
    asking, ranked
        The ids of those who ask and of what is ranked, of all spaces; the same where items ask
        each other.
    judgements
        All that is judged, in the order of these ids, of the queries that every space holds.
    unshared
        The ids of judged queries that some space lacks.
    parts
        Where documents were judged, those of each space whose items are their passages.
    """

    spaces: Mapping[str, Space]
    asking: IdIndex
    ranked: IdIndex
    judgements: Judgements
    unshared: tuple[str, ...]
    parts: Mapping[str, Parts]

    @classmethod
    def of(cls, spaces: Mapping[str, Space], judged: Mapping[str, Judgements]) -> "AlignedSpaces":
        """Align spaces, and unite what is judged in each.

        Raises ``IdsError`` where they have nothing in common, ``TooFewError`` without judgements.
        """
        direction = next(iter(judged.values())).direction
        parts = _parts(spaces, judged)
        sides = {
            name: judged_space(space, parts.get(name)).sides(direction)
            for name, space in spaces.items()
        }
        asking = ranked = IdIndex.of({name: side for name, (_, side) in sides.items()})
        if not all(asks is side for asks, side in sides.values()):
            asking = IdIndex.of({name: asks for name, (asks, _) in sides.items()})
        _check_fit(judged, asking, ranked)
        if not any(len(labels.judged_rows) for labels in judged.values()):
            raise TooFewError("no query is judged: give judgements of ids that the spaces hold")
        seen: dict[str, SparseRows] = {}
        if direction == "queries-items":
            seen = {name: space.seen for name, space in spaces.items() if space.seen is not None}
        hides = [*seen, *(name for name, labels in judged.items() if labels.seen)]
        if parts and hides:
            raise SpellingError(
                f"{hides[0]} leaves items out of the lists, and documents were judged that items "
                "are passages of: compare such spaces one by one"
            )
        shared, unshared = _shared_judgements(judged, seen, asking, ranked)
        if shared.not_itself:  # every space may hold documents that others lack
            names = Space(items=ranked.names, queries=asking.names)
            shared = evaluated_with(shared, names, not_itself=True)
        return cls(spaces, asking, ranked, shared, unshared, parts)

    @property
    def names(self) -> Space:
        """A space of ids and titles, for reports."""
        one_sided = self.asking is self.ranked
        return Space(
            items=self.ranked.names,
            queries=None if one_sided else self.asking.names,
            seen=self.judgements.seen if self.judgements.direction == "queries-items" else None,
        )

    def query_split(self, split: str, *, seed: int) -> QuerySplit:
        """Split the judged queries by what the first space knows about them, or is judged."""
        name, space = next(iter(self.spaces.items()))
        judged = self.judgements.judged_rows
        return query_split(
            split,
            space.sides(self.judgements.direction)[0],
            self.asking.rows[name][judged],
            seed=seed,
            linked=lambda: linked_groups(self.judgements, judged),
        )

    def searched(self, source: Source) -> SearchedSpace:
        """One of the spaces, or a variant of it, with all judgements in its own rows."""
        name, judgements = source.space, self.judgements
        own = Judgements(
            self._rows_of(name, judgements.gains),
            judgements.direction,
            seen=None if judgements.seen is None else self._rows_of(name, judgements.seen),
            parts=self.parts.get(name),
        )
        queries = self.asking.rows[name][judgements.judged_rows]
        given, variant = self.spaces[name], source.variant
        return SearchedSpace(
            variant.of(given),
            own,
            queries,
            self.ranked.places[name],
            variant.bytes_of(given.sides(judgements.direction)[1]),
            rescored=None if variant.rescore is None else (given, variant.rescore.depth),
        )

    def _rows_of(self, name: str, table: SparseRows) -> SparseRows:
        """A table in the order of all ids, in that of one space; what this lacks is left away."""
        rows, columns = self.asking.rows[name][table.rows], self.ranked.rows[name][table.indices]
        both = (rows != MISSING) & (columns != MISSING)
        shape = (len(self.asking.places[name]), len(self.ranked.places[name]))
        return SparseRows.from_pairs(rows[both], columns[both], table.values[both], shape=shape)


def _parts(spaces: Mapping[str, Space], judged: Mapping[str, Judgements]) -> dict[str, Parts]:
    """Where documents were judged, those of every space whose items are passages of documents."""
    given = {name: labels.parts for name, labels in judged.items() if labels.parts is not None}
    if not given:
        return {}
    parts = {name: given.get(name) or parts_of(space.items) for name, space in spaces.items()}
    return {name: held for name, held in parts.items() if held is not None}


SHOWN = 3


def _check_fit(judged: Mapping[str, Judgements], asking: IdIndex, ranked: IdIndex) -> None:
    """Raise where judgements are of another direction, or of other rows than their space's."""
    if len({labels.direction for labels in judged.values()}) > 1:
        ways = listed(dict.fromkeys(labels.direction for labels in judged.values()))
        raise SpellingError(f"the judgements are of {ways}: read all in one direction")
    for name, labels in judged.items():
        due = (len(asking.places[name]), len(ranked.places[name]))
        if labels.gains.shape != due:
            raise ShapeError(
                f"the judgements of {name} are {labels.gains.shape}, the space {due}: read them "
                "with that space"
            )


def _shared_judgements(
    judged: Mapping[str, Judgements],
    seen: Mapping[str, SparseRows],
    asking: IdIndex,
    ranked: IdIndex,
) -> tuple[Judgements, tuple[str, ...]]:
    """Unite what is judged, pair by pair of ids; a pair judged in one space is judged in all.

    ``seen`` is what a space leaves out of the ranking; what one leaves out, all do. Returns the
    judgements of queries that every space holds, and the ids of the other judged queries.

    Raises ``IdsError`` where the spaces have no judged query in common, or nothing that is ranked;
    ``ValuesError`` where the same pair has two gains.
    """
    _some_in_common(ranked, "items")
    every_id = (*ranked.names.ids.tolist(), *_missing_everywhere(judged, ranked))
    keys, gains, every_chance = _united(judged, asking, ranked, every_id)
    queries = keys // len(every_id)
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
    graded = SparseRows.from_pairs(
        queries[shared],
        keys[shared] % len(every_id),
        gains[shared],
        shape=(shape[0], len(every_id)),
    )
    levels = {labels.relevant_from for labels in judged.values()}
    if len(levels) > 1:
        raise SpellingError(
            f"judgements are relevant from {listed(map(str, levels))} on: take one for all spaces"
        )
    tables = [(name, labels.seen) for name, labels in judged.items() if labels.seen is not None]
    hidden = [_keys(name, table, asking, ranked) for name, table in [*tables, *seen.items()]]
    merged = np.unique(np.concatenate(hidden)) if hidden else None
    chances, unknown = _chances(judged, every_chance[:, shared])
    judgements = Judgements(
        gains=graded.columns(0, shape[1]),
        chances=None if chances is None else replace(graded, values=chances),
        chances_unknown=unknown,
        judged_at=_judged_at(judged, asking),
        drawn=_drawn(judged, asking),
        direction=first.direction,
        source="; ".join(
            dict.fromkeys(labels.source for labels in judged.values() if labels.source)
        ),
        complaints=with_gains(_of_machines(judged.values()), graded),
        seen=None
        if merged is None
        else SparseRows.from_pairs(merged // shape[1], merged % shape[1], shape=shape),
        judged_items=_judged_items(judged, ranked),
        missing=graded.columns(shape[1], len(every_id)) if len(every_id) > shape[1] else None,
        missing_ids=every_id[shape[1] :],
        dropped_ids=tuple(
            dict.fromkeys(i for labels in judged.values() for i in labels.dropped_ids)
        ),
        relevant_from=first.relevant_from,
        not_itself=any(labels.not_itself for labels in judged.values()),
        of_users=any(labels.of_users for labels in judged.values()),
        made_of=shared_use(judged, graded, ranked.places, ranked.everywhere),
    )
    return judgements, tuple(asking.names.ids[np.unique(queries[~shared])].tolist())


def _of_machines(judged: Iterable[Judgements]) -> Complaints:
    """How many pairs a machine graded, in that space's labels where these are most."""
    most = max((labels.complaints for labels in judged), key=lambda one: one.by_machine)
    return Complaints(by_machine=most.by_machine, of_sources=most.of_sources)


def _drawn(judged: Mapping[str, Judgements], asking: IdIndex) -> QueryDraw | None:
    """How the queries of all spaces were drawn, where some say so."""
    moved = [
        labels.drawn.moved(asking.places[name], len(asking.names))
        for name, labels in judged.items()
        if labels.drawn is not None
    ]
    return reduce(QueryDraw.beside, moved) if moved else None


def _judged_at(
    judged: Mapping[str, Judgements], asking: IdIndex
) -> Float64[Array, " queries"] | None:
    """When each query was first judged for any of the spaces, where some say so."""
    times = np.full(len(asking.names), np.nan)
    for name, labels in judged.items():
        if labels.judged_at is not None:
            places = asking.places[name]
            times[places] = np.fmin(times[places], labels.judged_at)
    return None if all(labels.judged_at is None for labels in judged.values()) else times


def _chances(
    judged: Mapping[str, Judgements], every: Float64[Array, "2 pairs"]
) -> tuple[Float64[Array, " pairs"] | None, str]:
    """The chance of each pair by lot, from the lowest and highest that a space gives it.

    None where nothing was drawn by lot; and where some chances are not known, with the reason.
    """
    reasons = [labels.chances_unknown for labels in judged.values() if labels.chances_unknown]
    if reasons:
        return None, reasons[0]
    if all(labels.chances is None for labels in judged.values()):
        return None, ""
    lowest, highest = every
    differing = int(np.count_nonzero(lowest < highest))
    if differing:
        return None, f"{counted(differing, 'pair')} with other chances in another space"
    unknown = int(np.count_nonzero(np.isnan(lowest)))
    if unknown:
        return None, chances_lacking(unknown, len(lowest))
    return lowest, ""


def _missing_everywhere(judged: Mapping[str, Judgements], ranked: IdIndex) -> list[str]:
    """The judged items that no space holds."""
    names = dict.fromkeys(name for labels in judged.values() for name in labels.missing_ids)
    return [name for name in names if name not in ranked.names.row_of]


def _united(
    judged: Mapping[str, Judgements], asking: IdIndex, ranked: IdIndex, every_id: Sequence[str]
) -> tuple[Int64[Array, " pairs"], Array, Float64[Array, "2 pairs"]]:
    """Every judged pair once, as one number, with its gain, and its lowest and highest chance."""
    column_of = {name: column for column, name in enumerate(every_id)}
    numbers: list[Array] = []
    for name, labels in judged.items():
        missing = np.array([column_of[item] for item in labels.missing_ids], dtype=np.int64)
        columns = np.concatenate([ranked.places[name], missing])[labels.graded.indices]
        numbers.append(asking.places[name][labels.graded.rows] * len(every_id) + columns)
    keys = np.concatenate(numbers)
    gains = np.concatenate([labels.graded.values for labels in judged.values()])
    every, first, back = np.unique(keys, return_index=True, return_inverse=True)
    contradictions = np.flatnonzero(gains != gains[first][back])
    if len(contradictions):
        pairs = keys[contradictions]
        queries = asking.names.ids[pairs // len(every_id)].tolist()
        raise ValuesError(
            f"{len(np.unique(pairs)):,} pairs of a query and an item have another gain in another "
            f"space, such as those of {_quoted(queries)}: judge all spaces by one file"
        )
    drawn_with = np.concatenate(
        [
            np.full(len(labels.graded.values), np.nan)
            if labels.chances is None
            else labels.chances.values
            for labels in judged.values()
        ]
    )
    chances = np.full((2, len(every)), np.nan)
    np.fmin.at(chances[0], back, drawn_with)
    np.fmax.at(chances[1], back, drawn_with)
    return every, gains[first], chances


def _keys(name: str, table: SparseRows, asking: IdIndex, ranked: IdIndex) -> Int64[Array, " pairs"]:
    queries, items = asking.places[name][table.rows], ranked.places[name][table.indices]
    return queries * len(ranked.names) + items


def _judged_items(judged: Mapping[str, Judgements], ranked: IdIndex) -> Array | None:
    tables = {
        n: labels.judged_items for n, labels in judged.items() if labels.judged_items is not None
    }
    if not tables:
        return None
    everywhere = np.zeros(len(ranked.names), dtype=bool)
    for name, items in tables.items():
        everywhere[ranked.places[name][items]] = True
    return everywhere


def _some_in_common(index: IdIndex, side: str) -> None:
    if index.everywhere.any():
        return
    held = (
        f"{name} holds {_quoted(index.names.ids[np.sort(places)].tolist())}"
        for name, places in index.places.items()
    )
    raise IdsError(
        f"the spaces have none of their {side} in common: {', '.join(held)}; take the same "
        f"{side} for every space, with the same ids"
    )


def _quoted(names: list[str]) -> str:
    return ", ".join(repr(str(name)[:40]) for name in names[:SHOWN])
