"""What a comparison found, one row for each group of measures that rank alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from anglewise.compare.result import Comparison, MeasureResult
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import SpellingError
from anglewise.statistics.clusters import Units


@dataclass(frozen=True, eq=False)
class Standing:
    """The measures that stand for their groups, with what was found and judged.

    ``values`` are those of the metric that decides, ``measures x queries``; ``found`` the lists
    of the same queries, ``asked`` their rows, ``units`` the groups that chance is over.
    """

    measures: tuple[MeasureResult, ...]
    values: Float64[Array, "m q"]
    found: Mapping[str, Neighbours]
    asked: Int64[Array, " q"]
    judgements: Judgements
    space: Space
    units: Units


def standing(result: Comparison) -> Standing:
    """Give what a comparison by graded relevance found; of measures that rank alike the first.

    Raises ``SpellingError`` for a comparison by graded pairs or triplets, which has no queries.
    """
    evidence = result.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        raise SpellingError(
            "this goes query by query, and these are pairs or triplets: give judgements of "
            "queries and items"
        )
    by_name = {row.measure: row for row in result.measures}
    order = [by_name[name] for name in evidence.measures]
    spoken_for: set[str] = set()
    stands: list[int] = []
    for place, row in enumerate(order):
        if row.measure not in spoken_for:
            stands.append(place)
            spoken_for.update(row.alike)
    rows = tuple(order[place] for place in stands)
    return Standing(
        rows,
        evidence.values[result.metric][stands],
        {row.measure: evidence.found[row.measure] for row in rows},
        evidence.rows,
        evidence.judgements,
        evidence.space,
        evidence.units or Units.each(len(evidence.rows)),
    )
