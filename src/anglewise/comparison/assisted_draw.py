"""The pairs that people graded beside a machine, as the judgements of a store tell of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from anglewise.comparison.assisted_result import MachineAgreement
from anglewise.data_types.drawn import LOT
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import parted
from anglewise.data_types.typing import Array, Bool, Float64
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.differing_pairs import DifferingPairs
from anglewise.judgements.combine import by_pair
from anglewise.judgements.machine_judges import DOUBLE, grades_of
from anglewise.judgements.records import Judged
from anglewise.similarity_measures.measure import measure
from anglewise.statistics.kappa import cohen_kappa


@dataclass(frozen=True)
class PeoplesDraw:
    """What the context of people's judgements says of the draw that they come from."""

    lot: str
    measures: tuple[str, ...]
    depth: int
    machine: str
    frame: str
    pairs: int


def peoples_draw(rows: Sequence[Judged]) -> PeoplesDraw:
    """The one draw that people's judgements come from.

    Raises ``TooFewError`` where none tells of a draw, ``ValuesError`` for several draws, and for a
    context that does not say how it was made.
    """
    draws: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        about = row.context.get(DOUBLE)
        if row.source == "human" and isinstance(about, Mapping):
            draws[str(row.context.get(LOT))] = cast("Mapping[str, Any]", about)
    if not draws:
        raise TooFewError(
            "no pair that people graded says how it was drawn from a machine's: draw some (judge "
            "sample --double), let people grade them, and import the table with its columns "
            "probability and context"
        )
    if len(draws) > 1:
        raise ValuesError(
            f"people's grades come from {len(draws)} draws, and how likely a pair was to come in "
            "another than its own is not known: take a store with one of them"
        )
    [(lot, about)] = draws.items()
    try:
        names = tuple(str(name) for name in about["measures"])
        return PeoplesDraw(
            lot,
            names,
            int(about["depth"]),
            str(about["machine"]),
            str(about["frame"]),
            int(about["pairs"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValuesError(
            f"the context of people's judgements does not say how they were drawn ({error}): it "
            "is to stand as judge sample --double wrote it"
        ) from error


def check_drawn_measures(chosen: Sequence[str], draw: PeoplesDraw, baseline: str | None) -> None:
    """Raise ``SpellingError`` for a measure without a part in the draw, and for one alone."""
    among = f"the draw is of {', '.join(draw.measures)}"
    for name in chosen:
        if name not in draw.measures:
            raise SpellingError(
                f"{shown(name)} had no part in the draw, so that chances of its pairs are not "
                f"known: {among}; draw again with it"
            )
    if baseline is not None and baseline not in chosen:
        raise SpellingError(
            f"the baseline {shown(baseline)} is not among {', '.join(chosen)}: {among}"
        )
    if len(chosen) < 2:
        raise SpellingError(f"one measure alone has no difference: {among}, name two of them")


def listed_words(measures: Sequence[str] | str) -> list[str]:
    """Measures as they are spelled, from a list or a text that parts them by commas."""
    return parted(measures) if isinstance(measures, str) else list(measures)


def named_measure(word: str, spaces: Sequence[str]) -> str:
    """A measure as a draw names it: ``cosine``, or of several spaces ``new: cosine``.

    Raises ``SpellingError`` for what is no measure, and for one of several spaces without a name.

    >>> named_measure("norm(0, 0.5)", [""]), named_measure("new:cosine", ["old", "new"])
    ('norm(0,0.5)', 'new: cosine')
    """
    if len(spaces) == 1:
        return str(measure(word))
    space, _, rest = word.rpartition(":")
    if space.strip() not in spaces:
        raise SpellingError(
            f"{shown(word)} names no space, and several are compared: write SPACE: MEASURE, of "
            f"{', '.join(spaces)}"
        )
    return f"{space.strip()}: {measure(rest)}"


def spelled_in(draw: PeoplesDraw, spaces: Sequence[str]) -> list[str]:
    """The measures of a draw without the names of spaces.

    Raises ``SpellingError`` where the draw is of other spaces than these.
    """
    parts = [name.rpartition(": ") for name in draw.measures]
    drawn = list(dict.fromkeys(space for space, colon, _ in parts if colon))
    if (drawn or len(spaces) > 1) and set(drawn) != set(spaces):
        of = f"the spaces {', '.join(drawn)}" if drawn else "one space"
        raise SpellingError(
            f"people's pairs were drawn from the lists of {of}, and "
            f"{', '.join(name or 'one space' for name in spaces)} came: give --spaces with the "
            "names of the draw (NAME=FOLDER), or draw again (judge sample --double)"
        )
    return list(dict.fromkeys(rest for _, _, rest in parts))


@dataclass(frozen=True, eq=False)
class PairGrades:
    """Of each pair of the frame the grades of machine and people, and how likely it was drawn.

    ``machine`` is its mean grade where it gave none, and ``graded`` says where it gave one.
    """

    machine: Float64[Array, " pairs"]
    graded: Bool[Array, " pairs"]
    people: Float64[Array, " pairs"]
    every: Float64[Array, " pairs"]
    relevant: Bool[Array, " pairs"]
    relevant_to_machine: Float64[Array, " pairs"]
    drawn: Bool[Array, " pairs"]
    chances: Float64[Array, " pairs"]
    not_graded: int
    unused: int

    @staticmethod
    def of(
        frame: DifferingPairs,
        of_machine: Sequence[Judged],
        rows: Sequence[Judged],
        draw: PeoplesDraw,
        relevant_from: float | None,
    ) -> "PairGrades":
        """Line up the judgements with the pairs; ``TooFewError`` where some are not graded yet."""
        chance_of = {
            (row.query_id, row.item_id): row.probability
            for row in rows
            if row.source == "human" and row.context.get(LOT) == draw.lot
        }
        human = [row for row in rows if row.source == "human"]
        combined = {(pair.query_id, pair.item_id): pair.grade for pair in by_pair(human)}
        graded = {name: grade for name, grade in combined.items() if name in chance_of}
        if len(graded) < draw.pairs:
            raise TooFewError(
                f"people graded {len(graded):,} of the {draw.pairs:,} pairs drawn: let them grade "
                "the rest, for with some left out the chances hold no longer"
            )
        chances = np.array([chance_of.get(name) or 0.0 for name in frame.names])
        drawn = np.array([name in graded for name in frame.names])
        if drawn.sum() < draw.pairs or (chances[drawn] <= 0).any():
            raise ValuesError(
                "some of the pairs drawn are not among those of the lists, or came without their "
                "chance: import the table with its columns probability and context"
            )
        machine = grades_of(frame.names, of_machine)
        known = np.isfinite(machine)
        people = np.array([max(graded.get(name, 0.0), 0.0) for name in frame.names])
        every = np.array([combined.get(name, np.nan) for name in frame.names])
        usual = float(machine[known].mean()) if known.any() else 0.0
        filled = np.where(known, machine, usual)
        relevant, to_machine = (
            grades > 0 if relevant_from is None else grades >= relevant_from
            for grades in (people, filled)
        )
        return PairGrades(
            filled,
            known,
            people,
            np.maximum(every, 0.0),
            relevant & drawn,
            to_machine.astype(np.float64),
            drawn,
            chances,
            int((~known & frame.differ).sum()),
            len(combined) - len(graded),
        )

    def agreement(self) -> MachineAgreement | None:
        """Cohen's kappa of the pairs that both graded, each by one over its chance."""
        both = self.drawn & self.graded
        if not both.any():
            return None
        machine, people = self.machine[both], self.people[both]
        weights = 1 / self.chances[both]
        levels, codes = np.unique(np.concatenate([machine, people]), return_inverse=True)
        confusion = np.zeros((1, len(levels), len(levels)))
        np.add.at(confusion[0], (codes[: len(machine)], codes[len(machine) :]), weights)
        return MachineAgreement(
            pairs=int(both.sum()),
            alike=float(weights[machine == people].sum() / weights.sum()),
            kappa=float(cohen_kappa(confusion)[0]),
            quadratic=float(cohen_kappa(confusion, "quadratic")[0]),
        )
