"""Learn items inside a measure: the door to a training."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.io.files import Say, quiet
from anglewise.io.outputs import check_new_file
from anglewise.training.aside import keep_aside
from anglewise.training.checkpoint import fingerprint, read_checkpoint
from anglewise.training.factors import Epoch, TrainedFactors
from anglewise.training.library import device_of, torch_library
from anglewise.training.run import Run
from anglewise.training.sampler import sampler
from anglewise.training.settings import Settings
from anglewise.training.state import State, first_state

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
    used = _used(X)
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


def _used(X: Any) -> SparseRows:
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
