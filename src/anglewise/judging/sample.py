"""Draw the queries and pairs to put before a judge, in strata, with their texts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import cell_number, read_whole, shown
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Direction, Float64, Int64
from anglewise.diagnostics.hubness import clusters
from anglewise.engine.search import search
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.io.files import Say
from anglewise.io.judgement_export import Texts
from anglewise.io.read import read_space
from anglewise.io.space_json import is_space_folder
from anglewise.io.texts import column, columns_of
from anglewise.measures.formulas import Measure
from anglewise.metrics.pools import Pool
from anglewise.statistics.planning import LEAST, inclusion_chances, systematic

QUARTERS = ("lowest", "low", "high", "highest")
TEXTS = ("text", "title", "query")


def line(
    asking: Embeddings,
    rows: Int64[Array, " n"],
    strata: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Int64[Array, " n"], dict[int, str]]:
    """Put rows in order, by stratum after stratum and by chance within; and name what each is in.

    >>> x = Embeddings(np.eye(4), metadata={"kind": ["b", "a", "b", "a"]})
    >>> places, words = line(x, np.arange(4), ["kind"], np.random.default_rng(0))
    >>> [words[row] for row in places.tolist()]
    ['kind a', 'kind a', 'kind b', 'kind b']
    """
    named = [_stratum(asking, rows, one) for one in strata]
    codes = [np.unique(words, return_inverse=True)[1] for words in named]
    order = np.lexsort((rng.random(len(rows)), *reversed(codes)))
    words = [", ".join(parts) for parts in zip(*named, strict=True)] or ["all"] * len(rows)
    return rows[order], dict(zip(rows.tolist(), words, strict=True))


def numbers(asking: Embeddings, name: str) -> Float64[Array, " rows"]:
    """A column of what is known about queries as numbers, none below zero and not all zero.

    Raises ``SpellingError`` if there is no such column, ``ValuesError`` for what is no number.
    """
    values: list[float] = []
    for row, cell in enumerate(_cells(asking, name)):
        value = cell_number(cell)
        if value is None or value < 0:
            raise ValuesError(
                f"column {name!r} is to hold numbers, finite and at least 0 for every query: "
                f"{shown(asking.ids[row])!r} has {shown(cell)!r}"
            )
        values.append(value)
    if not any(values):
        raise ValuesError(f"column {name!r} is to hold numbers, and not only zeros")
    return np.array(values)


def _stratum(asking: Embeddings, rows: Int64[Array, " n"], name: str) -> list[str]:
    asked = re.fullmatch(r"clusters\(\s*([^()\s]+)\s*\)", name.strip())
    if asked:
        wanted = read_whole(asked[1])
        if wanted is None or wanted < 1:
            raise SpellingError(
                f"clusters({shown(asked[1])}): a whole number of groups is due, as in clusters(8)"
            )
        return [f"cluster {number}" for number in clusters(asking.vectors[rows], wanted)]
    if name == "length" and "length" not in columns_of(asking):
        return _quarters("length", np.array([len(text) for text in _texts(asking)], float)[rows])
    cells = [_cells(asking, name)[row] for row in rows.tolist()]
    if all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
        return _quarters(name, np.array(cells, dtype=float))
    return [f"{name} {cell}" for cell in cells]


def _quarters(name: str, values: Float64[Array, " n"]) -> list[str]:
    cuts = np.quantile(values, [0.25, 0.5, 0.75])
    return [f"{name} {QUARTERS[place]}" for place in np.searchsorted(cuts, values, side="left")]


def _texts(asking: Embeddings) -> list[str]:
    for name in TEXTS:
        if name in columns_of(asking):
            return [str(cell or "") for cell in column(asking, name)]
    raise SpellingError(
        f"strata by length need a column {' or '.join(TEXTS)}; there is {_known(asking)}"
    )


def _cells(asking: Embeddings, name: str) -> list[Any]:
    if name not in columns_of(asking):
        raise SpellingError(
            f"nothing is known about queries under {shown(name)!r}: there is {_known(asking)}; "
            "strata may also be clusters(8) or length"
        )
    return column(asking, name)


def _known(asking: Embeddings) -> str:
    return ", ".join(columns_of(asking)) or "no metadata"


By: TypeAlias = Literal["pool", "disagreement"]
LOOKED_AT = 400
"""Queries that are searched to see how large pools are."""
WIDER = 3
"""By disagreement so many times as many queries are asked about, each about fewer of its items."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs to judge, in the order in which to judge them.

    Attributes
    ----------
    rows, items
        The query and the item of each pair, as rows of the direction's sides.
    chances
        With which chance each pair of a drawn query was drawn; 1 where whole pools are judged.
    ranks
        ``pairs x measures``: where each measure ranks the item, 0 for beyond the depth.
    strata
        For each pair the stratum of its query, in words.
    asked
        The rows of the queries that were drawn, in order.
    """

    direction: Direction
    by: By
    depth: int
    measures: tuple[str, ...]
    rows: Int64[Array, " pairs"]
    items: Int64[Array, " pairs"]
    chances: Float64[Array, " pairs"]
    ranks: Int64[Array, "pairs m"]
    strata: tuple[str, ...]
    asked: Int64[Array, " queries"]

    def __len__(self) -> int:
        return len(self.rows)


def sample(
    space: Space,
    measures: Iterable[str | Measure] | str = "dot,cosine,euclidean",
    *,
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
    """Choose pairs to judge so that what is estimated from them holds for all queries.

    Queries are drawn along a line on which those of one stratum stand side by side (systematic
    sampling), so that every stratum gets its share and every query has the same chance, or one in
    proportion to its traffic: plain means over the judged queries are without bias. Of each,
    either the whole pool of all measures is judged (``pool``: the first ``depth`` places of each),
    or pairs are drawn, the likelier the more they tell the measures apart (``disagreement``), with
    chances that metrics ending in ``(sampled)`` weigh by.

    Parameters
    ----------
    space
        The vectors.
    measures
        All that will be compared: one that is not in the pool is at a disadvantage later.
    budget
        How many pairs at most.
    strata
        What queries are spread over: ``clusters(8)``, ``length`` of their text, or a column of
        their metadata, words or numbers (in quarters).
    traffic
        A column with how often each query is asked.
    judged
        What was judged before: these pairs are left out.

    Raises
    ------
    SpellingError
        An unknown way, stratum or column.
    TooFewError
        A budget that does not do for one query.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings
    >>> rng = np.random.default_rng(0)
    >>> x = Embeddings(rng.normal(size=(80, 6)) * rng.lognormal(size=(80, 1)))
    >>> drawn = sample(Space(queries=x, items=x), "dot,cosine", budget=60, strata=["clusters(4)"])
    >>> len(drawn) <= 60, sorted(set(drawn.strata))[:2]
    (True, ['cluster 0', 'cluster 1'])
    """
    if by not in ("pool", "disagreement"):
        raise SpellingError(f"pairs are drawn by 'pool' or by 'disagreement', not by {shown(by)!r}")
    rng = np.random.default_rng(seed)
    asking, ranked = space.sides(direction)
    may_ask = np.flatnonzero(asking.norms > 0).astype(np.int64)
    places, words = line(asking, may_ask, strata, rng)
    share = _traffic(asking, places, traffic)

    def pooled(rows: Int64[Array, " q"]) -> Pool:
        found = search(
            space,
            measures,
            k=min(depth, len(ranked) - (direction != "queries-items")),
            direction=direction,
            rows=rows,
            exclude=None if judged is None else judged.seen,
            threads=threads,
        )
        shape = (len(asking), len(ranked))
        known = judged or Judgements(SparseRows.from_pairs([], [], shape=shape), direction)
        return Pool.of(found, known, rows, depth)

    few = np.sort(rng.permutation(may_ask)[:LOOKED_AT])
    if not len(few):
        raise TooFewError("no query has a vector that is not zero: none of them can ask")
    look = pooled(few)
    wanted = _queries(budget, np.count_nonzero(~look.judged) / len(few), by, len(places))
    drawn = places[systematic(inclusion_chances(share, wanted, least=0.0), rng)]
    asked = rng.permutation(drawn)
    pool = pooled(asked)
    at, chances = _pairs(pool, budget, by, rng)
    depths = pool.discounts[at]
    ranks = np.where(depths > 0, np.round(2 ** (1 / np.where(depths > 0, depths, 1))) - 1, 0)
    return Sample(
        direction=direction,
        by=by,
        depth=depth,
        measures=pool.measures,
        rows=asked[pool.lists[at]],
        items=pool.items[at],
        chances=chances,
        ranks=ranks.astype(np.int64),
        strata=tuple(words[row] for row in asked[pool.lists[at]].tolist()),
        asked=asked[: int(pool.lists[at].max()) + 1],
    )


def _queries(budget: int, pairs_a_query: float, by: By, possible: int) -> int:
    wanted = int(budget / max(pairs_a_query, 1) * (WIDER if by == "disagreement" else 1))
    if wanted < 1:
        raise TooFewError(
            f"a budget of {budget} does not do for one query, which takes {pairs_a_query:.0f} "
            "pairs: raise it, or lower the depth"
        )
    return min(wanted, possible)


def _traffic(asking: Embeddings, places: Array, column: str | None) -> Float64[Array, " n"]:
    if column is None:
        return np.ones(len(places))
    return numbers(asking, column)[places]


def _pairs(
    pool: Pool, budget: int, by: By, rng: np.random.Generator
) -> tuple[Int64[Array, " pairs"], Float64[Array, " pairs"]]:
    """Places in the pool, query after query and by chance within each, and their chances."""
    shuffled = rng.permutation(len(pool.lists))
    order = shuffled[np.argsort(pool.lists[shuffled], kind="stable")]
    order = order[~pool.judged[order]]
    if by == "pool":
        whole = np.searchsorted(pool.lists[order], np.arange(1, pool.queries + 1))
        fits = int(whole[whole <= budget].max(initial=0))
        return order[:fits], np.ones(fits)
    discounts = pool.discounts[order]
    apart = discounts.max(axis=1) - discounts.min(axis=1)
    count = min(budget, len(order))
    chances = inclusion_chances(apart, count, least=min(LEAST, count / len(order)))
    drawn = systematic(chances, rng)
    return order[drawn], chances[drawn]


WORDS = ("title", "name", "question", "text", "body", "content", "sentence")
"""Columns that say what a row is, in the order in which they are shown."""


def texts_of(place: Path, say: Say) -> Texts:
    """The words of a space in a folder; none where the folder holds no space."""
    if not is_space_folder(place):
        return Texts()
    space = read_space(place, say=say)
    return Texts(words_of(space.queries), words_of(space.items))


def words_of(side: Embeddings) -> dict[str, str]:
    """Title and text of each row that has any, by id.

    >>> words_of(Embeddings([[1.0]], ["7"], metadata={"text": ["A ship."], "title": ["Alien"]}))
    {'7': 'Alien. A ship.'}
    """
    known = {name.lower(): name for name in columns_of(side)}
    wanted = [column(side, known[name]) for name in WORDS if name in known]
    found: dict[str, str] = {}
    for name, *cells in zip(side.ids.tolist(), *wanted, strict=True):
        words = dict.fromkeys(str(cell).strip() for cell in cells if cell not in (None, ""))
        if words:
            found[name] = ". ".join(word.rstrip(".") for word in words) + "."
    return found
