"""Findings of an audit as lights: what was seen, how bad it is, and what helps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anglewise.data_types.numbers import check_word
from anglewise.data_types.text import listed
from anglewise.errors import SpellingError

State: TypeAlias = Literal["fix", "look", "unknown", "ok"]
STATES: tuple[State, ...] = ("fix", "look", "unknown", "ok")
"""From the worst to the best; what could not be seen stands behind what was."""
GateState: TypeAlias = Literal["fix", "look"]


@dataclass(frozen=True)
class Light:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What was looked at, in a word or two; no two have the same.
    state
        ``ok``; ``look``: it may mislead, or is worth a look; ``fix``: results are wrong until it
        is mended; ``unknown``: it would have to be known, and nothing here tells.
    what
        What was found, as a sentence with its number.
    number, bound
        The number that decides, and where it begins to be more than ``ok``; None where a word
        decides.
    changes
        The share of what stands in the lists that mending it may change, as far as it was
        measured or follows; it orders the findings.
    do
        What helps here: a command where there is one.
    """

    name: str
    state: State
    what: str
    number: float | None = None
    bound: float | None = None
    changes: float = 0.0
    do: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; ``do`` is called ``try``."""
        return {
            "name": self.name,
            "state": self.state,
            "what": self.what,
            "number": self.number,
            "bound": self.bound,
            "changes": self.changes,
            "try": self.do,
        }


def in_order(lights: Iterable[Light]) -> tuple[Light, ...]:
    """The worst first, and among equals what would change results most.

    >>> one, two = Light("ids", "ok", ""), Light("copies", "fix", "", changes=0.1)
    >>> [light.name for light in in_order([one, two])]
    ['copies', 'ids']
    """
    return tuple(sorted(lights, key=lambda light: (STATES.index(light.state), -light.changes)))


@dataclass(frozen=True)
class LightGate:
    """Whether a pipeline may go on: nothing is of a state, or worse, and everything was seen.

    Attributes
    ----------
    state
        What must not come: ``fix``, or already ``look``.
    accepted
        Names of findings that do not count, since somebody knows them.
    failing
        The findings for which it fails, the worst first. What is unknown fails it too: a gate that
        cannot be evaluated holds nothing.
    """

    state: GateState
    accepted: tuple[str, ...]
    failing: tuple[Light, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing fails it."""
        return not self.failing

    def __str__(self) -> str:
        without = f", {listed(self.accepted)} accepted" if self.accepted else ""
        if self.passed:
            return f"gate held: nothing to {self.state}{without}"
        names = listed(f"{light.name} ({light.state})" for light in self.failing)
        unknown = any(light.state == "unknown" for light in self.failing)
        hint = "; what is unknown fails it: say more, or --accept it" if unknown else ""
        return f"gate failed: {names}{without}{hint}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "state": self.state,
            "accepted": [*self.accepted],
            "passed": self.passed,
            "failing": [light.name for light in self.failing],
        }


def gate_of(
    lights: Sequence[Light], state: GateState = "fix", accept: Iterable[str] = ()
) -> LightGate:
    """Hold findings against a gate.

    Raises ``SpellingError`` for a state that is none, and for an accepted name that no finding has.

    >>> lights = Light("ids", "unknown", ""), Light("offset", "look", "")
    >>> gate_of(lights).passed, gate_of(lights, accept=["ids"]).passed
    (False, True)
    >>> print(gate_of(lights, "look", ["ids"]))
    gate failed: offset (look), ids accepted
    """
    check_word(state, ("fix", "look"), "gate")
    accepted = tuple(dict.fromkeys(accept))
    names = [light.name for light in lights]
    for name in accepted:
        if name not in names:
            raise SpellingError(f"accept is {name!r}: the findings are {listed(names)}")
    bad = {"fix", "unknown", state}
    failing = (light for light in lights if light.state in bad and light.name not in accepted)
    return LightGate(state, accepted, in_order(failing))
