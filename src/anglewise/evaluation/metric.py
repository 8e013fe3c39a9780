"""How metrics are written, and read back: ``nDCG@10``, ``RR@10``, ``spearman``."""

import difflib
import re
from collections.abc import Callable, Iterable

from anglewise.core.numbers import read_whole, shown
from anglewise.errors import SpellingError
from anglewise.evaluation.correlation import Pearson, Spearman
from anglewise.evaluation.incomplete import Bpref, CondensedNDCG, InferredAP
from anglewise.evaluation.kinds import Metric, PairMetric, RankingMetric, TripletMetric
from anglewise.evaluation.ranking import (
    NDCG,
    AveragePrecision,
    ExponentialNDCG,
    Judged,
    Precision,
    Recall,
    ReciprocalRank,
)
from anglewise.evaluation.sampled import SampledAP, SampledDCG, SampledNDCG
from anglewise.evaluation.triplets import TripletAccuracy

__all__ = ["Metric", "PairMetric", "RankingMetric", "TripletMetric", "metric", "metrics"]

RANKING: dict[str, Callable[[int], RankingMetric]] = {
    kind.name.lower(): kind
    for kind in (
        NDCG, ExponentialNDCG, Recall, Precision, ReciprocalRank, AveragePrecision, Judged,
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


def metrics(spellings: Iterable[str | Metric] | str) -> list[Metric]:
    """Several, from a list or from one comma-separated text, each kept once.

    >>> [str(m) for m in metrics("ndcg@10, rr@10, nDCG@10")]
    ['nDCG@10', 'RR@10']
    """
    if isinstance(spellings, str):
        spellings = spellings.split(",")
    return list(dict.fromkeys(metric(one) for one in spellings))


def _hint(name: str, depth: int | None) -> str:
    near = difflib.get_close_matches(name[:100], [*RANKING, *WITHOUT_LISTS], n=1)
    if not near:
        return ""
    if near[0] in WITHOUT_LISTS:
        return f"did you mean {near[0]!r}? "
    return f"did you mean '{RANKING[near[0]](max(depth or 10, 1))}'? "
