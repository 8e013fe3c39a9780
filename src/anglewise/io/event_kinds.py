"""Tables of events of several kinds, such as views and purchases, and what each is worth."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.data_types.numbers import read_number, shown
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import check_distinct, counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import FileError, SpellingError, TooFewError
from anglewise.io.tables import Sheet, listed, names_of


def parse_events(text: str | None) -> dict[str, float] | None:
    """What kinds of events are worth, from ``view=1,cart=3,purchase=5``.

    >>> parse_events("view=1,purchase=5")
    {'view': 1.0, 'purchase': 5.0}
    """
    if text is None:
        return None
    worth: list[tuple[str, float]] = []
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        value = read_number(number.strip())
        if value is None or not name.strip():
            raise SpellingError(
                f"--event {shown(text)}: kinds of events and their weights are due, as in "
                "view=1,cart=3,purchase=5 (0 leaves one out, a negative weight is a dislike)"
            )
        worth.append((name.strip(), float(value)))
    check_distinct([name for name, _ in worth], "--event")
    return dict(worth)


def weights_of_events(
    sheet: Sheet, column: Any, position: int, worth: Mapping[str, float] | None
) -> tuple[Float64[Array, " rows"] | None, str]:
    """The weight of each row by its kind, 0 for what is left out; and what to say of it.

    Without ``worth`` a column of one kind gives no weights. Raises ``FileError`` for several kinds
    of which nobody said what they are worth, ``SpellingError`` for one that the file does not hold.
    """
    names: list[str] = names_of(sheet, column, position).to_pylist()
    kinds, numbers, counts = np.unique(
        np.array(names, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    found = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    shown_kinds = listed([f"{kind} ({count:,})" for kind, count in found.items()], 8)
    if worth is None:
        if len(found) == 1:
            return None, f"; every row is {next(iter(found))!r} ({sheet.name(position)})"
        example = ",".join(f"{kind}={i + 1}" for i, kind in enumerate(list(found)[:3]))
        raise FileError(
            f"{sheet.path}: {sheet.name(position)} holds events of {len(found)} kinds: "
            f"{shown_kinds}; say what each is worth, as in event={example} (--event {example}); 0 "
            "leaves one out, a negative weight is a dislike"
        )
    unnamed = [kind for kind in found if kind not in worth]
    unused = [kind for kind in worth if kind not in found]
    if unnamed or unused:
        fault = f"says nothing of {listed(unnamed, 5)}" if unnamed else ""
        fault += " and " if unnamed and unused else ""
        fault += f"names {listed(unused, 5)}, which the file does not hold" if unused else ""
        raise SpellingError(f"event (--event) {fault}: {sheet.path} holds {shown_kinds}")
    values = np.array([worth[kind] for kind in kinds.tolist()], dtype=np.float64)
    if not values.any():
        raise TooFewError("event (--event) leaves out every kind: give one a weight above 0")
    said = ", ".join(f"{kind} {worth[kind]:g} ({count:,} rows)" for kind, count in found.items())
    return values[numbers.reshape(-1)], f"; weights by {sheet.name(position)}: {said}"


def strongest_of_each(interactions: Interactions) -> tuple[Interactions, Int64[Array, " others"]]:
    """Entries sorted by user and item, each pair with its strongest weight, and all others.

    The strongest is the largest weight; where the last event of a pair weighs less than 0, which
    takes back what was before, it is that.
    """
    last, others = interactions.last_of_each()
    key = interactions.users * len(interactions.item_ids) + interactions.items
    order = np.argsort(key, kind="stable")
    _, starts = np.unique(key[order], return_index=True)
    largest = np.maximum.reduceat(interactions.weights[order], starts)
    kept = interactions.take(last)
    weights = np.where(kept.weights < 0, kept.weights, largest)
    return replace(kept, weights=weights), others


def said_of_repeats(path_name: str, count: int) -> str:
    """What to say of pairs with several events."""
    return (
        f"{path_name}: {counted(count, 'repeated pair')}: the event that weighs most counts, or "
        "the last one where it weighs less than 0"
    )
