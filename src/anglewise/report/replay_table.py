"""How measures would have recommended, in the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.recommendation.replay import Replay
from anglewise.report.words import counted, interval, number, percent

WIDTH = 100


def show_replay(found: Replay, console: Console) -> None:
    """Print the moment and who is judged, then a line for each measure, best first."""
    width = min(WIDTH, console.width)
    facts = [f"before {found.moment:.10g}", f"{counted(len(found.users), 'user')} judged"]
    console.print(Text(" · ".join(facts), style="dim"), width=width)
    console.print()
    console.print(_table(found), width=width)
    console.print()
    legend = (
        "Intervals: 95%, over users. Shown: the share of the items used before that stand in "
        "anybody's list. Used by: how many users had used before what is listed, on average; what "
        f"followed had been used by {found.followed:,.0f}. Nobody had used {_share(found)} of what "
        "followed before: it counts as missed."
    )
    console.print(Text(legend, style="dim"), width=width)


def _share(found: Replay) -> str:
    return percent(found.unreachable) if found.unreachable else "none"


def _table(found: Replay) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("measure", no_wrap=True)
    for name in (f"nDCG@{found.k}", "95%", "shown", "used by"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in sorted(found.measures, key=lambda one: -one.ndcg):
        ends = interval(one.low, one.high)
        table.add_row(
            one.measure, number(one.ndcg), ends, percent(one.coverage), f"{one.popularity:,.0f}"
        )
    return table
