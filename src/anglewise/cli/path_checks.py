"""Check once, before any work, what a call does with each file that it names."""

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from anglewise.cli.paths import (
    READ,
    REJECTS,
    SPACE_READ,
    STORE,
    TO_STORE,
    Given,
    Option,
    PathRole,
    arguments_of,
    given_options,
    is_shared_file,
    options_of,
)
from anglewise.errors import FileError
from anglewise.stores.address import hidden, is_address

SETTINGS = Path("anglewise.toml")
BESIDE_STORE = len("-journal")
"""What SQLite adds to the name of a store."""


@dataclass(frozen=True)
class Use:
    """One path of one call, what is done with it, and whether anybody named it.

    ``is_shared`` says of a file that it holds other tables too: it is added to, and not replaced.
    ``stored`` says that a vector store keeps a collection there, all of whose files are its own.
    """

    label: str
    path: Path
    role: PathRole
    named: bool = True
    is_shared: bool = False
    stored: bool = False

    @cached_property
    def place(self) -> "Any":
        """Where it leads."""
        from anglewise.io.destinations import Place

        return Place(self.path)


def check_paths(command: Callable[..., Any], bound: inspect.BoundArguments) -> list[Path] | None:
    """Give the files that a call will write as a whole; None where it writes nothing at all.

    Raises ``FileError`` where it would write over what it reads, twice, or over judgements, and
    for a handle that nobody gave it; ``SpellingError`` for the name of another kind of file.
    Devices and standard output may be named as often as one likes.
    """
    options = options_of(command)
    arguments = arguments_of(options, bound)
    named = {option.parameter for option in given_options(command, bound)}
    given = [
        (option, option.role, _words(arguments[option.parameter]))
        for option in options
        if option.role is not None
    ]
    for option, role, words in given:
        for word in words:
            _check_word(option, role, word)
    if all(role.does == "reads" for _, role, words in given if words or role.without):
        return None
    from anglewise.cli.settings import users_file

    uses = list(_uses(given, arguments, named))
    written = [use.path for use in uses if use.role.does == "writes"]
    uses += [  # whether or not they are there yet: the next call would read them
        Use(f"the settings {path}", path, READ)
        for path in (SETTINGS, users_file())
        if path is not None
    ]
    for use in uses:
        _check_alone(use)
    for first, second in combinations(uses, 2):
        for writing, other in ((first, second), (second, first)):
            if writing.role.does != "reads":
                _check_apart(writing, other)
    _check_endings(uses)
    return written


def check_outputs(folder: Path | None, *files: Path | None, judged: bool = True) -> None:
    """Say before the work what could not be written after it: a space, and single files.

    ``judged`` says that the space may bring judgements.
    """
    if folder is not None:
        from anglewise.data_types.typing import DIRECTIONS
        from anglewise.io.space_folder import check_destination

        check_destination(folder, judgements=DIRECTIONS if judged else (), seen=True)
    for file in files:
        if file is not None:
            from anglewise.io.outputs import check_new_file

            check_new_file(file)


def _uses(
    given: Iterable[tuple[Option, PathRole, Sequence[Any]]], arguments: Given, named: set[str]
) -> Iterator[Use]:
    """Each path, but for devices and pipes, with what is done with it."""
    from anglewise.io.destinations import is_device

    for option, role, words in given:
        if not words and role.without is not None:
            for implied in role.without(arguments):
                yield Use(str(implied), implied, role, named=False)
        for word in words:
            for path in role.paths(word):
                if not is_device(path):
                    shared = role is TO_STORE and is_shared_file(word)
                    typed, stored = option.parameter in named, "://" in str(word)
                    label = f"{option.name} {_shown(word)}"
                    yield Use(label, path, role, typed, shared, stored)
            if role is STORE and Path(word).is_dir():  # the space around it is read
                yield Use(f"{option.name} {word}", Path(word), READ)


def _check_endings(uses: Iterable[Use]) -> None:
    """Refuse an output that is called as another kind of file."""
    from anglewise.io.destinations import open_output
    from anglewise.io.output_checks import check_ending

    for use in uses:
        if use.role.endings and open_output(use.path) is None:
            what = f"what {use.label.partition(' ')[0]} writes"
            check_ending(use.path, use.role.endings, what, only=use.role.only)


def _check_word(option: Option, role: PathRole, word: Any) -> None:
    """Refuse what names no path, an output in a folder ~, which a shell left, and open handles."""
    from anglewise.io.files import checked_path
    from anglewise.io.output_checks import check_handle

    if is_address(word):
        return
    path = checked_path(word, "a file" if role.does == "reads" else "an output")
    if role is SPACE_READ and word.partition("=")[1:] == ("=", ""):
        raise FileError(f"{word} names no folder: write NAME=FOLDER, or FOLDER")
    if role.does != "reads" and re.match(r"~($|[^/\\]*[/\\])", str(path)):
        raise FileError(
            f"{option.name} {word} begins with ~, which would be a folder here and not your own: "
            "leave a blank before ~ in place of =, or write the whole path"
        )
    for named in role.paths(word) if role is SPACE_READ else (path,):
        check_handle(named, writes=role.does != "reads")


def _shown(word: Any) -> str:
    """A word as messages may show it."""
    return hidden(str(word))


def _words(value: Any) -> list[Any]:
    """What was given for an option: nothing, one word or several."""
    words = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
    return [word for word in words if word is not None]


def _check_alone(use: Use) -> None:
    """Refuse what would end a store or a space, whoever reads it."""
    from anglewise.io.destinations import check_replaceable, open_output
    from anglewise.io.output_checks import check_name_fits
    from anglewise.io.outputs import check_not_filled_in
    from anglewise.judgements.folder_lock import check_nobody_judges

    if use.role.does == "reads":
        return
    if use.role is not REJECTS and open_output(use.path) is None:  # there may be none
        check_name_fits(use.path, BESIDE_STORE if use.role is STORE else 0)
    if use.role is STORE or use.is_shared:
        return
    if not use.named and use.path.is_symlink() and use.role is not REJECTS:  # which takes another
        raise FileError(
            f"{use.path} is a link that this call did not name, and what it leads to would be "
            "written to: name where that is to be, or remove the link"
        )
    check_replaceable(use.place.resolved)
    if use.role.does == "writes":
        check_not_filled_in(use.place.resolved)
    if use.role.does == "replaces folder":
        check_nobody_judges(use.place.resolved)
    if use.role.does == "fills folder":
        _check_may_fill(use)


def _check_may_fill(use: Use) -> None:
    """Refuse to fill a space, or to write over files that the command did not write."""
    if (use.path / "space.json").is_file():
        raise FileError(
            f"{use.label} is a space, which could not be replaced any more with other files in "
            "it: choose another folder"
        )
    for what, names in _odd_names_in(use.path).items():
        ours = [name for name in names if any(fnmatch(name, n) for n in use.role.names)]
        if ours:
            raise FileError(
                f"{use.label} holds {', '.join(ours[:3])} as {what}: choose another folder, or "
                "remove it"
            )
    mark = use.role.mark
    present = [name for name in use.role.names if (use.path / name).exists()]
    if mark is not None and present and not mark.marks(use.path):
        raise FileError(
            f"{use.label} holds {', '.join(present[:3])}, and no {mark.name} that says anglewise "
            f"{mark.command} wrote that: choose another folder, or move it elsewhere"
        )


def _odd_names_in(folder: Path) -> dict[str, list[str]]:
    """Names in a folder of what is neither a file nor a folder, by what that would do."""
    odd: dict[str, list[str]] = {LINK: [], PIPE: []}
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_symlink():
                    odd[LINK].append(entry.name)
                elif not (entry.is_file() or entry.is_dir()):
                    odd[PIPE].append(entry.name)
    return odd


LINK = "a link, and what it leads to would be written over"
PIPE = "a pipe or a device, which nobody named to be written to"


def _check_apart(writing: Use, other: Use) -> None:
    """Refuse to write one path for the sake of the other."""
    reason = _clash(writing, other)
    if reason:
        raise FileError(
            f"{writing.label} {reason} ({other.label}): choose another name for the output"
        )


def _clash(writing: Use, other: Use) -> str:
    """What is wrong with writing the one beside the other; nothing if nothing is."""
    does = writing.role.does
    if other.stored and not writing.stored and writing.place.is_inside(other.place):
        return "lies in the folder of a collection of a store"
    if does == "fills folder" and not writing.path.is_file():
        return _clash_of_names(writing, other)
    if writing.place.is_same(other.place):
        return f"is what this call also {_does(other)}"
    if does == "replaces folder":
        return _clash_of_folder(writing, other)
    if does != "adds to" and _is_part(writing, other):
        return "is a file in a folder that this call reads"
    return ""


def _clash_of_folder(writing: Use, other: Use) -> str:
    if other.place.is_inside(writing.place):
        return f"would be replaced with all that is in it, and holds what this call {_does(other)}"
    if writing.place.is_inside(other.place):
        return f"lies in a folder that this call {_does(other)}"
    return ""


def _clash_of_names(writing: Use, other: Use) -> str:
    """Of a folder into which files of some names are written, beside what is there."""
    from anglewise.io.destinations import Place

    place, other_place = writing.place, other.place
    if place.is_same(other_place):
        return "" if other.path.is_dir() else f"is what this call also {_does(other)}"
    names = writing.role.names
    present = [Place(path) for name in names for path in writing.path.glob(name)]
    to_come = [Place(writing.path / name) for name in names if "*" not in name]
    folder, name = Place(other_place.resolved.parent), other_place.resolved.name
    is_new = folder.is_same(place) and any(fnmatch(name, pattern) for pattern in names)
    if is_new or any(
        written.is_same(other_place) or other_place.is_inside(written)
        for written in (*present, *to_come)
    ):
        return f"gets files by the name of one that this call {_does(other)}"
    return ""


def _is_part(writing: Use, other: Use) -> bool:
    """Whether a file that is there belongs to a folder that is read.

    Those of a space are known by name, and refused whoever reads them.
    """
    if other.role.does != "reads" or not writing.place.is_inside(other.place):
        return False
    return writing.path.exists() and not (other.path / "space.json").is_file()


def _does(use: Use) -> str:
    return "reads" if use.role.does == "reads" else "writes"
