"""What was learned about relevance, in the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.rag.relevance import FalseContexts, Relevance
from anglewise.report.words import counted, interval, number, percent

WIDTH = 100


def show_relevance(learned: Relevance, elsewhere: FalseContexts | None, console: Console) -> None:
    """Print the threshold and what it keeps, then whether probabilities hold, bin by bin."""
    width = min(WIDTH, console.width)
    facts = [
        learned.measure,
        f"{counted(learned.questions, 'question')} with a relevant passage",
        f"{learned.pairs:,} passages, {learned.relevant:,} relevant",
    ]
    console.print(Text(" · ".join(facts), style="dim"), width=width)
    console.print()
    for sentence in _sentences(learned, elsewhere):
        console.print(Text(sentence), width=width)
    console.print()
    console.print(_table(learned), width=width)
    console.print()
    legend = (
        "Predicted for questions that had no part in learning, against what was judged; intervals: "
        "95%. What was never judged counts as not relevant."
    )
    console.print(Text(legend, style="dim"), width=width)


def _sentences(learned: Relevance, elsewhere: FalseContexts | None) -> list[str]:
    kept = learned.held_out_recall
    held_out = f"{number(kept.value)} {interval(kept.low, kept.high)}"
    error, brier = learned.reliability.expected_error, learned.reliability.brier
    first = f"Threshold {number(learned.threshold)}: {percent(learned.recall)} of the questions"
    first += f" are to keep a relevant passage; held out, {held_out} of them do"
    second = f"Expected calibration error {number(error)}, Brier score {number(brier)}"
    told = [first, second]
    if elsewhere is not None:
        rate = elsewhere.rate
        told.append(
            f"False contexts: {rate.count:,} of {counted(rate.of, 'question')} from elsewhere are "
            f"given something, {number(rate.value)} {interval(rate.low, rate.high)}"
        )
    return told


def _table(learned: Relevance) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("predicted", "relevant", "95%", "passages"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in learned.reliability.bins:
        seen = one.observed
        ends = interval(seen.low, seen.high)
        table.add_row(number(one.predicted), number(seen.value), ends, f"{seen.of:,}")
    return table
