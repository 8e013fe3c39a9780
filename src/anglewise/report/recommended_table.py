"""One user's recommendations in the terminal, with the reasons where they were asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.recommendation.fold_in import Explanation
from anglewise.recommendation.recommender import Recommended
from anglewise.report.words import percent, shortened

WIDTH = 100
TITLE = 60


@dataclass(frozen=True, eq=False)
class Told:
    """The list of one user, and an explanation of each place or of none.

    ``reasons`` is how many of the user's items are shown for each.
    """

    found: Recommended
    why: Sequence[Explanation]
    reasons: int

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """Each place in plain types."""
        rows: list[dict[str, Any]] = []
        for place, one in enumerate(self.found.lists()[0]):
            row: dict[str, Any] = {"rank": place + 1, "id": one.id, "title": one.title}
            row["score"] = float(f"{one.score:.7g}")
            if self.why:
                row["why"] = self.why[place].to_dict()
            rows.append(row)
        return rows


def show_recommended(told: Told, console: Console) -> None:
    """Print the list, one line an item and one for its reasons, and what the figures mean."""
    width = min(WIDTH, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("")
    for place, row in enumerate(told.items):
        table.add_row(
            str(row["rank"]), f"{row['score']:.3f}", shortened(row["title"] or row["id"], TITLE)
        )
        if told.why:
            table.add_row("", "", Text(_reasons(told.why[place], told.reasons), style="dim"))
    console.print(table, width=width)
    console.print()
    console.print(Text(f"{told.found.measure}: {told.found.meaning}", style="dim"), width=width)
    if told.why:
        console.print(Text(_meaning(told.why[0]), style="dim"), width=width)


def _reasons(why: Explanation, most: int) -> str:
    told = [
        f"{one.value:+z.3f} {shortened(one.title or one.id, 40)}"
        for one in why.contributions[:most]
    ]
    others = sum(one.value for one in why.contributions[most:])
    if len(why.contributions) > most:
        told.append(f"{others:+z.3f} the other {len(why.contributions) - most:,}")
    if why.own:
        told.append(f"{why.own:+z.3f} whoever asks")
    if not why.exact:
        told.append(f"{why.rest:+z.3f} unsaid")
    return "; ".join(told)


def _meaning(why: Explanation) -> str:
    if why.exact:
        return "Reasons: what each item that was used adds to the score; they sum to it."
    return (
        "Reasons: what each item that was used adds under the best linear map from use to users, "
        f"which misses {percent(why.residual)} of their length; unsaid is what it does not reach."
    )
