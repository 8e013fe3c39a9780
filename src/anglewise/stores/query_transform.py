"""What is done to a query before a store is asked: a few numbers, applied by a few lines."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.typing import Array, Float, Float32, Float64
from anglewise.errors import FileError, ShapeError, reason
from anglewise.io.arrays import load_npz
from anglewise.io.files import PathLike, existing_file, opened, reading
from anglewise.io.outputs import new_file
from anglewise.similarity_measures.affine import Affine
from anglewise.similarity_measures.formulas import unit

FORMAT = 1


@dataclass(frozen=True, eq=False)
class QueryTransform:
    """``q -> [unit?((q - offset) * scale @ matrix), appended]`` in float64, given in float32.

    Saved as a ``.npz`` with the arrays and, under ``about``, JSON with what they are for, which
    NumPy reads; or as ``.json`` with all of it, for other languages. ``docs/how-to/stores.md`` has
    recipes in Python, JavaScript and SQL that apply it.

    Attributes
    ----------
    offset
        Taken off each query; one number for each coordinate.
    scale, matrix
        What each column is multiplied by, and the matrix from the right; None for neither.
    unit
        Whether the result is brought to length one.
    appended
        Numbers put behind it.

    Examples
    --------
    >>> QueryTransform(np.zeros(2), appended=(1.0,))(np.array([[3.0, 4.0]])).tolist()
    [[3.0, 4.0, 1.0]]
    """

    offset: Float64[Array, " d"]
    scale: Float64[Array, " d"] | None = None
    matrix: Float64[Array, "d r"] | None = None
    unit: bool = False
    appended: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, affine: Affine, *, to_unit: bool = False, appended: tuple[float, ...] = ()
    ) -> "QueryTransform":
        """The transform of a frame's map."""
        return cls(affine.offset, affine.scale, affine.matrix, to_unit, appended)

    @property
    def dimension(self) -> int:
        """How many numbers a query has."""
        return len(self.offset)

    @property
    def columns(self) -> int:
        """How many numbers the store is asked with."""
        own = self.dimension if self.matrix is None else self.matrix.shape[1]
        return own + len(self.appended)

    def __call__(self, queries: Float[Array, "q d"]) -> Float32[Array, "q columns"]:
        """Prepare queries; ``ShapeError`` for another dimension."""
        if queries.shape[1] != self.dimension:
            raise ShapeError(
                f"queries have {queries.shape[1]} columns, the transform is for {self.dimension}"
            )
        moved = Affine(self.offset, self.matrix, self.scale)(queries)
        moved = unit(moved) if self.unit else moved
        ends = np.tile(np.array(self.appended), (len(moved), 1))
        return np.concatenate([moved, ends], axis=1).astype(np.float32)

    @property
    def digest(self) -> str:
        """Names the numbers in it."""
        parts = [self.offset, self.scale, self.matrix, np.array([self.unit, *self.appended])]
        checksum = hashlib.sha256()
        for part in parts:
            checksum.update(b"-" if part is None else part.astype("<f8").tobytes())
        return checksum.hexdigest()[:16]

    def save(self, path: PathLike, about: dict[str, Any] | None = None) -> None:
        """Write it as JSON where the path ends in ``.json``, else as ``.npz``.

        Numbers are the same in both, to the last bit. ``FileError`` where it cannot be written.
        """
        words = {**(about or {}), "format": FORMAT, "unit": self.unit, "digest": self.digest}
        as_json = _is_json(path)
        content = self._json(words) if as_json else self._npz(words)
        with new_file(path) as file:
            file.write(content)

    def _npz(self, words: Mapping[str, Any]) -> bytes:
        arrays: dict[str, Any] = {
            "offset": self.offset,
            "appended": np.array(self.appended, dtype=np.float64),
            "about": np.array(json.dumps(words)),
        }
        arrays |= {} if self.scale is None else {"scale": self.scale}
        arrays |= {} if self.matrix is None else {"matrix": self.matrix}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def _json(self, words: Mapping[str, Any]) -> bytes:
        numbers: dict[str, Any] = {"offset": self.offset.tolist(), "appended": list(self.appended)}
        numbers |= {} if self.scale is None else {"scale": self.scale.tolist()}
        numbers |= {} if self.matrix is None else {"matrix": self.matrix.tolist()}
        return json.dumps({**words, **numbers}, allow_nan=False).encode() + b"\n"

    @classmethod
    def load(cls, path: PathLike) -> "QueryTransform":
        """Read what :meth:`save` wrote; ``FileError`` for anything else, changed ones too."""
        location = existing_file(path)
        is_json = _is_json(location)
        content: Mapping[str, Any] = _from_json(location) if is_json else load_npz(location)
        with reading(location, "a transform of queries"):
            about = content if is_json else json.loads(str(content["about"]))
            out = cls(
                _numbers(content, "offset"),
                _numbers(content, "scale") if "scale" in content else None,
                _numbers(content, "matrix", 2) if "matrix" in content else None,
                bool(about["unit"]),
                tuple(_numbers(content, "appended").tolist()),
            )
            fits = [
                len(part) == out.dimension for part in (out.scale, out.matrix) if part is not None
            ]
        if not all(fits):
            raise FileError(f"{location} holds parts of several dimensions: export it anew")
        try:
            same = about["format"] == FORMAT and about["digest"] == out.digest
        except (KeyError, TypeError) as error:
            raise FileError(f"{location} is no transform of queries: {reason(error)}") from error
        if not same:
            raise FileError(f"{location} was changed after it was written, or by another version")
        return out


def _numbers(content: Mapping[str, Any], name: str, dimensions: int = 1) -> Any:
    """A part of a transform; ``ValueError`` for what is no finite numbers of its shape."""
    numbers = np.asarray(content[name])
    if numbers.dtype.kind not in "fiu" or numbers.ndim != dimensions:
        raise ValueError(f"{name} is {numbers.dtype} of the shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds what is not finite")
    return numbers.astype(np.float64)


def _is_json(path: PathLike) -> bool:
    return Path(path).suffix.lower() == ".json"


def _from_json(location: Path) -> dict[str, Any]:
    with reading(location, "a transform of queries"), opened(location) as file:
        return dict(json.loads(file.read()))
