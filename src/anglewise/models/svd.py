"""The first singular values and right singular vectors of a table, exact to rounding."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.errors import ValuesError
from anglewise.typing import Array, Float64

DENSE_BELOW = 128
"""Tables with no more rows or columns than this are decomposed whole."""

DENSE_SHARE = 4
"""So are those of which more than one in this many singular vectors is asked for."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What remains of ``X = U S V'`` for a model that multiplies by ``X`` anyway: ``S`` and ``V``.

    ``values`` fall; each column of ``right`` has length one and its largest entry positive.
    """

    values: Float64[Array, " k"]
    right: Float64[Array, "p k"]


def truncated_svd(X: Any, k: int, *, seed: int = 0) -> Spectrum:
    """The ``k`` largest singular values of ``X`` (``n x p``, sparse or dense) and their vectors.

    Fewer than ``k`` come back when the rank of ``X`` is lower: directions whose singular value
    is rounding noise say nothing. Large tables go to ARPACK's Lanczos iteration (scipy), run to
    machine precision from a start drawn with ``seed``; small ones, and whole spectra, to LAPACK.
    Vectors of equal singular values are any basis of their plane.

    Raises
    ------
    ValuesError
        ``X`` holds zeros only.

    Examples
    --------
    >>> truncated_svd(np.diag([3.0, 0.0, 4.0]), 3).values.tolist()
    [4.0, 3.0]
    """
    smaller = min(X.shape)
    if smaller <= max(DENSE_BELOW, DENSE_SHARE * k):
        values, right = _whole(X)
    else:
        values, right = _lanczos(X, k, seed)
    noise = values[0] * max(X.shape) * np.finfo(np.float64).eps
    kept = min(k, int((values > noise).sum()))
    if kept == 0:
        raise ValuesError("the table holds zeros only: there is nothing to learn from")
    right = right[:, :kept]
    largest = np.abs(right).argmax(axis=0)
    signs = np.sign(right[largest, np.arange(kept)])
    return Spectrum(values[:kept], np.ascontiguousarray(right * signs))


def _whole(X: Any) -> tuple[Array, Array]:
    dense: Array = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    dense = dense.astype(np.float64, copy=False)
    if dense.shape[0] > dense.shape[1]:
        dense = np.asarray(
            np.linalg.qr(dense, mode="r")
        )  # V and S are those of R: no need for a tall U
    _, values, right = np.linalg.svd(dense, full_matrices=False)
    return values, right.T


def _lanczos(X: Any, k: int, seed: int) -> tuple[Array, Array]:
    from scipy.sparse import linalg

    solvers: Any = linalg  # scipy ships no types
    table: Any = X.astype(np.float64)
    if not abs(table).max():  # ARPACK cannot start on such a table
        return np.zeros(1), np.zeros((table.shape[1], 1))
    smaller: int = min(X.shape)
    start = np.random.default_rng(seed).standard_normal(smaller)
    _, values, right = solvers.svds(table, k=k, v0=start, return_singular_vectors="vh")
    falling = np.argsort(-values, kind="stable")
    return values[falling], right[falling].T
