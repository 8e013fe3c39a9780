"""Judgements of what is used together, stored as who used what, from which they are made again.

Of a thousand users, the pairs of items that any two of these share are millions, and who used
what is a few kilobytes.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.io.files import reading
from anglewise.io.space_files import read_sparse, write_sparse
from anglewise.judgements.co_use import co_use

FORMAT = 4
"""Of a folder whose judgements are made of sets, so that older versions do not find it empty."""


def described_with_sets(
    description: Mapping[str, Any], judgements: Mapping[Any, Judgements]
) -> dict[str, Any]:
    """What ``space.json`` says, with the sets behind judgements where there are any."""
    made = {way: judged.made_of for way, judged in judgements.items() if judged.made_of is not None}
    if not made:
        return dict(description)
    described = {way: dict(words) for way, words in description["judgements"].items()}
    for way, made_of in made.items():
        described[way]["made_of"] = {
            "sets": made_of.sets.shape[0],
            "grade": made_of.grade,
            "min_support": made_of.min_support,
            "of_users": made_of.of_users,
            "seed": made_of.seed,
            "gains_stored": not made_of.made(judgements[way].gains),
        }
    return {**description, "format": FORMAT, "judgements": described}


def stored_gains(judged: Judgements) -> SparseRows:
    """The gains that are stored: none where they are made again of the sets."""
    made_of = judged.made_of
    if made_of is None or not made_of.made(judged.gains):
        return judged.gains
    return SparseRows.from_pairs([], [], shape=judged.gains.shape)


def write_sets(path: Path, ranked: Embeddings, made_of: UsedTogether) -> None:
    """Write who used what, by the numbers of the sets."""
    sets = made_of.sets
    write_sparse(path, (_numbered(sets.shape[0]), ranked), {"used": _ones(sets)})


def with_sets(
    path: Path, ranked: Embeddings, judged: Judgements, description: Mapping[str, Any]
) -> Judgements:
    """Judgements with the sets behind them, and made of these where they are not stored."""
    with reading(path.parent.parent / "space.json", "the description of a space"):
        described = dict(description["made_of"])
        gains_stored = described.pop("gains_stored")
        sides = (_numbered(described.pop("sets")), ranked)
        sets = read_sparse(path, sides, ("used",))["used"]
        made_of = UsedTogether(sets, **described)
    if gains_stored:
        return replace(judged, made_of=made_of)
    made = co_use(made_of)
    return replace(judged, gains=made.gains, made_of=made.made_of)


def _ones(sets: SparseRows) -> SparseRows:
    """The same entries, each of value 1."""
    return replace(sets, values=np.ones(len(sets.indices)))


def _numbered(count: int) -> Embeddings:
    """Sets by their numbers."""
    return Embeddings(np.zeros((max(1, count), 1), np.float32))
