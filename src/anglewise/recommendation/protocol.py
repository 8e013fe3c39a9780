"""A trained model under a split: its rows by the ids of the split, and what judges it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.columns import TRAIN, column
from anglewise.data_types.conversion import check_direction
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import check_kind, shown
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.text import Say, counted, other_form, quiet
from anglewise.data_types.typing import Array, Direction, Int64, Shaped
from anglewise.equivalent_factorisations.gauge import bias_columns
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.io.files import PathLike
from anglewise.io.holdout_folder import EvaluationProtocol, read_protocol
from anglewise.io.models_in_memory import from_model
from anglewise.io.read import read_space
from anglewise.recommendation.fold_in import FoldIn, learn_fold_in
from anglewise.recommendation.similar_by_protocol import similar_items

HELD_OUT = "held-out"
MOST_RESIDUAL = 0.02
"""The largest share of the users' vectors that a learnt map may miss, so that users who are folded
in by it are ranked for as by the model; beyond it their lists were other ones."""
MOST_CHECKED = 1_000
NAMED = 3


@dataclass(frozen=True, eq=False)
class Judgeable:
    """A model in the rows of a split, and what is to be found by it.

    Attributes
    ----------
    space
        Users and items by the ids of the split. The users' column ``split`` says ``train`` or
        ``held-out``; ``seen`` holds what trained and what folds in.
    judgements
        ``queries-items``: what is to be found. Items that the training does not hold count as
        missed. ``items-items``: items that were taken together.
    remarks
        What was done to the model, and what it lacks.
    """

    space: Space
    judgements: Judgements
    remarks: tuple[str, ...]


def by_protocol(
    protocol: EvaluationProtocol | PathLike,
    model: Any,
    *,
    direction: Direction = "queries-items",
    name: str = "the model",
    say: Say = quiet,
) -> Judgeable:
    """Put together a split and a model that was trained on it, so that the one judges the other.

    A model without ids is told by its rows: those of ``train.npz``, which ``users`` and ``items``
    name, and behind these, if it brings them, those of ``fold-in.npz``. A model with ids is told by
    these. Held-out users whose vectors it does not bring are folded in, where the vectors of its
    users are a linear function of what they used.

    Parameters
    ----------
    protocol
        The folder that ``anglewise holdout`` wrote, or what ``read_protocol`` read of it.
    model
        A space, a path as ``read_space`` takes it, or a model object as ``from_model`` takes it.
    direction
        ``"queries-items"``, what users are recommended; or ``"items-items"``, which items are
        similar: by what users took together outside of the training. Of users who are held out
        that is all they took, unless the model brings vectors of them, which may have been trained
        on what they are shown: then it is what is to be found alone.
    name
        What to call the model in messages.
    say
        Told what is done to it.

    Raises
    ------
    FileError
        A split of which a file changed.
    ShapeError
        Rows that are not those of the split, or a model without users.
    IdsError
        Ids that the split does not hold.
    ValuesError
        A model that says it was trained on what is to be found; held-out users whose vectors
        cannot be computed from it.
    TooFewError
        Held-out users, and fewer training users than dimensions to learn from; nobody who took
        two items outside of the training, where similar items are judged.
    SpellingError
        Another direction.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from anglewise.io.holdout_folder import write_split
    >>> from anglewise.judgements.holdout_split import split_interactions
    >>> used = Interactions(
    ...     users=np.array([0, 0, 1, 1]), items=np.array([0, 1, 0, 1]), weights=np.ones(4),
    ...     user_ids=np.array(["a", "b"]), item_ids=np.array(["x", "y"]),
    ...     times=np.array([1.0, 2.0, 4.0, 3.0]),
    ... )
    >>> folder = Path(tempfile.mkdtemp()) / "split"
    >>> _ = write_split(split_interactions(used), folder)
    >>> ready = by_protocol(folder, Space(queries=np.eye(2), items=np.eye(2)))
    >>> ready.space.queries.ids.tolist(), ready.judgements.gains.row(0).tolist()
    (['a', 'b'], [1])
    """
    check_kind(name, str, "the name of the model", "a text")
    check_direction(direction)
    if direction == "queries-queries":
        raise SpellingError(
            "a split judges what users are recommended, or similar items: queries-items or "
            "items-items is due"
        )
    split: EvaluationProtocol = (
        protocol if isinstance(protocol, EvaluationProtocol) else read_protocol(protocol)
    )
    space = _as_space(model, say)
    if space.one_sided or isinstance(space.items, Representation):
        raise ShapeError(
            f"{name} has no users, or no single vectors, and {split.path} judges what users are "
            "recommended by these: give vectors of both sides"
        )
    remarks: list[str] = []

    def remark(sentence: str) -> None:
        remarks.append(sentence)
        say(sentence)

    held = _Model(split, space, name)
    ready = held.in_rows_of_split(remark)
    if direction == "items-items":
        judged = similar_items(
            split, ready.items, shown_too=not held.brings_held_out, remark=remark
        )
    else:
        judged = _judgements(split, ready)
    return Judgeable(ready, judged, tuple(remarks))


def _as_space(model: Any, say: Say) -> Space:
    if isinstance(model, Space):
        return model
    if isinstance(model, str | Path):
        return read_space(model, say=say)
    return from_model(model, say=say)


@dataclass(frozen=True, eq=False)
class _Model:
    """A two-sided model beside the split that it was trained on."""

    split: EvaluationProtocol
    space: Space
    name: str

    def in_rows_of_split(self, remark: Say) -> Space:
        """Users and items by the ids of the split, with what they were trained on."""
        split, space = self.split, self.space
        items, users = self._item_rows(), self._user_rows()
        known = np.flatnonzero(items >= 0)
        if len(known) < len(items):
            remark(
                f"{self.name} lacks {len(items) - len(known):,} of the {len(items):,} items of the "
                "training: it can recommend none of these, which count as missed"
            )
        self._check_blind()
        ids = [*map(str, split.train.user_ids), *split.held_out_ids]
        vectors = np.asarray(space.queries.vectors)[users]
        seen = _seen(split.train, known)
        trained = Space(
            queries=Embeddings(vectors, ids=ids[: len(users)]),
            items=_side(space.items, items[known], np.asarray(split.train.item_ids)[known]),
            trained_for=space.trained_for,
            seen=seen,
            about={**space.about, "protocol": split.source},
        )
        if split.fold_in is None:
            return trained
        folding = _seen(split.fold_in, known)
        more = self._folded_in(trained, folding, remark)
        kinds = [TRAIN] * len(users) + [HELD_OUT] * len(more)
        return Space(
            queries=Embeddings(
                np.concatenate([vectors, more.astype(np.float32)]),
                ids=ids,
                metadata={"split": kinds},
            ),
            items=trained.items,
            trained_for=trained.trained_for,
            seen=_stacked(seen, folding),
            about=trained.about,
        )

    def _item_rows(self) -> Int64[Array, " items"]:
        """The row of the model for each item of the training; -1 where it has none."""
        ids, side = list(map(str, self.split.train.item_ids)), self.space.items
        if not side.named:
            self._check_rows()
            return np.arange(len(ids), dtype=np.int64)
        self._check_known(side, set(ids), "item")
        return np.array([side.row_of.get(own, -1) for own in ids], dtype=np.int64)

    def _user_rows(self) -> Int64[Array, " users"]:
        """The row of the model for each training user."""
        ids, side = list(map(str, self.split.train.user_ids)), self.space.queries
        if not side.named:
            self._check_rows()
            return np.arange(len(ids), dtype=np.int64)
        self._check_known(side, {*ids, *self.split.held_out_ids}, "user")
        lacking = [own for own in ids if own not in side.row_of]
        if lacking:
            raise IdsError(
                f"{self.name} lacks {len(lacking):,} of the {len(ids):,} users of the training, "
                f"such as {lacking[0]!r}: train on all of {self.split.path}"
            )
        return np.array([side.row_of[own] for own in ids], dtype=np.int64)

    @property
    def brings_held_out(self) -> bool:
        """Whether the model brings vectors of held-out users."""
        return self.split.fold_in is not None and self._own_held_out() is not None

    def _own_held_out(self) -> Int64[Array, " held_out"] | None:
        """The rows of held-out users that the model brings; None where it brings none."""
        ids, side, users = self.split.held_out_ids, self.space.queries, self.split.train.shape[0]
        if not side.named:
            return np.arange(users, len(side)) if len(side) > users else None
        rows = [side.row_of[own] for own in ids if own in side.row_of]
        if 0 < len(rows) < len(ids):
            raise IdsError(
                f"{self.name} has vectors of {len(rows):,} of the {len(ids):,} held-out users: "
                "give all of them, or none, and they are folded in"
            )
        return np.array(rows, dtype=np.int64) if rows else None

    def _check_rows(self) -> None:
        """Refuse a model without ids whose rows are not those of the split."""
        split, asking, ranked = self.split, self.space.queries, self.space.items
        users, items = split.train.shape
        every = users + len(split.held_out_ids)
        fits_users = asking.named or len(asking) in {users, every}
        if fits_users and (ranked.named or len(ranked) == items):
            return
        due = f"{users:,}" if every == users else f"{users:,} (with held-out ones {every:,})"
        hint = f"fit it to {split.path / 'train.npz'} as it is, or give its rows their ids"
        if (len(asking), len(ranked)) == (items, users):
            hint = "its sides are swapped, so fit it to users x items"
        raise ShapeError(
            f"{self.name} has {len(asking):,} users and {len(ranked):,} items without ids, and the "
            f"training has {due} users and {items:,} items, so which row is whose cannot be told: "
            f"{hint}"
        )

    def _check_known(self, side: Embeddings, known: set[str], noun: str) -> None:
        unknown = [own for own in map(str, side.ids) if own not in known]
        names = ", ".join(repr(shown(own)) for own in unknown[:NAMED])
        if unknown:
            raise IdsError(
                f"{self.name} has {counted(len(unknown), noun)} that the training of "
                f"{self.split.path} does not hold, such as {names}, where {noun}s are such as "
                f"{shown(min(known))!r}: train on that split alone, and keep the ids of its tables"
                + other_form(unknown, known)
            )

    def _check_blind(self) -> None:
        """Refuse a model that says it was trained on what is to be found."""
        split, seen = self.split, self.space.seen
        users, items = self.space.queries, self.space.items
        if seen is None or not (users.named and items.named):
            return
        pairs = zip(split.test_users, split.test_items, strict=True)
        rows = [(users.row_of.get(str(u), -1), items.row_of.get(str(i), -1)) for u, i in pairs]
        width = len(items)
        asked = np.array([u * width + i for u, i in rows if u >= 0 and i >= 0], dtype=np.int64)
        hidden = int(np.isin(asked, seen.rows * width + seen.indices).sum())
        if hidden:
            raise ValuesError(
                f"{self.name} says that it was trained on {hidden:,} of the {len(split.gains):,} "
                f"that are to be found, so it knows the answers: train it on the training of "
                f"{split.path} alone"
            )

    def _folded_in(self, trained: Space, folding: SparseRows, remark: Say) -> Array:
        """The vectors of held-out users: the model's own, or by the map behind its users.

        Raises ``ValuesError`` where there is no such map.
        """
        rows, users = self._own_held_out(), counted(folding.shape[0], "held-out user")
        if rows is not None:
            remark(f"{self.name} brings vectors of the {users}, which nobody can verify here")
            return np.asarray(self.space.queries.vectors)[rows]
        matrix = self.split.path / "fold-in.npz"
        way_out = (
            f"fold them in with its library (the rows of {matrix}; in implicit "
            "model.recalculate_user) and put their vectors behind those of the training users, or "
            "split by --how last, where every user trains"
        )
        try:
            fold_in = learn_fold_in(trained)
        except TooFewError as error:
            raise TooFewError(f"{self.name}: {error}; {way_out}") from error
        residual = max(fold_in.residual, _missed(fold_in, trained, trained.seen))
        if not residual < MOST_RESIDUAL:
            raise ValuesError(
                f"{self.name}: no map is found that gives its users by what they used (of those "
                "that are linear in the vectors of the items used, each counted once, the best "
                f"misses {residual:.1%} of them, and {MOST_RESIDUAL:.0%} is the most that "
                f"leaves lists nearly as they are), so the vectors of {users} are not computed "
                f"from it: {way_out}"
            )
        if not folding.counts.all():
            raise ValuesError(
                f"{self.name} lacks all items by which some of {users} are folded in: {way_out}"
            )
        how = "exact" if fold_in.exact else f"which misses {residual:.1%} of these"
        remark(f"{users} folded in by the linear map that gives {self.name} its users, {how}")
        return fold_in.vectors(folding)


def _missed(fold_in: FoldIn, trained: Space, used: SparseRows | None) -> float:
    """What a map misses of some training users, bias columns aside: where it was not learnt, too.

    That of weights from item to item is known beforehand, and holds for columns in their order.
    """
    if used is None:
        return 1.0
    rows = np.flatnonzero(used.counts)[:MOST_CHECKED].astype(np.int64)
    free = np.setdiff1d(np.arange(trained.items.dimension), list(bias_columns(trained)))
    own = trained.queries.vectors[rows][:, free].astype(np.float64)
    size = float(np.linalg.norm(own))
    missed = fold_in.vectors(used.take(rows))[:, free] - own
    return float(np.linalg.norm(missed)) / size if size else 1.0


def _side(side: Embeddings, rows: Int64[Array, " some"], ids: Shaped[Array, " some"]) -> Embeddings:
    """Some rows of a side in the order of the split, with its ids."""
    columns = {name: column(side, name) for name in side.metadata_columns}
    metadata = {name: [values[row] for row in rows.tolist()] for name, values in columns.items()}
    return Embeddings(np.asarray(side.vectors)[rows], ids=ids, metadata=metadata or None)


def _seen(used: Interactions, items: Int64[Array, " known"]) -> SparseRows:
    """What users used, in the columns of the items that the model has."""
    table = used.rows()
    return table if len(items) == table.shape[1] else table.take_columns(items)


def _stacked(first: SparseRows, second: SparseRows) -> SparseRows:
    return SparseRows.from_pairs(
        np.concatenate([first.rows, second.rows + first.shape[0]]),
        np.concatenate([first.indices, second.indices]),
        np.concatenate([first.values, second.values]),
        shape=(first.shape[0] + second.shape[0], first.shape[1]),
    )


def _judgements(split: EvaluationProtocol, space: Space) -> Judgements:
    """What is to be found, in the rows of the space; items that it lacks beside it."""
    users = np.array([space.queries.row_of[str(own)] for own in split.test_users], dtype=np.int64)
    items = np.array([space.items.row_of.get(str(own), -1) for own in split.test_items])
    there = items >= 0
    missing, missing_ids = None, tuple[str, ...]()
    if not there.all():
        names, columns = np.unique(split.test_items[~there].astype(str), return_inverse=True)
        missing_ids = tuple(map(str, names))
        shape = (len(space.queries), len(missing_ids))
        missing = SparseRows.from_pairs(users[~there], columns, split.gains[~there], shape=shape)
    return Judgements(
        gains=SparseRows.from_pairs(
            users[there],
            items[there],
            split.gains[there],
            shape=(len(space.queries), len(space.items)),
        ),
        direction="queries-items",
        source=split.source,
        missing=missing,
        missing_ids=missing_ids,
        of_users=True,
    )
