"""Draw queries and pairs for judging, spread over strata; and the texts to show with them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.columns import cell_kind, column, filled_cells, is_empty
from anglewise.data_types.drawn import LEAST_TRAFFIC, LOT, MOST_TRAFFIC, drawn_context
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import cell_number, read_whole, shown
from anglewise.data_types.pairs import check_by_direction
from anglewise.data_types.run import Run
from anglewise.data_types.same_texts import WORDS
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import Say, check_distinct, counted
from anglewise.data_types.typing import Array, Direction, Float64, Int64, Shaped
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.pools import Pool
from anglewise.geometry.crowding import clusters
from anglewise.io.judgement_export import Texts
from anglewise.io.read import read_space
from anglewise.io.space_files import is_space_folder
from anglewise.nearest_neighbours.competing import Competing
from anglewise.similarity_measures.formulas import Measure
from anglewise.statistics.planning import LEAST, inclusion_chances, systematic

QUARTERS = ("lowest", "low", "high", "highest")
TEXTS = ("text", "title", "query")


def order_by_stratum(
    asking: Embeddings,
    rows: Int64[Array, " n"],
    strata: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Int64[Array, " n"], dict[int, str]]:
    """Rows sorted by their strata, in random order within each; and the stratum of each in words.

    >>> x = Embeddings(np.eye(4), metadata={"kind": ["b", "a", "b", "a"]})
    >>> ordered, words = order_by_stratum(x, np.arange(4), ["kind"], np.random.default_rng(0))
    >>> [words[row] for row in ordered.tolist()]
    ['kind a', 'kind a', 'kind b', 'kind b']
    """
    check_distinct(strata, "the strata")
    stratum_words = [_stratum(asking, rows, stratum) for stratum in strata]
    codes = [np.unique(words, return_inverse=True)[1] for words in stratum_words]
    order = np.lexsort((rng.random(len(rows)), *reversed(codes)))
    words = [", ".join(parts) for parts in zip(*stratum_words, strict=True)] or ["all"] * len(rows)
    return rows[order], dict(zip(rows.tolist(), words, strict=True))


def column_numbers(asking: Embeddings, name: str) -> Float64[Array, " rows"]:
    """The numbers of a column of metadata about queries, at least 0 and not all 0.

    Raises ``SpellingError`` if there is no such column, ``ValuesError`` for other cells.
    """
    values: list[float] = []
    for row, cell in enumerate(_cells(asking, name)):
        value = cell_number(cell)
        if value is None or not (value == 0 or LEAST_TRAFFIC <= value <= MOST_TRAFFIC):
            raise ValuesError(
                f"column {name!r} is to hold numbers, 0 or {LEAST_TRAFFIC:g} to {MOST_TRAFFIC:g}, "
                "for every query: "
                f"{shown(asking.ids[row])!r} has {shown(cell)!r}"
            )
        values.append(value)
    if not any(values):
        raise ValuesError(f"column {name!r} is to hold numbers, and not only zeros")
    return np.array(values)


def _stratum(asking: Embeddings, rows: Int64[Array, " n"], name: str) -> list[str]:
    clustered = re.fullmatch(r"clusters\(\s*([^()\s]+)\s*\)", name.strip())
    if clustered:
        count = read_whole(clustered[1])
        if count is None or count < 1:
            raise SpellingError(
                f"clusters({shown(clustered[1])}): a whole number of groups is due, as in "
                "clusters(8)"
            )
        return [f"cluster {number}" for number in clusters(asking.vectors[rows], count)]
    if name == "length" and "length" not in asking.metadata_columns:
        return _quarters("length", np.array([len(text) for text in _texts(asking)], float)[rows])
    _check_known(asking, name)
    cells = filled_cells(name, asking, rows, "query")
    if {cell_kind(cell) for cell in cells} != {"numbers"}:
        return [f"{name} {cell}" for cell in cells]
    numbers = [cell_number(cell) for cell in cells]
    if None in numbers:
        row = numbers.index(None)
        raise ValuesError(
            f"column {name!r} holds {shown(cells[row])} for query {shown(asking.ids[rows[row]])!r}:"
            " finite numbers are due, to be cut into quarters"
        )
    return _quarters(name, np.array(numbers, dtype=float))


def _quarters(name: str, values: Float64[Array, " n"]) -> list[str]:
    cuts = np.quantile(values, [0.25, 0.5, 0.75])
    return [f"{name} {QUARTERS[quarter]}" for quarter in np.searchsorted(cuts, values, side="left")]


def _texts(asking: Embeddings) -> list[str]:
    for name in TEXTS:
        if name in asking.metadata_columns:
            return ["" if is_empty(cell) else str(cell) for cell in column(asking, name)]
    raise SpellingError(
        f"strata by length need a column {' or '.join(TEXTS)}; there is {_known(asking)}"
    )


def _cells(asking: Embeddings, name: str) -> list[Any]:
    _check_known(asking, name)
    return column(asking, name)


def _check_known(asking: Embeddings, name: str) -> None:
    if name not in asking.metadata_columns:
        raise SpellingError(
            f"nothing is known about queries under {shown(name)!r}: there is {_known(asking)}; "
            "strata may also be clusters(8) or length"
        )


def _known(asking: Embeddings) -> str:
    return ", ".join(asking.metadata_columns) or "no metadata"


By: TypeAlias = Literal["pool", "disagreement"]
SAMPLED = 400
"""Queries that are searched to estimate the size of a pool."""
MORE_QUERIES = 3
"""``disagreement`` draws so many times as many queries, and fewer pairs of each."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs to judge, in the order in which to judge them.

    Attributes
    ----------
    measures, item_ids
        What was pooled, and the id of every item by its number: those of the space by their rows,
        behind them those that only other spaces and runs hold.
    rows, items
        The row of each pair's query in the (first) space, and the number of its item.
    chances
        The probability with which each pair was drawn, given its query; 1 for whole pools.
    ranks
        ``pairs x measures``: the rank of the item under each measure, 0 beyond the depth.
    strata
        The stratum of each pair's query, in words.
    queries
        The rows of the queries, in the order in which they are judged.
    query_chances, traffic
        Of each pair's query the probability with which it was drawn, up to a common factor (a
        budget may end before all drawn queries are pooled), and how often it is asked; None where
        all had the same chance.
    heaviest, heaviest_left
        The largest ``traffic / chance`` of all queries that could be drawn, and of those of which
        nothing is to be judged; 0 where there is none, or all had the same chance.
    notes
        What a reader should know of the pool: queries that some space or run lacks, short runs.
    """

    direction: Direction
    by: By
    depth: int
    measures: tuple[str, ...]
    item_ids: Shaped[Array, " n"]
    rows: Int64[Array, " pairs"]
    items: Int64[Array, " pairs"]
    chances: Float64[Array, " pairs"]
    ranks: Int64[Array, "pairs m"]
    strata: tuple[str, ...]
    queries: Int64[Array, " queries"]
    query_chances: Float64[Array, " pairs"] | None = None
    traffic: Float64[Array, " pairs"] | None = None
    heaviest: float = 0.0
    heaviest_left: float = 0.0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def context(self, pair: int) -> dict[str, Any] | None:
        """How the query of a pair was drawn, where chances differ, and by which lot the pair."""
        by_lot = {LOT: self.name} if self.chances.min() < 1 else {}
        if self.query_chances is None or self.traffic is None:
            return by_lot or None
        return by_lot | drawn_context(
            float(self.query_chances[pair]),
            float(self.traffic[pair]),
            self.name,
            queries=self._asked,
            heaviest=self.heaviest,
            heaviest_left=self.heaviest_left,
        )

    @cached_property
    def _asked(self) -> int:
        """Of how many queries there is something to judge."""
        return len(np.unique(self.rows))

    @cached_property
    def name(self) -> str:
        """A digest of the pairs, which tells this draw from others."""
        return blake2b(self.rows.tobytes() + self.items.tobytes(), digest_size=6).hexdigest()


def sample(
    space: Space | Mapping[str, Space],
    measures: Iterable[str | Measure] | str = "dot,cosine,euclidean",
    *,
    runs: Iterable[Run] = (),
    direction: Direction = "queries-items",
    budget: int = 200,
    by: By = "pool",
    depth: int = 10,
    strata: Sequence[str] = (),
    traffic: str | None = None,
    judged: Judgements | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Sample:
    """Draw pairs to judge so that estimates from them hold for all queries.

    Queries are sorted by stratum and drawn by systematic sampling. So every stratum gets its
    share, and every query has the same chance, so that means over the judged queries are unbiased;
    or one in proportion to its traffic, at most 1, by which means are to be weighed. By ``pool``,
    all pairs of a query are judged that are among the first ``depth`` of any measure. By
    ``disagreement``, some of these pairs are drawn, those more likely on which the measures differ
    more; metrics that end in ``(sampled)`` weigh by their chances.

    Parameters
    ----------
    space
        The vectors; or from name to space, the one in use first, where several compete. Queries
        are drawn of those that all of them hold.
    measures
        All that will be compared: a measure that is not pooled is at a disadvantage later.
    runs
        Ranked lists of other systems that will be compared: pooled as measures are.
    budget
        How many pairs at most.
    strata
        What queries are spread over: ``clusters(8)``, ``length`` of their text, or a column of
        their metadata (one of numbers is cut into quarters), filled for every query.
    traffic
        The column that says how often each query is asked.
    judged
        Earlier judgements: their pairs are left out. They are of the space; where several compete,
        or runs, in the rows of ``Competing.names_alone``.

    Raises
    ------
    SpellingError
        An unknown ``by``, stratum or column; earlier judgements of another direction.
    ValuesError
        A column of strata that is empty for a query, or holds a number that is not finite; spaces
        in which one id bears two texts.
    ShapeError
        Earlier judgements of another space.
    IdsError
        Spaces without a query or an item in common, a run that shares none with them.
    TooFewError
        The budget is smaller than the pool of one query.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> rng = np.random.default_rng(0)
    >>> x = Embeddings(rng.normal(size=(80, 6)) * rng.lognormal(size=(80, 1)))
    >>> drawn = sample(Space(queries=x, items=x), "dot,cosine", budget=60, strata=["clusters(4)"])
    >>> len(drawn) <= 60, sorted(set(drawn.strata))[:2]
    (True, ['cluster 0', 'cluster 1'])
    """
    if by not in ("pool", "disagreement"):
        raise SpellingError(f"pairs are drawn by 'pool' or by 'disagreement', not by {shown(by)!r}")
    spaces = space if isinstance(space, Mapping) else {"space": space}
    competing = Competing.of(spaces, measures, direction, runs)
    if judged is not None:
        check_by_direction({direction: judged}, competing.names_alone)
    rng = np.random.default_rng(seed)
    asking, candidates = competing.asking, competing.can_ask
    ordered, words = order_by_stratum(asking, candidates, strata, rng)
    traffic_shares = _traffic(asking, ordered, traffic)
    nothing = SparseRows.from_pairs([], [], shape=competing.shape)
    judgements = judged or Judgements(nothing, direction)

    def pooled(rows: Int64[Array, " q"]) -> Pool:
        lists = competing.lists(rows, depth, judged, threads=threads)
        return Pool.of(lists, judgements, rows, depth)

    sampled = np.sort(rng.permutation(candidates)[:SAMPLED])
    if not len(sampled):
        raise TooFewError("no query has a vector that is not zero: none of them can ask")
    sampled_pool = pooled(sampled)
    size = _queries(budget, np.count_nonzero(~sampled_pool.judged) / len(sampled), by, len(ordered))
    query_chances = inclusion_chances(traffic_shares, size, least=0.0)
    drawn = ordered[systematic(query_chances, rng)]
    queries = rng.permutation(drawn)
    pool = pooled(queries)
    chosen, chances = _pairs(pool, budget, by, rng)
    if not len(chosen):
        raise TooFewError(_nothing_chosen(pool, budget))
    depths = pool.discounts[chosen]
    rows = queries[pool.lists[chosen]]
    of_row = np.zeros((2, len(asking)))
    of_row[:, ordered] = query_chances, traffic_shares
    unequal = of_row[:, rows] if traffic is not None else (None, None)
    weights = np.divide(*of_row[::-1], out=np.zeros(len(asking)), where=of_row[0] > 0)
    left = np.delete(weights, np.unique(rows))
    ranks = np.where(depths > 0, np.round(2 ** (1 / np.where(depths > 0, depths, 1))) - 1, 0)
    return Sample(
        direction=direction,
        by=by,
        depth=depth,
        measures=pool.measures,
        item_ids=competing.item_ids,
        rows=rows,
        items=pool.items[chosen],
        chances=chances,
        ranks=ranks.astype(np.int64),
        strata=tuple(words[row] for row in rows.tolist()),
        queries=queries[: int(pool.lists[chosen].max()) + 1],
        query_chances=unequal[0],
        traffic=unequal[1],
        heaviest=float(weights.max()) if traffic is not None else 0.0,
        heaviest_left=float(left.max(initial=0.0)) if traffic is not None else 0.0,
        notes=competing.notes(np.unique(rows), depth),
    )


def _queries(budget: int, pairs_a_query: float, by: By, possible: int) -> int:
    queries = int(budget / max(pairs_a_query, 1) * (MORE_QUERIES if by == "disagreement" else 1))
    if queries < 1:
        raise TooFewError(
            f"a budget of {budget} does not do for one query, which takes {pairs_a_query:.0f} "
            "pairs: raise it, or lower the depth"
        )
    return min(queries, possible)


def _nothing_chosen(pool: Pool, budget: int) -> str:
    drawn = counted(pool.queries, "query")
    if not len(pool.judged):
        return f"{drawn} drawn, and no list of theirs holds anything: all of it was seen already"
    if pool.judged.all():
        return (
            f"{drawn} drawn, and all that any measure finds for them is judged: draw with another "
            "seed or a larger budget, or go deeper"
        )
    return (
        f"{drawn} drawn, and a budget of {budget} does not do for what is to be judged of the "
        "first: raise it, or lower the depth"
    )


def _traffic(asking: Embeddings, rows: Array, column: str | None) -> Float64[Array, " n"]:
    if column is None:
        return np.ones(len(rows))
    return column_numbers(asking, column)[rows]


def _pairs(
    pool: Pool, budget: int, by: By, rng: np.random.Generator
) -> tuple[Int64[Array, " pairs"], Float64[Array, " pairs"]]:
    """Positions in the pool, query by query and in random order within each, and their chances."""
    shuffled = rng.permutation(len(pool.lists))
    positions = shuffled[np.argsort(pool.lists[shuffled], kind="stable")]
    positions = positions[~pool.judged[positions]]
    if by == "pool":
        # Means over the queries that fit are unbiased, however unequal the pools: whether the first
        # n fit does not depend on their order, so the mean of n is that of n + 1 where these fit.
        ends = np.searchsorted(pool.lists[positions], np.arange(1, pool.queries + 1))
        pairs = int(ends[ends <= budget].max(initial=0))
        return positions[:pairs], np.ones(pairs)
    discounts = pool.discounts[positions]
    differences = discounts.max(axis=1) - discounts.min(axis=1)
    count = min(budget, len(positions))
    if not count:
        return positions, np.ones(0)
    chances = inclusion_chances(differences, count, least=min(LEAST, count / len(positions)))
    drawn = systematic(chances, rng)
    return positions[drawn], chances[drawn]


def texts_of(path: Path, say: Say) -> Texts:
    """The texts of queries and items of a space folder; none where it is no space."""
    if not is_space_folder(path):
        return Texts()
    space = read_space(path, say=say)
    return Texts(words_of(space.queries), words_of(space.items))


def words_of_all(competing: Competing) -> tuple[dict[str, str], dict[str, str]]:
    """Titles and texts of queries and items; of what several spaces hold, those of the first."""
    asked: dict[str, str] = {}
    answers: dict[str, str] = {}
    for asking, ranked in reversed([*competing.sides.values()]):
        asked |= words_of(asking)
        answers |= words_of(ranked)
    return asked, answers


def words_of(side: Embeddings) -> dict[str, str]:
    """Title and text of each row that has any, by id.

    >>> words_of(Embeddings([[1.0]], ["7"], metadata={"text": ["A ship."], "title": ["Alien"]}))
    {'7': 'Alien. A ship.'}
    """
    names = {name.lower(): name for name in side.metadata_columns}
    columns = [column(side, names[name]) for name in WORDS if name in names]
    texts: dict[str, str] = {}
    for name, *cells in zip(side.ids.tolist(), *columns, strict=True):
        words = dict.fromkeys(str(cell).strip() for cell in cells if not is_empty(cell))
        if words:
            texts[name] = ". ".join(word.rstrip(".") for word in words) + "."
    return texts
