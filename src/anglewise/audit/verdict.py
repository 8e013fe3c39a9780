"""Whether a cosine here says something about the model: the verdict, and what to use instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from anglewise.audit.agreement import Agreement
from anglewise.audit.freedom import Reading
from anglewise.core.typing import Direction
from anglewise.gauges.gap import GaugeGap

Fate: TypeAlias = Literal["determined", "pinned-by-training", "arbitrary", "unknown"]

STAYS = 0.95
"""Lists that keep this much of themselves in every equally good geometry hardly move."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of cosine.

    Attributes
    ----------
    cosine
        ``determined``: the model fixes it, or every choice comes to the same lists;
        ``pinned-by-training``: weight decay chose the gauge; ``arbitrary``: a choice that nobody
        made decides; ``unknown``: it depends on what the space does not say.
    reason
        Why, in plain words.
    safe
        In each direction the measures that are not open to that choice.
    """

    cosine: Fate
    reason: str
    safe: Mapping[Direction, tuple[str, ...]]

    def __str__(self) -> str:
        return f"cosine is {self.cosine}: {self.reason}"


def decide(
    reading: Reading,
    gap: GaugeGap | None,
    agreements: Mapping[Direction, Agreement],
    spans: bool | None,
) -> Verdict:
    """The verdict from what is known of the training, the gap and how far lists move.

    ``spans`` says whether unit rows would leave no map but rotations; see
    ``diagnostics.rank_condition``.
    """
    fate, reason = _fate(reading, gap, agreements, spans)
    return Verdict(fate, reason, _safe(reading, fate, tuple(agreements)))


def _fate(
    reading: Reading,
    gap: GaugeGap | None,
    agreements: Mapping[Direction, Agreement],
    spans: bool | None,
) -> tuple[Fate, str]:
    if reading.trained_for == "cosine":
        return "determined", _trained_for_cosine(spans)
    if reading.trained_for == "euclidean":
        return _trained_for_distance(agreements)
    if gap is None:
        return "unknown", (
            "one side alone cannot tell. If the loss compared these vectors with each other, only "
            "rotations are free and cosine is the model's; if it multiplied them with another "
            "side (users of these items), that side is needed too: give both"
        )
    return _of_two_sides(reading, gap, agreements)


def _trained_for_cosine(spans: bool | None) -> str:
    caveat = (
        ". Cosines between two of one side are fixed by the loss only through the encoder: by "
        "numbers alone there are too few of them"
        if spans is False
        else ""
    )
    return (
        f"it was trained for cosine, which leaves only rotations open, and they change none{caveat}"
    )


def _trained_for_distance(agreements: Mapping[Direction, Agreement]) -> tuple[Fate, str]:
    least = min(agreements.values(), key=lambda one: one.least)
    if least.least >= STAYS:
        return "determined", (
            "it was trained for distance, which leaves the origin open; but wherever it lies, "
            f"cosine finds nearly the same: {_left(least)}"
        )
    return "arbitrary", (
        "it was trained for distance, which no shift of the origin changes, and cosine depends on "
        f"the origin: after centring, {_left(least)}"
    )


def _of_two_sides(
    reading: Reading, gap: GaugeGap, agreements: Mapping[Direction, Agreement]
) -> tuple[Fate, str]:
    least = min(agreements.values(), key=lambda one: one.least)
    moves = f"in {least.against.removeprefix('cosine@')}, {_left(least)}"
    if least.least >= STAYS:
        return "determined", (
            f"whatever gauge one takes, cosine finds nearly the same: at worst {moves}"
        )
    if reading.pinned:
        how = (
            "it was trained with weight decay on both sides, which leaves only rotations"
            if reading.decayed
            else "P'P = c Q'Q, as uniform weight decay leaves it (or somebody balanced it later)"
        )
        late = "" if reading.balanced else " with the rows that were folded in later"
        return "pinned-by-training", (
            f"{how}: gauge gap {gap.gap:.2f}{late}. Unique is not the same as good: judge it first"
        )
    if reading.trained_for == "dot":
        chosen = "" if reading.chosen is None else f"; {reading.chosen} was chosen after training"
        return "arbitrary", (
            f"it was trained on inner products, which any invertible map leaves alone{chosen}. "
            f"Equally good factorisations disagree: {moves}"
        )
    hint = "; rows of unit length suggest cosine" if reading.unit else ""
    return "unknown", (
        "nobody says what it was trained for. If for cosine, cosine is determined; if for inner "
        f"products, it is arbitrary, for {moves}{hint}. Say --trained-for"
    )


def _left(one: Agreement) -> str:
    asks = one.direction.replace("-", " to ")
    return f"{one.least:.0%} of the nearest {one.k} stay ({asks})"


def _safe(
    reading: Reading, fate: Fate, directions: tuple[Direction, ...]
) -> dict[Direction, tuple[str, ...]]:
    if reading.trained_for in {"cosine", "euclidean"}:
        return dict.fromkeys(directions, (reading.trained_for,))
    if reading.balanced is None:
        return {}
    among = ("cosine@data-space", "cosine@balanced")
    kept = ("cosine", *among) if fate in {"determined", "pinned-by-training"} else among
    return {way: ("dot",) if way == "queries-items" else kept for way in directions}
