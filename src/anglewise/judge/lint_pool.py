"""Whose finds were judged, and twins that make relevance ambiguous."""

from collections.abc import Sequence

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.diagnostics.duplicates import ROUNDING
from anglewise.engine.search import search
from anglewise.judge.finding import Finding, Looked
from anglewise.measures.formulas import Measure

LOOKED_AT = 1_000
"""Queries that are searched, drawn by the seed where there are more."""
APART = 0.2
"""A share of unjudged items that is so much higher than another's betrays the pool."""

ZEROS = 0.1
"""With a smaller share of zeros, what was judged is little but what is relevant."""


def pool(
    looked: Looked, measures: Sequence[str | Measure] | str, k: int, *, seed: int = 0
) -> list[Finding]:
    """Which share of each measure's first ``k`` nobody judged, and who was not in the pool.

    Where only relevant items are recorded, as from clicks, the judged share is the precision, and
    says nothing about a pool.
    """
    judgements = looked.judgements
    if judgements.judged_items is not None:
        return []
    rows = _some(judgements.judged_rows, seed)
    found = search(
        looked.space,
        measures,
        k=min(k, len(looked.ranked) - (looked.asking is looked.ranked)),
        direction=judgements.direction,
        rows=rows,
        exclude=judgements.seen,
    )
    wide = judgements.gains.shape[1]
    keys = judgements.gains.rows * wide + judgements.gains.indices
    unjudged: dict[str, float] = {}
    for name, lists in found.items():
        there = lists.indices >= 0
        judged = np.isin(rows[:, None] * wide + np.maximum(lists.indices, 0), keys)
        unjudged[name] = float((there & ~judged).sum() / max(there.sum(), 1))
    findings = _outside(looked, list(found))
    told = bool((judgements.gains.values <= 0).mean() >= ZEROS)
    findings += _biased(unjudged, k) if told else []
    if findings or max(unjudged.values()) < APART:
        return findings
    words = ", ".join(f"{name} {share:.0%}" for name, share in unjudged.items())
    return [
        Finding(
            "note",
            "unjudged",
            f"nobody judged a part of the first {k}: {words}"
            + ("" if told else "; without zeros nobody can tell a bad list from an unjudged one"),
            "unjudged counts as not relevant; judge what the measures find",
            {"unjudged": unjudged},
        )
    ]


def _biased(unjudged: dict[str, float], k: int) -> list[Finding]:
    best = min(unjudged, key=lambda name: unjudged[name])
    outside = [name for name, share in unjudged.items() if share > unjudged[best] + APART]
    if not outside:
        return []
    shares = ", ".join(f"{name} {unjudged[name]:.0%}" for name in (best, *outside))
    return [
        Finding(
            "warning",
            "pool",
            f"the pool favours {best}: of the first {k} nobody judged {shares}; "
            f"{' and '.join(outside)} did not contribute, it seems",
            f"judge what {' and '.join(outside)} finds too, or the verdict is made by the pool",
            {"unjudged": unjudged, "favoured": best, "outside": outside},
        )
    ]


def _outside(looked: Looked, measures: Sequence[str]) -> list[Finding]:
    """Measures that no recorded context names, where contexts name measures at all."""
    named = {name for row in looked.rows for name in row.context}
    if not named & set(measures):
        return []
    outside = [name for name in measures if name not in named]
    if not outside:
        return []
    return [
        Finding(
            "warning",
            "pool",
            f"{' and '.join(outside)} did not contribute to the pool: the judged pairs came from "
            f"{', '.join(sorted(named & set(measures)))}",
            f"judge what {' and '.join(outside)} finds too",
            {"outside": outside},
        )
    ]


def twins(looked: Looked, *, seed: int = 0) -> list[Finding]:
    """Items that are one vector twice, of which one is relevant and the other not, or unjudged."""
    if len(looked.ranked) < 3:
        return []
    table = looked.judgements.gains
    relevant = table.values > 0
    items = _some(np.unique(table.indices[relevant]), seed)
    if not len(items):
        return []
    way = "queries-queries" if looked.judgements.direction == "queries-queries" else "items-items"
    k = min(3, len(looked.ranked) - 1)
    lists = search(looked.space, "cosine", k=k, direction=way, rows=items)["cosine"]
    place, where = np.nonzero((lists.indices >= 0) & (lists.scores >= np.float64(ROUNDING)))
    if not len(place):
        return []
    pairs: list[tuple[int, int]] = list(
        zip(items[place].tolist(), lists.indices[place, where].tolist(), strict=True)
    )
    disputed = _disputed(looked, pairs)
    one, other = (str(looked.ranked.ids[item]) for item in pairs[0])
    return [
        Finding(
            "warning" if disputed else "note",
            "twins",
            f"{len({item for item, _ in pairs}):,} of {len(items):,} relevant items stand twice "
            f"under different ids with the same vector, such as {one!r} and {other!r}; for "
            f"{disputed:,} judgements the twin has "
            "another grade or none",
            "no measure can tell them apart: give twins one grade, or keep one of them",
            {"pairs": len(pairs), "disputed": disputed},
        )
    ]


def _disputed(looked: Looked, pairs: Sequence[tuple[int, int]]) -> int:
    table = looked.judgements.gains
    twins_of: dict[int, list[int]] = {}
    for item, twin in pairs:
        twins_of.setdefault(item, []).append(twin)
    pairs_judged = zip(table.rows.tolist(), table.indices.tolist(), strict=True)
    grade = dict(zip(pairs_judged, table.values.tolist(), strict=True))
    same = looked.asking is looked.ranked
    return sum(
        grade.get((query, twin)) != gain
        for (query, item), gain in grade.items()
        if gain > 0
        for twin in twins_of.get(item, [])
        if not (same and query == twin)
    )


def _some(rows: Int64[Array, " rows"], seed: int) -> Int64[Array, " some"]:
    if len(rows) <= LOOKED_AT:
        return rows.astype(np.int64)
    drawn: Float64[Array, " rows"] = np.random.default_rng(seed).permutation(rows)[:LOOKED_AT]
    return np.sort(drawn).astype(np.int64)
