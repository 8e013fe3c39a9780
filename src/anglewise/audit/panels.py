"""What a picture of the space shows: the cosines among some items in each equally good geometry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.audit.names import Named
from anglewise.audit.pairs import PairReport, explore
from anglewise.audit.subject import Subject
from anglewise.audit.witnessed import WitnessReport
from anglewise.core.typing import Array, Float64, Int64
from anglewise.diagnostics.norms import spearman

SHOWN = 120
"""How many items a panel has on each side."""
BESIDE_WITNESS = 3
"""How many neighbours, old and new, the item of the witness is paired with."""
ORDER = ("item-orthonormal", "balanced", "data-space")


@dataclass(frozen=True, eq=False)
class Panel:
    """The cosines of the same items, in the same order, in one geometry.

    Attributes
    ----------
    name
        ``cosine`` as given, or ``cosine@balanced`` and the like.
    cosines
        Of every item with every item.
    mean, low, high
        Of two different ones: the mean, the 5th and the 95th percentile.
    spearman
        Rank correlation of the pairs with those of the panel that sets the order; None where
        there is none.
    """

    name: str
    cosines: Float64[Array, "some some"]
    mean: float
    low: float
    high: float
    spearman: float | None


@dataclass(frozen=True, eq=False)
class Panels:
    """The panels and who stands in them.

    Attributes
    ----------
    items
        In their order, which puts items side by side that are alike in the last panel.
    chosen
        Why these: the ``most used`` or the ``longest``.
    panels
        As given first.
    """

    items: tuple[Named, ...]
    chosen: str
    panels: tuple[Panel, ...]


def draw_panels(subject: Subject) -> Panels:
    """Choose the items, put them in order, and take their cosines in each geometry."""
    rows, chosen = _choose(subject)
    names = ["cosine", *(f"cosine@{frame}" for frame in (ORDER if subject.gauged else ["centred"]))]
    found = {name: _cosines(subject, name, rows) for name in names}
    order = _alike_together(found[names[-1]])
    ordered = {name: values[np.ix_(order, order)] for name, values in found.items()}
    return Panels(
        items=subject.names("items-items")[1].all(rows[order]),
        chosen=chosen,
        panels=tuple(_panel(name, one, ordered[names[-1]]) for name, one in ordered.items()),
    )


def near_witness(subject: Subject, shown: WitnessReport | None) -> tuple[PairReport, ...]:
    """The item of the witness beside neighbours that it lost and that it won."""
    if shown is None:
        return ()
    lost = _only(shown.before, shown.after)[:BESIDE_WITNESS]
    won = _only(shown.after, shown.before)[:BESIDE_WITNESS]
    return explore(subject, [(shown.item.id, other.id) for other in (*lost, *won)])


def _only(these: Sequence[Named], those: Sequence[Named]) -> list[Named]:
    there = {one.id for one in those}
    return [one for one in these if one.id not in there]


def _choose(subject: Subject) -> tuple[Int64[Array, " some"], str]:
    """Rows of items that have a vector, the best known first."""
    fame, by_use = subject.fame
    awake = int(np.isfinite(fame).sum())
    order = np.argsort(-fame, kind="stable")[: min(SHOWN, awake)]
    return order.astype(np.int64), "most used" if by_use else "longest"


def _cosines(
    subject: Subject, name: str, rows: Int64[Array, " some"]
) -> Float64[Array, "some some"]:
    vectors = subject.items_at(name, rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.clip(unit @ unit.T, -1.0, 1.0)


def _alike_together(cosines: Float64[Array, "some some"]) -> Int64[Array, " some"]:
    """The order of the second eigenvector of the graph Laplacian (Fiedler 1975).

    It minimises the squared distance of neighbours in the order, weighted by how alike they are:
    cosines about their mean, none below nothing.
    """
    weights = np.clip(cosines - cosines.mean(), 0.0, None)
    np.fill_diagonal(weights, 0.0)
    weights += 1e-6  # one component, so that there is one second eigenvector
    roots = 1 / np.sqrt(weights.sum(axis=1))
    place = np.linalg.eigh(weights * roots * roots[:, None])[1][:, -2] * roots
    largest = place[np.argmax(np.abs(place))]
    return np.argsort(place * np.sign(largest), kind="stable").astype(np.int64)


def _panel(
    name: str, cosines: Float64[Array, "some some"], order: Float64[Array, "some some"]
) -> Panel:
    apart = np.triu_indices(len(cosines), 1)
    pairs = cosines[apart]
    low, high = np.percentile(pairs, [5, 95])
    return Panel(
        name=name,
        cosines=cosines,
        mean=float(pairs.mean()),
        low=float(low),
        high=float(high),
        spearman=spearman(pairs, order[apart]),
    )
