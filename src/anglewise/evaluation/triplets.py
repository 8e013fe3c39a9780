"""The metric of triplets: whether the near one is nearer."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.evaluation.kinds import TripletMetric


@dataclass(frozen=True)
class TripletAccuracy(TripletMetric):
    """Whether the near one scores above the far one; a tie counts half.

    Scores are rounded to float32 first, as everywhere before they are ordered.

    >>> near, far = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 1.0]])
    >>> TripletAccuracy().per_triplet(near, far).tolist()
    [[1.0, 0.5, 0.0]]
    """

    name = "triplet-accuracy"

    def per_triplet(
        self, near: Float64[Array, "m triplets"], far: Float64[Array, "m triplets"]
    ) -> Float64[Array, "m triplets"]:
        """1, ½ or 0; the mean is the accuracy."""
        nearer = near.astype(np.float32) - far.astype(np.float32)
        return (1.0 + np.sign(nearer.astype(np.float64))) / 2
