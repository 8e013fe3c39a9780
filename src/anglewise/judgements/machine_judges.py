"""Grades by a machine among the judgements of a store, and what people's part was drawn from."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from anglewise.data_types.drawn import DRAWN
from anglewise.data_types.numbers import shown
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.judgements.records import Judged

DOUBLE = "double"
"""Where the context of a judgement says from which pairs that a machine graded it was drawn."""


def machine_in(rows: Iterable[Judged], judge: str | None = None) -> str:
    """The one machine among the judges of some rows, or the one that was named.

    Raises ``TooFewError`` where there is none, ``SpellingError`` for several, or another name.
    """
    machines = sorted({row.judge for row in rows if row.source == "generated"})
    if judge is not None:
        if judge not in machines:
            there = ", ".join(map(shown, machines)) or "none"
            raise SpellingError(f"no machine is called {shown(judge)!r}: there is {there}")
        return judge
    if not machines:
        raise TooFewError(
            "no machine graded any pair: draw a pool (judge sample), and let a model grade it "
            "(judge grade)"
        )
    if len(machines) > 1:
        raise SpellingError(
            f"{len(machines)} machines graded pairs: name one (--machine {shown(machines[0])!r})"
        )
    return machines[0]


def check_whole_pools(rows: Sequence[Judged]) -> None:
    """Refuse pairs that were drawn by lot, and queries that were drawn by traffic."""
    by_lot = any(row.probability is not None and row.probability < 1 for row in rows)
    if by_lot or any(DRAWN in row.context for row in rows):
        how = "the pairs were drawn by lot" if by_lot else "the queries were drawn by traffic"
        raise ValuesError(
            f"of what the machine graded {how}: people's part is drawn from whole pools of queries "
            "that had one chance, so draw the pool by judge sample --by pool, without --traffic"
        )


def rows_of_queries(rows: Iterable[Judged], row_of: Mapping[str, int]) -> Int64[Array, " q"]:
    """The rows, ascending, of the queries of some judgements.

    Raises ``TooFewError`` where not one of them is in the space.

    >>> rows_of_queries([Judged("b", "d", 1, judge="m"), Judged("x", "d", 1, judge="m")], {"b": 4})
    array([4])
    """
    queries = {row.query_id for row in rows}
    known = np.array(sorted(row_of[name] for name in queries if name in row_of), np.int64)
    if not len(known):
        raise TooFewError(
            "not one query that the machine graded pairs of is in the space: take the space that "
            "the pool was drawn from"
        )
    return known


def grades_of(names: Sequence[tuple[str, str]], rows: Iterable[Judged]) -> Float64[Array, " pairs"]:
    """The grade of each pair in some judgements, at least 0; NaN where there is none."""
    grades = {(row.query_id, row.item_id): max(row.grade, 0.0) for row in rows}
    return np.array([grades.get(name, np.nan) for name in names], dtype=np.float64)
