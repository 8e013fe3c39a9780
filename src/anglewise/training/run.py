"""A training while it runs: visit users in steps, look at those kept aside, keep the best."""

from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Int64
from anglewise.errors import TrainingError
from anglewise.io.files import Say
from anglewise.training.aside import Aside
from anglewise.training.checkpoint import fingerprint, write_checkpoint
from anglewise.training.factors import Epoch, TrainedFactors
from anglewise.training.loss import loss_of
from anglewise.training.measured import measured
from anglewise.training.sampler import Sampler
from anglewise.training.settings import Settings
from anglewise.training.state import State
from anglewise.training.step import Step, make_step

SECONDS = 60.0
"""Within a long epoch a checkpoint is written this often."""


@dataclass(eq=False)
class Run:
    """What stays, and the state that moves."""

    torch: Any
    settings: Settings
    used: SparseRows
    users: Int64[Array, " training"]
    trained: Bool[Array, " items"]
    aside: Aside | None
    sampler: Sampler
    state: State
    checkpoint: Path | None
    say: Say

    def epoch(self) -> Epoch:
        """Finish the epoch that has begun."""
        state = self.state
        order = np.random.default_rng([self.settings.seed, 1, state.epoch]).permutation(self.users)
        written = monotonic()
        while state.at < len(order):
            self._step(order[state.at : state.at + state.batch])
            if monotonic() - written > SECONDS:
                self.write()
                written = monotonic()
        state.epoch += 1
        self._check_finite()
        done = Epoch(state.epoch, state.loss / state.visited, self._ndcg())
        state.history.append(done)
        state.at, state.loss, state.visited = 0, 0.0, 0
        if state.best_epoch == state.epoch:
            state.best, state.best_log_scale = (
                one.values.clone() for one in (state.table, state.log_scale)
            )
        return done

    def write(self) -> None:
        """Write the checkpoint, where one is asked for."""
        if self.checkpoint is not None:
            self._check_finite()
            write_checkpoint(self.checkpoint, self.state, fingerprint(self.used, self.settings))

    def result(self) -> TrainedFactors:
        """The factors of the best epoch."""
        state, settings = self.state, self.settings
        best = next(one for one in state.history if one.number == state.best_epoch)
        return TrainedFactors(
            item_factors=self._factors(state.best),
            used=self.trained,
            history=tuple(state.history),
            about={
                "model": "items trained by sampled softmax, users the sum of what they used",
                "objective": settings.measure,
                "trained_for": settings.measure,
                **{k: v for k, v in settings.to_dict().items() if k != "measure"},
                "temperature": self._temperature(),
                "batch": state.batch,
                "epoch": best.number,
                "loss": best.loss,
                "validation_ndcg": best.ndcg,
                "anglewise": version("anglewise"),
            },
        )

    def _temperature(self) -> float:
        if not self.settings.learn_temperature:
            return self.settings.start
        return float(np.exp(-self.state.best_log_scale.item()))

    def _step(self, users: Int64[Array, " users"]) -> None:
        """One step; where memory runs out, half as many users from here on."""
        state, settings = self.state, self.settings
        rng = np.random.default_rng([settings.seed, 2, state.epoch, state.at])
        step = make_step(self.used.take(users), self.sampler, settings.shown, rng)
        try:
            loss = self._learn(step)
        except self.torch.OutOfMemoryError as error:
            if state.batch == 1:
                raise TrainingError(
                    "the device has no memory for a single user and the items drawn: take fewer "
                    f"negatives than {settings.negatives}, or device cpu"
                ) from error
            state.batch = min(state.batch, len(users)) // 2 or 1
            self.say(f"out of memory: steps of {state.batch} users from here on")
            return
        if not isfinite(loss):
            self._stop(f"the loss is {loss}")
        state.at += len(users)
        state.steps += 1
        state.loss += loss * len(users)
        state.visited += len(users)

    def _learn(self, step: Step) -> float:
        torch, state, settings = self.torch, self.state, self.settings
        whole = len(step.items) == len(state.table.values)
        rows = slice(None) if whole else torch.from_numpy(step.items).to(state.table.values.device)
        table = state.table.values[rows].detach().clone().requires_grad_(True)
        log_scale = state.log_scale.values.detach().clone()
        log_scale.requires_grad_(settings.learn_temperature)
        loss = loss_of(torch, measured(settings.measure), step, table, log_scale)
        loss.backward()
        told = float(loss.detach())
        if isfinite(told):
            state.table.step(table.grad, settings.learning_rate, rows)
            if settings.learn_temperature:
                state.log_scale.step(log_scale.grad, settings.learning_rate, slice(None))
        return told

    def _factors(self, table: Any) -> Any:
        return measured(self.settings.measure).items(table).detach().cpu().numpy().copy()

    def _ndcg(self) -> float | None:
        if self.aside is None:
            return None
        items = self._factors(self.state.table.values)
        now = TrainedFactors(items, self.trained, (), {"trained_for": self.settings.measure})
        return self.aside.ndcg(now.fold_in(self.aside.visible.ones()), items, now.trained_for)

    def _check_finite(self) -> None:
        for one in (self.state.table, self.state.log_scale):
            if not bool(self.torch.isfinite(one.values).all()):
                self._stop("what is learned is not finite any more")

    def _stop(self, why: str) -> None:
        kept = "no checkpoint was asked for, so nothing is kept"
        if self.checkpoint is not None and self.checkpoint.exists():
            kept = f"the last good checkpoint is {self.checkpoint}"
        raise TrainingError(
            f"{why} at step {self.state.steps + 1}, in epoch {len(self.state.history) + 1}: "
            "take a smaller learning rate or a higher temperature; " + kept
        )
