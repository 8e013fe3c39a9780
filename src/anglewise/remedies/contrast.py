"""The loss of an adapter: each query should choose what was found relevant to it, by cosine."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float, Float64
from anglewise.remedies.lessons import Lesson
from anglewise.remedies.shape import Shape

SHARPNESS = 20.0
"""The inverse temperature at the start; it is learnt with the maps."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """``-mean_q sum_x t_qx log softmax_x(b cos(q W, x V)) + ridge (|W - I|^2 + |V - I|^2)``.

    ``t`` are the shares due, ``b`` the inverse temperature. With ``shared`` both sides go through
    one map. The free numbers are ``[log b, of the queries' map, of the items' map]``.
    """

    lesson: Lesson
    shape: Shape
    shared: bool
    ridge: float = 0.0

    def start(self) -> Float64[Array, " free"]:
        """The identity."""
        _, of_queries, of_items = self._slopes(
            self.lesson.queries, self.lesson.items, np.log(SHARPNESS)
        )[1:]
        slopes = (
            self.lesson.queries.T @ of_queries,
            self.lesson.items.T @ of_items,
        )
        if self.shared:
            slopes = (slopes[0] + slopes[1],)
        return np.concatenate([[np.log(SHARPNESS)], *(self.shape.start(one) for one in slopes)])

    def __call__(self, free: Float64[Array, " free"]) -> tuple[float, Float64[Array, " free"]]:
        """The loss and its slope."""
        of_q, of_x = self.parts(free)
        q = self.shape.apply(of_q, self.lesson.queries)
        x = self.shape.apply(of_x, self.lesson.items)
        loss, of_b, slope_q, slope_x = self._slopes(q, x, free[0])
        slope_q = self.shape.pull(of_q, self.lesson.queries, slope_q)
        slope_x = self.shape.pull(of_x, self.lesson.items, slope_x)
        held = [(of_q, slope_q + slope_x)] if self.shared else [(of_q, slope_q), (of_x, slope_x)]
        out = [np.array([of_b])]
        for part, slope in held:
            square, of_square = self.shape.ridge(part)
            loss += self.ridge * square
            out.append(slope + self.ridge * of_square)
        return loss, np.concatenate(out)

    def parts(self, free: Float64[Array, " free"]) -> tuple[Array, Array]:
        """The numbers of the map of the queries and of that of the items."""
        if self.shared:
            return free[1:], free[1:]
        of_q, of_x = free[1:].reshape(2, -1)
        return of_q, of_x

    def _slopes(
        self, q: Float[Array, "q d"], x: Float[Array, "p d"], log_b: float
    ) -> tuple[float, float, Float[Array, "q d"], Float[Array, "p d"]]:
        """The loss without the ridge; its slopes in ``log b`` and in the moved rows."""
        b = float(np.exp(log_b))
        (u, long_q), (v, long_x) = _split(q), _split(x)
        cosine = u @ v.T
        score = np.where(self.lesson.hidden, -np.inf, b * cosine)
        score -= score.max(axis=1, keepdims=True)
        chosen = np.exp(score)
        total = chosen.sum(axis=1, keepdims=True)
        target = self.lesson.target
        with np.errstate(invalid="ignore"):
            due = np.where(target > 0, target * (score - np.log(total)), 0.0)
        off = b / len(q) * (chosen / total - target)
        of_u, of_v = off @ v, off.T @ u
        return (
            float(-due.sum(dtype=np.float64) / len(q)),
            float((off * cosine).sum(dtype=np.float64)),
            (of_u - (of_u * u).sum(axis=1, keepdims=True) * u) / long_q,
            (of_v - (of_v * v).sum(axis=1, keepdims=True) * v) / long_x,
        )


def _split(x: Float[Array, "n d"]) -> tuple[Array, Array]:
    """Directions and lengths; a zero row stays, as if it were long."""
    length: Array = np.linalg.norm(x, axis=1, keepdims=True)
    length = np.where(length > 0, length, np.ones_like(length))
    return x / length, length
