"""Which distance does a store really compute? Asked, not read from its settings."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.numbers import COUNT, SEED, check_flag, described, shown
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float32, Float64
from anglewise.errors import (
    AnglewiseError,
    SpellingError,
    StoreError,
    ValuesError,
    WrongTypeError,
    reason,
)
from anglewise.stores.address import Address, hidden, is_address
from anglewise.stores.identify import (
    EXACT,
    TIMES,
    Identified,
    directions_to_ask,
    from_lengths,
    from_vectors,
)
from anglewise.stores.planted_collection import UNIT, tried
from anglewise.stores.search_endpoint import SearchEndpoint, is_endpoint
from anglewise.stores.vector_store import (
    Described,
    Listed,
    Metric,
    VectorStore,
    open_store,
)

SearchFunction: TypeAlias = Callable[[Any, int], Any]
"""Gives for one vector and a number of items pairs of an id and a number, in its order."""
QUERIES, DEPTH, SAMPLE = 6, 32, 512
"""How many queries are asked, how many items of each are looked at, how many rows are read."""
MOST_NUMBERS = 1 << 17
"""Numbers of a vector: twice as many as any of these stores indexes."""
UNNAMED = "the collection names no metric: this is what a question gets that names none either"
UNTRIED = "without a test collection (--scratch) the rest is not known"


@dataclass(frozen=True)
class Probe:
    """What a collection, or a function that searches, was seen to compute.

    Attributes
    ----------
    metric
        ``dot``, ``cosine``, ``euclidean``, ``squared-euclidean``, ``manhattan``, or ``unknown``.
    shown_as
        How the number is made of it: ``1 - the inner product``; "" where that is not known.
    nearer
        Whether the lists run from ``larger`` numbers to smaller or from ``smaller`` to larger;
        ``unknown`` where they do neither.
    evidence
        What was tested, and what it showed.
    of_vectors
        Whether numbers were held against the vectors themselves. Else only that was seen how they
        move with the length of a query, which is the same for other vectors under this metric,
        and for other formulas that move so: for ``cosine`` whatever depends on the direction alone.
    off_by
        How far the numbers are at most from those of the metric, in parts of the largest; None
        where no metric is named. Above 1e-4 they are no exact figures of it.
    normalises
        Whether lengths are lost: ``on write``, ``no``, or ``unknown`` and why.
    zero_vector, precision, ties
        What a test collection showed; ``unknown`` without one.
    index
        ``scan``, the index that answers, or ``unknown``, from metadata or a plan of the query.
    address, store, says
        What was asked, and the metric in the store's own word; "" of a function.
    dimension, count
        Of the vectors; None where nothing says it.
    notes
        Further sentences.

    Examples
    --------
    >>> items = np.random.default_rng(0).normal(size=(50, 4))
    >>> def ask(vector, k):
    ...     distances = ((items - vector) ** 2).sum(axis=1)
    ...     return [(str(i), distances[i]) for i in distances.argsort()[:k]]
    >>> found = probe(ask, dimension=4)
    >>> found.metric, found.shown_as, found.nearer
    ('squared-euclidean', 'the squared distance', 'smaller')
    """

    metric: Metric
    shown_as: str
    nearer: Literal["larger", "smaller", "unknown"]
    evidence: str
    of_vectors: bool = True
    off_by: float | None = None
    normalises: str = "unknown"
    zero_vector: str = "unknown"
    precision: str = "unknown"
    ties: str = "unknown"
    index: str = "unknown"
    address: str = ""
    store: str = ""
    says: str = ""
    dimension: int | None = None
    count: int | None = None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def probe(
    target: "str | Address | VectorStore | SearchFunction | Any",
    *,
    dimension: int | None = None,
    scratch: bool = False,
    seed: int = 0,
) -> Probe:
    """Find out which metric a store or a function that searches computes, by asking it.

    Queries are drawn and asked, some of them at several lengths. Where the store gives vectors
    back, every known form of every metric is computed from them and held against the numbers;
    where it does not, the numbers themselves tell, by how they move with the length of a query.

    Parameters
    ----------
    target
        An address (``qdrant://host/films``), a :class:`VectorStore`, a function of a vector and
        ``k`` that gives pairs of an id and a number in its order, a vector store of LangChain, or
        the ``http://`` address of a server that is posted ``{"vector": [...], "k": 32}`` and gives
        a list of ``{"id": ..., "score": ...}``; other forms: ``SearchEndpoint``.
    dimension
        How many numbers a vector has: needed for a function, refused for a store, which knows.
    scratch
        Write at most 16 vectors into an empty collection with the same settings, under a name of
        our own, and remove it again: tells what becomes of lengths, of a zero vector, of digits,
        and of ties. Collections that an earlier test left are removed too.
    seed
        Draws the queries.

    Raises
    ------
    SpellingError
        An address or option that cannot be read.
    StoreError
        The store cannot be reached, is empty, or the function fails.
    """
    check_flag(scratch, "scratch")
    SEED.check("seed", seed)
    if isinstance(target, str) and is_endpoint(target):
        target = SearchEndpoint(target)
    if isinstance(target, Address) or (isinstance(target, str) and is_address(target)):
        with open_store(target) as store:
            return _probe_store(store, dimension, scratch, seed)
    if isinstance(target, VectorStore):
        return _probe_store(target, dimension, scratch, seed)
    if isinstance(target, str):
        raise SpellingError(
            f"{shown(hidden(target))!r} is no address of a store: write lancedb:///folder/table"
        )
    if scratch:
        raise SpellingError("a function that searches cannot be written to: leave scratch out")
    if dimension is None:
        raise SpellingError("how many numbers has a vector? Give dimension (--dimension)")
    COUNT.check("dimension", dimension)
    if dimension > MOST_NUMBERS:
        raise ValuesError(
            f"dimension={dimension:,}: vectors of at most {MOST_NUMBERS:,} numbers are asked with"
        )
    return _probe_function(_function_of(target), dimension, seed)


def _function_of(target: Any) -> SearchFunction:
    """The function itself, or the one that a vector store of LangChain has."""
    by_vector = getattr(target, "similarity_search_with_score_by_vector", None)
    if by_vector is not None:

        def ask(vector: Any, k: int) -> list[tuple[str, float]]:
            found = by_vector(vector.tolist(), k=k)
            return [(_name(document), float(score)) for document, score in found]

        return ask
    if not callable(target):
        raise WrongTypeError(
            f"{described(target)} came where an address, a function of a vector and k, or a vector "
            "store with similarity_search_with_score_by_vector is due"
        )
    return target


def _name(document: Any) -> str:
    own = getattr(document, "id", None)
    return str(getattr(document, "page_content", document) if own is None else own)


def _probe_function(ask: SearchFunction, dimension: int, seed: int) -> Probe:
    rng = np.random.default_rng([seed, 17])
    directions = directions_to_ask(rng, dimension)
    lists = [[_asked(ask, t * u) for t in TIMES] for u in directions]
    descending = _descending([one for each in lists for one in each])
    found = from_lengths(directions, [[dict(one) for one in each] for each in lists], descending)
    notes = () if len(set(map(len, lists[0]))) == 1 else ("lists are of several lengths",)
    address = ask.url if isinstance(ask, SearchEndpoint) else ""
    return Probe(*_told(found, descending), address=address, dimension=dimension, notes=notes)


def _asked(ask: SearchFunction, vector: Float64[Array, " d"]) -> list[tuple[str, float]]:
    try:
        pairs = list(ask(vector.astype(np.float32), DEPTH))
        return [(str(name), float(number)) for name, number in pairs]
    except AnglewiseError:
        raise
    except Exception as error:
        raise StoreError(
            f"the function failed, or gave no pairs of an id and a number: {reason(error)}"
        ) from error


def _descending(lists: Sequence[Sequence[tuple[str, float]]]) -> bool | None:
    """Whether numbers fall along all lists (True), grow (False), or do neither everywhere."""
    steps = [np.diff([n for _, n in one]) for one in lists if len(one) > 1]
    moved = np.concatenate([step[step != 0] for step in steps]) if steps else np.zeros(0)
    if not len(moved) or (not (moved < 0).all() and not (moved > 0).all()):
        return None
    return bool(moved[0] < 0)


def _told(
    found: Identified, descending: bool | None
) -> tuple[Metric, str, Any, str, bool, float | None]:
    nearer = {True: "larger", False: "smaller", None: "unknown"}[descending]
    if found.metric == "unknown":
        return "unknown", "", nearer, found.reason, found.of_vectors, None
    words = " or ".join(form.words for form in found.forms)
    return found.metric, words, nearer, found.reason, found.of_vectors, found.error


def _probe_store(store: VectorStore, dimension: int | None, scratch: bool, seed: int) -> Probe:
    if dimension is not None:
        raise SpellingError("a store knows how many numbers its vectors have: leave dimension out")
    if store.unasked:
        raise StoreError(f"{store.address}: {store.unasked}")
    about = store.described()
    if not about.count:
        raise StoreError(f"{store.address} is empty: nothing can be asked of it")
    if about.dimension > MOST_NUMBERS:
        raise StoreError(
            f"{store.address} says that a vector has {about.dimension:,} numbers, and at most "
            f"{MOST_NUMBERS:,} are asked: it is no collection of embeddings"
        )
    found, known, descending = _asked_store(store, about, seed)
    lengths = np.sqrt(np.square(known.astype(np.float64)).sum(axis=1))
    plain = Probe(
        *_told(found, descending),
        normalises=_of_lengths(lengths),
        index=about.index,
        address=str(store.address),
        store=about.store,
        says=about.metric,
        dimension=about.dimension,
        count=about.count,
        notes=(UNNAMED,) if not about.metric else (),
    )
    if not scratch:
        return replace(plain, notes=(*plain.notes, UNTRIED))
    told = tried(store, about.dimension)
    return replace(plain, **{**told, "notes": (*plain.notes, *told["notes"])})


def metric_of_store(store: VectorStore) -> tuple[Metric, str]:
    """The metric by which a collection ranks, and what it hangs on; empty where it is exact."""
    found, _, _ = _asked_store(store, store.described(), 0)
    exact = found.metric != "unknown" and found.of_vectors and found.error <= EXACT
    return found.metric, "" if exact else found.reason


def _asked_store(
    store: VectorStore, about: Described, seed: int
) -> tuple[Identified, Float32[Array, "n d"], bool | None]:
    """What numbers tell of the metric, vectors that were listed, and whether numbers fall."""
    sample = next(store.rows(SAMPLE), None)
    vectors = np.zeros((0, about.dimension), np.float32) if sample is None else sample.vectors
    rng = np.random.default_rng([seed, 17])
    queries = _queries(rng, vectors, about.dimension)
    lists = store.search(queries, min(DEPTH, about.count))
    descending = _descending(lists)
    found, known = _by_vectors(store, queries, lists, descending)
    if found.metric == "unknown":
        found = _by_lengths(store, rng, about, descending, found)
    return found, known, descending


def _queries(
    rng: np.random.Generator, vectors: Float32[Array, "rows d"], dimension: int
) -> Float32[Array, "q d"]:
    """Queries of several lengths, half of them near to what is stored."""
    drawn = rng.normal(size=(QUERIES, dimension))
    if len(vectors):
        near = vectors[rng.integers(len(vectors), size=QUERIES // 2)].astype(np.float64)
        size = np.sqrt(np.square(vectors, dtype=np.float64).mean()) or 1.0
        drawn *= size
        drawn[: len(near)] = near + 0.3 * drawn[: len(near)]
    lengths = np.array([0.5, 1.0, 2.0])[np.arange(QUERIES) % 3]
    return (drawn * lengths[:, None]).astype(np.float32)


def _by_vectors(
    store: VectorStore, queries: Float32[Array, "q d"], lists: Listed, descending: bool | None
) -> tuple[Identified, Float32[Array, "n d"]]:
    """What the vectors that the store gives back explain."""
    names = {name for one in lists for name, _ in one}
    vectors = store.vectors_of(sorted(names))
    pairs = [
        (query, vectors[name], number)
        for query, one in zip(queries, lists, strict=True)
        for name, number in one
        if name in vectors
    ]
    if not pairs:
        none = Identified("unknown", (), np.inf, "the store gives no vectors back")
        return none, np.zeros((0, queries.shape[1]), np.float32)
    q, x, numbers = (np.array(part, dtype=np.float64) for part in zip(*pairs, strict=True))
    return from_vectors(q, x, numbers, descending), np.array(list(vectors.values()))


def _by_lengths(
    store: VectorStore,
    rng: np.random.Generator,
    about: Described,
    descending: bool | None,
    before: Identified,
) -> Identified:
    directions = directions_to_ask(rng, about.dimension)
    k = min(4 * DEPTH, about.count)
    shown = [
        [dict(one) for one in store.search((np.array(TIMES)[:, None] * u).astype(np.float32), k)]
        for u in directions
    ]
    found = from_lengths(directions, shown, descending)
    return found if found.metric != "unknown" or not before.numbers else before


def _of_lengths(lengths: Float64[Array, " n"]) -> str:
    if not len(lengths):
        return "unknown: the store gives no vectors back"
    if not lengths.any():
        return f"unknown: the {counted(len(lengths), 'vector')} looked at are zero"
    if (np.abs(lengths[lengths > 0] - 1) < UNIT).all():
        return (
            f"unknown: the {counted(len(lengths), 'vector')} looked at are of length 1, made so by "
            "the store or before"
        )
    return (
        f"no: the {counted(len(lengths), 'vector')} looked at have lengths from "
        f"{lengths.min():.3g} to {lengths.max():.3g}"
    )
