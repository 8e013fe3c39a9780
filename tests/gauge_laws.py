"""Factors to test gauges on: some of every kind that a gauge must survive."""

import numpy as np

from anglewise.equivalent_factorisations.maps import MapPair


def factors(seed, rows=(60, 45), width=6, rank=None, decay=0.0):
    """User and item factors with a spectrum that falls like ``exp(-decay i)``."""
    rng = np.random.default_rng(seed)
    rank = width if rank is None else rank
    mixing = rng.normal(size=(rank, width))
    scale = np.exp(-decay * np.arange(rank))
    P = (rng.normal(size=(rows[0], rank)) * scale) @ mixing
    Q = (rng.normal(size=(rows[1], rank)) * scale) @ mixing
    return P, Q


def geometry(x):
    """All cosines among rows."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(lengths > 0, lengths, 1.0)
    return unit @ unit.T


def relative_change(P, Q, pair: MapPair):
    """The largest change of a prediction over the largest prediction."""
    before = P @ Q.T
    after = (P @ pair.queries) @ (Q @ pair.items).T
    return np.abs(after - before).max() / np.abs(before).max()


def cosine(x, y):
    """The cosine of two vectors."""
    return x @ y / (np.linalg.norm(x) * np.linalg.norm(y))


def extremal_pair(one, other, condition, end):
    """A map of this condition that takes the cosine of two items to the end of its interval.

    In the plane of the two, stretch what separates them by ``s`` (``low``) or what they have in
    common (``high``); everything across that plane stays. ``pair.items`` is the map.
    """
    plane, angle = _plane(one, other)
    towards = angle / 2 + (np.pi / 2 if end == "low" else 0.0)
    return _stretched(plane, towards, condition, 1.0)


def extremal_user_item(user, item, condition, end):
    """A map of this condition that takes the cosine of a query and an item to its end.

    In their plane queries are stretched by ``sqrt(s)`` along an axis at angle ``v`` from this one
    and shrunk across it, items the other way round. The squared lengths then multiply to
    ``1 + S^2 (m^2 + sin^2 a) + 2 C S m sin a`` with ``C, S`` the hyperbolic functions of ``ln s``,
    ``a`` the angle and ``m = sin(a - 2v)``: largest at ``m = 1``, smallest at
    ``m = -min(1, C sin a / S)``; the product of the two does not change.
    """
    plane, angle = _plane(user, item)
    if angle > np.pi / 2:
        return extremal_user_item(user, -item, condition, "high" if end == "low" else "low")
    least = np.sin(angle) / max(np.tanh(np.log(condition)), np.finfo(float).tiny)
    across = np.pi / 2 if end == "low" else -np.arcsin(min(1.0, least))
    return _stretched(plane, (angle - across) / 2, 1 / np.sqrt(condition), np.sqrt(condition))


def _plane(one, other):
    """An orthonormal basis whose first vector is ``one``, and the angle to ``other`` in it."""
    x, y = one / np.linalg.norm(one), other / np.linalg.norm(other)
    across = y - (x @ y) * x
    across -= (x @ across) * x
    angle = float(np.arctan2(np.linalg.norm(across), x @ y))
    if np.linalg.norm(across) < np.finfo(float).eps:
        across = np.eye(len(x))[np.argmin(np.abs(x))]
        across = across - (x @ across) * x
    return np.stack([x, across / np.linalg.norm(across)]), angle


def _stretched(plane, towards, along, across):
    """Queries and items scaled by inverse factors along two directions of a plane."""
    c, s = np.cos(towards), np.sin(towards)
    axes = np.array([[c, s], [-s, c]]) @ plane
    scales, still = np.array([along, across]), np.eye(plane.shape[1])
    return MapPair(
        queries=still + (axes.T * (1 / scales - 1)) @ axes,
        items=still + (axes.T * (scales - 1)) @ axes,
    )
