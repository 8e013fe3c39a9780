"""Measures compared by a machine's grades and people's, as a document."""

from collections.abc import Iterator

from anglewise.comparison.assisted_result import (
    NO_NDCG,
    NOTHING_SAVED,
    AssistedComparison,
    AssistedDifference,
    Savings,
)
from anglewise.data_types.text import counted, listed, percent
from anglewise.report.document import Block, Document, Line, Table
from anglewise.report.words import NOTHING, interval, number, signed


def assisted_document(result: AssistedComparison) -> Document:
    """What was compared, the differences, the machine's errors, and what it saved."""
    decision, _ = result.decision
    return Document(
        [[_table(result)], [Line(sentence) for sentence in _sentences(result)]],
        facts=_facts(result),
        headline=_headline(result),
        reason=_reason(result),
        tone="better" if decision == "better" else "cannot-tell",
        subject="Compared with a machine's grades, corrected by people's",
        question=f"Which measure, by {result.machine} and people together?",
        chapters=lambda: _chapters(result),
        signature=(
            f"metric:DCG(sampled)@{result.depth}|direction:{result.direction}|"
            f"queries:{result.queries}|pairs:{result.people}|intervals:assisted|"
            f"seed:{result.seed}"
        ),
    )


def _chapters(result: AssistedComparison) -> Iterator[Block]:
    yield _table(result)
    yield from (Line(sentence) for sentence in _sentences(result))


def _facts(result: AssistedComparison) -> list[str]:
    first = (
        f"{result.direction}: {counted(result.queries, 'query')}, "
        f"{result.pool:,} pairs among the first {result.depth} places, the measures differ on "
        f"{result.differing:,}; {result.machine} graded {_all_but(result)}, people the "
        f"{result.people:,} that were drawn"
    )
    facts = [first]
    if result.unused:
        facts.append(
            f"{counted(result.unused, 'grade')} by people of pairs that were not drawn: not used"
        )
    return facts


def _all_but(result: AssistedComparison) -> str:
    if not result.not_graded:
        return "all of these"
    return f"{result.differing - result.not_graded:,} of these (the rest counts as its mean grade)"


def _headline(result: AssistedComparison) -> str:
    decision, measure = result.decision
    if decision == "better":
        return f"{measure} is better than {listed(result.behind)}"
    return "cannot tell which is better"


def _reason(result: AssistedComparison) -> str:
    said: list[str] = []
    for one in result.deciding:
        found = one.corrected
        if one.too_few:
            said.append(f"{one.measure} and {one.baseline}: {one.too_few}")
        elif one.leads > 0:
            ends = f"{number(found.mean)} {interval(found.low, found.high)}"
            said.append(f"{one.measure} is ahead of {one.baseline} by {ends}")
        elif one.leads:
            ends = f"{number(-found.mean)} {interval(-found.high, -found.low)}"
            said.append(f"{one.measure} is behind {one.baseline} by {ends}")
        else:
            ends = f"{signed(found.mean)} {_ends(one)}"
            said.append(f"{one.measure} and {one.baseline} are not told apart: {ends}")
    known = any(not one.too_few for one in result.deciding)
    level = f", each at {_level(result)}" if len(said) > 1 else f" at {_level(result)}"
    reason = f"{'; '.join(said)}{level if known else ''}, in {result.deciding[0].metric}"
    ahead = [one.measure for one in result.deciding if one.leads > 0]
    if len(ahead) > 1:
        reason += f"; {listed(ahead)} were not compared with each other (--baseline)"
    return reason


def _ends(one: AssistedDifference) -> str:
    return NOTHING if one.too_few else interval(one.corrected.low, one.corrected.high)


def _table(result: AssistedComparison) -> Table:
    against = f"against {result.baseline}"
    heads = (against, "difference", f"{_level(result)} interval", "machine alone", "machine's bias")
    rows = [
        [
            f"{one.metric}: {one.measure}",
            signed(one.corrected.mean),
            _ends(one),
            signed(one.by_machine),
            _bias(one),
        ]
        for one in result.differences
    ]
    return Table.of(heads, rows)


def _level(result: AssistedComparison) -> str:
    return f"{100 * result.level:.3g}%"


def _bias(one: AssistedDifference) -> str:
    ends = "" if one.too_few else f" {interval(one.bias.low, one.bias.high)}"
    return f"{signed(one.bias.mean)}{ends}"


def _sentences(result: AssistedComparison) -> Iterator[str]:
    if result.agreement is not None:
        agreement = result.agreement
        yield (
            f"Machine and people agree on about {percent(agreement.alike)} of the pairs on which "
            f"measures differ (from {agreement.pairs:,} that both graded): Cohen's kappa "
            f"{number(agreement.kappa)}, with quadratic weights {number(agreement.quadratic)}."
        )
    yield from filter(None, (_favour(one) for one in result.differences))
    for one in result.deciding:
        if one.savings is not None:
            yield _saved(one, one.savings)
        elif not one.too_few:
            yield (
                f"{one.measure} and {one.baseline}: what was saved cannot be told, as the queries "
                "differ by no more than chance among the pairs drawn."
            )
    yield _whole_pools(result)
    together = "" if len(result.measures) == 2 else ", all by one metric together at 95%"
    yield (
        "Intervals: Student's over queries, with the chance by which pairs were drawn in them"
        f"{together}; without bias whatever the machine's errors are. They say nothing of a lead "
        "that does not matter, and of no query that could not be drawn. How far machine and people "
        "agree and what was saved are estimates from this draw, of which no interval is known."
    )


def _favour(one: AssistedDifference) -> str:
    """Whom the machine favours, where that is shown."""
    if one.too_few or one.bias.low <= 0 <= one.bias.high:
        return ""
    favoured, other = (one.measure, one.baseline)[:: 1 if one.bias.mean > 0 else -1]
    return (
        f"The machine favours {favoured} over {other} by about {number(abs(one.bias.mean))} in "
        f"{one.metric}: its grades alone would mislead by as much."
    )


def _saved(one: AssistedDifference, savings: Savings) -> str:
    """What people's grades were worth, beside whole queries and beside no machine."""
    start = (
        f"{one.measure} and {one.baseline}: {savings.grades:,} grades by people are as good as "
        f"about {savings.as_good_as:,.0f} queries that people judge in whole, about "
        f"{savings.whole_grades:,.0f} grades"
    )
    saved = 1 - savings.labels_ratio
    if savings.labels_ratio >= NOTHING_SAVED:
        start += ": nothing was saved"
    else:
        start += f": about {percent(saved)} saved"
    if savings.machine_helped:
        return (
            f"{start}; without the machine's grades the same draw is as good as about "
            f"{savings.without_machine:,.0f} queries."
        )
    return f"{start}; the machine saved nothing: without its grades the same draw tells as much."


def _whole_pools(result: AssistedComparison) -> str:
    if not result.ndcg_queries:
        return f"No nDCG: people graded no query's whole pool. {NO_NDCG}."
    means = ", ".join(f"{name} {number(value)}" for name, value in result.ndcg.items())
    return (
        f"nDCG@{result.depth} of the {counted(result.ndcg_queries, 'query')} whose whole pool "
        f"people graded, which are no random part: {means}."
    )
