"""What turns vectors of one model into stand-ins for those of another; NumPy alone applies it."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.conversion import check_array, is_kind
from anglewise.data_types.numbers import described
from anglewise.data_types.typing import Array, Float, Float32, Float64
from anglewise.errors import (
    AnglewiseError,
    FileError,
    ShapeError,
    ValuesError,
    WrongTypeError,
    reason,
)
from anglewise.io.arrays import load_npz
from anglewise.io.files import PathLike, existing_file, reading
from anglewise.io.outputs import new_file
from anglewise.similarity_measures.formulas import unit

FORMAT = 1
ROWS = 20_000
"""So many are moved at once."""


@dataclass(frozen=True, eq=False)
class VectorMap:
    """``x -> unit?((unit?(x) - offset) @ matrix + shift)`` in float64, given in float32.

    Saved as a ``.npz`` with the three arrays and, under ``about``, JSON with what they are for:
    NumPy alone applies it.

    Attributes
    ----------
    offset, matrix, shift
        One number for each old coordinate; ``old x new``; one number for each new coordinate.
    unit
        Whether vectors are brought to length one before and after, as a cosine does.

    Raises ``WrongTypeError`` for arrays that hold no floats, ``ShapeError`` where their sizes do
    not fit each other, ``ValuesError`` where a number is not finite.

    Examples
    --------
    >>> VectorMap(np.zeros(2), np.eye(2), np.ones(2))(np.array([[3.0, 4.0]])).tolist()
    [[4.0, 5.0]]
    """

    offset: Float64[Array, " old"]
    matrix: Float64[Array, "old new"]
    shift: Float64[Array, " new"]
    unit: bool = False

    def __post_init__(self) -> None:
        """Check that the three arrays are of one map."""
        check_array(self.matrix, "the matrix of a map", [None, None])
        old, new = self.matrix.shape
        check_array(self.offset, "the offset of a map", [old])
        check_array(self.shift, "the shift of a map", [new])
        if not all(np.isfinite(part).all() for part in (self.offset, self.matrix, self.shift)):
            raise ValuesError("a map of vectors holds NaN or infinity: all its numbers are finite")

    def __call__(self, vectors: Float[Array, "rows old"]) -> Float32[Array, "rows new"]:
        """Move vectors of the old model; ``ShapeError`` for another dimension.

        Raises ``WrongTypeError`` for what is no array of real numbers.
        """
        if not is_kind(vectors, np.ndarray) or vectors.dtype.kind not in "fiu":
            raise WrongTypeError(f"vectors are {described(vectors)}: an array of floats is due")
        if vectors.ndim != 2 or vectors.shape[1] != len(self.offset):
            raise ShapeError(
                f"vectors are {vectors.shape}: the map is of rows of {len(self.offset)} numbers"
            )
        out = np.empty((len(vectors), len(self.shift)), dtype=np.float32)
        for start in range(0, len(vectors), ROWS):
            rows = np.asarray(vectors[start : start + ROWS], dtype=np.float64)
            rows = unit(rows) if self.unit else rows
            moved = (rows - self.offset) @ self.matrix + self.shift
            out[start : start + ROWS] = unit(moved) if self.unit else moved
        return out

    @property
    def digest(self) -> str:
        """Names the numbers in it."""
        checksum = hashlib.sha256()
        for part in (self.offset, self.matrix, self.shift, np.array([float(self.unit)])):
            checksum.update(part.astype("<f8").tobytes())
        return checksum.hexdigest()[:16]

    def save(self, path: PathLike, about: dict[str, Any] | None = None) -> None:
        """Write the ``.npz``; ``FileError`` where it cannot be written."""
        words = {**(about or {}), "format": FORMAT, "unit": self.unit, "digest": self.digest}
        buffer = io.BytesIO()
        np.savez(
            buffer,
            offset=self.offset,
            matrix=self.matrix,
            shift=self.shift,
            about=np.array(json.dumps(words)),
        )
        with new_file(path) as file:
            file.write(buffer.getvalue())

    @classmethod
    def load(cls, path: PathLike) -> "VectorMap":
        """Read what :meth:`save` wrote; ``FileError`` for anything else, changed ones too."""
        location = existing_file(path)
        with reading(location, "a map of vectors"):
            arrays = load_npz(location)
            about = json.loads(str(arrays["about"]))
            parts = arrays["offset"], arrays["matrix"], arrays["shift"]
            is_unit = bool(about["unit"])
        try:
            out = cls(*parts, is_unit)
        except AnglewiseError as error:
            raise FileError(f"{location} is no map of vectors: {error}") from error
        try:
            same = about["format"] == FORMAT and about["digest"] == out.digest
        except (KeyError, TypeError) as error:
            raise FileError(f"{location} is no map of vectors: {reason(error)}") from error
        if not same:
            raise FileError(f"{location} was changed after it was written, or by another version")
        return out
