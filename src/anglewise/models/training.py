"""Training by gradient steps: validation users kept aside, epochs, early stopping."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import Interactions, SparseRows
from anglewise.core.text import Say, quiet
from anglewise.core.typing import Array, Bool, Float32, Int64
from anglewise.engine.search import search
from anglewise.errors import TooFewError, TrainingError
from anglewise.io.outputs import check_new_file
from anglewise.judgements.constructed import hold_out
from anglewise.metrics.evaluate import evaluate
from anglewise.models.training_state import (
    Epoch,
    Settings,
    State,
    TrainedFactors,
    fingerprint,
    first_state,
    read_checkpoint,
    write_checkpoint,
)
from anglewise.models.training_steps import (
    Sampler,
    Step,
    device_of,
    loss_of,
    make_step,
    measured,
    sampler,
    torch_library,
)

METRIC = "nDCG@10"
MOST = 2000
"""More users than this would say it no better, and take longer than an epoch of a small table."""


@dataclass(frozen=True, eq=False)
class ValidationUsers:
    """What users kept aside show, and what is to be found for them.

    Attributes
    ----------
    visible
        What they show, one row each.
    judgements
        What they hide.
    """

    visible: SparseRows
    judgements: Judgements

    def ndcg(
        self, users: Float32[Array, "users d"], items: Float32[Array, "items d"], measure: str
    ) -> float:
        """The mean of nDCG@10 when items are ranked for these users, what they show left out."""
        space = Space(queries=Embeddings(users), items=Embeddings(items), seen=self.visible)
        rows = np.arange(len(users))
        found = search(space, measure, k=10, rows=rows)
        return float(evaluate(found, self.judgements, rows, METRIC)[METRIC].mean())


def keep_aside(
    used: SparseRows, share: float, seed: int
) -> tuple[ValidationUsers | None, Int64[Array, " training"]]:
    """Keep a share of the users aside, and say which rows are left to train on.

    Who used fewer than two items can neither be asked nor learned from, and is left out of both.
    Raises ``TooFewError`` where nobody is left on either side.
    """
    able = np.flatnonzero(used.counts >= 2)
    if not len(able):
        raise TooFewError(
            "no user used two items, so none can be shown one and asked for the other: "
            "bring users who did more"
        )
    if share == 0:
        return None, able
    theirs = used.take(able)
    if len(able) < 2:
        raise TooFewError(
            "the validation split has no positives: one user alone used two items, and is needed "
            "for training; set validation to 0, or bring users who did more"
        )
    held = hold_out(_interactions(theirs), share=share, how="random", seed=seed)
    asked = held.judgements.judged_rows[:MOST]
    aside = ValidationUsers(
        visible=held.visible.rows().take(asked),
        judgements=Judgements(held.judgements.gains.take(asked)),
    )
    return aside, able[~held.held_out]


def _interactions(used: SparseRows) -> Interactions:
    names: Any = [np.arange(n) for n in used.shape]
    return Interactions(used.rows, used.indices, np.ones(len(used.indices)), *names)


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
    aside: ValidationUsers | None
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


Report: TypeAlias = Callable[[Epoch, int], None]
"""Called after each epoch with what it gave, and how many there are at most."""


@dataclass(frozen=True)
class Trainer:
    """A training that is described and not begun: the arguments of ``train``.

    >>> trainer = Trainer(Settings(epochs=5)).of("dot", components=8, seed=1)
    >>> trainer.settings.measure, trainer.settings.epochs
    ('dot', 5)
    """

    settings: Settings = field(default_factory=Settings)
    checkpoint: Path | None = None
    report: Report | None = None
    say: Say = quiet

    def of(self, measure: str, *, components: int, seed: int) -> "Trainer":
        """The same for a measure, a dimension and a seed."""
        told = replace(self.settings, measure=measure, components=components, seed=seed)
        return replace(self, settings=told)

    def __call__(self, X: Any) -> TrainedFactors:
        """Train."""
        return train(X, self.settings, checkpoint=self.checkpoint, report=self.report, say=self.say)


def train(
    X: Any,
    settings: Settings | None = None,
    *,
    checkpoint: str | Path | None = None,
    report: Report | None = None,
    say: Say = quiet,
) -> TrainedFactors:
    """Learn item vectors inside the measure that will compare them; users follow from the items.

    In each step every user of a batch shows a random part of what they used. The user's vector is
    the sum of the vectors of these items, as the measure takes it (see
    ``TrainedFactors.fold_in``); the rest is to be found among drawn items that the user did not
    use, by sampled softmax (``loss_of``). A new user is placed as those of the training were, so
    that nothing is optimised after it. Stops when users kept aside are served no better, and keeps
    the best epoch.

    Parameters
    ----------
    X
        Users x items, sparse or dense; what is not zero counts 1. Users of fewer than two items
        teach nothing.
    settings
        See ``Settings``.
    checkpoint
        A file that is written after each epoch, and each minute within one. Where it is there
        already, the training goes on from it, and ends in the same bytes as if it had never
        stopped.
    report
        Called after each epoch.
    say
        Told when memory ran out and steps were made smaller.

    Raises
    ------
    MissingExtraError
        PyTorch is not installed.
    TrainingError
        The loss is not finite (the message names the step), or a single user does not fit.
    TooFewError
        Nobody to learn from, or nobody to validate by.
    FileError
        A checkpoint that cannot be written, or of another training.

    Notes
    -----
    On a CPU the same seed gives the same bytes. GPUs add in any order.
    """
    settings = Settings() if settings is None else settings
    torch = torch_library()
    used = used_cells(X)
    aside, users = keep_aside(used, settings.validation, settings.seed)
    popularity = np.bincount(used.take(users).indices, minlength=used.shape[1])
    path = None if checkpoint is None else Path(checkpoint)
    run = Run(
        torch=torch,
        settings=settings,
        used=used,
        users=users,
        trained=popularity > 0,
        aside=aside,
        sampler=sampler(popularity, settings.negatives, settings.popularity, log_q=settings.log_q),
        state=_state(torch, used, len(users), settings, path),
        checkpoint=path,
        say=say,
    )
    with _repeatable(torch):
        while len(run.state.history) < settings.epochs and _worth(run):
            done = run.epoch()
            run.write()
            if report is not None:
                report(done, settings.epochs)
    return run.result()


def _worth(run: Run) -> bool:
    return run.aside is None or run.state.stale() < run.settings.patience


def _state(
    torch: Any, used: SparseRows, users: int, settings: Settings, path: Path | None
) -> State:
    device = device_of(torch, settings.device)
    if path is not None and path.exists():
        return read_checkpoint(torch, path, fingerprint(used, settings), device)
    if path is not None:
        check_new_file(path)  # before the work, not after it
    return first_state(torch, (users, used.shape[1]), settings, device)


def used_cells(X: Any) -> SparseRows:
    """What is not zero in a table, sparse or dense, each cell once."""
    rows, columns = X.nonzero()
    cells = np.unique(rows.astype(np.int64) * X.shape[1] + columns)  # a CSR may repeat cells
    return SparseRows.from_pairs(*np.divmod(cells, X.shape[1]), shape=X.shape)


@contextmanager
def _repeatable(torch: Any) -> Generator[None, None, None]:
    """Sums in one order; where a GPU has no such way, PyTorch warns."""
    before = torch.are_deterministic_algorithms_enabled()
    loud = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=loud)
