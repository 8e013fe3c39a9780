"""Fusions of BM25 with a measure as remedies: where texts are known, and nothing is to be saved."""

from collections.abc import Sequence

from anglewise.comparison.floors import CHARACTERS, SCORES
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace
from anglewise.comparison.rankers import Ranker
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.columns import has_texts
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Direction
from anglewise.io.texts import texts_of

FUSIONS = ("fusion(bm25,cosine)", "weighted(bm25,cosine)")


def has_words(space: Space, direction: Direction) -> bool:
    """Whether those who ask and what is ranked have texts, and BM25 its library."""
    from anglewise.nearest_neighbours.bm25 import has_bm25

    return all(map(has_texts, space.sides(direction))) and has_bm25()


def fused_lists(
    space: Space, judgements: Judgements, settings: EvaluationSettings, rankers: Sequence[Ranker]
) -> tuple[dict[str, Neighbours], dict[str, tuple[str, ...]]]:
    """The lists of fusions for the judged queries, and the weights of those that are tuned."""
    from anglewise.comparison.ranker_lists import with_rankers

    searched = SearchedSpace(space, judgements, judgements.judged_rows)
    context = of_space(space, judgements)
    ranked, _ = with_rankers(rankers, searched, context, settings, names=space)
    return dict(ranked.lists), dict(ranked.chosen)


def seconds_of_words(space: Space, direction: Direction, queries: int) -> float:
    """About how long BM25 takes to index what is ranked, and to score it for so many queries."""
    ranked = space.sides(direction)[1]
    characters = sum(map(len, texts_of(ranked))) if has_texts(ranked) else 0
    return characters / CHARACTERS + queries * len(ranked) / SCORES
