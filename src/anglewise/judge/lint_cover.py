"""What the set stands for: popular and rare items, every corner of the catalogue."""

from typing import Any

import numpy as np

from anglewise.core.typing import Array, Float64, Int64
from anglewise.diagnostics.hubness import clusters
from anglewise.diagnostics.norms import popularity
from anglewise.judge.finding import Finding, Looked

SKEWED = 0.2
"""A distance between two distributions that is worth a warning."""
CURVE = 41
"""Points at which both distributions are told, for a picture."""
CORNER = 0.02
"""A cluster that holds less of the catalogue than this is not missed."""


def skew(looked: Looked) -> list[Finding]:
    """How far the popularity of relevant items is from that of the catalogue.

    The distance of Kolmogorov and Smirnov, ``max |F(x) - G(x)|`` of both distributions, each
    relevant judgement counting once; a finding where it exceeds 0.2 and what chance explains at
    95%, ``1.36 sqrt((n + m) / (n m))``.
    """
    side = "queries" if looked.judgements.direction == "queries-queries" else "items"
    known = popularity(looked.space, side)
    table = looked.judgements.gains
    if known is None:
        return []
    whole = known.values[np.isfinite(known.values)]
    mine = known.values[table.indices[table.values > 0]]
    mine = mine[np.isfinite(mine)]
    if len(whole) < 2 or not len(mine) or whole.min() == whole.max():
        return []
    distance, curve = ks_distance(mine, whole)
    chance = 1.36 * float(np.sqrt((len(mine) + len(whole)) / (len(mine) * len(whole))))
    if distance <= max(SKEWED, chance):
        return []
    more = "more" if np.median(mine) > np.median(whole) else "less"
    word = "length of text" if known.what == "text length" else "popularity"
    fitting = "longer" if more == "more" else "shorter"
    which = fitting if known.what == "text length" else f"{more} popular"
    return [
        Finding(
            "warning",
            "popularity",
            f"relevant items are {which} than the catalogue: Kolmogorov-Smirnov distance "
            f"{distance:.2f} (by chance up to {chance:.2f}), median {word} {np.median(mine):g} "
            f"against {np.median(whole):g}",
            "a win may rest on it: see what norm(0,*) says, and judge rarer items too",
            {"distance": distance, "by_chance": chance, "what": known.what, "curve": curve},
        )
    ]


def ks_distance(
    some: Float64[Array, " n"], whole: Float64[Array, " m"]
) -> tuple[float, dict[str, Any]]:
    """The largest gap between two distribution functions, and both at quantiles of the whole.

    >>> ks_distance(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))[0]
    0.5
    """
    some, whole = np.sort(some), np.sort(whole)
    at = np.unique(np.concatenate([some, whole]))
    gap = np.abs(_share(some, at) - _share(whole, at)).max()
    points = np.unique(np.quantile(whole, np.linspace(0, 1, CURVE)))
    return float(gap), {
        "at": points.tolist(),
        "judged": _share(some, points).tolist(),
        "catalogue": _share(whole, points).tolist(),
    }


def corners(looked: Looked, *, seed: int = 0) -> list[Finding]:
    """Clusters of items that no judgement touches, and of queries of which none is judged."""
    findings: list[Finding] = []
    table = looked.judgements.gains
    asked = looked.judgements.judged_rows
    whole_items = looked.judgements.judged_items
    touched = np.unique(table.indices) if whole_items is None else np.flatnonzero(whole_items)
    sides = [("items", looked.ranked, touched), ("queries", looked.asking, asked)]
    for name, side, judged in sides:
        count = min(20, len(side) // 25)
        if count < 2 or len(judged) == len(side) or (name == "queries" and len(judged) < count):
            continue
        of = clusters(side.vectors, count, seed=seed)
        missed = _missed(of, judged, count)
        if len(missed):
            share = float(np.isin(of, missed).mean())
            findings.append(
                Finding(
                    "warning" if share > 0.1 else "note",
                    f"clusters of {name}",
                    f"{len(missed)} of {count} clusters of {name} ({share:.0%} of them) hold no "
                    f"judged one, such as that around {_middle(side.ids, of, int(missed[0]))}",
                    f"judge some {name} there: the numbers say nothing about them",
                    {"clusters": count, "missed": len(missed), "share": share},
                )
            )
    return findings


def _missed(of: Int64[Array, " n"], judged: Int64[Array, " some"], count: int) -> Array:
    sizes = np.bincount(of, minlength=count)
    held = np.bincount(of[judged], minlength=count)
    return np.flatnonzero((held == 0) & (sizes >= CORNER * len(of)))


def _middle(names: Array, of: Int64[Array, " n"], cluster: int) -> str:
    return repr(str(names[np.flatnonzero(of == cluster)[0]]))


def _share(
    values: Float64[Array, " n"], at: Float64[Array, " points"]
) -> Float64[Array, " points"]:
    return np.searchsorted(values, at, side="right") / len(values)
