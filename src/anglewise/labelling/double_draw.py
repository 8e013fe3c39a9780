"""Draw, by known chances, the pairs that people grade too where a machine graded a pool."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from anglewise.data_types.drawn import LOT
from anglewise.data_types.embeddings import Space
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.errors import TooFewError
from anglewise.evaluation_metrics.differing_pairs import DifferingPairs, predicted_uncertainty
from anglewise.judgements.machine_judges import (
    DOUBLE,
    check_whole_pools,
    grades_of,
    machine_in,
    rows_of_queries,
)
from anglewise.judgements.records import Judged
from anglewise.nearest_neighbours.competing import Competing, by_name
from anglewise.similarity_measures.formulas import Measure
from anglewise.statistics.planning import inclusion_chances, systematic

LEAST_CHANCE = 0.05
"""No differing pair has a smaller chance: one that is drawn would stand for too many."""


@dataclass(frozen=True, eq=False)
class DoubleDraw:
    """Pairs that people are to grade beside a machine, in the order in which to grade them.

    Attributes
    ----------
    frame
        All pairs from which they were drawn.
    chosen
        Their numbers in the frame.
    chances
        Of every pair of the frame, 0 where the measures do not differ on it.
    machine
        The machine's grades, NaN where it gave none.
    judge
        What the machine is called.
    """

    direction: Direction
    depth: int
    frame: DifferingPairs
    chosen: Int64[Array, " drawn"]
    chances: Float64[Array, " pairs"]
    machine: Float64[Array, " pairs"]
    judge: str

    def __len__(self) -> int:
        return len(self.chosen)

    @cached_property
    def name(self) -> str:
        """A digest that tells this draw from others."""
        content = f"{self.frame.digest}\0{self.judge}".encode("utf-8", "replace")
        return blake2b(content + self.chosen.tobytes(), digest_size=6).hexdigest()

    @cached_property
    def context(self) -> dict[str, Any]:
        """How each pair was drawn, for the context of its judgements."""
        about = {
            "measures": list(self.frame.pool.measures),
            "depth": self.depth,
            "machine": self.judge,
            "queries": self.frame.pool.queries,
            "frame": self.frame.digest,
            "pairs": len(self),
        }
        return {LOT: self.name, DOUBLE: about}


def sample_double(
    space: Space | Mapping[str, Space],
    rows: Sequence[Judged],
    measures: Iterable[str | Measure] | str = "dot,cosine,euclidean",
    *,
    count: int,
    direction: Direction = "queries-items",
    depth: int = 10,
    machine: str | None = None,
    seed: int = 0,
) -> DoubleDraw:
    """Draw about ``count`` of the pairs that a machine graded, for people to grade them too.

    Of the queries that the machine graded pairs of, all pairs among the first ``depth`` of any
    measure are the frame. Those on which the measures differ are drawn with chances in proportion
    to the difference of their discounts times the uncertainty predicted from the machine's grade,
    never below 0.05 (or half of what an even draw would give); pairs of each query apart from
    those of any other, and within a query so that it gets its share (Madow 1949).

    Parameters
    ----------
    space
        What is compared; or several spaces by their names, whose measures are called
        ``new: cosine`` then.
    rows
        The judgements of the store.
    measures
        All that will be compared.
    machine
        Which judge of source ``generated``, where there are several.

    Raises
    ------
    TooFewError
        No pair was graded by a machine, or the measures differ on none.
    ValuesError
        The machine's pairs were drawn by lot, or its queries by traffic.
    SpellingError
        Several machines, none of them named; a measure that no space ranks.
    IdsError
        Spaces without a query or an item in common, or one that lacks a query.
    """
    judge = machine_in(rows, machine)
    of_machine = [row for row in rows if row.judge == judge and row.source == "generated"]
    check_whole_pools(of_machine)
    competing = Competing.of(by_name(space), measures, direction)
    queries = rows_of_queries(of_machine, competing.asking.row_of)
    ids = competing.asking.ids.tolist(), competing.item_ids.tolist()
    frame = DifferingPairs.of(competing.asked(queries, depth), queries, depth, *ids)
    grades = grades_of(frame.names, of_machine)
    rng = np.random.default_rng(seed)
    number = int(frame.differ.sum())
    if not number:
        raise TooFewError(
            f"{', '.join(frame.pool.measures)} rank the first {depth} of all these queries alike: "
            "there is nothing to tell apart"
        )
    chances = double_chances(frame.spread, grades, count)
    chosen = draw_by_query(frame.pool.lists, chances, rng)
    return DoubleDraw(direction, depth, frame, chosen, chances, grades, judge)


def double_chances(
    spread: Float64[Array, " pairs"], grades: Float64[Array, " pairs"], count: int
) -> Float64[Array, " pairs"]:
    """Chances that sum to ``count``, or to the number of pairs on which measures differ.

    In proportion to ``spread``, how far the discounts of a pair lie apart, times the uncertainty
    predicted from the machine's grade; 0 where the spread is.

    >>> double_chances(np.array([0.5, 1.0, 0.0]), np.array([1.0, 1.0, 1.0]), 1).round(2).tolist()
    [0.33, 0.67, 0.0]
    """
    differ = spread > 0
    wanted = min(count, int(differ.sum()))
    sizes = spread[differ] * predicted_uncertainty(grades[differ])
    chances = np.zeros(len(spread))
    least = min(LEAST_CHANCE, wanted / len(sizes) / 2)
    chances[differ] = inclusion_chances(sizes, wanted, least=least)
    return chances


def draw_by_query(
    lists: Int64[Array, " pairs"], chances: Float64[Array, " pairs"], rng: np.random.Generator
) -> Int64[Array, " drawn"]:
    """The numbers of the pairs drawn, query by query in random order, as are pairs in each.

    What is drawn of one query is independent of what is drawn of any other.
    """
    shuffled = rng.permutation(len(lists))
    positions = shuffled[np.argsort(lists[shuffled], kind="stable")]
    positions = positions[chances[positions] > 0]
    parts: list[Int64[Array, " some"]] = np.split(
        positions, np.flatnonzero(np.diff(lists[positions])) + 1
    )
    chosen: list[Int64[Array, " some"]] = []
    order: list[int] = rng.permutation(len(parts)).tolist()
    for at in order:
        possible = parts[at]
        chosen.append(possible[systematic(chances[possible], rng)])
    return np.concatenate(chosen).astype(np.int64)
