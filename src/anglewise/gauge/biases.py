"""Bias columns: numbers that a model adds to the score of each item or user, kept as columns.

A model that scores ``p . q + b_u + c_i`` is written as one inner product of ``[p, 1, b_u]`` and
``[q, c_i, 1]``. Between a user and an item these columns are the model; between two items, or in
an angle, they are no direction that anything was compared along.
"""

from typing import Any, cast

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.errors import ShapeError
from anglewise.gauge.gauge import constant_columns, two_roots
from anglewise.gauge.map_pair import BIAS_COLUMNS


def bias_columns(space: Space) -> tuple[int, ...]:
    """The columns that hold biases: those that the space names, else those constant on one side.

    >>> users = Embeddings([[2.0, 1.0], [3.0, 1.0], [5.0, 1.0]])
    >>> bias_columns(Space(queries=users, items=Embeddings([[1.0, 0.5], [4.0, 0.0]])))
    (1,)
    """
    named: Any = space.about.get(BIAS_COLUMNS)
    if named is not None:
        return tuple(sorted(int(column) for column in cast("list[int]", named)))
    return () if space.one_sided else constant_columns(*two_roots(space))


def without_biases(space: Space) -> Space:
    """The same space without its bias columns, for angles and for what is compared with its like.

    Raises ``ShapeError`` if nothing would be left.

    >>> users = Embeddings([[2.0, 1.0], [3.0, 1.0], [5.0, 1.0]])
    >>> space = Space(queries=users, items=Embeddings([[1.0, 0.5], [4.0, 0.0]]))
    >>> without_biases(space).items.vectors.tolist()
    [[1.0], [4.0]]
    """
    biases = bias_columns(space)
    if not biases:
        return space
    kept = [column for column in range(space.items.dimension) if column not in biases]
    if not kept:
        raise ShapeError(
            f"all {len(biases)} columns of this space are biases: without them there is nothing "
            "to compare; take the whole score, dot"
        )

    def cut(side: Embeddings) -> Embeddings:
        return side.with_vectors(np.ascontiguousarray(side.vectors[:, kept]))

    return Space(
        items=cut(space.items),
        queries=None if space.one_sided else cut(space.queries),
        trained_for=space.trained_for,
        seen=space.seen,
        about={**space.about, BIAS_COLUMNS: []},
    )
