"""The neighbours of one query under several measures, side by side in the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.core.embeddings import Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction
from anglewise.io.texts import titles
from anglewise.measures.formulas import Measure
from anglewise.report.words import counted, shortened

WIDTH = 100
NARROWEST = 26
"""A column with a score and a title that still says something."""
ID, TITLE = 16, 200


@dataclass(frozen=True, eq=False)
class Asked:
    """One query and what was found for it; ``found`` holds a single row for each measure.

    ``text`` asked in place of the row, where it is given: words, or the file of an image, as
    ``kind`` says.
    """

    space: Space
    direction: Direction
    row: int
    measures: Sequence[Measure]
    found: Mapping[str, Neighbours]
    text: str | None = None
    kind: Literal["text", "image"] = "text"

    @property
    def query(self) -> dict[str, Any]:
        """The id of the query, and its title if there is one."""
        if self.text is not None:
            return {"id": None, "title": self.text}
        asking, _ = self.space.sides(self.direction)
        known = titles(asking, TITLE)
        return {
            "id": str(asking.ids[self.row]),
            "title": None if known is None else known[self.row],
        }

    def lists(self) -> list[dict[str, Any]]:
        """For each measure what its scores mean and its neighbours, nearest first; plain types."""
        ranked = self.space.sides(self.direction)[1]
        known = titles(ranked, TITLE)
        return [
            {
                "measure": str(measure),
                "meaning": measure.formula.meaning,
                "tied_at_cut": int(one.tied_at_cut[0]),
                "neighbours": [
                    {
                        "rank": place + 1,
                        "id": str(ranked.ids[row]),
                        "title": None if known is None else known[row],
                        "score": float(f"{score:.7g}"),
                    }
                    for place, (row, score) in enumerate(
                        zip(one.indices[0].tolist(), one.scores[0].tolist(), strict=True)
                    )
                    if row >= 0
                ],
            }
            for measure in self.measures
            for one in (self.found[str(measure)],)
        ]


def show_neighbours(asked: Asked, console: Console) -> None:
    """Print the lists side by side, as many as fit, and what their scores mean."""
    width = min(WIDTH, console.width)
    query, lists = asked.query, asked.lists()
    kind = "item" if asked.direction == "items-items" else "query"
    known = asked.kind if asked.text is not None else f"{kind} {query['id']}"
    name = known + (f": {query['title']}" if query["title"] else "")
    console.print(Text(shortened(name, 2 * width), style="bold"), width=width)
    together = max(1, (width - 4) // NARROWEST)
    for start in range(0, len(lists), together):
        console.print()
        console.print(_table(lists[start : start + together], width), width=width)
    console.print()
    for sentence in _legend(lists):
        console.print(Text(sentence, style="dim"), width=width)


def _table(lists: Sequence[Mapping[str, Any]], width: int) -> Table:
    scores = [[f"{one['score']:.3f}" for one in each["neighbours"]] for each in lists]
    taken = 3 + sum(max(map(len, column), default=0) + 4 for column in scores)
    room = (width - taken) // len(lists)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", justify="right", no_wrap=True)
    for each in lists:
        table.add_column("", justify="right", no_wrap=True)
        table.add_column(shortened(each["measure"], room), width=room)
    for place in range(max(map(len, scores))):
        cells = [
            cell
            for each, column in zip(lists, scores, strict=True)
            for cell in _cells(each["neighbours"], column, place, room)
        ]
        table.add_row(str(place + 1), *cells)
    return table


def _cells(
    neighbours: Sequence[Mapping[str, Any]], scores: Sequence[str], place: int, room: int
) -> tuple[str, str]:
    if place >= len(neighbours):
        return "", ""
    one = neighbours[place]
    name = one["title"] or shortened(one["id"], ID)
    return f"  {scores[place]}", shortened(name, 2 * room - 8)  # two lines, broken at words


def _legend(lists: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in lists:
        tied = one["tied_at_cut"]
        last = f"; tied with the last one: {counted(tied, 'more item')}" if tied else ""
        yield f"{one['measure']}: {one['meaning']}{last}"
