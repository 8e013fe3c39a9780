"""What can stand in a column of the page beside measures: BM25, fusions of it, and given runs."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from anglewise.comparison.candidates import check_space_name
from anglewise.comparison.fusion import FUSED, fused_by_rank
from anglewise.comparison.lists import NOBODY
from anglewise.comparison.ranked_runs import RUNS_DUE, RunCandidate, check_runs
from anglewise.comparison.rankers import BM25, Ranker, read_ranker
from anglewise.comparison.without_vectors import HiddenRows
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import as_list, shown
from anglewise.data_types.run import Run
from anglewise.data_types.same_texts import check_same_texts
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.errors import IdsError, SpellingError
from anglewise.nearest_neighbours.competing import Competing
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure
from anglewise.web_page.open_space import Inspected


@dataclass(frozen=True)
class SpaceRanking:
    """A measure in one of several spaces, as ``compare --spaces`` spells it.

    >>> str(SpaceRanking("new", measure("cosine")))
    'new: cosine'
    """

    name: str
    measure: Measure

    def __str__(self) -> str:
        return f"{self.name}: {self.measure}"


Ranking: TypeAlias = Measure | Ranker | RunCandidate | SpaceRanking
"""What a column ranks by."""


def read_ranking(spelling: str, runs: Sequence[str], spaces: Container[str] = ()) -> Ranking:
    """Read the name of a run, a reference ranker, or a measure; ``SpellingError`` for none.

    >>> str(read_ranking("Fusion(BM25, dot)", [])), str(read_ranking("mine", ["mine"]))
    ('fusion(bm25,dot)', 'mine')
    >>> str(read_ranking("fusion(Mine, dot)", ["Mine"]))
    'fusion(Mine,dot)'
    """
    word = spelling.strip()
    if word in runs:
        return RunCandidate(word, list(runs).index(word))
    space, of_space, rest = word.rpartition(":")
    if of_space and space.strip() in spaces:
        return SpaceRanking(space.strip(), measure(rest))
    ranker = read_ranker(word, runs)
    if ranker is None:
        return measure(word)
    if ranker.kind not in {BM25, "fusion"}:
        raise SpellingError(
            f"{ranker.kind}(...) is made by compare, from judged queries or by a program: write "
            "its lists (compare --run-out) and show them as a run, or show fusion(...)"
        )
    return ranker


def usual_rankings(inspected: Inspected, most: int) -> tuple[str, ...]:
    """What is shown of several spaces where nobody says: measure by measure, each in all."""
    from anglewise.nearest_neighbours.represented import measures_of, usual_measures

    sides = {name: space.items for name, space in inspected.spaces.items()}
    usual = [measure(one) for one in usual_measures(*sides.values())]
    by_use = sorted(usual, key=lambda one: str(one) != "cosine")
    every = [
        str(SpaceRanking(name, one))
        for one in by_use
        for name, side in sides.items()
        if measures_of(side, [one])
    ]
    return tuple(every[:most])


def with_others(inspected: Inspected, others: Mapping[str, Space]) -> Inspected:
    """The same with further spaces beside the open one.

    Raises ``SpellingError`` for names that cannot stand in a column or come twice, ``IdsError``
    where the spaces have nothing in common, ``ValuesError`` where an id bears two texts.
    """
    if inspected.name in others:
        raise SpellingError(
            f"two of the spaces are called {shown(inspected.name)!r}: name the second, as in "
            "new=FOLDER"
        )
    spaces = {inspected.name: inspected.space, **others}
    for name in spaces:
        check_space_name(name)
    check_same_texts(spaces)
    for direction in inspected.directions:
        Competing(spaces, direction, ()).check_in_common()
    return replace(inspected, others=dict(others))


def meaning(ranking: Ranker | RunCandidate) -> str:
    """What a score says, in words."""
    if isinstance(ranking, RunCandidate):
        return "scores as the run gives them"
    if ranking.kind == BM25:
        return "words that the texts share, rare ones counting more (BM25)"
    return f"1 / (60 + rank), added over {listed(map(str, ranking.parts))}"


def nearest(
    inspected: Inspected,
    rankings: Sequence[Ranking],
    *,
    k: int,
    direction: Direction,
    rows: Int64[Array, " q"],
) -> dict[str, Neighbours]:
    """The lists of some queries by every ranking, by its name.

    An item that a run names and the space lacks leaves its place empty (-1). What was used in
    training stands in no list, where the judgements of the space say so.

    Raises
    ------
    SpellingError
        BM25 where queries or items have no texts.
    MissingExtraError, TooFewError, ValuesError
        As the index of BM25 does.
    IdsError
        A run that lists none of this side, or asks for none.
    """
    judged = inspected.judgements.get(direction)
    lists: dict[str, Neighbours] = {}
    plain = [ranking for ranking in rankings if isinstance(ranking, Measure)]
    if plain:
        lists = search(
            inspected.space,
            plain,
            k=k,
            direction=direction,
            rows=rows,
            exclude=None if judged is None else judged.seen,
        )
    for ranking in rankings:
        if isinstance(ranking, SpaceRanking):
            lists[str(ranking)] = _of_space(inspected, ranking, direction, rows, k)
        elif isinstance(ranking, RunCandidate):
            lists[str(ranking)] = _of_run(inspected, ranking.name, direction, rows, k)
        elif isinstance(ranking, Ranker) and ranking.kind == BM25:
            lists[BM25] = _by_words(inspected, direction, rows, k)
        elif isinstance(ranking, Ranker):
            ranked = len(inspected.ranked(direction).embeddings)
            deep = min(max(k, FUSED), ranked - (direction != "queries-items"))
            parts = [read_ranking(str(part), list(inspected.runs)) for part in ranking.parts]
            own = nearest(inspected, parts, k=deep, direction=direction, rows=rows)
            own_lists = [own[str(part)] for part in parts]
            lists[str(ranking)] = fused_by_rank(
                str(ranking), own_lists, k, inspected.ranked(direction).embeddings.id_position
            )
    return {str(ranking): lists[str(ranking)] for ranking in rankings}


def has_words(inspected: Inspected, direction: Direction) -> bool:
    """Whether BM25 can rank in a direction: texts are there, and the library is."""
    from anglewise.nearest_neighbours.bm25 import has_bm25

    return inspected.asking(direction).has_texts and (
        inspected.ranked(direction).has_texts and has_bm25()
    )


def named_runs(runs: Iterable[Run] | Run) -> dict[str, Run]:
    """Runs by name; ``SpellingError`` for one that is called like another or like a measure."""
    given = [runs] if isinstance(runs, Run) else as_list(runs, "runs", RUNS_DUE)
    named = {run.name: run for run in check_runs(given, ())}
    for name in named:
        try:
            read_ranking(name, ())
        except SpellingError:
            continue
        raise SpellingError(f"a run is called {name!r}, as a measure is: call it otherwise")
    return named


def runs_of(inspected: Inspected, direction: Direction) -> list[Run]:
    """The runs that ask for some of this direction's queries and list some of its items."""
    sides = inspected.space.sides(direction)
    return [run for run in inspected.runs.values() if _fits(run, *sides)]


def fitting(inspected: Inspected) -> Inspected:
    """The same; ``IdsError`` where a run fits no direction of the space."""
    fitting = {
        run.name for direction in inspected.directions for run in runs_of(inspected, direction)
    }
    for run in inspected.runs.values():
        if run.name not in fitting:
            asking, ranked = inspected.space.sides(inspected.directions[0])
            raise IdsError(
                f"the run {run.name!r} asks for such as {_some(run.queries)} and lists such as "
                f"{_some(run.items)}; the space holds such as {_some(asking.ids)} and "
                f"{_some(ranked.ids)}: name them alike"
            )
    return inspected


def empty_places(lists: Mapping[str, Neighbours], depth: int) -> list[str]:
    """The rankings that have items among the first places which this space does not hold."""
    return [
        name
        for name, neighbours in lists.items()
        if bool(_holes(neighbours.indices[:, :depth]).any())
    ]


def _holes(indices: Int64[Array, "q k"]) -> Array:
    """Empty places before the last one that is filled."""
    filled = indices != NOBODY
    later = np.cumsum(filled[:, ::-1], axis=1)[:, ::-1] > 0
    return later & ~filled


def _by_words(
    inspected: Inspected, direction: Direction, rows: Int64[Array, " q"], k: int
) -> Neighbours:
    asking, ranked = inspected.asking(direction), inspected.ranked(direction)
    if not (asking.has_texts and ranked.has_texts):
        raise SpellingError("bm25 ranks texts, and these queries or items have none")
    judged = inspected.judgements.get(direction) or nothing_judged(inspected, direction)
    hidden = HiddenRows(judged, rows, len(ranked.embeddings))
    texts = asking.texts
    return ranked.words.nearest([texts[int(row)] for row in rows], k, hidden)


def nothing_judged(inspected: Inspected, direction: Direction) -> Judgements:
    """Judgements of a direction, without any."""
    asking, ranked = inspected.space.sides(direction)
    empty = np.empty(0, dtype=np.int64)
    none = SparseRows.from_pairs(empty, empty, shape=(len(asking), len(ranked)))
    return Judgements(none, direction)


def _of_run(
    inspected: Inspected, name: str, direction: Direction, rows: Int64[Array, " q"], k: int
) -> Neighbours:
    """The first places of a run; those of a query without a list are empty."""
    run = inspected.runs[name]
    asking, ranked = inspected.space.sides(direction)
    if not _fits(run, asking, ranked):
        raise IdsError(
            f"{name} asks for such as {_some(run.queries)} and lists such as {_some(run.items)}, "
            "which are not on these sides: take another direction"
        )
    judged = inspected.judgements.get(direction)
    seen = None if judged is None else judged.seen
    indices = np.full((len(rows), k), NOBODY, dtype=np.int64)
    scores = np.full((len(rows), k), -np.inf)
    tied = np.zeros(len(rows), dtype=np.int64)
    for number, row in enumerate(rows.tolist()):
        query = str(asking.ids[row])
        hidden: set[int] = set() if seen is None else set(seen.row(row).tolist())
        places = [
            (item, score)
            for item, score in (
                (ranked.row_of.get(item, NOBODY), score)
                for item, score in (run[query] if query in run.row_of else ())
            )
            if item not in hidden
        ]
        first = places[:k]
        indices[number, : len(first)] = [item for item, _ in first]
        scores[number, : len(first)] = [score for _, score in first]
        if len(places) > k:
            tied[number] = sum(score == first[-1][1] for _, score in places[k:])
    return Neighbours(name, indices, scores, tied)


def numbered_in_space(
    inspected: Inspected,
    ranking: SpaceRanking,
    direction: Direction,
    rows: Int64[Array, " q"],
    k: int,
) -> Neighbours:
    """The first places in one of several spaces.

    Items that the open one holds stand by their rows, others by their numbers behind these.
    """
    judged = inspected.judgements.get(direction)
    competing = inspected.competing(direction)
    found = competing.of_space(ranking.name, [ranking.measure], rows, k, judged)
    return replace(found[str(ranking.measure)], measure=str(ranking))


def _of_space(
    inspected: Inspected,
    ranking: SpaceRanking,
    direction: Direction,
    rows: Int64[Array, " q"],
    k: int,
) -> Neighbours:
    """The first places in one of several spaces; items that the open one lacks are empty (-1)."""
    lists = numbered_in_space(inspected, ranking, direction, rows, k)
    held = lists.indices < len(inspected.ranked(direction).embeddings)
    return replace(lists, indices=np.where(held, lists.indices, NOBODY))


def _fits(run: Run, asking: Embeddings, ranked: Embeddings) -> bool:
    """Whether a run asks for some of one side and lists some of the other."""
    pairs = ((run.queries, asking), (run.items, ranked))
    return all(any(name in side.row_of for name in names.tolist()) for names, side in pairs)


def _some(names: Array) -> str:
    return listed([repr(shown(str(name))) for name in names[:2].tolist()])
