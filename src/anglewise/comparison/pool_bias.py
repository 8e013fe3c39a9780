"""Whether what was judged favours some candidates: those whose lists were judged."""

from collections.abc import Iterator, Sequence

from anglewise.comparison.dependence import POOL
from anglewise.comparison.inference import Scores
from anglewise.data_types.text import listed, percent
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.pools import POOL_DEPTH, POOL_GAP

MOST_NAMED = 4


def pool_notes(scores: Scores) -> Iterator[str]:
    """Which candidates seem to have had no part in what was judged, while another had."""
    if scores.outside_pool is None:
        return
    shares = scores.outside_pool.tolist()
    least = min(range(len(shares)), key=shares.__getitem__)
    outside = [i for i, share in enumerate(shares) if share > shares[least] + POOL_GAP]
    if outside:
        yield (
            f"{POOL} {scores.names[least]}: of the first {_depth(scores)} places "
            f"nobody judged {_shares(scores, outside)}, but {_shares(scores, [least])}; what "
            "nobody judged counts as not relevant, and judged, the others might stand higher"
        )


def pool_assumption(scores: Scores, pairs: Sequence[tuple[int, int]]) -> Iterator[str]:
    """What a verdict takes for granted of places that nobody judged.

    Each pair is a candidate that is said to be the better one, or no worse, and the other. Nothing
    is said where the other was judged about as much.
    """
    if scores.outside_pool is None:
        return
    shares = scores.outside_pool.tolist()
    against = [pair for pair in pairs if shares[pair[1]] > shares[pair[0]] + POOL_GAP]
    if against:
        ahead, behind = (dict.fromkeys(column) for column in zip(*against, strict=True))
        yield (
            "what nobody judged is not relevant (of the first "
            f"{_depth(scores)} places {_shares(scores, [*behind])}, against "
            f"{_shares(scores, [*ahead])})"
        )


def _depth(scores: Scores) -> int:
    return min(read_metric(scores.metric).depth or POOL_DEPTH, POOL_DEPTH)


def _shares(scores: Scores, some: Sequence[int]) -> str:
    """The share of its places that nobody judged, for each of some candidates."""
    if scores.outside_pool is None:
        return ""
    shares = scores.outside_pool
    words = [f"{percent(float(shares[i]))} for {scores.names[i]}" for i in some[:MOST_NAMED]]
    more = [f"{len(some) - MOST_NAMED} more likewise"] if len(some) > MOST_NAMED else []
    return listed([*words, *more])
