"""The program: its commands, its settings, and the exit code of whatever happens.

Exit codes: 0 fine, 1 a requested gate failed, 2 bad use or bad input with one message, 70 a fault
of ours, 130 interrupted.
"""

import difflib
import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import BoundArguments
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import UNSET, App, ArgumentCollection, CycloptsError
from cyclopts.config import Env

from anglewise.cli.call_record import note_words, noting_call
from anglewise.cli.memory_option import memory_of
from anglewise.cli.option_needs import NEEDS
from anglewise.cli.path_checks import check_paths
from anglewise.cli.paths import arguments_of, given_options, options_of
from anglewise.cli.settings import LONGEST, SettingsFile, users_file
from anglewise.cli.watched import may_break, watched
from anglewise.data_types.memory import budget
from anglewise.data_types.numbers import shown
from anglewise.errors import (
    MORE_THREADS,
    AnglewiseError,
    SpellingError,
    as_message,
    is_lack_of_threads,
    visible,
)

if TYPE_CHECKING:
    from anglewise.cli.reported_call import Again


def version() -> str:
    """The version of the installed package."""
    from importlib.metadata import version

    return version("anglewise")


def engine() -> str:
    """Which engine searches: ``compiled (avx2)``, or ``numpy`` where there was no compiler."""
    from anglewise.nearest_neighbours.search import engine_kind

    return engine_kind()


def version_line() -> str:
    """Version and engine in one line."""
    return f"anglewise {version()}, engine: {engine()}"


COMMANDS = {
    "encode": "Turn texts or images into vectors, and keep with them what made them.",
    "fit": "Learn embeddings from who used what; keep judgements aside.",
    "holdout": "Split who used what for training a model of any library, and for judging it.",
    "audit": "Say how much of the cosine is the model's and how much an arbitrary choice.",
    "judge": "Build, check and grow the judgements of a validation set.",
    "compare": "Rank measures on a validation set and say which to use.",
    "remedy": "Say what to use instead of cosine: each remedy is a candidate that must win.",
    "search": "Show the neighbours of a query, a text or an image under several measures.",
    "inspect": "Open a page: neighbours side by side, the gauge slider, judging by keyboard.",
    "recommend": "Recommend items to a user, and say why.",
    "replay": "Learn from the past before a moment, recommend, and look what followed.",
    "calibrate": "Learn what a score says about relevance, and whether that holds.",
    "context": "Give the passages for a prompt, ready to paste.",
    "probe": "Say which distance a vector store or a wrapper really computes.",
    "export": "Fill a vector store that ranks as a measure does, and measure that.",
    "verify": "Hold what a vector store answers against the exact lists.",
    "verify-report": "Make a report again from its inputs, and hold both against each other.",
    "tune": "Measure recall, latency and memory of a vector store's index over its parameters.",
    "migrate": "Let mapped old vectors stand in for a new model's, and say what that loses.",
    "mcp": "Serve audit, compare, search, probe and verify to an agent, read-only.",
    "study": "Show on an experiment how much of a cosine is a choice nobody made.",
    "demo": "Do the main job on generated data.",
    "doctor": "Show what this installation has.",
    "schema": "Print the JSON Schema of what a command writes.",
}
WITH_COMMANDS = {"judge"}
"""Commands that have commands of their own, and say themselves how they look."""

FINE, BAD_USE, OUR_FAULT, INTERRUPTED = 0, 2, 70, 130


def program(*, settings: bool = True) -> App:
    """All commands; each file is imported when its help or its work is asked for.

    Without ``settings`` what is typed counts alone.
    """
    app = App(
        name="anglewise",
        help="Does the similarity of your embeddings mean anything, and which measure should you "
        "use?",
        help_epilogue="Settings are also read from the environment (ANGLEWISE_COMPARE_METRIC), "
        "from anglewise.toml here ([compare] metric = ...) and from your own file "
        "(~/.config/anglewise/config.toml); what is typed wins, then in this order. Encoders, "
        "servers, keys and hosts are not taken from anglewise.toml.",
        help_format="plaintext",
        version=version_line,
        config=[*(_settings() if settings else ()), check_texts, check_variables, note_words],
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for position, (command, purpose) in enumerate(COMMANDS.items()):
        # Markdown costs 0.1 s, so that lists of commands do without
        form = {} if command in WITH_COMMANDS else {"help_format": "markdown"}
        app.command(
            f"anglewise.cli.{_module(command)}:{_module(command)}",
            name=command,
            help=purpose,
            sort_key=position,
            **form,
        )
    return app


def _module(command: str) -> str:
    return command.replace("-", "_")


def _settings() -> list[Any]:
    """Where settings come from beside what is typed, the strongest first."""
    commands, user_file = tuple(COMMANDS), users_file()
    sources: list[Any] = [
        Env(PREFIX, show=False),
        SettingsFile(Path("anglewise.toml"), commands),
    ]
    return (
        sources
        if user_file is None
        else [*sources, SettingsFile(user_file, commands, of_user=True)]
    )


def run(tokens: Sequence[str], *, again: "Again | None" = None) -> Any:
    """Run one command, once nothing that it is to write is of value; raises what goes wrong.

    ``again`` makes a report again, within its bounds, by the words alone, and prints nothing.
    """
    app = program() if again is None else program(settings=False)
    command, bound, _ = app.parse_args(list(tokens))
    if not command.__module__.startswith("anglewise."):
        return _print_help(command, bound)
    outputs = check_paths(command, bound)
    if again is not None:
        again.check_writes(outputs)
    check_needs(command, bound)
    if outputs is None:
        with noting_call(command.__name__), budget(memory_of(bound.arguments)):
            return command(*bound.args, **bound.kwargs)
    from anglewise.io.output_checks import declaring

    sources = (source for source in app.config if isinstance(source, SettingsFile))
    named = [output for source in sources for output in source.outputs]
    allowed = budget(memory_of(bound.arguments))
    with declaring(outputs, named), noting_call(command.__name__, again), allowed:
        return command(*bound.args, **bound.kwargs)


def _print_help(command: Callable[..., Any], bound: BoundArguments) -> int:
    """Print the help or the version, as far as somebody reads."""
    from anglewise.cli.console import check_open, naming_the_stream

    check_open()
    with (
        naming_the_stream(sys.stdout),
        suppress(SystemExit),
    ):  # with which the library ends where the reader has left
        command(*bound.args, **bound.kwargs)
    return FINE


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; its words are those of this process if not given.

    Where those name an index that a library in C++ reads, it runs in a child.
    """
    if tokens is None and may_break([*sys.argv[1:], *_set_elsewhere()]):
        return watched(lambda: _main(sys.argv[1:]), _broken)
    return _main(sys.argv[1:] if tokens is None else list(tokens))


def _set_elsewhere() -> list[str]:
    """What may name a collection beside what is typed: variables, and words of the user's file.

    The file of a folder may name none.
    """
    values = [value for name, value in os.environ.items() if name.startswith(PREFIX)]
    file = users_file()
    if file is not None and file.is_file():  # a pipe would never end
        with suppress(OSError), file.open("rb") as settings:
            text = settings.read(LONGEST).decode(errors="replace")
            values += re.findall(r"[a-z][a-z-]*:///?[^\s\"']*", text)
    return [word for value in values for word in (value, *value.split())]


def _broken(name: str) -> int:
    why = "the disk is full, or the collection" if name == "SIGBUS" else "the collection"
    return _refuse(
        f"the library that works with this collection broke ({name}): {why} is damaged, or was "
        "made to harm; take it from its source again, or read what it was filled from"
    )


def _main(tokens: Sequence[str]) -> int:
    try:
        code = run(tokens)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (CycloptsError, AnglewiseError, OSError, MemoryError) as error:
        return _refuse(_in_words(error))
    except SystemExit:
        return _refuse("code that this call ran ended Python before the work was done")
    except BaseException as error:  # noqa: BLE001 a fault must not look like a gate that failed
        if is_lack_of_threads(error):
            return _refuse(_in_words(error))
        _write_error(_traceback(error))
        _refuse("this is a fault of anglewise, not yours: please report the lines above")
        return OUR_FAULT
    return code if isinstance(code, int) else FINE


def _in_words(error: BaseException) -> str:
    if is_lack_of_threads(error):
        return f"no further thread can be started: {MORE_THREADS}"
    if isinstance(error, MemoryError):
        return "this needs more memory than there is: take fewer queries or measures"
    if isinstance(error, OSError) and not isinstance(error, AnglewiseError):
        if error.errno == errno.ENOENT and not error.filename and not _is_here():
            return "the current folder was removed: change to another one"
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror or error}"
    return str(error)


def _is_here() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _traceback(error: BaseException) -> str:
    """Where a fault lies; what it says may quote anybody, and is kept to its line."""
    *places, what = traceback.format_exception(error)
    return visible("".join(places)) + as_message(what.rstrip("\n")) + "\n"


def _write_error(text: str) -> None:
    """To standard error, if anybody listens: the exit code says it too."""
    with suppress(OSError, AttributeError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def check_needs(command: Callable[..., Any], bound: BoundArguments) -> None:
    """Raise ``SpellingError`` for an option that was given and would be ignored.

    An option counts as given if it was typed, even with its default, or stands in the settings.
    """
    needs = NEEDS.get(command.__name__, {})
    if not needs:
        return
    options = arguments_of(options_of(command), bound)
    for option in given_options(command, bound):
        need = needs.get(option.parameter)
        if need is not None and not need.is_met(options):
            raise SpellingError(f"{option.name} {need.sentence}")


def check_texts(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse a text, typed or in the settings, that is neither a path nor anything else.

    An empty one comes of a variable that is not set (``"$UNSET"``); as a path it would be the
    current folder.
    """
    del app, commands
    for argument in arguments:
        for token in argument.tokens:
            if token.value == "" and token.implicit_value is UNSET:  # no flag
                where = "" if token.source in {"", "cli"} else f" in {token.source}"
                raise SpellingError(
                    f"{argument.name} is empty{where}: give it a value, or leave it out"
                )
            try:
                is_valid = b"\0" not in os.fsencode(token.value)
            except UnicodeEncodeError:
                is_valid = False
            if not is_valid:
                raise SpellingError(
                    f"{argument.name} {shown(token.value)!a} holds a character that no text "
                    "and no path can hold: leave it out"
                )


PREFIX = "ANGLEWISE_"
VARIABLES = ("ANGLEWISE_MEMORY",)
"""What is no option of a command: how much memory may be filled."""


def check_variables(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse a variable of ours that sets nothing, as it is done with a key in a file."""
    del app
    this = PREFIX + "".join(f"{_module(command).upper()}_" for command in commands)
    others = tuple(f"{PREFIX}{_module(command).upper()}_" for command in COMMANDS)
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in VARIABLES:
            continue
        option = name.removeprefix(this) if commands and name.startswith(this) else ""
        if name.startswith(others) if not option else _is_option(arguments, option):
            continue  # the options of other commands are theirs to look at
        known = _options(arguments) if option else [v.removeprefix(PREFIX) for v in VARIABLES]
        start = this if option else PREFIX
        near = difflib.get_close_matches(name.removeprefix(start), known, n=1)
        hint = f"did you mean {start}{near[0]}? " if near else ""
        raise SpellingError(
            f"the variable {name} sets nothing: {hint}write {PREFIX}COMMAND_OPTION, such as "
            f"{PREFIX}COMPARE_METRIC, or unset it"
        )


def _options(arguments: ArgumentCollection) -> list[str]:
    """The options of a command as variables end in them."""
    names = (name for argument in arguments for name in argument.names)
    return [_as_variable(name) for name in names if name.startswith("--")]


def _is_option(arguments: ArgumentCollection, word: str) -> bool:
    try:
        _, rest, _ = arguments.match(word, transform=_as_variable, delimiter="_")
    except ValueError:
        return False
    return not rest


def _as_variable(name: str) -> str:
    return name.lstrip("-").upper().replace("-", "_").replace(".", "_")


def _refuse(message: str) -> int:
    _write_error(f"anglewise: {as_message(message)}\n")
    return BAD_USE
