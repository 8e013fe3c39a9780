"""What the space was trained for, what freedom that leaves, and how we know."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from anglewise.core.embeddings import Freedom, Space, TrainedFor
from anglewise.gauges.gap import GaugeGap

Basis: TypeAlias = Literal["declared", "geometry", "nothing"]


@dataclass(frozen=True)
class Reading:
    """The freedom that training left, as far as it can be known.

    Attributes
    ----------
    freedom
        ``gauge``: any invertible map; ``rotation``: none that a cosine sees; ``unknown``.
    basis
        ``declared`` by whoever made the space; read off the ``geometry``; or known by
        ``nothing``.
    unit
        Whether every row of both sides has length one: trained for cosine, or normalised
        afterwards.
    balanced
        Whether ``P'P = c Q'Q`` within tolerance; None for spaces of one side.
    chosen
        The gauge that somebody chose by name after training, where the space says so.
    decayed
        Whether the space says that uniform weight decay was part of the loss.
    """

    freedom: Freedom
    basis: Basis
    trained_for: TrainedFor
    unit: bool
    balanced: bool | None
    chosen: str | None
    decayed: bool

    @property
    def pinned(self) -> bool:
        """Whether weight decay chose the gauge, as far as is known.

        It was in the loss; or the factors are balanced, and not because somebody made them so.
        """
        return self.decayed or (bool(self.balanced) and self.chosen is None)


def read_freedom(space: Space, gap: GaugeGap | None) -> Reading:
    """Read what is declared, and where nothing is, the geometry.

    >>> from anglewise.core.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 2.0]]), trained_for="cosine")
    >>> reading = read_freedom(space, None)
    >>> reading.freedom, reading.basis, reading.unit
    ('rotation', 'declared', False)
    """
    unit = space.items.is_unit() and space.queries.is_unit()
    balanced = None if gap is None else gap.pinned
    objective, chosen = space.about.get("objective"), space.about.get("gauge")
    decayed = objective == "factors" and float(space.about.get("penalty") or 0) > 0
    free = space.freedom
    basis: Basis = "declared"
    if free == "unknown":
        basis = "geometry" if balanced or unit else "nothing"
    elif space.one_sided and space.trained_for == "dot":
        free, basis = "unknown", "nothing"  # the other side may just not have been given
    return Reading(
        freedom=free,
        basis=basis,
        trained_for=space.trained_for,
        unit=unit,
        balanced=balanced,
        chosen=None if decayed or chosen in {None, "given"} else str(chosen),
        decayed=decayed,
    )
