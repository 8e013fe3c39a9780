"""Everything that a training is made of while it runs: what a checkpoint holds."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float32
from anglewise.training.adam import Adam
from anglewise.training.factors import Epoch
from anglewise.training.settings import Settings

START = 0.1
"""The spread of each coordinate at the start."""


@dataclass(eq=False)
class State:
    """Where a training stands. No random number generator is kept.

    Every draw comes from a generator of its own, seeded by the seed, the epoch and the place in
    it; so the two numbers say what will be drawn next.

    Attributes
    ----------
    table, log_scale
        What is learned, each with its optimiser: items x d, and the logarithm of one over the
        temperature.
    epoch, at
        Epochs that are finished, and users visited in the one that is not.
    batch
        Users of a step, fewer than asked for once memory ran out.
    steps
        Steps taken.
    loss, visited
        The sum of the losses of this epoch's users so far, and how many.
    history
        What each finished epoch gave.
    best, best_log_scale
        ``table`` and ``log_scale`` of the epoch with the best nDCG.
    """

    table: Adam
    log_scale: Adam
    best: Any
    best_log_scale: Any
    batch: int
    epoch: int = 0
    at: int = 0
    steps: int = 0
    loss: float = 0.0
    visited: int = 0
    history: list[Epoch] = field(default_factory=list[Epoch])

    @property
    def best_epoch(self) -> int:
        """The first epoch of the best nDCG, or the last one where none is known."""
        known = [one for one in self.history if one.ndcg is not None]
        if not known:
            return len(self.history)
        return max(known, key=lambda one: (one.ndcg, -one.number)).number

    def stale(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - self.best_epoch


def first_table(items: int, settings: Settings) -> Float32[Array, "items d"]:
    """Where every training of this seed begins."""
    rng = np.random.default_rng([settings.seed, 0])
    drawn = rng.standard_normal((items, settings.components), dtype=np.float32)
    return drawn * np.float32(START)


def first_state(torch: Any, shape: tuple[int, int], settings: Settings, device: Any) -> State:
    """Nothing is learned yet from so many users and items."""
    table = torch.from_numpy(first_table(shape[1], settings)).to(device)
    log_scale = torch.full((1,), -float(np.log(settings.start)), device=device)
    return State(
        table=Adam(table, torch.zeros_like(table), torch.zeros_like(table)),
        log_scale=Adam(log_scale, torch.zeros_like(log_scale), torch.zeros_like(log_scale)),
        best=table.clone(),
        best_log_scale=log_scale.clone(),
        batch=settings.batch_of(shape[0]),
    )
