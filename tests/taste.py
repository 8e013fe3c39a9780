"""A catalogue with four tastes, small enough to train on in a moment."""

import numpy as np

from anglewise.data_types.sparse import Interactions, SparseRows


def tastes(users=240, items=60, seed=0):
    """Popular items and rare ones; every user has two tastes."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.full(4, 0.4), users)[:, np.arange(items) % 4]
    chance = np.minimum(0.9, 2 * taste * (1 + np.arange(items) // 4) ** -0.5)
    who, what = np.nonzero(rng.random((users, items)) < chance)
    return SparseRows.from_pairs(who, what, shape=(users, items))


def interactions(used):
    """The same as interactions."""
    users, items = used.shape
    ones = np.ones(len(used.indices))
    return Interactions(used.rows, used.indices, ones, np.arange(users), np.arange(items))
