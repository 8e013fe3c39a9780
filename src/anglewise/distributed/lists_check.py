"""The check of a table of complete lists, which shares nothing with the search.

Plain products in float64 of every query with every item, a block at a time, and the definition of
the score where they come near the end of a list.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.conversion import check_direction
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.mapped import forget
from anglewise.data_types.neighbours import rounded
from anglewise.data_types.numbers import COUNT
from anglewise.data_types.typing import Array, Direction, Float64, Int64, Progress
from anglewise.distributed.proved_lists import COLUMNS, MARK
from anglewise.distributed.search_shards import unfitted
from anglewise.distributed.shards import LookAtIds, ShardFolder, check_ids
from anglewise.errors import FileError, ShapeError, SpellingError
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.io.arrow_files import parquet_columns, parquet_file
from anglewise.io.files import PathLike, existing_file, reading
from anglewise.nearest_neighbours.exclusions import exclusions_of
from anglewise.nearest_neighbours.ranking import Exclusions
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure

BLOCK_BYTES = 1 << 26
UNIT = 2.0**-53
NEAR = 1e-11
"""Rounding to twelve digits moves a score by no more than half of this share."""
SHOWN = 20
"""Faults that are told."""

Names: TypeAlias = Callable[[Int64[Array, " some"]], Sequence[Any]]
Part: TypeAlias = tuple[Array, Names, int]
"""Vectors of some items, what names them by their place, and the number of the first."""


@dataclass(frozen=True)
class ListsCheck:
    """What was found of a table of complete lists.

    Attributes
    ----------
    lists, pairs
        How many lists were checked, and how many pairs of a query and an item.
    wrong
        How many faults there are; ``faults`` tells the first of them.
    """

    lists: int
    pairs: int
    wrong: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every list is complete and every score right."""
        return not self.wrong


def check_lists(path: PathLike, space: Space, *, progress: Progress | None = None) -> ListsCheck:
    """Check a table that ``search --all --proof`` wrote against the space that it is of.

    Each listed score is computed again by its definition in float64, and every other pair by a
    plain product whose rounding is bounded: no item may score above ``next_score`` and be left out,
    ``next_score`` must be the score of an item, entries beyond the ``k``-th must tie with it. In
    which order equal scores stand is not looked at.

    Raises ``FileError`` for a table that holds no such lists, ``ShapeError`` where it is of another
    number of queries or items.
    """
    about, table = _read(path)
    direction: Direction = about["direction"]
    asking, ranked = space.sides(direction)
    _check_counts(path, about, len(asking), len(ranked))
    rows = np.arange(len(asking), dtype=np.int64)
    check = _Check.of(about, table, asking, exclusions_of(space, direction, rows, None))
    return check.against(iter([(ranked.vectors, ranked.ids_at, 0)]), progress)


def check_shards(
    path: PathLike,
    folder: PathLike,
    queries: Embeddings,
    *,
    vector_column: str | None = None,
    id_column: str | None = None,
    progress: Progress | None = None,
) -> ListsCheck:
    """Check a table against items that lie in many files, one at a time; see ``check_lists``."""
    about, table = _read(path)
    files = ShardFolder.of(folder, vector_column=vector_column, id_column=id_column)
    _check_counts(path, about, len(queries), files.rows)
    by_number = check_ids(files, [LookAtIds(files)(shard) for shard in files.shards])

    def parts() -> Iterator[Part]:
        for shard in files.shards:
            side, ids = files.read(shard, by_number=by_number)
            yield side.vectors, ids.__getitem__, shard.first

    nothing = np.zeros(len(queries) + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return _Check.of(about, table, queries, Exclusions(*nothing, files.rows)).against(
        parts(), progress
    )


def _read(path: PathLike) -> tuple[dict[str, Any], Any]:
    """What the lists are of, and their rows."""
    file = existing_file(path)
    with reading(file, "parquet"), parquet_file(file) as opened:
        said: dict[bytes, bytes] = opened.schema_arrow.metadata or {}
        found, names = said.get(MARK), opened.schema_arrow.names
    if found is None or set(names) != set(COLUMNS):
        raise FileError(
            f"{file} holds no lists with a proof: write them by search --all --proof -o FILE"
        )
    with reading(file, "complete lists"):
        about = json.loads(found)
        unfitted([read_measure(name) for name in about["measures"]])
        check_direction(about["direction"])
        for name in ("k", "asking", "items"):
            COUNT.check(name, about[name])
    return about, parquet_columns(file, COLUMNS)


def _check_counts(path: PathLike, about: dict[str, Any], asking: int, items: int) -> None:
    if (about["asking"], about["items"]) != (asking, items):
        raise ShapeError(
            f"{path} is of {about['asking']:,} who ask and {about['items']:,} items, and here are "
            f"{asking:,} and {items:,}: give the vectors that were searched"
        )


@dataclass
class _Stored:
    """The lists of one measure as a table has them, and what was seen of them among the items."""

    measure: str
    items: dict[int, dict[str, float]] = field(default_factory=dict[int, dict[str, float]])
    next_score: dict[int, float] = field(default_factory=dict[int, float])
    best_left: dict[int, float] = field(default_factory=dict[int, float])
    seen: int = 0


@dataclass
class _Check:
    """Lists, who asked for them, and the faults that were found so far."""

    about: dict[str, Any]
    asking: Embeddings
    exclusions: Exclusions
    lists: dict[str, _Stored]
    faults: list[str] = field(default_factory=list[str])

    @classmethod
    def of(
        cls, about: dict[str, Any], table: Any, asking: Embeddings, exclusions: Exclusions
    ) -> "_Check":
        """Sort the rows of a table into lists, and look at what can be seen in them alone."""
        check = cls(about, asking, exclusions, {name: _Stored(name) for name in about["measures"]})
        rows = zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
        before: tuple[_Stored | None, int | None] = None, None
        for measure, query, item, rank, score, next_score in rows:
            own, row = check.lists.get(measure), asking.row_of.get(query)
            if own is None or row is None:
                check.faults.append(f"{measure}, {query!r}: is no measure or query of these")
                continue
            if before != (own, row) and row in own.items:
                check.fault(measure, row, "has two lists")
            before = own, row
            check.add(own, row, item, rank, score=score, next_score=next_score)
        check.look_at_lengths()
        return check

    def fault(self, measure: str, row: int, words: str) -> None:
        """Keep what is wrong with a list."""
        self.faults.append(f"{measure}, {str(self.asking.ids[row])!r}: {words}")

    def add(
        self, own: _Stored, row: int, item: str, rank: int, *, score: float, next_score: float
    ) -> None:
        """One row of a list, after those before it."""
        listed = own.items.setdefault(row, {})
        scores, k = list(listed.values())[-1:], self.about["k"]
        own.next_score.setdefault(row, next_score)
        wrong = rank != len(listed) + 1 or item in listed or next_score != own.next_score[row]
        wrong |= bool(scores) and score > scores[0]
        wrong |= rank > k and score != scores[-1:][0] if scores else False
        if wrong or not score > next_score:
            self.fault(own.measure, row, f"{item!r} at rank {rank} is out of order")
        listed[item] = score

    def look_at_lengths(self) -> None:
        """Every list is there, and as long as it can be."""
        allowed = self.about["items"] - self.exclusions.counts
        for own in self.lists.values():
            for row in np.flatnonzero(allowed > 0).tolist():
                least = min(self.about["k"], int(allowed[row]))
                if len(own.items.get(row, ())) < least:
                    self.fault(own.measure, row, f"fewer than {least} are listed")

    def against(self, parts: Iterator[Part], progress: Progress | None) -> ListsCheck:
        """Hold the lists against all items, a block at a time."""
        exact = self.asking.vectors.astype(np.float64)
        for vectors, names_at, first in parts:
            length = max(1, BLOCK_BYTES // (8 * max(len(exact), vectors.shape[1])))
            for start in range(0, len(vectors), length):
                block = np.ascontiguousarray(vectors[start : start + length])
                for own in self.lists.values():
                    queries, rows = self.near(own, exact, block, first + start)
                    here = Space(queries=self.asking, items=Embeddings(block))
                    scores = score_pairs(here, [read_measure(own.measure)], queries, rows)[0]
                    named = list(map(str, names_at(rows + start)))
                    self.compare(own, queries, named, rounded(scores))
                forget(vectors[start : start + length])
                if progress is not None:
                    progress(first + start + len(block), self.about["items"])
        self.look_at_the_rest()
        lists = sum(len(own.items) for own in self.lists.values())
        pairs = self.about["items"] * len(exact) * len(self.lists)
        return ListsCheck(lists, pairs, len(self.faults), tuple(self.faults[:SHOWN]))

    def near(
        self, own: _Stored, exact: Float64[Array, "q d"], block: Array, first: int
    ) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
        """Pairs of a query and a row of a block that may reach what the query's list leaves out."""
        bar = np.array([own.next_score.get(row, np.inf) for row in range(len(exact))])
        with np.errstate(invalid="ignore"):
            least = bar - NEAR * np.abs(bar)
        least = np.where(np.isfinite(bar), least, bar)
        highest = _at_most(read_measure(own.measure), exact, block.astype(np.float64))
        queries, rows = np.nonzero(~(highest < least[:, None]) & (bar < np.inf)[:, None])
        shown = self.exclusions.allows(queries, rows + first)
        return queries[shown], rows[shown]

    def compare(
        self,
        own: _Stored,
        queries: Int64[Array, " pairs"],
        names: Sequence[str],
        scores: Float64[Array, " pairs"],
    ) -> None:
        """Hold the exact scores of some pairs against the lists of one measure."""
        for row, name, score in zip(queries.tolist(), names, scores.tolist(), strict=True):
            listed = own.items[row].get(name)
            if listed is None:
                own.best_left[row] = max(own.best_left.get(row, -np.inf), score)
                if score > own.next_score[row]:
                    words = f"{name!r} scores {score!r}, and is not listed"
                    self.fault(own.measure, row, words)
                continue
            own.seen += 1
            if listed != score:
                words = f"{name!r} scores {score!r}, and the table says {listed!r}"
                self.fault(own.measure, row, words)

    def look_at_the_rest(self) -> None:
        """What can be told when all items were gone through."""
        for own in self.lists.values():
            listed = sum(map(len, own.items.values()))
            if own.seen < listed:
                words = f"{listed - own.seen:,} listed are no items, or score less than the rest"
                self.faults.append(f"{own.measure}: {words}")
            for row, next_score in own.next_score.items():
                left = own.best_left.get(row, -np.inf)
                if left < next_score:
                    words = f"the best that is left out scores {left!r}, and not {next_score!r}"
                    self.fault(own.measure, row, words)


def _at_most(
    measure: Measure, queries: Float64[Array, "q d"], items: Float64[Array, "n d"]
) -> Float64[Array, "q n"]:
    """A score that each pair does not exceed, by plain products whose rounding is added."""
    formula, terms = measure.formula, queries.shape[1] + 16
    q, x = (np.sqrt(np.einsum("ij,ij->i", side, side)) for side in (queries, items))
    if formula.product == "manhattan":
        from scipy.spatial.distance import cdist

        product = cdist(queries, items, "cityblock") * (1 - 4 * terms * UNIT)
    elif formula.product == "squared-distance":
        squares = np.add.outer(q * q, x * x)
        product = squares - 2 * (queries @ items.T) - 8 * terms * UNIT * squares
        product = np.maximum(product, 0.0)
    elif formula.product == "dot":
        product = queries @ items.T + 4 * terms * UNIT * np.outer(q, x)
    else:
        raise SpellingError(f"{measure}: no plain product is known for it")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return formula.score(product, q[:, None], x[None])
