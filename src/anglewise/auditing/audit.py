"""Audit a space: gather what has to be searched, search it once, and assemble the result."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from anglewise.auditing.audit_result import Audit, decide
from anglewise.auditing.certified import Certificates, WitnessReport, certify, witnessed
from anglewise.auditing.gauge_overlap import (
    GaugeAgreement,
    GaugePath,
    agree,
    beside,
    explore,
    gauge_path,
)
from anglewise.auditing.geometry import Geometry, describe, draw_panels, near_witness
from anglewise.auditing.subject import GAUGES, AuditSubject, read_freedom, subject
from anglewise.core.conversion import Vectors
from anglewise.core.embeddings import Space, as_space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction, Progress
from anglewise.errors import SpellingError
from anglewise.gauges.canonical import gauge
from anglewise.gauges.gap import GaugeGap, gauge_gap
from anglewise.gauges.gauge import two_roots
from anglewise.gauges.maps import predictions_moved

PARTS = 1000


@dataclass
class Stages:
    """So many parts, each of which tells how far it is.

    >>> told = []
    >>> stages = Stages(lambda done, total: told.append((done, total)), 2)
    >>> first, second = stages.next(), stages.next()
    >>> first(1, 2), second(2, 2), told
    (None, None, [(500, 2000), (2000, 2000)])
    """

    progress: Progress | None
    total: int
    begun: int = 0

    def next(self) -> Progress:
        """What the next part calls."""
        start, self.begun = self.begun * PARTS, self.begun + 1

        def step(done: int, of: int) -> None:
            if self.progress is not None:
                self.progress(start + PARTS * done // of, self.total * PARTS)

        return step


ILL = 1e7
"""The ratio of directions beyond which float32 holds no digits of the faintest."""


def notes(
    about: AuditSubject,
    gap: GaugeGap | None,
    geometry: Geometry,
    agreements: Mapping[Direction, GaugeAgreement],
) -> tuple[str, ...]:
    """Sentences, most important first."""
    return (
        *_faint(gap, geometry),
        *_undecided(agreements),
        *_biases(about),
        *_zeros(about),
        *_sampled(about),
    )


def _undecided(agreements: Mapping[Direction, GaugeAgreement]) -> Iterator[str]:
    for direction, lists in agreements.items():
        for name, count in lists.undecided.items():
            some = "1 list is not" if count == 1 else f"{count:,} lists are not"
            which = "no list is" if count == lists.queries else some
            yield (
                f"{direction}: {which} compared under {name}, where vectors that have a direction "
                "of their own stand at right angles to all others, and no order is theirs"
            )


def _faint(gap: GaugeGap | None, geometry: Geometry) -> Iterator[str]:
    for name, side in geometry.sides.items():
        ratio = side.conditioning.condition_of_span
        if ratio is not None and ratio > ILL:
            yield (
                f"{name} are ill-conditioned ({ratio:.0e}): the audit is in float64, but float32 "
                "had already lost the faintest directions when the vectors were stored"
            )
    if gap is not None and gap.unseen:
        yield (
            f"{gap.unseen} direction{'s' * (gap.unseen > 1)} of the items carry no prediction: "
            "cosine between items counts them, no query does"
        )
    if gap is not None and gap.below_float32:
        yield (
            f"{gap.below_float32} of the directions of the predictions are fainter than float32 "
            "rounding of the vectors"
        )


def _biases(about: AuditSubject) -> Iterator[str]:
    if about.biases:
        listed = ", ".join(map(str, about.biases))
        one = len(about.biases) == 1
        yield (
            f"column{'' if one else 's'} {listed} hold{'s' * one} biases: no gauge mixes them, but "
            "cosine counts them as directions; cosine@without-biases leaves them out"
        )


def _zeros(about: AuditSubject) -> Iterator[str]:
    sides = {"items": about.space.items}
    if not about.space.one_sided:
        sides["queries"] = about.space.queries
    for name, side in sides.items():
        if len(side.zero_rows):
            yield (
                f"{len(side.zero_rows):,} of {len(side):,} {name} are zero vectors: cosine scores "
                "them 0, and they do not ask here"
            )


def _sampled(about: AuditSubject) -> Iterator[str]:
    directions = [
        direction
        for direction in about.directions
        if len(about.space.sides(direction)[0]) > about.sample
    ]
    if directions:
        yield f"a sample of {about.sample:,} asks in {', '.join(directions)}"


WITHIN: tuple[Direction, ...] = ("items-items", "queries-queries")


def audit(
    space: Space | Vectors,
    *,
    judgements: Mapping[Direction, Judgements] | None = None,
    runs: Mapping[str, Space] | None = None,
    pairs: Iterable[tuple[str, str]] = (),
    witness: str | None = None,
    condition: float = 2.0,
    k: int = 10,
    sample: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Say how much of the cosine is fixed by the model, and how much by a choice nobody made.

    Reads what the training left open (arXiv 2403.05440), searches under every measure in every
    equally good factorisation, certifies the lists that no map of a given condition number can
    change, tries random ones, and shows one map that changes a list.

    Parameters
    ----------
    space
        Users and items, queries and documents, or one side alone, also as an array or frame.
    judgements
        By direction; where given, the path of gauges shows nDCG too.
    runs
        Other trainings of the same model, by name.
    pairs
        Ids of items whose cosine is to be explored.
    witness, condition
        The id of the item whose neighbours the witness is to change (the longest one if not
        given), by a map of at most this condition.
    k
        Length of the lists.
    sample
        How many of a side ask at most.
    seed
        Draws who asks and the random maps.
    threads
        Threads of the search; one for each core if not given.
    progress
        Called with what is done and how much there is to do.

    Raises
    ------
    TooFewError
        Fewer than three items, or ``k`` leaves nobody outside the lists.
    ValuesError
        A side of zeros; predictions that are all 0.
    IdsError
        An item that is not there.
    SpellingError
        A witness, runs or pairs for a space that has no gauge.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(40, 4)), rng.normal(size=(30, 4)) * [9, 3, 1, 0.3]
    >>> space = Space(queries=Embeddings(P), items=Embeddings(Q), trained_for="dot")
    >>> report = audit(space, k=5)
    >>> report.verdict.cosine, report.gauge_gap > 2, report.predictions_moved < 1e-12
    ('arbitrary', True, True)
    """
    space = as_space(space)
    about = subject(space, k, sample, seed, threads)
    _needs_gauge(about, witness=witness, runs=runs, pairs=pairs)
    judged, others = judgements or {}, runs or {}
    certified = [
        direction for direction in about.directions if about.gauged and direction in WITHIN
    ]
    stages = Stages(progress, len(about.directions) + 2 * len(certified))
    gap = None if space.one_sided else gauge_gap(space)
    # Before the long work, as names and runs may be wrong.
    beside_it = tuple(beside(about, name, other) for name, other in others.items())
    shown = witnessed(about, witness, condition) if about.gauged else None
    explored = explore(about, pairs)
    seen = _Search.run(about, judged, stages)
    geometry = describe(about, seen.cosine)
    reading = read_freedom(space, gap)
    return Audit(
        queries=None if space.one_sided else len(space.queries),
        items=len(space.items),
        dimension=space.items.dimension,
        seed=seed,
        reading=reading,
        gap=gap,
        biases=about.biases,
        agreement=seen.agreement,
        certificates=seen.certificates,
        path=seen.path,
        witness=shown,
        runs=beside_it,
        pairs=explored,
        beside_witness=near_witness(about, shown),
        panels=draw_panels(about),
        geometry=geometry,
        predictions_moved=_moved(about, shown),
        verdict=decide(reading, gap, seen.agreement, geometry.spans),
        notes=notes(about, gap, geometry, seen.agreement),
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Everything that had to be searched."""

    agreement: dict[Direction, GaugeAgreement]
    certificates: dict[Direction, Certificates]
    path: dict[Direction, GaugePath]
    cosine: dict[Direction, Neighbours]

    @classmethod
    def run(
        cls, about: AuditSubject, judged: Mapping[Direction, Judgements], stages: Stages
    ) -> "_Search":
        made = cls({}, {}, {}, {})
        for direction in about.directions:
            found = about.nearest(
                direction, about.measures(direction), about.rows(direction), stages.next()
            )
            made.agreement[direction] = agree(about, direction, found)
            made.cosine[direction] = found["cosine"]
            if about.gauged and direction in WITHIN:
                made.certificates[direction] = certify(
                    about, direction, found["cosine"], stages.next()
                )
                made.path[direction] = gauge_path(
                    about, direction, judged.get(direction), stages.next()
                )
        return made


def _needs_gauge(about: AuditSubject, **asked: object) -> None:
    """A witness and other runs are about maps that leave predictions alone."""
    if about.gauged:
        return
    why = "has one side" if about.space.one_sided else f"was trained for {about.space.trained_for}"
    for name, value in asked.items():
        if value:
            raise SpellingError(
                f"{name} asked for, but this space {why}, so that no map of it leaves its "
                "predictions alone: leave that out"
            )


def _moved(about: AuditSubject, shown: WitnessReport | None) -> float | None:
    """The largest relative change of the predictions over every map that was used."""
    if shown is None:
        return None
    roots = two_roots(about.space)
    names = sorted({name for of in GAUGES.values() for name in of} - {"data-space"})
    maps = [gauge(name).pair_keeping(*roots, about.biases) for name in names]
    return max([shown.predictions_moved, *(predictions_moved(*roots, one) for one in maps)])
