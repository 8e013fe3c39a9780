"""Why a collection does not answer as the measure does: what its vectors, metric and index show.

Nothing is taken from what the store says of itself: vectors are read back and held against those
that are due, the metric is found from the numbers, and the index is asked with more effort.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.data_types.text import counted, percent
from anglewise.data_types.typing import Array, Bool, Float, Float32, Float64, Int64
from anglewise.errors import StoreError
from anglewise.similarity_measures.formulas import unit
from anglewise.stores.exact_lists import ExactLists
from anglewise.stores.probe import metric_of_store
from anglewise.stores.reductions import Reduction, reductions
from anglewise.stores.vector_store import Metric, VectorStore

SAME, HALF, BF16 = 2.0**-21, 2.0**-10, 2.0**-7
"""How far a number may be off, in parts of the largest of its vector: float32, half, bf16."""
MOST = 0.9
"""What holds of so many of the vectors looked at is said of them."""
TRIED = (64, 256, 1024)
"""Efforts at which an index is asked again."""
GAIN = 0.5
"""More effort helps where it finds this share of what is missing."""
ALIKE: Mapping[Metric, Metric] = {"squared-euclidean": "euclidean"}


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """What came back of the ranked side, held against the vectors that are due.

    Attributes
    ----------
    there
        For each row of the ranked side whether the store gives it back.
    error
        For each row how far its numbers are off, in parts of its largest number.
    turned
        The same of vectors brought to length one.
    broken
        For each row whether a number of it is NaN or infinite.
    foreign
        How many ids came back that the space does not have; ``repeated`` how many came twice.
    sample
        Some of the vectors that are off, by row.
    """

    there: Bool[Array, " items"]
    error: Float64[Array, " items"]
    turned: Float64[Array, " items"]
    unit_length: Bool[Array, " items"]
    broken: Bool[Array, " items"]
    foreign: int
    repeated: int
    dimension: int
    sample: Mapping[int, Float32[Array, " d"]]


def stored_vectors(
    store: VectorStore, exact: ExactLists, way: Reduction, sample: int = 400
) -> StoredVectors:
    """Read all rows back, block by block."""
    items = len(exact.space.sides(exact.direction)[1])
    there, unit_length, broken = (np.zeros(items, dtype=bool) for _ in range(3))
    error, turned = np.full(items, np.nan), np.full(items, np.nan)
    foreign = repeated = 0
    kept: dict[int, Array] = {}
    dimension = way.items(np.zeros(1, dtype=np.int64)).shape[1]
    found = dimension
    for part in store.rows():
        rows = np.array([exact.row_of.get(name, -1) for name in part.ids], dtype=np.int64)
        known = rows >= 0
        foreign += int((~known).sum())
        rows, vectors = rows[known], part.vectors[known].astype(np.float64)
        repeated += int(there[rows].sum()) + len(rows) - len(np.unique(rows))
        there[rows], broken[rows] = True, ~np.isfinite(vectors).all(axis=1)
        found = part.vectors.shape[1] if len(part.ids) else found
        if found != dimension or not len(rows):
            continue
        due = way.items(rows).astype(np.float64)
        whole = np.where(np.isfinite(vectors), vectors, 0.0)
        error[rows], turned[rows] = _off(whole, due), _off(unit(whole), unit(due))
        unit_length[rows] = np.abs(np.sqrt(np.square(vectors).sum(axis=1)) - 1) < 1e-3
        off = np.flatnonzero((error[rows] > SAME) & ~broken[rows])[: sample - len(kept)]
        kept |= dict(zip(rows[off].tolist(), part.vectors[known][off], strict=True))
    return StoredVectors(there, error, turned, unit_length, broken, foreign, repeated, found, kept)


def _off(came: Float[Array, "n d"], due: Float64[Array, "n d"]) -> Float64[Array, " n"]:
    scale = np.maximum(np.abs(due).max(axis=1), 1e-30)
    return np.abs(came - due).max(axis=1) / scale


@dataclass(frozen=True, eq=False)
class LookedAt:
    """What came back of a collection, the metric that its numbers show, and what that hangs on."""

    vectors: StoredVectors
    metric: Metric
    why: str

    @classmethod
    def of(cls, store: VectorStore, exact: ExactLists, way: Reduction) -> "LookedAt":
        """Read all vectors back, and ask a few times."""
        return cls(stored_vectors(store, exact, way), *metric_of_store(store))


def reasons(
    store: VectorStore,
    exact: ExactLists,
    way: Reduction,
    effort: Mapping[str, int],
    recall: float,
    *,
    looked: LookedAt | None = None,
) -> list[str]:
    """In sentences, the gravest first: what is not as it should be; empty where nothing is."""
    out: list[str] = []
    looked = LookedAt.of(store, exact, way) if looked is None else looked
    vectors, metric, why = looked.vectors, looked.metric, looked.why
    out += _of_broken(vectors, exact)
    out += _of_dimension(vectors, way) or _of_vectors(vectors, exact, way)
    out += _of_ids(vectors, exact)
    if metric == "unknown":
        out.append(f"the metric of the store is not known: {why}")
    elif ALIKE.get(metric, metric) != way.metric and not _as_good(metric, way, vectors):
        ranks = f"the store ranks by {metric}, where {way.metric} is due ({way.name})"
        out.append(f"{ranks}: {why}" if why else ranks)
    if not out:
        out += _of_index(store, exact, way, effort, recall)
    return out


def _as_good(metric: Metric, way: Reduction, vectors: StoredVectors) -> bool:
    """Vectors of length one on both sides rank alike by all three metrics."""
    three = {"dot", "cosine", "euclidean"}
    alike = {ALIKE.get(metric, metric), way.metric} <= three
    return (
        alike
        and bool(vectors.unit_length[vectors.there].all())
        and (way.queries.unit or "euclidean" not in {ALIKE.get(metric, metric), way.metric})
    )


def _of_dimension(vectors: StoredVectors, way: Reduction) -> list[str]:
    due = way.items(np.zeros(1, dtype=np.int64)).shape[1]
    if vectors.dimension == due:
        return []
    return [f"stored vectors have {vectors.dimension} numbers, prepared ones ({way.name}) {due}"]


def _of_broken(vectors: StoredVectors, exact: ExactLists) -> list[str]:
    """Rows that no number can be computed of: first in every list of some stores, in no other's."""
    rows = np.flatnonzero(vectors.broken)
    if not len(rows):
        return []
    ids = exact.space.sides(exact.direction)[1].ids
    names = ", ".join(repr(str(ids[row])) for row in rows[:3])
    held = "holds" if len(rows) == 1 else "hold"
    what = (
        f"{counted(len(rows), 'vector')} of {vectors.there.sum():,} {held} NaN or infinite numbers"
    )
    return [f"{what}, such as {names}: a store lists them first, last or never"]


def _of_vectors(vectors: StoredVectors, exact: ExactLists, way: Reduction) -> list[str]:
    there = vectors.there & ~np.isnan(vectors.error) & ~vectors.broken
    total = int(there.sum())
    off = vectors.error > SAME
    if not total or not (off & there).any():
        return []
    if way.metric == "cosine":  # lengths do not matter
        off &= vectors.turned > SAME
        if not (off & there).any():
            return []
    wrong = int((off & there).sum())
    share = f"{wrong:,} of {total:,} vectors"
    lengths = (vectors.turned <= BF16) & vectors.unit_length & off & there
    if lengths.sum() > MOST * wrong:
        return [f"{share} came back normalised to length 1: their lengths are lost"]
    for most, kind in ((HALF, "half precision"), (BF16, "bf16 or another coarse kind")):
        if (vectors.error[there] <= most).all():
            most_off = vectors.error[there].max()
            return [f"vectors came back in {kind}: off by up to {most_off:.1g} of their largest"]
    return [_of_other_vectors(vectors, exact, way, off & there, share)]


def _of_other_vectors(
    vectors: StoredVectors,
    exact: ExactLists,
    way: Reduction,
    off: Bool[Array, " items"],
    share: str,
) -> str:
    rows = np.array([row for row in vectors.sample if off[row]], dtype=np.int64)
    if not len(rows):
        return f"{share} are not those that are due"
    came = np.array([vectors.sample[row] for row in rows.tolist()])
    if words := _known_transform(came, exact, way, rows):
        return f"{share} are {words}"
    due = way.items(rows).astype(np.float64)
    sizes = np.abs(came).max(axis=1)
    reordered = np.abs(np.sort(came, axis=1) - np.sort(due, axis=1)).max(axis=1) <= SAME * sizes
    if reordered.mean() > MOST:
        return f"{share} have their coordinates in another order"
    if _of_other_ids(came, exact, way) > MOST:
        return f"{share} stand under other ids than theirs: ids and vectors were mixed up"
    correlated = float(np.median((unit(came.astype(np.float64)) * unit(due)).sum(axis=1)))
    if off.sum() < 0.98 * vectors.there.sum():
        return (
            f"{share} are not those of the space, and the others are, as where two models, or two "
            "versions of one, are mixed"
        )
    return (
        f"{share} are not those of the space (median cosine with them {correlated:.2f}), as where "
        "another model, or another version of it, made them"
    )


def _known_transform(
    came: Float32[Array, "n d"], exact: ExactLists, way: Reduction, rows: Int64[Array, " n"]
) -> str:
    """Whether the vectors are those of the space prepared in another known way, or not at all."""
    raw = exact.space.sides(exact.direction)[1].vectors[rows]
    if raw.shape == came.shape and (_off(came, raw.astype(np.float64)) <= BF16).mean() > MOST:
        return f"those of the space as they are, not prepared ({way.name})"
    if raw.shape == came.shape:
        length = unit(raw.astype(np.float64))
        if (_off(came, length) <= BF16).mean() > MOST:
            return f"those of the space at length 1, where they should be prepared ({way.name})"
    for other in reductions(exact.measure, exact.space, exact.direction):
        due = other.items(rows).astype(np.float64)
        if other.name == way.name or due.shape != came.shape:
            continue
        if (_off(came.astype(np.float64), due) <= BF16).mean() > MOST:
            return f"prepared as for {other.name}, where {way.name} is due"
    return ""


def _of_other_ids(came: Float32[Array, "n d"], exact: ExactLists, way: Reduction) -> float:
    """Which share of some vectors is due under some other id."""
    items = len(exact.space.sides(exact.direction)[1])
    some = came[:50].astype(np.float64)
    nearest = np.full(len(some), np.inf)
    for start in range(0, items, 4096):
        rows = np.arange(start, min(start + 4096, items), dtype=np.int64)
        due = way.items(rows).astype(np.float64)
        squared = (
            np.square(some).sum(axis=1)[:, None] + np.square(due).sum(axis=1) - 2 * some @ due.T
        )
        nearest = np.minimum(nearest, squared.min(axis=1))
    lengths = np.square(some).sum(axis=1)
    return float((nearest <= 1e-6 * np.maximum(lengths, 1e-30)).mean())


def _of_ids(vectors: StoredVectors, exact: ExactLists) -> list[str]:
    out: list[str] = []
    missing = np.flatnonzero(~vectors.there)
    ranked = exact.space.sides(exact.direction)[1]
    if len(missing):
        zeros = ~ranked.vectors[missing].any(axis=1)
        names = ", ".join(repr(str(ranked.ids[row])) for row in missing[:3])
        what = "all of them zero vectors" if zeros.all() else f"such as {names}"
        out.append(f"{counted(len(missing), 'item')} of {len(ranked):,} are missing, {what}")
    if vectors.foreign:
        out.append(f"{counted(vectors.foreign, 'id')} are there that the space does not have")
    if vectors.repeated:
        out.append(f"{counted(vectors.repeated, 'row')} repeat an id")
    return out


def _of_index(
    store: VectorStore,
    exact: ExactLists,
    way: Reduction,
    effort: Mapping[str, int],
    recall: float,
) -> list[str]:
    """Vectors and metric are right: what is lost, the index loses."""
    if recall >= 1 - 1e-12:
        return []
    tried = refused = ""
    for name in reversed(store.effort_names):
        recalls, why = _with_more(store, exact, way, effort, name)
        gains = [value for value, found in recalls.items() if found - recall >= GAIN * (1 - recall)]
        if gains:
            best = max(gains, key=lambda value: (round(recalls[value], 9), -value))
            usual = effort.get(name)
            now = f"{name} {usual}" if usual else f"the store's own {name}"
            more = f"with {name} {best} it finds {percent(recalls[best])} for these queries"
            return [f"the index looks at too little at {now}: {more}"]
        tried += f", with {name} up to {max(recalls)} too" if recalls else ""
        refused = refused or why
    if not tried and refused:
        tried = f"; more effort was not tried: {refused}"
    return [f"vectors and metric are right: what answers loses what is missing{tried}"]


def _with_more(
    store: VectorStore, exact: ExactLists, way: Reduction, effort: Mapping[str, int], name: str
) -> tuple[dict[int, float], str]:
    """The recall with more of one effort, as far as the store allows it, and why no further."""
    out: dict[int, float] = {}
    for value in TRIED:
        if effort.get(name, 0) >= value:
            continue
        try:
            lists = exact.asked(store, way, {**effort, name: value}).first(by_score=False)
        except StoreError as error:  # beyond what is allowed, or not for this kind of index
            return out, str(error)
        out[value] = lists.mean_recall
        if out[value] >= 1 - 1e-12:
            break
    return out, ""


def way_of_vectors(store: VectorStore, exact: ExactLists, ways: list[Reduction]) -> Reduction:
    """The way whose vectors a collection without a manifest holds; the plainest if it holds none.

    Where several do, as where all vectors have length one, that whose metric is the store's.
    """
    part = next(store.rows(), None)
    known = [] if part is None else [i for i, name in enumerate(part.ids) if name in exact.row_of]
    if part is None or not known:
        return ways[0]
    rows = np.array([exact.row_of[part.ids[i]] for i in known], dtype=np.int64)
    came = part.vectors[known].astype(np.float64)
    fitting = [
        way
        for way in ways
        if (due := way.items(rows)).shape == came.shape
        and (_off(came, due.astype(np.float64)) <= BF16).mean() > MOST
    ]
    metric = metric_of_store(store)[0]
    for way in fitting:
        if way.metric == ALIKE.get(metric, metric):
            return way
    return (fitting or ways)[0]
