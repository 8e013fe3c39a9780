"""How a command speaks: results on standard output, remarks and progress on standard error."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anglewise.cli.options import Always

if TYPE_CHECKING:
    from anglewise.cli.console import PatientConsole

STDOUT = "-"


@dataclass(frozen=True)
class Talk:
    """One run of a command, as far as it speaks."""

    always: Always

    @cached_property
    def out(self) -> "PatientConsole":
        """Where results go."""
        from anglewise.cli.console import standard_output

        return standard_output()

    @cached_property
    def err(self) -> "PatientConsole":
        """Where remarks and progress go."""
        from anglewise.cli.console import standard_error

        return standard_error()

    def say(self, sentence: str) -> None:
        """A remark: what was guessed, what was written where."""
        if not self.always.quiet:
            self.err.print(sentence, style="dim", soft_wrap=True)

    def give(self, content: Mapping[str, Any], show: "Callable[[PatientConsole], None]") -> None:
        """The result, for machines where it is asked for, else (or beside a file) for people."""
        from anglewise.io.outputs import write_text
        from anglewise.report.document import as_json

        if self.always.json == STDOUT:
            self.out.write(as_json(content))
            return
        if self.always.json is not None:
            write_text(self.always.json, as_json(content))
        show(self.out)

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
