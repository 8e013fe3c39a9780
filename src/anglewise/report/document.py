"""A result as people read it: facts, notes, a verdict, tables, lists, pictures.

Each result becomes a ``Document`` once; the terminal, Markdown, the gates' XML and the page render
any of them and know nothing of results. JSON is written from what the result says of itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from anglewise.report.words import interval

if TYPE_CHECKING:
    from anglewise.comparison.comparison_result import Estimate
    from anglewise.comparison.gates import Checked


@dataclass(frozen=True)
class Palette:
    """The colours of a picture; they differ in lightness too, for eyes and printers without hue."""

    ink: str = "#1f2328"
    faint: str = "#8b949e"
    accent: str = "#0b62c1"
    band: str = "#d5e5f7"
    page: str = "white"


@dataclass(frozen=True)
class Cell:
    """What stands in a table, where a text alone will not do.

    With an ``estimate`` the text is its mean. ``beats`` are letters of the rows that this one
    beats; ``short`` is for a terminal in place of the text, ``detail`` for a page behind it; a
    ``share`` darkens the cell of a page.
    """

    text: str
    estimate: "Estimate | None" = None
    beats: str = ""
    short: str = ""
    detail: str = ""
    share: float | None = None

    @property
    def interval(self) -> str:
        """The ends of the estimate's interval, if there is one."""
        return "" if self.estimate is None else interval(self.estimate.low, self.estimate.high)


@dataclass(frozen=True)
class Bars:
    """A value from -1 to 1 with a wide and a narrow range, both as (low, high)."""

    value: float
    wide: tuple[float, float]
    narrow: tuple[float, float]


AnyCell: TypeAlias = str | Cell | Bars


@dataclass(frozen=True)
class TableColumn:
    """A column: its heading, and how a terminal sets it.

    ``letter`` names a row in one character, ``name`` in full, an ``estimate`` has an interval, and
    a ``figure`` is anything else. ``beats`` says that letters of beaten rows are known of it.
    """

    head: str
    kind: Literal["letter", "name", "estimate", "figure"] = "figure"
    short: str = ""
    """The heading in a terminal, if another one."""
    beats: bool = False
    further: bool = False
    """A terminal has no room for it in the first table, and prints a second one."""
    align: Literal["left", "right"] = "right"
    widest: int | None = None
    """Characters from which on a terminal breaks what stands in it."""
    wraps: bool = False
    room: int = 0
    """Characters that its cells take at most, as far as known: what is left is for the axis."""


@dataclass(frozen=True)
class Table:
    """Columns and rows; a page writes the caption above them.

    ``tones`` say of each row whether it stands back or out. With an ``axis``, the least and the
    greatest number of characters, a terminal draws the intervals of the first column of estimates.
    ``kind`` is the page's class of it.
    """

    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[AnyCell]]
    caption: str = ""
    tones: Sequence[str] = ()
    axis: tuple[int, int] | None = None
    kind: str = ""
    gap: int = 2
    header: str = "bold"

    @classmethod
    def of(
        cls,
        heads: Iterable[str],
        rows: Sequence[Sequence[AnyCell]],
        caption: str = "",
        **settings: Any,
    ) -> "Table":
        """A table whose first column names the rows, and whose others are figures."""
        name, *figures = heads
        return cls(
            [TableColumn(name, "name"), *map(TableColumn, figures)], rows, caption, **settings
        )


@dataclass(frozen=True)
class Line:
    """A sentence or a few, or with the tone ``heading`` the title of a chapter of the page.

    A terminal breaks it at its width unless it is ``unbroken``.
    With ``most_lines`` a terminal cuts what takes more of its lines. ``alert`` is the rest of it,
    which must not be overlooked. Where rows raise letters of those that they beat, ``letters`` says
    what these are.
    """

    text: str
    tone: str = ""
    unbroken: bool = False
    most_lines: int | None = None
    alert: str = ""
    letters: str = ""


@dataclass(frozen=True)
class Findings:
    """Sentences under headings of a few words."""

    sections: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Entry:
    """One place of a ranked list; ``mark`` stands behind it, ``hint`` says what that means."""

    text: str
    score: str = ""
    mark: str = ""
    hint: str = ""
    good: bool = False
    """Whether the mark is a welcome one."""
    kind: Literal["", "relevant", "shared"] = ""


@dataclass(frozen=True)
class RankedList:
    """What one measure puts first."""

    head: str
    entries: Sequence[Entry]
    subhead: str = ""


@dataclass(frozen=True)
class RankedLists:
    """The lists of one query side by side; ``remarks`` are said about the query."""

    lists: Sequence[RankedList]
    title: str = ""
    remarks: Sequence[str] = ()
    caption: str = ""

    @property
    def depth(self) -> int:
        """The length of the longest list."""
        return max(len(ranked.entries) for ranked in self.lists)


@dataclass(frozen=True)
class DrawnPicture:
    """A figure of matplotlib, drawn once it is needed; ``text`` is for those who do not see it."""

    name: str
    draw: Callable[[Palette], Any]
    text: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other: charts, or panels in the colours of cosines."""

    pictures: Sequence[DrawnPicture]
    kind: Literal["charts", "panels"] = "charts"


@dataclass(frozen=True)
class Curves:
    """Curves from (0, 0) to (1, 1), each of points and whether it is dashed; no matplotlib."""

    curves: Sequence[tuple[Sequence[tuple[float, float]], bool]]
    caption: str


@dataclass(frozen=True)
class Listing:
    """A numbered list of short texts."""

    items: Sequence[str]


@dataclass(frozen=True)
class Folded:
    """What is long, behind a line that opens it; lists in it may stand in a grid."""

    summary: str
    blocks: "Sequence[Block]"
    unfolded: bool = False
    grid: bool = False


Block: TypeAlias = Line | Table | Findings | RankedLists | Pictures | Curves | Listing | Folded
Group: TypeAlias = Sequence[Block]
"""Blocks that belong together: a terminal leaves a line free before the first of them."""


def _nothing() -> Iterable[Block]:
    return ()


@dataclass(frozen=True)
class Document:
    """What every report of a result shows.

    ``body`` is for the terminal and for Markdown, which put the signature behind it;
    ``afterwards`` stands behind that in both, and
    ``chapters`` makes what the page shows, which is more. ``tone`` colours the headline.
    """

    body: Sequence[Group]
    facts: Sequence[str] = ()
    notes: Sequence[str] = ()
    """What to know before the numbers."""
    left_out: Sequence[str] = ()
    headline: str = ""
    reason: str = ""
    tone: str = ""
    command: str = ""
    afterwards: Sequence[Group] = ()
    gates: "Sequence[Checked]" = ()
    subject: str = ""
    """What was done, in a few words."""
    question: str = ""
    """What the page answers."""
    chapters: Callable[[], Iterable[Block]] = _nothing
    footer: str = ""
    signature: str = ""

    @classmethod
    def of(cls, *lines: str) -> "Document":
        """Lines that stand as they are: a terminal breaks none of them."""
        return cls([[Line(line, unbroken=True) for line in lines]])
