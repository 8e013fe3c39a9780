"""Training by gradient steps: validation users, epochs, early stopping."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import Interactions, SparseRows, check_table
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array, Bool, Float32, Int64
from anglewise.errors import TooFewError, TrainingError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.io.outputs import check_new_file
from anglewise.judgements.constructed import hold_out
from anglewise.nearest_neighbours.search import search
from anglewise.recommender_models.training_state import (
    Epoch,
    Settings,
    State,
    TrainedFactors,
    fingerprint,
    first_state,
    read_checkpoint,
    write_checkpoint,
)
from anglewise.recommender_models.training_steps import (
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
"""The most validation users: more would hardly sharpen nDCG, and take longer than an epoch."""


@dataclass(frozen=True, eq=False)
class ValidationUsers:
    """Users left out of training: their visible items, and the hidden ones to be found.

    Attributes
    ----------
    visible
        The items that fold them in, one row a user.
    judgements
        Their hidden items, as relevant.
    """

    visible: SparseRows
    judgements: Judgements

    def ndcg(
        self, users: Float32[Array, "users d"], items: Float32[Array, "items d"], measure: str
    ) -> float:
        """The mean nDCG@10 of these users, with their visible items left out of the rankings."""
        space = Space(queries=Embeddings(users), items=Embeddings(items), seen=self.visible)
        rows = np.arange(len(users))
        neighbours = search(space, measure, k=10, rows=rows)
        return float(evaluate(neighbours, self.judgements, rows, METRIC)[METRIC].mean())


def keep_aside(
    used: SparseRows, share: float, seed: int
) -> tuple[ValidationUsers | None, Int64[Array, " training"]]:
    """Draw a share of the users for validation; returns these and the rows of the training users.

    Users of fewer than two items can serve neither and are left out of both. Raises
    ``TooFewError`` where nobody is left on one side.
    """
    eligible = np.flatnonzero(used.counts >= 2)
    if not len(eligible):
        raise TooFewError(
            "no user used two items, so none can be shown one and asked for the other: "
            "bring users who did more"
        )
    if share == 0:
        return None, eligible
    eligible_rows = used.take(eligible)
    if len(eligible) < 2:
        raise TooFewError(
            "the validation split has no positives: one user alone used two items, and is needed "
            "for training; set validation to 0, or bring users who did more"
        )
    split = hold_out(_interactions(eligible_rows), share=share, how="random", seed=seed)
    queries = split.judgements.judged_rows[:MOST]
    validation = ValidationUsers(
        visible=split.visible.rows().take(queries),
        judgements=Judgements(split.judgements.gains.take(queries)),
    )
    return validation, eligible[~split.held_out]


def _interactions(used: SparseRows) -> Interactions:
    names: Any = [np.arange(n) for n in used.shape]
    return Interactions(used.rows, used.indices, np.ones(len(used.indices)), *names)


SECONDS = 60.0
"""Seconds between two checkpoints within a long epoch."""


@dataclass(eq=False)
class TrainingRun:
    """One training: its inputs, and the state that its steps change."""

    torch: Any
    settings: Settings
    used: SparseRows
    users: Int64[Array, " training"]
    trained: Bool[Array, " items"]
    validation: ValidationUsers | None
    sampler: Sampler
    state: State
    checkpoint: Path | None
    say: Say

    def epoch(self) -> Epoch:
        """Run the current epoch to its end."""
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
        epoch = Epoch(state.epoch, state.loss / state.visited, self._ndcg())
        state.history.append(epoch)
        state.at, state.loss, state.visited = 0, 0.0, 0
        if state.best_epoch == state.epoch:
            state.best, state.best_log_scale = (
                parameter.values.clone() for parameter in (state.table, state.log_scale)
            )
        return epoch

    def write(self) -> None:
        """Write the checkpoint, if there is one to write."""
        if self.checkpoint is not None:
            self._check_finite()
            write_checkpoint(self.checkpoint, self.state, fingerprint(self.used, self.settings))

    def result(self) -> TrainedFactors:
        """The factors of the best epoch."""
        state, settings = self.state, self.settings
        best = next(epoch for epoch in state.history if epoch.number == state.best_epoch)
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
        """One step; when memory runs out, further steps take half as many users."""
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
        all_items = len(step.items) == len(state.table.values)
        rows = (
            slice(None) if all_items else torch.from_numpy(step.items).to(state.table.values.device)
        )
        table = state.table.values[rows].detach().clone().requires_grad_(True)
        log_scale = state.log_scale.values.detach().clone()
        log_scale.requires_grad_(settings.learn_temperature)
        loss = loss_of(torch, measured(settings.measure), step, table, log_scale)
        loss.backward()
        loss_value = float(loss.detach())
        if isfinite(loss_value):
            state.table.step(table.grad, settings.learning_rate, rows)
            if settings.learn_temperature:
                state.log_scale.step(log_scale.grad, settings.learning_rate, slice(None))
        return loss_value

    def _factors(self, table: Any) -> Any:
        return measured(self.settings.measure).items(table).detach().cpu().numpy().copy()

    def _ndcg(self) -> float | None:
        if self.validation is None:
            return None
        items = self._factors(self.state.table.values)
        factors = TrainedFactors(items, self.trained, (), {"trained_for": self.settings.measure})
        return self.validation.ndcg(
            factors.fold_in(self.validation.visible.ones()), items, factors.trained_for
        )

    def _check_finite(self) -> None:
        for parameter in (self.state.table, self.state.log_scale):
            if not bool(self.torch.isfinite(parameter.values).all()):
                self._stop("what is learned is not finite any more")

    def _stop(self, why: str) -> None:
        remainder = "no checkpoint was asked for, so nothing is kept"
        if self.checkpoint is not None and self.checkpoint.exists():
            remainder = f"the last good checkpoint is {self.checkpoint}"
        raise TrainingError(
            f"{why} at step {self.state.steps + 1}, in epoch {len(self.state.history) + 1}: "
            "take a smaller learning rate or a higher temperature; " + remainder
        )


Report: TypeAlias = Callable[[Epoch, int], None]
"""Called after each epoch with its results and the greatest number of epochs."""


@dataclass(frozen=True)
class Trainer:
    """The arguments of ``train``, without the table.

    >>> trainer = Trainer(Settings(epochs=5)).of("dot", components=8, seed=1)
    >>> trainer.settings.measure, trainer.settings.epochs
    ('dot', 5)
    """

    settings: Settings = field(default_factory=Settings)
    checkpoint: Path | None = None
    report: Report | None = None
    say: Say = quiet

    def of(self, measure: str, *, components: int, seed: int, weighted: bool = False) -> "Trainer":
        """A trainer with the same settings but for measure, components, seed and weights."""
        settings = replace(
            self.settings, measure=measure, components=components, seed=seed, weighted=weighted
        )
        return replace(self, settings=settings)

    def __call__(self, X: Any) -> TrainedFactors:
        """Train on a users x items table."""
        return train(X, self.settings, checkpoint=self.checkpoint, report=self.report, say=self.say)


def train(
    X: Any,
    settings: Settings | None = None,
    *,
    checkpoint: str | Path | None = None,
    report: Report | None = None,
    say: Say = quiet,
) -> TrainedFactors:
    """Learn item vectors with the measure that will compare them inside the loss.

    In each step a random part of the items of every user in a batch is shown. The user's vector is
    computed from the sum of their vectors, as the measure asks (see ``TrainedFactors.fold_in``).
    The user's other items must be found among drawn items that the user did not use, by sampled
    softmax (``loss_of``). The vector of a new user is computed in the same way, without further
    training. Training stops when nDCG for validation users no longer rises, and keeps the best
    epoch.

    Parameters
    ----------
    X
        Users x items, sparse or dense; every cell that is not zero counts 1, or its number where
        ``settings.weighted``. Users of fewer than two items are left out.
    settings
        See ``Settings``.
    checkpoint
        A file that is written after each epoch, and each minute within one. If it exists, the
        training continues from it, and ends in the same bytes as without a break.
    report
        Called after each epoch.
    say
        Called with one sentence when memory ran out and steps were made smaller.

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
    ValuesError
        Weights that are not above zero.

    Notes
    -----
    On a CPU the same seed gives the same bytes. GPUs add in any order.
    """
    settings = Settings() if settings is None else settings
    torch = torch_library()
    used = used_cells(X, weighted=settings.weighted)
    validation, users = keep_aside(used, settings.validation, settings.seed)
    popularity = np.bincount(used.take(users).indices, minlength=used.shape[1])
    path = None if checkpoint is None else as_path(checkpoint, "a checkpoint")
    run = TrainingRun(
        torch=torch,
        settings=settings,
        used=used,
        users=users,
        trained=popularity > 0,
        validation=validation,
        sampler=sampler(popularity, settings.negatives, settings.popularity, log_q=settings.log_q),
        state=_state(torch, used, len(users), settings, path),
        checkpoint=path,
        say=say,
    )
    with _repeatable(torch):
        while len(run.state.history) < settings.epochs:
            if validation is not None and run.state.stale() >= settings.patience:
                break
            epoch = run.epoch()
            run.write()
            if report is not None:
                report(epoch, settings.epochs)
    return run.result()


def _state(
    torch: Any, used: SparseRows, users: int, settings: Settings, path: Path | None
) -> State:
    device = device_of(torch, settings.device)
    if path is not None and path.exists():
        return read_checkpoint(torch, path, fingerprint(used, settings), device)
    if path is not None:
        check_new_file(path)  # before the training, not after it
    return first_state(torch, (users, used.shape[1]), settings, device)


def used_cells(X: Any, *, weighted: bool = False) -> SparseRows:
    """The cells of a table, sparse or dense, that are not zero, each once: 1, or by weight.

    Raises ``ValuesError`` for a weight that is not above zero.

    >>> used_cells(np.array([[0.5, 0.0, 2.0]]), weighted=True).values.tolist()
    [0.5, 2.0]
    """
    check_table(X)
    rows, columns = X.nonzero()
    keys = rows.astype(np.int64) * X.shape[1] + columns
    cells = np.unique(keys)  # a CSR may repeat cells
    places = np.divmod(cells, X.shape[1])
    if not weighted:
        return SparseRows.from_pairs(*places, shape=X.shape)
    table = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
    values: Any = np.asarray(table[places], dtype=np.float64).ravel()
    if not (values > 0).all() or not np.isfinite(values).all():
        raise ValuesError(
            f"a weight of {values[~(values > 0)][:1].tolist() or 'no finite number'} came, and "
            "what is to be found is weighed by numbers above zero: leave dislikes out"
        )
    return SparseRows.from_pairs(*places, values, shape=X.shape)


@contextmanager
def _repeatable(torch: Any) -> Generator[None, None, None]:
    """Deterministic sums inside the block; where a GPU has none, PyTorch warns."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was_deterministic, warn_only=warned_only)
