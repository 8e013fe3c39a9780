"""Judgements of several spaces brought together by the ids that they name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.compare.roll import MISSING, Roll
from anglewise.core.judgements import Complaints, Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.text import listed
from anglewise.core.typing import Array, Int64
from anglewise.errors import IdsError, ShapeError, SpellingError, ValuesError

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Shared:
    """What is judged, in the order of the rolls, for the queries that every space can ask.

    ``unshared`` are the ids of judged queries that some space lacks.
    """

    judgements: Judgements
    unshared: tuple[str, ...]


def check_fit(judged: Mapping[str, Judgements], asking: Roll, ranked: Roll) -> None:
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
    judged: Mapping[str, Judgements], seen: Mapping[str, SparseRows], asking: Roll, ranked: Roll
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


def rows_for(table: SparseRows, name: str, asking: Roll, ranked: Roll) -> SparseRows:
    """A table in the order of the rolls, in that of one space; what this lacks is left away."""
    rows, columns = asking.rows[name][table.rows], ranked.rows[name][table.indices]
    there = (rows != MISSING) & (columns != MISSING)
    shape = (len(asking.places[name]), len(ranked.places[name]))
    return SparseRows.from_pairs(rows[there], columns[there], table.values[there], shape=shape)


def _united(
    judged: Mapping[str, Judgements], asking: Roll, ranked: Roll
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


def _keys(name: str, table: SparseRows, asking: Roll, ranked: Roll) -> Int64[Array, " pairs"]:
    queries, items = asking.places[name][table.rows], ranked.places[name][table.indices]
    return queries * len(ranked.names) + items


def _left_out(
    judged: Mapping[str, Judgements], seen: Mapping[str, SparseRows]
) -> list[tuple[str, SparseRows]]:
    known = [(name, one.seen) for name, one in judged.items() if one.seen is not None]
    return [*known, *seen.items()]


def _judged_items(judged: Mapping[str, Judgements], ranked: Roll) -> Array | None:
    known = [(n, one.judged_items) for n, one in judged.items() if one.judged_items is not None]
    if not known:
        return None
    everywhere = np.zeros(len(ranked.names), dtype=bool)
    for name, items in known:
        everywhere[ranked.places[name][items]] = True
    return everywhere


def _some_in_common(roll: Roll, side: str) -> None:
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
