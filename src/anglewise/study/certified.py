"""Claims 8 and 9: no cosine leaves its certified interval, no user-item cosine its sign."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.gauges.certificates import cosine_interval, user_item_interval
from anglewise.gauges.gauge import random_pair
from anglewise.gauges.maps import MapPair
from anglewise.study.check import Check
from anglewise.study.geometry import pairs, unit_rows
from anglewise.study.subject import GAUGES, ROWS, Subject

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


def certified(subject: Subject) -> Iterator[Check]:
    """From the balanced gauge to the named ones and through random maps."""
    balanced = subject.named["balanced"]
    users = subject.users(balanced)
    given = _Sides(users, users[subject.some_users], balanced.items)
    maps = list(_maps(subject))
    places = [given.through(pair) for pair in maps]
    yield _items_inside(given, places, maps)
    yield _users_inside(given, places, maps)
    yield Check(9, "user-item cosines that change sign", _flipped(given, places), "<=", 0)


def _maps(subject: Subject) -> Iterator[MapPair]:
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
