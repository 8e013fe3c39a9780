"""Graded pairs and triplets: only what they name is scored, nothing is searched."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from anglewise.core.embeddings import BLOCK, Space
from anglewise.core.judgements import Pairs, Triplets
from anglewise.core.typing import Array, Direction, Float64, Int64
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation.kinds import Metric, PairMetric, TripletMetric
from anglewise.evaluation.metric import metrics as read_metrics
from anglewise.measures.formulas import BlockFormula, Formula, Measure, Product, fitted
from anglewise.measures.frames import Maps, fit_frames
from anglewise.measures.measure import measures as read_measures

DIRECTION: Direction = "queries-items"
PRODUCTS: dict[Product, Callable[[Array, Array], Array]] = {
    "dot": lambda q, x: np.einsum("ij,ij->i", q, x),
    "squared-distance": lambda q, x: np.square(q - x).sum(axis=1),
    "manhattan": lambda q, x: np.abs(q - x).sum(axis=1),
}


def evaluate_pairs(
    space: Space,
    measures: Iterable[str | Measure] | str,
    pairs: Pairs,
    metrics: Iterable[str | Metric] | str = "spearman",
) -> dict[str, Float64[Array, "m pairs"]]:
    """Say how well each measure's scores go with the grades, pair by pair.

    The mean over pairs is the correlation; see ``PairMetric.per_pair`` for what each adds.
    Raises ``SpellingError`` for metrics of another kind, ``TooFewError`` for fewer than two pairs.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    >>> pairs = Pairs(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([5.0, 1.0, 0.0]))
    >>> evaluate_pairs(space, "cosine", pairs)["spearman"].mean(axis=1).round(3).tolist()
    [0.866]
    """
    asked = [_reading_pairs(metric) for metric in read_metrics(metrics)]
    if len(pairs.scores) < 2:
        raise TooFewError(f"{len(pairs.scores)} graded pairs: a correlation needs at least two")
    scores = score_pairs(space, read_measures(measures), pairs.rows_a, pairs.rows_b)
    return {str(metric): metric.per_pair(scores, pairs.scores) for metric in asked}


def evaluate_triplets(
    space: Space,
    measures: Iterable[str | Measure] | str,
    triplets: Triplets,
    metrics: Iterable[str | Metric] | str = "triplet-accuracy",
) -> dict[str, Float64[Array, "m triplets"]]:
    """Say which triplets each measure orders as the person did: 1, ½ for a tie, or 0.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    >>> triplets = Triplets(np.array([0]), np.array([1]), np.array([2]))
    >>> evaluate_triplets(space, "cosine,euclidean", triplets)
    {'triplet-accuracy': array([[1.],
           [1.]])}
    """
    asked = [_reading_triplets(metric) for metric in read_metrics(metrics)]
    wanted = read_measures(measures)
    near = score_pairs(space, wanted, triplets.anchors, triplets.near)
    far = score_pairs(space, wanted, triplets.anchors, triplets.far)
    return {str(metric): metric.per_triplet(near, far) for metric in asked}


def score_pairs(
    space: Space,
    measures: Sequence[Measure],
    rows_a: Int64[Array, " pairs"],
    rows_b: Int64[Array, " pairs"],
) -> Float64[Array, "m pairs"]:
    """Score some pairs under each measure in float64; larger is nearer.

    ``rows_a`` are rows of the queries, ``rows_b`` of the items (of the items both, in a
    one-sided space). Measures of one frame share its maps, those of one product share that.
    """
    scores = np.empty((len(measures), len(rows_a)))
    for frames in dict.fromkeys(measure.frames for measure in measures):
        mine = [row for row, measure in enumerate(measures) if measure.frames == frames]
        formulas = [fitted(measures[row], space, DIRECTION).formula for row in mine]
        maps = fit_frames(frames, space, DIRECTION)
        for start in range(0, len(rows_a), BLOCK):
            part = slice(start, start + BLOCK)
            q, x = _moved(space, maps, rows_a[part], rows_b[part])
            scores[mine, part] = _score(formulas, rows_b[part], q, x)
    return scores


def _moved(space: Space, maps: Maps | None, rows_a: Array, rows_b: Array) -> tuple[Array, Array]:
    asking, ranked = space.sides(DIRECTION)
    q, x = (
        side.vectors[rows].astype(np.float64) for side, rows in ((asking, rows_a), (ranked, rows_b))
    )
    return (q, x) if maps is None else (maps.asking(q), maps.ranked(x))


def _score(formulas: Sequence[Formula], rows: Array, q: Array, x: Array) -> Array:
    kinds: set[Product] = {formula.product for formula in formulas}
    products = {kind: PRODUCTS[kind](q, x) for kind in kinds if kind != "block"}
    norms = np.linalg.norm(q, axis=1), np.linalg.norm(x, axis=1)
    return np.stack(
        [
            _one_by_one(formula, q, x)
            if isinstance(formula, BlockFormula)
            else formula.score_at(rows, _read(formula, products, norms[0]), *norms)
            for formula in formulas
        ]
    )


def _read(formula: Formula, products: Mapping[str, Array], query_norms: Array) -> Array:
    product = products[formula.product]
    if not formula.unit_queries:
        return product
    return product / np.where(query_norms > 0, query_norms, 1.0)


def _one_by_one(formula: BlockFormula, q: Array, x: Array) -> Array:
    return np.array([formula.block(a[None], b[None])[0, 0] for a, b in zip(q, x, strict=True)])


def _reading_pairs(metric: Metric) -> PairMetric:
    if not isinstance(metric, PairMetric):
        raise SpellingError(f"{metric} does not read graded pairs: ask for spearman or pearson")
    return metric


def _reading_triplets(metric: Metric) -> TripletMetric:
    if not isinstance(metric, TripletMetric):
        raise SpellingError(f"{metric} does not read triplets: ask for triplet-accuracy")
    return metric
