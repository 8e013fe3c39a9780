"""Tables in the terminal: neighbours, recommendations, relevance, replay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.core.embeddings import Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction
from anglewise.io.texts import titles
from anglewise.measures.formulas import Measure
from anglewise.rag.relevance import FalseContexts, Relevance
from anglewise.recommendation.fold_in import Explanation
from anglewise.recommendation.recommender import Recommended
from anglewise.recommendation.replay import Replay
from anglewise.report.words import counted, interval, number, percent, shortened

WIDTH = 100
NARROWEST = 26
"""A column with a score and a title that still says something."""
ID, NEIGHBOURS_TITLE = 16, 200


@dataclass(frozen=True, eq=False)
class ShownQuery:
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
        known = titles(asking, NEIGHBOURS_TITLE)
        return {
            "id": str(asking.ids[self.row]),
            "title": None if known is None else known[self.row],
        }

    def lists(self) -> list[dict[str, Any]]:
        """For each measure what its scores mean and its neighbours, nearest first; plain types."""
        ranked = self.space.sides(self.direction)[1]
        known = titles(ranked, NEIGHBOURS_TITLE)
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


def show_neighbours(asked: ShownQuery, console: Console) -> None:
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
        console.print(_neighbours_table(lists[start : start + together], width), width=width)
    console.print()
    for sentence in _legend(lists):
        console.print(Text(sentence, style="dim"), width=width)


def _neighbours_table(lists: Sequence[Mapping[str, Any]], width: int) -> Table:
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


RECOMMENDED_TITLE = 60


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
            str(row["rank"]),
            f"{row['score']:.3f}",
            shortened(row["title"] or row["id"], RECOMMENDED_TITLE),
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
    console.print(_relevance_table(learned), width=width)
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


def _relevance_table(learned: Relevance) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("predicted", "relevant", "95%", "passages"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in learned.reliability.bins:
        seen = one.observed
        ends = interval(seen.low, seen.high)
        table.add_row(number(one.predicted), number(seen.value), ends, f"{seen.of:,}")
    return table


def show_replay(found: Replay, console: Console) -> None:
    """Print the moment and who is judged, then a line for each measure, best first."""
    width = min(WIDTH, console.width)
    facts = [f"before {found.moment:.10g}", f"{counted(len(found.users), 'user')} judged"]
    console.print(Text(" · ".join(facts), style="dim"), width=width)
    console.print()
    console.print(_replay_table(found), width=width)
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


def _replay_table(found: Replay) -> Table:
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
