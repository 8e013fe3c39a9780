"""What turns vectors of one model into stand-ins for those of another; NumPy alone applies it."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.typing import Array, Float, Float32, Float64
from anglewise.errors import FileError, ShapeError, reason
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

    Examples
    --------
    >>> VectorMap(np.zeros(2), np.eye(2), np.ones(2))(np.array([[3.0, 4.0]])).tolist()
    [[4.0, 5.0]]
    """

    offset: Float64[Array, " old"]
    matrix: Float64[Array, "old new"]
    shift: Float64[Array, " new"]
    unit: bool = False

    def __call__(self, vectors: Float[Array, "rows old"]) -> Float32[Array, "rows new"]:
        """Move vectors of the old model; ``ShapeError`` for another dimension."""
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
            with np.load(location, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            about = json.loads(str(arrays["about"]))
            out = cls(arrays["offset"], arrays["matrix"], arrays["shift"], bool(about["unit"]))
        try:
            same = about["format"] == FORMAT and about["digest"] == out.digest
        except (KeyError, TypeError) as error:
            raise FileError(f"{location} is no map of vectors: {reason(error)}") from error
        if not same:
            raise FileError(f"{location} was changed after it was written, or by another version")
        return out
