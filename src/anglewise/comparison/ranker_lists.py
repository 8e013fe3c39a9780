"""The lists of reference rankers, made of those of BM25, of measures and of runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anglewise.comparison.candidates import RerankingCost
from anglewise.comparison.fusion import FUSED, by_score, fused, fused_by_rank, weightings
from anglewise.comparison.lists import (
    EvaluationSettings,
    SearchedSpace,
    cut,
    nearest_documents,
    tuned_lists,
)
from anglewise.comparison.ranked_runs import BYTES_OF_PLACE, RankedRuns
from anglewise.comparison.rankers import BM25, DEPTHS, RERANK, Ranker
from anglewise.comparison.reranking import PairTexts, reranked
from anglewise.comparison.without_vectors import HiddenRows, WithoutVectors
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.memory import check_room
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.text import as_path, counted
from anglewise.data_types.typing import Array, Int64
from anglewise.encoders.reranker import Reranker, Score
from anglewise.encoders.reranker import reranker as load_reranker
from anglewise.encoders.scored_pairs import scored_pairs
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import ranking_metrics
from anglewise.evaluation_metrics.interface import Metric
from anglewise.io.files import PathLike
from anglewise.nearest_neighbours.search import share_of
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure


def places_read(rankers: Iterable[Ranker], metrics: Sequence[Metric]) -> int:
    """How many places are read of the lists that rankers are made of.

    >>> from anglewise.comparison.rankers import split_rankers
    >>> from anglewise.evaluation_metrics.evaluate import read_metrics
    >>> rankers, _ = split_rankers("rerank(dot,500),rerank(dot,20),fusion(dot,cosine)")
    >>> [places_read([ranker], read_metrics("nDCG@10")) for ranker in rankers]
    [500, 20, 100]
    """
    depth = max(metric.depth for metric in ranking_metrics(metrics))
    for ranker in rankers:
        if ranker.kind == RERANK:
            depth = max(depth, ranker.depth or DEPTHS[-1])
        if ranker.kind in {"fusion", "weighted"} or any(
            isinstance(part, Ranker) for part in ranker.parts
        ):
            depth = max(depth, FUSED)
    return depth


def places_of_runs(
    rankers: Iterable[Ranker], runs: Iterable[str], metrics: Sequence[Metric]
) -> int:
    """How many places of runs rankers read; 0 where none is made of a run."""
    names = {*runs}
    made_of_runs = [ranker for ranker in rankers if names & {*ranker.leaves()}]
    return places_read(made_of_runs, metrics) if made_of_runs else 0


def check_reranker(rankers: Iterable[Ranker], reranker: object, cache: object) -> None:
    """Raise ``SpellingError`` for a reranker without anything to rerank, and the other way round.

    >>> check_reranker([Ranker(RERANK, ("dot",), 10)], None, None)
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: rerank(dot,10) needs a reranker: name it (reranker=, --reranker)
    """
    wanted = [ranker for ranker in rankers if ranker.kind == RERANK]
    if wanted and reranker is None:
        raise SpellingError(f"{wanted[0]} needs a reranker: name it (reranker=, --reranker)")
    if reranker is not None and not wanted:
        raise SpellingError(
            "a reranker is given (reranker=, --reranker), and nothing that it is to rerank: add "
            "rerank(cosine,100) to the measures, or leave it out"
        )
    if cache is not None and reranker is None:
        raise SpellingError(
            "a file for the scores of a reranker is given (reranker_cache=, --reranker-cache), and "
            "no reranker: leave it out"
        )


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What the lists of rankers are made of.

    Attributes
    ----------
    lists
        Of BM25, measures and runs, for all judged queries.
    judgements
        By which settings are chosen.
    depth
        How many places the lists of rankers have.
    position
        The place of each item among equal scores.
    texts
        What is reranked, and by whom.
    """

    lists: Mapping[str, Neighbours]
    judgements: Judgements
    settings: EvaluationSettings
    depth: int
    position: Int64[Array, " items"]
    texts: PairTexts | None = None

    def fixed(self, part: str | Ranker, depth: int) -> Neighbours:
        """The first places of a list of which nothing is tuned, for all judged queries."""
        if isinstance(part, str) or not part.parts:
            return cut(self.lists[str(part)], depth)
        own = [self.lists[str(each)] for each in part.parts]
        return fused_by_rank(str(part), own, depth, self.position)

    def weighted(self, ranker: Ranker, depth: int) -> tuple[Neighbours, tuple[str, ...]]:
        """Lists with the weights that did best on other queries, and these weights."""
        words = list(map(str, ranker.parts))
        own = [self.lists[word] for word in words]
        weights_tried = list(weightings(words))
        check_room(
            f"{ranker} with {len(weights_tried)} settings of {len(own[0].indices):,} lists",
            BYTES_OF_PLACE * len(weights_tried) * len(own[0].indices) * depth,
            "take fewer lists, or a metric of fewer places",
        )
        tried = {
            setting: fused(setting, own, by_score, weights, depth, position=self.position)
            for setting, weights in weights_tried
        }
        return tuned_lists(str(ranker), tried, self.judgements, self.settings)

    def reranked(
        self, ranker: Ranker, texts: PairTexts
    ) -> tuple[Neighbours, tuple[str, ...], RerankingCost, list[str]]:
        """Lists of which the first places are reranked, what was chosen, the cost, and notes."""
        name, (part,), split = str(ranker), ranker.parts, self.settings.split
        read = max(self.depth, ranker.depth or DEPTHS[-1])
        rows = np.arange(len(texts.queries))
        if isinstance(part, Ranker) and part.kind == "weighted":
            first, weights = self.weighted(part, read)
        else:
            first, weights = self.fixed(part, read), ()
        if ranker.depth is None:
            head = texts.scores(first, rows, DEPTHS[-1], self.settings.progress)
            settings = [replace(ranker, depth=depth) for depth in DEPTHS]
            tried = {
                str(each): cut(reranked(str(each), first, head.scores[:, : each.depth]), self.depth)
                for each in settings
            }
            lists, chosen = tuned_lists(name, tried, self.judgements, self.settings)
        else:
            reported = split.reported(len(rows))
            if not weights:  # those that are tuned are lists of reported queries already
                first = split.of_reported(first)
            head = texts.scores(first, reported, ranker.depth, self.settings.progress)
            lists, chosen = cut(reranked(name, first, head.scores), self.depth), weights
        return lists, chosen, head.cost, head.notes(name, texts.scored.reranker.window)


def with_rankers(
    rankers: Sequence[Ranker],
    searched: SearchedSpace | None,
    context: WithoutVectors,
    settings: EvaluationSettings,
    *,
    names: Space,
    runs: RankedRuns | None = None,
    reranker: str | Score | Reranker | None = None,
    cache: PathLike | None = None,
) -> tuple[RankedRuns, EvaluationSettings]:
    """The lists of rankers, before those of the runs, and how what is left is evaluated.

    Parameters
    ----------
    searched
        What measures are searched in; None where there are runs alone.
    runs
        What stands behind them, if there is any.
    reranker, cache
        What reranks, and the file that keeps its scores.
    settings
        Whose progress is told of the rankers in its first half.

    Raises
    ------
    SpellingError
        BM25 or a reranker without texts; measures or BM25 where there are runs alone.
    MissingExtraError
        BM25 without its library.
    EncoderError, FileError
        As ``ScoredPairs.of``.
    """
    judgements = context.judgements if runs is None else runs.judgements
    depth = max(metric.depth for metric in ranking_metrics(settings.metrics))
    deep = min(places_read(rankers, settings.metrics), context.items)
    deep_runs = dict[str, Neighbours]() if runs is None else runs.deep
    wanted = sorted({leaf for ranker in rankers for leaf in ranker.leaves()} - {*deep_runs})
    if wanted and searched is None:
        raise SpellingError(
            f"{wanted[0]} ranks what a space holds, and runs alone are compared: give the space "
            "too, or name runs instead"
        )
    texts = None
    if reranker is not None:
        log = None if cache is None else as_path(cache)
        texts = _pair_texts(context, names, load_reranker(reranker), log)
    rest, settings = _stage(settings, 1, 2), _stage(settings, 0, 2)
    stages = 1 + sum(ranker.kind == RERANK for ranker in rankers)
    lists = dict(deep_runs)
    if searched is not None:
        lists |= _searched(wanted, searched, context, deep, _stage(settings, 0, stages))
    notes = _text_notes(context) if BM25 in wanted else []
    found: dict[str, Neighbours] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    costs: dict[str, RerankingCost] = {}
    depth = min(depth, context.items if runs is None else runs.depth)
    every = (names if runs is None else runs.names).sides(judgements.direction)[1]
    made_of = Ingredients(lists, judgements, settings, depth, every.id_position)
    for ranker in rankers:
        name = str(ranker)
        if ranker.kind == "weighted":
            found[name], chosen[name] = made_of.weighted(ranker, depth)
        elif ranker.kind == RERANK and texts is not None:
            here = replace(made_of, settings=_stage(settings, 1 + len(costs), stages))
            found[name], words, costs[name], said = here.reranked(ranker, texts)
            notes += [*said, *_fewer_notes(ranker, context)]
            chosen |= {name: words} if words else {}
        else:
            found[name] = settings.split.of_reported(made_of.fixed(ranker, depth))
    if texts is not None and texts.scored.refused:
        notes.append(f"scores are not kept for another time: {texts.scored.refused}")
    if runs is None:
        everything = RankedRuns(found, judgements, names, tuple(notes), tuple(rankers), chosen)
    else:
        everything = replace(
            runs,
            lists=found | dict(runs.lists),
            notes=(*notes, *runs.notes),
            candidates=(*rankers, *runs.candidates),
            chosen=chosen,
        )
    return replace(everything, reranking=costs), rest


def _stage(settings: EvaluationSettings, number: int, count: int) -> EvaluationSettings:
    return replace(settings, progress=share_of(settings.progress, number, count))


def _searched(
    wanted: Sequence[str],
    searched: SearchedSpace,
    context: WithoutVectors,
    depth: int,
    settings: EvaluationSettings,
) -> dict[str, Neighbours]:
    """The lists of measures and of BM25, for all judged queries."""
    rows = context.judgements.judged_rows
    fixed: list[Measure] = [measure(word) for word in wanted if word != BM25]
    lists: dict[str, Neighbours] = {}
    parts = searched.judgements.parts
    if fixed and parts is None:
        lists = searched.nearest(fixed, depth, settings)
    elif fixed and parts is not None:
        lists = nearest_documents(searched, parts, fixed, depth, settings)
    if BM25 in wanted:
        from anglewise.nearest_neighbours.bm25 import Bm25Index

        queries, texts = _texts(context, BM25)
        index = Bm25Index.of(texts, context.order)
        hidden = HiddenRows(context.judgements, rows, context.items)
        lists[BM25] = index.nearest([queries[int(row)] for row in rows], depth, hidden)
    return lists


def _texts(context: WithoutVectors, who: str) -> tuple[list[str], list[str]]:
    if context.texts is None:
        raise SpellingError(
            f"{who} ranks texts, and queries or items have none: give them (--query-texts, "
            f"--item-texts), or leave {who} out"
        )
    return context.texts()


def _pair_texts(
    context: WithoutVectors, names: Space, reranker: Reranker, cache: Path | None
) -> PairTexts:
    queries, items = _texts(context, "a reranker")
    rows = context.judgements.judged_rows
    asked = [queries[int(row)] for row in rows]
    ids = names.sides(context.judgements.direction)[0].ids[rows]
    return PairTexts(scored_pairs(reranker, cache, asked), asked, ids.tolist(), items)


def _text_notes(context: WithoutVectors) -> list[str]:
    """Which queries and items BM25 cannot know."""
    queries, items = _texts(context, BM25)
    judged = [queries[int(row)] for row in context.judgements.judged_rows]
    return [
        f"{BM25} knows no text of {counted(empty, noun)}"
        for noun, texts in (("judged query", judged), ("item", items))
        if (empty := sum(not text.strip() for text in texts))
    ]


def _fewer_notes(ranker: Ranker, context: WithoutVectors) -> list[str]:
    """Whether more places were to be reranked than there are items."""
    if ranker.depth is None or ranker.depth <= context.items:
        return []
    return [f"{ranker} reranks all of {counted(context.items, 'item')}: there are no more"]
