"""The same measures judged in other ways and by other truths, beside the verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from anglewise.comparison.comparison_result import Comparison, Verdict


@dataclass(frozen=True)
class JudgedAs:
    """The same measures judged in another way, which stands beside the verdict.

    Attributes
    ----------
    name
        The way, in words: ``in strata, support 2``.
    queries
        How many have a relevant item then.
    means
        The metric of each measure over these.
    verdict
        What would be said if that were the judgement.
    """

    name: str
    queries: int
    means: Mapping[str, float]
    verdict: Verdict


def disagreement(ways: Sequence[tuple[str, Verdict]]) -> str:
    """Which ways of judging tell against the first one's measure, in words; empty where none do.

    A verdict leaves its measure and those that it does not rule out; one that cannot tell leaves
    all.

    >>> def way(name, decision, measure, *tied):
    ...     return name, Verdict(decision, measure, tied, None, None, "")
    >>> disagreement([way("a", "use", "dot"), way("b", "tie", "cosine", "dot")])
    ''
    >>> disagreement([way("a", "use", "dot"), way("b", "use", "cosine"), way("c", "use", "dot")])
    'a: use dot; b: use cosine; c: use dot'
    """
    saying = [(name, verdict) for name, verdict in ways if verdict.decision != "cannot-tell"]
    first = ways[0][1]
    told = first.decision != "cannot-tell"
    if not told or all(first.measure in _left(verdict) for _, verdict in saying):
        return ""
    return "; ".join(f"{name}: {in_short(verdict)}" for name, verdict in saying)


def in_short(verdict: Verdict) -> str:
    """The headline within a sentence: a measure that is kept in a tie has not won.

    >>> in_short(Verdict("tie", "dot", (), None, None, ""))
    'tie, keep dot'
    """
    if verdict.decision == "better":  # which begins with the measure's name
        return verdict.headline
    return verdict.headline[0].lower() + verdict.headline[1:]


def _left(verdict: Verdict) -> set[str]:
    return {verdict.measure, *verdict.tied_with}


def undecided(verdict: Verdict, why: str, words: str) -> Verdict:
    """That one cannot tell, as verdicts by several ways of judging do not say the same."""
    return Verdict(
        "cannot-tell",
        verdict.keep,
        (),
        None,
        verdict.smallest_detectable,
        f"{why}: {words}",
        keep=verdict.keep,
        largest_difference=verdict.largest_difference,
        trainings_agree=verdict.trainings_agree,
    )


def judged_content(
    result: Comparison, plain: Callable[[list[tuple[str, Any]]], dict[str, Any]]
) -> dict[str, Any]:
    """For JSON: of what lists were taken, and the verdicts by other ways and other truths."""
    content: dict[str, Any] = {}
    if result.within:
        content["within"] = result.within
    if result.ways:
        content["ways"] = [asdict(way, dict_factory=plain) for way in result.ways]
    if result.truths:
        content["truths"] = [_truth(name, own) for name, own in result.truths]
    return content


def _truth(name: str, result: Comparison) -> dict[str, Any]:
    """One truth: what it is, and what is said by it alone."""
    content = result.to_dict()
    left_out = {"command", "version", "how_to_read", "slices", "spaces", "baseline", "seed"}
    source = getattr(None if result.evidence is None else result.evidence.judgements, "source", "")
    own = {key: value for key, value in content.items() if key not in left_out}
    return {"truth": name, "source": source, **own}
