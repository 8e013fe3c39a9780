"""Why this item: what each of the user's own items adds to its score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.gauges.gauge import bias_columns
from anglewise.io.texts import titles
from anglewise.measures.formulas import Cosine, Dot, Measure, Norm
from anglewise.recommend.fold_in import FoldIn


@dataclass(frozen=True)
class Contribution:
    """What one of the user's items adds to a score; negative where it speaks against.

    >>> Contribution("7", 0.25).value
    0.25
    """

    id: str
    value: float
    title: str | None = None


@dataclass(frozen=True)
class Explanation:
    """A score taken apart: ``score = sum of contributions + own + rest``.

    Attributes
    ----------
    item, title, score
        What was explained, and the score that the measure gives it.
    contributions
        One for each item that the user used, the largest first.
    own
        What bias columns add, whoever asks for whatever reason.
    rest
        What the contributions leave unsaid: rounding where ``exact``, else what this model does
        that no linear map of the user's items does.
    exact
        Whether users are a linear function of what they used, so that the parts are the model's.
    residual
        ``|P - X A| / |P|``: how far users are from such a function; the smaller, the better the
        parts.
    """

    item: str
    title: str | None
    score: float
    contributions: tuple[Contribution, ...]
    own: float
    rest: float
    exact: bool
    residual: float

    def to_dict(self) -> Mapping[str, Any]:
        """Plain types."""
        return {
            "item": self.item,
            "title": self.title,
            "score": self.score,
            "exact": self.exact,
            "residual": self.residual,
            "own": self.own,
            "rest": self.rest,
            "contributions": [
                {"id": one.id, "title": one.title, "value": one.value} for one in self.contributions
            ],
        }


def explain(
    space: Space,
    measure: Measure,
    fold_in: FoldIn,
    *,
    user: Float64[Array, " d"],
    used: Int64[Array, " used"],
    item: int,
) -> Explanation:
    """Take the score of an item for a user at ``user`` who used these items apart.

    With ``p = sum_j A_j`` over the items used, ``p . q = sum_j A_j . q``; the lengths that a
    measure divides by divide every part alike. Raises ``SpellingError`` for measures that are not
    such a product (distances, frames).
    """
    if not isinstance(measure.formula, Dot | Cosine | Norm) or measure.frames:
        raise SpellingError(
            f"{measure} is no plain product of two vectors, so its score is no sum over the "
            "user's items: explain dot, cosine or norm(a,b)"
        )
    target = space.items.vectors[item].astype(np.float64)
    lengths = np.linalg.norm(user), np.linalg.norm(target)

    def scored(parts: Array) -> Array:
        whole = np.ones_like(parts)
        return np.asarray(measure.formula.score(parts, lengths[0] * whole, lengths[1] * whole))

    biases = list(bias_columns(space))
    parts = fold_in.encoder[used] @ target
    values = scored(parts)
    score, own = scored(np.array([user @ target, user[biases] @ target[biases]])).tolist()
    known, ids = titles(space.items), space.items.ids
    order = np.lexsort((used, -values))
    return Explanation(
        item=str(ids[item]),
        title=None if known is None else known[item],
        score=score,
        contributions=tuple(
            Contribution(
                str(ids[used[at]]), float(values[at]), None if known is None else known[used[at]]
            )
            for at in order
        ),
        own=own,
        rest=score - own - float(values.sum()),
        exact=fold_in.exact,
        residual=fold_in.residual,
    )
