"""What an audit returns: frozen, and told in one word, one sentence or JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from anglewise.audit.agreement import Agreement
from anglewise.audit.certified import Certificates
from anglewise.audit.freedom import Reading
from anglewise.audit.geometry import Geometry
from anglewise.audit.pairs import PairReport
from anglewise.audit.panels import Panels
from anglewise.audit.path import GaugePath
from anglewise.audit.runs import RunReport
from anglewise.audit.verdict import Verdict
from anglewise.audit.witnessed import WitnessReport
from anglewise.core.text import html_table
from anglewise.core.typing import Direction
from anglewise.gauges.gap import GaugeGap


@dataclass(frozen=True, eq=False)
class Audit:
    """What is fixed by the model, what by a choice that nobody made.

    Attributes
    ----------
    queries, items, dimension
        The size of the space; ``queries`` is None where there is one side.
    reading
        What it was trained for, and what freedom that leaves.
    gap
        How far it stands from where weight decay would have put it; None for one side.
    biases
        Columns that hold biases.
    agreement
        In each direction, how much the choice of measure and gauge matters.
    certificates, path
        For the directions within one side, where a gauge can be free.
    witness, runs, pairs
        What was asked for.
    beside_witness, panels
        For the page: pairs that the witness moved, and pictures of the cosines; not in JSON.
    geometry
        Lengths, isotropy, hubs, duplicates, dead dimensions.
    predictions_moved
        The largest relative change of the predictions over all gauges that were looked at.
    verdict
        What becomes of cosine, and what is safe.
    notes
        Sentences to be read before the numbers.
    """

    queries: int | None
    items: int
    dimension: int
    seed: int
    reading: Reading
    gap: GaugeGap | None
    biases: tuple[int, ...]
    agreement: Mapping[Direction, Agreement]
    certificates: Mapping[Direction, Certificates]
    path: Mapping[Direction, GaugePath]
    witness: WitnessReport | None
    runs: tuple[RunReport, ...]
    pairs: tuple[PairReport, ...]
    beside_witness: tuple[PairReport, ...]
    panels: Panels
    geometry: Geometry
    predictions_moved: float | None
    verdict: Verdict
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.verdict)

    @property
    def gauge_gap(self) -> float | None:
        """Condition number of the map from the given to the balanced items; 1 when pinned.

        None where there is one side; infinite where items differ in what no query can see.
        """
        return None if self.gap is None else self.gap.gap

    def _repr_html_(self) -> str:
        ways = list(self.agreement)
        overlap = {way: one.overlap["cosine"] for way, one in self.agreement.items()}
        names = dict.fromkeys(name for row in overlap.values() for name in row)
        return html_table(
            [*self.notes, str(self.verdict)],
            ["kept of the cosine lists under", *ways],
            [
                [name, *(f"{row[name]:.0%}" if name in row else "" for row in overlap.values())]
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
            "gauge_gap": _finite(self.gauge_gap),
            "gap": None if self.gap is None else _gap(self.gap),
            "biases": list(self.biases),
            "predictions_moved": self.predictions_moved,
            **self.geometry.to_dict(),
            f"overlap@{depth}": {way: one.overlap for way, one in self.agreement.items()},
            f"rank_biased_overlap@{depth}": {
                way: one.rank_biased for way, one in self.agreement.items()
            },
            "moved": {way: [_plain(it) for it in one.moved] for way, one in self.agreement.items()},
            "certificates": _certificates(self.certificates),
            "path": {way: _plain(one) for way, one in self.path.items()},
            "witness": None if self.witness is None else self.witness.to_dict(),
            "runs": [_plain(one) for one in self.runs],
            "pairs": [_plain(one) for one in self.pairs],
            "verdict": _plain(self.verdict),
            "notes": list(self.notes),
        }


def _gap(gap: GaugeGap) -> dict[str, Any]:
    return {**asdict(gap), "gap": _finite(gap.gap), "pinned": gap.pinned}


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return None if value is None or value == float("inf") else value


def _certificates(by: Mapping[Direction, Certificates]) -> dict[str, Any] | None:
    """Those between items in front, as they are asked for most; all by direction."""
    if not by:
        return None
    told = {
        way: {
            "s": list(one.conditions),
            "top_k_certified": list(one.top_k_certified),
            "half_lost": one.half_lost,
            "monte_carlo_overlap": list(one.monte_carlo_overlap),
            "monte_carlo_low": list(one.monte_carlo_low),
            "monte_carlo_high": list(one.monte_carlo_high),
            "queries": one.queries,
            "asked_again": one.asked_again,
        }
        for way, one in by.items()
    }
    return {**told["items-items"], "directions": told}


def _plain(thing: Any) -> dict[str, Any]:
    """A result as JSON has it: lists instead of tuples."""
    return asdict(thing, dict_factory=_lists)


def _lists(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: [*value] if isinstance(value, tuple) else value for key, value in entries}
