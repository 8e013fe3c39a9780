"""Sparse matrices as ``scipy.sparse.save_npz`` writes them, read without scipy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from anglewise.core.sparse import Interactions
from anglewise.core.typing import Array, Int64
from anglewise.errors import FileError
from anglewise.interop.files import reading
from anglewise.interop.limits import check_holds
from anglewise.interop.npy import load_npz

NAME_BYTES = 64
"""What the name of a row or column weighs, whether it has entries or not."""

FORMS = {"csr", "csc", "coo"}
PARTS = {"shape", "data", "indices", "indptr", "row", "col", "coords"}


def read_sparse_npz(path: Path) -> Interactions:
    """Read users x items in CSR, CSC or COO form; rows and columns are named by their numbers.

    Raises ``FileError`` for other forms and for parts that do not fit each other.
    """
    parts = load_npz(path)
    if not {"format", "shape", "data"} <= set(parts):
        raise FileError(
            f"{path} is no sparse matrix (it holds {', '.join(parts) or 'nothing'}): "
            "write it with scipy.sparse.save_npz"
        )
    with reading(path, "a sparse matrix"):
        form = bytes(parts["format"]).decode().strip("\x00")
        _check_parts(path, form, parts)
        users, items = (int(n) for n in parts["shape"])
        check_holds(path, NAME_BYTES * (max(users, 0) + max(items, 0)))
        rows, columns = _places(path, form, parts, users, items)
        weights = np.asarray(parts["data"], dtype=np.float64)
    inside = len(rows) == len(columns) == len(weights) and (
        not len(rows)
        or (min(rows.min(), columns.min()) >= 0 and rows.max() < users and columns.max() < items)
    )
    if not inside:
        raise FileError(f"{path} is damaged: its entries do not fit a {users} x {items} matrix")
    if not np.isfinite(weights).all():
        raise FileError(f"{path}: a weight is NaN or infinite; drop or mend it")
    return Interactions(rows, columns, weights, _named(users), _named(items))


def _check_parts(path: Path, form: str, parts: Mapping[str, Array]) -> None:
    """Lists of whole numbers, beside weights that are real; else ``FileError``."""
    if form not in FORMS:
        raise FileError(f"{path} is a sparse matrix in {form} form: save it as csr, csc or coo")
    for name in PARTS & parts.keys():
        part = parts[name]
        due = "biuf" if name == "data" or not part.size else "iu"
        if part.dtype.kind not in due or part.ndim != (2 if name == "coords" else 1):
            kind = "real" if name == "data" else "whole"
            raise FileError(
                f"{path} is damaged: {name!r} holds {part.dtype} of shape {part.shape}, where a "
                f"list of {kind} numbers is due; write it with scipy.sparse.save_npz"
            )


def _places(
    path: Path, form: str, parts: Mapping[str, Array], rows: int, columns: int
) -> tuple[Int64[Array, " entries"], Int64[Array, " entries"]]:
    if form == "coo":
        pair = (parts["row"], parts["col"]) if "row" in parts else tuple(parts["coords"])
        return pair[0].astype(np.int64), pair[1].astype(np.int64)
    ends = parts["indptr"].astype(np.int64)
    if len(ends) != (rows if form == "csr" else columns) + 1:
        raise FileError(f"{path} is damaged: {len(ends)} row ends in a {rows} x {columns} matrix")
    minor = parts["indices"].astype(np.int64)
    lengths = np.diff(ends)
    if (lengths < 0).any() or ends[0] != 0 or ends[-1] != len(minor):
        raise FileError(f"{path} is damaged: its row ends do not fit its {len(minor):,} entries")
    major = np.repeat(np.arange(len(ends) - 1), lengths)
    return (major, minor) if form == "csr" else (minor, major)


def _named(count: int) -> Array:
    return np.array([str(i) for i in range(count)], dtype=object)
