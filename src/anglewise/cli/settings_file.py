"""Settings that stand in a file: a section for each command, the options as keys."""

import difflib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from anglewise.cli.origin import PLAIN, READS, WRITES
from anglewise.errors import FileError, SpellingError

LONGEST = 1 << 20
"""Bytes of a file of settings: nobody types so many."""

ELSEWHERE = re.compile(r"(^|=)[/\\]{2}")
"""A shared folder of another machine, at which Windows signs in as the user; or NAME= of one."""


class SettingsFile:
    """A file of settings whose sections are names of commands.

    A section or key that means nothing is refused, never skipped. What lies in the folder where
    the command runs may have come with data: it may set what ``anglewise.cli.origin`` lists, and
    anything else is refused there; the user's own file may set everything.
    """

    def __init__(self, path: Path, commands: Sequence[str], *, of_user: bool = False) -> None:
        self.path = path
        self.commands = commands
        self.of_user = of_user

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Take what the file says about the command that runs."""
        path = self.path.absolute()
        said = _read(path)
        for section in said:
            if section not in self.commands:
                near = difflib.get_close_matches(section, self.commands, n=1)
                hint = f"did you mean [{near[0]}]? " if near else ""
                raise SpellingError(
                    f"{path} speaks of {section!r}, which is no command: {hint}"
                    f"write [command] above its options; commands are {', '.join(self.commands)}"
                )
        Dict(said, source=str(path))(app, commands, arguments)
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
        why = error.strerror or type(error).__name__
        raise FileError(f"{path} cannot be read ({why}): mend it, or take it away") from error
    if len(text) > LONGEST:
        raise FileError(f"{path} is longer than a megabyte: settings are a few lines of TOML")
    try:
        said = tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8, which TOML is: write it again as text") from error
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileError(f"{path} is no TOML ({why}): write [command] and key = value") from error
    if _holds_nul(said):
        raise FileError(f"{path} holds a null character in a setting: no name has one")
    return said


def _holds_nul(value: Any) -> bool:
    if isinstance(value, Mapping):
        said = cast("Mapping[str, Any]", value)
        return any("\0" in key or _holds_nul(inner) for key, inner in said.items())
    if isinstance(value, list):
        return any(_holds_nul(inner) for inner in cast("list[Any]", value))
    return isinstance(value, str) and "\0" in value


def _check(path: Path, commands: tuple[str, ...], name: str, value: str) -> None:
    """Refuse what a folder may not set."""
    where = f"{path} sets {name} under [{'.'.join(commands)}]"
    if name in READS | WRITES and ELSEWHERE.search(value):
        raise SpellingError(
            f"{where} to {value!r}, on another machine, which a folder may not choose; "
            f"{_instead(commands, name)}"
        )
    if name in WRITES and not _inside(path.parent, value):
        raise SpellingError(
            f"{where} to {value!r}: what the settings of a folder write stays inside of it; "
            f"{_instead(commands, name)}"
        )
    if name not in WRITES | READS | PLAIN:
        raise SpellingError(
            f"{where}, but a folder may not choose what runs code, who may listen, or which "
            f"server gets your words and key; {_instead(commands, name)}"
        )


def _instead(commands: tuple[str, ...], name: str) -> str:
    """Where the user may say it."""
    variable = f"ANGLEWISE_{'_'.join((*commands, name)).upper().replace('-', '_')}"
    known = "-" not in "".join(commands)  # a shell knows no name with a hyphen
    own = users_file()
    return (
        f"take it out of there and type {'-' if len(name) == 1 else '--'}{name}"
        + (f", or set {variable}" if known else "")
        + (f", or write it into {own}" if own is not None else "")
    )


def _inside(folder: Path, value: str) -> bool:
    """Whether a path leads to a place in the folder, links followed; ``-`` is no path."""
    if value == "-":
        return True
    try:
        return (folder / value).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False
