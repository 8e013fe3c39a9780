"""One acceptance figure: a number, its bound, and whether the bound held."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Relation: TypeAlias = Literal["<=", ">=", ">"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Check:
    """A figure of the study against its bound, which was set before it was looked at.

    Attributes
    ----------
    figure
        The number of the claim that it belongs to, 1 to 9.
    name
        What was measured.
    value, relation, bound
        It held if ``value relation bound``; a value that is not a number never holds.

    Examples
    --------
    >>> Check(1, "predictions moved", 3e-16, "<=", 1e-12).held
    True
    """

    figure: int
    name: str
    value: float
    relation: Relation
    bound: float

    @property
    def held(self) -> bool:
        """Whether the bound held."""
        return bool(_HOLDS[self.relation](self.value, self.bound))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "figure": self.figure,
            "name": self.name,
            "value": self.value,
            "relation": self.relation,
            "bound": self.bound,
            "held": self.held,
        }
