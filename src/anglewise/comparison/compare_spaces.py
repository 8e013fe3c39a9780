"""Compare models: measures in several spaces, judged on the same queries."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from anglewise.comparison.alignment import AlignedSpaces
from anglewise.comparison.candidates import (
    candidate_number,
    sources,
    space_candidates,
    space_facts,
)
from anglewise.comparison.compare import NO_MEASURE
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.conclusion import conclude, read_settings
from anglewise.comparison.cut_otherwise import in_one_cutting
from anglewise.comparison.dependence import check_drawn
from anglewise.comparison.inference import infer
from anglewise.comparison.notes import space_notes
from anglewise.comparison.ranked_runs import RUNS_DUE, check_runs, runs_in
from anglewise.comparison.rankers import check_no_rankers
from anglewise.comparison.rescoring import check_depth
from anglewise.comparison.runs_of_passages import passages_of
from anglewise.comparison.scoring import score_spaces
from anglewise.comparison.similar_items import strata_or_why, with_ways_and_floors
from anglewise.comparison.split import QUERIES
from anglewise.comparison.variants import Variant
from anglewise.comparison.without_vectors import known_use, of_spaces, with_breadth
from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements, Missing
from anglewise.data_types.numbers import as_list, check_kind
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import check_relevant
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.represented import usual_measures
from anglewise.similarity_measures.measure import (
    DEFAULT_MEASURES,
    MeasureSpec,
    measures_and_families,
)


def compare_spaces(
    spaces: Mapping[str, Space | Vectors],
    judgements: Judgements | Mapping[str, Judgements] | Pairs | Triplets,
    measures: Iterable[str | MeasureSpec] | str = DEFAULT_MEASURES,
    metric: str | Metric | None = None,
    *,
    variants: Iterable[str | Variant] | str = (),
    runs: Iterable[Run] | Run = (),
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
    """Say which model to use, and with which measure, judged on the same queries.

    Every measure in every space that holds what it ranks is a candidate, ``new: cosine``, and all
    of them are one family of tests: ``maxsim`` ranks lists of token vectors, ``dot`` and ``cosine``
    dense and sparse vectors, all others dense ones. Rows are told by their ids: queries that one
    space lacks do not count, and items that one lacks count against it where they are relevant, as
    whoever asks does not find them. Of candidates that tie, the simplest is named: that of the
    first space before the others, a space before what was made of it, then dot, cosine, euclidean.

    Parameters
    ----------
    spaces
        From name to space; first the one in use.
    judgements
        Graded relevance, aligned with the first space; or from name to what is aligned with that
        space, where spaces differ in what they hold. A pair judged in one is judged in all. Where
        passages were judged and the spaces cut the same documents otherwise, documents are
        compared, each as relevant as the best of its judged passages. Graded pairs and triplets
        are refused.
    measures, metric, metrics, tolerance, largest_difference, largest_group, missing
        As in ``compare``.
    relevant_from, not_itself
        As in ``compare``.
    seed, threads, progress
        As in ``compare``.
    variants
        Cheaper vectors as further candidates: ``[:128]``, ``int8``, ``binary``, ``[:128]·int8``, of
        every space, or of one as in ``new·int8``. ``binary(items)`` leaves the queries as they are;
        ``int8·rescore(100)`` ranks the 100 nearest anew by the vectors as given.
    runs
        Ranked lists of other systems as further candidates, as in ``compare``.
    baseline
        One of the candidates, such as ``old: cosine``.
    split
        As in ``compare``; columns and clusters are those of the first space.

    Raises
    ------
    IdsError
        The spaces have no item or no judged query in common.
    SpellingError
        A measure, metric, variant or baseline that is not known; a name that cannot stand in a
        table; judgements of other directions, or that are no graded relevance.
    ShapeError
        Judgements that are not of their space, a cut wider than the vectors.
    TooFewError
        No space, no measure, nothing judged.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = Embeddings(x)
    >>> old = Space(queries=Embeddings(x + 2 * rng.standard_normal((60, 8))), items=items)
    >>> new = Space(queries=Embeddings(x + 0.3), items=items)
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare_spaces({"old": old, "new": new}, Judgements(own), "cosine")
    >>> result.verdict.decision, result.verdict.measure
    ('use', 'new: cosine')
    """
    check_kind(spaces, Mapping, "what is compared", "a dict from names to spaces")
    for name in spaces:
        check_kind(name, str, "the name of a space", "a text")
    spaces = {name: as_space(space) for name, space in spaces.items()}
    models = sources(spaces, variants)
    given = [runs] if isinstance(runs, Run) else as_list(runs, "runs", RUNS_DUE)
    names = [run.name for run in given if isinstance(run, Run)]
    check_no_rankers(
        measures, "is of one space, and several are compared (a variant counts as one)", names
    )
    if measures is DEFAULT_MEASURES:
        measures = usual_measures(*(space.items for space in spaces.values()))
    read = measures_and_families(measures)
    if not read:
        raise TooFewError(NO_MEASURE)
    by_space = judgements_by_space(judgements, spaces)
    if any(labels.allowed is not None for labels in by_space.values()):
        raise SpellingError("a filter is of one space, and several are compared: leave it out")
    united = in_one_cutting(spaces, by_space)
    judged = {
        name: evaluated_with(
            labels,
            spaces[name],
            missing=missing,
            relevant_from=relevant_from,
            not_itself=not_itself,
        )
        for name, labels in united.judged.items()
    }
    candidates = space_candidates(models, spaces, read)
    others = check_runs(given, [str(candidate) for candidate in candidates])
    settings = read_settings(
        Judgements,
        metric,
        metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        candidates=len(candidates) + len(others),
        seed=seed,
        threads=threads,
        progress=progress,
    )
    base = None if baseline is None else candidate_number(baseline, candidates, names)
    aligned = AlignedSpaces.of(spaces, judged)
    check_relevant(aligned.judgements, settings.metrics[0])
    settings = settings.by(aligned.query_split(split, seed=seed), largest_group)
    for model in models:
        model.variant.check(spaces[model.space], aligned.judgements.direction)
        check_depth(model, settings.metrics)
    searched = map(aligned.searched, models)
    own = [[one.measure for one in candidates if one.source == model] for model in models]
    ranked = None
    if others:
        cut = [(spaces[name], parts) for name, parts in aligned.parts.items()]
        passages = passages_of(cut, aligned.judgements.direction)
        ranked = runs_in(others, aligned.names, aligned.judgements, settings, passages=passages)
    scores = score_spaces(searched, own, candidates, aligned.judgements, settings, runs=ranked)
    check_drawn(aligned.judgements if ranked is None else ranked.judgements, scores)
    context = of_spaces(aligned)
    # one space after the other, lest all variants are held at once
    within, strata_remarks = strata_or_why(
        aligned.judgements,
        zip(map(aligned.searched, models), own, strict=True),
        scores,
        settings,
        known=known_use(aligned),
        others=others,
    )
    over_all, scores = scores, scores if within is None else within.scores
    facts = tuple(space_facts(spaces[model.space], model) for model in models)
    result = conclude(
        infer(scores, seed=seed, threads=threads),
        aligned.names,
        aligned.judgements,
        settings,
        runs=ranked,
        baseline=base,
        notes=[
            *strata_remarks,
            *united.notes,
            *space_notes(aligned, judged, scores, facts, ranked),
        ],
        spaces=facts,
    )
    rows = with_breadth(result.measures, context, over_all, ranked)
    result = replace(result, measures=rows)
    return with_ways_and_floors(
        result, within, context, settings=settings, scores=scores, baseline=base
    )


def judgements_by_space(
    judgements: Judgements | Mapping[str, Judgements] | Pairs | Triplets,
    spaces: Mapping[str, Space],
) -> Mapping[str, Judgements]:
    """The judgements aligned with each space that has some; those given alone are of the first."""
    if isinstance(judgements, Judgements):
        return {next(iter(spaces)): judgements}
    if isinstance(judgements, Pairs | Triplets):
        raise SpellingError(
            "several spaces are compared by graded relevance, and these are pairs or triplets: "
            "compare the spaces one by one, or give judgements of queries and items"
        )
    due = "Judgements, or a dict from names of spaces to these,"
    check_kind(judgements, Mapping, "what is judged", due)
    for labels in judgements.values():
        check_kind(labels, Judgements, "what is judged of a space", "Judgements")
    unknown = [str(name) for name in judgements if name not in spaces]
    if unknown or not judgements:
        raise SpellingError(
            f"judgements are given for {', '.join(unknown) or 'no space'}: the spaces are "
            f"{', '.join(spaces)}"
        )
    return judgements
