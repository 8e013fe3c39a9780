"""One file of a zip archive, unpacked into a folder of its own while it is read."""

import io
import re
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from anglewise.data_types.text import Say, as_path, counted, quiet
from anglewise.errors import AnglewiseError, FileError
from anglewise.io.files import AT_ONCE, PathLike, contents, existing_file, reading
from anglewise.io.sizes import check_holds
from anglewise.io.tables import listed

ZIP = b"PK\x03\x04"
"""How an archive begins, and a workbook of a spreadsheet, which is one."""

ENTRY = re.compile(rb"PK\x01\x02")
MOST = 100_000
"""So many files may an archive list; each costs half a kilobyte of memory."""

PLAIN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How files may be packed: others may ask for more memory than they hold."""

ODD_LETTER = re.compile(r"[^\w.@ -]")
LONGEST_NAME = 100
MAC = "__MACOSX"


def archive_of(path: PathLike | Any) -> Path | None:
    """The zip archive that a path names, or in which it names a file; None where there is none.

    >>> archive_of("ratings.csv")
    """
    whole = as_path(path)
    for place in (whole, *whole.parents):
        if place.suffix.lower() == ".zip" and (place == whole or place.is_file()):
            return place
    return None


@contextmanager
def unpacked(path: PathLike | Any, say: Say = quiet) -> Generator[PathLike | Any]:
    """The path of a file to read; of an archive, that of the file in it, unpacked meanwhile.

    ``films.zip`` names the only file of an archive, ``films.zip/ml/ratings.csv`` one of several,
    for which its last part will do where no other ends so. Nothing of an archive decides where
    something is written, and no more is unpacked than ``check_holds`` allows.

    Raises ``FileError`` for what is no archive, for several files of which none is named, for one
    that is not there, comes twice, has a password or is packed in a rare way; and whatever is
    raised meanwhile, with the place in the archive in place of where it was unpacked.
    """
    archive = archive_of(path)
    if archive is None:
        yield path
        return
    existing_file(archive)
    wanted = as_path(path).relative_to(archive).as_posix()
    with reading(archive, "a zip archive"):
        data = contents(archive)
        _check_count(archive, data)
        packed = zipfile.ZipFile(io.BytesIO(data))
    with packed, TemporaryDirectory(prefix="anglewise-") as folder:
        member = _member(archive, list(_files(packed)), wanted)
        file = Path(folder) / _plain_name(archive, member.filename)
        with reading(archive, "a zip archive"):
            _unpack(archive, packed, member, file)
        say(f"{archive.name}: read {member.filename}")
        try:
            yield file
        except AnglewiseError as error:
            place = f"{archive}/{member.filename}"
            raise type(error)(str(error).replace(str(file), place)) from error


def _check_count(archive: Path, data: Any) -> None:
    if next(islice(ENTRY.finditer(data), MOST, None), None) is not None:
        raise FileError(f"{archive} lists more than {MOST:,} files: unpack it, and name one")


def _files(packed: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files of an archive but for what systems put beside them."""
    for entry in packed.infolist():
        place = PurePosixPath(entry.filename)
        beside = place.name.startswith("._") or place.name == ".DS_Store" or MAC in place.parts
        if entry.filename and not entry.is_dir() and not beside:
            yield entry


def _member(archive: Path, files: list[zipfile.ZipInfo], wanted: str) -> zipfile.ZipInfo:
    """The file that is meant."""
    names = [entry.filename for entry in files]
    if wanted == ".":
        meant = files
        if len(files) != 1:
            example = f", as in {archive}/{names[0]}" if names else ""
            raise FileError(
                f"{archive} holds {counted(len(files), 'file')}"
                + (f" ({listed(names)}): name one{example}" if files else ": one is due")
            )
    else:
        meant = [entry for entry in files if entry.filename == wanted]
        meant = meant or [entry for entry in files if entry.filename.endswith(f"/{wanted}")]
        if len(meant) != 1:
            there = f"{len(meant)} files so called" if meant else "no such file"
            raise FileError(f"{archive}/{wanted}: the archive holds {there}, but {listed(names)}")
    member = meant[0]
    if names.count(member.filename) > 1:
        raise FileError(f"{archive} holds {member.filename} more than once: write it again")
    if member.flag_bits & 1:
        raise FileError(f"{archive} asks for a password: unpack it, and name the file")
    if member.compress_type not in PLAIN_METHODS:
        raise FileError(
            f"{archive} is packed in a way that is not read here (method {member.compress_type}): "
            "unpack it, and name the file"
        )
    return member


def _plain_name(archive: Path, name: str) -> str:
    """A name that leads nowhere, with the ending that tells the format."""
    plain = ODD_LETTER.sub("_", PurePosixPath(name.replace("\\", "/")).name)[-LONGEST_NAME:]
    if not plain.strip(". "):
        raise FileError(f"{archive} holds {name!r}, which names no file: write it again")
    return plain


def _unpack(archive: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path) -> None:
    check_holds(archive, member.file_size)
    size = 0
    with packed.open(member) as source, file.open("xb") as target:
        while part := source.read(AT_ONCE):
            size += len(part)
            check_holds(archive, size)
            target.write(part)
