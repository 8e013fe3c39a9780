"""safetensors: named arrays, bfloat16 too, which NumPy alone cannot hold."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array
from anglewise.errors import FileError, MissingExtraError
from anglewise.interop.files import contents, reading

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
