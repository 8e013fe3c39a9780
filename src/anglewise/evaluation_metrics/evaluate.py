"""Read metrics from their spellings; evaluate neighbours, pairs and triplets under measures."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

import numpy as np

from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import as_list, check_kind, read_whole, shown
from anglewise.data_types.pairs import Triplets
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import check_number
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.incomplete import (
    Bpref,
    CondensedNDCG,
    InferredAP,
    SampledAP,
    SampledDCG,
    SampledNDCG,
)
from anglewise.evaluation_metrics.interface import (
    Hits,
    Metric,
    PairMetric,
    Qrels,
    RankingMetric,
    TripletMetric,
)
from anglewise.evaluation_metrics.metrics import (
    NDCG,
    AveragePrecision,
    ExponentialNDCG,
    JudgedShare,
    Pearson,
    Precision,
    Recall,
    ReciprocalRank,
    Spearman,
    TripletAccuracy,
)
from anglewise.similarity_measures.formulas import (
    TERMS,
    BlockFormula,
    Formula,
    Measure,
    Product,
    fitted,
    frames_in,
    in_lanes,
    summed,
)
from anglewise.similarity_measures.frames import fit_frames
from anglewise.similarity_measures.measure import measures as read_measures

__all__ = ["Metric", "PairMetric", "RankingMetric", "TripletMetric", "metric", "read_metrics"]

RANKING: dict[str, Callable[[int], RankingMetric]] = {
    kind.name.lower(): kind
    for kind in (
        NDCG, ExponentialNDCG, Recall, Precision, ReciprocalRank, AveragePrecision, JudgedShare,
        CondensedNDCG, Bpref, InferredAP, SampledNDCG, SampledDCG, SampledAP,
    )
}  # fmt: skip
OTHER_NAMES = {"recall": "r", "precision": "p", "mrr": "rr", "map": "ap"}
WITHOUT_LISTS: dict[str, Callable[[], Metric]] = {
    kind.name: kind for kind in (Spearman, Pearson, TripletAccuracy)
}
EXAMPLES = (
    *("nDCG@10", "nDCG(exp)@10", "R@100", "P@10", "RR@10", "AP@100", "Judged@10"),
    *("nDCG(condensed)@100", "bpref@100", "infAP@100"),
    *("nDCG(sampled)@10", "DCG(sampled)@10", "AP(sampled)@100"),
    *WITHOUT_LISTS,
)

_WORD = re.compile(r"(?P<name>[^@\s]+)\s*(?:@\s*(?P<depth>[^@\s]+))?")


def metric(spelling: str | Metric) -> Metric:
    """Read a metric from its spelling, in capitals or not; a metric passes through.

    Raises ``SpellingError`` with the nearest known word.

    >>> str(metric("ndcg@10")), metric("recall@5") == metric("R@5")
    ('nDCG@10', True)
    >>> metric("ncdg@10")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no metric is called 'ncdg@10': did you mean 'nDCG@10'? ...
    """
    if isinstance(spelling, Metric):
        return spelling
    check_kind(spelling, str, "a metric", "a spelling such as nDCG@10")
    match = _WORD.fullmatch(spelling.strip().lower())
    name = OTHER_NAMES.get(match["name"], match["name"]) if match else ""
    typed = match["depth"] if match else None
    depth = None if typed is None else read_whole(typed)
    if name in RANKING and depth is not None:
        return RANKING[name](depth)
    if name in WITHOUT_LISTS and typed is None:
        return WITHOUT_LISTS[name]()
    raise SpellingError(
        f"no metric is called {shown(spelling)!r}: {_hint(name, depth)}"
        f"known are {', '.join(EXAMPLES)}"
    )


def read_metrics(spellings: Iterable[str | Metric] | str) -> list[Metric]:
    """Several, from a list or from one comma-separated text, each kept once.

    >>> [str(m) for m in read_metrics("ndcg@10, rr@10, nDCG@10")]
    ['nDCG@10', 'RR@10']
    """
    if isinstance(spellings, str):
        spellings = spellings.split(",")
    wanted = as_list(spellings, "metrics", "a list of spellings or metrics is due")
    check_number(len(wanted), "metric")
    return list(dict.fromkeys(map(metric, wanted)))


def _hint(name: str, depth: int | None) -> str:
    near = difflib.get_close_matches(name[:100], [*RANKING, *WITHOUT_LISTS], n=1)
    if not near:
        return ""
    if near[0] in WITHOUT_LISTS:
        return f"did you mean {near[0]!r}? "
    return f"did you mean '{RANKING[near[0]](max(depth or 10, 1))}'? "


DIRECTION: Direction = "queries-items"


def evaluate_triplets(
    space: Space,
    measures: Iterable[str | Measure] | str,
    triplets: Triplets,
    metrics: Iterable[str | Metric] | str = "triplet-accuracy",
) -> dict[str, Float64[Array, "m triplets"]]:
    """For each measure and triplet, 1 if it is ordered as the person did, ½ for a tie, or 0.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    >>> triplets = Triplets(np.array([0]), np.array([1]), np.array([2]))
    >>> evaluate_triplets(space, "cosine,euclidean", triplets)
    {'triplet-accuracy': array([[1.],
           [1.]])}
    """
    readers = [_reading_triplets(metric) for metric in read_metrics(metrics)]
    scored = read_measures(measures)
    near = score_pairs(space, scored, triplets.anchors, triplets.near)
    far = score_pairs(space, scored, triplets.anchors, triplets.far)
    return {str(metric): metric.per_triplet(near, far) for metric in readers}


def score_pairs(
    space: Space,
    measures: Sequence[Measure],
    rows_a: Int64[Array, " pairs"],
    rows_b: Int64[Array, " pairs"],
    direction: Direction = DIRECTION,
) -> Float64[Array, "m pairs"]:
    """Score some pairs under each measure in float64; larger is nearer.

    ``rows_a`` are rows of those who ask, ``rows_b`` of what is ranked (of the items both, in a
    one-sided space). Measures of one frame share its maps, those of one product share that.
    """
    scores = np.empty((len(measures), len(rows_a)))
    asking, ranked = space.sides(direction)
    frames_of = [frames_in(measure, space, direction) for measure in measures]
    for frames in dict.fromkeys(frames_of):
        mine = [row for row, its_frames in enumerate(frames_of) if its_frames == frames]
        formulas = [
            fitted(measures[row], space, direction, new_vectors=False).formula for row in mine
        ]
        whole = any(formula.axes for formula in formulas)
        maps = fit_frames(frames, space, direction, new_vectors=whole)
        for start in range(0, len(rows_a), BLOCK):
            part = slice(start, start + BLOCK)
            q = asking.vectors[rows_a[part]].astype(np.float64)
            x = ranked.vectors[rows_b[part]].astype(np.float64)
            if maps is not None:
                q, x = maps.asking(q), maps.ranked(x)
            scores[mine, part] = _score(formulas, rows_b[part], q, x)
    return scores


def _score(formulas: Sequence[Formula], rows: Array, q: Array, x: Array) -> Float64[Array, "m n"]:
    """Score each query with the item beside it, given the items' rows."""
    kinds: set[Product] = {formula.product for formula in formulas}
    query, item = in_lanes(q), in_lanes(x)
    products = {kind: summed(TERMS[kind](query, item)) for kind in kinds if kind != "block"}
    query_norms, item_norms = (np.sqrt(summed(side * side)) for side in (query, item))
    scores = np.empty((len(formulas), len(q)))
    for row, formula in enumerate(formulas):
        if isinstance(formula, BlockFormula):
            pairs = zip(q, x, strict=True)
            scores[row] = [formula.block(a[None], b[None])[0, 0] for a, b in pairs]
            continue
        product = products[formula.product]
        if formula.unit_queries:
            product = product / np.where(query_norms > 0, query_norms, 1.0)
        scores[row] = formula.score_at(rows, product, query_norms, item_norms)
    return scores


def _reading_triplets(metric: Metric) -> TripletMetric:
    if not isinstance(metric, TripletMetric):
        raise SpellingError(f"{metric} does not read triplets: ask for triplet-accuracy")
    return metric


def ranking_metrics(metrics: Iterable[Metric]) -> list[RankingMetric]:
    """The same metrics; ``SpellingError`` where one reads no ranked lists."""
    readers: list[RankingMetric] = []
    for metric in metrics:
        if not isinstance(metric, RankingMetric):
            raise SpellingError(
                f"{metric} does not read ranked lists: with queries and relevant items ask for one "
                "that does, such as nDCG@10"
            )
        readers.append(metric)
    return readers


def evaluate(
    neighbours: Mapping[str, Neighbours],
    judgements: Judgements,
    rows: Int64[Array, " q"],
    metrics: Iterable[str | Metric] | str,
) -> dict[str, Float64[Array, "m q"]]:
    """Say how well each measure's neighbours agree with the judgements, query by query.

    Parameters
    ----------
    neighbours
        Under each measure the neighbours of ``rows``, in that order.
    judgements
        What was judged; items without a judgement count as not relevant.
    rows
        Rows of the asking side. One without any relevant item gets 0, except for ``Judged``.
    metrics
        Metrics of ranked lists, or their spellings.

    Returns
    -------
    dict
        From the spelling of a metric to its values, ``measures x queries``, the measures in the
        order of ``neighbours``.

    Raises
    ------
    SpellingError
        A metric that is unknown, or that does not read lists.
    ValuesError
        Grades beyond what the metric can add up, such as 2^1500; pairs drawn by lot with chances
        that are not known, for a metric that weighs by them.
    TooFewError
        Lists shorter than a metric reads, though more items could have been ranked.

    Examples
    --------
    >>> gains = SparseRows.from_pairs([0, 0], [1, 2], [1.0, 3.0], shape=(1, 4))
    >>> lists = np.array([[2, 3]])
    >>> found = {"dot": Neighbours("dot", lists, np.array([[2, 1]], np.float32), np.array([0]))}
    >>> evaluate(found, Judgements(gains), np.array([0]), "R@2,RR@2")
    {'R@2': array([[0.5]]), 'RR@2': array([[1.]])}
    """
    readers = ranking_metrics(read_metrics(metrics))
    _check_chances(judgements, readers)
    graded, level = qrels_of(judgements, rows), judgements.relevant_from
    binary = graded if level is None else graded.binary(level)
    _check_grades(readers, graded)
    deepest = max(readers, key=attrgetter("depth"))
    values: dict[str, list[Array]] = {str(metric): [] for metric in readers}
    for lists in neighbours.values():
        _check_depth(lists, deepest, graded.items)
        hits = Hits(lists.indices[:, : deepest.depth], graded)
        binary_hits = hits if binary is graded else Hits(hits.indices, binary)
        for metric in readers:
            read = metric.per_query(hits if metric.graded else binary_hits)
            values[str(metric)].append(read)
    return {name: np.stack(per_measure) for name, per_measure in values.items()}


def check_relevant(judgements: Judgements, metric: Metric) -> None:
    """Refuse judgements of no query, or by which every list gets the same; ``TooFewError``.

    Raises ``ValuesError`` where the metric weighs by chances that are not known.
    """
    _check_chances(judgements, [metric])
    if not len(judgements.judged_rows):
        raise TooFewError("no query is judged: give judgements of ids that the space holds")
    gains, level = judgements.graded.values, judgements.relevant_from
    if isinstance(metric, JudgedShare):
        return
    if not (gains > 0).any():
        raise TooFewError(
            f"no judged query has a relevant item, so that {metric} is the same for every measure: "
            "give judgements with gains above 0"
        )
    if level is not None and not getattr(metric, "graded", False) and not (gains >= level).any():
        raise TooFewError(
            f"no grade reaches {level:g}, from which on items are relevant to {metric}, so that it "
            f"is the same for every measure: the highest is {gains.max():g}; lower relevant_from "
            "(--relevant-from)"
        )


def weighs_by_chance(metric: Metric) -> bool:
    """Whether a metric lets each pair stand for others, by the chance with which it was drawn."""
    return isinstance(metric, RankingMetric) and metric.unjudged == "stood for"


def _check_chances(judgements: Judgements, metrics: Iterable[Metric]) -> None:
    """Refuse metrics that weigh by chances where these are not known."""
    weighing = next(filter(weighs_by_chance, metrics), None)
    if judgements.chances_unknown and weighing is not None:
        raise ValuesError(
            f"{weighing} weighs judged pairs by the chances with which they were drawn by lot, and "
            f"these are not known: {judgements.chances_unknown}; take judgements of one draw, each "
            "with its probability, or a metric that weighs nothing"
        )


def qrels_of(judgements: Judgements, rows: Int64[Array, " q"]) -> Qrels:
    """What was judged of some queries, items that the space lacks included."""
    chances = None if judgements.chances is None else _rows(judgements.chances, rows)
    graded = _rows(judgements.graded, rows)
    return Qrels(graded, judgements.judged_items, chances, len(judgements.missing_ids))


def _check_grades(metrics: Iterable[RankingMetric], qrels: Qrels) -> None:
    """Refuse grades whose gains cannot be added up in float64."""
    highest = float(qrels.gains.values.max(initial=0.0))
    for metric in metrics:
        if isinstance(metric, NDCG) and not highest <= metric.highest:  # NaN is refused too
            raise ValuesError(
                f"{metric} adds up gains of grades up to {metric.highest:g}, and the highest grade "
                f"is {highest:g}: map the grades to a few steps, such as 0 to 3, or take nDCG@10"
            )


def _rows(gains: SparseRows, rows: Array) -> SparseRows:
    every = np.array_equal(rows, np.arange(gains.shape[0]))
    return gains if every else gains.take(rows)


def _check_depth(neighbours: Neighbours, deepest: RankingMetric, items: int) -> None:
    if neighbours.k < min(deepest.depth, items - 1):  # an item is never its own neighbour
        raise TooFewError(
            f"{deepest} reads {deepest.depth} places, the lists of {neighbours.measure} have "
            f"{neighbours.k}: search with k = {deepest.depth}"
        )
