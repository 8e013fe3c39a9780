"""Find a remedy: screen candidates under a budget, compare the rest, build the winner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from time import monotonic
from typing import Any

import numpy as np

from anglewise.comparison.conclusion import read_settings
from anglewise.comparison.lists import SearchedSpace, candidate_lists
from anglewise.comparison.rankers import Ranker
from anglewise.comparison.similar_items import uses_of, why_over_all
from anglewise.comparison.split import QUERIES
from anglewise.comparison.strata_values import JudgedInStrata, strata_values
from anglewise.comparison.without_vectors import of_space
from anglewise.data_types.conversion import Vectors
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.embeddings import Space, as_space
from anglewise.data_types.judgements import (
    Judgements,
)
from anglewise.data_types.numbers import COUNT, POSITIVE
from anglewise.data_types.pairs import Pairs, Triplets, check_judgements, check_of_space
from anglewise.data_types.text import Say, quiet
from anglewise.data_types.typing import Array, Direction, Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.interface import Metric
from anglewise.remedies.candidate_list import (
    RemedyCandidate,
    baselines,
    prepared,
    read_candidates,
    sensible_candidates,
)
from anglewise.remedies.remedy_result import NO_SPACE, Remedy, assemble_result
from anglewise.remedies.result_cache import content_of, key_of, open_cache
from anglewise.remedies.runner import CandidateLists, CandidateRunner
from anglewise.remedies.screening import Outcome, Screened, run
from anglewise.remedies.training_data import (
    Budget,
    Clock,
    SpaceBuilder,
    Training,
    judged_by,
    set_apart,
    training_of,
)
from anglewise.similarity_measures.adapter import FEWEST, Adapted, adapter
from anglewise.similarity_measures.formulas import Dot, Measure, frames_in
from anglewise.similarity_measures.measure import Family, MeasureSpec


def run_or_recall(
    runner: CandidateRunner, among: Sequence[RemedyCandidate], finalists: int
) -> Outcome:
    """The outcome of a run, from the cache where the same one came to its end before.

    A run that was interrupted is not kept as a whole, but all that it had found is: the next one
    goes on from there. So does one with a larger budget.
    """
    metrics = [str(metric) for metric in runner.settings.metrics]
    names = [str(candidate) for candidate in among]
    seconds, seed = runner.budget.seconds, runner.settings.seed
    key = key_of(runner.content_for(among), names, metrics, finalists, seconds, seed)
    recalled = _recalled(runner, key, among)
    if recalled is not None:
        return recalled
    outcome = run(runner, among, finalists)
    if outcome.stopped != "interrupt":
        about = {
            "found": [str(candidate) for candidate in outcome.found],
            "screening_queries": outcome.screening_queries,
            "screened": [asdict(screened) for screened in outcome.screened],
            "left_out": outcome.left_out,
            "stopped": outcome.stopped,
            "seconds": outcome.seconds,
        }
        runner.cache.put(key, about, rows=outcome.rows)
    return outcome


def _recalled(
    runner: CandidateRunner, key: str, among: Sequence[RemedyCandidate]
) -> Outcome | None:
    held = runner.cache.get(key)
    if held is None:
        return None
    try:
        return _outcome(runner, *held, among)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None  # by another program: as if it were not there


def _outcome(
    runner: CandidateRunner,
    about: Mapping[str, Any],
    arrays: Mapping[str, Array],
    among: Sequence[RemedyCandidate],
) -> Outcome | None:
    by_name = {str(candidate): candidate for candidate in [*baselines(), *among]}
    results: dict[RemedyCandidate, CandidateLists] = {}
    rows = arrays["rows"].astype(np.int64)
    for name in about["found"]:
        lists = runner.cached(by_name[name], rows)
        if lists is None:
            return None
        results[by_name[name]] = lists
    return Outcome(
        results,
        rows,
        int(about["screening_queries"]),
        tuple(Screened(**screened) for screened in about["screened"]),
        about["left_out"],
        about["stopped"],
        float(about["seconds"]),
    )


def winner(
    space: Space, judgements: Judgements, result: Remedy, *, seed: int = 0
) -> tuple[Space, Measure]:
    """Make what the advice names, prepared so that a simple measure ranks as it does.

    Returns the space and that measure: ``dot`` wherever an inner product will do. A measure with
    a number left open gets the one that does best on all judged queries; no figure of the result
    comes from that.

    Raises ``TooFewError`` where no remedy is shown to win, ``SpellingError`` for a fusion of lists,
    which no space holds, and what making the space raises.

    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = 9 + x * rng.uniform(0.5, 2, (60, 1))
    >>> space = Space(queries=Embeddings(x + 9), items=Embeddings(items))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = remedy(space, Judgements(own), "cosine@centred")
    >>> made, measure = winner(space, Judgements(own), result)
    >>> made.items.is_unit(), str(measure)
    (True, 'dot')
    """
    if not result.advice.wins:
        raise TooFewError(f"{result.advice.headline}: there is no remedy to make")
    name = result.advice.candidate
    recipe = next(remedied.recipe for remedied in result.candidates if remedied.candidate == name)
    made = space
    if isinstance(recipe.measure, Ranker):
        raise SpellingError(f"{name} {NO_SPACE}")
    if recipe.builder is not None:
        training = training_of(space, seed=seed)
        if training is None:
            raise TooFewError(
                f"{recipe.builder} learns from interactions, and the space holds none"
            )
        made = recipe.builder.make(training, Budget(float("inf")))
    measure = recipe.measure
    if isinstance(measure, Adapted):
        made, measure = _adapted(made, judgements, measure, seed)
    if isinstance(measure, Family):
        measure = _tuned(made, judgements, measure, result.comparison.metric)
    return prepared(made, measure, judgements.direction)


def _adapted(
    space: Space, judgements: Judgements, wanted: Adapted, seed: int
) -> tuple[Space, Measure]:
    """The map learnt from all judgements, as a measure of the space."""
    framed = Measure(Dot(), frames_in(wanted, space, judgements.direction))
    moved, left = prepared(space, framed, judgements.direction)
    if left != Measure(Dot()):
        raise SpellingError(f"{wanted} cannot be written as a space: learn it where you search")
    maps = adapter(moved, judgements, rank=wanted.rank, diagonal=wanted.diagonal, seed=seed)
    return maps.apply(moved), Measure(wanted.formula)


def _tuned(space: Space, judgements: Judgements, family: Family, metric: str) -> Measure:
    """The setting that does best on all judged queries."""
    tried, rows = family.settings(lists=True), judgements.judged_rows
    settings = read_settings(Judgements, metric)
    searched = SearchedSpace(space, judgements, rows)
    uses = uses_of(judgements, of_space(space, judgements).uses)
    if uses is not None and not why_over_all(judgements, uses):
        judged = JudgedInStrata.by(judgements, uses, settings.metrics[0])
        values = strata_values(searched, tried, judged, settings).values[0][metric]
        return tried[int(means_over_queries(values, None).argmax())]
    lists, _ = candidate_lists(searched, tried, judgements, settings)
    values = evaluate(lists, judgements, rows, settings.metrics)[metric]
    return tried[int(means_over_queries(values, judgements.weights(rows)).argmax())]


LEARNING = 0.75
"""A map is learnt from four fifths of the judgements, or a little less."""


def remedy(
    space: Space | Vectors,
    judgements: Judgements | Pairs | Triplets,
    candidates: Iterable[str | MeasureSpec | SpaceBuilder | RemedyCandidate] | str | None = None,
    metric: str | Metric | None = None,
    *,
    budget_seconds: float = 600.0,
    finalists: int = 8,
    tolerance: str | float | None = None,
    largest_difference: float = 1.0,
    largest_group: int | None = None,
    split: str = QUERIES,
    seed: int = 0,
    cache: str | PathLike[str] | None = None,
    say: Say = quiet,
    threads: int | None = None,
    progress: Progress | None = None,
    clock: Clock = monotonic,
) -> Remedy:
    """Say what to use instead of cosine, if anything: each remedy is a candidate that must win.

    Candidates are measures on the space as it is (``cosine@whitened``) and spaces made again from
    the interactions in it (``product(1000): dot``). More than ``finalists`` are screened by
    successive halving on a quarter of the judged queries, set apart; what is left is compared with
    raw cosine and raw dot on the other queries, as one family of tests, so that screening
    does not flatter the chosen. Nothing is applied: the space stays as it is.

    Parameters
    ----------
    space
        As it came. Spaces are made again from ``space.seen``; users whose column ``split`` is not
        ``train`` are folded in and not learned from.
    judgements
        Graded relevance. Pairs and triplets are refused.
    candidates
        Spellings, measures or builders; by default all that this space allows.
    metric
        What decides; ``nDCG@10`` if not given.
    budget_seconds
        How long it may take, statistics included. What would not fit is left out, with a note.
    finalists
        How many candidates are compared at the end.
    tolerance, largest_difference, largest_group, seed, threads, progress
        As in ``compare``.
    split
        As in ``compare``, by ``group(COLUMN)``, ``clusters(8)`` or ``linked``: no group both
        screens and decides.
    cache
        A folder where what was found is kept by content, so that the same run again
        searches nothing.
    say
        Told in a sentence where the disk refuses to keep it.
    clock
        What tells the time, in seconds.

    Raises
    ------
    SpellingError
        A candidate, metric or split that is not known, judgements of another kind.
    TooFewError
        Nothing judged; a space to be made again without interactions to learn from.
    ValuesError
        A budget that does not suffice for raw cosine and raw dot; no finalist; a largest group
        below one that was seen.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.data_types.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = 9 + x * rng.uniform(0.5, 2, (60, 1))
    >>> space = Space(queries=Embeddings(x + 9), items=Embeddings(items))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = remedy(space, Judgements(own), "cosine@centred")
    >>> result.advice.candidate, result.advice.wins
    ('cosine@centred', True)
    """
    space = as_space(space)
    check_judgements(judgements)
    if isinstance(judgements, Pairs | Triplets):
        raise SpellingError(
            "remedies are judged by graded relevance, and these are pairs or triplets: compare "
            "measures by them with anglewise compare"
        )
    if judgements.parts is not None:
        raise SpellingError(
            "remedies are judged by what was judged of the items, and these judgements are of "
            "documents that the items are passages of: judge passages, or encode whole documents"
        )
    check_of_space(judgements, space)
    COUNT.check("finalists", finalists)
    POSITIVE.check("budget_seconds", budget_seconds)
    settings = read_settings(
        Judgements,
        metric,
        tolerance=tolerance,
        largest_difference=largest_difference,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    budget, rows = Budget(budget_seconds, clock), judgements.judged_rows
    settings = settings.for_queries(space, judgements, split, largest_group)
    if settings.split.later is not None:
        raise SpellingError(
            f"a split by {settings.split.split} is for compare: remedies are screened and decided "
            "on queries side by side, so split by group(COLUMN), clusters(8) or linked"
        )
    # the users who ask: none where items ask each other
    users = rows if judgements.direction != "items-items" else rows[:0]
    training = training_of(space, users, seed=seed, clock=clock)
    content = "" if cache is None else content_of(space, judgements)
    if cache is not None and settings.split.clusters is not None:
        content = key_of(content, settings.split.clusters.of.tobytes())
    uses = uses_of(judgements, of_space(space, judgements).uses)
    over_all = why_over_all(judgements, uses)
    uses = None if over_all else uses
    if cache is not None and uses is not None:
        content = key_of(content, uses.tobytes())
    runner = CandidateRunner(
        space, judgements, settings, training, budget, open_cache(cache, say), content, uses
    )
    deciding = set_apart(rows, seed, settings.split).deciding
    enough = len(judged_by(judgements, deciding).gains.values) >= FEWEST / LEARNING
    among = _among(candidates, space, training, judgements.direction, enough=enough)
    outcome = run_or_recall(runner, among, finalists)
    return assemble_result(runner, outcome, finalists, over_all)


def _among(
    candidates: Iterable[str | MeasureSpec | SpaceBuilder | RemedyCandidate] | str | None,
    space: Space,
    training: Training | None,
    direction: Direction,
    *,
    enough: bool,
) -> list[RemedyCandidate]:
    """What competes beside the baselines."""
    if candidates is None:
        among = sensible_candidates(space, training, direction, enough=enough)
    else:
        among = read_candidates(candidates, direction)
    built = [str(candidate.builder) for candidate in among if candidate.builder is not None]
    if built and training is None:
        raise TooFewError(
            f"{built[0]} learns from interactions, and the space holds none that training saw: "
            "give a folder that anglewise fit wrote, or leave it out"
        )
    return [candidate for candidate in among if candidate not in baselines()]
