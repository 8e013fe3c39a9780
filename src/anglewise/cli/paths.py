"""Options that name files say here what the command does with them; one check reads all of it.

An option that takes a path carries one of these roles in its annotation:
``html: Annotated[Path | None, FILE] = None``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

Does: TypeAlias = Literal["reads", "writes", "replaces folder", "fills folder", "adds to"]
Given: TypeAlias = Mapping[str, Any]
"""Every argument of a call by its name, those of groups of options included."""


def _itself(word: Any) -> Path | None:
    return Path(word)


@dataclass(frozen=True)
class Role:
    """What a command does with the path that an option names.

    ``path`` finds it in what was given, None where that names none. ``names`` are patterns of the
    files that are written into a folder. ``without`` is the path where the option is not given.
    """

    does: Does
    path: Callable[[Any], Path | None] = _itself
    names: tuple[str, ...] = ()
    without: Callable[[Given], Path | None] | None = None


def _named(word: str) -> Path:
    """``NAME=FOLDER`` or ``FOLDER``."""
    name, named, path = word.partition("=")
    return Path(path if named else name)


def _in_spelling(word: str) -> Path | None:
    """The file or folder in an encoder's spelling, such as ``onnx:FILE?pooling=cls``."""
    path = Path(word.partition(":")[2].partition("?")[0])
    return path if path.name and _is_there(path) else None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _file_or_none(word: str) -> Path | None:
    return None if word == "-" else Path(word)


def _store(place: Path) -> Path | None:
    from anglewise.errors import FileError
    from anglewise.judging.judged_set import store_of

    try:
        return store_of(place)
    except FileError:  # which the command will say
        return None


def _rejects(given: Given) -> Path:
    file = Path(given["file"])
    return file.with_name(f"{file.name}.rejects.csv")


def _answers(given: Given) -> Path | None:
    output = Path(given["output"])
    return output.with_name(f"{output.name}.answers.jsonl") if given["model"] else None


READ = Role("reads")
"""Read and never written, a file or a folder."""
SPACE_READ = Role("reads", _named)
ENCODER = Role("reads", _in_spelling)
FILE = Role("writes")
"""Written as a whole in place of what is there."""
JSON = Role("writes", _file_or_none)
REJECTS = Role("writes", without=_rejects)
FOLDER = Role("replaces folder")
"""Written as a whole in place of a folder of its kind."""
RUNS = Role("fills folder", names=("*.run",))
STUDY = Role("fills folder", names=("study.json", "study.png", "study.svg"))
_PAGES = tuple(
    f"{name}.{end}"
    for name in ("films-recommend", "films-similar", "digits", "guides")
    for end in ("html", "json")
)
DEMO = Role(
    "fills folder",
    names=("ratings.csv.gz", "films.csv", "films", "digits", "guides", *_PAGES),
)
KEPT = Role("adds to")
"""Read and added to, which is the purpose of it: a history, a checkpoint, a cache."""
STORE = Role("adds to", _store)
"""A store of judgements, or the space beside which it lies: judgements are added to it."""
ANSWERS = Role("adds to", without=_answers)
