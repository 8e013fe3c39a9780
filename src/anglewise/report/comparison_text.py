"""A comparison in words: terminal, Markdown, JUnit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import ascii_lowercase

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.comparison.comparison_result import Comparison, Difference, Estimate, MeasureResult
from anglewise.comparison.gates import Checked
from anglewise.comparison.next_judgements import Unjudged
from anglewise.core.text import visible
from anglewise.report.words import (
    DRAWN,
    NOTHING,
    PLAIN,
    Axis,
    Pens,
    broken,
    counted,
    interval,
    number,
    p_value,
    percent,
    raised,
    shortened,
    signed,
)

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


WIDTH = 100
"""No line is longer, so that a table can be pasted."""
AXIS = range(13, 32)
"""How many characters an interval's axis may have."""
MEASURE = 28
COLOURS = {"use": "bold green", "tie": "bold cyan", "cannot-tell": "bold yellow"}


def show_comparison(result: Comparison, console: Console) -> None:
    """Print what was compared, what to know first, the verdict and the table, best first.

    Everything that colour says is said by characters too, and no line is longer than 100.
    """
    pens = DRAWN if "utf" in console.encoding.lower() else PLAIN
    width = min(WIDTH, console.width)
    console.print(Text(" · ".join(facts(result)), style="dim"), width=width)
    for note in result.notes:
        console.print(Text.assemble(("note: ", "bold yellow"), note), width=width)
    console.print()
    console.print(
        Text.assemble(
            (headline(result), COLOURS[result.verdict.decision]), ": ", result.verdict.reason
        ),
        width=width,
    )
    console.print()
    told = lines(result)
    console.print(_table(result, told, pens, width), width=width)
    if further_metrics(result):
        console.print()
        console.print(_further(result, told), width=width)
    console.print()
    raised_letters = "Raised letters: the measures that this one beats. "
    letters = raised_letters if any(line.beats for line in told) else ""
    console.print(Text(letters + legend(result), style="dim"), width=width)
    for line in broken(result.signature, width):
        console.print(Text(line, style="dim"), width=width)


def _table(result: Comparison, told: list[Line], pens: Pens, width: int) -> Table:
    means = [line.mean + raised(line.beats, pens) for line in told]
    baseline = f"vs {shortened(result.baseline, 12)}" if result.baseline is not None else None
    taken = (
        len("a  ")
        + min(MEASURE, max(len(word) for word in ("measure", *(line.measure for line in told))))
        + max(len(word) for word in (result.metric, *means))
        + len("    vs best      p  yes 100%    ")
        + (0 if baseline is None else len(baseline) + len("    <.001"))
    )
    axis = Axis.around([line.estimate for line in told], max(AXIS[0], min(AXIS[-1], width - taken)))
    ends = number(axis.low), number(axis.high)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("measure", max_width=MEASURE, overflow="fold")
    table.add_column(result.metric, no_wrap=True)
    table.add_column(ends[0] + ends[1].rjust(axis.width - len(ends[0])), no_wrap=True)
    for heading in ("vs best", "p", "best?", *([] if baseline is None else [baseline, "p"])):
        table.add_column(heading, justify="right", no_wrap=True)
    for line, mean in zip(told, means, strict=True):
        may = line.result.may_be_best
        chance = f"{'yes' if may else 'no'} {line.chance:>4}"
        drawn = axis.draw(line.estimate, pens)
        cells = [line.letter, line.measure, mean, drawn, line.difference, line.p, chance]
        if baseline is not None:
            cells += [line.baseline, line.baseline_p]
        table.add_row(*cells, style="" if may else "dim")
    return table


def _further(result: Comparison, told: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("measure", max_width=MEASURE, overflow="fold")
    for name in further_metrics(result):
        table.add_column(name)
    for line in told:
        estimates = (line.result.metrics[name] for name in further_metrics(result))
        cells = (f"{number(one.mean)} {interval(one.low, one.high)}" for one in estimates)
        table.add_row(line.letter, line.measure, *cells)
    return table


def markdown(result: Comparison, checked: Sequence[Checked] = ()) -> str:
    """The gates, the verdict, the notes and the table, as GitHub's Markdown.

    Gates that failed come first, since whoever opens the page wants to know why the build is red.
    The same comparison gives the same bytes.
    """
    told = lines(result)
    further = further_metrics(result)
    heading = ["", "measure", f"{result.metric} [95%]", "beats", "vs best", "p", "may be best"]
    if result.baseline is not None:
        heading += [f"vs {result.baseline}", "p"]
    heading += [f"{name} [95%]" for name in further]
    rows: list[list[str]] = []
    for line in told:
        row = [
            _estimate(line.estimate),
            line.beats,
            line.difference,
            line.p,
            f"{'yes' if line.result.may_be_best else 'no'} ({line.chance})",
        ]
        if result.baseline is not None:
            row += [line.baseline, line.baseline_p]
        row += [_estimate(line.result.metrics[name]) for name in further]
        rows.append([line.letter, code(line.measure), *map(escaped, row)])
    sentences = [
        *_gates(checked),
        f"**{escaped(headline(result))}**: {escaped(result.verdict.reason)}",
        *(f"> {escaped(note)}" for note in result.notes),
        ruled([escaped(head) for head in heading], rows),
        escaped(legend(result)),
        escaped(f"{' · '.join(facts(result))} · signature {result.signature}"),
    ]
    return "\n\n".join(sentences) + "\n"


def _gates(checked: Sequence[Checked]) -> list[str]:
    if not checked:
        return []
    failed = sum(not one.passed for one in checked)
    told = f"{failed} of {counted(len(checked), 'gate')} failed" if failed else "All gates held"
    signs = {True: "✅", False: "❌"}
    items = (
        f"- {signs[one.passed]} {escaped(one.sentence)}"
        for one in sorted(checked, key=lambda one: one.passed)
    )
    return [f"**{told}**", "\n".join(items)]


def ruled(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown; its first two columns are words, the others figures."""
    rule = ["---" if i < 2 else "---:" for i in range(len(heading))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rows))


def block(text: str) -> str:
    """Commands as a block of code, which they cannot end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{visible(text)}\n{fence}"


def _estimate(one: Estimate) -> str:
    return f"{number(one.mean)} {interval(one.low, one.high)}"


def escaped(text: str) -> str:
    r"""Text in which nothing is markup, on one line.

    >>> print(escaped("norm(0,*) <img> [x](http://y)"))
    norm(0,\*) &lt;img> [x\](http://y)
    """
    text = re.sub(r"[\\`*_|~]|\](?=[(\[:])", r"\\\g<0>", visible(text).replace("&", "&amp;"))
    return " ".join(text.splitlines()).replace("<", "&lt;")


def code(text: str) -> str:
    r"""Text as code on one line, also inside a table.

    >>> print(code("dot"), code("a|b"), code("a`b"))
    `dot` `a\|b` `` a`b ``
    """
    text = " ".join(visible(text).splitlines()).replace("|", r"\|")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


UNJUDGED_WIDTH = 48
NO_WORDS: Mapping[str, str] = {}


def show_unjudged(
    rest: Unjudged,
    console: Console,
    queries: Mapping[str, str] = NO_WORDS,
    items: Mapping[str, str] = NO_WORDS,
) -> None:
    """Print the sentence, the bounds of each lead and the pairs, with their words where known."""
    console.print(f"{rest}\n", soft_wrap=True)
    for one in rest.bounds:
        console.print(
            f"lead over {one.measure}: {one.lead:+.3f}, between {one.low:+.3f} and {one.high:+.3f} "
            "whatever the rest says"
        )
    if not rest.to_judge:
        return
    table = Table(box=None, pad_edge=False, header_style="", title_justify="left")
    for head in ("worth", "query", "item", "ranks"):
        table.add_column(head, justify="right" if head == "worth" else "left")
    for pair in rest.to_judge:
        ranks = ", ".join(f"{name} {rank}" for name, rank in pair.ranks.items())
        query = _short(queries.get(pair.query_id, ""), pair.query_id)
        item = _short(items.get(pair.item_id, ""), pair.item_id)
        table.add_row(f"{pair.worth:.1%}", query, item, ranks)
    console.print("\nto judge next:")
    console.print(table)


def _short(text: str, name: str) -> str:
    said = " ".join(text.split())
    if not said:
        return name
    return f"{name}: {said if len(said) <= UNJUDGED_WIDTH else said[: UNJUDGED_WIDTH - 1] + '…'}"


def junit(result: Comparison, checked: Sequence[Checked]) -> str:
    """The gates of a comparison as XML; the same bytes every time.

    A gate that fails is a failure with its sentence, one that had no earlier run to be held
    against is skipped.
    """
    failed = sum(not one.passed for one in checked)
    skipped = sum(one.figure is None for one in checked)
    counts = f'tests="{len(checked)}" failures="{failed}" errors="0" time="0"'
    facts = {
        "signature": result.signature,
        "verdict": f"{headline(result)}: {result.verdict.reason}",
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="anglewise" {counts}>',
        f'  <testsuite name="compare by {_text(result.metric)}" {counts} skipped="{skipped}">',
        "    <properties>",
        *(
            f'      <property name="{name}" value="{_text(value)}"/>'
            for name, value in facts.items()
        ),
        "    </properties>",
        *(line for one in checked for line in _case(one)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(one: Checked) -> list[str]:
    said = _text(one.sentence)
    if not one.passed:
        inside = f'<failure type="gate" message="{said}">{said}</failure>'
    elif one.figure is None:
        inside = f'<skipped message="{said}"/>'
    else:
        inside = f"<system-out>{said}</system-out>"
    return [
        f'    <testcase classname="anglewise.compare" name="{_text(str(one.gate))}" time="0">',
        f"      {inside}",
        "    </testcase>",
    ]


def _text(words: str) -> str:
    """Escaped, without the control characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() else " " for c in words))
