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
from importlib.machinery import PathFinder
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from anglewise.errors import AnglewiseError, FileError, SpellingError
from anglewise.stores.address import Address, is_address, read_address

Does: TypeAlias = Literal["reads", "writes", "replaces folder", "fills folder", "adds to"]
Given: TypeAlias = Mapping[str, Any]
"""Every argument of a call by its name, those of groups of options included."""


def _itself(word: Any) -> Iterable[Path]:
    return word.places if isinstance(word, Address) else (Path(word),)


def named_source(word: str) -> tuple[str, Path | Address]:
    """``NAME=FOLDER``, ``FOLDER`` or an address, in which a sign of equality may stand too.

    >>> named_source("new=lancedb:///data/films?id=sku")[0], named_source("lancedb:///a/b?id=c")[0]
    ('new', '')
    """
    name, named, rest = word.partition("=")
    if not named or "://" in name:
        name, rest = "", word
    return name, read_address(rest) if is_address(rest) else Path(rest)


@dataclass(frozen=True)
class PathRole:
    """What a command does with the path that an option names.

    ``paths`` finds them in what was given; it may name none. ``names`` are patterns of the files
    that are written into a folder. ``without`` finds the paths where the option is not given.
    ``mark`` is the file in a folder that says which command filled it: files by its names are
    replaced only where it lies. ``endings`` are what a file of its kind is called, if it matters:
    one that is called as another kind of file is refused, and where ``only`` any other.
    """

    does: Does
    paths: Callable[[Any], Iterable[Path]] = _itself
    names: tuple[str, ...] = ()
    without: Callable[[Given], Iterable[Path]] | None = None
    mark: "FolderMark | None" = None
    endings: tuple[str, ...] = ()
    only: bool = False


@dataclass(frozen=True)
class FolderMark:
    """A file of JSON whose key ``command`` names the command that filled its folder."""

    name: str
    command: str

    def marks(self, folder: Path) -> bool:
        """Whether the file is there and names the command."""
        from anglewise.io.destinations import first_bytes

        start = first_bytes(folder / self.name, 100)
        return re.match(rb'\s*\{\s*"command": "%s"' % self.command.encode(), start) is not None


def _named(word: str) -> Iterable[Path]:
    """``NAME=FOLDER`` or ``FOLDER``; where a collection lies on this machine, if it does."""
    try:
        return _itself(named_source(word)[1])
    except SpellingError:  # which the command will say
        return ()


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
        if space is None or isinstance(space, Address) or not is_space_folder(space):
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


def rejects_beside(file: Path) -> Iterator[Path]:
    """Names for the refused rows of a file, the usual one first."""
    yield file.with_name(f"{file.name}.rejects.csv")
    yield from (file.with_name(f"{file.name}.rejects-{n}.csv") for n in count(2))


def _rejects(arguments: Given) -> Iterable[Path]:
    """The names up to the first that is free."""
    for path in rejects_beside(Path(arguments["file"])):
        yield path
        if not _is_there(path):
            return


def _answers(arguments: Given) -> Iterable[Path]:
    output = Path(arguments["output"])
    return (output.with_name(f"{output.name}.answers.jsonl"),) if arguments["model"] else ()


def _in_truths(words: str) -> Iterable[Path]:
    """The tables among truths: ``co-use,FILE,FILE:COLUMN``."""
    names = [name.strip() for name in words.split(",")]
    files = (Path(name if _is_there(Path(name)) else name.rpartition(":")[0]) for name in names)
    return [path for path in files if path.name and _is_there(path)]


def _in_address(word: str) -> Iterable[Path]:
    """Where a collection lies on this machine, if it does."""
    try:
        return read_address(word).places
    except SpellingError:  # which the command will say
        return ()


def is_shared_file(word: str) -> bool:
    """Whether an address leads to a file that holds other collections too."""
    from anglewise.stores.address import KINDS, read_address

    try:
        return KINDS[read_address(word).kind].shares_file
    except SpellingError:  # which the command will say
        return False


def _grades(arguments: Given) -> Iterable[Path]:
    pairs = Path(arguments["pairs"])
    return (pairs.with_name(f"{pairs.name}.grades.jsonl"),)


READ = PathRole("reads")
"""Read and never written, a file or a folder."""
SPACE_READ = PathRole("reads", _named)
ENCODER = PathRole("reads", _in_spelling)
ENCODER_OF_SPACE = PathRole("reads", _in_spelling, without=_of_space)
"""One that a space names where nobody else does."""
FILE = PathRole("writes")
"""Written as a whole in place of what is there, as are those that follow."""
HTML = PathRole("writes", endings=(".html", ".htm", ".xhtml"))
MARKDOWN = PathRole("writes", endings=(".md", ".markdown", ".txt"))
XML = PathRole("writes", endings=(".xml",))
PICTURE = PathRole("writes", endings=(".svg", ".png", ".pdf"), only=True)
PARQUET = PathRole("writes", endings=(".parquet",), only=True)
CSV = PathRole("writes", endings=(".csv", ".txt"))
TRANSFORM = PathRole("writes", endings=(".npz", ".json"), only=True)
RELEVANCE = PathRole("writes", endings=(".json", ".txt"))
JSON = PathRole("writes", _file_or_none, endings=(".json", ".txt"))
REJECTS = PathRole("writes", without=_rejects, endings=(".csv", ".txt"))
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
    for name in ("films-recommend", "films-similar", "films-audit", "digits", "guides")
    for end in ("html", "json")
)
DEMO = PathRole(
    "fills folder",
    names=(DEMO_MARK.name, "ratings.csv.gz", "films.csv", "films", "digits", "guides", *_PAGES),
    mark=DEMO_MARK,
)
TRUTHS = PathRole("reads", _in_truths)
STORED = PathRole("reads", _in_address)
"""A collection of a vector store that is asked."""
TO_STORE = PathRole("adds to", _in_address)
"""A collection that is filled, or takes the place of another where somebody says so."""
KEPT = PathRole("adds to")
"""Read and added to, which is the purpose of it: a history, a checkpoint, a cache."""
STORE = PathRole("adds to", _store)
"""A store of judgements, or the space beside which it lies: judgements are added to it."""
ANSWERS = PathRole("adds to", without=_answers)
GRADES = PathRole("adds to", without=_grades)


@dataclass(frozen=True)
class Option:
    """One option of a command: its name as typed, its type, and what is done with its path."""

    name: str
    parameter: str
    within: str | None
    type: Any
    role: PathRole | None


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
        positional = parameter.kind in {parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL}
        for field_name, within, hint in names:
            kind, marks = _parts(hint)
            shown = field_name.upper() if positional else _typed(field_name, marks)
            role = next((mark for mark in marks if isinstance(mark, PathRole)), None)
            options.append(Option(shown, field_name, within, kind, role))
    return options


def _typed(name: str, marks: tuple[Any, ...]) -> str:
    """An option as it is typed: by a name of its own, or that of its argument."""
    own = next((word for mark in marks for word in getattr(mark, "name", None) or ()), None)
    return own if own is not None else "--" + name.replace("_", "-")


def arguments_of(options: Sequence[Option], bound: inspect.BoundArguments) -> Given:
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


def given_options(command: Callable[..., Any], bound: inspect.BoundArguments) -> list[Option]:
    """The options that a call gives; of a group those that differ from their defaults."""
    usual = {name: p.default for name, p in inspect.signature(command).parameters.items()}
    return [
        option
        for option in options_of(command)
        if (option.within or option.parameter) in bound.arguments
        and (
            option.within is None
            or getattr(bound.arguments[option.within], option.parameter)
            != getattr(usual[option.within], option.parameter)
        )
    ]


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and the marks with which it is annotated."""
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return kind, tuple(marks)
