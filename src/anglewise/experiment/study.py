"""The experiment of arXiv 2403.05440, from the first draw to the last acceptance figure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anglewise.core.conversion import check_kind
from anglewise.core.typing import Array, Float64, Int64, Progress
from anglewise.experiment.claims import (
    Check,
    Similarity,
    cluster_checks,
    exactness,
    full_rank,
    item_cosines,
    recovery,
    similarities,
    uniqueness,
)
from anglewise.experiment.setup import (
    FULL,
    GAUGES,
    ROWS,
    Size,
    StudySubject,
    pairs,
    subject,
    unit_rows,
)
from anglewise.gauges.certificates import cosine_interval, user_item_interval
from anglewise.gauges.gauge import random_pair
from anglewise.gauges.maps import MapPair

CONDITIONS = (1.5, 4.0, 30.0)
"""Of random maps beside the named gauges and the random map of claim 1."""

SLACK = 1e-12
"""What rounding may add to a cosine or to an end of its interval."""


@dataclass(frozen=True, eq=False)
class _Sides:
    """Users, a sample of them, and items, in one gauge."""

    users: Float64[Array, "users k"]
    some: Float64[Array, "some k"]
    items: Float64[Array, "p k"]

    def through(self, pair: MapPair) -> "_Sides":
        moved = (self.users @ pair.queries, self.some @ pair.queries, self.items @ pair.items)
        return _Sides(*moved)

    def item_item(self) -> Float64[Array, " pairs"]:
        unit = unit_rows(self.items)
        return pairs(unit @ unit.T)

    def user_item(self) -> Float64[Array, "some p"]:
        return unit_rows(self.some) @ unit_rows(self.items).T


def certified(subject: StudySubject) -> Iterator[Check]:
    """From the balanced gauge to the named ones and through random maps."""
    balanced = subject.named["balanced"]
    users = subject.users(balanced)
    given = _Sides(users, users[subject.some_users], balanced.items)
    maps = list(_maps(subject))
    places = [given.through(pair) for pair in maps]
    yield _items_inside(given, places, maps)
    yield _users_inside(given, places, maps)
    yield Check(9, "user-item cosines that change sign", _flipped(given, places), "<=", 0)


def _maps(subject: StudySubject) -> Iterator[MapPair]:
    model = subject.product
    for name in GAUGES:
        stretch = np.einsum("pk,pk->k", model.components, subject.named[name].items)
        stretch = stretch / model.item_share
        yield MapPair(np.diag(1 / stretch), np.diag(stretch))
    yield subject.scramble
    for place, condition in enumerate(CONDITIONS):
        yield random_pair(len(model.kept), condition, subject.rng(30 + place))


def _items_inside(given: _Sides, places: list[_Sides], maps: list[MapPair]) -> Check:
    before, out = given.item_item(), 0.0
    for place, pair in zip(places, maps, strict=True):
        low, high = cosine_interval(before, max(pair.condition, 1.0))
        after = place.item_item()
        out = max(out, float((low - after).max()), float((after - high).max()))
    return Check(8, "item-item cosines, farthest out of the interval", out, "<=", SLACK)


def _users_inside(given: _Sides, places: list[_Sides], maps: list[MapPair]) -> Check:
    before, out = given.user_item(), 0.0
    for place, pair in zip(places, maps, strict=True):
        low, high = user_item_interval(before, max(pair.condition, 1.0))
        after = place.user_item()
        out = max(out, float((low - after).max()), float((after - high).max()))
    return Check(8, "user-item cosines, farthest out of the interval", out, "<=", SLACK)


def _flipped(given: _Sides, places: list[_Sides]) -> int:
    """How many of all users x items, in all gauges: the sign of a cosine is that of its product."""
    count = 0
    for start in range(0, len(given.users), ROWS):
        block = slice(start, start + ROWS)
        before = given.users[block] @ given.items.T > 0
        for place in places:
            after = place.users[block] @ place.items.T > 0
            count += int(np.count_nonzero(before != after))
    return count


PARTS: tuple[Callable[[StudySubject], Iterable[Check]], ...] = (
    exactness,
    full_rank,
    uniqueness,
    recovery,
    certified,
)


@dataclass(frozen=True, eq=False)
class Study:
    """What the experiment showed.

    Attributes
    ----------
    size, seed
        What was simulated.
    interactions
        How many, over all users.
    dimensions
        How many the closed form of each objective kept.
    checks
        Every acceptance figure with its bound, by the number of the claim.
    similarities
        What each item-item cosine says of the clusters.
    clusters
        The true cluster of each item, items sorted by cluster, then by falling popularity.
    cosines
        The item-item cosine of each name in ``similarities``, items in the same order.
    """

    size: Size
    seed: int
    interactions: int
    dimensions: tuple[int, int]
    checks: tuple[Check, ...]
    similarities: tuple[Similarity, ...]
    clusters: Int64[Array, " p"]
    cosines: Mapping[str, Float64[Array, "p p"]]

    @property
    def held(self) -> bool:
        """Whether every bound held."""
        return all(check.held for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, without the matrices."""
        return {
            **asdict(self.size),
            "seed": self.seed,
            "interactions": self.interactions,
            "dimensions": {"product": self.dimensions[0], "factors": self.dimensions[1]},
            "held": self.held,
            "acceptance": [check.to_dict() for check in self.checks],
            "similarities": [one.to_dict() for one in self.similarities],
        }


def study(size: Size = FULL, *, seed: int = 0, progress: Progress | None = None) -> Study:
    """Run the experiment and hold every figure against its bound.

    The bounds were set on six seeds at full size before this code was written; a smaller
    experiment has the same bounds, and may miss those of the clusters.

    Parameters
    ----------
    size
        How large; by default as in the paper, 20,000 users and 1,000 items.
    seed
        Draws the catalogue, the random maps and the starts.
    progress
        Called with how many of the parts are done and how many there are.

    Examples
    --------
    >>> tiny = study(Size(600, 60, 5, 100.0, 10.0))
    >>> [check.held for check in tiny.checks if check.figure == 1]
    [True, True]
    """
    parts = len(PARTS) + 2
    tell = progress or _silent
    check_kind(size, Size, "the size", "a Size")
    looked_at = subject(size, seed)
    tell(1, parts)
    each = item_cosines(looked_at)
    found = similarities(looked_at, each)
    checks = list(cluster_checks(each, found))
    tell(2, parts)
    for place, part in enumerate(PARTS, start=3):
        checks += part(looked_at)
        tell(place, parts)
    order = _shown(looked_at)
    return Study(
        size=size,
        seed=seed,
        interactions=len(looked_at.X.indices),
        dimensions=(len(looked_at.product.kept), len(looked_at.factors.kept)),
        checks=tuple(sorted(checks, key=lambda check: check.figure)),
        similarities=found,
        clusters=looked_at.clusters[order],
        cosines={name: cosine[np.ix_(order, order)] for name, cosine in each.items()},
    )


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


def _shown(looked_at: StudySubject) -> Int64[Array, " p"]:
    """Items by cluster, the popular ones first, as in the paper's figure."""
    popularity = looked_at.catalogue.popularity[looked_at.kept]
    return np.lexsort((-popularity, looked_at.clusters)).astype(np.int64)
