"""Judgements constructed from labels: items of one class are relevant to each other."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import other_form
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import IdsError, TooFewError, ValuesError
from anglewise.judgements.records import Labels

MOST_PAIRS = 20_000_000
"""Pairs within classes that are stored at most, whatever memory there is."""
PAIR_BYTES = 100
"""What such a pair takes until measures have been compared by it."""


def from_labels(
    space: Space,
    labels: Labels,
    *,
    queries: int | None = None,
    seed: int = 0,
    most: int = MOST_PAIRS,
) -> Judgements:
    """Judgements ``items-items``: the other items of a labelled item's class are relevant.

    The gain is 1. Labelled items of other classes count as judged and not relevant, items without
    a label as not judged (neither is stored: see ``Judgements.judged_items``). An item alone in
    its class is no query. Memory grows with the pairs within classes, not with items squared.

    Parameters
    ----------
    queries
        How many items are queries, drawn at random; by default all that can be.
    seed
        Draws them.
    most
        Pairs that the memory allowed holds.

    Raises
    ------
    IdsError
        No labelled id is an item of the space; or few are, and no two of these share a class.
    TooFewError
        No two items share a class, or ``queries`` is below 1.
    ValuesError
        More pairs within classes than ``most``, or than 20,000,000: draw fewer queries.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings(np.eye(4), ids=["a", "b", "c", "d"]))
    >>> judged = from_labels(space, Labels({"a": "fruit", "b": "tool", "d": "fruit"}))
    >>> [judged.gains.row(i).tolist() for i in range(4)]
    [[3], [], [], [0]]
    """
    classes = _classes(space, labels)
    sizes = np.bincount(classes[classes >= 0])
    partners = np.where(classes >= 0, sizes[classes] - 1, 0)
    asking = np.flatnonzero(partners)
    unknown = tuple(name for name in labels.of if name not in space.items.row_of)
    if not len(asking):
        if 2 * len(unknown) > len(labels.of):
            raise IdsError(
                f"{len(unknown):,} of {len(labels.of):,} labelled ids ({_few(unknown)}) are not "
                f"among the items of the space ({_few(space.items.ids)}), and no two of the others "
                "are of one class: give the ids of the vectors (--item-ids)"
                f"{other_form(unknown, space.items.row_of)}"
            )
        raise TooFewError(
            f"{len(sizes)} labelled items, no two of one class: labels that repeat are due"
        )
    if queries is not None:
        asking = _drawn(asking, queries, seed)
    pairs = int(partners[asking].sum())
    _check_fits(pairs, len(asking), min(most, MOST_PAIRS))
    hint = other_form(unknown, space.items.row_of)
    return Judgements(
        gains=_partners(classes, sizes, asking, shape=(len(space.items), len(space.items))),
        direction="items-items",
        source=_unmatched(len(sizes), len(asking), int((partners > 0).sum()), seed),
        complaints=Complaints((), unknown[:3], hint, len(unknown)),
        judged_items=classes >= 0,
    )


def _check_fits(pairs: int, asking: int, most: int) -> None:
    """Refuse more pairs than fit, before the first is made."""
    if pairs <= most:
        return
    size = max(asking * most // pairs, 1)
    more = f", or allow more memory (ANGLEWISE_MEMORY={2 * PAIR_BYTES * pairs / 1e6:.3g}MB)"
    raise ValuesError(
        f"{pairs:,} pairs of items share a class, {most:,} fit: let a sample of about "
        f"{size:,} items ask (label_queries={size}, --label-queries {size})"
        f"{more if pairs <= MOST_PAIRS else ''}"
    )


def _classes(space: Space, labels: Labels) -> Int64[Array, " items"]:
    """The number of each item's class, -1 without a label."""
    number: dict[str, int] = {}
    classes = np.full(len(space.items), -1, dtype=np.int64)
    for name, label in labels.of.items():
        if (row := space.items.row_of.get(name)) is not None:
            classes[row] = number.setdefault(label, len(number))
    if not number:
        raise IdsError(
            f"none of the {len(labels.of):,} labelled ids ({_few(labels.of)}) is an item of the "
            f"space ({_few(space.items.ids)}): give the ids of the vectors (--item-ids)"
            f"{other_form(labels.of, space.items.row_of)}"
        )
    return classes


def _drawn(asking: Array, queries: int, seed: int) -> Array:
    if queries < 1:
        raise TooFewError(f"{queries} items ask: at least one is due (label_queries=1)")
    size = min(queries, len(asking))
    return np.sort(np.random.default_rng(seed).choice(asking, size, replace=False))


def _partners(classes: Array, sizes: Array, asking: Array, shape: tuple[int, int]) -> SparseRows:
    """For each item of ``asking``, the others of its class, ascending, with gain 1."""
    by_class = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[by_class], np.arange(len(sizes)))
    members = sizes[classes[asking]]
    offsets = starts[classes[asking]] - (np.cumsum(members) - members)
    columns = by_class[np.arange(members.sum()) + np.repeat(offsets, members)]
    others = columns[columns != np.repeat(asking, members)]
    counts = np.zeros(shape[0] + 1, dtype=np.int64)
    counts[asking + 1] = members - 1
    return SparseRows(np.cumsum(counts), others, np.ones(len(others)), shape)


def _unmatched(classes: int, asking: int, could: int, seed: int) -> str:
    sample = f"{asking} of {could} items ask (seed {seed})" if asking < could else ""
    return f"labels of {classes} classes, the same class is relevant" + (sample and f"; {sample}")


def _few(names: Iterable[str]) -> str:
    return ", ".join(repr(shown(str(name))) for name in islice(names, 3))
