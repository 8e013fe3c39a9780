"""How the numbers of a file are to be read: as they are, as bits, as eight bits with a scale."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.numbers import FINITE, POSITIVE, check_kind, shown
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import FileError, ShapeError, SpellingError
from anglewise.io.sizes import check_holds
from anglewise.io.tables import plain

Word: TypeAlias = Literal[
    "numbers",
    "bits",
    "int8",
    "table",
    "copy",
    "openai",
    "qdrant",
    "pinecone",
    "weaviate",
    "milvus",
    "chroma",
]
WORDS: tuple[Word, ...] = get_args(Word)
OF_NUMBERS: tuple[Word, ...] = ("numbers", "bits", "int8")
"""What eight bits may be; the other words name the kind of a file of text."""
SPELLED = re.compile(r"\s*(?P<word>[a-z0-9]+)\s*(\((?P<inside>[^()]*)\))?\s*")
OPTION = "vector_format=... (--vector-format)"


@dataclass(frozen=True)
class VectorFormat:
    """What somebody said of the vectors of a file.

    Attributes
    ----------
    word
        ``numbers``, ``bits`` (packed, eight to the byte) or ``int8`` (codes of a quantisation); or
        the kind of a file of text: ``table``, ``copy``, ``openai`` and others.
    scale, offset
        Of ``int8``: a number is ``scale * code + offset``; None where the file is to say it.

    Examples
    --------
    >>> read_format("int8(scale=0.02, offset=1)")
    VectorFormat(word='int8', scale=0.02, offset=1.0)
    """

    word: Word
    scale: float | None = None
    offset: float = 0.0

    def __str__(self) -> str:
        if self.scale is None:
            return self.word
        return f"{self.word}(scale={self.scale:g},offset={self.offset:g})"


class OtherFormatError(SpellingError):
    """What was said of a file is of files of another kind."""


def read_format(text: "str | VectorFormat") -> VectorFormat:
    """Read ``bits``, ``int8(scale=0.02,offset=0)``, ``qdrant`` and the like.

    >>> read_format("bit")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: 'bit' is no format of vectors: numbers, bits, int8, ...
    """
    if isinstance(text, VectorFormat):
        return text
    check_kind(text, str, "the format of vectors", "such as bits or int8(scale=0.02)")
    match = SPELLED.fullmatch(text)
    if match is None or match["word"] not in WORDS:
        raise SpellingError(
            f"{shown(text)!r} is no format of vectors: {', '.join(WORDS)} or int8(scale=S,offset=O)"
        )
    word = cast("Word", match["word"])
    if match["inside"] is None:
        return VectorFormat(word)
    if word != "int8":
        raise SpellingError(f"{shown(text)!r}: {word} takes no parameters, only int8 does")
    values = dict[str, float]()
    for part in match["inside"].split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in {"scale", "offset"} or name in values:
            raise SpellingError(
                f"{shown(text)!r}: int8 takes a scale and perhaps an offset, once each: "
                "int8(scale=S,offset=O)"
            )
        values[name] = (POSITIVE if name == "scale" else FINITE).read(value)
    if "scale" not in values:
        raise SpellingError(f"{shown(text)!r} names no scale: int8(scale=S,offset=O)")
    return VectorFormat(word, values["scale"], values.get("offset", 0.0))


SIGNED = 128
"""What is taken off bytes to hold them with a sign, in packed bits and in codes alike."""
HINT = (
    "bits (a bit for each dimension, packed), int8(scale=S,offset=O) (codes, each standing for "
    f"S * code + O), or numbers (counts, or codes of one scale without an offset): {OPTION}"
)


@dataclass(frozen=True, eq=False)
class Stored:
    """Numbers as they stand in a file.

    Attributes
    ----------
    path
        The file.
    numbers
        ``rows x d``, or as they came.
    kind
        What they are in the file, as NumPy calls it; ``numbers`` may have become floats since.
    beside
        Arrays of the same file by name, among which may be a scale.
    """

    path: Path
    numbers: Array
    kind: "np.dtype[Any]"
    beside: Mapping[str, Array] = field(default_factory=dict[str, Array])


def as_numbers(stored: Stored, given: VectorFormat | None, say: Say) -> Array:
    """The numbers for which those of a file stand; bytes are asked about.

    ``given`` is what somebody said of them.

    Raises
    ------
    FileError
        Numbers of eight bits of which nobody says what they are, or codes without a scale.
    OtherFormatError
        What was said is of bytes, and these are none.
    """
    path, numbers, kind = stored.path, stored.numbers, stored.kind
    word = None if given is None or given.word not in OF_NUMBERS else given.word
    is_byte = kind.kind in "iu" and kind.itemsize == 1
    if not is_byte:
        if word in {"bits", "int8"}:
            raise OtherFormatError(
                f"{path} holds {kind}, and {given} is said of numbers of eight bits (int8, uint8): "
                "leave it out"
            )
        if word is None and kind.kind in "iu":
            _say_whole(path, numbers, say)
        return numbers
    if word == "numbers":
        return numbers
    if word == "bits":
        return _bits(path, numbers, kind)
    found = None if numbers.ndim != 2 else _scale(stored)
    if given is not None and word == "int8" and given.scale is not None:
        if found is not None:
            say(f"{path.name}: {found.name!r} is not used, for {given} is given")
        return _scaled(path, numbers, given.scale, given.offset)
    if found is not None:
        say(
            f"took {found.name!r} of {path.name} as the scale of its numbers of eight bits "
            "(--vector-format numbers, if they are none)"
        )
        return _scaled(path, numbers, found.scale, found.offset)
    if word == "int8":
        raise FileError(
            f"{path}: nothing beside the codes says their scale: write int8(scale=S,offset=O); if "
            "all columns have one scale and no offset, no list by dot or cosine depends on it: say "
            "numbers"
        )
    sign = "with a sign" if kind.kind == "i" else "from 0 to 255"
    width = numbers.shape[1] if numbers.ndim == 2 else 0
    bits = f" ({width} bytes would be {8 * width} bits)" if width else ""
    raise FileError(
        f"{path} holds numbers of eight bits {sign} ({kind}), which may stand for others{bits}: "
        f"say {HINT}"
    )


def _say_whole(path: Path, numbers: Array, say: Say) -> None:
    """Whole numbers that would all fit into a byte may be codes or bits too."""
    if not numbers.size:
        return
    low, high = int(numbers.min()), int(numbers.max())
    if low >= -SIGNED and high < 2 * SIGNED and high - low >= SIGNED:
        say(
            f"{path.name}: all numbers are whole, from {low} to {high}, and are read as they are; "
            "if they are codes or packed bits of eight bits each, save them as int8 or uint8"
        )


def _bits(path: Path, numbers: Array, kind: "np.dtype[Any]") -> Float32[Array, "rows d"]:
    """A bit as 1 where it is set and -1 where not, as the variant ``binary`` has them.

    Bytes with a sign are those without one, less 128, as sentence-transformers and Cohere pack.
    """
    if numbers.ndim != 2:
        raise ShapeError(f"{path}: packed bits are due as rows x bytes, {numbers.ndim} axes came")
    check_holds(path, 4 * 8 * numbers.size)
    out = np.empty((len(numbers), 8 * numbers.shape[1]), dtype=np.float32)
    for start in range(0, len(numbers), BLOCK):
        block = numbers[start : start + BLOCK].astype(np.int16)
        packed = (block + SIGNED if kind.kind == "i" else block).astype(np.uint8)
        out[start : start + BLOCK] = np.unpackbits(packed, axis=1)
    out *= 2
    out -= 1
    return out


@dataclass(frozen=True, eq=False)
class _Scale:
    name: str
    scale: Any
    offset: Any


def _scaled(path: Path, numbers: Array, scale: Any, offset: Any) -> Float32[Array, "rows d"]:
    check_holds(path, 4 * numbers.size)
    out = np.empty(numbers.shape, dtype=np.float32)
    scale, offset = np.asarray(scale, np.float64), np.asarray(offset, np.float64)
    for start in range(0, len(numbers), BLOCK):
        some = slice(start, start + BLOCK)
        factor = scale[some] if scale.ndim == 2 and len(scale) == len(numbers) > 1 else scale
        shift = offset[some] if offset.ndim == 2 and len(offset) == len(numbers) > 1 else offset
        out[some] = numbers[some] * factor + shift
    return out


def _scale(stored: Stored) -> _Scale | None:
    """The scale that stands beside the codes, if one does: for all, each column or each row.

    ``ranges`` are the lowest and the highest number of each column, as sentence-transformers has
    them: the codes part them evenly.
    """
    path, numbers, beside = stored.path, stored.numbers, stored.beside
    by_name = {plain(name): name for name in beside}
    ranges = by_name.get("ranges")
    if ranges is not None and beside[ranges].shape == (2, numbers.shape[1]):
        low, high = beside[ranges].astype(np.float64)
        step = (high - low) / 255
        return _Scale(ranges, step, low + (SIGNED if stored.kind.kind == "i" else 0) * step)
    name = next((by_name[word] for word in ("scale", "scales") if word in by_name), None)
    if name is None:
        return None
    scale = _fitting(path, name, beside[name], numbers)
    zero = next((by_name[word] for word in ("zeropoint", "zeropoints") if word in by_name), None)
    point = np.float64(0) if zero is None else _fitting(path, zero, beside[zero], numbers)
    return _Scale(name, scale, -scale * point)


def _fitting(path: Path, name: str, array: Array, numbers: Array) -> Array:
    """A number for all, for each column, or for each row as a column of its own."""
    rows, width = numbers.shape
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise FileError(f"{path}: {name!r} is no scale: it holds {array.dtype}, finite are due")
    if array.size == 1:
        return array.reshape(()).astype(np.float64)
    is_of_columns, is_of_rows = array.shape in {(width,), (1, width)}, array.shape[:1] == (rows,)
    if array.shape == (rows, 1) or (array.shape == (rows,) and rows != width):
        return array.reshape(rows, 1).astype(np.float64)
    if is_of_columns and not (is_of_rows and array.ndim == 1):
        return array.reshape(1, width).astype(np.float64)
    raise FileError(
        f"{path}: {name!r} of shape {array.shape} beside codes of shape {numbers.shape}: one number"
        ", one for each column, or rows x 1, is due"
    )
