"""Faults that happen to vectors after their model made them, each planted in a healthy space."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import ml_dtypes
import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.typing import Array, Float64

Rng: TypeAlias = np.random.Generator
Matrix: TypeAlias = Float64[Array, "n d"]


@dataclass(frozen=True)
class Fault:
    """What went wrong, how it is planted (None where a space cannot have it), who must find it.

    ``lights`` are the names of findings of which one must be lit.
    """

    name: str
    lights: tuple[str, ...]
    plant: Callable[[Space, Rng], Space | None]


def with_items(space: Space, vectors: Matrix) -> Space:
    """The same space with other vectors of the items."""
    return replace(space, items=_moved(space.items, vectors))


def with_both(space: Space, queries: Matrix, items: Matrix) -> Space:
    """The same space with other vectors of both sides."""
    return replace(space, queries=_moved(space.queries, queries), items=_moved(space.items, items))


def _moved(side: Embeddings, vectors: Matrix) -> Embeddings:
    return Embeddings(vectors, ids=side.ids, metadata=side.metadata)


def x_of(space: Space) -> Matrix:
    """The items, in float64."""
    return space.items.vectors.astype(np.float64)


def q_of(space: Space) -> Matrix:
    """The queries, in float64."""
    return space.queries.vectors.astype(np.float64)


def some(space: Space, rng: Rng, share: float) -> Array:
    """Which items are meant."""
    return rng.random(len(space.items)) < share


def rotation(d: int, rng: Rng) -> Matrix:
    """A random rotation."""
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return q * np.sign(np.diag(r))


def rotated(space: Space, rng: Rng, share: float = 0.5) -> Space:
    """A part of the rows in the axes of another model."""
    x, part = x_of(space), some(space, rng, share)
    x[part] = x[part] @ rotation(x.shape[1], rng)
    return with_items(space, x)


def mixed(space: Space, rng: Rng, share: float = 0.5) -> Space:
    """A part of the rows by another model, which sees the same in other ways.

    A nonlinear network on the vectors: what was near stays near, and no linear map leads back.
    """
    x, part = x_of(space), some(space, rng, share)
    size = np.linalg.norm(x, axis=1).mean()
    d = x.shape[1]
    hidden = np.tanh(2 * x / size @ rng.normal(size=(d, 2 * d)))
    other = hidden @ rng.normal(size=(2 * d, d)) / d**0.5
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    other *= lengths / np.maximum(np.linalg.norm(other, axis=1, keepdims=True), 1e-12)
    x[part] = other[part]
    return with_items(space, x)


def a_fifth(space: Space, rng: Rng) -> Space:
    """A fifth of the rows by another model."""
    return mixed(space, rng, 0.2)


def topic_rotated(space: Space, rng: Rng) -> Space:
    """All rows of one topic by another model: those furthest along the first principal axis."""
    x = x_of(space)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(norms > 0, norms, 1)
    along = unit @ np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)[2][0]
    part = along > np.quantile(along, 0.65)
    x[part] = x[part] @ rotation(x.shape[1], rng)
    return with_items(space, x)


def other_queries(space: Space, rng: Rng) -> Space:
    """Queries by another model than the items."""
    return replace(
        space, queries=_moved(space.queries, q_of(space) @ rotation(space.items.dimension, rng))
    )


def unnormalised(space: Space, rng: Rng) -> Space:
    """A third of the rows as they are, the others of length one."""
    x, part = x_of(space), some(space, rng, 1 / 3)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.where(norms > 0, norms, 1)
    x[part] *= rng.uniform(2, 5, size=(int(part.sum()), 1))
    return with_items(space, x)


def repeated(space: Space, rng: Rng) -> Space:
    """A fifth of the rows hold the vector of another one."""
    x, part = x_of(space), some(space, rng, 0.2)
    x[part] = x[rng.integers(len(x), size=int(part.sum()))]
    return with_items(space, x)


def one_answer(space: Space, rng: Rng) -> Space:
    """A fifth of the rows hold one and the same vector, as of texts that failed."""
    x, part = x_of(space), some(space, rng, 0.2)
    x[part] = x[len(x) // 2]
    return with_items(space, x)


def failed(space: Space, rng: Rng) -> Space:
    """A fifth of the rows are zero."""
    x = x_of(space)
    x[some(space, rng, 0.2)] = 0
    return with_items(space, x)


def dead(space: Space, rng: Rng) -> Space:
    """A fifth of the columns are zero on both sides."""
    q, x = q_of(space), x_of(space)
    columns = rng.permutation(x.shape[1])[: x.shape[1] // 5]
    q[:, columns] = x[:, columns] = 0
    return with_both(space, q, x)


def one_number(space: Space, rng: Rng) -> Space:
    """A column holds one number in all rows of both sides."""
    q, x = q_of(space), x_of(space)
    column = int(rng.integers(x.shape[1]))
    q[:, column] = x[:, column] = 2 * np.abs(x).mean() * x.shape[1] ** 0.5
    return with_both(space, q, x)


def shifted(space: Space, rng: Rng) -> Space:
    """A common offset, twice as long as the median row."""
    q, x = q_of(space), x_of(space)
    away = rng.normal(size=x.shape[1])
    away *= 2 * np.median(np.linalg.norm(x, axis=1)) / np.linalg.norm(away)
    sizes = np.sqrt((x**2).sum(axis=1).mean()) / np.median(np.linalg.norm(x, axis=1))
    return with_both(space, q + away * sizes, x + away * sizes)


def cut_in_part(space: Space, rng: Rng) -> Space:
    """Two fifths of the rows have zeros in the last third of the columns."""
    x, part = x_of(space), some(space, rng, 0.4)
    x[np.ix_(part, np.arange(2 * x.shape[1] // 3, x.shape[1]))] = 0
    return with_items(space, x)


def cut(space: Space, _rng: Rng) -> Space:
    """All vectors are cut to 60% of what the model declares."""
    width = space.items.dimension
    keep = int(0.6 * width)
    model = {"source": "a model", "files": ["config.json"], "dimension": width}
    about = {**space.about, "encoding": {"model": model}}
    queries, items = (
        Embeddings(side.vectors[:, :keep], ids=side.ids, metadata=side.metadata)
        for side in (space.queries, space.items)
    )
    return replace(space, queries=queries, items=items, about=about)


def shuffled(space: Space, rng: Rng) -> Space:
    """The items stand in another order than their ids."""
    return with_items(space, x_of(space)[rng.permutation(len(space.items))])


def half_shuffled(space: Space, rng: Rng) -> Space:
    """Half of the items changed places."""
    x = x_of(space)
    rows = np.flatnonzero(some(space, rng, 0.5))
    x[rows] = x[rng.permutation(rows)]
    return with_items(space, x)


def by_one(space: Space, _rng: Rng) -> Space:
    """Every item has the vector of the next one."""
    return with_items(space, np.roll(x_of(space), 1, axis=0))


def askers_shuffled(space: Space, rng: Rng) -> Space:
    """The queries stand in another order than their ids."""
    q = q_of(space)[rng.permutation(len(space.queries))]
    return replace(space, queries=_moved(space.queries, q))


def eight_bits(space: Space, _rng: Rng) -> Space:
    """Numbers in the eight-bit floats of accelerators (e4m3)."""
    q, x = q_of(space), x_of(space)
    scale = 100 / max(np.abs(q).max(), np.abs(x).max())
    q, x = (
        (one * scale).astype(ml_dtypes.float8_e4m3fn).astype(np.float64) / scale for one in (q, x)
    )
    return with_both(space, q, x)


def bytes_of_rows(space: Space, _rng: Rng) -> Space:
    """Numbers as whole ones from -127 to 127, a scale for each row."""
    sides: list[Matrix] = []
    for one in (q_of(space), x_of(space)):
        scale = np.abs(one).max(axis=1, keepdims=True) / 127
        sides.append(np.round(one / np.where(scale > 0, scale, 1)) * scale)
    return with_both(space, *sides)


def rogue(space: Space, rng: Rng) -> Space:
    """One column is blown up until it rules."""
    q, x = q_of(space), x_of(space)
    column = int(rng.integers(x.shape[1]))
    for one in (q, x):
        rest = np.sqrt((one**2).sum() / len(one))
        about = one[:, column] - one[:, column].mean()
        one[:, column] = about / max(float(about.std()), 1e-12) * 1.5 * rest
    return with_both(space, q, x)


def giants(space: Space, rng: Rng) -> Space:
    """Three rows are a thousand times as long."""
    x = x_of(space)
    x[rng.permutation(np.flatnonzero(space.items.norms > 0))[:3]] *= 1000
    return with_items(space, x)


def negated(space: Space, rng: Rng) -> Space | None:
    """Half of the rows lost their sign; of a model of products only its own lists show it."""
    x = x_of(space)
    x[some(space, rng, 0.5)] *= -1
    return with_items(space, x)


def collapsed(space: Space, rng: Rng) -> Space:
    """All rows are nearly the same, as of a model whose weights were not loaded."""
    q, x = q_of(space), x_of(space)
    size = np.sqrt((x**2).sum(axis=1).mean())
    away = rng.normal(size=x.shape[1])
    away *= 20 * size / np.linalg.norm(away)
    return with_both(space, q * size / np.sqrt((q**2).sum(axis=1).mean()) + away, x + away)


def lengths_lost(space: Space, _rng: Rng) -> Space | None:
    """Vectors of a model of inner products were brought to length one."""
    if space.trained_for != "dot":
        return None
    sides = [
        one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12)
        for one in (q_of(space), x_of(space))
    ]
    return with_both(space, *sides)


def of_encoder(space: Space) -> bool:
    """Whether the space is of texts."""
    return "text" in space.items.metadata_columns


def no_prompt(space: Space, _rng: Rng) -> Space | None:
    """Questions were encoded as documents, though the model declares a prompt for them.

    A few questions are documents too, as titles are in many collections.
    """
    if not of_encoder(space):
        return None
    q, texts = q_of(space), list(space.queries.metadata["text"])
    for row in range(5):
        q[row], texts[row] = space.items.vectors[row], space.items.metadata["text"][row]
    model = {"source": "a model", "files": ["config.json"], "query_prompt": "query: "}
    queries = Embeddings(q, ids=space.queries.ids, metadata={"text": texts})
    return replace(space, queries=queries, about={**space.about, "encoding": {"model": model}})


def not_unit(space: Space, rng: Rng) -> Space | None:
    """The model declares length one, and 3% of the rows are longer."""
    if not of_encoder(space):
        return None
    q, x = (
        one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12)
        for one in (q_of(space), x_of(space))
    )
    x[some(space, rng, 0.03)] *= 3
    model = {"source": "a model", "files": ["modules.json"], "normalises": True}
    return replace(with_both(space, q, x), about={**space.about, "encoding": {"model": model}})


FAULTS = (
    Fault("half of the rows by another model", ("one model", "ids"), mixed),
    Fault(
        "a fifth of the rows by another model", ("one model", "ids"), lambda s, r: mixed(s, r, 0.2)
    ),
    Fault("half of the rows in another model's axes", ("one model", "ids"), rotated),
    Fault("one topic by another model", ("one model", "ids"), topic_rotated),
    Fault("queries by another model than items", ("one model", "ids"), other_queries),
    Fault("half of the rows negated", ("one model", "ids"), negated),
    Fault("a third of the rows not normalised", ("lengths",), unnormalised),
    Fault("three rows a thousand times as long", ("lengths",), giants),
    Fault("lengths of a model of products lost", ("lengths",), lengths_lost),
    Fault("a fifth of the rows repeat others", ("copies",), repeated),
    Fault("one vector for a fifth of the rows", ("copies",), one_answer),
    Fault("a fifth of the rows zero", ("zeros",), failed),
    Fault("a fifth of the columns dead", ("columns",), dead),
    Fault("one number in a column", ("columns",), one_number),
    Fault("one column rules", ("columns",), rogue),
    Fault("a common offset", ("offset",), shifted),
    Fault("all rows nearly the same", ("offset",), collapsed),
    Fault("two fifths of the rows cut", ("cut rows",), cut_in_part),
    Fault("all rows cut to 60%", ("declared",), cut),
    Fault("declared of length one, 3% are not", ("declared",), not_unit),
    Fault("query prompt missing", ("declared",), no_prompt),
    Fault("ids of the items shuffled", ("ids",), shuffled),
    Fault("ids of half of the items shuffled", ("ids",), half_shuffled),
    Fault("ids shifted by one", ("ids",), by_one),
    Fault("ids of the queries shuffled", ("ids",), askers_shuffled),
    Fault("eight-bit floats", ("precision",), eight_bits),
    Fault("a byte for each number", ("precision",), bytes_of_rows),
)
