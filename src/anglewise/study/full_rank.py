"""Claim 3: with all dimensions, two gauges give cosines that the data had before any training."""

from collections.abc import Iterator

import numpy as np

from anglewise.models.closed_form import fit_spectrum
from anglewise.study.check import Check
from anglewise.study.geometry import cosines
from anglewise.study.subject import Subject, in_gauge


def full_rank(subject: Subject) -> Iterator[Check]:
    """``B = V``: every item is like itself alone. ``A = V``: users are as alike as their rows."""
    model = fit_spectrum(subject.spectrum, penalty=subject.size.product_penalty)
    items = cosines(in_gauge(model, "item-orthonormal").items)
    away = float(np.abs(items - np.eye(len(items))).max())
    yield Check(3, "full rank, B = V: item cosines minus the identity", away, "<=", 1e-10)
    rows = subject.dense(subject.some_users)
    users = cosines(rows @ in_gauge(model, "raw-users").encoder)
    apart = float(np.abs(users - cosines(rows)).max())
    yield Check(3, "full rank, A = V: user cosines minus raw ones", apart, "<=", 1e-10)
