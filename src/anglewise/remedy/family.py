"""The candidates that reached the end, as one family of tests."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from anglewise.comparison.inference import Scores, kinds
from anglewise.comparison.lists import RESAMPLES, judged_metric
from anglewise.core.typing import Array, Int64
from anglewise.metrics.evaluate import evaluate
from anglewise.remedy.apart import judged_by
from anglewise.remedy.bench import Bench, Found
from anglewise.remedy.contender import Contender


def family(bench: Bench, found: Mapping[Contender, Found], rows: Int64[Array, " q"]) -> Scores:
    """Evaluate all lists on the queries that decide; nothing is searched again."""
    lists = {str(one): replace(it.lists, measure=str(one)) for one, it in found.items()}
    judged_at = judged_metric(bench.metrics)
    judged = judged_by(bench.judgements, rows)
    values = evaluate(lists, judged, rows, [*bench.metrics, judged_at])
    wanted = {str(one): values[str(one)] for one in bench.metrics}
    parting = bench.parting_of(rows)
    return Scores(
        measures=tuple(found),
        values=wanted,
        statistic=parting.means(np.concatenate(list(wanted.values()))),
        resamples=RESAMPLES,
        kinds=_alike(bench, found),
        noun="query",
        rows=rows,
        judged=len(judged.gains.values),
        found=lists,
        settings={str(one): it.settings for one, it in found.items() if it.settings},
        unjudged=1 - values[str(judged_at)].mean(axis=1),
        parting=parting,
    )


def _alike(bench: Bench, found: Mapping[Contender, Found]) -> Int64[Array, " m"]:
    """One number for candidates with the same lists, whatever space they come from.

    Of the space as it came also for those that must rank alike, as ``kinds`` says.
    """
    own = [one for one in found if one.maker is None]
    ranked = bench.space.sides(bench.judgements.direction)[1]
    held = {one: it.lists.indices.tobytes() for one, it in found.items()}
    groups = kinds([one.measure for one in own], [held[one] for one in own], ranked.is_unit())
    first: dict[int, bytes] = {}
    for one, group in zip(own, groups.tolist(), strict=True):
        held[one] = first.setdefault(group, held[one])
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(it, len(numbers)) for it in held.values()], dtype=np.int64)
