"""A pair on which judges differ."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Dispute:
    """A pair to which judges gave different grades, and what the adjudicator decided, if so."""

    direction: str
    query_id: str
    item_id: str
    grades: Mapping[str, float]
    decided: float | None

    @property
    def spread(self) -> float:
        """How far apart the grades lie."""
        return max(self.grades.values()) - min(self.grades.values())
