"""What a command said that it will write, and the checks that this is still so when it writes."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from anglewise.errors import FileError
from anglewise.io.files import noting_reads, was_read

_declared: list[Path] = []
"""The files that this command has still to write."""
_started_in: str | None = None
"""The folder in which this command began, from which its paths lead."""
_of_settings: list[tuple[Path, Path, bool]] = []
"""Outputs that the settings of a folder named: path, folder without links, whether it is new."""


@contextmanager
def declaring(
    outputs: Iterable[Path], of_settings: Iterable[tuple[Path, bool]] = ()
) -> Generator[None, None, None]:
    """Say which files a command will write, so that all are checked before the first is.

    What is read in the end cannot be known from the call alone: a table names pictures, a model
    names the files of its weights. ``of_settings`` are those, as absolute paths, that the settings
    of the current folder named: they stay inside of it, and where a path goes with true nothing
    may be there. Both are asked again when they are written.
    """
    global _declared, _started_in, _of_settings  # noqa: PLW0603 one call at a time
    previous = _declared, _started_in, _of_settings
    _declared, _started_in = list(outputs), _current_folder()
    here = Path(os.path.realpath(_started_in or "/"))
    _of_settings = [*_of_settings, *((path, here, is_new) for path, is_new in of_settings)]
    try:
        with noting_reads():
            yield
    finally:
        _declared, _started_in, _of_settings = previous


def _current_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 as text
    except OSError:  # it was removed
        return None


def check_still_here(path: Path) -> None:
    """Raise ``FileError`` where a path would lead elsewhere than when the command began."""
    if _started_in is not None and not path.is_absolute() and _current_folder() != _started_in:
        raise FileError(
            f"{path} would be written elsewhere than in {_started_in}, since code that this call "
            "ran changed the current folder: name the whole path, or mend that code"
        )


def check_settings_stand(path: Path, target: Path) -> None:
    """Raise ``FileError`` where an output that a folder's settings named leads elsewhere by now."""
    for named, folder, is_new in _of_settings:
        if not Path(os.path.abspath(path)).is_relative_to(named):  # noqa: PTH100 links stay
            continue
        if not target.is_relative_to(folder):
            raise FileError(
                f"{path} leads to {target} by now, and what the settings of {folder} name stays "
                "inside of it: type where it is to be written"
            )
        if is_new and (target.is_file() or (target.is_dir() and any(target.iterdir()))):
            raise FileError(
                f"{path} came to be while this call ran, and what the settings of {folder} name "
                "replaces nothing: type another name, or this one"
            )


def check_not_read(target: Path) -> None:
    """Raise ``FileError`` where an output of this command is a file that it has read."""
    for output in _declared:
        if was_read(output):
            raise FileError(
                f"{output} was read by this call, and writing there would end it: choose another "
                "name for the output"
            )
    _declared[:] = [output for output in _declared if Path(os.path.realpath(output)) != target]
