"""Where sentences and tables go."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from anglewise.core.text import visible

PIPED_WIDTH = 100


class PatientConsole(Console):
    """A console whose reader may leave early, as ``head`` does: the rest is not printed.

    What is printed may hold titles, ids and names from anybody's files: characters in it that
    would command the terminal are shown, whatever they stand in.
    """

    def render_str(self, text: str, *args: Any, **settings: Any) -> Text:
        """Text as it will be seen, so that tables leave room for it."""
        return super().render_str(visible(text), *args, **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is written: commands are those of this program alone."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)

    def on_broken_pipe(self) -> None:
        """Print to nobody, and go on: files are still to be written and gates to be kept."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def write(self, text: str) -> None:
        """Text for machines, just as it is."""
        try:
            self.file.write(text)
            self.file.flush()
        except BrokenPipeError:
            self.on_broken_pipe()

    def write_words(self, text: str) -> None:
        """Text to be pasted: just as it is, but for what would command a terminal."""
        self.write(visible(text) if self.is_terminal else text)


def console(stream: Any) -> PatientConsole:
    """A console on a stream: as wide as the terminal, 100 characters where there is none."""
    if stream is None:  # closed by whoever started us
        stream = Path(os.devnull).open("w")  # noqa: SIM115 open as long as the process
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    wide = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return PatientConsole(
        file=stream, width=wide, highlight=False, soft_wrap=False, markup=False, emoji=False
    )


def standard_output() -> PatientConsole:
    """The console on which results appear."""
    return console(sys.stdout)


def standard_error() -> PatientConsole:
    """The console on which remarks and progress appear."""
    return console(sys.stderr)
