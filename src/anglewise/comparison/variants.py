"""Variants: cheaper vectors that a store may keep, and lists that are scored again.

``int8+rescore(100)`` reads: of the vectors in eight bits the 100 nearest, ranked by the scores of
the vectors as they were given.
"""

import re
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import read_whole, shown
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Array, Direction, Float32
from anglewise.errors import ShapeError, SpellingError, WrongTypeError

LEVELS = 127
"""The largest code of eight bits with a sign, the same on both sides of zero."""


@dataclass(frozen=True)
class Cut:
    """The first columns alone, as Matryoshka models allow (Kusupati and others 2022).

    Nothing is brought back to length one: that is what ``cosine`` does.

    >>> Cut(2)(np.array([[3.0, 4.0, 5.0]], np.float32))
    array([[3., 4.]], dtype=float32)
    """

    width: int

    def __str__(self) -> str:
        return f"[:{self.width}]"

    def columns(self, columns: int) -> int:
        """How many are left; raise ``ShapeError`` where there are not so many."""
        if not 1 <= self.width <= columns:
            raise ShapeError(f"{self} of {columns} columns: 1 to {columns} can be kept")
        return self.width

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows c"]:
        """The first columns."""
        self.columns(vectors.shape[1])
        return np.ascontiguousarray(vectors[:, : self.width])

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """Fewer columns, each as large."""
        return min(columns, self.width), size


@dataclass(frozen=True)
class Int8:
    """Eight bits a number: ``x ~ s round(x / s)`` with ``s = max|x| / 127`` for each vector.

    Symmetric, and every vector has a scale of its own, kept beside it as a float32: nothing is
    fitted, so no sample of vectors is needed, and the angle does not feel the scale. A number is
    off by ``s / 2`` at most. Scores are those of the rounded vectors.

    >>> Int8()(np.array([[127.0, 1.2, -0.4]], np.float32))
    array([[127.,   1.,  -0.]], dtype=float32)
    """

    def __str__(self) -> str:
        return "int8"

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows d"]:
        """The vectors that such a store gives back."""
        rounded = np.empty_like(vectors)
        for start in range(0, len(vectors), BLOCK):
            x = vectors[start : start + BLOCK].astype(np.float64)
            scale = np.abs(x).max(axis=1, keepdims=True) / LEVELS
            rounded[start : start + BLOCK] = np.rint(x / np.where(scale > 0, scale, 1)) * scale
        return rounded

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """A byte each, and four for the scale."""
        del size
        return columns, 1 + 4 / columns


@dataclass(frozen=True)
class Binary:
    """One bit a number: 1 above zero, else -1; of both sides, or of the items alone.

    The inner product of two such vectors is ``d - 2 h`` with ``h`` the number of bits in which
    they differ (Hamming), so dot, cosine and euclidean all rank by ``h``. Where queries stay as
    they are (asymmetric distances), it is ``sum_c q_c sign(x_c)``, which knows how sure the query
    is of each bit.

    >>> Binary()(np.array([[0.5, -2.0, 0.0]], np.float32))
    array([[ 1., -1., -1.]], dtype=float32)
    >>> str(Binary(items_alone=True))
    'binary(items)'
    """

    items_alone: bool = False

    def __str__(self) -> str:
        return "binary(items)" if self.items_alone else "binary"

    def __call__(self, vectors: Float32[Array, "rows d"]) -> Float32[Array, "rows d"]:
        """The signs."""
        return np.where(vectors > 0, np.float32(1), np.float32(-1))

    def stored(self, columns: int, size: float) -> tuple[int, float]:
        """Eight to the byte."""
        del size
        return columns, 1 / 8


@dataclass(frozen=True)
class Rescore:
    """The nearest ``depth`` of the cheaper vectors, ranked by the vectors as they were given.

    A store keeps both. Items beyond ``depth`` stand in no list.

    >>> str(Rescore(100))
    'rescore(100)'
    """

    depth: int

    def __str__(self) -> str:
        return f"rescore({self.depth})"


Step: TypeAlias = Cut | Int8 | Binary
_STEPS = {"int8": Int8(), "binary": Binary(), "binary(items)": Binary(items_alone=True)}
_RESCORE = re.compile(r"rescore\(([^()]*)\)")
_CUT = re.compile(r"\[:([^\[\]]+)\]|:([^\[\]]+)")


@dataclass(frozen=True)
class Variant:
    """Steps that make cheaper vectors of both sides of a space, the first one first.

    ``rescore`` is what the lists of these are scored again by, None where they are not.

    >>> str(Variant((Cut(128), Int8()))), Variant((Cut(128), Int8())).bytes_a_vector(512)
    ('[:128]·int8', 132)
    >>> variant("int8+rescore(50)").bytes_a_vector(512)
    2564
    """

    steps: tuple[Step, ...] = ()
    rescore: Rescore | None = None

    def __str__(self) -> str:
        words = [str(step) if isinstance(step, Cut) else f"·{step}" for step in self.steps]
        return "".join(words) + ("" if self.rescore is None else f"·{self.rescore}")

    def check(self, space: Space, direction: Direction) -> None:
        """Refuse what has no meaning in a direction: ``SpellingError``."""
        asking, ranked = space.sides(direction)
        if asking is ranked and len(self._of_queries) < len(self.steps):
            raise SpellingError(
                f"binary(items) leaves queries as they are, and in {direction} rows ask their own "
                "kind: take binary"
            )

    def of(self, space: Space) -> Space:
        """The space of the cheaper vectors; the space itself where there is no step.

        Raises ``ShapeError`` for a cut wider than the vectors, ``WrongTypeError`` for sparse ones.
        """
        if not self.steps:
            return space
        return Space(
            items=self._made(space.items, self.steps),
            queries=None if space.one_sided else self._made(space.queries, self._of_queries),
            trained_for=space.trained_for,
            seen=space.seen,
            about=space.about,
        )

    @property
    def _of_queries(self) -> tuple[Step, ...]:
        steps = self.steps
        return tuple(one for one in steps if not isinstance(one, Binary) or not one.items_alone)

    def columns(self, columns: int) -> int:
        """How many columns the cheaper vectors have; ``ShapeError`` for a cut that is wider."""
        for step in self.steps:
            if isinstance(step, Cut):
                columns = step.columns(columns)
        return columns

    def bytes_a_vector(self, columns: int) -> int:
        """What a store needs for one vector that has so many columns as float32."""
        return int(np.ceil(self._bytes(columns)))

    def bytes_of(self, side: Embeddings) -> int:
        """What a store needs for one row, on average: of a list for all of its tokens."""
        if isinstance(side, TokenVectors):
            return int(np.ceil(self._bytes(side.dimension) * len(side.tokens) / len(side)))
        if isinstance(side, SparseVectors):
            return int(np.ceil(BYTES_AN_ENTRY * len(side.rows.indices) / len(side)))
        return self.bytes_a_vector(side.dimension)

    def _bytes(self, columns: int) -> float:
        size, own = 4.0, columns
        for step in self.steps:
            own, size = step.stored(own, size)
        return own * size + (0 if self.rescore is None else 4 * columns)

    @staticmethod
    def _made(side: Embeddings, steps: tuple[Step, ...]) -> Embeddings:
        def change(x: Float32[Array, "rows d"]) -> Float32[Array, "rows c"]:
            return reduce(lambda x, step: step(x), steps, x)

        if isinstance(side, TokenVectors):
            return side.with_tokens(change)
        if isinstance(side, Representation):
            raise WrongTypeError(f"variants are of dense vectors, and these rows are {side.noun}")
        return side.with_vectors(change(side.vectors))


BYTES_AN_ENTRY = 8
"""Of a sparse vector: the number of the column, and a float32."""


def variant(spelling: "str | Variant") -> Variant:
    """Read a variant: ``[:128]``, ``int8``, ``binary``, or several as in ``[:128]·int8``.

    The brackets may be left out and ``+`` stands for the dot, so that it can be typed:
    ``:128+int8``. ``binary(items)`` leaves the queries as they are; ``rescore(100)``, the last,
    ranks the 100 nearest anew. Raises ``SpellingError`` for anything else.

    >>> str(variant(":128+int8")), variant("[:128]·int8") == variant(":128+int8")
    ('[:128]·int8', True)
    >>> str(variant("binary(items) + rescore(100)"))
    '·binary(items)·rescore(100)'
    """
    if isinstance(spelling, Variant):
        return spelling
    text = "".join(spelling.split()).replace("·", "+").replace("][", "]+[")
    words = text.replace("+[", "[").replace("[", "+[").strip("+").split("+")
    again = _RESCORE.fullmatch(words[-1].lower())
    if again is None:
        return Variant(tuple(_step(word, spelling) for word in words))
    depth = read_whole(again[1])
    if depth is None or depth < 1 or len(words) == 1:
        raise SpellingError(
            f"{shown(spelling)!r}: rescore(100) stands behind what makes vectors cheaper, with how "
            "many of the nearest are ranked anew, as in int8+rescore(100)"
        )
    return Variant(tuple(_step(word, spelling) for word in words[:-1]), Rescore(depth))


def _step(word: str, spelling: str) -> Step:
    cut = _CUT.fullmatch(word)
    width = None if cut is None else read_whole(cut[1] or cut[2])
    if width is not None and width >= 0:
        return Cut(width)
    if word.lower() not in _STEPS:
        raise SpellingError(
            f"{shown(spelling)!r} is no variant of a space: write :128 for the first 128 columns, "
            "int8, binary or binary(items), or several as in :128+int8, with rescore(100) last"
        )
    return _STEPS[word.lower()]


AS_IT_IS = Variant()
