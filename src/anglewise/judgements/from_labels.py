"""Judgements from classes: items of one class are relevant to each other."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Complaints, Judgements, Labels
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Int64
from anglewise.errors import IdsError, TooFewError, ValuesError

MOST_PAIRS = 20_000_000
"""Pairs of one class that are stored at most: half a gigabyte."""


def from_labels(
    space: Space, labels: Labels, *, queries: int | None = None, seed: int = 0
) -> Judgements:
    """Let every labelled item ask for the others of its class, ``items-items``.

    The gain is 1. A labelled item of another class was judged and is not relevant, an item
    without a label was not judged (both unstored: see ``Judgements.judged_items``). An item
    alone in its class has nothing to ask for. The memory follows the pairs of one class, not
    the square of the items.

    Parameters
    ----------
    queries
        How many of the items ask, drawn at random; by default all.
    seed
        Draws them.

    Raises
    ------
    IdsError
        No labelled id is an item of the space.
    TooFewError
        No two items share a class; or fewer than one query is asked for.
    ValuesError
        More pairs of one class than fit: sample the queries.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings(np.eye(4), ids=["a", "b", "c", "d"]))
    >>> judged = from_labels(space, Labels({"a": "fruit", "b": "tool", "d": "fruit"}))
    >>> [judged.gains.row(i).tolist() for i in range(4)]
    [[3], [], [], [0]]
    """
    classes = _classes(space, labels)
    sizes = np.bincount(classes[classes >= 0])
    partners = np.where(classes >= 0, sizes[classes] - 1, 0)
    asking = np.flatnonzero(partners)
    if not len(asking):
        raise TooFewError(
            f"{len(sizes)} labelled items, no two of one class: labels that repeat are due"
        )
    if queries is not None:
        asking = _drawn(asking, queries, seed)
    pairs = int(partners[asking].sum())
    if pairs > MOST_PAIRS:
        fitting = len(asking) * MOST_PAIRS // pairs
        raise ValuesError(
            f"{pairs:,} pairs of items share a class, {MOST_PAIRS:,} fit: let a sample of about "
            f"{fitting:,} items ask (label_queries={fitting}, --label-queries {fitting})"
        )
    items = len(space.items)
    missing = tuple(name for name in labels.of if name not in space.items.row_of)
    return Judgements(
        gains=_partners(classes, sizes, asking, shape=(items, items)),
        direction="items-items",
        source=_sentence(len(sizes), len(asking), int((partners > 0).sum()), seed),
        complaints=Complaints(unknown_items=missing[:3], dropped=len(missing)),
        judged_items=classes >= 0,
    )


def _classes(space: Space, labels: Labels) -> Int64[Array, " items"]:
    """The number of each item's class, -1 without a label."""
    number: dict[str, int] = {}
    classes = np.full(len(space.items), -1, dtype=np.int64)
    for name, label in labels.of.items():
        row = space.items.row_of.get(name)
        if row is not None:
            classes[row] = number.setdefault(label, len(number))
    if not number:
        raise IdsError(
            f"none of the {len(labels.of):,} labelled ids ({_some(labels.of)}) is an item of the "
            f"space ({_some(space.items.ids)}): give the ids of the vectors (--item-ids)"
        )
    return classes


def _drawn(asking: Array, queries: int, seed: int) -> Array:
    if queries < 1:
        raise TooFewError(f"{queries} items ask: at least one is due (label_queries=1)")
    number = min(queries, len(asking))
    return np.sort(np.random.default_rng(seed).choice(asking, number, replace=False))


def _partners(classes: Array, sizes: Array, asking: Array, shape: tuple[int, int]) -> SparseRows:
    """For each item that asks, the others of its class, ascending."""
    by_class = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[by_class], np.arange(len(sizes)))
    members = sizes[classes[asking]]
    offsets = starts[classes[asking]] - (np.cumsum(members) - members)
    columns = by_class[np.arange(members.sum()) + np.repeat(offsets, members)]
    others = columns[columns != np.repeat(asking, members)]
    counts = np.zeros(shape[0] + 1, dtype=np.int64)
    counts[asking + 1] = members - 1
    return SparseRows(np.cumsum(counts), others, np.ones(len(others)), shape)


def _sentence(classes: int, asking: int, could: int, seed: int) -> str:
    sample = f"{asking} of {could} items ask (seed {seed})" if asking < could else ""
    return f"labels of {classes} classes, the same class is relevant" + (sample and f"; {sample}")


def _some(names: Iterable[str]) -> str:
    return ", ".join(repr(str(name)) for name in islice(names, 3))
