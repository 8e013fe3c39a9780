"""Audit a space: search its lists under every measure and gauge, and assemble the result."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from anglewise.auditing.audit_result import STAYS, Audit, decide
from anglewise.auditing.certified import (
    Certificates,
    WitnessReport,
    certify,
    random_maps_keep,
    witnessed,
)
from anglewise.auditing.dimension_meter import dimension_meter
from anglewise.auditing.encoder_facts import as_declared, declared_light, declared_of
from anglewise.auditing.gauge_overlap import (
    GaugeAgreement,
    GaugePath,
    agree,
    compare_run,
    gauge_path,
)
from anglewise.auditing.geometry import Geometry, describe, draw_panels, near_witness
from anglewise.auditing.lights import gauge as gauge_light
from anglewise.auditing.lights import lights_of
from anglewise.auditing.pair_scores import pairs_of_items
from anglewise.auditing.reachable import reachable, recipe_of
from anglewise.auditing.subject import GAUGES, AuditSubject, read_freedom, subject
from anglewise.auditing.vector_lights import Looked
from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import CONDITION, check_kind
from anglewise.data_types.pairs import check_by_direction
from anglewise.data_types.rows_by_id import judgements_by_ids, space_by_ids
from anglewise.data_types.stored_lengths import stored_notes
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Direction, Progress
from anglewise.encoders.declared import Declared
from anglewise.equivalent_factorisations.canonical import gauge
from anglewise.equivalent_factorisations.gap import GaugeGap, gauge_gap
from anglewise.equivalent_factorisations.gauge import two_roots
from anglewise.equivalent_factorisations.maps import predictions_moved
from anglewise.errors import SpellingError
from anglewise.geometry.norms import Side, popularity_note
from anglewise.io.files import PathLike

PARTS = 1000


@dataclass
class Stages:
    """The progress of a job of ``total`` stages, each of which reports its own.

    >>> reports = []
    >>> stages = Stages(lambda done, total: reports.append((done, total)), 2)
    >>> first, second = stages.next(), stages.next()
    >>> first(1, 2), second(2, 2), reports
    (None, None, [(500, 2000), (2000, 2000)])
    """

    progress: Progress | None
    total: int
    begun: int = 0

    def next(self) -> Progress:
        """The progress callback of the next stage."""
        start, self.begun = self.begun * PARTS, self.begun + 1

        def step(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(start + PARTS * done // total, self.total * PARTS)

        return step


USUAL_CONDITION = 2.0
ILL = 1e7
"""The condition number beyond which float32 holds no digits of the faintest direction."""


def notes(
    subject: AuditSubject,
    gap: GaugeGap | None,
    geometry: Geometry,
    agreements: Mapping[Direction, GaugeAgreement],
) -> tuple[str, ...]:
    """The sentences to be read before the numbers, the most important first."""
    return (
        *_faint(subject, gap, geometry),
        *_undecided(agreements),
        *_biases(subject),
        *stored_notes(subject.space),
        *_zeros(subject),
        *_popularity(subject),
        *_sampled(subject),
        *_short_lists(subject),
    )


def _undecided(agreements: Mapping[Direction, GaugeAgreement]) -> Iterator[str]:
    for direction, lists in agreements.items():
        for name, count in lists.undecided.items():
            count_words = "1 list is not" if count == 1 else f"{count:,} lists are not"
            lists_words = "no list is" if count == lists.queries else count_words
            yield (
                f"{direction}: {lists_words} compared under {name}, where vectors that have a "
                "direction of their own stand at right angles to all others, and no order is theirs"
            )


def _faint(subject: AuditSubject, gap: GaugeGap | None, geometry: Geometry) -> Iterator[str]:
    for name, side in geometry.sides.items():
        ratio = side.conditioning.condition_of_span
        if ratio is not None and ratio > ILL:
            yield (
                f"{name} are ill-conditioned ({ratio:.0e}): the audit is in float64, but float32, "
                "in which vectors are held, may have lost their faintest directions"
            )
    if gap is None or not subject.gauged:
        return  # what no query reaches is of the queries, where no map of both sides is open
    asking = subject.space.queries
    count = len(asking) - len(asking.zero_rows)
    if gap.unseen and count < asking.dimension:
        yield (
            f"{counted(count, 'query')} with a vector, fewer than the {asking.dimension} "
            "dimensions: a sample says nothing of directions that no query of it reaches, and the "
            "gauge gap is not measured"
        )
    elif gap.unseen:
        yield (
            f"{gap.unseen} direction{'s' * (gap.unseen > 1)} of the items carry no prediction: "
            "cosine between items counts them, no query does"
        )
    if gap.below_float32:
        yield (
            f"{gap.below_float32} of the directions of the predictions are fainter than float32 "
            "rounding of the vectors"
        )


def _biases(subject: AuditSubject) -> Iterator[str]:
    if subject.biases:
        listed = ", ".join(map(str, subject.biases))
        single = len(subject.biases) == 1
        counts = (
            "and a cosine within one side leaves them out, as they are no directions; "
            "cosine@with-biases counts them"
            if subject.space.named_biases
            else "but cosine counts them as directions; cosine@without-biases leaves them out"
        )
        yield (
            f"column{'' if single else 's'} {listed} hold{'s' * single} biases: no gauge mixes "
            f"them, {counts}"
        )


def _zeros(subject: AuditSubject) -> Iterator[str]:
    sides = {"items": subject.space.items}
    if not subject.space.one_sided:
        sides["queries"] = subject.space.queries
    for name, side in sides.items():
        if len(side.zero_rows):
            yield (
                f"{len(side.zero_rows):,} of {len(side):,} {name} are zero vectors: cosine scores "
                "them 0, and they do not ask here"
            )


def _popularity(subject: AuditSubject) -> Iterator[str]:
    sides: tuple[Side, ...] = ("items",) if subject.space.one_sided else ("queries", "items")
    for side in sides:
        note = popularity_note(subject.space, side)
        if note is not None:
            yield note


def _sampled(subject: AuditSubject) -> Iterator[str]:
    directions = [
        direction
        for direction in subject.directions
        if len(subject.space.sides(direction)[0]) > subject.sample
    ]
    if directions:
        yield f"a sample of {subject.sample:,} asks in {', '.join(directions)}"


def _short_lists(subject: AuditSubject) -> Iterator[str]:
    """Queries to whom no more items are left than their lists hold."""
    seen = subject.space.seen
    if seen is None or subject.space.one_sided:
        return
    rows = subject.rows("queries-items")
    short = int((len(subject.space.items) - seen.counts[rows] <= subject.k).sum())
    if short:
        yield (
            f"to {short:,} of {len(rows):,} queries no more than {subject.k} items are left beside "
            "those they used: their lists hold the same items under any measure, so that their "
            "overlap of 1 says nothing"
        )


WITHIN: tuple[Direction, ...] = ("items-items", "queries-queries")


def audit(
    space: Space | Vectors,
    *,
    judgements: Mapping[Direction, Judgements] | None = None,
    qrels: Judgements | None = None,
    trainings: Mapping[str, Space] | None = None,
    runs: Mapping[str, Space] | None = None,
    optimiser: str | None = None,
    init_scale: float | tuple[float, float] | None = None,
    weight_decay: float | tuple[float, float] | None = None,
    initial: Space | None = None,
    pairs: Iterable[tuple[str, str]] = (),
    model: PathLike | Declared | None = None,
    witness: str | None = None,
    condition: float = USUAL_CONDITION,
    k: int = 10,
    sample: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Say how much of the cosine the model determines, and how much an arbitrary choice of gauge.

    Reads the freedom that training left (arXiv 2403.05440), searches under every measure in
    equally good factorisations, certifies the lists that no map of a given condition number can
    change, tries random maps, and shows one map that changes a list.

    Parameters
    ----------
    space
        Users and items, queries and documents, or one side alone, also as an array or frame.
    judgements
        By direction; where given, the path of gauges shows nDCG too.
    qrels
        Judgements of which is asked how many dimensions they take, see ``DimensionMeter``.
    trainings
        Other trainings of the same model, by name.
    runs
        The older name of ``trainings``, which means the same.
    optimiser
        How the factors were trained: ``gd`` (gradient descent on all data at once), ``sgd`` (in
        batches), ``adam``, ``als`` or ``bpr``. The audit then says how much of the lists the gauges
        keep in which such trainings end. By default what the object of the library implicit told.
    init_scale, initial
        The standard deviation of the numbers at the start, for both sides or for queries and items
        each; or the initial factors themselves.
    weight_decay
        The weight of the squared lengths in the loss, for both sides or for each.
    pairs
        Pairs of ids of items whose cosine is to be explored, and held against random pairs.
    model
        The folder or file of the model that made the vectors, or what was read of it
        (``anglewise.encoders.declared``): what it declares is taken where the space says nothing,
        and checked against the vectors. Nothing of it is run. A space that ``encode`` wrote knows
        it by itself.
    witness, condition
        The id of the item whose neighbours the witness should change (by default the most used
        one, else the longest), and the greatest condition of its map.
    k
        The length of the lists.
    sample
        The greatest number of queries of a side.
    seed
        Of the draws of queries and random maps.
    threads
        Threads of the search; one for each core if not given.
    progress
        Called with the number of steps done and the number of all steps.

    Raises
    ------
    TooFewError
        Fewer than three items, or a ``k`` that leaves no item outside the lists.
    ValuesError
        A side of zeros; predictions that are all 0.
    IdsError
        An unknown item.
    SpellingError
        A witness, trainings or a way of training for a space that has no gauge; trainings by both
        names; an unknown optimiser, or a start that has no effect on it.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(40, 4)), rng.normal(size=(30, 4)) * [9, 3, 1, 0.3]
    >>> space = Space(queries=Embeddings(P), items=Embeddings(Q), trained_for="dot")
    >>> report = audit(space, k=5)
    >>> report.verdict.cosine, report.gauge_gap > 2, report.predictions_moved < 1e-12
    ('arbitrary', True, True)
    """
    given = as_space(space)
    if trainings is not None and runs is not None:
        raise SpellingError("runs is the older name of trainings: give one of them")
    runs = trainings if runs is None else runs
    if runs is not None:
        check_kind(runs, Mapping, "runs", "a dict from names to spaces")
        for name, run in runs.items():
            check_kind(run, Space, f"the run {name}", "a Space")
    # what is drawn and summed goes by ids: rows in another order give the same bytes
    judgements_by_direction: dict[Direction, Judgements] = {
        direction: judgements_by_ids(labels, given)
        for direction, labels in check_by_direction(judgements, given).items()
    }
    declared = declared_of(given, model)
    space, said = as_declared(space_by_ids(given), declared)
    audited = subject(space, k, sample, seed, threads)
    CONDITION.check("condition", condition)
    other = condition != USUAL_CONDITION
    _needs_gauge(
        audited,
        witness=witness,
        condition=other,
        runs=runs,
        optimiser=optimiser,
        init_scale=init_scale is not None,
        weight_decay=weight_decay is not None,
        initial=initial is not None,
    )
    recipe = recipe_of(space, optimiser, init_scale, weight_decay, initial)
    other_runs = {name: space_by_ids(run) for name, run in (runs or {}).items()}
    certified = [
        direction for direction in audited.directions if audited.gauged and direction in WITHIN
    ]
    stages = Stages(progress, len(audited.directions) + 2 * len(certified))
    gap = None if space.one_sided else gauge_gap(space)
    # before the long searches, as ids and runs may be wrong
    run_reports = tuple(compare_run(audited, name, run) for name, run in other_runs.items())
    witness_report = witnessed(audited, witness, condition) if audited.gauged else None
    explored, chance = pairs_of_items(audited, pairs)
    meter = None if qrels is None else dimension_meter(given, qrels, seed=seed)
    searched = _Search.run(audited, judgements_by_direction, stages)
    geometry = describe(audited, searched.cosine)
    reading = read_freedom(space, gap, recipe.decays)
    reached = None
    if audited.gauged:
        kept = searched.agreement["items-items"].overlap["cosine"]
        reached = reachable(audited, recipe, other_runs, kept)
    verdict = decide(
        reading, gap, searched.agreement, geometry.spans, searched.random, reached=reached
    )
    looked = Looked.at(
        audited,
        geometry,
        searched.agreement,
        searched.cosine,
        judgements_by_direction,
        encoder="encoder" in space.about or declared is not None,
    )
    more = [] if declared is None else [declared_light(declared, space)]
    return Audit(
        queries=None if space.one_sided else len(space.queries),
        items=len(space.items),
        dimension=space.items.dimension,
        seed=seed,
        reading=reading,
        gap=gap,
        biases=audited.biases,
        agreement=searched.agreement,
        certificates=searched.certificates,
        path=searched.path,
        reachable=reached,
        witness=witness_report,
        runs=run_reports,
        pairs=explored,
        chance=chance,
        beside_witness=near_witness(audited, witness_report),
        panels=draw_panels(audited),
        geometry=geometry,
        relevance=meter,
        predictions_moved=_moved(audited, witness_report),
        verdict=verdict,
        notes=(*said, *notes(audited, gap, geometry, searched.agreement)),
        findings=lights_of(looked, [gauge_light(looked, verdict), *more]),
        declared=declared,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """The results of all searches, by direction."""

    agreement: dict[Direction, GaugeAgreement]
    certificates: dict[Direction, Certificates]
    path: dict[Direction, GaugePath]
    cosine: dict[Direction, Neighbours]
    random: dict[Direction, dict[float, float]]

    @classmethod
    def run(
        cls, subject: AuditSubject, judged: Mapping[Direction, Judgements], stages: Stages
    ) -> "_Search":
        search = cls({}, {}, {}, {}, {})
        for direction in subject.directions:
            neighbours = subject.nearest(
                direction, subject.measures(direction), subject.rows(direction), stages.next()
            )
            search.agreement[direction] = agree(subject, direction, neighbours)
            search.cosine[direction] = neighbours["cosine"]
            if subject.gauged and direction in WITHIN:
                search.certificates[direction] = certify(
                    subject, direction, neighbours["cosine"], stages.next()
                )
                search.path[direction] = gauge_path(
                    subject, direction, judged.get(direction), stages.next()
                )
                tried = search.certificates[direction]
                search.random[direction] = dict(
                    zip(tried.conditions, tried.monte_carlo_overlap, strict=True)
                )
            elif subject.gauged and search.agreement[direction].least >= STAYS:
                # no gauge with a name moves it: whether any map does is asked of random ones
                search.random[direction] = random_maps_keep(subject, direction)
        return search


def _needs_gauge(subject: AuditSubject, **options: object) -> None:
    """Refuse what is asked of maps that keep the predictions for a space without such maps."""
    if subject.gauged:
        return
    why = (
        "has one side"
        if subject.space.one_sided
        else f"is declared as trained for {subject.space.trained_for}"
    )
    for name, value in options.items():
        if value:
            raise SpellingError(
                f"{name} asked for, but this space {why}, so that no map of it leaves its "
                "predictions alone: leave that out"
            )


def _moved(subject: AuditSubject, report: WitnessReport | None) -> float | None:
    """The largest relative change of the predictions over all maps used."""
    if report is None:
        return None
    roots = two_roots(subject.space)
    names = sorted({name for frames in GAUGES.values() for name in frames} - {"data-space"})
    maps = [gauge(name).pair_keeping(*roots, subject.biases) for name in names]
    return max([report.predictions_moved, *(predictions_moved(*roots, pair) for pair in maps)])
