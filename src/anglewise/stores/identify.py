"""Which metric made some numbers: from known vectors, or from how the numbers move with the query.

Both ways test every form of every metric and take one only if it alone explains all numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.typing import Array, Float64
from anglewise.stores.shown_forms import FORMS, Form, PairFigures
from anglewise.stores.vector_store import Metric

EXACT, ROUGH, UNSEEN = 1e-4, 0.05, 0.02
"""Of the largest number there is: how far a form may be off, stored exactly or coarsely; and
coarsely where no vectors are seen, to which weights of coordinates look alike."""
APART = 4.0
"""A form is taken only if the best one of another metric is off by so many times as much."""
FEWEST = 3
"""Of fewer numbers nothing is said."""
NEAR_TO = (0.25, 4.0, 64.0, 131_072.0)
STEPS = (1.0, 1.5, 2.0)
TIMES = tuple(base * step for base in NEAR_TO for step in STEPS)
"""A query is asked at these lengths: by a distance only those near to each other list the same
items, and the last are so long that every number of a vector is passed by."""
POINTS = len(STEPS)
"""An item tells something that is listed at so many lengths of a query."""
DIRECTIONS = 3


@dataclass(frozen=True)
class Identified:
    """The metric that explains some numbers, and the forms in which it may have been put.

    ``metric`` is ``unknown`` where no metric explains them, or more than one does. ``error`` is the
    largest deviation of a number, in parts of the largest; ``reason`` says what was tested.
    ``of_vectors`` is False where only that was seen how numbers move with the length of a query.
    """

    metric: Metric
    forms: tuple[Form, ...]
    error: float
    reason: str
    numbers: int = 0
    of_vectors: bool = True


def from_vectors(
    queries: Float64[Array, "pairs d"],
    items: Float64[Array, "pairs d"],
    numbers: Float64[Array, " pairs"],
    descending: bool | None = None,
) -> Identified:
    """Test every form on pairs whose vectors are known; pairs with a zero vector are left out.

    ``descending`` says whether the numbers fell along the lists, where that is known.

    >>> rng = np.random.default_rng(0)
    >>> q, x = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
    >>> found = from_vectors(q, x, 1 - (q * x).sum(axis=1))
    >>> found.metric, [form.words for form in found.forms]
    ('dot', ['1 - the inner product'])
    """
    figures = PairFigures.of(queries, items)
    there = (figures.query_norms > 0) & (figures.item_norms > 0) & np.isfinite(numbers)
    if there.sum() < FEWEST:
        return Identified("unknown", (), np.inf, f"{there.sum()} numbers are too few to tell")
    errors = [_error(form, figures, numbers, there) for form in FORMS]
    return _only(errors, int(there.sum()), descending)


def _error(
    form: Form,
    figures: PairFigures,
    numbers: Float64[Array, " pairs"],
    there: Array,
) -> float:
    expected = form.forth(figures.value(form.metric)[there])
    scale = max(float(np.abs(expected).max()), float(np.abs(numbers[there]).max()), 1e-30)
    return float(np.abs(expected - numbers[there]).max()) / scale


def _only(
    errors: Sequence[float], numbers: int, descending: bool | None, rough: float = ROUGH
) -> Identified:
    """The one metric whose best form is far better than that of any other."""
    tested = [
        (error, form)
        for error, form in zip(errors, FORMS, strict=True)
        if descending is None or form.larger == descending
    ]
    error, best = min(tested, key=lambda entry: entry[0])
    rest = [entry for entry in tested if entry[1].metric != best.metric]
    next_error, other = min(rest, key=lambda entry: entry[0])
    if error > rough:
        why = f"no known form explains the {numbers} numbers; the best, {best.words}, is off by "
        return Identified("unknown", (), error, why + _in_parts(error), numbers)
    most = max(APART * error, EXACT)
    if next_error <= most:
        why = f"{best.words} and {other.words} explain the {numbers} numbers alike"
        return Identified("unknown", (best, other), error, why, numbers)
    forms = tuple(form for e, form in tested if form.metric == best.metric and e <= most)
    words = " or ".join(form.words for form in forms)
    why = f"{words} explains all {numbers} numbers, within {_in_parts(error)}"
    if error > EXACT:
        why += f"; the next, {other.words}, is off by {_in_parts(next_error)}"
    return Identified(best.metric, forms, error, why, numbers)


def _in_parts(error: float) -> str:
    return "any bound" if not np.isfinite(error) else f"{error:.1g} of the largest"


def directions_to_ask(rng: np.random.Generator, dimension: int) -> Float64[Array, "q d"]:
    """Queries of length 1 that no weights of coordinates leave alone, with no number near 0.

    >>> u = directions_to_ask(np.random.default_rng(0), 100)
    >>> u.shape, bool(np.abs(u).min() > 0.01)
    ((3, 100), True)
    """
    size = 2 ** rng.uniform(-2, 2, (DIRECTIONS, dimension))
    u = size * rng.choice((-1.0, 1.0), size.shape)
    return u / np.sqrt(np.square(u).sum(axis=1))[:, None]


def from_lengths(
    directions: Float64[Array, "q d"],
    shown: Sequence[Sequence[Mapping[str, float]]],
    descending: bool | None = None,
) -> Identified:
    """Test how numbers move when the same query is asked at several lengths.

    What moves so may be the metric of other vectors than one thinks of: any linear score is an
    inner product with something. Along ``t u`` an inner product is a line through 0, a cosine
    stays, a squared distance is a parabola that opens with ``|u|^2``, a distance its root, a sum of
    absolute differences a convex line whose last slope is ``|u|_1``. No vector needs to be known,
    and no item to be listed at every length.

    Parameters
    ----------
    directions
        The queries at length one time.
    shown
        For each query and each of ``TIMES`` the numbers by id.
    """
    votes = [0.0] * len(FORMS)
    lines = points = 0
    wide = _range([number for lists in shown for one in lists for number in one.values()])
    if not wide:
        return Identified("unknown", (), np.inf, "all numbers are alike")
    for u, lists in zip(directions, shown, strict=True):
        for name in sorted({name for one in lists for name in one}):
            there = np.array([np.isfinite(one.get(name, np.nan)) for one in lists])
            if there.sum() < POINTS:
                continue
            lines += 1
            points += int(there.sum())
            t = np.array(TIMES)[there]
            numbers = np.array([one[name] for one in lists if np.isfinite(one.get(name, np.nan))])
            for i, form in enumerate(FORMS):
                votes[i] = max(votes[i], _along(form, u, t, numbers, wide))
    if lines < FEWEST:
        why = f"{lines} items are listed at as many as {POINTS} lengths of a query: too few to tell"
        return Identified("unknown", (), np.inf, why)
    found = _only(votes, points, descending, UNSEEN)
    if found.metric == "unknown":
        return replace(found, of_vectors=False)
    words = " or ".join(form.words for form in found.forms)
    why = (
        f"with the length of a query all {found.numbers:,} numbers move as {words} does, within "
        f"{_in_parts(found.error)}; {LIKE[found.metric]} moves so too, and the vectors were not "
        "seen"
    )
    return replace(found, reason=why, of_vectors=False)


LIKE: Mapping[Metric, str] = {
    "dot": "whatever is linear in the query",
    "cosine": "whatever depends on the direction of the query alone",
    "euclidean": "the distance to any other vectors",
    "squared-euclidean": "the squared distance to any other vectors",
    "manhattan": "the same sum for any other vectors",
}
"""What else moves with the length of a query as a metric does."""


def _range(numbers: Sequence[float]) -> float:
    """How far the largest of the finite numbers is from the smallest."""
    there = np.array(numbers)[np.isfinite(numbers)]
    return float(np.ptp(there)) if len(there) else 0.0


def _along(
    form: Form,
    u: Float64[Array, " d"],
    t: Float64[Array, " times"],
    numbers: Float64[Array, " times"],
    wide: float,
) -> float:
    """How far numbers along one query are from what a form allows, in parts of the largest.

    What stays along a query is a cosine only as far as numbers of other items are others: so its
    parts are those of the range of all numbers, which is ``wide``.
    """
    with np.errstate(all="ignore"):
        values = form.back(numbers)
    finite = np.isfinite(values)
    if not finite.all():  # a share that was rounded to 0 tells nothing
        if numbers[~finite].any():
            return np.inf
        t, values = t[finite], values[finite]
        if len(t) < POINTS:
            return 0.0
    if form.metric == "cosine":
        return float(np.ptp(numbers)) / wide if np.abs(values).max() <= 1 + ROUGH else np.inf
    if form.metric == "dot":
        slope = float(values @ t / (t @ t))
        return _worst(values - slope * t, t * abs(slope))
    return _piecewise(u, t, values) if form.metric == "manhattan" else _bowl(form, u, t, values)


def _bowl(
    form: Form,
    u: Float64[Array, " d"],
    t: Float64[Array, " times"],
    values: Float64[Array, " times"],
) -> float:
    """Squared distances, or their roots: less ``(t |u|)^2`` they are a line."""
    if (values < -ROUGH * max(float(np.abs(values).max()), 1e-30)).any():
        return np.inf
    squared = values if form.metric == "squared-euclidean" else values**2
    rest = squared - (u @ u) * t**2
    weight = 1 / np.maximum(squared, 1e-30)  # of lengths so far apart each counts by its own size
    line = np.stack([t, np.ones_like(t)], axis=1)
    found, *_ = np.linalg.lstsq(line * weight[:, None], rest * weight, rcond=None)
    return float(np.abs((rest - line @ found) * weight).max())


def _worst(off: Float64[Array, " times"], scale: Float64[Array, " times"]) -> float:
    return float((np.abs(off) / np.maximum(scale, 1e-12)).max())


def _piecewise(
    u: Float64[Array, " d"], t: Float64[Array, " times"], values: Float64[Array, " times"]
) -> float:
    """Slopes that never fall, each between -|u|_1 and |u|_1, the last of all lengths at its end."""
    slopes, most = np.diff(values) / np.diff(t), float(np.abs(u).sum())
    falls = max(float((slopes[:-1] - slopes[1:]).max()), 0.0)
    beyond = float(np.abs(slopes).max()) - most
    short = abs(slopes[-1] - most) if t[-1] == TIMES[-1] else 0.0
    return max(falls, short, beyond) / most
