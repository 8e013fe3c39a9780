"""Build and search candidates, each thing once, with a cache on disk."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.comparison.lists import (
    FOLDS,
    EvaluationSettings,
    SearchedSpace,
    candidate_lists,
)
from anglewise.comparison.rankers import BM25, Ranker
from anglewise.comparison.split import QuerySplit
from anglewise.data_types.columns import column, has_texts
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import FileError, TooFewError
from anglewise.io.files import opened
from anglewise.io.outputs import new_file, writing
from anglewise.io.sizes import allowed
from anglewise.io.texts import texts_of
from anglewise.remedies.candidate_list import RemedyCandidate, baselines, size
from anglewise.remedies.fused_candidates import fused_lists, seconds_of_words
from anglewise.remedies.training_data import Budget, SpaceBuilder, Training, judged_by
from anglewise.similarity_measures.adapter import RIDGES, STEPS, Adapted
from anglewise.similarity_measures.adapter_training import POOL, QUERIES
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec
from anglewise.similarity_measures.measure import measure as read_measure

FORMAT = "1"
NOT_KEPT = "what was found is not kept for another time"
SUM = 16
"""Bytes of the checksum that begins each file."""


@dataclass
class ResultCache:
    """A folder with one file for each thing found; None keeps nothing.

    A file that is cut short, changed or of something else counts as not there.

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
            return _unpacked(data)
        except Exception:  # noqa: BLE001 not there, or by another hand: as if it were not there
            return None

    def put(self, key: str, said: Mapping[str, Any], **arrays: Array) -> None:
        """Keep something, whole or not at all; where the disk refuses, say so and keep no more."""
        if self.folder is None:
            return
        held = BytesIO()
        cast("Any", np.savez)(held, said=np.array(json.dumps(said)), **arrays)
        path = self.folder / f"{key}.remedy"
        try:
            with writing(path):
                if path.is_symlink() or (path.exists() and not (path.is_file() or path.is_dir())):
                    path.unlink()  # none of ours: what it leads to, or who reads there, is left
            with new_file(path) as file:
                file.write(_digest([held.getvalue()]) + held.getvalue())
        except FileError as error:
            self.say(f"{NOT_KEPT}: {error}")
            self.folder = None


def _unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, Array]] | None:
    if data[:SUM] != _digest([data[SUM:]]):
        return None
    with zipfile.ZipFile(BytesIO(data[SUM:])) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > len(data):
            return None  # ours are not compressed
    with np.load(BytesIO(data[SUM:]), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    return dict(json.loads(str(arrays.pop("said")))), arrays


def open_cache(folder: str | os.PathLike[str] | None, say: Say = quiet) -> ResultCache:
    """A cache in a folder, made if need be; where the disk refuses, that is said and none kept.

    Raises ``FileError`` for a file, which cannot be meant.
    """
    if folder is None:
        return ResultCache(None)
    path = as_path(folder, "a cache")
    try:
        is_file = path.exists() and not path.is_dir()
        if not is_file:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{NOT_KEPT}: {path} cannot be made ({error.strerror})")
        return ResultCache(None)
    if is_file:
        raise FileError(f"{path} is a file where results are to be kept: name a folder")
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
    """A digest of the numbers: vectors, ids, who is held out, what was seen and judged, and how."""
    parts = [*_side(space.queries), *_table(space.seen), *_table(judgements.gains)]
    if not space.one_sided:
        parts += _side(space.items)
    parts += [*_table(judgements.seen), judgements.direction.encode()]
    if judgements.judged_items is not None:
        parts.append(judgements.judged_items.tobytes())
    if judgements.missing is not None:
        parts += [b"missing", *_table(judgements.missing)]
    if judgements.relevant_from is not None:
        parts.append(f"relevant from {judgements.relevant_from!r}".encode())
    if judgements.chances is not None:
        parts += [b"chances", *_table(judgements.chances)]
    drawn = judgements.drawn
    if drawn is not None:  # tuned measures and screening go by weights
        parts += [f"drawn {len(drawn.draws)}".encode(), drawn.chances.tobytes()]
        parts.append(drawn.traffic.tobytes())
    return _digest(parts).hex()


def _side(side: Embeddings) -> Iterable[bytes | memoryview]:
    yield repr(side.vectors.shape).encode()
    yield side.vectors.data
    yield "\0".join(map(str, side.ids)).encode()
    if "split" in side.metadata_columns:
        yield "\0".join(map(str, column(side, "split"))).encode()


def _table(table: SparseRows | None) -> Iterable[bytes]:
    if table is None:
        return [b"none"]
    arrays = table.indptr, table.indices, table.values
    return [repr(table.shape).encode(), *(array.tobytes() for array in arrays)]


def _digest(parts: Iterable[bytes | memoryview]) -> bytes:
    whole = hashlib.blake2b(digest_size=SUM)
    for part in parts:
        whole.update(part)
    return whole.digest()


SPEED = 2e9
"""Operations a second that are expected of a builder before the first of its kind was timed."""
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
    settings: EvaluationSettings
    training: Training | None
    budget: Budget
    cache: ResultCache
    content: str
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
        on the way, and what the building or the search raises.
        """
        rows = np.sort(rows)
        cached = {candidate: self.cached(candidate, rows) for candidate in batch}
        missing = [candidate for candidate in batch if cached[candidate] is None]
        if missing:
            cached |= self._searched(missing, rows)
        return {candidate: lists for candidate, lists in cached.items() if lists is not None}

    def cached(
        self, candidate: RemedyCandidate, rows: Int64[Array, " some"]
    ) -> CandidateLists | None:
        """What the cache holds of a candidate; None if nothing."""
        held = self.cache.get(self.key(candidate, rows))
        if held is None:
            return None
        about, arrays = held
        try:
            indices = arrays["indices"].astype(np.int64)
            items = self.judgements.gains.shape[1]
            if len(indices) != len(rows) or arrays["scores"].shape != indices.shape:
                return None
            if indices.min(initial=0) < -1 or indices.max(initial=-1) >= items:
                return None
            lists = Neighbours(str(candidate.measure), indices, arrays["scores"], arrays["tied"])
            about["settings"] = tuple(map(str, about["settings"]))
            result = CandidateLists(lists, **about)
        except Exception:  # noqa: BLE001 by another program: as if it were not there
            return None
        self.times[candidate, len(rows)] = result.searching
        return result

    def is_cached(self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]) -> bool:
        """Whether the cache holds all of it."""
        return all(self.cached(candidate, np.sort(rows)) is not None for candidate in batch)

    def seconds(self, batch: Sequence[RemedyCandidate], queries: int) -> float:
        """A guess of how long a batch takes, from what it or the baselines took for fewer."""
        each = sum(
            self._searching(candidate, queries) + self._learning(candidate, queries)
            for candidate in batch
        )
        return MARGIN * each + self.building(batch[0].builder)

    def _searching(self, candidate: RemedyCandidate, queries: int) -> float:
        """By its own time, that grows as the baselines' did: part of it is the same for any number.

        One that was not searched yet takes what a baseline takes, for vectors of its length.
        """
        most = max((number for other, number in self.times if other == candidate), default=0)
        if not most:
            length, builder = 1.0, candidate.builder
            if builder is not None and self.training is not None:
                length = builder.columns(self.training) / self.space.items.dimension
            return self._baseline_seconds(queries) * length
        grown = self._baseline_seconds(queries) / (self._baseline_seconds(most) or 1.0)
        return self.times[candidate, most] * min(max(grown, 1.0), max(queries / most, 1.0))

    def _baseline_seconds(self, queries: int) -> float:
        """What a baseline takes, by the nearest number of queries timed, in proportion."""
        raw = baselines()
        timed = {n: seconds for (candidate, n), seconds in self.times.items() if candidate in raw}
        if not timed:
            return 0.0
        nearest = min(timed, key=lambda n: abs(n - queries))
        return timed[nearest] * queries / nearest

    def _learning(self, candidate: RemedyCandidate, queries: int) -> float:
        """A guess of how long a map takes to learn, or BM25 to rank texts."""
        timed = any(other == candidate for other, _ in self.times)
        if not timed and isinstance(candidate.measure, Ranker):
            return seconds_of_words(self.space, self.judgements.direction, queries)
        if timed or not isinstance(candidate.measure, Adapted):
            return 0.0
        product = 6.0 * min(queries, QUERIES) * POOL * self.space.items.dimension
        return DENSE * FOLDS * len(RIDGES) * STEPS * product / SPEED

    def building(self, builder: SpaceBuilder | None) -> float:
        """A guess of how long a space takes to build; nothing if it is there."""
        if builder is None or builder in self.made or self.training is None:
            return 0.0
        return MARGIN * builder.operations(self.training) / self.speed.get(type(builder), SPEED)

    def space_of(self, builder: SpaceBuilder | None) -> tuple[Space, float]:
        """The space of a builder, built once, and the seconds it would take alone."""
        if builder is None:
            return self.space, 0.0
        if builder not in self.made:
            if self.training is None:
                raise TooFewError(f"{builder} learns from interactions, and the space holds none")
            operations, shared = builder.operations(self.training), self.training.shared
            saved, started = shared.saved, self.budget.clock()
            space = builder.make(self.training, self.budget)
            seconds = self.budget.clock() - started
            if seconds > 0 and operations > 0:
                self.speed[type(builder)] = operations / seconds
            self.made[builder] = space, seconds + shared.saved - saved
        return self.made[builder]

    def split_of(self, rows: Int64[Array, " some"]) -> QuerySplit:
        """Which of some judged rows belong together."""
        return self.settings.split.take(np.searchsorted(self.judgements.judged_rows, rows))

    def forget(self, needed: Sequence[RemedyCandidate]) -> None:
        """Let the spaces go that no candidate needs any more."""
        builders = {candidate.builder for candidate in needed}
        self.made = {builder: held for builder, held in self.made.items() if builder in builders}

    def key(self, candidate: RemedyCandidate, rows: Int64[Array, " some"]) -> str:
        """What the lists of a candidate depend on."""
        components = None if self.training is None else self.training.components
        metrics = [str(metric) for metric in self.settings.metrics]
        seed = self.settings.seed
        content = self.content_for([candidate])
        return key_of(content, str(candidate), rows.tobytes(), metrics, components, seed)

    def content_for(self, candidates: Iterable[RemedyCandidate]) -> str:
        """What the data hold that some candidates look at: texts too where these are fused."""
        if not any(isinstance(candidate.measure, Ranker) for candidate in candidates):
            return self.content
        return key_of(self.content, self._texts)

    @cached_property
    def _texts(self) -> str:
        sides = self.space.sides(self.judgements.direction)
        texts = [text for side in sides if has_texts(side) for text in [*texts_of(side), ""]]
        return _digest(text.encode("utf-8", "replace") + b"\0" for text in texts).hex()

    def _searched(
        self, batch: Sequence[RemedyCandidate], rows: Int64[Array, " some"]
    ) -> dict[RemedyCandidate, CandidateLists]:
        self.budget.check()
        space, making = self.space_of(batch[0].builder)
        self.budget.check()
        started = self.budget.clock()
        progress = self.budget.stepping(self.settings.progress)
        judgements = judged_by(self.judgements, rows)
        settings = replace(self.settings, split=self.split_of(rows), progress=progress)
        specs = [candidate.measure for candidate in batch]
        rankers = [spec for spec in specs if isinstance(spec, Ranker)]
        if rankers:
            lists, chosen = fused_lists(space, judgements, settings, rankers)
        else:
            searched = SearchedSpace(space, judgements, judgements.judged_rows)
            measures = [spec for spec in specs if not isinstance(spec, Ranker)]
            lists, chosen = candidate_lists(searched, measures, judgements, settings)
        seconds = (self.budget.clock() - started) / len(batch)
        results: dict[RemedyCandidate, CandidateLists] = {}
        for candidate in batch:
            name = str(candidate.measure)
            setting = _one_setting(candidate.measure)
            dimension, inner = size(space, setting, self.judgements.direction)
            inner = inner and not isinstance(candidate.measure, Ranker)
            self.times[candidate, len(rows)] = seconds
            results[candidate] = CandidateLists(
                lists[name], chosen.get(name, ()), making, seconds, dimension, inner
            )
            self._keep(candidate, rows, results[candidate])
        return results

    def _keep(
        self, candidate: RemedyCandidate, rows: Int64[Array, " some"], result: CandidateLists
    ) -> None:
        self.cache.put(
            self.key(candidate, rows),
            {name: value for name, value in vars(result).items() if name != "lists"},
            indices=result.lists.indices.astype(np.int32),
            scores=result.lists.scores,
            tied=result.lists.tied_at_cut,
        )


def batches(candidates: Sequence[RemedyCandidate]) -> list[list[RemedyCandidate]]:
    """Candidates that share a space and a frame, together, in the order of the first of each."""
    groups: dict[object, list[RemedyCandidate]] = {}
    for candidate in candidates:
        spec = candidate.measure
        kind = RANKERS if isinstance(spec, Ranker) else spec.frames
        groups.setdefault((candidate.builder, kind), []).append(candidate)
    return list(groups.values())


RANKERS = "fusions of lists"


def _one_setting(measure: MeasureSpec | Ranker) -> Measure:
    """One setting for all of what is tuned or learnt: their vectors are of one size."""
    if isinstance(measure, Ranker):
        return next(read_measure(leaf) for leaf in measure.leaves() if leaf != BM25)
    if isinstance(measure, Adapted):
        return Measure(measure.formula, measure.frames)
    return measure.settings()[0] if isinstance(measure, Family) else measure
