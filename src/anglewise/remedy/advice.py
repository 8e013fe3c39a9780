"""What wins, by how much, what it costs, and what to do: one sentence and one command."""

from collections.abc import Sequence
from shlex import quote

from anglewise.comparison.comparison_result import Comparison, Difference
from anglewise.core.text import counted, listed, p_words
from anglewise.remedy.contender import Contender
from anglewise.remedy.result import Advice, Remedied

LEVEL = 0.05


def advise(
    comparison: Comparison, candidates: Sequence[Remedied], contenders: Sequence[Contender]
) -> Advice:
    """Name the simplest candidate that may be the best and beats raw cosine and raw dot.

    Where none beats both at 95%, the better of the two stays.
    """
    may_be_best = {one.measure: one.may_be_best for one in comparison.measures}
    winners = [one for one in candidates if one.kind != "as it is" and _beats_all(one)]
    best = [one for one in winners if may_be_best[one.candidate]] or winners[:1]
    if not best:
        return _stay(comparison, candidates)
    simplicity = {str(one): one.simplicity for one in contenders}
    chosen = min(best, key=lambda one: simplicity[one.candidate])
    sentence = _use(comparison, chosen)
    return Advice(chosen.candidate, True, sentence, ("--candidates", quote(chosen.candidate)))


def cost_words(one: Remedied) -> str:
    """What it costs, in words."""
    cost = one.cost
    made = (
        "nothing is trained"
        if one.kind != "re-made"
        else f"trained in {seconds_words(cost.making_seconds)}"
    )
    serves = (
        "any vector store can serve it by inner product"
        if cost.inner_product
        else "no vector store serves it by inner product"
    )
    return f"{made}, {counted(cost.bytes_a_vector, 'byte')} a vector, {serves}"


def seconds_words(seconds: float) -> str:
    """A time as it stands in a sentence.

    >>> seconds_words(0.04), seconds_words(3.2), seconds_words(150)
    ('under 1 second', '3 seconds', '2.5 minutes')
    """
    if seconds < 1:
        return "under 1 second"
    return counted(round(seconds), "second") if seconds < 100 else f"{seconds / 60:.1f} minutes"


def _beats_all(one: Remedied) -> bool:
    return bool(one.vs) and all(
        apart.difference > 0 and apart.p_adjusted <= LEVEL for apart in one.vs.values()
    )


def _use(comparison: Comparison, one: Remedied) -> str:
    row = next(row for row in comparison.measures if row.measure == one.candidate)
    leads = listed(_apart(apart, f"raw {name}") for name, apart in one.vs.items())
    rivals = [
        other.measure
        for other in comparison.measures
        if other.may_be_best and other.measure not in {one.candidate, *row.alike}
    ]
    said = f"Use {one.candidate}: {_mean(comparison, one)}, {leads}; {cost_words(one)}"
    if not rivals:
        return said
    less = "is less simple" if len(rivals) == 1 else "are less simple"
    return f"{said}; {_some(rivals)} may be better still, but {less}"


def _stay(comparison: Comparison, candidates: Sequence[Remedied]) -> Advice:
    """Nothing wins: the better of raw cosine and raw dot."""
    kept, *other = [one for one in candidates if one.kind == "as it is"]
    rivals = [one for one in candidates if one.kind != "as it is"]
    lead = [_apart(apart, f"raw {name}") for name, apart in kept.vs.items()]
    raw = listed([one.candidate for one in (kept, *other)])
    if rivals:
        ahead = rivals[0].vs.get(kept.candidate)
        nearest = "" if ahead is None else f", {_apart(ahead, f'raw {kept.candidate}')}"
        lead.append(
            f"and of {counted(len(rivals), 'candidate')} none is better than raw {raw} at 95%: "
            f"{rivals[0].candidate} comes nearest{nearest}"
        )
    verdict = comparison.verdict
    if verdict.decision == "cannot-tell" and verdict.needed_queries is not None:
        lead.append(f"about {verdict.needed_queries:,} more judged queries would settle it")
    said = "; ".join(lead)
    name = kept.candidate
    return Advice(name, False, f"Stay with {name}: {_mean(comparison, kept)}, {said}")


def _mean(comparison: Comparison, one: Remedied) -> str:
    row = next(row for row in comparison.measures if row.measure == one.candidate)
    return f"{comparison.metric} {row.metrics[comparison.metric].mean:.3f}"


def _apart(apart: Difference, other: str) -> str:
    """By how much, with the interval: without signs where it lies on one side of nought."""
    ends = (apart.low, apart.high)
    if apart.low > 0 or apart.high < 0:
        low, high = sorted(map(abs, ends))
        interval = f"[{low:.3f}, {high:.3f}]"
    else:
        interval = f"[{apart.low:+.3f}, {apart.high:+.3f}]"
    side = "better" if apart.difference >= 0 else "worse"
    size = f"{abs(apart.difference):.3f}"
    return f"{size} {interval} {side} than {other} ({p_words(apart.p_adjusted)})"


def _some(names: Sequence[str]) -> str:
    shown = [*names[:3], *([f"{len(names) - 3} more"] if len(names) > 3 else [])]
    return listed(shown)
