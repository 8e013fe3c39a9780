"""Compare measures over several trainings of one model, judged on the same queries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from anglewise.comparison.alignment import AlignedSpaces
from anglewise.comparison.candidates import sources, space_candidates
from anglewise.comparison.compare import NO_MEASURE
from anglewise.comparison.compare_spaces import judgements_by_space
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.conclusion import baseline_among, conclude, read_settings
from anglewise.comparison.dependence import check_drawn
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.notes import space_notes
from anglewise.comparison.rankers import check_no_rankers
from anglewise.comparison.scoring import score_spaces
from anglewise.comparison.similar_items import (
    InStrata,
    strata_or_why,
    with_ways_and_floors,
)
from anglewise.comparison.split import QUERIES
from anglewise.comparison.without_vectors import known_use, of_spaces
from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements, Missing
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Progress
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import check_relevant
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.represented import usual_measures
from anglewise.similarity_measures.measure import (
    DEFAULT_MEASURES,
    MeasureSpec,
    measures_and_families,
)
from anglewise.statistics.trainings import TrainingMeans


def compare_trainings(
    trainings: Mapping[str, Space | Vectors],
    judgements: Judgements | Mapping[str, Judgements],
    measures: Iterable[str | MeasureSpec] | str = DEFAULT_MEASURES,
    metric: str | Metric | None = None,
    *,
    metrics: Iterable[str | Metric] | str = (),
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    largest_group: int | None = None,
    baseline: str | None = None,
    split: str = QUERIES,
    missing: Missing = "count",
    relevant_from: float | None = None,
    not_itself: bool = False,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Say which measure to use for a model, whatever the seed that it is trained by.

    Every measure is evaluated in every training, and its figure is the mean over them. Queries and
    trainings are both chance: an interval is for other queries and for other trainings like these,
    by Student's t where trainings are concerned, which of two or three is wide. Where trainings
    disagree about which measure is best, the verdict is that one cannot tell.

    Parameters
    ----------
    trainings
        From name to space: one model, trained several times, such as by several seeds. At least
        two, aligned by ids.
    judgements
        Graded relevance, aligned with the first; or from name to what is aligned with that one.
    measures, metric, metrics, tolerance, largest_difference, largest_group
        As in ``compare``. The verdict names a measure, not a training.
    baseline, split, missing, relevant_from, not_itself, seed, threads, progress
        As in ``compare``.

    Raises
    ------
    TooFewError
        Fewer than two trainings, no measure, nothing judged.
    IdsError
        Trainings that have no item or no judged query in common.
    SpellingError
        What ``compare_spaces`` refuses, and a measure that does not rank every training.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 8))
    >>> def trained(seed):
    ...     noise = np.random.default_rng(seed).standard_normal((200, 8))
    ...     lengths = np.random.default_rng(seed).uniform(0.2, 5, (200, 1))
    ...     items = (x + 0.1 * noise) * lengths
    ...     return Space(queries=Embeddings(x), items=Embeddings(items))
    >>> own = SparseRows.from_pairs(np.arange(200), np.arange(200), shape=(200, 200))
    >>> models = {f"seed {seed}": trained(seed) for seed in range(3)}
    >>> result = compare_trainings(models, Judgements(own), "dot,cosine")
    >>> result.verdict.decision, result.verdict.measure, result.verdict.trainings_agree
    ('use', 'cosine', True)
    """
    check_kind(trainings, Mapping, "what is compared", "a dict from names to trainings")
    if len(trainings) < 2:
        raise TooFewError(
            f"{len(trainings)} training came, and how much trainings differ is known of two at "
            "least: train again by another seed"
        )
    names = [str(name) for name in trainings]
    # names of files may hold what parts the names of candidates
    inner = {
        f"training-{number}": as_space(space)
        for number, space in enumerate(trainings.values(), start=1)
    }
    own_names = dict(zip(trainings, inner, strict=True))
    by_name = judgements_by_space(judgements, trainings)
    if any(labels.allowed is not None for labels in by_name.values()):
        raise SpellingError(
            "a filter is of one space, and several trainings are compared: leave it out"
        )
    check_no_rankers(measures, "is of one space, and several trainings are compared", ())
    if measures is DEFAULT_MEASURES:
        measures = usual_measures(*(space.items for space in inner.values()))
    read = measures_and_families(measures)
    if not read:
        raise TooFewError(NO_MEASURE)
    by_inner = {own_names[name]: labels for name, labels in by_name.items()}
    judged = {
        name: evaluated_with(
            labels,
            inner[name],
            missing=missing,
            relevant_from=relevant_from,
            not_itself=not_itself,
        )
        for name, labels in by_inner.items()
    }
    models = sources(inner)
    candidates = space_candidates(models, inner, read)
    if len(candidates) != len(models) * len(read):
        raise SpellingError(
            f"{listed(map(str, read))} do not all rank every training: trainings of one model hold "
            "vectors of one kind"
        )
    base = baseline_among(read, baseline)
    settings = read_settings(
        Judgements,
        metric,
        metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        candidates=len(candidates),
        seed=seed,
        threads=threads,
        progress=progress,
    )
    try:
        aligned = AlignedSpaces.of(inner, judged)
    except (IdsError, ShapeError) as error:
        raise type(error)(_said(str(error), inner, names)) from None
    check_relevant(aligned.judgements, settings.metrics[0])
    settings = settings.by(aligned.query_split(split, seed=seed), largest_group)
    each = score_spaces(
        map(aligned.searched, models),
        [read] * len(models),
        candidates,
        aligned.judgements,
        settings,
    )
    check_drawn(aligned.judgements, each)
    within, strata_remarks = strata_or_why(
        aligned.judgements,
        [(aligned.searched(model), read) for model in models],
        each,
        settings,
        known=known_use(aligned),
    )
    notes = [
        *strata_remarks,
        *space_notes(aligned, judged, each, (), None),
    ]
    if within is not None:
        within = _of_trainings(within, read, names)
    scores = _over_trainings(each, read, names) if within is None else within.scores
    result = conclude(
        infer(scores, seed=seed, threads=threads),
        aligned.names,
        aligned.judgements,
        settings,
        baseline=base,
        notes=[_said(note, inner, names) for note in notes],
    )
    return with_ways_and_floors(
        result, within, of_spaces(aligned), settings=settings, scores=scores, baseline=base
    )


def _of_trainings(within: InStrata, measures: list[MeasureSpec], names: list[str]) -> InStrata:
    """Within strata too, the mean over the trainings, for each way of judging."""
    ways = tuple((way, _over_trainings(own, measures, names)) for way, own in within.ways)
    return replace(within, scores=_over_trainings(within.scores, measures, names), ways=ways)


def _over_trainings(each: Scores, measures: list[MeasureSpec], names: list[str]) -> Scores:
    """The mean of every value over the trainings, with the means of each training beside it.

    Lists and costs are those of one training, so that there are none of all.
    """
    shape = (len(names), len(measures))
    values = {name: own.reshape(*shape, -1) for name, own in each.values.items()}
    means = [each.clusters.mean(own.reshape(len(own) * shape[1], -1)) for own in values.values()]
    chosen = {
        str(measure): tuple(
            dict.fromkeys(
                word
                for candidate in each.names[place :: len(measures)]
                for word in each.settings.get(candidate, ())
            )
        )
        for place, measure in enumerate(measures)
    }
    return replace(
        each,
        measures=tuple(measures),
        values={name: own.mean(axis=0) for name, own in values.items()},
        keys=tuple(each.keys[place :: len(measures)] for place in range(len(measures))),
        found={},
        costs={},
        settings={name: words for name, words in chosen.items() if words},
        unjudged=_mean(each.unjudged, shape),
        outside_pool=_mean(each.outside_pool, shape),
        trainings=TrainingMeans(
            tuple(names), np.stack([mean.reshape(shape) for mean in means], axis=1)
        ),
    )


def _mean(shares: Array | None, shape: tuple[int, int]) -> Array | None:
    """The share of each measure, over all trainings."""
    return None if shares is None else shares.reshape(shape).mean(axis=0)


def _said(note: str, inner: Iterable[str], names: Iterable[str]) -> str:
    """A note with the trainings by the names that they were given.

    >>> _said("training-1 and training-10", ["training-1", "training-10"], ["training-10", "b"])
    'training-10 and b'
    """
    given = dict(zip(inner, names, strict=True))
    return re.sub(r"training-\d+", lambda own: given.get(own[0], own[0]), note)
