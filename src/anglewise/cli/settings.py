"""Settings from files: which of them a folder may bring, and which are the user's alone.

``anglewise.toml`` may come with data from a stranger, so that only what is listed is taken from it.
"""

import difflib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict

from anglewise.errors import (
    FileError,
    SpellingError,
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = _names(
    "allowed check-proof forbidden foreign image initial item-ids item-table item-texts items on "
    "protocol qrels queries query-ids query-texts queue relevance runs seen shards spaces "
    "trainings truths"
)
"""Files and folders that are read: any on this machine, but for those of two kinds of commands."""

SENDERS = _names("encoder url")
"""Options of commands that may send what they read to a server: it all lies inside the folder."""

KEEPERS = _names("export output save")
"""Options of commands that may keep the texts and ids of rows in what is handed on."""
RERANKERS = _names("reranker")
"""Options of commands that may send the texts of rows to a server, and nothing else."""
ROWS = _names(
    "foreign image initial item-ids item-table item-texts items protocol queries query-ids "
    "query-texts shards spaces trainings truths"
)
"""Where rows and their texts come from: inside of the folder for such commands too."""

WRITES = _names(
    "atlas checkpoint disputes export history html json junit markdown output per-query plot "
    "rejects run-out save save-witness store transform"
)
"""Files and folders that are written: inside the folder that brings the setting."""

ADDED_TO = _names("checkpoint history store")
"""Of these, what a call adds to; any other is replaced, so that it must not be there yet."""

YOURS = _names(
    "answer-price cache concurrency dry-run encoder engine highest host instructions key model "
    "price replace request reranker reranker-cache resume root scratch timeout to url"
)
"""What runs code, opens a door, says which server gets words, vectors and a key, which words, how
many at once and what they cost, or which files an agent may read, takes the place of what is in a
store, holds answers in place of an encoder's, or lets a build pass without its gates: the user's
alone."""

PLAIN = _names(
    "absent accept all answer assisted at baseline batch breadth brief budget by candidates chunk "
    "combine "
    "components condition confidence depth details device difference dimension direction diversity "
    "double epochs event event-column explain export-queries finalists format "
    "gain-column gate gauge graded grades init-scale optimiser weight-decay "
    "hierarchy holdout how id-column image-column index item item-column judge judges k k-core "
    "keep kind label label-queries largest-difference largest-group learn-temperature "
    "learning-rate log-q machine measure measures memory messages metric metrics min-recall "
    "min-support min-weight missing most most-characters most-rows negatives no-cache "
    "no-metadata normalise not-itself number objective open overlap pair pairs patience penalty "
    "popularity port prices prompt proof query query-column question quiet reasons recall "
    "relevant-from resamples sample seed sequential share slice small source sources split "
    "strata strict tables temperature text text-column threshold time tolerance traffic "
    "trained-for unjudged used user validation variants vector-column "
    "vector-format weight where witness workers"
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
    anything else is refused there; the user's own file may set everything. ``outputs`` are the
    paths to be written that the folder's file named, and whether each must be new.
    """

    def __init__(self, path: Path, commands: Sequence[str], *, of_user: bool = False) -> None:
        self.path = path
        self.commands = commands
        self.of_user = of_user
        self.outputs: list[tuple[Path, bool]] = []

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Take what the file says about the command that runs."""
        path = self.path.absolute()
        settings = _read(path, of_user=self.of_user)
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
        options = frozenset(name.lstrip("-") for a in arguments for name in a.names)
        for argument in arguments:
            for token in argument.tokens:
                if token.source == str(path):
                    name, value = argument.name.lstrip("-"), str(token.value)
                    _check(path, commands, name, value, options)
                    if name in WRITES and value != "-":
                        self.outputs.append((path.parent / value, name not in ADDED_TO))


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


def _read(path: Path, *, of_user: bool) -> dict[str, Any]:
    """What the file says, nothing if there is none; ``FileError`` for what is no TOML.

    That of a folder counts where nobody else could have written it.
    """
    if not os.path.lexists(path):
        return {}
    import tomllib

    text = _bytes_of(path, of_user=of_user)
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


def _bytes_of(path: Path, *, of_user: bool) -> bytes:
    from anglewise.io.files import opened

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise FileError(f"{path} is no file: settings stand in a file of TOML, or nowhere")
        with opened(path, noted=False) as file:
            if not of_user:
                _check_whose(path, os.fstat(file.fileno()))
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
    return text


def _check_whose(path: Path, status: os.stat_result) -> None:
    """Refuse settings that another account left in this folder, or may write to.

    The link, the file to which it leads and the folder must be the user's or root's: root may do
    anything anyway. Below ``sudo`` they may be those of who called it.
    """
    if os.name == "nt":
        return
    me = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    ours = {0, me, *([int(caller)] if me == 0 and caller.isdecimal() else [])}
    where = users_file()
    instead = "type what you want of it" + (f", or write it into {where}" if where else "")
    for what, owner in (
        ("it", path.lstat().st_uid),
        ("it", status.st_uid),
        (f"its folder {path.parent}", path.parent.stat().st_uid),
    ):
        if owner not in ours:
            raise FileError(
                f"{path} is not obeyed, since {what} belongs to another account "
                f"({_name_of(owner)}, and you are {_name_of(me)}), which could choose what you "
                f"write and where: {instead}; or, where that account is yours too, run this as it, "
                f"or make {what} your own (chown)"
            )
    if status.st_mode & stat.S_IWOTH or (
        status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid, me)
    ):
        raise FileError(
            f"{path} is not obeyed, since other accounts may write to it (mode "
            f"{stat.S_IMODE(status.st_mode):o}) and choose what you write and where: forbid that "
            f"(chmod go-w {path.name}), or {instead}"
        )


def _name_of(account: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:  # of another machine, or outside of a container
        return f"number {account}"


def _is_own_group(group: int, account: int) -> bool:
    """Whether a group is that of one account alone, as many systems make for each."""
    import grp
    import pwd

    try:
        user, of_group = pwd.getpwuid(account), grp.getgrgid(group)
    except KeyError:
        return False
    is_usual = group == user.pw_gid and of_group.gr_name == user.pw_name
    return is_usual and set(of_group.gr_mem) <= {user.pw_name}


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


def _check(
    path: Path, commands: tuple[str, ...], name: str, value: str, options: frozenset[str]
) -> None:
    """Refuse what a folder may not set; ``options`` are all that the command takes."""
    setting = f"{path} sets {name} under [{'.'.join(commands)}]"
    if "://" in value:
        raise SpellingError(
            f"{setting} to an address, and which store is asked a folder may not choose; "
            f"{_instead(commands, name)}"
        )
    if name in READS | WRITES and ELSEWHERE.search(value):
        raise SpellingError(
            f"{setting} to {value!r}, on another machine, which a folder may not choose; "
            f"{_instead(commands, name)}"
        )
    if goes_to := _where_texts_go(name, options):
        readings = (value, os.path.expanduser(value), value.partition("=")[2])  # noqa: PTH111
        if not all(_inside(path.parent, reading) for reading in readings):  # some take NAME=PATH
            raise SpellingError(
                f"{setting} to {value!r}, outside of its folder, and its texts may {goes_to}; "
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
    if name in WRITES - ADDED_TO and value != "-" and _is_there(path.parent / value):
        raise SpellingError(
            f"{setting} to {value!r}, which is there already: the settings of a folder replace "
            f"nothing; {_instead(commands, name)}"
        )
    if name not in WRITES | READS | PLAIN:
        raise SpellingError(
            f"{setting}, but a folder may not choose what runs code or answers in its place, who "
            f"may listen, or which server gets your words and key; {_instead(commands, name)}"
        )


def _where_texts_go(name: str, options: frozenset[str]) -> str:
    """Where what one option names may go, by the others of its command; empty where it stays."""
    sent = READS if options & SENDERS else ROWS if options & RERANKERS else frozenset[str]()
    if name in sent:
        return "go to a server"
    if name in ROWS and options & KEEPERS:
        return "be kept in what is written, and go along with it"
    return ""


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


def _is_there(path: Path) -> bool:
    """Whether something is there that writing would replace: a file, or a folder with content."""
    try:
        return path.is_file() or (path.is_dir() and any(path.iterdir()))
    except (OSError, RuntimeError):  # links in a circle
        return False


def _is_special(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder."""
    try:
        return path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, RuntimeError):  # links in a circle
        return False
