"""Several trainings of one model: how much of their disagreement is gauge, and how much is real."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anglewise.auditing.subject import SMALL_SAMPLE, AuditSubject
from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Array, Int64
from anglewise.engine.search import search
from anglewise.errors import ShapeError
from anglewise.gauges.gap import SideAlignment, align
from anglewise.gauges.maps import moved
from anglewise.metrics.breadth import overlap


@dataclass(frozen=True)
class SideRun:
    """One side of two runs.

    ``rotation``, ``gauge`` and ``real`` are shares of the squared difference of the vectors and
    sum to 1 (all 0 without any difference): what the best rotation takes away, what the best
    linear map takes away beyond it, and what stays. ``difference`` is that difference relative to
    the vectors, ``condition`` that of the best linear map.
    """

    difference: float
    rotation: float
    gauge: float
    real: float
    condition: float | None
    shared: int


@dataclass(frozen=True)
class RunReport:
    """Another run beside the audited one.

    Attributes
    ----------
    name
        Of the other run.
    queries, items
        The vectors.
    predictions
        ``|P1 Q1' - P2 Q2'| / |P2 Q2'|``: what no map explains.
    overlap
        How much of the cosine lists between items the runs share: as ``given``, which no rotation
        changes; after the best ``linear`` map of the other one's items; in the ``balanced`` gauge
        of each. And how much of the lists that ``dot`` recommends.
    asked
        Over how many lists.
    """

    name: str
    queries: SideRun
    items: SideRun
    predictions: float
    overlap: Mapping[str, float]
    asked: int


def beside(subject: AuditSubject, name: str, other: Space) -> RunReport:
    """Put another run beside the audited one, over the ids that both know.

    Raises ``ShapeError`` for spaces of one side, ``TooFewError`` for too few shared ids.
    """
    if subject.space.one_sided or other.one_sided:
        raise ShapeError(
            f"{name}: runs are compared by their predictions, which takes queries and items"
        )
    found = align(other, subject.space)
    mine, theirs = _shared(subject.space, other)
    linear = moved(theirs.items.vectors, found.items.linear.map)
    pairs = {
        "given": _lists(subject, mine, theirs, "cosine"),
        "linear": _lists(subject, mine, Space(items=theirs.items.with_vectors(linear)), "cosine"),
        "balanced": _lists(subject, mine, theirs, "cosine@balanced"),
        "dot": _recommended(subject, mine, theirs),
    }
    return RunReport(
        name=name,
        queries=_side(found.queries),
        items=_side(found.items),
        predictions=found.predictions,
        overlap={key: float(value.mean()) for key, value in pairs.items()},
        asked=len(pairs["given"]),
    )


def _side(side: SideAlignment) -> SideRun:
    condition = side.linear.condition
    return SideRun(
        difference=side.given,
        **side.shares,
        condition=condition if np.isfinite(condition) else None,
        shared=side.shared,
    )


def _shared(one: Space, other: Space) -> tuple[Space, Space]:
    """Both runs on the rows that both know, in the order of the first."""
    sides: dict[str, list[Embeddings]] = {}
    for name in ("queries", "items"):
        mine: Embeddings = getattr(one, name)
        theirs: Embeddings = getattr(other, name)
        ids = [i for i in mine.ids if i in theirs.row_of]
        sides[name] = [
            side.take(np.array([side.row_of[i] for i in ids], dtype=np.int64))
            for side in (mine, theirs)
        ]
    pairs = zip(sides["queries"], sides["items"], strict=True)
    first, second = (Space(queries=q, items=i) for q, i in pairs)
    return first, second


def _lists(subject: AuditSubject, mine: Space, theirs: Space, measure: str) -> Array:
    rows = _asked(subject, mine.items)
    one, other = (_nearest(subject, space, measure, rows) for space in (mine, theirs))
    return overlap(one, other, subject.k)


def _recommended(subject: AuditSubject, mine: Space, theirs: Space) -> Array:
    rows = _asked(subject, mine.queries)
    one, other = (
        search(space, "dot", k=subject.k, rows=rows, threads=subject.threads)["dot"]
        for space in (mine, theirs)
    )
    return overlap(one, other, subject.k)


def _nearest(
    subject: AuditSubject, space: Space, measure: str, rows: Int64[Array, " asked"]
) -> Neighbours:
    found = search(
        space, measure, k=subject.k, direction="items-items", rows=rows, threads=subject.threads
    )
    return found[measure]


def _asked(subject: AuditSubject, side: Embeddings) -> Int64[Array, " asked"]:
    awake = np.flatnonzero(side.norms > 0)
    rng = np.random.default_rng(subject.seed)
    return np.sort(rng.permutation(awake)[: 4 * SMALL_SAMPLE]).astype(np.int64)
