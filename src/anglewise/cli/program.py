"""The program: its commands, its settings, and the exit code of whatever happens.

``anglewise.toml`` may come with data from a stranger, so that only what is listed is taken from it.

Exit codes: 0 fine, 1 a requested gate failed, 2 bad use or bad input with one message, 70 a fault
of ours, 130 interrupted.
"""

import difflib
import errno
import os
import re
import stat
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from cyclopts import UNSET, App, ArgumentCollection, CycloptsError
from cyclopts.config import Dict, Env

from anglewise.cli.paths import check_paths
from anglewise.core.numbers import shown
from anglewise.errors import (
    MORE_THREADS,
    AnglewiseError,
    FileError,
    SpellingError,
    as_message,
    is_lack_of_threads,
    visible,
)


def version() -> str:
    """The version of the installed package."""
    from importlib.metadata import version

    return version("anglewise")


def engine() -> str:
    """Which engine searches: ``compiled (avx2)``, or ``numpy`` where there was no compiler."""
    from anglewise.engine.search import engine_kind

    return engine_kind()


def version_line() -> str:
    """Version and engine in one line."""
    return f"anglewise {version()}, engine: {engine()}"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = _names(
    "allowed forbidden foreign image item-ids item-table item-texts items on qrels queries "
    "query-ids query-texts queue relevance runs seen spaces"
)
"""Files and folders that are read: any on this machine."""

WRITES = _names(
    "checkpoint disputes export history html json junit markdown output per-query plot rejects "
    "run-out save save-witness store"
)
"""Files and folders that are written: inside the folder that brings the setting."""

ENDINGS = {
    "json": (".json",),
    "html": (".html", ".htm"),
    "junit": (".xml",),
    "markdown": (".md",),
    "plot": (".png", ".svg", ".pdf"),
    "per-query": (".parquet",),
    "history": (".parquet",),
    "disputes": (".csv",),
    "rejects": (".csv",),
}
"""What an earlier output is called, which the settings of a folder may have replaced."""

YOURS = _names("cache encoder host key model url")
"""What runs code, opens a door, says which server gets words and a key, or holds answers in place
of an encoder's: the user's alone."""

PLAIN = _names(
    "at baseline batch breadth budget by candidates chunk combine components condition depth "
    "device difference direction diversity dry-run epochs explain export-queries finalists format "
    "gain-column gate gauge graded grades hierarchy holdout id-column image-column item "
    "item-column judge judges k keep kind label label-queries largest-difference "
    "learn-temperature learning-rate log-q measure measures messages metric metrics min-support "
    "min-weight missing most negatives no-cache normalise not-itself number objective open "
    "overlap pair pairs patience penalty popularity port prices prompt query query-column "
    "question quiet reasons recall relevant-from resamples sample seed sequential share slice "
    "small source sources split strata strict temperature text text-column threshold time "
    "tolerance traffic trained-for unjudged used user validation variants vector-column weight "
    "witness"
)
"""Words and numbers that change what is computed and nothing else."""


LONGEST = 1 << 14
"""Bytes of a file of settings: nobody types so many, and TOML takes the square of some."""
DEEPEST = 4
"""Tables in tables: a command, a command of it, an option."""

ELSEWHERE = re.compile(r"(^|=)[/\\]{2}")
"""A shared folder of another machine, at which Windows signs in as the user; or NAME= of one."""


class SettingsFile:
    """A file of settings whose sections are names of commands.

    A section or key that means nothing is refused, never skipped. What lies in the folder where
    the command runs may have come with data: it may set what ``anglewise.cli.program`` lists, and
    anything else is refused there; the user's own file may set everything.
    """

    def __init__(self, path: Path, commands: Sequence[str], *, of_user: bool = False) -> None:
        self.path = path
        self.commands = commands
        self.of_user = of_user

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Take what the file says about the command that runs."""
        path = self.path.absolute()
        settings = _read(path)
        for section in settings:
            if section not in self.commands:
                similar = difflib.get_close_matches(section, self.commands, n=1)
                hint = f"did you mean [{similar[0]}]? " if similar else ""
                raise SpellingError(
                    f"{path} speaks of {section!r}, which is no command: {hint}"
                    f"write [command] above its options; commands are {', '.join(self.commands)}"
                )
        Dict(settings, source=str(path))(app, commands, arguments)
        if self.of_user:
            return
        for argument in arguments:
            for token in argument.tokens:
                if token.source == str(path):
                    _check(path, commands, argument.name.lstrip("-"), str(token.value))


def users_file() -> Path | None:
    """The user's own settings: ``anglewise/config.toml`` where the system keeps such files."""
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        base = Path(os.environ.get(name, ""))
        if base.is_absolute():  # a relative one would be the folder's
            return base / "anglewise" / "config.toml"
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return None
    return home / ".config" / "anglewise" / "config.toml" if home.is_absolute() else None


def _read(path: Path) -> dict[str, Any]:
    """What the file says, nothing if there is none; ``FileError`` for what is no TOML."""
    if not os.path.lexists(path):
        return {}
    import tomllib

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise FileError(f"{path} is no file: settings stand in a file of TOML, or nowhere")
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or type(error).__name__
        raise FileError(f"{path} cannot be read ({reason}): mend it, or take it away") from error
    if len(text) > LONGEST:
        raise FileError(
            f"{path} is longer than {LONGEST:,} bytes: settings are a few lines of TOML"
        )
    try:
        settings = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8, which TOML is: write it again as text") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileError(f"{path} is no TOML ({reason}): write [command] and key = value") from error
    if _is_deep(settings):
        raise FileError(f"{path} nests deeper than commands do: write [command] and key = value")
    if _holds_nul(settings):
        raise FileError(f"{path} holds a null character in a setting: no name has one")
    return settings


def _is_deep(settings: dict[str, Any]) -> bool:
    """Whether tables stand in tables deeper than settings do; without recursion."""
    level: list[Any] = [settings]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            for inner in (
                cast("dict[str, Any]", value).values()
                if isinstance(value, dict)
                else cast("list[Any]", value)
            )
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return any("\0" in key or _holds_nul(inner) for key, inner in table.items())
    if isinstance(value, list):
        return any(_holds_nul(inner) for inner in cast("list[Any]", value))
    return isinstance(value, str) and "\0" in value


def _check(path: Path, commands: tuple[str, ...], name: str, value: str) -> None:
    """Refuse what a folder may not set."""
    setting = f"{path} sets {name} under [{'.'.join(commands)}]"
    if name in READS | WRITES and ELSEWHERE.search(value):
        raise SpellingError(
            f"{setting} to {value!r}, on another machine, which a folder may not choose; "
            f"{_instead(commands, name)}"
        )
    if name in WRITES and not _inside(path.parent, value):
        raise SpellingError(
            f"{setting} to {value!r}: what the settings of a folder write stays inside of it; "
            f"{_instead(commands, name)}"
        )
    if name in WRITES and _is_special(path.parent / value):
        raise SpellingError(
            f"{setting} to {value!r}, which is a pipe or a device, and a folder may not make you "
            f"wait for one; {_instead(commands, name)}"
        )
    endings = ENDINGS.get(name)
    if endings and (path.parent / value).is_file() and not value.lower().endswith(endings):
        raise SpellingError(
            f"{setting} to {value!r}, a file that is there and does not end in "
            f"{' or '.join(endings)}: a folder may not have it replaced; {_instead(commands, name)}"
        )
    if name not in WRITES | READS | PLAIN:
        raise SpellingError(
            f"{setting}, but a folder may not choose what runs code or answers in its place, who "
            f"may listen, or which server gets your words and key; {_instead(commands, name)}"
        )


def _instead(commands: tuple[str, ...], name: str) -> str:
    """Where the user may say it."""
    variable = f"ANGLEWISE_{'_'.join((*commands, name)).upper().replace('-', '_')}"
    has_variable = "-" not in "".join(commands)  # a shell knows no name with a hyphen
    user_file = users_file()
    return (
        f"take it out of there and type {'-' if len(name) == 1 else '--'}{name}"
        + (f", or set {variable}" if has_variable else "")
        + (f", or write it into {user_file}" if user_file is not None else "")
    )


def _inside(folder: Path, value: str) -> bool:
    """Whether a path leads to a place in the folder, links followed; ``-`` is no path."""
    if value == "-":
        return True
    try:
        return (folder / value).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def _is_special(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder."""
    try:
        return path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, RuntimeError):  # links in a circle
        return False


COMMANDS = {
    "encode": "Turn texts or images into vectors, and keep with them what made them.",
    "fit": "Learn embeddings from who used what; keep judgements aside.",
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
    "study": "Show on an experiment how much of a cosine is a choice nobody made.",
    "demo": "Do the main job on generated data.",
    "doctor": "Show what this installation has.",
}
WITH_COMMANDS = {"judge"}
"""Commands that have commands of their own, and say themselves how they look."""

FINE, BAD_USE, OUR_FAULT, INTERRUPTED = 0, 2, 70, 130


def program() -> App:
    """All commands; each file is imported when its help or its work is asked for."""
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
        config=[*_settings(), check_texts, check_variables],
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for position, (command, purpose) in enumerate(COMMANDS.items()):
        # Markdown costs 0.1 s, so that lists of commands do without
        form = {} if command in WITH_COMMANDS else {"help_format": "markdown"}
        app.command(
            f"anglewise.cli.{command}:{command}",
            name=command,
            help=purpose,
            sort_key=position,
            **form,
        )
    return app


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


def run(tokens: Sequence[str]) -> Any:
    """Run one command, once nothing that it is to write is of value; raises what goes wrong."""
    command, bound, _ = program().parse_args(list(tokens))
    from anglewise.io.outputs import declaring

    with declaring(check_paths(command, bound)):
        return command(*bound.args, **bound.kwargs)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = run(sys.argv[1:] if tokens is None else list(tokens))
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
VARIABLES = ("ANGLEWISE_MEMORY", "ANGLEWISE_REAL_DATA")
"""What is no option of a command: how much memory may be filled, and what the tests read."""


def check_variables(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse a variable of ours that sets nothing, as it is done with a key in a file."""
    del app
    this = PREFIX + "".join(f"{command.upper()}_" for command in commands)
    others = tuple(f"{PREFIX}{command.upper()}_" for command in COMMANDS)
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
