"""Combine the rows of many judges into one grade for each pair of a space."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TypeAlias

import numpy as np

from anglewise.data_types.complaints import Complaints, with_gains
from anglewise.data_types.drawn import PairChances, pair_chances, query_draw
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import as_list, check_word, shown
from anglewise.data_types.spans import Span
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import other_form
from anglewise.data_types.typing import Direction
from anglewise.errors import IdsError, SpellingError, TooFewError
from anglewise.judgements.placed import JudgedSpan, Overlapped, by_overlap, place_rows
from anglewise.judgements.records import (
    ADJUDICATOR,
    SOURCES,
    Judged,
    JudgedThing,
    check_text,
)

TRUST = {"human": 0, "label": 1, "interaction": 2, "generated": 3}
"""Where several kinds of sources judged a pair, only the kind with the lowest number counts."""


def mean(rows: Sequence[Judged]) -> float:
    """The mean of the grades; their order does not matter, not even in the last bit.

    >>> mean([Judged("q", "d", 1, judge="a"), Judged("q", "d", 2, judge="b")])
    1.5
    """
    return fmean(sorted(row.grade for row in rows))


def majority(rows: Sequence[Judged]) -> float:
    """The grade that most judges gave; among equally frequent ones the lowest.

    >>> majority([Judged("q", "d", 1, judge="a"), Judged("q", "d", 0, judge="b")])
    0.0
    """
    counts = Counter(row.grade for row in rows)
    return min(counts, key=lambda grade: (-counts[grade], grade))


def adjudicated(rows: Sequence[Judged]) -> float:
    """The adjudicator's grade where there is one, else the majority's.

    >>> adjudicated([Judged("q", "d", 1, judge="a"), Judged("q", "d", 3, judge="adjudicator")])
    3.0
    """
    decisions = [row.grade for row in rows if row.judge == ADJUDICATOR]
    return decisions[-1] if decisions else majority(rows)


COMBINE: dict[str, Callable[[Sequence[Judged]], float]] = {
    "adjudicated": adjudicated,
    "mean": mean,
    "majority": majority,
}


@dataclass(frozen=True)
class Combined:
    """One pair, its grade, every row that counts towards it, and every one that there is.

    ``span`` is what was judged where that is known, ``overlap`` says by which judged spans a
    passage has its grade that was not judged itself.
    """

    query_id: str
    item_id: str
    grade: float
    rows: tuple[Judged, ...]
    every_row: tuple[Judged, ...] = ()
    span: Span | None = None
    overlap: Overlapped | None = None

    @property
    def disputed(self) -> bool:
        """Whether its judges differ and nobody has decided."""
        decided = any(row.judge == ADJUDICATOR for row in self.rows)
        return not decided and len({row.grade for row in self.rows}) > 1


def by_pair(
    rows: Iterable[Judged],
    *,
    judges: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    combine: str = "adjudicated",
) -> list[Combined]:
    """Combine the rows of each pair, all of one direction; sorted by query and item.

    Grades by people are not mixed with constructed or generated ones: of a pair's rows only those
    of the first source count, in the order ``human``, ``label``, ``interaction``, ``generated``.

    >>> hers = Judged("q", "d", 2, judge="anna")
    >>> its = Judged("q", "d", 0, judge="a model", source="generated")
    >>> [(pair.grade, len(pair.rows)) for pair in by_pair([hers, its])]
    [(2.0, 1)]
    """
    return _by(_of_thing, rows, judges=judges, sources=sources, combine=combine)


Key: TypeAlias = Callable[[Judged], tuple[str, JudgedThing]]


def _of_thing(row: Judged) -> tuple[str, JudgedThing]:
    """The query, and the span or item that was judged."""
    return row.query_id, row.span or row.item_id


def _of_item(row: Judged) -> tuple[str, JudgedThing]:
    """The query and the item."""
    return row.query_id, row.item_id


def _by(
    key: Key,
    rows: Iterable[Judged],
    *,
    judges: Collection[str] | None,
    sources: Collection[str] | None,
    combine: str,
) -> list[Combined]:
    """Combine the rows that are of one thing."""
    check_word(combine, COMBINE, "combine")
    rows = list(rows)
    groups = _groups(key, chosen(rows, judges=judges, sources=sources))
    every = groups if judges is None and sources is None else _groups(key, rows)
    pairs: list[Combined] = []
    for pair, group in groups.items():
        trusted = min(TRUST[row.source] for row in group)
        counted = tuple(row for row in group if TRUST[row.source] == trusted)
        first, grade = counted[0], COMBINE[combine](counted)
        every_row = tuple(every[pair])
        pairs.append(Combined(first.query_id, first.item_id, grade, counted, every_row, first.span))
    return sorted(pairs, key=_order)


def _order(pair: Combined) -> tuple[str, str, Span]:
    return pair.query_id, pair.item_id, pair.span or Span("", 0, 0)


def _groups(key: Key, rows: Iterable[Judged]) -> dict[tuple[str, JudgedThing], list[Judged]]:
    groups: dict[tuple[str, JudgedThing], list[Judged]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


@dataclass(frozen=True)
class PlacedPairs:
    """What was judged of the items of a space, and what of it does not count or was not checked.

    Attributes
    ----------
    pairs
        Each judged pair, sorted by query and item.
    stale, unchecked
        How many judgements do not count, and how many count unchecked; see ``PlacedRows``.
    stale_pairs
        The ids of the queries and items that stale judgements would be of.
    """

    pairs: tuple[Combined, ...]
    stale: int = 0
    unchecked: int = 0
    stale_pairs: tuple[tuple[str, str], ...] = ()


def placed_pairs(
    rows: Iterable[Judged],
    ranked: Embeddings,
    *,
    judges: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    combine: str = "adjudicated",
) -> PlacedPairs:
    """Combine the rows of each pair, as ``by_pair``, and bring them to the items of a space.

    What was judged of characters of documents belongs to the passages that stand there; see
    ``by_overlap`` for those of another cutting. A passage that was judged itself keeps its grade,
    unless the others were judged by a more trusted source.
    """
    placed = place_rows(rows, ranked)
    pairs_of = partial(_by, judges=judges, sources=sources, combine=combine)
    items = pairs_of(_of_item, placed.direct)
    if placed.passages is None:
        return PlacedPairs(tuple(items))
    direct = {(one.query_id, one.item_id): one for one in items}
    queries: dict[str, list[Combined]] = {}
    for pair in pairs_of(_of_thing, placed.elsewhere):
        queries.setdefault(pair.query_id, []).append(pair)
    for query, pairs in queries.items():
        spans = [
            JudgedSpan(pair.span, pair.grade, TRUST[pair.rows[0].source])
            for pair in pairs
            if pair.span is not None
        ]
        for found in by_overlap(spans, placed.passages):
            name = str(ranked.ids[found.row])
            there = direct.get((query, name))
            if there is None or TRUST[there.rows[0].source] > found.trust:
                rows_of = tuple(row for number in found.by for row in pairs[number].rows)
                every = tuple(row for number in found.by for row in pairs[number].every_row)
                direct[query, name] = Combined(
                    query, name, found.grade, rows_of, every, overlap=found
                )
    stale_pairs = {
        (row.query_id, str(ranked.ids[item])): None
        for row in placed.stale
        if row.span is not None
        for item in placed.passages.overlapping(row.span)
    }
    return PlacedPairs(
        tuple(sorted(direct.values(), key=_order)),
        len(placed.stale),
        placed.unchecked,
        tuple(stale_pairs),
    )


def chosen(
    rows: Iterable[Judged],
    *,
    judges: Collection[str] | None = None,
    sources: Collection[str] | None = None,
) -> list[Judged]:
    """The rows of some judges, from some sources; by default all.

    Raises ``SpellingError`` for an unknown source, or a single text in place of a list.
    """
    for name, given in (("judges", judges), ("sources", sources)):
        if isinstance(given, str):
            raise SpellingError(f"{name}={shown(given)!r} is one text: give a list of them")
        for word in [] if given is None else as_list(given, name, "a list of names is due"):
            check_text(name, word)
    unknown = sorted(set(sources or ()) - set(SOURCES))
    if unknown:
        raise SpellingError(
            f"source {shown(unknown[0])!r} is unknown: known are {', '.join(SOURCES)}"
        )
    return [
        row
        for row in rows
        if (judges is None or row.judge in judges) and (sources is None or row.source in sources)
    ]


def combined(
    rows: Iterable[Judged],
    space: Space,
    direction: Direction,
    *,
    judges: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    combine: str = "adjudicated",
    name: str = "the store",
    people: str = "by people",
) -> Judgements:
    """The judgements of a space, one grade a pair, from rows of one direction.

    Grades below zero count as zero, as in trec_eval. Rows whose ids are not in the space, and
    judgements of an item against itself, are dropped and counted in ``complaints``. How queries
    and pairs were drawn is read from all rows, whoever's count.

    Parameters
    ----------
    judges, sources
        Whose rows count; by default everybody's.
    combine
        ``"adjudicated"``: the adjudicator's grade, else the majority's; ``"majority"``: the
        grade most judges gave, among equally frequent ones the lowest; ``"mean"``.
    name
        What messages call the store.
    people
        What is said of rows whose source is a human.

    Raises
    ------
    SpellingError
        Another ``combine`` or source.
    TooFewError
        These judges judged nothing in this direction.
    IdsError
        No judged pair is in the space.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings(np.eye(3), ids=["a", "b", "c"]))
    >>> judged = [Judged("a", "c", 2, judge="anna", direction="items-items")]
    >>> combined(judged, space, "items-items").gains.row(0).tolist()
    [2]
    """
    rows = list(rows)
    asking, ranked = space.sides(direction)
    placed = placed_pairs(rows, ranked, judges=judges, sources=sources, combine=combine)
    pairs = placed.pairs
    if not pairs and placed.stale:
        raise IdsError(
            f"{name}: the texts of all {placed.stale:,} judged passages have changed: judge those "
            "that stand there now, or take the space whose texts were judged"
        )
    if not pairs:
        raise TooFewError(
            f"{name} holds no judgements for {direction}{_whose(judges, sources)}: judge some, or "
            "choose another direction"
        )
    known_pairs = [
        pair for pair in pairs if pair.query_id in asking.row_of and pair.item_id in ranked.row_of
    ]
    in_other_form = other_form((pair.query_id for pair in pairs), asking.row_of) + other_form(
        (pair.item_id for pair in pairs), ranked.row_of
    )
    if not known_pairs:
        raise IdsError(
            f"{name}: not one of {len(pairs):,} judged pairs is known to the space, such as "
            f"{shown(pairs[0].query_id)!r} and {shown(pairs[0].item_id)!r}: take the store that "
            f"belongs to it{in_other_form}"
        )
    pairs_used = [
        pair
        for pair in pairs
        if pair.query_id in asking.row_of
        and (asking is not ranked or pair.query_id != pair.item_id)
    ]
    if not any(pair.item_id in ranked.row_of for pair in pairs_used):
        raise TooFewError(f"{name} judges each item only against itself: judge others")
    lacking = dict.fromkeys(p.item_id for p in pairs_used if p.item_id not in ranked.row_of)
    missing = {item: len(ranked) + number for number, item in enumerate(lacking)}
    pair_rows = [asking.row_of[pair.query_id] for pair in pairs_used]
    pair_items = [
        missing[pair.item_id] if pair.item_id in missing else ranked.row_of[pair.item_id]
        for pair in pairs_used
    ]
    shape = (len(asking), len(ranked) + len(missing))
    graded = SparseRows.from_pairs(
        pair_rows, pair_items, [pair.grade for pair in pairs_used], shape=shape
    )
    by_machine = sum(pair.rows[0].source == "generated" for pair in pairs_used)
    complaints = Complaints(
        unknown_queries=_unknown([pair.query_id for pair in pairs], asking.row_of),
        unknown_items=_unknown([pair.item_id for pair in pairs], ranked.row_of),
        other_form=in_other_form,
        dropped=len(pairs) - len(pairs_used),
        stale=placed.stale,
        stale_pairs=placed.stale_pairs,
        unchecked=placed.unchecked,
        by_overlap=sum(pair.overlap is not None for pair in pairs_used),
        of_longer=sum(pair.overlap is not None and pair.overlap.of_longer for pair in pairs_used),
        by_machine=by_machine,
        of_sources=len(pairs_used) if by_machine else 0,
    )
    chances, unknown = _chances(pairs_used)
    queries = {pair.query_id for pair in pairs_used}
    judged_at = np.full(len(asking), np.inf)
    np.minimum.at(judged_at, pair_rows, [min(row.time for row in pair.rows) for pair in pairs_used])
    return Judgements(
        graded.columns(0, len(ranked)),
        direction,
        f"{name}: {judges_in_words(pairs_used, combine, people)}",
        with_gains(complaints, graded),
        chances=(
            None
            if chances is None
            else SparseRows.from_pairs(pair_rows, pair_items, chances, shape=shape)
        ),
        chances_unknown=unknown,
        judged_at=np.where(np.isfinite(judged_at), judged_at, np.nan),
        drawn=query_draw(
            ((asking.row_of[row.query_id], row.context) for row in rows if row.query_id in queries),
            len(asking),
        ),
        missing=graded.columns(len(ranked), shape[1]) if missing else None,
        missing_ids=tuple(missing),
        of_users=all(row.source == "interaction" for pair in pairs_used for row in pair.rows),
    )


def _chances(pairs: Sequence[Combined]) -> PairChances:
    """The chances by which pairs were drawn; not known of passages that stand for others."""
    by_lot = any(
        row.probability is not None and row.probability < 1
        for pair in pairs
        if pair.overlap is not None
        for row in pair.every_row
    )
    if by_lot:
        return PairChances(None, OF_OTHERS)
    return pair_chances(
        [[(row.probability, row.context) for row in pair.every_row] for pair in pairs]
    )


OF_OTHERS = "pairs were drawn by lot from passages that were cut otherwise than those here"


def judges_in_words(pairs: Sequence[Combined], combine: str, people: str = "by people") -> str:
    """How many pairs were judged, and by whom, for each kind of source.

    ``people`` is what is said of rows whose source is a human, which is also assumed where a file
    does not say it.

    >>> judges_in_words(by_pair([Judged("q", "d", 2, judge="anna")]), "mean")
    '1 pair judged, 1 by people (anna)'
    """
    kinds = {"human": people, "label": "from labels", "interaction": "from interactions"}
    words: list[str] = []
    for source in sorted(SOURCES, key=TRUST.__getitem__):
        pairs_of_source = [pair for pair in pairs if pair.rows[0].source == source]
        if pairs_of_source:
            judges = sorted({row.judge for pair in pairs_of_source for row in pair.rows})
            more = f" and {len(judges) - 4} more" if len(judges) > 4 else ""
            names = ", ".join(map(shown, judges[:4])) + more
            words.append(f"{len(pairs_of_source):,} {kinds.get(source, source)} ({names})")
    disputed = sum(pair.disputed for pair in pairs)
    if disputed:
        words.append(f"{disputed:,} where judges differ (taken: {combine})")
    return f"{len(pairs):,} pair{'s' * (len(pairs) != 1)} judged, {', '.join(words)}"


def _whose(judges: Collection[str] | None, sources: Collection[str] | None) -> str:
    by_judges = f" by {shown(', '.join(judges))}" if judges is not None else ""
    from_sources = f" from {', '.join(sources)}" if sources is not None else ""
    return by_judges + from_sources


def _unknown(names: list[str], row_of: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in row_of))[:3]
