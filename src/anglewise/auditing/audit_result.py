"""The result of an audit, and its verdict on whether the model determines the cosine."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

from anglewise.auditing.certified import Certificates, WitnessReport, finite
from anglewise.auditing.dimension_meter import DimensionMeter
from anglewise.auditing.findings import STATES, GateState, Light, LightGate, gate_of
from anglewise.auditing.gauge_overlap import GaugeAgreement, GaugePath, PairReport, RunReport
from anglewise.auditing.geometry import Geometry, Panels
from anglewise.auditing.reachable import Reachable
from anglewise.auditing.subject import Reading
from anglewise.data_types.text import html_table, percent
from anglewise.data_types.typing import Direction
from anglewise.encoders.declared import Declared
from anglewise.equivalent_factorisations.gap import GaugeGap
from anglewise.evaluation_metrics.random_pairs import RandomPairs

Fate: TypeAlias = Literal["determined", "pinned-by-training", "arbitrary", "unknown"]

FAR = 1000
"""A gauge gap from here on is printed by its power of ten."""

STAYS = 0.95
"""Lists that keep this share in every equally good geometry count as the same."""


@dataclass(frozen=True)
class AuditVerdict:
    """Whether the model determines the cosine.

    Attributes
    ----------
    cosine
        ``determined``: by the model, or all maps that were tried, named gauges and random ones,
        give nearly the same lists; ``pinned-by-training``: the factors are measured to be where
        weight decay leaves them, and no later choice is recorded, which settles the cosine at
        this optimum, not in another training that may end at another one; ``arbitrary``: it
        depends on a gauge that nothing determines; ``unknown``: the space does not hold enough to
        tell, what it declares and what was measured disagree, or nothing that was tried tells.
    reason
        Why, in one sentence or two.
    safe
        The older name of ``invariant``.
    """

    cosine: Fate
    reason: str
    safe: Mapping[Direction, tuple[str, ...]]

    def __str__(self) -> str:
        return f"cosine is {self.cosine}: {self.reason}"

    @property
    def invariant(self) -> Mapping[Direction, tuple[str, ...]]:
        """By direction the measures that do not depend on what training left open.

        That says nothing of how good they are: a comparison on judgements does.
        """
        return self.safe


def decide(
    reading: Reading,
    gap: GaugeGap | None,
    agreements: Mapping[Direction, GaugeAgreement],
    spans: bool | None,
    random: Mapping[Direction, Mapping[float, float]] | None = None,
    *,
    reached: Reachable | None = None,
) -> AuditVerdict:
    """The verdict, from the freedom of training, the gauge gap and the overlap of lists.

    ``random`` holds the shares that random maps keep, by condition; ``spans`` says whether
    rotations are the only maps that keep unit rows unit; see ``geometry.rank_condition``.
    ``reached`` adds what trainings like this one leave, which changes no verdict.
    """
    fate, reason = _fate(reading, gap, agreements, spans, random or {})
    likely = "" if reached is None else str(reached)
    if likely and fate in {"arbitrary", "unknown"}:
        reason = f"{reason}. {likely[:1].upper()}{likely[1:]}"
    return AuditVerdict(fate, reason, _safe(reading, fate, tuple(agreements)))


def _fate(
    reading: Reading,
    gap: GaugeGap | None,
    agreements: Mapping[Direction, GaugeAgreement],
    spans: bool | None,
    random: Mapping[Direction, Mapping[float, float]],
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
    return _of_two_sides(reading, gap, _least_kept(agreements, random))


def _trained_for_cosine(spans: bool | None) -> str:
    caveat = (
        ". Cosines between two of one side are fixed by the loss only through the encoder: by "
        "numbers alone there are too few of them"
        if spans is False
        else ""
    )
    return (
        "declared as trained for cosine, which leaves only rotations open, and they change none"
        f"{caveat}"
    )


def _trained_for_distance(agreements: Mapping[Direction, GaugeAgreement]) -> tuple[Fate, str]:
    lowest = min(agreements.values(), key=lambda agreement: agreement.least)
    if lowest.least >= STAYS:
        return "unknown", (
            "declared as trained for distance, which leaves the origin open. About the mean cosine "
            f"finds nearly the same: {_share_kept(lowest)}; about another origin it may not"
        )
    return "arbitrary", (
        "declared as trained for distance, which no shift of the origin changes, and cosine "
        f"depends on the origin: after centring, {_share_kept(lowest)}"
    )


def _of_two_sides(reading: Reading, gap: GaugeGap, least: tuple[float, str]) -> tuple[Fate, str]:
    """From the gauge gap and the least share that is kept, with the words for it."""
    kept, moves = least
    if kept >= STAYS:
        return "determined", (
            "under all maps that were tried, the gauges with a name and random ones, cosine finds "
            f"nearly the same: at worst {moves}"
        )
    if reading.pinned:
        return "pinned-by-training", _pinned(reading, gap)
    if reading.decayed:
        return "unknown", _declared_but_not_measured(reading, gap, moves)
    if reading.trained_for == "dot":
        chosen = "" if reading.chosen is None else f"; {reading.chosen} was chosen after training"
        return "arbitrary", (
            "declared as trained on inner products, which any invertible map leaves "
            f"alone{chosen}. Equally good factorisations disagree: {moves}"
        )
    hint = "; rows of unit length suggest cosine" if reading.unit else ""
    return "unknown", (
        "nobody says what it was trained for. If for cosine, cosine is determined; if for inner "
        f"products, it is arbitrary, for {moves}{hint}. Say --trained-for"
    )


def _pinned(reading: Reading, gap: GaugeGap) -> str:
    measured = f"gauge gap {_size(reading, gap)}, where 1 is P'P = c Q'Q"
    cause = (
        "declared as trained with weight decay on both sides, and measured where that ends "
        f"({measured}): at this optimum only rotations are left, and they change no cosine"
        if reading.decayed
        else "if nobody balanced it later: measured where weight decay ends, and where gradient "
        f"descent from small values can end without any ({measured})"
    )
    return (
        f"{cause}. Another training may end at another optimum, where its loss has several. Unique "
        "is not the same as good: judge it first"
    )


def _declared_but_not_measured(reading: Reading, gap: GaugeGap, moves: str) -> str:
    why = (
        "training that ended early, "
        + ("rows folded in later " if reading.trained_gap is None else "")
        + "or a map since then can do that"
        if reading.chosen is None
        else f"{reading.chosen} was chosen after training"
    )
    return (
        "declared as trained with weight decay on both sides, which ends at gauge gap 1, but "
        f"measured elsewhere: gauge gap {_size(reading, gap)}; {why}. Equally good factorisations "
        f"disagree: {moves}"
    )


def _size(reading: Reading, gap: GaugeGap) -> str:
    among = reading.trained_gap
    size = gap.gap if among is None else among
    large = "infinite" if size == float("inf") else f"{size:.0e}"
    words = f"{size:.2f}" if size < FAR else large
    return words if among is None else f"{words} with the queries that training saw"


def _least_kept(
    agreements: Mapping[Direction, GaugeAgreement],
    random: Mapping[Direction, Mapping[float, float]],
) -> tuple[float, str]:
    """The least share of the lists that a gauge with a name keeps, else that a random map does.

    The gauges with a name come first: where they move the lists already, no random map is needed.
    """
    lowest = min(agreements.values(), key=lambda agreement: agreement.least)
    named = lowest.least, f"in {lowest.against.removeprefix('cosine@')}, {_share_kept(lowest)}"
    by_chance = [
        (
            overlap,
            (
                f"under random maps of condition {s:g}, {percent(overlap)} of the nearest "
                f"{agreements[direction].k} stay ({direction.replace('-', ' to ')})"
            ),
        )
        for direction, tried in random.items()
        for s, overlap in tried.items()
    ]
    return named if named[0] < STAYS else min([named, *by_chance])


def _share_kept(agreement: GaugeAgreement) -> str:
    asks = agreement.direction.replace("-", " to ")
    return f"{percent(agreement.least)} of the nearest {agreement.k} stay ({asks})"


def _safe(
    reading: Reading, fate: Fate, directions: tuple[Direction, ...]
) -> dict[Direction, tuple[str, ...]]:
    if reading.trained_for in {"cosine", "euclidean"}:
        return dict.fromkeys(directions, (reading.trained_for,))
    if reading.balanced is None:
        return {}
    invariant = ("cosine@data-space", "cosine@balanced")
    within_side = ("cosine", *invariant) if fate == "pinned-by-training" else invariant
    return {
        direction: ("dot",) if direction == "queries-items" else within_side
        for direction in directions
    }


@dataclass(frozen=True, eq=False)
class Audit:
    """What the model determines, and what an arbitrary choice of gauge does.

    Attributes
    ----------
    queries, items, dimension
        The size of the space; ``queries`` is None for a one-sided space.
    reading
        What the space was trained for, and the freedom that leaves.
    gap
        The gauge gap: how far the factors are from balanced; None for a one-sided space.
    biases
        The bias columns.
    agreement
        By direction, how far lists under different measures and gauges agree.
    certificates, path
        For the directions within one side, where a gauge can be free.
    reachable
        What trainings like this one leave of the lists; None where nobody says how it was trained.
    witness, runs, pairs
        The witness, and the reports on the given runs and pairs.
    chance
        The cosines of random pairs of items, where pairs were asked about.
    declared
        What the files of the model that made the vectors say of them, where they are known.
    beside_witness, panels
        For the page: pairs that the witness moved, and pictures of the cosines; not in JSON.
    geometry
        Lengths, isotropy, hubs, duplicates, dead dimensions.
    relevance
        How many dimensions the given judgements take; None without any.
    predictions_moved
        The largest relative change of the predictions over all maps used.
    verdict
        Whether the cosine is determined, and which measures do not depend on the gauge.
    notes
        Sentences to be read before the numbers.
    findings
        What was looked at, each as a light, the worst first.
    """

    queries: int | None
    items: int
    dimension: int
    seed: int
    reading: Reading
    gap: GaugeGap | None
    biases: tuple[int, ...]
    agreement: Mapping[Direction, GaugeAgreement]
    certificates: Mapping[Direction, Certificates]
    path: Mapping[Direction, GaugePath]
    reachable: Reachable | None
    witness: WitnessReport | None
    runs: tuple[RunReport, ...]
    pairs: tuple[PairReport, ...]
    chance: RandomPairs | None
    declared: Declared | None
    beside_witness: tuple[PairReport, ...]
    panels: Panels
    geometry: Geometry
    relevance: DimensionMeter | None
    predictions_moved: float | None
    verdict: AuditVerdict
    notes: tuple[str, ...]
    findings: tuple[Light, ...] = ()

    def __str__(self) -> str:
        return str(self.verdict)

    @property
    def gauge_gap(self) -> float | None:
        """The condition number of the map from the given to the balanced items; 1 when pinned.

        None for a one-sided space; infinite where items differ in directions without predictions.
        """
        return None if self.gap is None else self.gap.gap

    def gate(self, state: GateState = "fix", accept: Iterable[str] = ()) -> LightGate:
        """Hold the findings against a gate: nothing to ``fix`` (or ``look``) at, nothing unknown.

        Findings that ``accept`` names do not count. Raises ``SpellingError`` for another state,
        and for a name that no finding has.
        """
        return gate_of(self.findings, state, accept)

    def by_chance(self, pair: PairReport) -> dict[str, Any]:
        """The share of random pairs of items whose cosine is lower, and how many were drawn."""
        if self.chance is None:
            return {"above_random": None, "random_pairs": None}
        share = self.chance.share_below("cosine", pair.cosine)
        return {"above_random": share, "random_pairs": self.chance.pairs}

    def _repr_html_(self) -> str:
        directions = list(self.agreement)
        overlap = {
            direction: agreement.overlap["cosine"]
            for direction, agreement in self.agreement.items()
        }
        names = dict.fromkeys(name for row in overlap.values() for name in row)
        return html_table(
            [*self.notes, str(self.verdict)],
            ["kept of the cosine lists under", *directions],
            [
                [name, *(percent(row[name]) if name in row else "" for row in overlap.values())]
                for name in names
                if name != "cosine"
            ],
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with stable keys, as ``audit --json`` writes them."""
        depth = next(iter(self.agreement.values())).k
        return {
            "command": "audit",
            "version": version("anglewise"),
            "queries": self.queries,
            "items": self.items,
            "dimension": self.dimension,
            "seed": self.seed,
            "freedom": self.reading.freedom,
            "reading": asdict(self.reading),
            "gauge_gap": finite(self.gauge_gap),
            "gap": None if self.gap is None else _gap(self.gap),
            "biases": list(self.biases),
            "predictions_moved": self.predictions_moved,
            **self.geometry.to_dict(),
            f"overlap@{depth}": {
                direction: result.overlap for direction, result in self.agreement.items()
            },
            f"rank_biased_overlap@{depth}": {
                direction: result.rank_biased for direction, result in self.agreement.items()
            },
            "moved": {
                direction: [_plain(change) for change in result.moved]
                for direction, result in self.agreement.items()
            },
            "certificates": _certificates(self.certificates),
            "path": {direction: _plain(result) for direction, result in self.path.items()},
            "reachable": None if self.reachable is None else self.reachable.to_dict(),
            "witness": None if self.witness is None else self.witness.to_dict(),
            "runs": [_plain(result) for result in self.runs],
            "pairs": [_plain(result) | self.by_chance(result) for result in self.pairs],
            "relevance_dimension": None if self.relevance is None else self.relevance.to_dict(),
            "declared": None if self.declared is None else self.declared.to_dict(),
            "findings": [light.to_dict() for light in self.findings],
            "counts": {
                state: sum(light.state == state for light in self.findings) for state in STATES
            },
            "verdict": {**_plain(self.verdict), "invariant": _plain(self.verdict)["safe"]},
            "notes": list(self.notes),
        }


def _gap(gap: GaugeGap) -> dict[str, Any]:
    return {**asdict(gap), "gap": finite(gap.gap), "pinned": gap.pinned}


def _certificates(certificates: Mapping[Direction, Certificates]) -> dict[str, Any] | None:
    """The certificates as JSON: those between items at the top level, all under ``directions``."""
    if not certificates:
        return None
    as_json = {direction: result.to_dict() for direction, result in certificates.items()}
    return {**as_json["items-items"], "directions": as_json}


def _plain(result: Any) -> dict[str, Any]:
    """A dataclass as plain JSON types, with lists for tuples."""
    return asdict(result, dict_factory=_lists)


def _lists(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: [*value] if isinstance(value, tuple) else value for key, value in entries}
