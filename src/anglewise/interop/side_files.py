"""Where the vectors, ids and texts of either side lie in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anglewise.errors import FileError
from anglewise.interop.arrow_file import is_saved_dataset
from anglewise.interop.columns import listed
from anglewise.interop.files import existing_file, existing_folder, suffix
from anglewise.interop.keyed import KEYED_SUFFIXES, Keyed, Side, open_keyed
from anglewise.interop.say import PathLike
from anglewise.interop.vector_file import VECTOR_SUFFIXES

STEMS: Mapping[Side, tuple[str, ...]] = {
    "queries": ("queries", "users", "questions"),
    "items": ("items", "corpus", "documents", "docs", "passages", "products", "movies"),
}
"""What the files of either side are called."""

IDS = {".txt", ".ids"}
TEXTS = {".jsonl", ".ndjson", ".csv", ".tsv"}
VECTORS = VECTOR_SUFFIXES - IDS - TEXTS


@dataclass(frozen=True, eq=False)
class SideFiles:
    """One side: its vectors, or a file of named arrays with them; its ids and texts, if apart."""

    vectors: Path | Keyed | None = None
    ids: PathLike | None = None
    texts: PathLike | None = None

    @property
    def path(self) -> str:
        """Where the vectors lie, in words."""
        return str(self.vectors.path if isinstance(self.vectors, Keyed) else self.vectors)


def both_sides(path: PathLike) -> dict[Side, SideFiles]:
    """Find both sides in a folder or a file; the queries may be missing.

    Raises ``FileError`` when there are no items.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("items.npy", "items.txt", "corpus.jsonl"):
    ...     (folder / name).touch()
    >>> items = both_sides(folder)["items"]
    >>> Path(items.ids).name, Path(items.texts).name
    ('items.txt', 'corpus.jsonl')
    """
    path = Path(path)
    if not path.is_dir():
        whole = opened(existing_file(path))
        two = isinstance(whole, Keyed) and whole.holds("queries")
        return {"queries": SideFiles(whole if two else None), "items": SideFiles(whole)}
    if is_saved_dataset(path):
        return {"queries": SideFiles(), "items": SideFiles(path)}
    found: dict[Side, SideFiles] = {side: _in_folder(path, side) for side in STEMS}
    if found["items"].vectors is None:
        held = listed(_names(path), 6)
        raise FileError(
            f"{path} is no space: space.json, or vectors such as items.npy or items.parquet, are "
            f"due, and it holds {held or 'nothing'}; name the files: "
            "items=..., queries=... (--items, --queries)"
        )
    return found


def opened(path: Path) -> Path | Keyed:
    """A file of named arrays opened, any other left for later."""
    return open_keyed(path) if suffix(path) in KEYED_SUFFIXES else path


def texts_of(path: PathLike, side: Side) -> Path:
    """The file of titles and texts: itself, or the one of that side in a BEIR folder."""
    path = Path(path)
    if not path.is_dir():
        return existing_file(path)
    found = _first(path, side, TEXTS)
    if found is None:
        raise FileError(f"{path} holds no texts of {side}, such as {STEMS[side][0]}.jsonl")
    return found


def _in_folder(folder: Path, side: Side) -> SideFiles:
    vectors = _first(folder, side, VECTORS)
    if vectors is None:
        return SideFiles()
    return SideFiles(opened(vectors), _first(folder, side, IDS), _first(folder, side, TEXTS))


def _first(folder: Path, side: Side, suffixes: set[str]) -> Path | None:
    """The file with the best-known stem."""
    names = _names(folder)
    for stem in STEMS[side]:
        for name in names:
            if name.split(".")[0].lower() == stem and suffix(Path(name)) in suffixes:
                return folder / name
    return None


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in existing_folder(folder).iterdir())
