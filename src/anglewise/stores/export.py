"""Carry a measure into a store: prepare the vectors, fill a new collection, measure, and choose.

Which preparation survives an index cannot be known beforehand: so each way that is exact in exact
arithmetic is written, asked with the user's queries and compared with exact lists, until one
reaches the recall that is wanted. The collection takes its name only then.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Literal, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.conversion import check_direction, is_missing
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import COUNT, SEED, SHARE, check_flag, check_kind, check_word
from anglewise.data_types.stored_lengths import LENGTH
from anglewise.data_types.text import Say, counted, quiet
from anglewise.data_types.typing import Array, Direction, Float32, Float64
from anglewise.errors import CollectionExistsError, NoCollectionError, StoreError
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure
from anglewise.stores.address import KINDS, Address, read_address
from anglewise.stores.exact_lists import ExactLists, queries_to_ask, reaches
from anglewise.stores.folders import check_nothing_else
from anglewise.stores.known_rows import KnownRows
from anglewise.stores.manifest import Fingerprint, Manifest
from anglewise.stores.query_transform import QueryTransform
from anglewise.stores.reductions import Reduction, reductions
from anglewise.stores.vector_store import (
    Layout,
    Metric,
    RefusedVectorsError,
    VectorStore,
    open_store,
    store_class,
)

MIN_RECALL, K = 0.98, 10
RAW = "anglewise_vector"
"""Where the vector that was given stands beside what is known."""
HASHED, NEAR = 8_192, 256
"""Rows that are looked at at once to name a content, and to measure lengths."""
RERANKED = 5
"""So many times ``k`` items are taken and re-ranked exactly, where nothing else is enough."""


@dataclass(frozen=True)
class Attempt:
    """One way that was written and measured, with one effort of the search."""

    way: str
    metric: str
    effort: Mapping[str, int]
    oversample: int
    recall: float
    recall_low: float


@dataclass(frozen=True, eq=False)
class Export:
    """A collection that was filled, and what was measured of it.

    Attributes
    ----------
    address, measure, direction
        Where it is, what it ranks by, and who asks whom.
    way, metric
        How vectors were prepared, and the store's metric under which they rank.
    effort, oversample
        The parameters to search with; of ``oversample`` times ``k`` items the exactly nearest.
    recall, recall_low, k, queries
        The share of the exact lists that it lists, up to ties; what that is at least over queries
        like these, at 95% for all attempts together.
    proven
        Whether the store itself was asked; of files for a server the recall is that of a scan of
        them by the formula which the server's documentation gives.
    attempts
        All that was tried, that which was taken last.
    transform
        What to do to a query.
    notes
        How the queries were drawn, where figures are weighed by it.
    """

    address: str
    measure: str
    direction: str
    way: str
    metric: str
    effort: Mapping[str, int]
    oversample: int
    recall: float
    recall_low: float
    k: int
    queries: int
    count: int
    dimension: int
    index: str
    min_recall: float
    proven: bool
    attempts: tuple[Attempt, ...]
    transform: QueryTransform = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        content = {name: value for name, value in vars(self).items() if name != "transform"}
        recall, low = content.pop("recall"), content.pop("recall_low")
        return {
            f"recall@{self.k}": recall,
            f"recall@{self.k}_low": low,
            **content,
            "effort": dict(self.effort),
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "transform": self.transform.digest,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class _Order:
    """What is to be exported, whereto, and how."""

    address: Address
    exact: ExactLists
    index: Literal["graph", "scan"]
    min_recall: float
    metadata: bool
    keep: Literal["length", "vector", "nothing"]
    resume: bool
    seed: int
    say: Say

    @property
    def kind(self) -> Any:
        """The class that stands for the store."""
        return store_class(self.address.kind)

    @property
    def ranked(self) -> Embeddings:
        """What is written."""
        return self.exact.space.sides(self.exact.direction)[1]


def export(
    space: Space,
    measure: str | Measure,
    to: str | Address,
    *,
    direction: Direction | None = None,
    judgements: Judgements | None = None,
    index: Literal["graph", "scan"] = "graph",
    min_recall: float = MIN_RECALL,
    k: int = K,
    replace: bool = False,
    resume: bool = False,
    metadata: bool = True,
    keep: Literal["length", "vector", "nothing"] = "length",
    seed: int = 0,
    say: Say = quiet,
) -> Export:
    """Fill a collection that ranks as a measure does, and measure it before it takes its name.

    Parameters
    ----------
    space
        Its ranked side is written; its queries measure the collection.
    measure
        A spelling or a measure.
    to
        The address. What is there is left alone until the new collection is measured.
    direction
        Who asks whom; by default as in :func:`anglewise.search`.
    judgements
        Their queries measure it; else up to 200 are drawn.
    index
        ``graph`` for the store's graph index; ``scan`` for none, which is exact and slow.
    min_recall
        What the recall on these queries must reach; what it is at least is told beside.
    replace
        Take the place of a collection that is there.
    resume
        Go on with an export of the same content that was ended in the middle.
    metadata
        Whether what is known of items goes along.
    keep
        What goes along of the vectors as they were: their ``length``, the ``vector``, ``nothing``.

    Raises
    ------
    SpellingError
        A measure that no metric of a store ranks as.
    StoreError
        The store cannot be reached, has something under the name, lacks every metric that would
        do, or no way reaches ``min_recall``: then nothing was changed.
    """
    check_kind(space, Space, "the space", "a Space")
    COUNT.check("k", k)
    SEED.check("seed", seed)
    if direction is not None:
        check_direction(direction)
    if judgements is not None:
        check_kind(judgements, Judgements, "the judgements", "Judgements")
    flags = {"replace": replace, "resume": resume, "metadata": metadata}
    for name, flag in flags.items():
        check_flag(flag, name)
    SHARE.check("min_recall", min_recall)
    check_word(index, ("graph", "scan"), "index")
    check_word(keep, ("length", "vector", "nothing"), "keep")
    address, named = read_address(to), read_measure(measure)
    own = judgements.direction if judgements is not None else None
    chosen: Any = direction or own or ("items-items" if space.one_sided else "queries-items")
    store_class(address.kind).check_name(address)
    _check_free(address, replace)
    judged = None if judgements is None else judgements.judged_rows.tolist()
    rows = queries_to_ask(space, chosen, judged, seed)
    exact = ExactLists.of(space, named, chosen, rows, k, judgements=judgements)
    order = _Order(address, exact, index, min_recall, metadata, keep, resume, seed, say)
    attempts: list[Attempt] = []
    refused: list[str] = []
    for way, metric in _ways(order):
        try:
            store = _filled(order, way, metric)
        except RefusedVectorsError as error:
            refused.append(f"{way.name}: {error}")
            say(refused[-1])
            continue
        done = False
        try:
            attempts += _measured(order, store, way, metric, before=len(attempts))
            best = attempts[-1]
            done = reaches(best.recall, min_recall)
            if done:
                return _published(order, store, way, attempts)
        finally:
            if not done:
                with suppress(StoreError):
                    store.drop()
            store.close()
        say(f"{way.name}: recall@{exact.k} {best.recall:.3f}, too little")
    if not attempts:
        raise StoreError(f"no way to {named} in {address.kind}: {'; '.join(refused)}")
    best = max(attempts, key=lambda attempt: attempt.recall)
    raise StoreError(
        f"no way to {named} in {address.kind} reaches a recall@{exact.k} of {min_recall:g} on "
        f"{counted(len(rows), 'query', 'queries')}: the best, {best.way}, is at {best.recall:.3f}; "
        "take another store, index scan, or a lower min_recall. Nothing was changed"
    )


def _ways(order: _Order) -> list[tuple[Reduction, Metric]]:
    """The ways that the store has a metric for; ``StoreError`` where there is none."""
    exact, supported = order.exact, order.kind.supported
    ways: list[tuple[Reduction, Metric]] = [
        (way, metric)
        for way in reductions(exact.measure, exact.space, exact.direction)
        if (metric := way.word(supported)) and not (way.scan_only and order.index == "graph")
    ]
    if not ways:
        raise StoreError(
            f"{order.address.kind} ranks by {', '.join(supported)}, and {exact.measure} can be had "
            f"by none of them{' in a graph index' if order.index == 'graph' else ''}"
        )
    return ways


def _check_free(address: Address, replace: bool) -> None:
    """Raise ``StoreError`` where something is under the name, and nobody said to replace it."""
    try:
        store = open_store(address)
    except NoCollectionError:
        check_nothing_else(address)
        return
    with store:
        count = store.described().count
        if replace:
            store.check_replaceable()
    if not replace:
        raise StoreError(
            f"{address} is there, with {counted(count, 'vector')}: take another name, or say that "
            "it is to be replaced (--replace)"
        )


def _filled(order: _Order, way: Reduction, metric: Metric) -> VectorStore:
    """A new collection beside the one of the name, with all rows in it."""
    ranked, kind = order.ranked, order.kind
    first = way.items(np.zeros(1, dtype=np.int64))
    layout = Layout(first.shape[1], metric, order.index)
    address = beside = order.address
    if KINDS[address.kind].has_name:  # else it is in memory until it has its place
        beside = address.called(f"{address.name}__{_content(order, way, layout)}")
    written = 0
    try:
        store = kind.create(beside, layout)
    except CollectionExistsError as error:
        if not order.resume:
            raise StoreError(
                f"{beside} is there: another export of the same content runs, or was ended in the "
                "middle; wait for it, or go on where it stopped (--resume)"
            ) from error
        store = kind.reopen(beside, layout)
        there = store.described().count
        # all of a call or none of it is there, and the last call was of fewer rows
        written = there if there == len(ranked) else there // store.batch * store.batch
        order.say(f"{way.name}: {written:,} of {len(ranked):,} vectors were written before")
    else:
        if order.resume:
            order.say(f"{way.name}: nothing was left to go on with, so all is written")
    names = ranked.metadata_columns if order.metadata else []
    columns = {name: column(ranked, name) for name in names}
    try:
        for start in range(written, len(ranked), store.batch):
            part = slice(start, min(start + store.batch, len(ranked)))
            store.add(
                list(map(str, ranked.ids[part].tolist())),
                way.items(np.arange(part.start, part.stop, dtype=np.int64)),
                _known(order, columns, part),
            )
        store.finish()
    except BaseException as error:
        if isinstance(error, RefusedVectorsError):  # to be written in another way
            store.drop()
        store.close()
        raise
    return store


def _content(order: _Order, way: Reduction, layout: Layout) -> str:
    """Names what is written: vectors, ids, the way, and whether what is known goes along."""
    checksum, ranked = hashlib.sha256(), order.ranked
    checksum.update(f"{way.name} {layout.metric} {layout.index} {way.queries.digest}".encode())
    checksum.update(f" {order.keep} {order.metadata}".encode())
    for start in range(0, len(ranked), HASHED):
        part = slice(start, start + HASHED)
        checksum.update(np.ascontiguousarray(ranked.vectors[part]).data)
        names = "\0".join(map(str, ranked.ids[part].tolist()))
        checksum.update(names.encode("utf-8", "surrogatepass") + b"\0")
    return checksum.hexdigest()[:12]


def _known(order: _Order, columns: Mapping[str, list[Any]], part: slice) -> KnownRows:
    """What is known of some rows, in plain types."""
    x = order.ranked.vectors[part]
    known: dict[str, Any] = {n: [*map(_plain, cells[part])] for n, cells in columns.items()}
    if order.keep == "length":
        known[LENGTH] = _lengths(x)
    elif order.keep == "vector":
        known[RAW] = x.tolist()
    return KnownRows(len(x), known)


def _lengths(x: Float32[Array, "rows d"]) -> Float64[Array, " rows"]:
    """Summed in float64, in blocks that a processor keeps near."""
    out = np.empty(len(x))
    for start in range(0, len(x), NEAR):
        block = x[start : start + NEAR].astype(np.float64)
        out[start : start + NEAR] = np.vecdot(block, block)
    return np.sqrt(out)


def _plain(cell: Any) -> Any:
    if is_missing(cell):
        return None
    if isinstance(cell, np.generic):
        return _plain(cell.item())
    if isinstance(cell, list | tuple):
        return [_plain(part) for part in cast("list[Any]", cell)]
    return cell if isinstance(cell, str | int | float | bool) else str(cell)


def _measured(
    order: _Order, store: VectorStore, way: Reduction, metric: Metric, *, before: int
) -> list[Attempt]:
    """Recall at the store's own effort, at more, then with exact re-ranking; the last is best.

    So many attempts were made ``before``: the one that is taken is the first whose recall suffices.
    """
    exact = order.exact
    ladder: list[tuple[Mapping[str, int], int]] = [({}, 1)]
    if order.index == "graph" and store.described().index != "scan":
        ladder += [(effort, 1) for effort in store.ladder]
        ladder.append((store.ladder[-1] if store.ladder else {}, RERANKED))
    out: list[Attempt] = []
    for effort, oversample in ladder:
        lists = exact.asked(store, way, effort, oversample).first(by_score=oversample > 1)
        recall, low = lists.bounds(order.seed, attempt=before + len(out) + 1)
        out.append(Attempt(way.name, metric, effort, oversample, recall, low))
        if reaches(recall, order.min_recall):
            return out
    best = max(range(len(out)), key=lambda i: out[i].recall)
    return [*out[:best], *out[best + 1 :], out[best]]


def _published(
    order: _Order, store: VectorStore, way: Reduction, attempts: list[Attempt]
) -> Export:
    """Let the manifest travel with the collection, and give it its name."""
    exact, address, min_recall = order.exact, order.address, order.min_recall
    best, about = attempts[-1], store.described()
    written = Fingerprint.of(store.rows())
    count = written.count
    manifest = Manifest(
        measure=str(exact.measure),
        direction=exact.direction,
        way=way.name,
        metric=best.metric,
        dimension=about.dimension,
        count=count,
        transform=way.queries.digest,
        ids=written.ids,
        sum=written.sum,
        slack=written.slack,
        effort=dict(best.effort),
        oversample=best.oversample,
        recall=best.recall,
        recall_low=best.recall_low,
        k=exact.k,
        queries=len(exact.rows),
        version=version("anglewise"),
    )
    store.write_manifest(manifest.to_text())
    store.take_place(address)
    return Export(
        address=str(address),
        measure=manifest.measure,
        direction=manifest.direction,
        way=way.name,
        metric=best.metric,
        effort=manifest.effort,
        oversample=best.oversample,
        recall=best.recall,
        recall_low=best.recall_low,
        k=exact.k,
        queries=len(exact.rows),
        count=count,
        dimension=about.dimension,
        index=about.index,
        min_recall=min_recall,
        proven=not store.unasked,
        attempts=tuple(attempts),
        transform=way.queries,
        notes=(exact.draw_words,) if exact.draw_words else (),
    )
