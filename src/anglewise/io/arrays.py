"""Files of arrays: ``.npy``, ``.npz``, safetensors, factor models with biases."""

import io
import math
import re
import warnings
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.text import Say, as_path
from anglewise.data_types.typing import Array
from anglewise.errors import (
    AnglewiseError,
    FileError,
    MissingExtraError,
    ShapeError,
    SpellingError,
)
from anglewise.io.files import PathLike, contents, is_packed, reading, suffix
from anglewise.io.id_columns import id_like, only_candidate
from anglewise.io.sizes import check_holds
from anglewise.io.tables import listed, plain


def load_npy(path: Path) -> Array:
    """The array of an ``.npy`` file; one too large for the memory stays in its file, mapped.

    Raises ``FileError`` for pickled objects, which could run code when read.
    """
    data = contents(path)
    with reading(path, "npy"), _without_warnings():
        if data[:6] != b"\x93NUMPY":
            raise FileError(f"{path} is no npy file: write it with numpy.save")
        try:
            file = io.BytesIO(data[:LONGEST_HEADER])
            shape, by_columns, kind = _header(path, "the array", file, len(data))
            if kind.hasobject:
                raise _pickled(path)
            order = "F" if by_columns else "C"
            return np.ndarray(shape, kind, data, offset=file.tell(), order=order)
        except ValueError as error:
            if _names_objects(error):
                raise _pickled(path) from error
            raise


ZIP_STARTS = (b"PK\3\4", b"PK\5\6")
"""How an archive begins, and one of nothing: all else NumPy would take for pickled objects."""


def load_npz(path: Path) -> Mapping[str, Array]:
    """The arrays of an ``.npz`` file by name, without those that are pickled objects."""
    return _npz(path)[0]


def _npz(path: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The arrays of an ``.npz`` file by name, and the names of those that are pickled objects."""
    data = contents(path)
    arrays: dict[str, Array] = {}
    pickled: list[str] = []
    with reading(path, "npz"), _without_warnings():
        if data[:4] not in ZIP_STARTS:
            raise FileError(f"{path} is no npz file: write it with numpy.savez")
        # opened here, since numpy leaves a damaged file open
        with (
            io.BytesIO(data) if is_packed(path) else path.open("rb") as source,
            np.load(source, allow_pickle=False) as file,
        ):
            check_holds(path, sum(part.file_size for part in file.zip.infolist()))
            for name in file.files:
                if _is_pickled(path, file.zip, name):
                    pickled.append(name)  # Python objects are never unpickled
                else:
                    arrays[name] = file[name]
    return arrays, tuple(pickled)


LONGEST_HEADER = 1 << 17
"""More bytes than numpy reads of a header."""


def _is_pickled(path: Path, archive: zipfile.ZipFile, name: str) -> bool:
    inside = name if name in archive.namelist() else f"{name}.npy"
    with archive.open(inside) as file:
        _, _, kind = _header(path, repr(name), file, archive.getinfo(inside).file_size)
        return kind.hasobject


def _header(
    path: Path, name: str, file: Any, size: int
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether columns come first, and the kind; the file stands at the numbers then.

    Raises ``FileError`` if it speaks of more numbers than the file has bytes for: numpy would make
    room for them all before it reads the first.
    """
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, by_columns, kind = read(file)
    needed = 0 if kind.hasobject else math.prod(shape) * kind.itemsize
    if needed > size - file.tell() or any(not 0 <= length <= size for length in shape):
        raise FileError(
            f"{path}: {name} is said to be {' x '.join(map(str, shape)) or 'one'} of {kind}, for "
            f"which {size:,} bytes are too few: it is truncated or damaged; write it again"
        )
    return shape, by_columns, kind


@contextmanager
def _without_warnings() -> Generator[None, None, None]:
    """Without NumPy's warnings of headers that are old or odd: what was read is checked after."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _names_objects(error: ValueError) -> bool:
    return "allow_pickle" in str(error) or "Python objects" in str(error)


def _pickled(path: Path) -> FileError:
    return FileError(
        f"{path} holds pickled Python objects, which are never read since they could run code: "
        "save it as numbers, numpy.save(path, numpy.array(rows, dtype='float32'))"
    )


KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
}


def load_safetensors(path: Path) -> Mapping[str, Array]:
    """The arrays of a file by name; ``MissingExtraError`` without the extra ``safetensors``."""
    try:
        library: Any = import_module("safetensors")
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: reading it needs another library: pip install 'anglewise[safetensors]'"
        ) from error
    with reading(path, "safetensors"):
        tensors: Any = library.deserialize(bytes(contents(path)))
        return {name: _array(path, name, tensor) for name, tensor in tensors}


def _array(path: Path, name: str, tensor: Mapping[str, Any]) -> Array:
    kind = tensor["dtype"]
    if kind not in KINDS:
        raise FileError(f"{path}: {name!r} is of kind {kind}: save it as float32")
    flat = np.frombuffer(tensor["data"], dtype=KINDS[kind])
    if kind == "BF16":  # the upper half of a float32
        wide = flat.astype("<u4")
        wide <<= 16
        flat = wide.view("<f4")
    return flat.reshape(tensor["shape"])


Side: TypeAlias = Literal["queries", "items"]

PICKLES = {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".kv", ".model"}
"""Endings of files that are read by running what they say."""


def check_no_pickle(path: Path) -> None:
    """Raise ``FileError`` for a file of pickled objects, with what to do instead."""
    if suffix(path) in PICKLES:
        raise FileError(
            f"{path} holds pickled objects, which are never read since they could run code: load "
            "it where you trust it (torch.load(path, weights_only=True), gensim's load) and give "
            "that to aw.from_model, or save the vectors as .npy, .safetensors or word2vec"
        )


KEYED_SUFFIXES = {".npz", ".safetensors"}

SIDES: Mapping[Side, str] = {
    "queries": r"quer(y|ies)|users?|questions?",
    "items": r"items?|doc(ument)?s?|corpus|passages?|products?|movies?",
}
"""How the names of arrays begin that hold one side."""
BARE = ("id", "ids")
"""The names of ids that do not say of which side."""
SPARSE = {"format", "shape", "data"}
"""What every sparse matrix of SciPy holds."""


@dataclass(frozen=True, eq=False)
class Keyed:
    """The arrays of a file by name."""

    path: Path
    arrays: Mapping[str, Array]
    pickled: tuple[str, ...] = ()

    @property
    def is_sparse(self) -> bool:
        """Whether the arrays are those of one sparse matrix of SciPy."""
        return set(self.arrays) >= SPARSE

    @property
    def matrices(self) -> list[str]:
        """The names of the arrays that may be vectors."""
        if self.is_sparse:
            return []
        others = re.compile(f"(?:{'|'.join(SIDES.values())})?{SCALES}")
        return [
            name
            for name, x in self.arrays.items()
            if x.ndim == 2 and not _whose_ids(name) and not others.fullmatch(plain(name))
        ]

    def holds(self, side: Side) -> bool:
        """Whether a matrix is named after that side."""
        return any(_is_of(name, side) for name in self.matrices)

    def vectors(self, side: Side, array_name: str | None, say: Say) -> str:
        """The name of the array that holds one side; a file of a single matrix holds items."""
        for name in self.pickled:  # ids among them are refused
            named = _whose_ids(name) or plain(name) in BARE
            if not named and _is_of(name, "queries") == (side == "queries"):
                say(f"{self.path.name}: {name!r} holds pickled Python objects, and is not read")
        if array_name is not None:
            if array_name in self.pickled:
                raise _pickled(self.path)
            if array_name not in self.arrays:
                raise SpellingError(
                    f"{self.path} has no array {array_name!r}: it has {listed(list(self.arrays))}"
                )
            return array_name
        matching = [name for name in self.matrices if _is_of(name, side)]
        if not matching:
            other: Side = "queries" if side == "items" else "items"
            matching = [name for name in self.matrices if not _is_of(name, other)]
        if len(matching) != 1:
            raise FileError(
                f"{self.path} holds {len(matching) or 'no'} matrices that could be the {side}, "
                f"among {listed(self.matrices)}; name one: vector_column=... (--vector-column)"
            )
        say(f"took {matching[0]!r} of {self.path.name} as the vectors of the {side}")
        return matching[0]

    def beside(self, side: Side) -> dict[str, Array]:
        """What turns codes of eight bits of a side into numbers, by a name without the side's."""
        own = re.compile(f"(?:{SIDES[side]})?{SCALES}")
        found = {own.fullmatch(plain(name)): array for name, array in self.arrays.items()}
        return {match["scale"]: array for match, array in found.items() if match is not None}

    def offsets(self, side: Side, vectors: str) -> tuple[str, Array] | None:
        """Where the tokens of each row begin, if an array says so, and its name; else None.

        It is called after the side, as ``item_offsets``, or ``offsets`` beside a single matrix.
        """
        pickled = [name for name in self.pickled if re.fullmatch(OFFSETS, plain(name))]
        if pickled:
            raise FileError(
                f"{self.path}: {pickled[0]!r} are pickled Python objects, which are never read "
                "since they could run code: save them as whole numbers, numpy.array(offsets, "
                "dtype=int)"
            )
        named = [name for name in self.arrays if re.fullmatch(OFFSETS, plain(name))]
        own = [name for name in named if _is_of(name, side)]
        bare = [name for name in named if plain(name) == "offsets"]
        if not own and bare and len(self.matrices) > 1:
            raise FileError(
                f"{self.path}: {bare[0]!r} could belong to each of {listed(self.matrices)}: call "
                "them item_offsets and query_offsets"
            )
        if len(own) > 1:
            raise FileError(
                f"{self.path}: {listed(own)} could each be the offsets of {vectors!r}: leave one"
            )
        name = next(iter([*own, *bare]), None)
        return None if name is None else (name, self.arrays[name])

    def ids(
        self, side: Side, vectors: str, given: PathLike | None, say: Say, rows: int
    ) -> list[str] | None:
        """The ids beside the ``rows`` of a side, if any; faults are said where others are given."""
        try:
            return self._ids(side, vectors, rows) or self._unusual_ids(side, rows, say)
        except AnglewiseError as error:
            if given is None:
                raise
            say(f"{error}; not used, for {as_path(given).name} names the ids")
            return None

    def _ids(self, side: Side, vectors: str, rows: int) -> list[str] | None:
        """The ids, or None where there are none.

        Raises ``FileError`` where they are pickled or could be those of the other side, and
        ``IdsError`` and ``ShapeError`` as :func:`as_ids` does, or where they are not one a vector.
        """
        name = self._name_of_ids(side, vectors, rows)
        if name is None:
            return None
        place = f"{self.path}: the ids in {name!r}"
        if name in self.pickled:
            raise FileError(
                f"{place} are pickled Python objects, which are never read since they could run "
                "code: save them as text, numpy.array(ids, dtype=str), or give them in a file of "
                f"their own ({'item' if side == 'items' else 'query'}_ids=...)"
            )
        names = as_ids(self.arrays[name], place)
        if len(names) != rows:
            raise ShapeError(f"{place} are {len(names):,} for {rows:,} vectors: one each is due")
        return names

    def _unusual_ids(self, side: Side, rows: int, say: Say) -> list[str] | None:
        """The ids under a name that is not a usual one, such as docnos; None where there are none.

        Raises ``FileError`` where they are pickled, or several arrays may be they.
        """
        other: Side = "queries" if side == "items" else "items"
        option = f"{'item' if side == 'items' else 'query'}_ids"
        remedy = f"call the ids {option}, or give them in a file of their own ({option}=...)"

        def ids_in(name: str) -> list[str] | None:
            array = self.arrays[name]
            kinds = "USiu" if re.search("(id|no|key|index|number)s?$", plain(name)) else "US"
            if array.ndim != 1 or len(array) != rows or array.dtype.kind not in kinds:
                return None
            return as_ids(array, f"{self.path}: {name!r}")

        names = [n for n in self.arrays if not _is_of(n, other) and _whose_ids(n) is None]
        names = [name for name in names if plain(name) not in BARE]
        name = only_candidate(self.path, names, ids_in, remedy)
        if name is not None:
            say(f"took {name!r} of {self.path.name} as the ids of the {side}")
            return ids_in(name)
        unread = [n for n in self.pickled if id_like(n) and not _is_of(n, other)]
        unread = [n for n in unread if _whose_ids(n) is None and plain(n) not in BARE]
        if unread:
            raise FileError(
                f"{self.path}: {unread[0]!r} may hold the ids, and holds pickled Python objects, "
                f"which are never read since they could run code: save them as text; {remedy}"
            )
        return None

    def _name_of_ids(self, side: Side, vectors: str, rows: int) -> str | None:
        """The array of ids: named as the vectors are, else for the same side, else ``ids``."""
        columns = [name for name, array in self.arrays.items() if array.ndim]
        names = [*columns, *self.pickled]
        of_side = [name for name in names if _whose_ids(name) == side]
        same_word = [name for name in of_side if _word(name, side) == _word(vectors, side)]
        best = same_word or of_side
        if len(best) > 1:
            raise FileError(
                f"{self.path}: {listed(best)} could each be the ids of {vectors!r}; leave one, or "
                "give the ids in a file of their own"
            )
        for_both = [name for name in names if plain(name) in BARE]
        if best or not for_both:
            return best[0] if best else None
        name = for_both[0]
        others = [len(self.arrays[other]) for other in self.matrices if other != vectors]
        length = None if name in self.pickled else len(self.arrays[name])
        if length in others:
            if length != rows:
                return None
            raise FileError(
                f"{self.path}: {name!r} could name the rows of each of {listed(self.matrices)}: "
                "call them item_ids or query_ids"
            )
        return name

    @property
    def is_factor_model(self) -> bool:
        """Whether the arrays are named as implicit names them, which trains inner products."""
        return {"user_factors", "item_factors"} <= set(self.arrays)


def open_keyed(path: Path) -> Keyed:
    """Open an ``.npz`` or safetensors file; ``FileError`` if it holds no matrix."""
    arrays, pickled = _npz(path) if suffix(path) == ".npz" else (load_safetensors(path), ())
    if not any(array.ndim == 2 for array in arrays.values()) and not set(arrays) >= SPARSE:
        unread = f"; pickled objects, which are never read: {listed(pickled)}" if pickled else ""
        raise FileError(
            f"{path} holds no matrix (its arrays: {listed(list(arrays)) or 'none'}{unread}): "
            "vectors are due as rows x dimensions"
        )
    return Keyed(path, arrays, pickled)


def _is_of(name: str, side: Side) -> bool:
    return re.match(SIDES[side], plain(name)) is not None


def _whose_ids(name: str) -> Side | None:
    """The side whose ids an array holds by its name.

    >>> _whose_ids("doc_ids"), _whose_ids("item_vectors")
    ('items', None)
    """
    for side, words in SIDES.items():
        if re.fullmatch(f"({words})ids?", plain(name)):
            return side
    return None


def _word(name: str, side: Side) -> str | None:
    """The word for a side with which a name begins, in the singular."""
    match = re.match(SIDES[side], plain(name))
    return None if match is None else re.sub("ies$", "y", match[0]).removesuffix("s")


SCALES = "(?P<scale>scales?|zeropoints?|ranges)"
"""What arrays are called by which codes of eight bits stand for numbers, in small letters alone."""
OFFSETS = rf"(({'|'.join(SIDES.values())})(tokens?|vectors?)?)?offsets?"
"""What arrays are called that say where the tokens of each row begin, in small letters alone."""
