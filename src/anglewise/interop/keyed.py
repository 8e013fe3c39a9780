"""Files that hold several arrays by name: ``.npz`` and safetensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from anglewise.core.typing import Array
from anglewise.errors import FileError, SpellingError
from anglewise.interop.columns import listed, plain
from anglewise.interop.files import suffix
from anglewise.interop.npy import load_npz
from anglewise.interop.safetensors_file import load_safetensors
from anglewise.interop.say import Say

Side: TypeAlias = Literal["queries", "items"]

KEYED_SUFFIXES = {".npz", ".safetensors"}

SIDES: Mapping[Side, str] = {
    "queries": r"quer(y|ies)|users?|questions?",
    "items": r"items?|doc(ument)?s?|corpus|passages?|products?|movies?",
}
"""How the names of arrays begin that hold one side."""


@dataclass(frozen=True, eq=False)
class Keyed:
    """The arrays of a file by name."""

    path: Path
    arrays: Mapping[str, Array]

    def holds(self, side: Side) -> bool:
        """Whether a matrix is named after that side."""
        return any(a.ndim == 2 and _is_of(name, side) for name, a in self.arrays.items())

    def vectors(self, side: Side, given: str | None, say: Say) -> Array:
        """The array that holds one side; a file of a single matrix holds items."""
        if given is not None:
            if given not in self.arrays:
                raise SpellingError(
                    f"{self.path} has no array {given!r}: it has {listed(list(self.arrays))}"
                )
            return self.arrays[given]
        matrices = [name for name, array in self.arrays.items() if array.ndim == 2]
        found = [name for name in matrices if _is_of(name, side)]
        if not found and side == "items":
            found = [name for name in matrices if not _is_of(name, "queries")]
        if len(found) != 1:
            raise FileError(
                f"{self.path} holds {len(found) or 'no'} matrices that could be the {side}, among "
                f"{listed(matrices)}; name one: vector_column=... (--vector-column)"
            )
        say(f"took {found[0]!r} of {self.path.name} as the vectors of the {side}")
        return self.arrays[found[0]]

    def ids(self, side: Side, rows: int) -> list[str] | None:
        """The ids that lie beside the vectors, if any."""
        names = {plain(name): array for name, array in self.arrays.items()}
        for name in (f"{side}ids", *(f"{word}ids" for word in ("query", "user", "item")), "ids"):
            array = names.get(name)
            if array is None or array.ndim != 1 or len(array) != rows:
                continue
            if name == "ids" or _is_of(name, side):
                return [str(i) for i in array.tolist()]
        return None

    @property
    def is_factor_model(self) -> bool:
        """Whether the arrays are named as implicit names them, which trains inner products."""
        return {"user_factors", "item_factors"} <= set(self.arrays)


def open_keyed(path: Path) -> Keyed:
    """Open an ``.npz`` or safetensors file; ``FileError`` if it holds no matrix."""
    arrays = load_npz(path) if suffix(path) == ".npz" else load_safetensors(path)
    if not any(array.ndim == 2 for array in arrays.values()):
        raise FileError(
            f"{path} holds no matrix (its arrays: {listed(list(arrays)) or 'none'}): "
            "vectors are due as rows x dimensions"
        )
    return Keyed(path, arrays)


def _is_of(name: str, side: Side) -> bool:
    return re.match(SIDES[side], plain(name)) is not None
