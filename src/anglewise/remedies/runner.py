"""Build and search candidates, each thing once, with a cache on disk."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.comparison.learnt import FOLDS
from anglewise.comparison.lists import score_lists
from anglewise.comparison.split import ALONE, QuerySplit
from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Int64, Progress
from anglewise.errors import FileError, TooFewError
from anglewise.io.files import Say, allowed, opened, quiet
from anglewise.io.outputs import new_file
from anglewise.io.texts import column, columns_of
from anglewise.measures.adapter import RIDGES, STEPS, Adapted
from anglewise.measures.adapter_training import POOL, QUERIES
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import Family, MeasureSpec
from anglewise.metrics.evaluate import Metric
from anglewise.remedies.candidate_list import RemedyCandidate, baselines, size
from anglewise.remedies.training_data import Budget, SpaceBuilder, Training, judged_by

FORMAT = "1"
NOT_KEPT = "what was found is not kept for another time"
SUM = 16
"""Bytes of the checksum that begins each file."""


@dataclass
class ResultCache:
    """A folder with one file for each thing found; None keeps nothing.

    A file that is cut short or changed fails its checksum and counts as not there.

    >>> import tempfile
    >>> cache = ResultCache(Path(tempfile.mkdtemp()))
    >>> cache.put("a1", {"seconds": 2.5}, rows=np.array([3, 4]))
    >>> said, arrays = cache.get("a1")
    >>> said["seconds"], arrays["rows"].tolist(), cache.get("b2")
    (2.5, [3, 4], None)
    """

    folder: Path | None
    say: Say = quiet

    def get(self, key: str) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """What was kept under a key, if it is there and whole."""
        if self.folder is None:
            return None
        try:
            with opened(self.folder / f"{key}.remedy") as file:
                data = file.read(allowed(0) + 1)
        except (OSError, FileError):
            return None
        if data[:SUM] != _digest([data[SUM:]]):
            return None
        with np.load(BytesIO(data[SUM:]), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        return json.loads(str(arrays.pop("said"))), arrays

    def put(self, key: str, said: Mapping[str, Any], **arrays: Array) -> None:
        """Keep something, whole or not at all; where the disk refuses, say so and keep no more."""
        if self.folder is None:
            return
        held = BytesIO()
        cast("Any", np.savez)(held, said=np.array(json.dumps(said)), **arrays)
        try:
            with new_file(self.folder / f"{key}.remedy") as file:
                file.write(_digest([held.getvalue()]) + held.getvalue())
        except FileError as error:
            self.say(f"{NOT_KEPT}: {error}")
            self.folder = None


def open_cache(folder: str | os.PathLike[str] | None, say: Say = quiet) -> ResultCache:
    """A cache in a folder, made if need be; where the disk refuses, that is said and none kept.

    Raises ``FileError`` for a file, which cannot be meant.
    """
    if folder is None:
        return ResultCache(None)
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise FileError(f"{path} is a file where results are to be kept: name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{NOT_KEPT}: {path} cannot be made ({error.strerror})")
        return ResultCache(None)
    return ResultCache(path, say)


def default_folder() -> Path:
    """Where results are kept if nobody says otherwise: among the user's caches."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "anglewise" / "remedies"


def key_of(*parts: object) -> str:
    """A name for what depends on these parts, and on the version of this program.

    >>> key_of("cosine", 1) == key_of("cosine", 1) != key_of("cosine", 2)
    True
    """
    words = [FORMAT, version("anglewise"), *map(repr, parts)]
    return _digest(word.encode() + b"\0" for word in words).hex()


def content_of(space: Space, judgements: Judgements) -> str:
    """A digest of the numbers: vectors, ids, who is held out, what was seen and judged."""
    parts = [*_side(space.queries), *_table(space.seen), *_table(judgements.gains)]
    if not space.one_sided:
        parts += _side(space.items)
    parts += [*_table(judgements.seen), judgements.direction.encode()]
    if judgements.judged_items is not None:
        parts.append(judgements.judged_items.tobytes())
    return _digest(parts).hex()


def _side(side: Embeddings) -> Iterable[bytes | memoryview]:
    yield repr(side.vectors.shape).encode()
    yield side.vectors.data
    yield "\0".join(map(str, side.ids)).encode()
    if "split" in columns_of(side):
        yield "\0".join(map(str, column(side, "split"))).encode()


def _table(table: SparseRows | None) -> Iterable[bytes]:
    if table is None:
        return [b"none"]
    return [repr(table.shape).encode(), *(x.tobytes() for x in _arrays(table))]


def _arrays(table: SparseRows) -> tuple[Array, Array, Array]:
    return table.indptr, table.indices, table.values


def _digest(parts: Iterable[bytes | memoryview]) -> bytes:
    whole = hashlib.blake2b(digest_size=SUM)
    for part in parts:
        whole.update(part)
    return whole.digest()


SPEED = 2e9
"""Operations a second that are expected of a maker before the first of its kind was timed."""
DENSE = 0.5
"""What an operation takes in products of dense matrices, against others."""
MARGIN = 1.2
"""A guess from a sample is this much too low at times."""


@dataclass(frozen=True, eq=False)
class CandidateLists:
    """What one candidate found for some queries, and what that took.

    Attributes
    ----------
    lists
        The neighbours, one list a query, in the order of their rows.
    settings
        Of a tuned measure, what was chosen for each half.
    making, searching
        Seconds: the space, had it been made alone; the search.
    dimension, inner_product
        Columns of its prepared vectors, and whether their inner product is all there is to it.
    """

    lists: Neighbours
    settings: tuple[str, ...]
    making: float
    searching: float
    dimension: int
    inner_product: bool


@dataclass(eq=False)
class CandidateRunner:
    """Everything that candidates are made of and judged by; remembers what things take."""

    space: Space
    judgements: Judgements
    metrics: Sequence[Metric]
    training: Training | None
    budget: Budget
    cache: ResultCache
    content: str
    seed: int
    threads: int | None
    progress: Progress | None = None
    parting: QuerySplit = ALONE
    made: dict[SpaceBuilder, tuple[Space, float]] = field(
        default_factory=dict[SpaceBuilder, tuple[Space, float]]
    )
    speed: dict[type, float] = field(default_factory=dict[type, float])
    times: dict[tuple[RemedyCandidate, int], float] = field(
        default_factory=dict[tuple[RemedyCandidate, int], float]
    )

    def find(
        self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]
    ) -> dict[RemedyCandidate, CandidateLists]:
        """The lists of candidates that share a space, for some judged rows.

        What the cache holds is taken from there. Raises ``OutOfTimeError`` when the budget ends
        on the way, and what the making or the search raises.
        """
        rows = np.sort(rows)
        found = {one: self.kept(one, rows) for one in batch}
        missing = [one for one in batch if found[one] is None]
        if missing:
            found |= self._searched(missing, rows)
        return {one: it for one, it in found.items() if it is not None}

    def kept(self, one: RemedyCandidate, rows: Int64[Array, " some"]) -> CandidateLists | None:
        """What the cache holds of a candidate; None if nothing."""
        held = self.cache.get(self.key(one, rows))
        if held is None:
            return None
        said, arrays = held
        lists = Neighbours(
            str(one.measure), arrays["indices"].astype(np.int64), arrays["scores"], arrays["tied"]
        )
        self.times[one, len(rows)] = said["searching"]
        return CandidateLists(
            lists,
            tuple(said["settings"]),
            said["making"],
            said["searching"],
            said["dimension"],
            said["inner_product"],
        )

    def is_kept(self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]) -> bool:
        """Whether the cache holds all of it."""
        return all(self.kept(one, np.sort(rows)) is not None for one in batch)

    def seconds(self, batch: Sequence[RemedyCandidate], queries: int) -> float:
        """A guess of how long a batch takes, from what it or the baselines took for fewer."""
        each = sum(self._searching(one, queries) + self._learning(one, queries) for one in batch)
        return MARGIN * each + self.making(batch[0].maker)

    def _searching(self, one: RemedyCandidate, queries: int) -> float:
        """By its own time, that grows as the baselines' did: part of it is the same for any number.

        One that was not searched yet takes what a baseline takes, for vectors of its length.
        """
        known = max((asked for other, asked in self.times if other == one), default=0)
        if not known:
            return self._usual(queries) * self._length(one.maker)
        grown = self._usual(queries) / (self._usual(known) or 1.0)
        return self.times[one, known] * min(max(grown, 1.0), max(queries / known, 1.0))

    def _usual(self, queries: int) -> float:
        """What a baseline takes, by the nearest number of queries that was asked, in proportion."""
        asked = {n: took for (one, n), took in self.times.items() if one in baselines()}
        if not asked:
            return 0.0
        nearest = min(asked, key=lambda n: abs(n - queries))
        return asked[nearest] * queries / nearest

    def making(self, maker: SpaceBuilder | None) -> float:
        """A guess of how long a space takes to make; nothing if it is there."""
        if maker is None or maker in self.made or self.training is None:
            return 0.0
        return MARGIN * maker.operations(self.training) / self.speed.get(type(maker), SPEED)

    def space_of(self, maker: SpaceBuilder | None) -> tuple[Space, float]:
        """The space that a maker makes, made once, and the seconds it would take alone."""
        if maker is None:
            return self.space, 0.0
        if maker not in self.made:
            if self.training is None:
                raise TooFewError(f"{maker} learns from interactions, and the space holds none")
            operations, common = maker.operations(self.training), self.training.common
            saved, started = common.saved, self.budget.clock()
            space = maker.make(self.training, self.budget)
            took = self.budget.clock() - started
            if took > 0 and operations > 0:
                self.speed[type(maker)] = operations / took
            self.made[maker] = space, took + common.saved - saved
        return self.made[maker]

    def parting_of(self, rows: Int64[Array, " some"]) -> QuerySplit:
        """Which of some judged rows belong together."""
        return self.parting.take(np.searchsorted(self.judgements.judged_rows, rows))

    def forget(self, kept: Sequence[RemedyCandidate]) -> None:
        """Let the spaces go that no candidate needs any more."""
        needed = {one.maker for one in kept}
        self.made = {maker: it for maker, it in self.made.items() if maker in needed}

    def _learning(self, one: RemedyCandidate, queries: int) -> float:
        """A guess of how long a map takes to learn, for each part of the queries."""
        if not isinstance(one.measure, Adapted) or any(other == one for other, _ in self.times):
            return 0.0
        product = 6.0 * min(queries, QUERIES) * POOL * self.space.items.dimension
        return DENSE * FOLDS * len(RIDGES) * STEPS * product / SPEED

    def _length(self, maker: SpaceBuilder | None) -> float:
        """How many times longer vectors are than those that came."""
        if maker is None or self.training is None:
            return 1.0
        return maker.columns(self.training) / self.space.items.dimension

    def key(self, one: RemedyCandidate, rows: Int64[Array, " some"]) -> str:
        """What the lists of a candidate depend on."""
        components = None if self.training is None else self.training.components
        metrics = [str(metric) for metric in self.metrics]
        return key_of(self.content, str(one), rows.tobytes(), metrics, components, self.seed)

    def _searched(
        self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]
    ) -> dict[RemedyCandidate, CandidateLists]:
        self.budget.check()
        space, making = self.space_of(batch[0].maker)
        self.budget.check()
        started = self.budget.clock()
        scores = score_lists(
            space,
            judged_by(self.judgements, rows),
            [one.measure for one in batch],
            self.metrics,
            seed=self.seed,
            threads=self.threads,
            progress=self.budget.stepping(self.progress),
            parting=self.parting_of(rows),
        )
        took = (self.budget.clock() - started) / len(batch)
        found: dict[RemedyCandidate, CandidateLists] = {}
        for one in batch:
            self.times[one, len(rows)] = took
            name = str(one.measure)
            dimension, inner = size(space, _standing(one.measure), self.judgements.direction)
            found[one] = CandidateLists(
                scores.found[name], scores.settings.get(name, ()), making, took, dimension, inner
            )
            self._keep(one, rows, found[one])
        return found

    def _keep(
        self, one: RemedyCandidate, rows: Int64[Array, " some"], found: CandidateLists
    ) -> None:
        said = {
            "settings": found.settings,
            "making": found.making,
            "searching": found.searching,
            "dimension": found.dimension,
            "inner_product": found.inner_product,
        }
        lists = found.lists
        self.cache.put(
            self.key(one, rows),
            said,
            indices=lists.indices.astype(np.int32),
            scores=lists.scores,
            tied=lists.tied_at_cut,
        )


def batches(contenders: Sequence[RemedyCandidate]) -> list[list[RemedyCandidate]]:
    """Candidates that share a space and a frame, together, in the order of the first of each."""
    groups: dict[object, list[RemedyCandidate]] = {}
    for one in contenders:
        groups.setdefault((one.maker, one.measure.frames), []).append(one)
    return list(groups.values())


def _standing(measure: MeasureSpec) -> Measure:
    """One setting for all of what is tuned or learnt: their vectors are of one size."""
    if isinstance(measure, Adapted):
        return Measure(measure.formula, measure.frames)
    return measure.settings()[0] if isinstance(measure, Family) else measure
