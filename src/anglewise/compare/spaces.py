"""Model against model: measures in several spaces, one family of tests."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numpy as np

from anglewise.compare.candidates import Entrant, Source, entrant, sources
from anglewise.compare.conduct import read_metrics_for, signature
from anglewise.compare.field import Field
from anglewise.compare.inference import infer
from anglewise.compare.result import Comparison, Evidence, SpaceFacts
from anglewise.compare.space_notes import space_notes
from anglewise.compare.split import QUERIES
from anglewise.compare.variant import Variant
from anglewise.compare.verdict import decide
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Pairs, Triplets
from anglewise.core.typing import Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.measure import DEFAULT_MEASURES, Open, measures_and_families
from anglewise.metrics.interface import Metric


def compare_spaces(
    spaces: Mapping[str, Space],
    judgements: Judgements | Mapping[str, Judgements] | Pairs | Triplets,
    measures: Iterable[str | Open] | str = DEFAULT_MEASURES,
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
    among = [Entrant(source, one) for source in models for one in asked]
    base = None if baseline is None else entrant(baseline, among)
    field = Field.of(spaces, judged, asked, wanted, seed=seed, threads=threads, split=split)
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
