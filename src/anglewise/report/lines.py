"""One line for each measure, in words: what the terminal, Markdown and the page all show."""

from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_lowercase

from anglewise.comparison.comparison_result import Comparison, Difference, Estimate, MeasureResult
from anglewise.report.words import NOTHING, counted, number, p_value, percent, signed

LETTERS = ascii_lowercase.replace("q", "")  # there is no common superscript q


@dataclass(frozen=True)
class Line:
    """A measure as every report shows it.

    ``letter`` names it in the superscripts of those that beat it; ``beats`` are the letters of
    those it beats, runs of three and more joined by a dash.
    """

    letter: str
    result: MeasureResult
    estimate: Estimate
    beats: str
    mean: str
    difference: str
    p: str
    chance: str
    baseline: str
    baseline_p: str

    @property
    def measure(self) -> str:
        """The spelling."""
        return self.result.measure


def lines(result: Comparison) -> list[Line]:
    """The lines of a comparison, best first."""
    letters = {one.measure: _letter(i) for i, one in enumerate(result.measures)}
    return [
        Line(
            letter=letters[one.measure],
            result=one,
            estimate=one.metrics[result.metric],
            beats=runs([letters[name] for name in one.beats if name in letters]),
            mean=number(one.metrics[result.metric].mean),
            difference=_difference(one.vs_best),
            p=_p(one.vs_best),
            chance=percent(one.best_probability),
            baseline=_difference(one.vs_baseline),
            baseline_p=_p(one.vs_baseline),
        )
        for one in result.measures
    ]


def runs(letters: Iterable[str]) -> str:
    """Letters in order, neighbours joined.

    >>> runs(["c", "b", "d"]), runs(["a", "b"]), runs(["a", "c", "d", "e"])
    ('b-d', 'ab', 'ac-e')
    """
    places = sorted(LETTERS.index(letter) for letter in letters if letter)
    text: list[str] = []
    while places:
        length = next((i for i in range(1, len(places)) if places[i] != places[0] + i), len(places))
        run = [LETTERS[place] for place in places[:length]]
        text.append(f"{run[0]}-{run[-1]}" if length > 2 else "".join(run))
        places = places[length:]
    return "".join(text)


def headline(result: Comparison) -> str:
    """The decision in two or three words.

    >>> from anglewise.comparison.comparison_result import Verdict
    >>> verdict = Verdict("use", "dot", (), None, None, "")
    >>> headline(Comparison(None, "spearman", None, 9, 9, 9, 0, (), verdict, ""))
    'Use dot'
    """
    verdict = result.verdict
    if verdict.decision == "use":
        return f"Use {verdict.measure}"
    if verdict.decision == "tie":
        return f"Tie, take {verdict.measure}"
    return "Cannot tell"


def facts(result: Comparison) -> list[str]:
    """What was compared on what, piece by piece."""
    if result.direction is None:
        sizes = [counted(result.judged, "judgement")]
    else:
        sizes = [
            counted(result.queries, "query", "queries") + _groups(result),
            counted(result.items, "item"),
            counted(result.judged, "judgement"),
        ]
    direction = [] if result.direction is None else [result.direction]
    given = [one for one in result.spaces if one.made_of is None]
    if len(given) > 1:
        sizes.insert(0, counted(len(given), "space"))
    return [*direction, result.metric, *sizes, f"seed {result.seed}"]


def _groups(result: Comparison) -> str:
    return "" if result.groups is None else f" in {counted(result.groups, 'group')}"


def further_metrics(result: Comparison) -> list[str]:
    """The metrics beside the one that decides."""
    return [name for one in result.measures[:1] for name in one.metrics if name != result.metric]


def legend(result: Comparison) -> str:
    """How to read the table, in a few sentences."""
    over = "queries" if result.groups is None else "groups of queries"
    said = ["Intervals: 95%." if result.direction is None else f"Intervals: 95%, over {over}."]
    if len(result.measures) > 1:
        said.append("p: against the best, Holm-adjusted.")
        said.append("Best: whether it may be, at 95%, and the share of resamples in which it is.")
    shares = [one.unjudged_share for one in result.measures if one.unjudged_share is not None]
    if any(shares):
        least, most = percent(min(shares)), percent(max(shares))
        range_ = least if least == most else f"{least} to {most}"
        said.append(f"Of what is ranked, {range_} was never judged and counts as not relevant.")
    return " ".join(said)


def _letter(place: int) -> str:
    return LETTERS[place] if place < len(LETTERS) else ""


def _difference(to: Difference | None) -> str:
    return NOTHING if to is None else signed(to.difference)


def _p(to: Difference | None) -> str:
    return NOTHING if to is None else p_value(to.p_adjusted)
