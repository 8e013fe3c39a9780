"""Runs beside measures: their lists in the rows of what is judged, and what is to be said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

import numpy as np

from anglewise.comparison.candidates import Candidate, RerankingCost
from anglewise.comparison.lists import NOBODY, EvaluationSettings, cut
from anglewise.comparison.rankers import AFTER_ALL_MEASURES, BM25, Ranker
from anglewise.comparison.runs_of_passages import as_documents
from anglewise.data_types.columns import titles
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.memory import check_room
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.parts import Parts
from anglewise.data_types.run import Run
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted, listed
from anglewise.data_types.typing import Array, Bool, Float64, Int64, Shaped
from anglewise.errors import IdsError, SpellingError
from anglewise.evaluation_metrics.evaluate import ranking_metrics

BYTES_OF_PLACE = 40
"""What a place of a list takes until it is evaluated, about."""

RUNS_DUE = "a list of runs is due, as Run.from_dict or read_run makes them"


@dataclass(frozen=True)
class RunCandidate:
    """A run as what is compared; ``place`` counts the runs as they came.

    >>> str(RunCandidate("bm25", 0))
    'bm25'
    """

    name: str
    place: int

    def __str__(self) -> str:
        return self.name

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """Measures are simpler, of which nobody must keep a system running."""
        return (AFTER_ALL_MEASURES, self.place, self.name)


def reads_vectors(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether vectors decide about a candidate: not for runs, BM25 and what is made of these."""
    if isinstance(candidate, Ranker):
        runs = {str(other) for other in others if isinstance(other, RunCandidate)}
        return bool({*candidate.leaves()} - {BM25, *runs})
    return not isinstance(candidate, RunCandidate)


@dataclass(frozen=True, eq=False)
class RankedRuns:
    """The lists of some runs for the queries that are reported.

    Attributes
    ----------
    lists
        By name, for the reported queries in their order.
    judgements
        In the rows of ``names``: items that only runs name have a column too.
    names
        Those who ask and what is ranked, without vectors.
    notes
        What a reader should know of the runs before the numbers.
    candidates
        Whose lists they are, in their order.
    chosen
        What was chosen for those that are tuned.
    deep
        Of the runs, longer lists for all judged queries, where others are made of them.
    reranking
        What it took to rerank, for those that are reranked.
    """

    lists: Mapping[str, Neighbours]
    judgements: Judgements
    names: Space
    notes: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    deep: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])
    reranking: Mapping[str, RerankingCost] = field(default_factory=dict[str, RerankingCost])

    @property
    def depth(self) -> int:
        """How many places the lists have."""
        return next(iter(self.lists.values())).k


def check_runs(runs: Sequence[Any], measures: Sequence[str]) -> list[Run]:
    """The runs; ``SpellingError`` where two candidates have one name."""
    given: list[Run] = []
    names = list(measures)
    for run in runs:
        check_kind(run, Run, "one of the runs", "a Run, as Run.from_dict or read_run makes it,")
        if run.name in names:
            raise SpellingError(
                f"two candidates are called {run.name!r}: call the run otherwise, as in "
                f"other={run.name}.run (run.called('other'))"
            )
        names.append(run.name)
        given.append(run)
    return given


def space_of_names(queries: Iterable[str], items: Iterable[str], runs: Iterable[Run]) -> Space:
    """A space of ids without vectors: those that are judged and those that runs name."""
    asked = dict.fromkeys(queries)
    listed_items = dict.fromkeys(items)
    for run in runs:
        asked.update(dict.fromkeys(run.queries.tolist()))
        listed_items.update(dict.fromkeys(run.items.tolist()))
    return Space(queries=_without_vectors(list(asked)), items=_without_vectors(list(listed_items)))


def _without_vectors(ids: list[str], about: Mapping[str, Any] | None = None) -> Embeddings:
    return Embeddings(np.zeros((len(ids), 1), np.float32), ids=ids, metadata=about)


def runs_in(
    runs: Sequence[Run],
    names: Space,
    judgements: Judgements,
    settings: EvaluationSettings,
    *,
    passages: Sequence[tuple[Embeddings, Parts]] = (),
    deep: int = 0,
) -> RankedRuns:
    """Bring runs into the rows of those who ask and of what is ranked, by id.

    A query that a run has no list for counts as one with an empty list. An item that is not
    ranked holds its place all the same. What judgements hide is left out of the lists, as are
    judged items that were dropped, and the item itself where items ask each other.

    Parameters
    ----------
    names
        Those who ask and what is ranked and judged: items, or the documents of passages.
    judgements
        In the rows of ``names``.
    settings
        Whose metrics say how many places of the lists are read.
    passages
        Where documents are judged, the items of each space, and which documents they are passages
        of. A run may name passages then: a document stands where the best of its own does.
    deep
        How many places are kept of them beside those that metrics read, for what is made of runs.

    Raises
    ------
    IdsError
        A run that names no judged query, or no item at all; or passages and documents.
    """
    asking, ranked = names.sides(judgements.direction)
    rows = judgements.judged_rows
    depth = max(metric.depth for metric in ranking_metrics(settings.metrics))
    read = max(depth, deep)
    hidden = _hidden_keys(judgements)
    columns = _Columns(ranked, judgements.missing_ids)
    dropped = set(judgements.dropped_ids) - set(ranked.row_of)
    among = asking is ranked
    hides = len(hidden) > 0 or bool(dropped) or judgements.not_itself or among
    hides = hides or judgements.allowed is not None
    taken: dict[str, _Entries] = {}
    notes: list[str] = []
    for given in runs:
        run = given
        if passages:
            run = as_documents(given, passages, ranked)
        _check_alike(run, asking, ranked, rows)
        entries = _entries(run, asking.ids[rows], None if hides else read)
        if dropped:
            entries, note = _without_dropped(run, entries, dropped)
            notes += note
        numbers = columns.of(run, entries.items)
        left_out = failing = 0
        if judgements.allowed is not None:
            passes = judgements.allowed.allows(rows[entries.lists], numbers)
            failing = int((~passes).sum())
            entries, numbers = entries.where(passes), numbers[passes]
        if hides:
            keys = rows[entries.lists] * len(ranked) + numbers
            kept = ~(np.isin(keys, hidden) & (numbers < len(ranked)))
            if judgements.not_itself or among:
                kept &= asking.ids[rows[entries.lists]] != run.items[entries.items]
            left_out = int((~kept).sum())
            entries, numbers = entries.where(kept), numbers[kept]
        taken[run.name] = replace(entries, items=numbers)
        if left_out:
            notes.append(
                f"{counted(left_out, 'place')} of {run.name} hold items that no list may hold, as "
                "they were used in training or are the query itself: left out"
            )
        if failing:
            notes.append(
                f"{counted(failing, 'place')} of {run.name} hold items that do not pass the "
                "filter: left out"
            )
    wide = _widened(judgements, len(ranked), columns)
    depth, read = (min(places, wide.gains.shape[1]) for places in (depth, read))
    check_room(
        f"{counted(len(taken), 'run')} with {read:,} places for each of {len(rows):,} queries",
        BYTES_OF_PLACE * len(taken) * len(rows) * read,
        "take a metric of fewer places",
    )
    every = {name: _neighbours(name, entries, len(rows), read) for name, entries in taken.items()}
    lists = {name: settings.split.of_reported(cut(its, depth)) for name, its in every.items()}
    notes += _depth_notes(lists)
    notes += columns.notes()
    return RankedRuns(
        lists,
        wide,
        _with_items(names, columns.extra, judgements),
        tuple(notes),
        tuple(map(RunCandidate, lists, range(len(lists)))),
        deep=every if deep else {},
    )


def _without_dropped(
    run: Run, entries: "_Entries", dropped: set[str]
) -> tuple["_Entries", list[str]]:
    """The places without judged items that were left out, and a note of how many these were."""
    names = np.array([name in dropped for name in run.items.tolist()], dtype=bool)
    kept = ~names[entries.items]
    if kept.all():
        return entries, []
    examples = run.items[np.unique(entries.items[~kept])]
    note = (
        f"{counted(int((~kept).sum()), 'place')} of {run.name} hold judged items that the space "
        f"lacks, such as {_some(examples)}: as they are dropped from what is judged, they are left "
        "out of its lists"
    )
    return entries.where(kept), [note]


@dataclass(frozen=True, eq=False)
class _Entries:
    """Places of lists, list after list, best first.

    Attributes
    ----------
    lists, items, scores
        Of each place the number of the list, the item and its score.
    without
        The numbers of the queries that the run has no list for.
    tied_beyond
        For each list, how many further places that are not here score like the last one.
    """

    lists: Int64[Array, " places"]
    items: Int64[Array, " places"]
    scores: Float64[Array, " places"]
    without: Int64[Array, " some"]
    tied_beyond: Int64[Array, " q"]

    def where(self, kept: Bool[Array, " places"]) -> "_Entries":
        """Some of the places."""
        return replace(
            self, lists=self.lists[kept], items=self.items[kept], scores=self.scores[kept]
        )


class _Columns:
    """The column of every item that a run names: of what is ranked, and behind them others."""

    def __init__(self, ranked: Embeddings, missing_ids: Sequence[str]) -> None:
        self.ranked = ranked
        self.judged = set(missing_ids)
        self.extra: dict[str, int] = {}
        self.strangers: dict[str, list[str]] = {}

    def of(self, run: Run, items: Int64[Array, " places"]) -> Int64[Array, " places"]:
        """The columns of some of the items of a run."""
        named = np.zeros(len(run.items), dtype=bool)
        named[items] = True
        numbers = np.flatnonzero(named)
        names: list[str] = run.items[numbers].tolist()
        columns = list(map(self.ranked.row_of.get, names, repeat(NOBODY)))
        for i in [i for i, column in enumerate(columns) if column == NOBODY]:
            columns[i] = self.extra.setdefault(names[i], len(self.ranked) + len(self.extra))
            self.strangers.setdefault(run.name, []).append(names[i])
        column_of = np.empty(len(run.items), dtype=np.int64)
        column_of[numbers] = columns
        return column_of[items]

    def notes(self) -> Iterator[str]:
        for run, names in self.strangers.items():
            judged = sum(name in self.judged for name in names)
            also = (
                f", of which {judged:,} are judged" if judged else ", none of which anybody judged"
            )
            yield (
                f"{run} lists {counted(len(names), 'item')} that the space does not hold, such as "
                f"{_some(names)}{also}: they keep their places"
            )


def _entries(run: Run, queries: Shaped[Array, " q"], depth: int | None) -> _Entries:
    """The lists of some queries, or their first places."""
    row_in_run = np.array(list(map(run.row_of.get, queries.tolist(), repeat(-1))), dtype=np.int64)
    there = np.flatnonzero(row_in_run >= 0)
    first, end = run.starts[row_in_run[there]], run.starts[row_in_run[there] + 1]
    counts = end - first
    tied = np.zeros(len(queries), dtype=np.int64)
    if depth is not None:
        cut = np.flatnonzero(counts > depth)
        last = first[cut] + depth - 1
        for i in np.flatnonzero(run.scores[last] == run.scores[last + 1]).tolist():
            beyond = run.scores[last[i] + 1 : end[cut[i]]]
            tied[there[cut[i]]] = np.count_nonzero(beyond == run.scores[last[i]])
        counts = np.minimum(counts, depth)
    starts = np.cumsum(counts) - counts
    positions = np.arange(int(counts.sum())) + np.repeat(first - starts, counts)
    return _Entries(
        np.repeat(there, counts),
        run.entries[positions],
        run.scores[positions],
        np.flatnonzero(row_in_run < 0),
        tied,
    )


def _check_alike(run: Run, asking: Embeddings, ranked: Embeddings, rows: Array) -> None:
    """Refuse a run that shares no judged query or no item with what is judged."""
    if not any(name in run.row_of for name in asking.ids[rows].tolist()):
        raise IdsError(
            f"the run {run.name!r} has lists of queries such as {_some(run.queries)}, and judged "
            f"are such as {_some(asking.ids[rows])}: none is the same; name the queries alike"
        )
    if not any(name in ranked.row_of for name in run.items.tolist()):
        raise IdsError(
            f"the run {run.name!r} names items such as {_some(run.items)}, and the space holds "
            f"such as {_some(ranked.ids)}: none is the same; name the items alike"
        )


def _hidden_keys(judgements: Judgements) -> Int64[Array, " hidden"]:
    seen = judgements.seen
    if seen is None:
        return np.empty(0, np.int64)
    return seen.rows * judgements.gains.shape[1] + seen.indices


def _neighbours(name: str, entries: _Entries, queries: int, depth: int) -> Neighbours:
    """Lists of so many places; what is cut among equal scores is counted."""
    starts = np.searchsorted(entries.lists, np.arange(queries))
    ranks = np.arange(len(entries.lists)) - starts[entries.lists]
    inside = ranks < depth
    indices = np.full((queries, depth), NOBODY, dtype=np.int64)
    scores = np.full((queries, depth), -np.inf)
    indices[entries.lists[inside], ranks[inside]] = entries.items[inside]
    scores[entries.lists[inside], ranks[inside]] = entries.scores[inside]
    tied = ~inside & (entries.scores == scores[entries.lists, -1])
    tied_at_cut = np.bincount(entries.lists[tied], minlength=queries).astype(np.int64)
    return Neighbours(name, indices, scores, tied_at_cut + entries.tied_beyond)


def _widened(judgements: Judgements, items: int, columns: _Columns) -> Judgements:
    """The same judgements, with a column for each item that only runs name."""
    extra = columns.extra
    if not extra:
        return judgements
    rest = [name for name in judgements.missing_ids if name not in extra]
    place = {name: items + len(extra) + i for i, name in enumerate(rest)} | extra
    moved = np.array([place[name] for name in judgements.missing_ids], dtype=np.int64)
    column_of = np.concatenate([np.arange(items), moved])
    width = items + len(extra)

    def wide(table: SparseRows, columns: int) -> SparseRows:
        return SparseRows.from_pairs(
            table.rows,
            column_of[table.indices],
            table.values,
            shape=(table.shape[0], columns),
        )

    graded = wide(judgements.graded, width + len(rest))
    unjudged = np.zeros(len(extra), dtype=bool)
    labelled = judgements.judged_items
    chances = judgements.chances
    return replace(
        judgements,
        gains=graded.columns(0, width),
        missing=graded.columns(width, width + len(rest)) if rest else None,
        missing_ids=tuple(rest),
        judged_items=None if labelled is None else np.concatenate([labelled, unjudged]),
        chances=None if chances is None else wide(chances, width + len(rest)),
        seen=None if judgements.seen is None else wide(judgements.seen, width),
        made_of=None,  # of the items of the space
    )


def _with_items(names: Space, extra: Mapping[str, int], judgements: Judgements) -> Space:
    """Those who ask and what is ranked, with the items that only runs name behind them."""
    if not extra:
        return names
    asking, ranked = names.sides(judgements.direction)
    own = titles(ranked)
    about = None if own is None else {"title": [*own, *extra]}
    items = _without_vectors([*ranked.ids.tolist(), *extra], about)
    if asking is ranked:
        return Space(items=items)
    questions = titles(asking)
    asked = None if questions is None else {"title": list(questions)}
    return Space(items=items, queries=_without_vectors(asking.ids.tolist(), asked))


def _depth_notes(lists: Mapping[str, Neighbours]) -> Iterator[str]:
    """Which runs end before the metrics do, in lists that hold anything."""
    for name, neighbours in lists.items():
        lengths = np.count_nonzero(neighbours.indices >= 0, axis=1)
        short = lengths[(lengths < neighbours.k) & (lengths > 0)]
        if len(short):
            yield (
                f"{counted(len(short), 'list')} of {name} end before place {neighbours.k:,}, the "
                f"shortest after {int(short.min()):,}: places without an item count as not relevant"
            )


def _some(names: Sequence[str] | Array) -> str:
    return listed([repr(str(name)) for name in list(names[:3])])
