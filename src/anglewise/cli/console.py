"""Where sentences and tables go."""

import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

PIPED_WIDTH = 100


class PatientConsole(Console):
    """A console whose reader may leave early, as ``head`` does: the rest is not printed."""

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


def console(stream: Any) -> PatientConsole:
    """A console on a stream: as wide as the terminal, 100 characters where there is none."""
    if stream is None:  # closed by whoever started us
        stream = Path(os.devnull).open("w")  # noqa: SIM115 open as long as the process
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    wide = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return PatientConsole(file=stream, width=wide, highlight=False, soft_wrap=False, markup=False)


def standard_output() -> PatientConsole:
    """The console on which results appear."""
    return console(sys.stdout)


def standard_error() -> PatientConsole:
    """The console on which remarks and progress appear."""
    return console(sys.stderr)
