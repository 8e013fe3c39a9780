"""Compare measures in one space or in several, judged on the same queries."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.metadata import version
from os import cpu_count

import numpy as np

from anglewise.comparison.candidates import Source, SpaceCandidate, Variant, entrant, sources
from anglewise.comparison.comparison_result import Comparison, Evidence, SpaceFacts
from anglewise.comparison.evaluation import SpacesEvaluation
from anglewise.comparison.graded_pairs import score_graded_pairs, score_triplets
from anglewise.comparison.inference import Asked, Inference, Scores, decide, infer
from anglewise.comparison.lists import judged_space, score_lists
from anglewise.comparison.notes import notes, space_notes
from anglewise.comparison.split import ALONE, QUERIES, QuerySplit, parting
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Pairs, Triplets
from anglewise.core.numbers import NOT_NEGATIVE, SEED
from anglewise.core.text import check_number, counted, listed
from anglewise.core.typing import Direction, Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import DEFAULT_MEASURES, MeasureSpec, measures_and_families
from anglewise.metrics.evaluate import read_metrics
from anglewise.metrics.interface import Metric


def compare(
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    measures: Iterable[str | MeasureSpec] | str = DEFAULT_MEASURES,
    metric: str | Metric | None = None,
    *,
    metrics: Iterable[str | Metric] | str = (),
    direction: Direction | None = None,
    tolerance: float = 0.01,
    baseline: str | Measure | None = None,
    split: str = QUERIES,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Say which similarity measure to use, judged by what people found relevant.

    Every measure is searched in one pass and evaluated on the judged queries. Means come with
    BCa bootstrap intervals over queries, pairs of measures with sign-flip tests, Holm-adjusted
    over all pairs; the set of measures that may be the best is right in 95 of 100 validation sets.

    Parameters
    ----------
    space
        The vectors.
    judgements
        Graded relevance; or graded pairs; or triplets.
    measures
        Spellings or measures. A star, as in ``norm(0,*)``, is tuned: on one half of the queries
        for the other, both ways.
    metric
        What decides; by default ``nDCG@10``, ``spearman`` for pairs, ``triplet-accuracy``.
    metrics
        Further metrics to report beside it.
    direction
        Who asks; the judgements know it, so it need not be given.
    tolerance
        A difference of the metric that would matter: measures this near are called a tie.
    baseline
        One of the measures, that all others are compared with beside the best.
    split
        Which queries belong together, and which may teach which: ``queries`` (each for itself),
        ``group(COLUMN)`` of what is known about queries, ``clusters(8)`` of their vectors, or
        ``time(COLUMN)``. What is tuned or learnt never sees the group that it is reported on, and
        chance is over groups; of a time the later half is reported, and the earlier teaches.
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
        is not known, a split of pairs or triplets.
    ValuesError
        A column of a split with empty cells, or with what is no time.
    TooFewError
        Nothing judged, no measure given, or all queries in one group.

    Examples
    --------
    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> lengths = rng.uniform(0.2, 5, (60, 1))
    >>> space = Space(queries=Embeddings(x + 0.3), items=Embeddings(x * lengths))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = compare(space, Judgements(own), measures="dot,cosine")
    >>> result.verdict.decision, result.verdict.measure
    ('use', 'cosine')
    """
    asked = measures_and_families(measures)
    way = _direction(judgements, direction)
    base = _place(baseline, asked)
    wanted = read_metrics_for(type(judgements), metric, metrics)
    _check_size(len(asked), len(wanted))
    NOT_NEGATIVE.check("tolerance", tolerance)
    SEED.check("seed", seed)
    apart = _parting(space, judgements, split, seed)
    scores = _score(
        space,
        judgements,
        asked,
        wanted,
        seed=seed,
        threads=threads,
        progress=progress,
        apart=apart,
    )
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
        of = infer(scores, seed=seed, map_=pool.map)
    sides = space.sides(way or "queries-items")
    parts = judgements.parts if isinstance(judgements, Judgements) else None
    ranked = judged_space(space, parts)
    return Comparison(
        direction=way,
        metric=scores.metric,
        k=wanted[0].depth,
        queries=len(scores.rows),
        items=len(ranked.sides(way or "queries-items")[1]),
        judged=scores.judged,
        seed=seed,
        measures=of.rows(base),
        verdict=decide(of, tolerance),
        signature=signature(of, way, tolerance, seed),
        tolerance=tolerance,
        baseline=None if base is None else scores.names[base],
        notes=notes(sides, judgements, scores),
        evidence=Evidence(
            ranked,
            judgements,
            scores.rows,
            scores.found,
            scores.values,
            scores.names,
            scores.parting.units,
        ),
        split=apart.split,
    )


MOST_FIGURES = 1000
"""Candidates times metrics; each takes 80 kB of resamples, several times over."""


def _check_size(candidates: int, metrics: int) -> None:
    """Refuse what would fill the memory, before any work is done."""
    check_number(candidates, "candidate")
    if candidates * metrics > MOST_FIGURES:
        raise SpellingError(
            f"{counted(candidates, 'candidate')} under {counted(metrics, 'metric')} are "
            f"{candidates * metrics:,} figures with intervals, {MOST_FIGURES:,} at most are worked "
            "through at once: name fewer, or part them into several runs"
        )


def _parting(
    space: Space, judgements: Judgements | Pairs | Triplets, split: str, seed: int
) -> QuerySplit:
    if isinstance(judgements, Judgements):
        asking = space.sides(judgements.direction)[0]
        return parting(split, asking, judgements.judged_rows, seed=seed)
    if split.strip() != QUERIES:
        raise SpellingError(
            f"a split by {split} is of queries, and these are pairs or triplets: leave it out"
        )
    return ALONE


def _direction(
    judgements: Judgements | Pairs | Triplets, asked: Direction | None
) -> Direction | None:
    judged = judgements.direction if isinstance(judgements, Judgements) else None
    if asked is not None and asked != judged:
        raise SpellingError(
            f"direction {asked} asked for, but the judgements are "
            f"{'pairs' if judged is None else judged}: leave direction out, or read others"
        )
    return judged


def _place(baseline: str | MeasureSpec | None, asked: Sequence[Asked]) -> int | None:
    if baseline is None:
        return None
    (wanted,) = measures_and_families([baseline])
    if wanted not in asked:
        raise SpellingError(
            f"the baseline {wanted} is not among the measures {listed(map(str, asked))}: add it"
        )
    return asked.index(wanted)


def read_metrics_for(
    kind: type[Judgements | Pairs | Triplets],
    metric: str | Metric | None,
    further: Iterable[str | Metric] | str,
) -> list[Metric]:
    """The metric that decides, which each kind of judgements has by default, then the others."""
    by_default = {Judgements: "nDCG@10", Pairs: "spearman", Triplets: "triplet-accuracy"}
    first = by_default[kind] if metric is None else metric
    return read_metrics([first, *read_metrics(further)])


def _score(
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    asked: Sequence[Asked],
    metrics: Sequence[Metric],
    *,
    seed: int,
    threads: int | None,
    progress: Progress | None,
    apart: QuerySplit,
) -> Scores:
    if not asked:
        raise TooFewError("no measure to compare: name one, such as dot")
    if isinstance(judgements, Pairs):
        return score_graded_pairs(space, judgements, asked, metrics, seed=seed)
    if isinstance(judgements, Triplets):
        return score_triplets(space, judgements, asked, metrics, seed=seed)
    return score_lists(
        space,
        judgements,
        asked,
        metrics,
        seed=seed,
        threads=threads,
        progress=progress,
        parting=apart,
    )


def signature(of: Inference, direction: Direction | None, tolerance: float, seed: int) -> str:
    """Every setting that the numbers depend on, in one line, as sacrebleu does it."""
    names = ",".join(of.scores.names)
    settings = {
        "metric": of.scores.metric,
        "direction": direction or of.scores.noun + "s",
        "measures": f"{len(of.scores.names)}.{sha256(names.encode()).hexdigest()[:8]}",
        "queries": len(of.scores.rows),
        **_split_settings(of.scores),
        "intervals": f"bca.{of.scores.resamples}",
        "tests": f"sign-flip.{'exact' if of.flips.exact else of.flips.patterns}.holm",
        "tolerance": f"{tolerance:g}",
        "seed": seed,
        "version": version("anglewise"),
    }
    return "|".join(f"{name}:{value}" for name, value in settings.items())


def _split_settings(scores: Scores) -> dict[str, str]:
    """Said where it is not the usual one."""
    parting = scores.parting
    if parting.split == QUERIES:
        return {}
    groups = "" if parting.units is None else f".{len(parting.units)}"
    return {"split": f"{parting.split}{groups}"}


def compare_spaces(
    spaces: Mapping[str, Space],
    judgements: Judgements | Mapping[str, Judgements] | Pairs | Triplets,
    measures: Iterable[str | MeasureSpec] | str = DEFAULT_MEASURES,
    metric: str | Metric | None = None,
    *,
    variants: Iterable[str | Variant] | str = (),
    metrics: Iterable[str | Metric] | str = (),
    tolerance: float = 0.01,
    baseline: str | None = None,
    split: str = QUERIES,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Say which model to use, and with which measure, judged on the same queries.

    Every measure in every space is a candidate, ``new: cosine``, and all of them are one family of
    tests. Rows are told by their ids: queries that one space lacks do not count, and items that
    one lacks count against it where they are relevant, as whoever asks does not find them. Of
    candidates that tie, the simplest is named: that of the first space before the others, a space
    before what was made of it, then dot, cosine, euclidean.

    Parameters
    ----------
    spaces
        From name to space; first the one in use.
    judgements
        Graded relevance, aligned with the first space; or from name to what is aligned with that
        space, where spaces differ in what they hold. A pair judged in one is judged in all. Graded
        pairs and triplets are refused.
    measures, metric, metrics, tolerance, seed, threads, progress
        As in ``compare``.
    variants
        Cheaper vectors as further candidates: ``[:128]``, ``int8``, ``binary``, ``[:128]·int8``, of
        every space, or of one as in ``new·int8``.
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
    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.core.sparse import SparseRows
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
    models = sources(spaces, variants)
    asked = measures_and_families(measures)
    if not asked:
        raise TooFewError("no measure to compare: name one, such as dot")
    judged = _judged(judgements, spaces)
    wanted = read_metrics_for(Judgements, metric, metrics)
    _check_size(len(models) * len(asked), len(wanted))
    among = [SpaceCandidate(source, one) for source in models for one in asked]
    base = None if baseline is None else entrant(baseline, among)
    field = SpacesEvaluation.of(
        spaces, judged, asked, wanted, seed=seed, threads=threads, split=split
    )
    scores = field.scores(models, progress)
    with ThreadPoolExecutor(threads or cpu_count()) as pool:
        of = infer(scores, seed=seed, map_=pool.map)
    way = field.judgements.direction
    facts = tuple(_facts(spaces[one.space], one) for one in models)
    return Comparison(
        direction=way,
        metric=scores.metric,
        k=wanted[0].depth,
        queries=len(scores.rows),
        items=len(field.ranked.names),
        judged=scores.judged,
        seed=seed,
        measures=of.rows(base),
        verdict=decide(of, tolerance),
        signature=signature(of, way, tolerance, seed),
        tolerance=tolerance,
        baseline=None if base is None else scores.names[base],
        notes=space_notes(field, judged, scores, facts),
        evidence=Evidence(
            field.names,
            field.judgements,
            scores.rows,
            scores.found,
            scores.values,
            scores.names,
            scores.parting.units,
        ),
        spaces=facts,
        split=field.parting.split,
    )


def _judged(
    judgements: Judgements | Mapping[str, Judgements] | Pairs | Triplets,
    spaces: Mapping[str, Space],
) -> Mapping[str, Judgements]:
    if isinstance(judgements, Judgements):
        return {next(iter(spaces)): judgements}
    if isinstance(judgements, Pairs | Triplets):
        raise SpellingError(
            "several spaces are compared by graded relevance, and these are pairs or triplets: "
            "compare the spaces one by one, or give judgements of queries and items"
        )
    unknown = [name for name in judgements if name not in spaces]
    if unknown or not judgements:
        raise SpellingError(
            f"judgements are given for {', '.join(unknown) or 'no space'}: the spaces are "
            f"{', '.join(spaces)}"
        )
    return judgements


def _facts(space: Space, model: Source) -> SpaceFacts:
    given = space.items.dimension
    made = model.variant.of(Space(items=space.items.take(np.array([0]))))
    return SpaceFacts(
        space=str(model),
        made_of=model.space if model.variant.steps else None,
        dimension=made.items.dimension,
        queries=len(space.queries),
        items=len(space.items),
        bytes_a_vector=model.variant.bytes_a_vector(given),
    )
