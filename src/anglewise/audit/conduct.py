"""The conductor of the audit: gathers what must be searched, and asks everybody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anglewise.audit.agreement import Agreement, agree
from anglewise.audit.certified import Certificates, certify
from anglewise.audit.freedom import read_freedom
from anglewise.audit.geometry import describe
from anglewise.audit.notes import notes
from anglewise.audit.pairs import explore
from anglewise.audit.panels import draw_panels, near_witness
from anglewise.audit.path import GaugePath, gauge_path
from anglewise.audit.result import Audit
from anglewise.audit.runs import beside
from anglewise.audit.stages import Stages
from anglewise.audit.subject import GAUGES, Subject, subject
from anglewise.audit.verdict import decide
from anglewise.audit.witnessed import WitnessReport, witnessed
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction, Progress
from anglewise.errors import SpellingError
from anglewise.gauges.canonical import gauge
from anglewise.gauges.gap import gauge_gap
from anglewise.gauges.gauge import two_roots
from anglewise.gauges.maps import predictions_moved

WITHIN: tuple[Direction, ...] = ("items-items", "queries-queries")


def audit(
    space: Space,
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
        Users and items, queries and documents, or one side alone.
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
    about = subject(space, k, sample, seed, threads)
    _needs_gauge(about, witness=witness, runs=runs, pairs=pairs)
    judged, others = judgements or {}, runs or {}
    certified = [way for way in about.directions if about.gauged and way in WITHIN]
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
        notes=notes(about, gap, geometry),
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Everything that had to be searched."""

    agreement: dict[Direction, Agreement]
    certificates: dict[Direction, Certificates]
    path: dict[Direction, GaugePath]
    cosine: dict[Direction, Neighbours]

    @classmethod
    def run(
        cls, about: Subject, judged: Mapping[Direction, Judgements], stages: Stages
    ) -> "_Search":
        made = cls({}, {}, {}, {})
        for way in about.directions:
            found = about.nearest(way, about.measures(way), about.rows(way), stages.next())
            made.agreement[way] = agree(about, way, found)
            made.cosine[way] = found["cosine"]
            if about.gauged and way in WITHIN:
                made.certificates[way] = certify(about, way, found["cosine"], stages.next())
                made.path[way] = gauge_path(about, way, judged.get(way), stages.next())
        return made


def _needs_gauge(about: Subject, **asked: object) -> None:
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


def _moved(about: Subject, shown: WitnessReport | None) -> float | None:
    """The largest relative change of the predictions over every map that was used."""
    if shown is None:
        return None
    roots = two_roots(about.space)
    names = sorted({name for of in GAUGES.values() for name in of} - {"data-space"})
    maps = [gauge(name).pair_keeping(*roots, about.biases) for name in names]
    return max([shown.predictions_moved, *(predictions_moved(*roots, one) for one in maps)])
