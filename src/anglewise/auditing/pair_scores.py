"""Single scores: how two rows compare with random pairs, and pairs where no map is open."""

from collections.abc import Iterable

import numpy as np

from anglewise.auditing.gauge_overlap import PairReport, explore
from anglewise.auditing.subject import AuditSubject
from anglewise.equivalent_factorisations.gauge import row_cosines
from anglewise.evaluation_metrics.random_pairs import RandomPairs, random_pairs


def pairs_of_items(
    subject: AuditSubject, pairs: Iterable[tuple[str, str]]
) -> tuple[tuple[PairReport, ...], RandomPairs | None]:
    """Reports on pairs of items, by id, and random pairs to hold their cosines against.

    Where no map is open there are no gauges and no intervals. Raises ``IdsError`` for an unknown
    id.
    """
    asked = [*pairs]
    if not asked:
        return (), None
    reports = explore(subject, asked) if subject.gauged else _as_given(subject, asked)
    return reports, random_pairs(
        subject.within, "cosine", direction="items-items", seed=subject.seed
    )


def _as_given(subject: AuditSubject, pairs: list[tuple[str, str]]) -> tuple[PairReport, ...]:
    items, names = subject.within.items, subject.names("items-items")[1]
    rows = np.array([[names.row(name) for name in pair] for pair in pairs], dtype=np.int64)
    x, y = (items.vectors[side].astype(np.float64) for side in rows.T)
    return tuple(
        PairReport(names.name(one), names.name(other), float(cosine), {}, (), (), ())
        for (one, other), cosine in zip(rows.tolist(), row_cosines(x, y), strict=True)
    )
