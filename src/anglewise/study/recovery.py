"""Claim 7: the canonical gauges are found again from factors that went through any map."""

from collections.abc import Iterator

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.gauges.canonical import Power
from anglewise.gauges.maps import root
from anglewise.study.check import Check
from anglewise.study.geometry import cosines
from anglewise.study.subject import Subject, in_gauge

PATH = (0.0, 0.3, 0.5, 1.0)
"""From orthonormal items through the balanced gauge to orthonormal users."""

BOUND = 1e-9


def recovery(subject: Subject) -> Iterator[Check]:
    """Scramble the factors, bring them back without a look at ``X``, compare the cosines.

    What they are compared with comes from the closed form: its splits for the gauges, the
    predictions themselves for data-space.
    """
    scrambled = subject.named["balanced"].through(subject.scramble)
    P, Q = subject.users(scrambled), scrambled.items
    roots = root(P), root(Q)
    some = P[subject.some_users]
    items, users = 0.0, 0.0
    for t in PATH:
        pair, due = Power(t).pair(*roots), in_gauge(subject.product, f"power({t})")
        items = max(items, _apart(Q @ pair.items, due.items))
        users = max(users, _apart(some @ pair.queries, subject.users(due)[subject.some_users]))
    yield Check(7, "item cosines of scrambled factors, canonical gauges", items, "<=", BOUND)
    yield Check(7, "user cosines of scrambled factors, canonical gauges", users, "<=", BOUND)
    columns = cosines(Q @ roots[0].matrix.T) - subject.data_space
    predicted = subject.dense(subject.some_users) @ subject.named["balanced"].weights
    rows = _apart(some @ roots[1].matrix.T, predicted)
    away = max(float(np.abs(columns).max()), rows)
    yield Check(7, "data-space cosines of scrambled factors", away, "<=", BOUND)


def _apart(one: Float64[Array, "rows a"], other: Float64[Array, "rows b"]) -> float:
    return float(np.abs(cosines(one) - cosines(other)).max())
