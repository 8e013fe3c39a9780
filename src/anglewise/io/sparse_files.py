"""Sparse matrices of SciPy in ``.npz`` files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from anglewise.data_types.sparse import Interactions, SparseRows, as_sparse_rows
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import FileError
from anglewise.io.arrays import SPARSE, load_npz
from anglewise.io.files import naming, reading
from anglewise.io.sizes import check_holds

NAME_BYTES = 64
"""What the name of a row or column weighs, whether it has entries or not."""

FORMS = {"csr", "csc", "coo"}
PARTS = {"shape", "data", "indices", "indptr", "row", "col", "coords"}


Entries: TypeAlias = tuple[Int64[Array, " entries"], Int64[Array, " entries"], Array]
"""Rows, columns and values."""


def read_sparse_npz(path: Path) -> Interactions:
    """Read users x items in CSR, CSC or COO form; rows and columns are named by their numbers.

    Entries that repeat are added up and stored zeros are none, as SciPy has it.

    Raises ``FileError`` for other forms and for parts that do not fit each other.
    """
    return interactions_of(sparse_rows(path, load_npz(path)))


def interactions_of(table: SparseRows) -> Interactions:
    """The entries of a matrix that are not 0, as SciPy counts them (``count_nonzero``).

    >>> table = SparseRows.from_pairs([0, 1], [1, 0], [2.0, 0.0], shape=(2, 2))
    >>> interactions_of(table).weights.tolist()
    [2.0]
    """
    table = table.where(table.values != 0)
    users, items = map(numbered_names, table.shape)
    return Interactions(table.rows, table.indices, table.values, users, items)


def sparse_rows(path: Path, parts: Mapping[str, Array]) -> SparseRows:
    """The arrays of a file as sparse rows; entries that repeat are added up.

    Raises ``FileError`` as ``read_sparse_npz`` does.
    """
    from scipy.sparse import coo_array

    (rows, columns, values), shape = _entries(path, parts)
    with naming(path):
        return as_sparse_rows(coo_array((values, (rows, columns)), shape=shape), "its entries")


def _entries(path: Path, parts: Mapping[str, Array]) -> tuple[Entries, tuple[int, int]]:
    """The entries of a matrix and its shape, once they fit each other."""
    if not set(parts) >= SPARSE:
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
    return (rows, columns, weights), (users, items)


def _check_parts(path: Path, form: str, parts: Mapping[str, Array]) -> None:
    """Lists of whole numbers, beside weights that are real; else ``FileError``."""
    if form not in FORMS:
        raise FileError(f"{path} is a sparse matrix in {form} form: save it as csr, csc or coo")
    for name in PARTS & parts.keys():
        part = parts[name]
        allowed_kinds = "biuf" if name == "data" or not part.size else "iu"
        if part.dtype.kind not in allowed_kinds or part.ndim != (2 if name == "coords" else 1):
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


def numbered_names(count: int) -> Array:
    """The ids of rows that have none: their numbers.

    >>> numbered_names(2)
    array(['0', '1'], dtype=object)
    """
    return np.array([str(i) for i in range(count)], dtype=object)
