"""Lists of token vectors: what late interaction (ColBERT) keeps of each query and item."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from anglewise.data_types.conversion import (
    BLOCK,
    as_array,
    as_rows,
    checked_vectors,
    is_kind,
    offers,
)
from anglewise.data_types.numbers import described
from anglewise.data_types.representation import Representation
from anglewise.data_types.text import Say, quiet
from anglewise.data_types.typing import Array, Float32, Float64, Int64
from anglewise.errors import AnglewiseError, ShapeError, ValuesError, WrongTypeError

DUE = "a list of matrices is due, tokens x d for each row, or one matrix of all tokens and offsets"


class TokenVectors(Representation):
    """For each row a list of vectors, one for each token, all of one dimension.

    They stand in a space where :class:`Embeddings` stand, are ranked by ``maxsim`` and keep their
    tokens as given: ColBERT's models bring each token to length one before they are stored.

    Parameters
    ----------
    tokens
        One matrix a row, ``tokens x d``, of NumPy, PyTorch or lists; a column of lists of lists of
        an Arrow table or of a frame; or, beside ``offsets``, one matrix of all tokens, row after
        row, which is not copied where it is float32 and C-ordered.
    offsets
        Where the tokens of each row begin in the one matrix, and where the last row ends:
        ``rows + 1`` whole numbers that ascend from 0.
    ids, metadata, say
        As in :class:`Embeddings`.

    Raises
    ------
    WrongTypeError
        What holds no matrices.
    ShapeError
        Tokens of differing dimension; offsets that go down or end elsewhere than the tokens.
    ValuesError
        A row without tokens; NaN, infinity, or what float32 cannot hold.
    IdsError
        An id that comes twice or is missing.

    Examples
    --------
    >>> TokenVectors([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], ids=["a", "b"])
    TokenVectors(2 rows, 3 tokens x 2)
    """

    noun = "lists of token vectors"
    measures = ("maxsim", "maxsim-cosine")
    usual_measures = ("maxsim",)

    def __init__(
        self,
        tokens: Any,
        offsets: Any = None,
        ids: Iterable[Any] | None = None,
        metadata: Any = None,
        *,
        say: Say = quiet,
    ) -> None:
        if offsets is None:
            tokens, offsets = _stacked(tokens, say)
        matrix = as_array(tokens, "tokens", say)
        if matrix.ndim != 2:
            raise ShapeError(f"tokens have shape {matrix.shape}: {DUE}")
        self.offsets: Int64[Array, " rows_and_one"] = _checked_offsets(offsets, len(matrix))
        self._named(len(self.offsets) - 1, ids, metadata)
        try:
            self.tokens: Float32[Array, "tokens d"] = checked_vectors(matrix)
        except (ValuesError, ShapeError) as error:
            raise type(error)(f"among the tokens, {error}{self._place(matrix)}") from error

    def _place(self, matrix: Array) -> str:
        """Where the first token lies that is not finite, in words."""
        if matrix.dtype.kind not in "fiub" or 0 in matrix.shape:
            return ""
        with np.errstate(over="ignore"):
            wrong: Array = ~np.isfinite(matrix.astype(np.float32))
        bad: list[int] = np.flatnonzero(wrong.any(axis=1)).tolist()
        if not bad:
            return ""
        row = int(np.searchsorted(self.offsets, bad[0], side="right")) - 1
        name = str(self.ids[row])
        return f" (it is token {bad[0] - self.offsets[row]} of {name!r})"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"TokenVectors({len(self)} rows, {len(self.tokens)} tokens x {self.dimension})"

    @property
    def dimension(self) -> int:
        """How many numbers a token's vector has, ``d``."""
        return self.tokens.shape[1]

    @property
    def nbytes(self) -> int:
        """What the tokens and the offsets weigh."""
        return self.tokens.nbytes + self.offsets.nbytes

    @cached_property
    def counts(self) -> Int64[Array, " rows"]:
        """How many tokens each row has."""
        return np.diff(self.offsets)

    @cached_property
    def token_norms(self) -> Float64[Array, " tokens"]:
        """The euclidean length of every token."""
        blocks = (
            self.tokens[i : i + BLOCK].astype(np.float64) for i in range(0, len(self.tokens), BLOCK)
        )
        return np.concatenate([np.sqrt(np.einsum("ij,ij->i", b, b)) for b in blocks])

    def row(self, number: int) -> Float32[Array, "tokens d"]:
        """The tokens of one row."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def take(self, rows: Int64[Array, " some"]) -> "TokenVectors":
        """Some rows, in the order given, with their ids and without metadata.

        >>> TokenVectors([[[1.0]], [[2.0], [3.0]]]).take(np.array([1])).tokens.tolist()
        [[2.0], [3.0]]
        """
        rows = as_rows(rows, len(self), "row")
        tokens, offsets = self.listed(rows)
        return TokenVectors(self.tokens[tokens], offsets, self.ids[rows])

    def listed(
        self, rows: Int64[Array, " some"]
    ) -> tuple[Int64[Array, " tokens"], Int64[Array, " some_and_one"]]:
        """Which tokens some rows have, row after row, and where those of each begin."""
        counts = self.counts[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        starts = np.repeat(self.offsets[rows] - offsets[:-1], counts)
        return np.arange(int(offsets[-1]), dtype=np.int64) + starts, offsets

    def with_tokens(
        self, change: Callable[[Float32[Array, "tokens d"]], Float32[Array, "tokens c"]]
    ) -> "TokenVectors":
        """The same rows with what a function makes of the matrix of all tokens."""
        return TokenVectors(change(self.tokens), self.offsets, self._given_ids, self.metadata)

    def of_kind(self, value: Any) -> "TokenVectors":
        """Further rows: one matrix is one row."""
        if isinstance(value, TokenVectors):
            return value
        one = getattr(value, "ndim", 0) == 2 or _depth(value) == 2
        return TokenVectors([value] if one else value)

    def joined(
        self, other: Representation, ids: Iterable[Any] | None = None, metadata: Any = None
    ) -> "TokenVectors":
        """These rows and behind them others."""
        more = self.of_kind(other)
        if more.dimension != self.dimension:
            raise ShapeError(f"tokens of {more.dimension} and of {self.dimension} numbers: one due")
        offsets = np.concatenate([self.offsets, more.offsets[1:] + self.offsets[-1]])
        return TokenVectors(np.concatenate([self.tokens, more.tokens]), offsets, ids, metadata)

    def called(self, ids: Iterable[Any] | None, metadata: Any = None) -> "TokenVectors":
        """The same tokens under other ids and metadata."""
        return TokenVectors(self.tokens, self.offsets, ids, metadata)


def _depth(value: Any) -> int:
    """How deeply lists are nested, by their first elements."""
    depth = 0
    while is_kind(value, list | tuple) and value:
        depth, value = depth + 1, value[0]
    return depth + getattr(value, "ndim", 0)


def _stacked(rows: Any, say: Say) -> tuple[Array, Int64[Array, " rows_and_one"]]:
    """One matrix of the tokens of all rows, and where those of each row begin."""
    for method in ("to_pylist", "to_list"):  # columns of Arrow, of Polars and of pandas
        if offers(rows, method):
            rows = getattr(rows, method)()
            break
    if is_kind(rows, str | bytes | dict) or not hasattr(rows, "__iter__"):
        raise WrongTypeError(f"tokens are {described(rows)}: {DUE}")
    matrices: list[Array] = []
    for number, row in enumerate(rows):
        matrix = _matrix(row, number, say)
        if matrices and matrix.shape[1] != matrices[0].shape[1]:
            raise ShapeError(
                f"row {number} has tokens of {matrix.shape[1]} numbers, the first row of "
                f"{matrices[0].shape[1]}: take all from one model"
            )
        matrices.append(matrix)
    if not matrices:
        raise ShapeError(f"no rows: {DUE}")
    offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])])
    return np.concatenate(matrices), offsets.astype(np.int64)


def _matrix(row: Any, number: int, say: Say) -> Array:
    if row is None:
        raise ValuesError(f"row {number} is missing: drop it")
    if is_kind(row, np.ndarray) and row.dtype.kind == "O":
        row = row.tolist()  # a cell of pandas holds an array of arrays
    try:
        matrix = as_array(row, "tokens", say)
    except AnglewiseError as error:
        raise type(error)(f"row {number}: {error}") from error
    if matrix.size == 0:
        raise ValuesError(f"row {number} has no token: one at least is due; leave the row out")
    if matrix.ndim != 2:
        raise ShapeError(f"row {number} has shape {matrix.shape}: a matrix of tokens x d is due")
    return matrix


def _checked_offsets(offsets: Any, tokens: int) -> Int64[Array, " rows_and_one"]:
    """Whole numbers that ascend from 0 to the number of tokens, by one at least."""
    ends = as_array(offsets, "offsets")
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) < 2:
        raise ShapeError(
            f"offsets are {ends.dtype} of shape {ends.shape}: rows + 1 whole numbers are due, "
            "where the tokens of each row begin, and the number of all tokens"
        )
    ends = ends.astype(np.int64)
    if ends[0] != 0 or ends[-1] != tokens:
        raise ShapeError(
            f"offsets go from {ends[0]} to {ends[-1]}, and there are {tokens} tokens: from 0 to "
            f"{tokens} is due"
        )
    steps = np.diff(ends)
    if (steps < 0).any():
        row = int(np.argmax(steps < 0))
        raise ShapeError(
            f"offsets go down after row {row}, from {ends[row]} to {ends[row + 1]}: they are to "
            "say where the tokens of each row begin, row after row"
        )
    if (steps == 0).any():
        row = int(np.argmax(steps == 0))
        raise ValuesError(f"row {row} has no token: one at least is due; leave the row out")
    ends.flags.writeable = False
    return ends
