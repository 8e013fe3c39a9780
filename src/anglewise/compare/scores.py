"""What was measured, before any statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from anglewise.compare.candidates import Candidate
from anglewise.compare.split import ALONE, Parting
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Float64, Int64
from anglewise.measures.adapter import Adapted
from anglewise.measures.measure import Family, Open
from anglewise.statistics.clusters import Units
from anglewise.statistics.resampling import Statistic

Asked: TypeAlias = Open


@dataclass(frozen=True, eq=False)
class Scores:
    """One row a measure, one column a judged query (or a graded pair, or a triplet).

    Attributes
    ----------
    measures
        What was asked for, in that order: measures, or measures in several spaces.
    values
        From metric to ``measures x columns``, the deciding metric first. The mean over columns
        is the metric.
    statistic
        From resample counts of the units to all metrics of all measures, metric after metric.
    kinds
        For each measure a number; measures with the same number rank alike on this space.
    noun
        What a column is.
    judged
        How many judgements there are.
    settings
        Of a tuned measure, what was chosen for each half of the columns; of one that was learnt,
        what was learnt in each fold.
    unjudged
        For each measure the share of places that nobody judged, where there are lists.
    parting
        Which queries taught which, and which belong together.
    """

    measures: tuple[Candidate, ...]
    values: Mapping[str, Float64[Array, "m q"]]
    statistic: Statistic
    resamples: int
    kinds: Int64[Array, " m"]
    noun: str
    rows: Int64[Array, " q"]
    judged: int
    found: Mapping[str, Neighbours] = field(default_factory=dict[str, Neighbours])
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unjudged: Float64[Array, " m"] | None = None
    parting: Parting = ALONE

    @property
    def names(self) -> tuple[str, ...]:
        """The spellings of the measures."""
        return tuple(map(str, self.measures))

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return next(iter(self.values))

    @property
    def main(self) -> Float64[Array, "m q"]:
        """The values of the metric that decides."""
        return self.values[self.metric]

    @cached_property
    def units(self) -> Units:
        """What chance is over: groups of columns, or each column for itself."""
        return self.parting.units or Units.each(self.main.shape[1])

    @property
    def unit_noun(self) -> str:
        """What a unit is."""
        return self.noun if self.parting.units is None else "group"

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Measures that rank alike, together, the simplest of each group first."""
        simplest = sorted(range(len(self.measures)), key=lambda i: self.measures[i].simplicity)
        kinds = dict.fromkeys(self.kinds[simplest].tolist())
        return tuple(tuple(i for i in simplest if self.kinds[i] == kind) for kind in kinds)


def kinds(measures: Sequence[Asked], evidence: Sequence[bytes], unit: bool) -> Int64[Array, " m"]:
    """Number measures so that those which rank alike share a number.

    They do if the evidence (all lists, or all values) is the same; and, where all that is ranked
    has length one (``unit``), if they rank as an inner product in the given coordinates. Stored
    lengths are one up to rounding only, so the lists of these may differ where scores all but tie.
    """
    keys = list(evidence)
    if unit:
        plain = {keys[i] for i, measure in enumerate(measures) if _inner_product(measure)}
        keys = [b"inner product" if key in plain else key for key in keys]
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _inner_product(measure: Asked) -> bool:
    if measure.frames or isinstance(measure, Adapted):
        return False
    return isinstance(measure, Family) or measure.formula.terms(np.ones(1)) is not None
