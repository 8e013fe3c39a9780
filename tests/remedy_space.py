"""A small made-up catalogue with held-out users, and a clock that goes as it is told."""

import numpy as np

from anglewise.data_types.sparse import Interactions
from anglewise.recommender_models.fit import fit


def interactions(users=400, items=60, seed=0):
    """Users who like one of four kinds of items, some items more used than others."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, items)
    fame = rng.pareto(1.5, items) + 0.3
    who, what = [], []
    for user in range(users):
        chance = fame * np.where(kind == user % 4, 6.0, 1.0)
        used = rng.choice(items, rng.integers(4, 14), replace=False, p=chance / chance.sum())
        who += [user] * len(used)
        what += used.tolist()
    return Interactions(
        np.array(who), np.array(what), np.ones(len(who)), np.arange(users), np.arange(items)
    )


def fitted(**options):
    settings = {"components": 8, "penalty": 5.0, "holdout": 0.2} | options
    return fit(interactions(), **settings)


class Clock:
    """Each look takes a little; work is told by hand."""

    def __init__(self, look=0.001):
        self.now, self.look = 100.0, look

    def __call__(self):
        self.now += self.look
        return self.now


class Slow:
    """A maker that gives back the space as it came, after some seconds of a made-up clock."""

    def __init__(self, name, clock, seconds, promised=None, *, steps=1, columns=8):
        self.name, self.clock, self.seconds = name, clock, seconds
        self.promised = seconds if promised is None else promised
        self.steps, self.long, self.made = steps, columns, 0

    def __str__(self):
        return self.name

    place = 5

    def operations(self, _training):
        return self.promised * 2e9

    def columns(self, _training):
        return self.long

    def make(self, training, budget):
        self.made += 1
        for _ in range(self.steps):
            self.clock.now += self.seconds / self.steps
            budget.check()
        given = training.space
        rng = np.random.default_rng(len(self.name))
        noise = rng.standard_normal(given.items.vectors.shape)
        return training.space_of(
            given.queries.vectors, given.items.vectors + 0.1 * noise, about={}, trained_for="dot"
        )

    def measures(self, _direction):
        return ("dot",)
