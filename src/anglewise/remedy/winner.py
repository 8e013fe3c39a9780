"""The winner as a space of its own."""

from anglewise.comparison.lists import depth
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.engine.search import search
from anglewise.errors import SpellingError, TooFewError
from anglewise.measures.adapter import Adapted, adapter
from anglewise.measures.formulas import Dot, Measure
from anglewise.measures.measure import Family
from anglewise.metrics.evaluate import evaluate, read_metrics
from anglewise.remedy.budget import Budget
from anglewise.remedy.prepared import prepared
from anglewise.remedy.result import Remedy
from anglewise.remedy.training import training_of


def winner(
    space: Space, judgements: Judgements, result: Remedy, *, seed: int = 0
) -> tuple[Space, Measure]:
    """Make what the advice names, prepared so that a simple measure ranks as it does.

    Returns the space and that measure: ``dot`` wherever an inner product will do. A measure with
    a number left open gets the one that does best on all judged queries; no figure of the result
    comes from that.

    Raises ``TooFewError`` where nothing wins, and what making the space raises.

    >>> import numpy as np
    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.remedy.conduct import remedy
    >>> from anglewise.core.sparse import SparseRows
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 8))
    >>> items = 3 + x * rng.uniform(0.5, 2, (60, 1))
    >>> space = Space(queries=Embeddings(x + 3), items=Embeddings(items))
    >>> own = SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60))
    >>> result = remedy(space, Judgements(own), "cosine@centred")
    >>> made, measure = winner(space, Judgements(own), result)
    >>> made.items.is_unit(), str(measure)
    (True, 'dot')
    """
    if not result.advice.wins:
        raise TooFewError("nothing wins, so there is nothing to make: the space is as good")
    (one,) = (c.contender for c in result.candidates if c.candidate == result.advice.candidate)
    made = space
    if one.maker is not None:
        training = training_of(space, seed=seed)
        if training is None:
            raise TooFewError(f"{one.maker} learns from interactions, and the space holds none")
        made = one.maker.make(training, Budget(float("inf")))
    measure = one.measure
    if isinstance(measure, Adapted):
        made, measure = _adapted(made, judgements, measure, seed)
    if isinstance(measure, Family):
        measure = _tuned(made, judgements, measure, result.comparison.metric)
    return prepared(made, measure, judgements.direction)


def _adapted(
    space: Space, judgements: Judgements, wanted: Adapted, seed: int
) -> tuple[Space, Measure]:
    """The map learnt from all judgements, as a measure of the space."""
    framed = Measure(Dot(), wanted.frames)
    moved, left = prepared(space, framed, judgements.direction)
    if left != Measure(Dot()):
        raise SpellingError(f"{wanted} cannot be written as a space: learn it where you search")
    maps = adapter(moved, judgements, rank=wanted.rank, diagonal=wanted.diagonal, seed=seed)
    return maps.apply(moved), Measure(wanted.formula)


def _tuned(space: Space, judgements: Judgements, family: Family, metric: str) -> Measure:
    tried, wanted = family.settings(lists=True), read_metrics([metric])
    rows = judgements.judged_rows
    items = len(space.sides(judgements.direction)[1])
    found = search(
        space,
        tried,
        k=min(depth(wanted), items),
        direction=judgements.direction,
        rows=rows,
        exclude=judgements.seen,
    )
    return tried[int(evaluate(found, judgements, rows, wanted)[metric].mean(axis=1).argmax())]
