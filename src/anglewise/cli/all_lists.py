"""What ``search --all`` and ``recommend --all`` write, and what they say of it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.io.list_parts import AllLists


def give_all(command: str, lists: "AllLists", output: Path, talk: "Talk") -> int:
    """Write the lists of all who ask as one table, and say how many rows it has."""
    from anglewise.cli.program import version
    from anglewise.data_types.text import counted
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
    who = f"{counted(rows, 'row')} of {counted(lists.asking, 'list')}"
    words = f"{output}: {who}, by {', '.join(measures)}"
    talk.give(content, Document([[Line(words)]]))
    return 0
