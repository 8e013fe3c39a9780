"""Compare systems by their ranked lists alone, without any vector."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.conclusion import baseline_among, conclude, read_settings
from anglewise.comparison.dependence import check_drawn
from anglewise.comparison.inference import infer
from anglewise.comparison.notes import notes
from anglewise.comparison.ranked_runs import RUNS_DUE, check_runs, runs_in, space_of_names
from anglewise.comparison.rankers import Ranker, split_rankers
from anglewise.comparison.scoring import score_spaces
from anglewise.comparison.split import QUERIES, query_split
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.conversion import column_names, is_frame
from anglewise.data_types.embeddings import Space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import as_list, check_kind, shown
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Progress
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import check_relevant
from anglewise.evaluation_metrics.interface import Metric

JUDGED_COLUMNS = ("query_id", "item_id", "gain")


def compare_runs(
    runs: Iterable[Run] | Run,
    judgements: Mapping[Any, Mapping[Any, float]] | Any,
    metric: str | Metric | None = None,
    *,
    measures: Iterable[str] | str = (),
    metrics: Iterable[str | Metric] | str = (),
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    baseline: str | None = None,
    relevant_from: float | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Comparison:
    """Say which of several systems to use, by their ranked lists alone, without any vector.

    Judged queries that a run has no list for count as lists without an item, for every run alike.
    Which items there are beside those that runs and judgements name is not known: so there are no
    floors, and nothing is said of how much of all items is shown.

    Parameters
    ----------
    runs
        The lists of each system, by its name; or one run alone.
    judgements
        ``{query: {item: gain}}``, or a frame with the columns ``query_id``, ``item_id``, ``gain``.
    measures
        Fusions of the runs as further candidates: ``fusion(a,b)``, ``weighted(a,b)``.
    metric, metrics, tolerance, largest_difference, baseline, relevant_from, seed, threads
        As in ``compare``; the baseline is the name of a run or a fusion.

    Raises
    ------
    SpellingError, ValuesError, IdsError, TooFewError
        As in ``compare``.

    Examples
    --------
    >>> good = Run.from_dict({str(q): {"a": 2, "b": 1} for q in range(40)}, "good")
    >>> bad = Run.from_dict({str(q): {"c": 2, "b": 1} for q in range(40)}, "bad")
    >>> result = compare_runs([bad, good], {str(q): {"a": 1} for q in range(40)})
    >>> result.verdict.decision, result.verdict.measure
    ('use', 'good')
    """
    given = check_runs([runs] if isinstance(runs, Run) else as_list(runs, "runs", RUNS_DUE), [])
    if not given:
        raise TooFewError("no run to compare: give one at least")
    rankers, others = split_rankers(measures, [run.name for run in given])
    if others:
        raise SpellingError(
            f"{shown(str(others[0]))!r} is of a space, and runs alone are compared: leave it out, "
            "or give the space too (compare)"
        )
    if is_frame(judgements):
        names = list(map(str, column_names(judgements)))
        lacking = next((name for name in JUDGED_COLUMNS if names.count(name) != 1), None)
        if lacking is not None:
            raise ValuesError(
                f"the frame of judgements has {names.count(lacking) or 'no'} columns {lacking!r}, "
                f"but {', '.join(map(repr, names[:12]))}: one each of "
                f"{', '.join(map(repr, JUDGED_COLUMNS))} is due"
            )
        queries, items = (as_ids(judgements[name], name) for name in JUDGED_COLUMNS[:2])
        space = space_of_names(queries, items, given)
        read = Judgements.from_frame(judgements, space)
    else:
        check_kind(judgements, Mapping, "what is judged", "{query: {item: gain}}, or a frame,")
        space = space_of_names(*_named_in(judgements), given)
        read = Judgements.from_dict(judgements, space)
    return compare_listed(
        given,
        evaluated_with(read, space, relevant_from=relevant_from),
        space,
        metric,
        rankers=rankers,
        metrics=metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        baseline=baseline,
        seed=seed,
        threads=threads,
    )


def compare_listed(
    runs: Sequence[Run],
    judgements: Judgements,
    space: Space,
    metric: str | Metric | None = None,
    *,
    rankers: Sequence[Ranker] = (),
    metrics: Iterable[str | Metric] | str = (),
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    baseline: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """As ``compare_runs``, by judgements of a space of names, as ``space_of_names`` makes it."""
    check_runs(runs, list(map(str, rankers)))
    base = baseline_among([], baseline, rankers, [run.name for run in runs])
    settings = read_settings(
        Judgements,
        metric,
        metrics,
        tolerance=tolerance,
        largest_difference=largest_difference,
        candidates=len(runs) + len(rankers),
        seed=seed,
        threads=threads,
        progress=progress,
    )
    check_relevant(judgements, settings.metrics[0])
    asking, rows = space.sides(judgements.direction)[0], judgements.judged_rows
    settings = settings.by(query_split(QUERIES, asking, rows, seed=seed), None)
    if not rankers:
        ranked = runs_in(runs, space, judgements, settings)
    else:
        from anglewise.comparison.ranker_lists import check_reranker, places_read, with_rankers

        check_reranker(rankers, None, None)
        deep = places_read(rankers, settings.metrics)
        ranked = runs_in(runs, space, judgements, settings, deep=deep)
        context = of_space(space, judgements)
        ranked, settings = with_rankers(rankers, None, context, settings, names=space, runs=ranked)
    scores = score_spaces([], [], [], judgements, settings, runs=ranked)
    check_drawn(ranked.judgements, scores)
    result = conclude(
        infer(scores, seed=seed, threads=threads),
        space,
        judgements,
        settings,
        runs=ranked,
        baseline=base,
        notes=notes(space, judgements, scores, ranked),
    )
    return replace(result, items=None)


def _named_in(gains: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
    """The ids of queries and items that a dict of judgements names."""
    rows: list[Any] = [items for items in gains.values() if isinstance(items, Mapping)]
    items = dict.fromkeys(name for row in rows for name in row)
    return as_ids(list(gains), "query ids"), as_ids(list(items), "item ids")
