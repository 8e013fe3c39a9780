"""Factors to test gauges on: some of every kind that a gauge must survive."""

import numpy as np

from anglewise.gauges.maps import MapPair


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
