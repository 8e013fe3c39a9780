"""What ``search --all`` and ``recommend --all`` write, and what they say of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anglewise.data_types.text import counted, listed

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.io.list_parts import AllLists


def give_all(command: str, lists: "AllLists", output: Path, talk: "Talk") -> int:
    """Write the lists of all who ask as one table, and say how many rows it has."""
    from anglewise.cli.program import version
    from anglewise.report.document import Document, Line

    with talk.progress("searching") as progress:
        rows = lists.write(output, say=talk.say, progress=progress)
    measures: list[str] = lists.identity["measures"]
    content = {
        "command": command,
        "version": version(),
        "output": str(output),
        "asking": lists.asking,
        "rows": rows,
        "k": lists.identity["k"],
        "measures": measures,
    }
    proved = lists.identity.get("proof", False)
    words = all_words(rows, lists.asking, lists.identity["k"], measures, ties=proved)
    talk.give(content, Document([[Line(f"{output}: {words}")]]))
    return 0


def all_words(
    rows: int, asking: int, k: int, measures: Sequence[str], *, ties: bool = False
) -> str:
    """How many rows a table of all lists has, of how many who ask, how long and by what.

    ``ties``: the lists go on with what scores as the last of ``k``.

    >>> all_words(60, 4, 5, ["dot", "cosine", "euclidean"])
    '60 rows: of each of 4 who ask the first 5, by dot, by cosine and by euclidean'
    >>> all_words(18, 4, 5, ["dot"])
    '18 rows: of each of 4 who ask the first 5 or fewer, by dot'
    >>> all_words(23, 4, 5, ["dot"], ties=True)
    '23 rows: of each of 4 who ask the first 5 and what ties with the last, by dot'
    """
    short = " or fewer" if rows < asking * k * len(measures) else ""
    if ties:
        short += " and what ties with the last"
    by = listed([f"by {measure}" for measure in measures], "and")
    return f"{counted(rows, 'row')}: of each of {asking:,} who ask the first {k:,}{short}, {by}"
