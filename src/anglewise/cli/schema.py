"""``anglewise schema``: what the JSON of a command or of a file looks like, for programs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anglewise.cli.options import NOTHING_SPECIAL, Always

if TYPE_CHECKING:
    from anglewise.report.document import Document


def schema(*of: str, always: Always = NOTHING_SPECIAL) -> int:
    """Print the JSON Schema of what a command writes by --json, or of a file that is read again.

    Draft 2020-12, of this version: later ones may add fields and rename none. Without a name, all
    names are listed.

    Parameters
    ----------
    of
        A command, such as compare or judge lint, or the name of what is read again, as space.json.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.report.plain_text import as_json
    from anglewise.report.schemas import SCHEMAS
    from anglewise.report.schemas import schema as schema_of

    talk = Talk(always)
    if of:
        content = schema_of(" ".join(of))
        talk.give(content, as_json(content))
        return 0
    content = {
        "command": "schema",
        "version": version(),
        "schemas": {name: each.what for name, each in SCHEMAS.items()},
    }
    talk.give(content, _document(content))
    return 0


def _document(content: Mapping[str, Any]) -> "Document":
    from anglewise.report.document import Document, Table, TableColumn

    columns = [TableColumn("", align="left"), TableColumn("", align="left", wraps=True)]
    rows = [[name, what] for name, what in content["schemas"].items()]
    return Document([[Table(columns, rows)]])
