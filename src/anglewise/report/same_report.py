"""Where two reports in JSON differ: entry by entry, rounding told from figures."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

NEAR = 1e-9
"""Figures that differ by less, of their size, differ in rounding alone."""

PASSED_OVER = frozenset({"call", "version", "seconds"})
"""What differs between two runs of one call."""


@dataclass(frozen=True)
class OtherFigure:
    """One entry: where it stands, what was reported, what was computed."""

    place: str
    reported: Any
    computed: Any

    @property
    def in_rounding(self) -> bool:
        """Whether both are numbers that agree in their first nine digits."""
        pair = (self.reported, self.computed)
        if not all(type(value) is float for value in pair):
            return False
        return math.isclose(*pair, rel_tol=NEAR, abs_tol=NEAR * NEAR)

    def __str__(self) -> str:
        reported, computed = _short(self.reported), _short(self.computed)
        return f"{self.place}: {reported} is reported, {computed} computed"

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {"place": self.place, "reported": self.reported, "computed": self.computed}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def differences(reported: Mapping[str, Any], computed: Mapping[str, Any]) -> list[OtherFigure]:
    """Every entry in which two reports differ, but for versions and times.

    >>> [str(one) for one in differences({"a": [1.0, 2]}, {"a": [1.5, 2]})]
    ['a[0]: 1.0 is reported, 1.5 computed']
    """
    return list(_of(reported, computed, "", _versions(reported, computed)))


def _versions(*reports: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"version:{report.get('version')}" for report in reports)


def _of(first: Any, second: Any, place: str, versions: tuple[str, ...]) -> Iterator[OtherFigure]:
    if isinstance(first, dict) and isinstance(second, dict):
        ours, others = cast("dict[str, Any]", first), cast("dict[str, Any]", second)
        for name in dict.fromkeys([*ours, *others]):
            if name in PASSED_OVER:
                continue
            inner = f"{place}.{name}" if place else name
            if name in ours and name in others:
                yield from _of(ours[name], others[name], inner, versions)
            else:
                yield OtherFigure(inner, ours.get(name), others.get(name))
        return
    if isinstance(first, list) and isinstance(second, list):
        one, other = cast("list[Any]", first), cast("list[Any]", second)
        if len(one) == len(other):
            for number, pair in enumerate(zip(one, other, strict=True)):
                yield from _of(*pair, f"{place}[{number}]", versions)
            return
    if isinstance(first, str) and isinstance(second, str):  # a signature names the version
        first, second = first.replace(versions[0], ""), second.replace(versions[1], "")
    if type(cast("Any", first)) is not type(cast("Any", second)) or first != second:
        yield OtherFigure(place, first, second)
