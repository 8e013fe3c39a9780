"""ONNX files by onnxruntime: opened, and their outputs by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anglewise.encoders.library import library
from anglewise.encoders.spelling import Spec
from anglewise.errors import SpellingError
from anglewise.io.files import reading
from anglewise.io.tables import listed


def open_session(path: Path) -> Any:
    """A session that runs the model of a file; ``FileError`` if it is none."""
    with reading(path, "an ONNX model"):
        return library("onnxruntime", "onnx").InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )


def weight_files(path: Path) -> list[Path]:
    """The file and those beside it that hold its weights, if they are kept apart."""
    return [path, *sorted(path.parent.glob(f"{path.name}[._]data"))]


def output_of(spec: Spec, session: Any, usual: Sequence[str]) -> str:
    """The name of the output to take: the one asked for, a usual one, or the only one."""
    names = [str(one.name) for one in session.get_outputs()]
    wanted = spec.options.get("output")
    if wanted is not None:
        if wanted not in names:
            raise SpellingError(f"{spec.place} has no output {wanted!r}: it has {listed(names)}")
        return wanted
    known = [name for name in usual if name in names]
    if len(names) > 1 and not known:
        raise SpellingError(
            f"{spec.place} has several outputs, {listed(names)}: name one (output=...)"
        )
    return known[0] if known else names[0]
