"""``anglewise mcp``: tools for agents, over the Model Context Protocol."""

from pathlib import Path
from typing import Annotated

from anglewise.cli.options import NOTHING_SPECIAL, Always, number
from anglewise.cli.paths import READ
from anglewise.data_types.numbers import whole

ROWS = number(whole(1, 10_000, example="50"))
CHARACTERS = number(whole(1000, 1_000_000, example="20000"))


def mcp(
    *,
    root: Annotated[Path, READ],
    most_rows: Annotated[int, ROWS] = 50,
    most_characters: Annotated[int, CHARACTERS] = 20_000,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Serve audit, compare, search, probe and verify to an agent, read-only.

    The client starts this command and talks to it over standard input and output. No file is
    changed, no text is sent to a server, and no code of a space is run.

    Parameters
    ----------
    root
        The folder whose files may be read. What lies outside of it is refused, also through links.
    most_rows
        How many rows of a list or table an answer holds.
    most_characters
        How long an answer may be; what is left out is named in it.
    """
    from anglewise.integrations.mcp_server import serve
    from anglewise.integrations.readable_folder import ReadableFolder

    limits = {"most_rows": most_rows, "most_characters": most_characters}
    serve(ReadableFolder.at(root), seed=always.seed, **limits)
    return 0
