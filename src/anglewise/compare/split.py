"""Which judged queries may teach which, and what chance is over."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anglewise.compare.crossfit import first_half, folds
from anglewise.compare.known import cells, moments
from anglewise.core.embeddings import Embeddings
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import read_whole, shown
from anglewise.core.text import counted
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.diagnostics.hubness import clusters
from anglewise.errors import SpellingError, TooFewError
from anglewise.statistics.clusters import Units
from anglewise.statistics.resampling import Statistic

QUERIES = "queries"
_SPLIT = re.compile(r"(group|time)\(\s*(\S|\S.*\S)\s*\)|clusters\(\s*([^()\s]+)\s*\)")


@dataclass(frozen=True, eq=False)
class Parting:
    """How judged queries are parted, in the order in which they are judged.

    Attributes
    ----------
    split
        As it was asked for: ``queries``, ``group(topic)``, ``clusters(50)``, ``time(asked)``.
    units
        Of a group: queries of one stand on one side, and chance is over groups. Without it every
        query stands for itself.
    later
        Of a time: the queries that are reported. The others came before all of these, and teach.
    """

    split: str = QUERIES
    units: Units | None = None
    later: Bool[Array, " q"] | None = None

    def half(self, queries: int, seed: int) -> Bool[Array, " q"]:
        """Draw a half of the queries; of groups a half of these.

        >>> Parting(units=Units(np.array([0, 0, 1, 2, 2, 3]))).half(6, seed=0).tolist()
        [True, True, False, False, False, True]
        """
        of = self._of(queries)
        return first_half(len(of), seed)[of.of]

    def folds(self, queries: int, parts: int, seed: int) -> list[Int64[Array, " part"]]:
        """Draw parts of the queries, each reported on by what the others taught.

        Of groups whole ones; of a time there is one part, the later queries. Raises
        ``TooFewError`` for fewer groups than parts.
        """
        if self.later is not None:
            return [np.flatnonzero(self.later)]
        of = self._of(queries)
        if len(of) < parts:
            raise TooFewError(
                f"{len(of)} groups by {self.split}: what is learnt on some and graded on others "
                f"needs {parts} at least"
            )
        drawn = folds(len(of), parts, seed)
        return [np.flatnonzero(np.isin(of.of, part)) for part in drawn]

    def reported(self, queries: int) -> Int64[Array, " reported"]:
        """The queries whose values are shown and tested: all, or of a time the later ones."""
        return np.arange(queries) if self.later is None else np.flatnonzero(self.later)

    def of_reported(self, found: Neighbours) -> Neighbours:
        """What was found for the queries that are reported."""
        if self.later is None:
            return found
        on = self.later
        return Neighbours(found.measure, found.indices[on], found.scores[on], found.tied_at_cut[on])

    def means(self, values: Float64[Array, "m q"]) -> Statistic:
        """The means over what is reported, as a statistic of how often each unit was drawn."""
        return self._of(values.shape[1]).means(values)

    def take(self, queries: Int64[Array, " some"]) -> "Parting":
        """The same for some of the queries: groups stay what they are."""
        return Parting(
            self.split,
            None if self.units is None else self.units.take(queries),
            None if self.later is None else self.later[queries],
        )

    def notes(self) -> Iterator[str]:
        """What a reader should know."""
        if self.units is not None:
            sizes = np.unique(self.units.sizes)
            fewest = f"{sizes[0]:,} to " if len(sizes) > 1 else ""
            each = f"{fewest}{counted(int(sizes[-1]), 'query')}"
            yield (
                f"chance is over {counted(len(self.units), 'group')} by {self.split}, of {each}: "
                "queries of one group are on one side, and drawn together"
            )
        if self.later is not None:
            after = int(self.later.sum())
            yield (
                f"by {self.split}, the earlier {len(self.later) - after:,} queries are for tuning "
                f"and learning alone; reported are the later {after:,}"
            )

    def _of(self, queries: int) -> Units:
        return Units.each(queries) if self.units is None else self.units


ALONE = Parting()
"""Every query for itself."""


def parting(split: str, asking: Embeddings, rows: Int64[Array, " q"], *, seed: int = 0) -> Parting:
    """Part the judged rows of those who ask.

    ``queries``: each for itself. ``group(COLUMN)``: those with the same value in a column of
    what is known about them belong together. ``clusters(8)``: those whose vectors crowd do
    (k-means of directions, drawn by the seed). ``time(COLUMN)``: the later half is reported, and
    the earlier teaches; queries of one moment are on one side.

    Raises ``SpellingError`` for another split or a column that is not there, ``ValuesError`` for
    cells that are empty or no times, ``TooFewError`` where all are one group or of one moment.

    >>> asked = Embeddings(np.eye(4), metadata={"user": ["b", "a", "b", "c"], "day": [3, 1, 2, 4]})
    >>> parting("group(user)", asked, np.arange(4)).units.of.tolist()
    [0, 1, 0, 2]
    >>> parting("time(day)", asked, np.arange(4)).later.tolist()
    [True, False, False, True]
    """
    if split.strip() == QUERIES:
        return ALONE
    asked = _SPLIT.fullmatch(split.strip())
    if asked is None:
        raise SpellingError(
            f"{split!r} is no split: write queries, group(COLUMN), clusters(8) or time(COLUMN)"
        )
    kind, name, count = asked.groups()
    if kind == "time":
        return Parting(f"time({name})", later=_later(name, asking, rows))
    if kind == "group":
        spelled, names = f"group({name})", np.array([str(c) for c in cells(name, asking, rows)])
    else:
        groups = read_whole(count)
        if groups is None or groups < 1:
            raise SpellingError(
                f"clusters({shown(count)}): a whole number of groups is due, as in clusters(8)"
            )
        spelled = f"clusters({groups})"
        names = clusters(asking.vectors[rows], groups, seed=seed)
    units = Units.named(names)
    if len(units) < 2:
        raise TooFewError(
            f"all {counted(len(rows), 'judged query')} are one group by {spelled}: at least two "
            "are due, and six for any test at 95%"
        )
    return Parting(spelled, units=units)


def _later(name: str, asking: Embeddings, rows: Int64[Array, " q"]) -> Bool[Array, " q"]:
    """At most half of the queries are earlier, and all of these came before all others."""
    times = moments(name, cells(name, asking, rows))
    different = np.unique(times)
    if len(different) < 2:
        raise TooFewError(
            f"all {counted(len(rows), 'judged query')} have one {name}: a split by time needs "
            "earlier and later ones"
        )
    return times >= max(np.sort(times)[len(times) // 2], different[1])
