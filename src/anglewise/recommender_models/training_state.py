"""Settings and state of a training, the factors that it learns, and its checkpoints."""

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.numbers import (
    COUNT,
    KEPT_ASIDE,
    POSITIVE,
    SEED,
    SHARE,
    WEIGHT,
    check_flag,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Float32
from anglewise.errors import FileError
from anglewise.io.arrays import load_npz
from anglewise.io.files import reading
from anglewise.io.outputs import new_file
from anglewise.recommender_models.model import Model
from anglewise.recommender_models.normalisation import check_columns
from anglewise.recommender_models.training_steps import MEASURED, Adam, measured


@dataclass(frozen=True)
class Settings:
    """The settings of a training.

    Attributes
    ----------
    measure
        Compares users with items inside the loss: ``"cosine"``, ``"dot"`` or ``"euclidean"``.
    components
        Dimensions.
    temperature
        Scores are divided by it. None stands for 0.1 for cosine, and for 1 for the others, whose
        vectors may take any length.
    learn_temperature
        Whether the temperature is learned too, from this start.
    epochs
        The greatest number of visits to every training user.
    batch
        Users of one step; if None a sixteenth of the training users, but 16 to 256.
    learning_rate
        Of Adam.
    shown
        The probability with which each item of a user is shown in a step; the others must be found.
    negatives
        The number of items drawn for a step, on average, to stand for all; at the number of items
        or above all are taken.
    popularity
        ``beta``: an item of ``n`` users is drawn in proportion to ``n^beta``.
    log_q
        Whether the loss is corrected for the draws, so that it is that of the whole catalogue
        whatever ``beta``. Without it popular items, drawn more often, are pushed down more.
    validation
        The share of the training users left out to see when to stop; 0 trains for all epochs.
    patience
        Training stops after that many epochs without a better nDCG@10 of the validation users.
    device
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    seed
        Of every draw.
    weighted
        Whether a cell of the table weighs its item among those of its user that must be found;
        else each counts 1.

    Raises
    ------
    SpellingError, ValuesError
        Another measure; numbers out of range.

    Examples
    --------
    >>> Settings("cosine").start, Settings("dot", temperature=0.5).start
    (0.1, 0.5)
    """

    measure: str = "cosine"
    components: int = 64
    temperature: float | None = None
    learn_temperature: bool = False
    epochs: int = 50
    batch: int | None = None
    learning_rate: float = 0.01
    shown: float = 0.5
    negatives: int = 5000
    popularity: float = 0.75
    log_q: bool = True
    validation: float = 0.1
    patience: int = 5
    device: str = "cpu"
    seed: int = 0
    weighted: bool = False

    def __post_init__(self) -> None:
        measured(self.measure)
        check_flag(self.weighted, "weighted")
        for name, bounds in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None:
                bounds.check(name, value)

    @property
    def start(self) -> float:
        """The temperature at the start."""
        return MEASURED[self.measure].temperature if self.temperature is None else self.temperature

    def batch_of(self, users: int) -> int:
        """Users of one step, for a number of training users.

        >>> [Settings().batch_of(users) for users in (100, 800, 10_000)]
        [16, 50, 256]
        """
        return min(max(users // 16, 16), 256) if self.batch is None else self.batch

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain types, in their order; ``weighted`` where it is so alone."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        if not self.weighted:
            del content["weighted"]
        return content


_BOUNDS = {
    "components": COUNT,
    "temperature": POSITIVE,
    "epochs": COUNT,
    "batch": COUNT,
    "learning_rate": POSITIVE,
    "shown": SHARE,
    "negatives": COUNT,
    "popularity": WEIGHT,
    "validation": KEPT_ASIDE,
    "patience": COUNT,
    "seed": SEED,
}


@dataclass(frozen=True)
class Epoch:
    """One visit to every training user.

    Attributes
    ----------
    number
        From 1.
    loss
        The mean over its users, in nats.
    ndcg
        nDCG@10 of the validation users after it; None without such users.
    """

    number: int
    loss: float
    ndcg: float | None


@dataclass(frozen=True, eq=False)
class TrainedFactors(Model):
    """Trained item vectors, from which the vectors of users follow.

    Attributes
    ----------
    item_factors
        One row an item, in the order of the table; of length one under cosine.
    used
        Whether any training user used each item. The others were trained as negatives only, and
        do not count for the vector of a user.
    history
        The results of each epoch.
    about
        How it was made, for the space: ``trained_for`` and the settings among them.
    """

    item_factors: Float32[Array, "items d"]
    used: Bool[Array, " items"]
    history: tuple[Epoch, ...]
    about: Mapping[str, Any]

    @property
    def trained_for(self) -> TrainedFor:
        """The measure inside the loss."""
        return self.about["trained_for"]

    @property
    def item_vectors(self) -> Float32[Array, "items d"]:
        """The vectors as they were trained."""
        return self.item_factors

    def fold_in(self, X: Any) -> Float32[Array, "users d"]:
        """The vectors of users, known or new, from what they used (users x items, zero or not).

        As in training: under cosine the direction of the sum of the items' vectors, under dot their
        sum over the root of their number, under euclidean their mean. A user without any trained
        item gets the zero vector. Raises ``ShapeError`` when the columns of ``X`` are not the items
        of the training table.
        """
        items = len(self.item_factors)
        check_columns(X, items, f"the model knows {items} items")
        uses = (X != 0).astype(np.float64)
        sums = np.asarray(uses @ (self.item_factors * self.used[:, None]).astype(np.float64))
        counts = np.asarray(uses @ self.used.astype(np.float64))
        return measured(self.trained_for).users(sums, counts).astype(np.float32)


START = 0.1
"""The standard deviation of each coordinate at the start."""


@dataclass(eq=False)
class State:
    """The state of a training between two steps.

    It holds no random number generator: every draw comes from a new one, seeded by the seed,
    ``epoch`` and ``at``, so that these determine all further draws.

    Attributes
    ----------
    table, log_scale
        The learned parameters, each with its optimiser: items x d, and the logarithm of one over
        the temperature.
    epoch, at
        The number of finished epochs, and of users visited in the current one.
    batch
        Users of a step, fewer than in the settings once memory ran out.
    steps
        The number of steps taken.
    loss, visited
        The sum of the losses of the current epoch's users so far, and the number of these.
    history
        The results of each finished epoch.
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
        """The first epoch of the best nDCG, or the last epoch where none was validated."""
        validated = [epoch for epoch in self.history if epoch.ndcg is not None]
        if not validated:
            return len(self.history)
        return max(validated, key=lambda epoch: (epoch.ndcg, -epoch.number)).number

    def stale(self) -> int:
        """The number of epochs since the best one."""
        return len(self.history) - self.best_epoch


def first_table(items: int, settings: Settings) -> Float32[Array, "items d"]:
    """The item vectors at the start, by the seed."""
    rng = np.random.default_rng([settings.seed, 0])
    normal = rng.standard_normal((items, settings.components), dtype=np.float32)
    return normal * np.float32(START)


def first_state(torch: Any, shape: tuple[int, int], settings: Settings, device: Any) -> State:
    """The state before the first step, for ``shape`` users and items."""
    table = torch.from_numpy(first_table(shape[1], settings)).to(device)
    log_scale = torch.full((1,), -float(np.log(settings.start)), device=device)
    return State(
        table=Adam(table, torch.zeros_like(table), torch.zeros_like(table)),
        log_scale=Adam(log_scale, torch.zeros_like(log_scale), torch.zeros_like(log_scale)),
        best=table.clone(),
        best_log_scale=log_scale.clone(),
        batch=settings.batch_of(shape[0]),
    )


FORMAT = 1
TENSORS = ("table", "table_means", "table_squares", "scale", "scale_means", "scale_squares")
BEST = ("best", "best_scale")
COUNTED = ("batch", "epoch", "at", "steps", "loss", "visited")


def fingerprint(used: SparseRows, settings: Settings) -> dict[str, Any]:
    """The table and the settings that a checkpoint must agree with for a training to continue.

    The device is left out, and so are the epochs: a longer training may continue a shorter one.

    >>> used = SparseRows.from_pairs([0], [1], shape=(1, 2))
    >>> fingerprint(used, Settings("dot"))["measure"]
    'dot'
    """
    content = settings.to_dict()
    for name in ("device", "epochs", "patience"):
        del content[name]
    digest = hashlib.sha256(np.array(used.shape).tobytes())
    digest.update(used.indptr.tobytes())
    digest.update(used.indices.tobytes())
    if settings.weighted:
        digest.update(used.values.tobytes())
    return {**content, "interactions": digest.hexdigest()}


def write_checkpoint(path: Path, state: State, print_of: Mapping[str, Any]) -> None:
    """Write a state; an existing file is replaced once the new one is on the disk.

    Raises ``FileError`` for a missing folder, missing permission or a full disk.
    """
    content = {name: getattr(state, name) for name in COUNTED}
    content["taken"] = [state.table.taken, state.log_scale.taken]
    content["history"] = [asdict(epoch) for epoch in state.history]
    content |= {"format": FORMAT, "of": dict(print_of)}
    arrays = {
        name: tensor.detach().cpu().numpy()
        for name, tensor in zip((*TENSORS, *BEST), _tensors(state), strict=True)
    }
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    with new_file(path) as file:
        np.savez(file, about=text, **arrays)


def read_checkpoint(torch: Any, path: Path, print_of: Mapping[str, Any], device: Any) -> State:
    """Read a state that ``write_checkpoint`` wrote.

    Raises ``FileError`` for a file that is damaged, newer than this program, or of a training on
    other interactions or with other settings (the message names them).
    """
    content, arrays = _read(path)
    _check_checkpoint(path, content, arrays, print_of)
    tensors = [torch.from_numpy(arrays[name]).to(device) for name in (*TENSORS, *BEST)]
    table, scale = (Adam(*tensors[3 * i : 3 * i + 3], taken=content["taken"][i]) for i in range(2))
    return State(
        table=table,
        log_scale=scale,
        best=tensors[6],
        best_log_scale=tensors[7],
        history=[Epoch(**epoch) for epoch in content["history"]],
        **{name: content[name] for name in COUNTED},
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with _refusing(path):
        arrays: dict[str, Any] = dict(load_npz(path))
        content = json.loads(arrays.pop("about").tobytes())
        if not isinstance(content, dict):
            raise TypeError("it does not say what it is")
        return cast("dict[str, Any]", content), arrays


@contextmanager
def _refusing(path: Path) -> Generator[None, None, None]:
    """Say what to do about a checkpoint that cannot be read."""
    try:
        with reading(path, "a checkpoint of a training"):
            yield
    except FileError as error:
        raise FileError(
            f"{error}; a damaged checkpoint is of no use: choose another file, or remove it"
        ) from error


def _check_checkpoint(
    path: Path, content: Mapping[str, Any], arrays: Mapping[str, Any], print_of: Mapping[str, Any]
) -> None:
    if content.get("format") != FORMAT:
        raise FileError(
            f"{path} is a checkpoint of format {content.get('format')}, this program reads "
            f"{FORMAT}: upgrade anglewise, or remove it"
        )
    with _refusing(path):
        tables = {arrays[name].shape for name in (*TENSORS[:3], BEST[0])}
        scales = {arrays[name].shape for name in (*TENSORS[3:], BEST[1])}
        dtypes = {arrays[name].dtype.str for name in (*TENSORS, *BEST)}
        if len(tables) > 1 or scales != {(1,)} or dtypes != {"<f4"}:
            raise ValueError("its tables do not fit each other")
        counts = (*(content[name] for name in COUNTED if name != "loss"), *content["taken"])
        are_counts = all(isinstance(count, int) and count >= 0 for count in counts)
        if not are_counts or len(content["taken"]) != 2:
            raise ValueError("its counts are none")
        _ = [Epoch(**epoch) for epoch in content["history"]]
        _ = float(content["loss"]), content["of"].items()
    differing = sorted(name for name in print_of if content["of"].get(name) != print_of[name])
    if differing:
        raise FileError(
            f"{path} is the checkpoint of another training, which differs in "
            f"{', '.join(differing)}: choose another file, or remove it to begin anew"
        )


def _tensors(state: State) -> tuple[Any, ...]:
    table, scale = state.table, state.log_scale
    return (
        *(table.values, table.means, table.squares),
        *(scale.values, scale.means, scale.squares),
        *(state.best, state.best_log_scale),
    )
