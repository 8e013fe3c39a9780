"""What a store does with some planted vectors: lengths, ties, zeros, precision."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import StoreError
from anglewise.stores.vector_store import (
    SCRATCH,
    VectorStore,
)

UNIT = 1e-3
"""Lengths that differ from 1 by less are 1."""
EQUAL = ("7", "12", "8")
"""Ids of equal vectors, as they are written: by ids, as texts or numbers, the order is another."""


def planted(dimension: int) -> dict[str, Float32[Array, " d"]]:
    """At most 16 vectors that tell what becomes of lengths, zeros, digits and ties.

    >>> [name for name, vector in planted(2).items() if not vector.any()]
    ['zero']
    """
    rng = np.random.default_rng(5)
    rows = dict.fromkeys(EQUAL, (0.6, 0.6)) | {"a": (1.0, 0.0), "b": (3.0, 0.5)}
    rows |= {"c": (3.0, 4.0), "d": (-2.0, 1.0 / 3.0)}
    out = {name: np.zeros(dimension, np.float32) for name in rows}
    for name, (first, second) in rows.items():
        out[name][: min(2, dimension)] = (first, second)[: min(2, dimension)]
    drawn = rng.normal(size=(6, dimension)).astype(np.float32)
    out |= {f"drawn-{i}": row * np.float32(1 + i) for i, row in enumerate(drawn)}
    return {**out, "zero": np.zeros(dimension, np.float32)}


def tried(store: VectorStore, dimension: int) -> dict[str, Any]:
    """What an empty collection with the same settings does with planted vectors."""
    removed = store.scratches()
    for name in removed:
        store.clear(name)
    twin = store.twin(SCRATCH + secrets.token_hex(6))
    try:
        told = _tried(twin, dimension)
    finally:
        twin.drop()
        twin.close()
    if not removed:
        return {**told, "notes": ()}
    return {**told, "notes": (f"removed {listed(removed)}, which an earlier test had left",)}


def _tried(twin: VectorStore, dimension: int) -> dict[str, Any]:
    vectors = planted(dimension)
    zero = vectors.pop("zero")
    twin.add(list(vectors), np.array(list(vectors.values())))
    try:
        twin.add(["zero"], zero[None])
        refused = ""
    except StoreError as error:
        refused = str(error)
    twin.finish()
    query = np.zeros((1, dimension), np.float32)
    query[0, 0] = 1.0
    (answer,) = twin.search(query, len(vectors) + 1)
    back = twin.vectors_of(list(vectors))
    return {
        "normalises": _written_lengths(vectors, back),
        "zero_vector": f"refused: {refused}" if refused else _of_zero(answer),
        "precision": _precision(vectors, back),
        "ties": _of_ties([name for name, _ in answer if name in EQUAL]),
    }


def _written_lengths(written: Mapping[str, Array], back: Mapping[str, Array]) -> str:
    if not back:
        return "unknown: the store gives no vectors back"
    lengths = {
        name: float(np.sqrt(np.square(v, dtype=np.float64).sum())) for name, v in back.items()
    }
    if all(abs(length - 1) < UNIT for length in lengths.values()):
        return "on write: vectors of other lengths came back with length 1"
    kept = all(
        abs(lengths[name] - np.sqrt(np.square(written[name], dtype=np.float64).sum()))
        <= 0.02 * lengths[name]
        for name in back
    )
    return "no: lengths came back as they were" if kept else "unknown: other lengths came back"


def _of_zero(answer: Sequence[tuple[str, float]]) -> str:
    names = [name for name, _ in answer]
    if "zero" not in names:
        return f"kept, and missing from the list of all {len(answer)} others"
    place = names.index("zero")
    return f"kept, listed at place {place + 1} of {len(answer)} with {answer[place][1]:.4g}"


def _precision(written: Mapping[str, Array], back: Mapping[str, Array]) -> str:
    """Which kind of number came back, from the digits that are left."""
    if not back:
        return "unknown: the store gives no vectors back"
    names = [name for name in back if name in written]
    came = np.array([back[name] for name in names], dtype=np.float64)
    went = np.array([written[name] for name in names], dtype=np.float64)
    lengths = np.sqrt(np.square(came).sum(axis=1)), np.sqrt(np.square(went).sum(axis=1))
    scale = (lengths[0] / np.where(lengths[1] > 0, lengths[1], 1))[:, None]
    error = float((np.abs(came - went * scale) / np.abs(went * scale).max(axis=1)[:, None]).max())
    for kind, digits in (("float32", 2.0**-22), ("half", 2.0**-10), ("bf16", 2.0**-7)):
        if error <= digits:
            return f"{kind}: vectors came back within {error:.1g} of their largest number"
    return f"coarse: vectors came back within {error:.1g} of their largest number"


def _of_ties(order: Sequence[str]) -> str:
    if sorted(order) != sorted(EQUAL):
        return f"unknown: of three equal vectors {len(order)} are listed"
    known: dict[tuple[str, ...], str] = {
        EQUAL: "as they were written",
        EQUAL[::-1]: "the last written first",
        tuple(sorted(EQUAL)): "by their ids, as texts",
        tuple(sorted(EQUAL, key=int)): "by their ids, as numbers",
    }
    listed_as = ", ".join(order)
    other = f"in an order of its own: written {', '.join(EQUAL)}, listed {listed_as}"
    return known.get(tuple(order), other)
