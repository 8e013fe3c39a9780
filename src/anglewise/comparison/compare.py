"""Compare measures in one space or in several, judged on the same queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.conclusion import baseline_among, conclude, read_settings
from anglewise.comparison.dependence import check_drawn
from anglewise.comparison.inference import infer
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, judged_space
from anglewise.comparison.notes import notes
from anglewise.comparison.ranked_runs import RUNS_DUE, check_runs, runs_in
from anglewise.comparison.rankers import BM25, Ranker, split_rankers
from anglewise.comparison.runs_of_passages import passages_of
from anglewise.comparison.scoring import score_named_rows, score_spaces
from anglewise.comparison.similar_items import strata_or_why, with_ways_and_floors
from anglewise.comparison.split import QUERIES
from anglewise.comparison.truths import beside, by_truths
from anglewise.comparison.without_vectors import of_space, with_breadth
from anglewise.data_types.conversion import Vectors, check_direction
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.filters import Where
from anglewise.data_types.judgements import (
    Judgements,
    Missing,
)
from anglewise.data_types.numbers import as_list, check_flag, check_kind, check_word
from anglewise.data_types.pairs import Pairs, Triplets, check_judgements, check_of_space
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Direction, Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.interface import Metric
from anglewise.nearest_neighbours.represented import check_rank, usual_measures
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import (
    DEFAULT_MEASURES,
    MeasureSpec,
    measures_and_families,
)

if TYPE_CHECKING:
    from anglewise.encoders.reranker import Reranker, Score
    from anglewise.io.files import PathLike

NO_MEASURE = "no measure to compare: name one, such as dot"

NO_RULES = (
    "missing, relevant_from and not_itself (--missing, --relevant-from, --not-itself) are of "
    "graded relevance, and these are pairs or triplets: leave them out"
)


def compare(
    space: Space | Vectors,
    judgements: Judgements | Pairs | Triplets,
    measures: Iterable[str | MeasureSpec] | str = DEFAULT_MEASURES,
    metric: str | Metric | None = None,
    *,
    runs: Iterable[Run] | Run = (),
    reranker: "str | Score | Reranker | None" = None,
    reranker_cache: "PathLike | None" = None,
    metrics: Iterable[str | Metric] | str = (),
    direction: Direction | None = None,
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    largest_group: int | None = None,
    baseline: str | Measure | None = None,
    split: str = QUERIES,
    slices: Iterable[str] | str = (),
    missing: Missing = "count",
    relevant_from: float | None = None,
    not_itself: bool = False,
    where: Where | None = None,
    truths: Mapping[str, Judgements] | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Say which similarity measure to use, judged by what people found relevant.

    Every measure is searched in one pass and evaluated on the judged queries. The verdict is
    for means of values in [0, 1], by random weights over the queries and one query of a kind not
    seen: proved for hits and misses, for other values it held in simulations. Correlations of
    pairs go by the bootstrap. Beside it stand sign-flip tests of all pairs of measures,
    Holm-adjusted, which assume that a difference might as well have had the other sign.

    Parameters
    ----------
    space
        The vectors; an array or a frame is items that ask each other. Lists of token vectors and
        sparse vectors too.
    judgements
        Graded relevance; or graded pairs; or triplets.
    measures
        Spellings or measures; if not given dot, cosine, euclidean, or those that rank what the
        space holds. A star, as in ``norm(0,*)``, is tuned: on one half of the queries
        for the other, both ways. ``bm25`` ranks the texts of the space by their words;
        ``fusion(bm25,cosine)`` fuses lists by reciprocal ranks, ``weighted(bm25,cosine)`` by
        scores with tuned weights; ``rerank(cosine,100)`` puts the first 100 places of a list into
        the order of the ``reranker``, and ``rerank(cosine,*)`` tunes how many. In these the name
        of a run stands for its lists.
    metric
        What decides; by default ``nDCG@10``, ``spearman`` for pairs, ``triplet-accuracy``.
    runs
        Ranked lists of other systems, judged beside the measures, by id. A query that a run has no
        list for counts as one with an empty list. ``measures=()`` compares the runs alone.
    reranker
        What reranks: a spelling (``onnx:FOLDER``, ``sentence-transformers:MODEL``,
        ``rerank:MODEL?url=…``, ``python:MODULE:FUNCTION``), a ``Reranker``, or a function of a
        query and a list of texts that gives a score for each.
    reranker_cache
        A file to which every score is added, and from which it is taken when the same reranker is
        to score the same pair again: so that nothing is asked twice, after a failure neither. A
        function has no identity by which its scores could be told; a ``Reranker`` may have one.
    metrics
        Further metrics to report beside it.
    direction
        Who asks; the judgements know it, so it need not be given.
    tolerance
        Which leads do not matter: ``"2%"`` of the mean, and at least .005, if not given; a number
        is absolute. Of correlations a number alone, by default 0.01.
    largest_difference
        The largest lead that a query of a kind not seen may have: 1 assumes nothing; less tells
        more from few queries and stands in the sentence as an assumption.
    largest_group
        Of queries in groups, how many a group that was not seen may have; the largest one's number
        if not given. It stands in the sentence as what was declared.
    baseline
        The measure or run in use, which wins ties and which all others are compared with; without
        it the simplest is kept in a tie.
    split
        Which queries belong together, and which may teach which: ``queries`` (each for itself),
        ``group(COLUMN)`` of what is known about queries, ``clusters(8)`` of their vectors,
        ``linked`` (those that are relevant to each other, or share what is), or ``time(COLUMN)``.
        What is tuned or learnt never sees the group that it is reported on, and chance is over
        groups; of a time the later half is reported, and the earlier teaches.
    slices
        Columns of what is known about queries or items: each of their values gets a verdict of its
        own, at 95% for all values of a column together. ``items:language`` names the side, where
        both have the column. For a group of items its own judgements alone count, and queries
        with a relevant one; all items are ranked.
    missing
        ``"drop"`` leaves judged items out that the space lacks; else they count as missed where
        they are relevant, as in trec_eval.
    relevant_from
        The lowest grade that binary metrics take for relevant, such as 2; else all above 0.
    not_itself
        Leave the document that has a query's own id out of that query's list.
    where
        What the metadata of ranked items must be, as in ``search``: ``{"language": "en"}``, or
        ``"items.tenant = queries.tenant"``, by which each query ranks the items of its own tenant.
        Relevant items that do not pass count as missed, or are left out with ``missing="drop"``;
        a note says how many there are. Runs are filtered too.
    truths
        Other truths of similar items by their names, as from ``read_item_sets``, each with a
        verdict of its own; the judgements are called ``co-use`` if use made them, else
        ``judgements``. The verdict of the result stands where every truth tells and none rules
        its measure out, else one cannot tell; all other figures are by the judgements alone.
    seed
        The same seed gives the same bytes, whatever the threads.
    threads
        How many work at once; one for each core if not given.
    progress
        Called with what is done of the search and how much there is to do.

    Raises
    ------
    SpellingError
        A measure or metric that is not known or does not fit the judgements, a baseline that is
        not among the measures, another direction than the judgements', a split or a column that
        is not known, a split of pairs or triplets, a share as the tolerance of a correlation.
    ValuesError
        A column of a split with empty cells, or with what is no time; a largest group below one
        that was seen; a correlation that is not defined, as all scores are equal; grades whose
        gains cannot be added up.
    ShapeError
        Judgements that are not of the space.
    IdsError
        ``not_itself`` where no query has the id of an item; a run that names no judged query, or
        no item of the space.
    TooFewError
        Nothing judged, no measure and no run given, or all queries in one group.
    EncoderError
        A reranker that cannot be loaded, fails, or answers with something else than a finite
        number for each text; the query is named, and what was scored before is in the cache.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> lengths = rng.uniform(0.2, 5, (60, 1))
    >>> space = Space(queries=Embeddings(x + 0.3), items=Embeddings(x * lengths))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(space, Judgements(own), measures="dot,cosine")
    >>> result.verdict.decision, result.verdict.measure
    ('use', 'cosine')
    """
    space = as_space(space)
    check_judgements(judgements)
    if truths is not None:
        check_kind(truths, Mapping, "truths", "a dict from names to Judgements")
        again = partial(
            compare,
            space,
            measures=measures,
            metric=metric,
            runs=runs,
            reranker=reranker,
            reranker_cache=reranker_cache,
            metrics=metrics,
            direction=direction,
            tolerance=tolerance,
            largest_difference=largest_difference,
            largest_group=largest_group,
            baseline=baseline,
            split=split,
            slices=slices,
            missing=missing,
            relevant_from=relevant_from,
            not_itself=not_itself,
            where=where,
            seed=seed,
            threads=threads,
            progress=progress,
        )
        return by_truths(beside(judgements, truths), again)
    measures = usual_measures(space.items) if measures is DEFAULT_MEASURES else measures
    given = [runs] if isinstance(runs, Run) else as_list(runs, "runs", RUNS_DUE)
    run_names = [run.name for run in given if isinstance(run, Run)]
    rankers, plain = split_rankers(measures, run_names)
    read = measures_and_families(plain)
    check_rank(space.items, read)
    others = check_runs(given, [*map(str, read), *map(str, rankers)]) if given else []
    if not read and not others and not rankers:
        raise TooFewError(NO_MEASURE)
    _check_reranker(rankers, reranker, reranker_cache)
    _check_fits(judgements, space, direction)
    judgements = _evaluated_with(judgements, space, missing, relevant_from, not_itself=not_itself)
    judgements, filter_notes = _filtered(judgements, space, where, missing)
    base = baseline_among(read, baseline, rankers, run_names)
    settings = read_settings(
        type(judgements),
        metric,
        metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        candidates=len(read) + len(rankers) + len(others),
        seed=seed,
        threads=threads,
        progress=progress,
    )
    columns = _columns(slices)
    if not isinstance(judgements, Judgements):
        _check_no_queries(split, largest_group, columns, [*rankers, *others])
        scores = score_named_rows(space, judgements, read, settings)
        return conclude(
            infer(scores, seed=seed, threads=threads),
            space,
            judgements,
            settings,
            baseline=base,
            notes=notes(space, judgements, scores),
        )
    settings = settings.for_queries(space, judgements, split, largest_group)
    searched = SearchedSpace(space, judgements, judgements.judged_rows)
    names = judged_space(space, judgements.parts)
    context = of_space(space, judgements)
    ranked = None
    if others:
        ranked = runs_in(
            others,
            names,
            context.judgements,
            settings,
            passages=passages_of([(space, judgements.parts)], judgements.direction),
            deep=_places_of_runs(rankers, run_names, settings),
        )
    if rankers:
        from anglewise.comparison.ranker_lists import with_rankers

        ranked, settings = with_rankers(
            rankers,
            searched,
            context,
            settings,
            names=names,
            runs=ranked,
            reranker=reranker,
            cache=reranker_cache,
        )
    spaces = [searched] if read else []
    scores = score_spaces(spaces, [read], read, judgements, settings, runs=ranked)
    check_drawn(judgements if ranked is None else ranked.judgements, scores)
    within, strata_remarks = strata_or_why(
        judgements,
        [(searched, read)],
        scores,
        settings,
        known=context.uses,
        others=[*others, *rankers],
    )
    over_all, scores = scores, scores if within is None else within.scores
    parts, remarks = (), ()
    if columns:
        from anglewise.comparison.slices import slices as verdict_slices

        parts, remarks = verdict_slices(
            columns,
            searched,
            scores,
            settings,
            baseline=base,
            evaluated=None if ranked is None else ranked.judgements,
            over_all=None if within is None else over_all,
        )
    result = conclude(
        infer(scores, seed=seed, threads=threads),
        names,
        judgements,
        settings,
        baseline=base,
        runs=ranked,
        notes=[
            *strata_remarks,
            *filter_notes,
            *notes(space, judgements, scores, ranked),
            *remarks,
        ],
    )
    result = replace(
        result, measures=with_breadth(result.measures, context, over_all, ranked), slices=parts
    )
    if any(ranker.kind == BM25 for ranker in rankers):  # a row needs no floor beneath it
        context = replace(context, texts=None)
    return with_ways_and_floors(
        result, within, context, settings=settings, scores=scores, baseline=base
    )


NAMES_DUE = "a list of names of columns is due"


def _columns(slices: Iterable[str] | str) -> list[str]:
    """The names of columns by which queries or items are parted."""
    columns = [slices] if isinstance(slices, str) else as_list(slices, "slices", NAMES_DUE)
    for column in columns:
        check_kind(column, str, "a slice", "the name of a column")
    return columns


def _check_reranker(rankers: Sequence[Ranker], reranker: Any, cache: Any) -> None:
    """Refuse a reranker without anything to rerank, and the reverse; loaded where one is meant."""
    if rankers or reranker is not None or cache is not None:
        from anglewise.comparison.ranker_lists import check_reranker

        check_reranker(rankers, reranker, cache)


def _places_of_runs(
    rankers: Sequence[Ranker], runs: Sequence[str], settings: EvaluationSettings
) -> int:
    """How many places of runs are read for what is made of them."""
    if not rankers:
        return 0
    from anglewise.comparison.ranker_lists import places_of_runs

    return places_of_runs(rankers, runs, settings.metrics)


def _check_no_queries(
    split: str, largest_group: int | None, slices: Sequence[str], runs: Sequence[Run | Ranker]
) -> None:
    """Refuse what is said of queries where pairs or triplets are judged."""
    check_kind(split, str, "a split", "a text such as queries or group(COLUMN)")
    unfit = {
        f"a split by {split} is of queries": ("it", split.strip() != QUERIES),
        "largest_group is of queries in groups": ("it", largest_group is not None),
        "slices are of queries or items": ("slices", bool(slices)),
        "runs and bm25 are lists of queries": ("these", bool(runs)),
    }
    for sentence, (what, is_asked) in unfit.items():
        if is_asked:
            raise SpellingError(f"{sentence}, and these are pairs or triplets: leave {what} out")


def _evaluated_with(
    judgements: Judgements | Pairs | Triplets,
    space: Space,
    missing: Missing,
    relevant_from: float | None,
    *,
    not_itself: bool,
) -> Judgements | Pairs | Triplets:
    """Graded relevance with the settings of its evaluation; pairs and triplets have none."""
    check_word(missing, get_args(Missing), "missing")
    check_flag(not_itself, "not_itself")
    if missing == "count" and relevant_from is None and not not_itself:
        return judgements
    if not isinstance(judgements, Judgements):
        raise SpellingError(NO_RULES)
    return evaluated_with(
        judgements, space, missing=missing, relevant_from=relevant_from, not_itself=not_itself
    )


def _filtered(
    judgements: Judgements | Pairs | Triplets, space: Space, where: Where | None, missing: Missing
) -> tuple[Judgements | Pairs | Triplets, tuple[str, ...]]:
    """Judgements of lists under a filter, and what is to be said; pairs and triplets have none."""
    if where is None:
        return judgements, ()
    from anglewise.comparison.filtered import filtered

    if not isinstance(judgements, Judgements):
        raise SpellingError(
            "where (--where) is of lists, and these are pairs or triplets: leave it out"
        )
    return filtered(judgements, space, where, missing)


def _check_fits(
    judgements: Judgements | Pairs | Triplets, space: Space, wanted: Direction | None
) -> None:
    """Refuse judgements of another direction than the one asked for, or of another space."""
    if wanted is not None:
        check_direction(wanted)
    judged = judgements.direction if isinstance(judgements, Judgements) else None
    if wanted is not None and wanted != judged:
        raise SpellingError(
            f"direction {wanted} asked for, but the judgements are "
            f"{'pairs' if judged is None else judged}: leave direction out, or read others"
        )
    check_of_space(judgements, space)
