"""What a comparison would take, from a search for a few of its queries."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from anglewise.comparison.conclusion import baseline_among, read_settings
from anglewise.comparison.filtered import filtered
from anglewise.comparison.floors import forecast_of_texts
from anglewise.comparison.lists import EvaluationSettings
from anglewise.comparison.slices import side_of
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import counted
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec
from anglewise.statistics.decision import DRAWS, MOST_ROWS

OF_QUERIES = "a dry run is of queries, and these are pairs or triplets: leave it out"
TRIED = 64
"""Queries that are searched for to tell how long all take."""
PRODUCTS = 2e9
"""Weighted sums of values in a second, on one core, from below."""


@dataclass(frozen=True)
class Forecast:
    """How long a comparison would take and how much memory, about.

    ``search_seconds`` is extrapolated from ``tried`` queries; what is tuned is searched once for
    each of its settings. ``test_seconds`` comes from the number of figures alone. The floor of
    texts, BM25, takes ``floor_seconds`` and ``floor_bytes``, which ``bytes`` holds too: 0 where it
    is not shown.
    """

    queries: int
    items: int
    figures: int
    tried: int
    search_seconds: float
    test_seconds: float
    bytes: int
    floor_seconds: float = 0.0
    floor_bytes: int = 0

    def __str__(self) -> str:
        seconds = self.search_seconds + self.test_seconds + self.floor_seconds
        long = f"{seconds:.0f} seconds" if seconds >= 2 else "2 seconds or less"
        return (
            f"{counted(self.figures, 'figure')} of {counted(self.queries, 'query')} over "
            f"{counted(self.items, 'item')}: about {long} and {self.bytes / 1e6:,.0f} MB beyond "
            f"what the program itself takes (searched for {self.tried} of the queries)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys."""
        return asdict(self)


def check_options(
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    measures: Sequence[MeasureSpec],
    *,
    metric: str | None,
    metrics: Sequence[str] | str,
    tolerance: str | None,
    largest_difference: float,
    baseline: str | None,
    split: str,
    largest_group: int | None,
    slices: Sequence[str],
    seed: int,
    where: Sequence[str] | None = None,
) -> EvaluationSettings:
    """The settings of a comparison, once all that it would refuse of its options was refused."""
    baseline_among(measures, baseline)
    settings = read_settings(
        type(judgements),
        metric,
        metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        candidates=len(measures),
        seed=seed,
    )
    if not isinstance(judgements, Judgements):
        raise SpellingError(OF_QUERIES)
    settings = settings.for_queries(space, judgements, split, largest_group)
    for word in slices:
        side_of(word, space, judgements.direction)
    if where is not None:
        filtered(judgements, space, where, "count")
    return settings


def forecast(
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    measures: Sequence[MeasureSpec],
    metrics: Sequence[Metric],
    *,
    where: Sequence[str] | None = None,
    clock: Callable[[], float] = monotonic,
) -> Forecast:
    """Search for some of the judged queries, and say what all of them would take.

    Raises ``SpellingError`` for judgements that are no graded relevance.

    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> from anglewise.similarity_measures.measure import measures
    >>> from anglewise.evaluation_metrics.evaluate import read_metrics
    >>> x = np.random.default_rng(0).standard_normal((90, 4))
    >>> own = SparseRows.from_pairs(np.arange(90), np.arange(90), shape=(90, 90))
    >>> told = forecast(Space(items=Embeddings(x)), Judgements(own, direction="items-items"),
    ...                 measures("dot,cosine"), read_metrics("nDCG@10"))
    >>> told.queries, told.tried, told.figures
    (90, 64, 2)
    """
    if not isinstance(judgements, Judgements):
        raise SpellingError(OF_QUERIES)
    rows = judgements.judged_rows
    tried = rows[:: max(1, len(rows) // TRIED)][:TRIED]
    asking, ranked = space.sides(judgements.direction)
    fixed = [measure for measure in measures if isinstance(measure, Measure)]
    searched = sum(
        len(measure.settings()) if isinstance(measure, Family) else 1 for measure in measures
    )
    depth = max((metric.depth or 1) for metric in metrics)
    began = clock()
    search(
        space,
        fixed or ["dot"],
        k=min(depth, len(ranked)),
        direction=judgements.direction,
        rows=tried,
        exclude=judgements.seen,
        where=where,
    )
    each = (clock() - began) / max(len(tried), 1) / max(len(fixed), 1)
    figures = len(measures) * len(metrics)
    at_once = min(len(rows), MOST_ROWS)
    lists = len(rows) * depth * 12 * searched
    floor_seconds, floor_bytes = 0.0, 0
    if metrics[0].bounded and metrics[0].depth is not None:
        floor_seconds, floor_bytes = forecast_of_texts(of_space(space, judgements), len(rows))
    vectors = 2 * (asking.nbytes + ranked.nbytes)
    return Forecast(
        queries=len(rows),
        items=len(ranked),
        figures=figures,
        tried=len(tried),
        search_seconds=each * len(rows) * searched,
        test_seconds=DRAWS * at_once * (figures + 4) / PRODUCTS,
        bytes=int(
            vectors + lists + 3 * 8 * DRAWS * figures + 8 * len(rows) * figures + floor_bytes
        ),
        floor_seconds=floor_seconds,
        floor_bytes=floor_bytes,
    )
