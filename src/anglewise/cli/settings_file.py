"""Settings that stand in a file: a section for each command, the options as keys."""

import difflib
from collections.abc import Sequence

from cyclopts import App, ArgumentCollection
from cyclopts.config import Toml

from anglewise.errors import SpellingError


class SettingsFile:
    """``anglewise.toml`` in the folder where the command runs; sections are names of commands.

    A section or key that means nothing is refused, never skipped.
    """

    def __init__(self, path: str, commands: Sequence[str]) -> None:
        self.file = Toml(path)
        self.commands = commands

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Take what the file says about the command that runs."""
        for section in self.file.config:
            if section not in self.commands:
                near = difflib.get_close_matches(section, self.commands, n=1)
                hint = f"did you mean [{near[0]}]? " if near else ""
                raise SpellingError(
                    f"{self.file.path} speaks of {section!r}, which is no command: {hint}"
                    f"write [command] above its options; commands are {', '.join(self.commands)}"
                )
        self.file(app, commands, arguments)
