"""Recall, latency and memory of a collection over the parameters of its search and its index."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import ceil, sqrt
from typing import Any

import numpy as np

from anglewise.data_types.conversion import check_direction
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import COUNT, SEED, SHARE, check_flag, check_kind
from anglewise.data_types.text import Say, listed, quiet
from anglewise.data_types.typing import Array, Direction, Float32, Float64
from anglewise.errors import SpellingError, StoreError, ValuesError
from anglewise.nearest_neighbours.index import Index
from anglewise.similarity_measures.formulas import Measure
from anglewise.stores.address import Address
from anglewise.stores.exact_lists import ExactLists, at_least, mean_recall, reaches
from anglewise.stores.manifest import Manifest, manifest_of
from anglewise.stores.reductions import Reduction
from anglewise.stores.vector_store import (
    SCRATCH,
    Layout,
    VectorStore,
    open_store,
    store_class,
)
from anglewise.stores.verify import StoreQuestion, check_dimension, due_lists

MIN_RECALL, RUNS = 0.98, 3
TIMED = 40
"""So many queries are timed, one at a time."""
MOST_BUILDS = 24
"""So many indices are built at most."""


@dataclass(frozen=True)
class TunedSetting:
    """One way to build and to ask, and what was measured of it.

    Attributes
    ----------
    build
        Parameters of an index that was built for the test; empty for the collection as it is.
    effort, oversample
        Parameters of the search; of ``oversample`` times ``k`` items the exactly nearest.
    recall, recall_low
        Mean share of the exact lists, up to ties, and what it is at least over queries like these:
        the lower ends of all settings hold together at 95%.
    milliseconds, slow
        Median over queries and runs of one query asked alone, and the 95% point.
    stored_bytes
        Of the collection with its index; None if the store does not say.
    built_in
        Seconds that filling and building took.
    on_front
        Whether no other setting is as good in all and better in one of recall, median and bytes.
    """

    build: Mapping[str, int]
    effort: Mapping[str, int]
    oversample: int
    recall: float
    recall_low: float
    milliseconds: float
    slow: float
    stored_bytes: int | None = None
    built_in: float | None = None
    on_front: bool = False


@dataclass(frozen=True)
class Tuning:
    """What settings of a collection cost and keep, as measured on this machine.

    Attributes
    ----------
    settings
        All that were measured, the collection as it is first.
    chosen
        The fastest that reaches ``min_recall`` on these queries; None if none does.
    as_it_is
        The same among settings of the collection that is there, without building anew.
    scan_milliseconds
        Median of one query in an exact scan of the same vectors by anglewise, in this process.
    """

    address: str
    measure: str
    direction: str
    way: str
    index: str
    count: int
    dimension: int
    k: int
    queries: int
    timed: int
    runs: int
    min_recall: float
    settings: tuple[TunedSetting, ...]
    chosen: TunedSetting | None
    as_it_is: TunedSetting | None
    scan_milliseconds: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        named = {
            "settings": [asdict(setting) for setting in self.settings],
            "chosen": None if self.chosen is None else asdict(self.chosen),
            "as_it_is": None if self.as_it_is is None else asdict(self.as_it_is),
            "notes": list(self.notes),
        }
        return {**vars(self), **named}


def tune(
    address: "str | Address | VectorStore",
    space: Space,
    measure: str | Measure | None = None,
    *,
    direction: Direction | None = None,
    judgements: Judgements | None = None,
    k: int = 10,
    min_recall: float = MIN_RECALL,
    runs: int = RUNS,
    scratch: bool = False,
    seed: int = 0,
    say: Say = quiet,
) -> Tuning:
    """Measure recall, latency and memory over the parameters of a collection's search.

    Every setting is asked with the same queries; its lists are held against the exact ones, as
    :func:`anglewise.verify` does. Then queries are asked one at a time, all settings in turn, and
    timed. Times are those of this machine, of this program's way to the store, and of what else
    runs meanwhile.

    Parameters
    ----------
    address
        The collection.
    space
        The items that it holds, and the queries that ask.
    measure, direction
        What it ranks by; by default as its manifest says.
    judgements
        Their queries ask; else up to 200 are drawn.
    k
        How long the lists are.
    min_recall
        The recall that the chosen setting must reach on these queries.
    runs
        How often each query is timed.
    scratch
        Also build indices with other parameters, in collections of our own, which are removed.

    Raises
    ------
    SpellingError
        No measure is named and no manifest names one; or ``scratch`` where the store has no
        parameters of an index.
    ValuesError
        Judgements of pairs that were drawn by lot.
    StoreError
        The store cannot be reached, or is empty.
    """
    check_kind(space, Space, "the space", "a Space")
    for name, number in {"k": k, "runs": runs}.items():
        COUNT.check(name, number)
    SEED.check("seed", seed)
    SHARE.check("min_recall", min_recall)
    check_flag(scratch, "scratch")
    if direction is not None:
        check_direction(direction)
    if judgements is not None:
        check_kind(judgements, Judgements, "the judgements", "Judgements")
        if judgements.by_lot:
            raise ValuesError(
                "pairs of these judgements were drawn by lot from other lists, and say nothing of "
                "what a store lists: leave them out"
            )
    asked = StoreQuestion(space, measure, direction, judgements, "", k, min_recall, seed)
    if isinstance(address, VectorStore):
        return _tuned(address, asked, runs, scratch, say)
    with open_store(address) as store:
        return _tuned(store, asked, runs, scratch, say)


@dataclass(frozen=True, eq=False)
class _Bench:
    """The queries that every setting is measured with."""

    exact: ExactLists
    way: Reduction
    timed: Float32[Array, "timed _"]
    runs: int
    seed: int
    attempts: int

    def measured(
        self, store: VectorStore, efforts: list[tuple[Mapping[str, int], int]], notes: list[str]
    ) -> list[TunedSetting]:
        """Recall and times of some efforts, in the order given; refused ones are noted."""
        found: list[TunedSetting] = []
        for effort, oversample in efforts:
            try:
                lists = self.exact.asked(store, self.way, effort, oversample)
            except StoreError as error:
                notes.append(f"{in_words(effort)} was refused ({error})")
                continue
            recall = lists.first(by_score=oversample > 1).recall
            low = at_least(recall, self.seed, self.attempts, self.exact.weights)
            mean = mean_recall(recall, self.exact.weights)
            found.append(TunedSetting({}, dict(effort), oversample, mean, low, 0.0, 0.0))
        depth = self.exact.k + self.exact.one_sided
        asking: list[Callable[[Array], object]] = [
            lambda query, s=setting: store.search(query, depth * s.oversample, s.effort or None)
            for setting in found
        ]
        times = timed_in_turn(asking, self.timed, self.runs)
        return [
            replace(
                setting,
                milliseconds=float(np.median(row)),
                slow=float(np.quantile(row, 0.95)),
            )
            for setting, row in zip(found, times, strict=True)
        ]


def timed_in_turn(
    asking: list[Callable[[Array], object]], queries: Float32[Array, "q _"], runs: int
) -> Float64[Array, "settings asked"]:
    """Milliseconds of each query asked alone; settings take turns, so that noise meets them all."""
    times = np.empty((len(asking), runs, len(queries)))
    for run in range(runs):
        for place in range(len(queries)):
            query = queries[place : place + 1]
            for setting, ask in enumerate(asking):
                start = time.perf_counter()
                ask(query)
                times[setting, run, place] = 1000 * (time.perf_counter() - start)
    return times.reshape(len(asking), runs * len(queries))


def _tuned(store: VectorStore, asked: StoreQuestion, runs: int, scratch: bool, say: Say) -> Tuning:
    if store.unasked:
        raise StoreError(f"{store.address}: {store.unasked}")
    manifest, about = manifest_of(store), store.described()
    if not about.count:
        raise StoreError(f"{store.address} is empty")
    exact, way = due_lists(store, asked, manifest)
    check_dimension(store, about.dimension, exact, way)
    if scratch and not store.build_parameters:
        raise SpellingError(
            f"{store.address} has no parameters of an index to build with: leave scratch out"
        )
    queries = exact.queries(way)
    some = np.random.default_rng([asked.seed, 31]).permutation(len(queries))[:TIMED]
    efforts = _efforts(store, about.index, manifest)
    builds = _builds(store) if scratch else []
    count = len(efforts) + len(builds) * (1 + len(store.efforts()))
    attempts = ceil((sqrt(1 + 4 * count) - 1) / 2)  # i (i + 1) is at least so many settings
    bench = _Bench(exact, way, queries[np.sort(some)], runs, asked.seed, attempts)
    notes = [exact.draw_words] if exact.draw_words else []
    settings = bench.measured(store, efforts, notes)
    settings = [replace(one, stored_bytes=store.stored_bytes()) for one in settings]
    if about.index == "scan":
        notes.append("the store scans, so that no parameter of a search changes its lists")
    for build in builds:
        say(f"building {in_words(build)}")
        settings += _built(store, bench, build, notes)
    settings = _with_front(settings)
    least = asked.min_recall or 0.0
    enough = [one for one in settings if reaches(one.recall, least)]
    own = [one for one in enough if not one.build]
    return Tuning(
        address=str(store.address),
        measure=str(exact.measure),
        direction=exact.direction,
        way=way.name,
        index=about.index,
        count=about.count,
        dimension=about.dimension,
        k=exact.k,
        queries=len(exact.rows),
        timed=len(bench.timed),
        runs=runs,
        min_recall=least,
        settings=tuple(settings),
        chosen=min(enough, key=lambda one: one.milliseconds, default=None),
        as_it_is=min(own, key=lambda one: one.milliseconds, default=None),
        scan_milliseconds=_scan(bench),
        notes=tuple(notes),
    )


def _efforts(
    store: VectorStore, index: str, manifest: Manifest | None
) -> list[tuple[Mapping[str, int], int]]:
    """The store's own effort, that of the manifest, and those that are tried."""
    out: list[tuple[Mapping[str, int], int]] = [({}, 1)]
    if manifest is not None:
        out.append((manifest.effort, manifest.oversample))
    if index != "scan":
        out += [(effort, 1) for effort in store.efforts()]
    return [entry for place, entry in enumerate(out) if entry not in out[:place]]


def _builds(store: VectorStore) -> list[dict[str, int]]:
    names = list(store.build_parameters)
    builds = product(*(store.build_parameters[name] for name in names))
    return [dict(zip(names, values, strict=True)) for values in builds][:MOST_BUILDS]


def _built(
    store: VectorStore, bench: _Bench, build: Mapping[str, int], notes: list[str]
) -> list[TunedSetting]:
    """The same measured on an index of other parameters, in a collection that is removed."""
    kind = store_class(store.address.kind)
    metric = bench.way.word(kind.supported)
    if metric is None:
        raise StoreError(f"{store.address.kind} has no metric that ranks as {bench.exact.measure}")
    layout = Layout(bench.way.queries.columns, metric, "graph", build)
    start = time.perf_counter()
    made = store.of_layout(SCRATCH + secrets.token_hex(6), layout)
    try:
        for ids, vectors in _prepared(bench, made.batch):
            made.add(ids, vectors)
        made.finish()
        seconds = time.perf_counter() - start
        found = bench.measured(made, _efforts(made, made.described().index, None), notes)
        size = made.stored_bytes()
    finally:
        with suppress(StoreError):
            made.drop()
        made.close()
    return [replace(one, build=build, stored_bytes=size, built_in=seconds) for one in found]


def _prepared(bench: _Bench, batch: int) -> Iterator[tuple[list[str], Float32[Array, "rows _"]]]:
    """All items as they are to be stored."""
    ranked = bench.exact.space.sides(bench.exact.direction)[1]
    for start in range(0, len(ranked), batch):
        rows = np.arange(start, min(start + batch, len(ranked)), dtype=np.int64)
        yield [str(name) for name in ranked.ids[rows]], bench.way.items(rows)


def _scan(bench: _Bench) -> float:
    """Milliseconds that an exact scan of the same vectors takes here, by our own engine."""
    every = np.concatenate([vectors for _, vectors in _prepared(bench, 20_000)])
    index = Index(Embeddings(every), bench.way.metric)
    index.search(bench.timed[:1], bench.exact.k)
    times = timed_in_turn(
        [lambda query: index.search(query, bench.exact.k)], bench.timed, bench.runs
    )
    return float(np.median(times))


def _with_front(settings: list[TunedSetting]) -> list[TunedSetting]:
    """Mark those that nothing beats: in recall, median and bytes."""
    figures = [(one.recall, -one.milliseconds, -float(one.stored_bytes or 0)) for one in settings]
    return [
        replace(one, on_front=not any(_beats(other, own) for other in figures))
        for one, own in zip(settings, figures, strict=True)
    ]


def _beats(other: tuple[float, ...], own: tuple[float, ...]) -> bool:
    return other != own and all(a >= b for a, b in zip(other, own, strict=True))


def in_words(parameters: Mapping[str, int], oversample: int = 1) -> str:
    """Parameters as they are said.

    >>> in_words({"ef": 64}), in_words({}), in_words({"ef": 64}, 5)
    ('ef 64', "the store's own", 'ef 64 and 5 times as many, re-ranked exactly')
    """
    words = [f"{name} {value}" for name, value in parameters.items()]
    words += [f"{oversample} times as many, re-ranked exactly"] if oversample > 1 else []
    return listed(words) if words else "the store's own"
