"""Where a command writes: results to standard output, remarks and progress to standard error."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from anglewise.cli.options import Always
from anglewise.errors import FileError, as_message, one_line, visible

if TYPE_CHECKING:
    from anglewise.report.document import Document

PIPED_WIDTH = 100


@contextmanager
def naming_the_stream(stream: Any) -> Generator[None]:
    """Raise ``FileError`` that names a stream which takes nothing more, such as on a full disk."""
    try:
        yield
    except OSError as error:
        name = "standard error" if stream is sys.stderr else "standard output"
        raise FileError(
            f"{name} could not be written ({error.strerror or error}): make room, or send it "
            "elsewhere"
        ) from error


class PatientConsole(Console):
    """A console whose reader may leave early, as ``head`` does: the rest is not printed.

    What is printed may hold titles, ids and names from anybody's files: characters in it that
    would command the terminal or begin a line are shown, whatever they stand in. So every line of
    this program is printed by itself.
    """

    def render_str(self, text: str, *args: Any, **settings: Any) -> Text:
        """Text as it will be seen, so that tables leave room for it."""
        return super().render_str(one_line(text), *args, **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is written: commands and new lines are those of this program alone."""
        if isinstance(renderable, Text) and "\n" in renderable.plain:
            renderable = Text(r"\n").join(renderable.split("\n", allow_blank=True))
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)

    def on_broken_pipe(self) -> None:
        """Print to nobody, and go on: files are still to be written and gates to be kept."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print, or raise ``FileError`` that says which stream takes nothing more."""
        with naming_the_stream(self.file):
            super().print(*objects, **settings)

    def write(self, text: str) -> None:
        """Text for machines, just as it is."""
        with naming_the_stream(self.file):
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
    if _is_closed(stream):
        stream = Path(os.devnull).open("w")  # noqa: SIM115 open as long as the process
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    wide = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return PatientConsole(
        file=stream, width=wide, highlight=False, soft_wrap=False, markup=False, emoji=False
    )


def _is_closed(stream: Any) -> bool:
    """Whether nothing can be written there: by whoever started us, or by code that we ran."""
    return stream is None or getattr(stream, "closed", False)


def check_open() -> None:
    """Raise ``FileError`` where standard output is closed, so that a result would be lost."""
    if _is_closed(sys.stdout):
        raise FileError(
            "results go to standard output, which is closed: open it, or name a file (--json FILE)"
        )


def standard_output() -> PatientConsole:
    """The console on which results appear."""
    return console(sys.stdout)


def standard_error() -> PatientConsole:
    """The console on which remarks and progress appear."""
    return console(sys.stderr)


STDOUT = "-"


@contextmanager
def saying_first(done: str) -> Generator[None]:
    """Put what has been recorded before the message of a file that could not be written."""
    try:
        yield
    except FileError as error:
        raise (FileError(f"{done}; {error}") if done else error) from error.__cause__


@dataclass(frozen=True)
class Talk:
    """What one run of a command prints and writes: results, remarks and progress."""

    always: Always

    def __post_init__(self) -> None:
        if self.always.json in {None, STDOUT}:
            check_open()

    @cached_property
    def out(self) -> "PatientConsole":
        """Where results go."""
        return standard_output()

    @cached_property
    def err(self) -> "PatientConsole":
        """Where remarks and progress go."""
        return standard_error()

    def say(self, sentence: str) -> None:
        """A remark: what was guessed, what was written where."""
        if not self.always.quiet:
            self.err.print(as_message(sentence), style="dim", soft_wrap=True)

    def give(
        self,
        content: Mapping[str, Any],
        shown: "Document | str",
        done: str = "",
    ) -> None:
        """The result, for machines where it is asked for, else (or beside a file) for people.

        A ``str`` is text to be pasted and stays just as it is. ``done`` says what has been
        recorded, where that cannot be printed.
        """
        from anglewise.cli.call_record import is_shown, with_call
        from anglewise.io.files import check_mapped
        from anglewise.io.outputs import write_text
        from anglewise.report.plain_text import as_json

        with saying_first(done):
            check_mapped()
            if self.always.json == STDOUT:
                check_open()
                self.out.write(as_json(content))
                return
            if self.always.json is not None:
                write_text(self.always.json, as_json(with_call(content)))
            if not is_shown():
                return
            if isinstance(shown, str):
                self.out.write_words(shown)
                return
            from anglewise.report.terminal import print_document

            print_document(shown, self.out)

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a file, whole or not at all, and say so."""
        from anglewise.io.outputs import new_file

        with new_file(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
        self.say(f"wrote {path}")

    def write_page(self, path: Path | None, document: "Document") -> None:
        """Write the page of a result, where one is asked for."""
        if path is not None:
            from anglewise.report.html_page import page

            self.write(path, page(document))

    @contextmanager
    def telling(self, title: str) -> "Generator[Callable[[int, int, str], None] | None]":
        """As ``progress``, with a sentence that stands beside the bar and changes with it."""
        with self.progress(title) as step:
            if step is None:
                yield None
                return

            def tell(done: int, total: int, sentence: str) -> None:
                step(done, total)
                self.say(sentence)

            yield tell

    @contextmanager
    def progress(
        self, title: str, then: str | None = None
    ) -> "Generator[Callable[[int, int], None] | None]":
        """A bar while work is done, if standard error is a terminal; else nothing to call.

        It says that something goes on until the work tells how far it is; ``then`` names work
        after all of that, which tells nothing.
        """
        if self.always.quiet or not self.err.is_terminal:
            yield None
            return
        from rich.progress import Progress

        with Progress(console=self.err, transient=True) as bars:
            task = bars.add_task(title, total=None)

            def step(done: int, total: int) -> None:
                bars.update(task, completed=done, total=total)
                if done >= total and then is not None:
                    bars.reset(task, description=then, total=None)

            yield step
