"""What a command does with each file it names, checked once before any work.

An option that takes a path carries one of these roles in its annotation:
``html: Annotated[Path | None, FILE] = None``.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of
from fnmatch import fnmatch
from functools import cached_property
from importlib.machinery import PathFinder
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

from anglewise.errors import AnglewiseError, FileError, SpellingError

Does: TypeAlias = Literal["reads", "writes", "replaces folder", "fills folder", "adds to"]
Given: TypeAlias = Mapping[str, Any]
"""Every argument of a call by its name, those of groups of options included."""


def _itself(word: Any) -> Iterable[Path]:
    return (Path(word),)


@dataclass(frozen=True)
class PathRole:
    """What a command does with the path that an option names.

    ``paths`` finds them in what was given; it may name none. ``names`` are patterns of the files
    that are written into a folder. ``without`` finds the paths where the option is not given.
    ``mark`` is the file in a folder that says which command filled it: files by its names are
    replaced only where it lies.
    """

    does: Does
    paths: Callable[[Any], Iterable[Path]] = _itself
    names: tuple[str, ...] = ()
    without: Callable[[Given], Iterable[Path]] | None = None
    mark: "FolderMark | None" = None


@dataclass(frozen=True)
class FolderMark:
    """A file of JSON whose key ``command`` names the command that filled its folder."""

    name: str
    command: str

    def marks(self, folder: Path) -> bool:
        """Whether the file is there and names the command."""
        try:
            with (folder / self.name).open("rb") as file:
                start = file.read(100)
        except OSError:
            return False
        return re.match(rb'\s*\{\s*"command": "%s"' % self.command.encode(), start) is not None


def _named(word: str) -> Iterable[Path]:
    """``NAME=FOLDER`` or ``FOLDER``."""
    name, named, path = word.partition("=")
    return (Path(path if named else name),)


BESIDE_MODEL = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "preprocessor_config.json")
"""What an encoder reads beside its model, or a folder above, without being told to."""


def _in_spelling(word: str) -> Iterable[Path]:
    """The files and folders in an encoder's spelling, such as ``onnx:FILE?tokenizer=FILE``."""
    from anglewise.encoders.encoder import read_spec
    from anglewise.io.files import user_path

    try:
        spec = read_spec(word)
        if spec.kind.startswith("python"):
            return _of_module(spec.source.partition(":")[0])
        named = [user_path(word) for word in (spec.source, *spec.options.values()) if word]
    except (SpellingError, FileError, ValueError):  # which the command will say
        return ()
    companions, weights = list[Path](), list[Path]()
    if spec.kind.startswith("onnx") and spec.source:
        folders = named[0].parent, named[0].parent.parent
        companions = [folder / name for folder in folders for name in BESIDE_MODEL]
        weights = _weights(named[0])
    return [path for path in (*named, *companions, *weights) if path.name and _is_there(path)]


def _weights(model: Path) -> list[Path]:
    """The files in which a model's numbers lie, if it keeps them apart."""
    from anglewise.encoders.onnx import weight_files

    try:
        return weight_files(model)[0]
    except FileError:  # which the command will say
        return []


def _of_module(name: str) -> list[Path]:
    """The file of a module, and the folder of the package that it is in; nothing is imported."""
    spec = PathFinder.find_spec(name.partition(".")[0])
    if spec is None:
        return []
    origin = [spec.origin] if spec.has_location and spec.origin else []
    return [Path(location) for location in (*origin, *(spec.submodule_search_locations or ()))]


def _of_space(arguments: Given) -> Iterable[Path]:
    """What the encoder reads that a space names, where it may be loaded."""
    from anglewise.encoders.encoder import read_spec
    from anglewise.encoders.load import check_harmless
    from anglewise.io.space_files import is_space_folder, read_description

    space = arguments["space"]
    try:
        if space is None or not is_space_folder(space):
            return ()
        encoder = read_description(space)["about"].get("encoder")
        if not isinstance(encoder, str):
            return ()
        check_harmless(read_spec(encoder))
    except (AnglewiseError, OSError):  # which the command will say, if it comes to it
        return ()
    return _in_spelling(encoder)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _file_or_none(word: str) -> Iterable[Path]:
    return () if word == "-" else (Path(word),)


def _store(path: Path) -> Iterable[Path]:
    from anglewise.labelling.judged_set import store_of

    try:
        return (store_of(path),)
    except FileError:  # which the command will say
        return ()


def _rejects(arguments: Given) -> Iterable[Path]:
    file = Path(arguments["file"])
    return (file.with_name(f"{file.name}.rejects.csv"),)


def _answers(arguments: Given) -> Iterable[Path]:
    output = Path(arguments["output"])
    return (output.with_name(f"{output.name}.answers.jsonl"),) if arguments["model"] else ()


READ = PathRole("reads")
"""Read and never written, a file or a folder."""
SPACE_READ = PathRole("reads", _named)
ENCODER = PathRole("reads", _in_spelling)
ENCODER_OF_SPACE = PathRole("reads", _in_spelling, without=_of_space)
"""One that a space names where nobody else does."""
FILE = PathRole("writes")
"""Written as a whole in place of what is there."""
JSON = PathRole("writes", _file_or_none)
REJECTS = PathRole("writes", without=_rejects)
FOLDER = PathRole("replaces folder")
"""Written as a whole in place of a folder of its kind."""
RUNS = PathRole("fills folder", names=("*.run",))
STUDY = PathRole(
    "fills folder",
    names=("study.json", "study.png", "study.svg"),
    mark=FolderMark("study.json", "study"),
)
DEMO_MARK = FolderMark("demo.json", "demo")
_PAGES = tuple(
    f"{name}.{end}"
    for name in ("films-recommend", "films-similar", "digits", "guides")
    for end in ("html", "json")
)
DEMO = PathRole(
    "fills folder",
    names=(DEMO_MARK.name, "ratings.csv.gz", "films.csv", "films", "digits", "guides", *_PAGES),
    mark=DEMO_MARK,
)
KEPT = PathRole("adds to")
"""Read and added to, which is the purpose of it: a history, a checkpoint, a cache."""
STORE = PathRole("adds to", _store)
"""A store of judgements, or the space beside which it lies: judgements are added to it."""
ANSWERS = PathRole("adds to", without=_answers)


SETTINGS = Path("anglewise.toml")


@dataclass(frozen=True)
class Option:
    """One option of a command: its name as typed, its type, and what is done with its path."""

    name: str
    parameter: str
    within: str | None
    type: Any
    role: PathRole | None


@dataclass(frozen=True)
class Use:
    """One path of one call, and what is done with it."""

    label: str
    path: Path
    role: PathRole

    @cached_property
    def place(self) -> "Any":
        """Where it leads."""
        from anglewise.io.destinations import Place

        return Place(self.path)


def options_of(command: Callable[..., Any]) -> list[Option]:
    """All options of a command, those of its groups included."""
    options: list[Option] = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group, _ = _parts(hints[name])
        if is_dataclass(group) and isinstance(group, type):
            inner = get_type_hints(group, include_extras=True)
            names = [(field.name, name, inner[field.name]) for field in fields_of(group)]
        else:
            names = [(name, None, hints[name])]
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        for field_name, within, hint in names:
            shown = field_name.upper() if positional else "--" + field_name.replace("_", "-")
            kind, marks = _parts(hint)
            role = next((mark for mark in marks if isinstance(mark, PathRole)), None)
            options.append(Option(shown, field_name, within, kind, role))
    return options


def check_paths(command: Callable[..., Any], bound: inspect.BoundArguments) -> list[Path] | None:
    """Give the files that a call will write as a whole; None where it writes nothing at all.

    Raises ``FileError`` where it would write over what it reads, twice, or over judgements.
    Devices and standard output may be named as often as one likes.
    """
    options = options_of(command)
    arguments = _arguments(options, bound)
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

    uses = list(_uses(given, arguments))
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


def _arguments(options: Sequence[Option], bound: inspect.BoundArguments) -> Given:
    """What was given, or stands in its place, for each option."""
    bound = copy(bound)
    bound.arguments = dict(bound.arguments)
    bound.apply_defaults()
    return {
        option.parameter: getattr(bound.arguments[option.within], option.parameter)
        if option.within
        else bound.arguments[option.parameter]
        for option in options
    }


def _uses(
    given: Iterable[tuple[Option, PathRole, Sequence[Any]]], arguments: Given
) -> Iterator[Use]:
    """Each path, but for devices, with what is done with it."""
    from anglewise.io.destinations import is_device

    for option, role, words in given:
        if not words and role.without is not None:
            for implied in role.without(arguments):
                yield Use(str(implied), implied, role)
        for word in words:
            for path in role.paths(word):
                if not is_device(path):
                    yield Use(f"{option.name} {word}", path, role)
            if role is STORE and Path(word).is_dir():  # the space around it is read
                yield Use(f"{option.name} {word}", Path(word), READ)


def _check_word(option: Option, role: PathRole, word: Any) -> None:
    """Refuse what names no path, and an output in a folder ~, which a shell left behind =."""
    from anglewise.io.files import checked_path

    path = checked_path(word)
    if role is SPACE_READ and word.partition("=")[1:] == ("=", ""):
        raise FileError(f"{word} names no folder: write NAME=FOLDER, or FOLDER")
    if role.does != "reads" and re.match(r"~($|[^/\\]*[/\\])", str(path)):
        raise FileError(
            f"{option.name} {word} begins with ~, which would be a folder here and not your own: "
            "leave a blank before ~ in place of =, or write the whole path"
        )


def _words(value: Any) -> list[Any]:
    """What was given for an option: nothing, one word or several."""
    words = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
    return [word for word in words if word is not None]


def _check_alone(use: Use) -> None:
    """Refuse what would end a store or a space, whoever reads it."""
    from anglewise.io.destinations import check_replaceable
    from anglewise.judgements.folder_lock import check_nobody_judges

    if use.role.does == "reads" or use.role is STORE:
        return
    check_replaceable(use.place.resolved)
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
    mark = use.role.mark
    present = [name for name in use.role.names if (use.path / name).exists()]
    if mark is not None and present and not mark.marks(use.path):
        raise FileError(
            f"{use.label} holds {', '.join(present[:3])}, and no {mark.name} that says anglewise "
            f"{mark.command} wrote that: choose another folder, or move it elsewhere"
        )


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
    if does == "fills folder" and not writing.path.is_file():
        return _clash_of_names(writing, other)
    if writing.place.is_same(other.place) and not does == other.role.does == "adds to":
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
    present = [Place(path) for name in writing.role.names for path in writing.path.glob(name)]
    folder, name = Place(other_place.resolved.parent), other_place.resolved.name
    is_new = folder.is_same(place) and any(fnmatch(name, pattern) for pattern in writing.role.names)
    if is_new or any(
        pattern.is_same(other_place) or other_place.is_inside(pattern) for pattern in present
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


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and the marks with which it is annotated."""
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return kind, tuple(marks)
