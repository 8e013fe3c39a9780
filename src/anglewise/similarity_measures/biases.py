"""Bias columns: a product counts them, a cosine within one side leaves out those that are named.

They hold what a recommender adds to the score of each user or item. Functions here take any
measure that has a ``formula`` and ``frames``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.memory import check_square
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Direction
from anglewise.equivalent_factorisations.gauge import bias_columns, without_biases
from anglewise.errors import ShapeError
from anglewise.similarity_measures.frames import Affine, Frame, Maps, Sides, check_first


@dataclass(frozen=True)
class WithoutBiases(Frame):
    """The vectors without their bias columns; those without any stay as they are.

    A recommender that adds a number to each item or user keeps it as a column. In the product of
    a user and an item it belongs to the score; in a cosine between items it is no direction.
    It must be the first frame, since another one would mix the columns; those after it, gauges
    too, are fitted on what is left.

    >>> from anglewise.data_types.embeddings import Embeddings, Space
    >>> from anglewise.similarity_measures.frames import fit_frames
    >>> space = Space(items=Embeddings([[3.0, 4.0, 9.0]]), about={"bias_columns": [2]})
    >>> fit_frames((WithoutBiases(),), space, "items-items").ranked(space.items.vectors).tolist()
    [[3.0, 4.0]]
    """

    def __str__(self) -> str:
        return "without-biases"

    def fit(self, sides: Sides) -> Maps:
        """The same columns for both sides."""
        check_first(sides, str(self), "another one mixes the bias columns with the rest")
        dimension = sides.ranked.embeddings.dimension
        biases = bias_columns(sides.space)
        if len(biases) == dimension:
            raise ShapeError(f"{self} leaves nothing: all {dimension} columns are biases; take dot")
        others = [column for column in range(dimension) if column not in biases]
        matrix = None
        if biases:
            check_square(dimension)
            matrix = np.eye(dimension)[:, others]
        return Maps.both(Affine(np.zeros(dimension), matrix))

    def narrowed(self, space: Space) -> Space | None:
        """The space without these columns, which a gauge would otherwise keep."""
        return without_biases(space)


@dataclass(frozen=True)
class WithBiases(Frame):
    """The vectors as they are: a cosine between items then counts bias columns that are named.

    >>> str(WithBiases())
    'with-biases'
    """

    def __str__(self) -> str:
        return "with-biases"

    def fit(self, sides: Sides) -> Maps:
        """Nothing moves."""
        check_first(sides, str(self), "it says which columns the others see")
        return Maps.still(sides.ranked.embeddings.dimension)


def biases_left_out(measure: Any, space: Space, direction: Direction) -> tuple[int, ...]:
    """The bias columns that a cosine within one side leaves out: those that the space names.

    A product counts them, and so does a measure with the frame ``with-biases``.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.similarity_measures.formulas import Cosine, Dot, Measure
    >>> space = Space(items=Embeddings([[3.0, 4.0, 9.0]]), about={"bias_columns": [2]})
    >>> [biases_left_out(Measure(f), space, "items-items") for f in (Cosine(), Dot())]
    [(2,), ()]
    """
    frames: tuple[Frame, ...] = measure.frames
    within = space.one_sided or direction != "queries-items"
    if not (within and getattr(getattr(measure, "formula", None), "angle", False)):
        return ()
    if any(isinstance(frame, WithBiases | WithoutBiases) for frame in frames):
        return ()
    return space.named_biases


def biases_note(measures: Iterable[Any], space: Space, direction: Direction) -> str | None:
    """What is said where some measures leave bias columns out; None where none does.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.similarity_measures.formulas import Cosine, Dot, Measure
    >>> space = Space(items=Embeddings([[3.0, 4.0, 9.0]]), about={"bias_columns": [2]})
    >>> print(biases_note([Measure(Dot()), Measure(Cosine())], space, "items-items"))
    cosine: without the bias column 2, which is no direction; cosine@with-biases counts it
    """
    biases = space.named_biases
    cut = [str(m) for m in measures if biases and biases_left_out(m, space, direction)]
    if not cut:
        return None
    many = len(biases) > 1
    formula, _, frames = cut[0].partition("@")
    raw = "@".join([formula, "with-biases", *filter(None, [frames])])
    return (
        f"{listed(cut)}: without the bias column{'s' * many} {listed(map(str, biases))}, which "
        f"{'are no directions' if many else 'is no direction'}; {raw} counts "
        f"{'them' if many else 'it'}"
    )
