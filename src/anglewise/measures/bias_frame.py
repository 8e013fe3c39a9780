"""A frame that leaves bias columns out: they belong to scores, not to angles."""

from dataclasses import dataclass

import numpy as np

from anglewise.errors import ShapeError, SpellingError
from anglewise.gauges.gauge import bias_columns
from anglewise.measures.frame import Affine, Frame, Maps, Sides


@dataclass(frozen=True)
class WithoutBiases(Frame):
    """The vectors without their bias columns; those without any stay as they are.

    A recommender that adds a number to each item or user keeps it as a column. In the product of
    a user and an item it belongs to the score; in a cosine between items it is no direction.
    Stands before every other frame, which would mix the columns.

    >>> from anglewise.core.embeddings import Embeddings, Space
    >>> from anglewise.measures.frame import fit_frames
    >>> space = Space(items=Embeddings([[3.0, 4.0, 9.0]]), about={"bias_columns": [2]})
    >>> fit_frames((WithoutBiases(),), space, "items-items").ranked(space.items.vectors).tolist()
    [[3.0, 4.0]]
    """

    def __str__(self) -> str:
        return "without-biases"

    def fit(self, sides: Sides) -> Maps:
        """The same columns for both sides."""
        through = (sides.asking.through, sides.ranked.through)
        if any(affine.matrix is not None or affine.offset.any() for affine in through):
            raise SpellingError(
                f"{self} must be the first frame: another one mixes the bias columns with the "
                f"rest; write cosine@{self}@centred"
            )
        dimension = sides.ranked.embeddings.dimension
        biases = bias_columns(sides.space)
        if len(biases) == dimension:
            raise ShapeError(f"{self} leaves nothing: all {dimension} columns are biases; take dot")
        kept = [column for column in range(dimension) if column not in biases]
        move = Affine(np.zeros(dimension), np.eye(dimension)[:, kept] if biases else None)
        return Maps(move, move)
