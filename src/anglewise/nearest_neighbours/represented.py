"""Exact search where queries and items are lists of token vectors, or sparse vectors."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.text import listed
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array, Float64, Int64, Progress
from anglewise.errors import SpellingError, WrongTypeError
from anglewise.nearest_neighbours.ranking import NOWHERE, Exclusions, IdOrder, TopK
from anglewise.nearest_neighbours.scanners import Workers
from anglewise.nearest_neighbours.sparse_search import nearest_sparse
from anglewise.nearest_neighbours.token_search import nearest_tokens
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.late_interaction import TOKEN_FORMULAS
from anglewise.similarity_measures.measure import DEFAULT_MEASURES

Candidates: TypeAlias = tuple[Float64[Array, " some"], Int64[Array, " some"]]
"""Exact scores of some items, and their rows."""


def measures_of(side: Embeddings, measures: Sequence[Any]) -> list[Any]:
    """Those of some measures that rank what a side holds.

    >>> from anglewise.similarity_measures.measure import measures
    >>> [str(one) for one in measures_of(Embeddings([[1.0]]), measures("dot, maxsim"))]
    ['dot']
    """
    if isinstance(side, Representation):
        return [measure for measure in measures if str(measure) in side.measures]
    return [measure for measure in measures if str(measure) not in TOKEN_FORMULAS]


def usual_measures(*sides: Embeddings) -> tuple[str, ...]:
    """What is compared of some sides where nobody says, each measure once.

    >>> usual_measures(Embeddings([[1.0]]), TokenVectors([[[1.0]]]))
    ('dot', 'cosine', 'euclidean', 'maxsim')
    """
    own = [
        side.usual_measures if isinstance(side, Representation) else DEFAULT_MEASURES
        for side in sides
    ]
    return tuple(dict.fromkeys(name for names in own for name in names))


def check_rank(side: Embeddings, measures: Sequence[Any]) -> None:
    """Refuse measures that do not rank what a side holds; ``SpellingError`` says which do."""
    unfit = [str(one) for one in measures if one not in measures_of(side, measures)]
    if not unfit:
        return
    if not isinstance(side, Representation):
        raise SpellingError(
            f"{unfit[0]} ranks lists of token vectors (TokenVectors), and here each row is one "
            "vector: take dot or cosine"
        )
    raise SpellingError(
        f"{unfit[0]} does not rank {side.noun}: these are ranked by {listed(side.measures)}"
    )


def search_represented(
    ranked: Representation,
    asking: Embeddings,
    measures: Sequence[Measure],
    *,
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    k: int,
    pool: Workers,
    progress: Progress | None,
) -> dict[str, Neighbours]:
    """The nearest of the ranked rows to some rows of those who ask, under each measure."""
    id_order = IdOrder.of(ranked)
    lists: dict[str, Neighbours] = {}
    for number, measure in enumerate(measures):
        answer = Neighbours(
            str(measure),
            np.full((len(rows), k), -1, dtype=np.int64),
            np.full((len(rows), k), -np.inf),
            np.zeros(len(rows), dtype=np.int64),
        )
        step = partial(_report, progress, number * len(rows), len(measures) * len(rows))

        def put(
            query: int, candidates: Candidates, answer: Neighbours = answer, step: Any = step
        ) -> None:
            _put(answer, query, candidates, id_order)
            step(query + 1)

        search = _searcher(ranked, asking)
        search(measure, rows=rows, exclusions=exclusions, k=k, pool=pool, put=put)
        lists[str(measure)] = answer
    return lists


def _searcher(ranked: Representation, asking: Embeddings) -> Callable[..., None]:
    """What goes through the items."""
    if isinstance(ranked, TokenVectors) and isinstance(asking, TokenVectors):
        return partial(nearest_tokens, ranked, asking)
    if isinstance(ranked, SparseVectors) and isinstance(asking, SparseVectors):
        return partial(nearest_sparse, ranked, asking)
    raise WrongTypeError(
        f"{type(asking).__name__} came to ask among {type(ranked).__name__}: both are to be of one "
        "kind, by one model"
    )


def _put(answer: Neighbours, query: int, candidates: Candidates, id_order: IdOrder) -> None:
    """Fill in the list of one query from candidates among which its ``k`` best are."""
    score, rows = candidates
    k = answer.k
    room = TopK.empty(1, max(k, len(rows)))
    room.score[0, : len(rows)] = score
    room.position[0, : len(rows)] = id_order.positions(rows)
    top = TopK.of(room.score, room.position, k)
    place = np.where(top.position < NOWHERE, top.position, -1)
    answer.indices[query] = id_order.rows(place)[0]
    answer.scores[query] = top.score[0]
    answer.tied_at_cut[query] = top.tied[0]


def _report(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress is not None:
        progress(before + done, total)
