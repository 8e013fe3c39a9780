"""Change of model: what is lost where mapped old vectors stand in for items encoded anew."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from anglewise.data_types.drawn import QueryWeights, draw_words, means_over_queries
from anglewise.data_types.embeddings import Embeddings, Space, as_space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import COUNT, SEED, check_kind, check_word
from anglewise.data_types.pairs import check_of_space
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import check_relevant
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.interface import Metric
from anglewise.stores.exact_lists import mean_recall, queries_to_ask, weighed_draws
from anglewise.stores.map_choice import (
    ChosenMap,
    choose_map,
    learning_curve,
    overlap,
)
from anglewise.stores.migration_forecast import (
    LEAST_RELEVANT,
    DrawnWorlds,
    KnownPairs,
    drawn_worlds,
)
from anglewise.stores.migration_lists import (
    JudgedQueries,
    exact_lists,
    metric_loss,
    old_lists,
    relevant_items,
    side_vectors,
)
from anglewise.stores.migration_result import Foretold, Migration

FEWEST = 40
"""Pairs below which nothing is learnt or foretold."""


def migrate(
    old: Space | Embeddings,
    new: Space,
    *,
    pairs: int | None = None,
    judgements: Judgements | None = None,
    metric: str = "nDCG@10",
    measure: Literal["cosine", "dot"] = "cosine",
    k: int = 10,
    seed: int = 0,
) -> Migration:
    """Learn a map from old vectors to new ones, and foretell what lists of mapped ones would lose.

    A change of model makes all items be encoded anew. Here some are, and a map is learnt from the
    two vectors of each: a rotation, an affine map or one of low rank, whichever foretells scores of
    pairs best that it did not see. New queries then search the mapped old vectors.

    Parameters
    ----------
    old
        All items, by the old model.
    new
        Some or all of these items by the new model, known by their ids, and queries by it.
    pairs
        Learn from so many that are drawn; by default from all that both hold. Where ``new`` holds
        all items, what was foretold is measured beside.
    judgements
        Of the new queries and the items of ``old``, row for row; see :func:`judged_space`.
    metric
        What matters, by the judgements.
    measure
        What lists are made by.
    k
        How long the lists are.
    seed
        Draws pairs, folds and worlds.

    Raises
    ------
    TooFewError
        Fewer than 40 pairs.
    IdsError
        No ids in common, or none given.
    ShapeError
        Judgements of other queries or items.
    ValuesError
        Vectors that are all the same, or judgements that were drawn by lot.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, names = rng.normal(size=(300, 8)), [f"d{i}" for i in range(300)]
    >>> turned = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    >>> new = Space(
    ...     items=Embeddings(x[:100] @ turned, names[:100]),
    ...     queries=Embeddings(rng.normal(size=(20, 8))),
    ... )
    >>> found = migrate(Embeddings(x, names), new)
    >>> found.map_name, found.recall.low, found.mapped.items
    ('orthogonal', 1.0, Embeddings(300 x 8))
    """
    space = as_space(old)
    check_kind(new, Space, "the new space", "a Space")
    if judgements is not None:
        check_kind(judgements, Judgements, "the judgements", "Judgements")
        due = judged_space(space, new)
        check_of_space(judgements, due)
        other = [str(name) for name in new.items.ids] != [str(name) for name in space.items.ids]
        if len(new.items) == len(space.items) and other:
            raise IdsError(
                "old and new items stand in different orders, so that rows of judgements have two "
                "meanings: bring the new ones into the order of the old"
            )
    return foretell(
        space,
        new,
        pairs=pairs,
        judgements=judgements,
        metric=metric,
        measure=measure,
        k=k,
        seed=seed,
    )


def judged_space(old: Space, new: Space) -> Space:
    """A space of zeros with the new queries and the old items, to read judgements with.

    >>> one, two = Embeddings([[1.0]], ["a"]), Embeddings([[1.0, 2.0]], ["a"])
    >>> judged_space(Space(items=one), Space(items=two, queries=two)).items.dimension
    1
    """
    items, queries = (
        Embeddings(np.zeros((len(side), 1), dtype=np.float32), side.ids, side.metadata)
        for side in (old.items, new.queries)
    )
    return Space(items=items, queries=queries)


def foretell(
    old: Space,
    new: Space,
    *,
    pairs: int | None,
    judgements: Judgements | None,
    metric: str,
    measure: Literal["cosine", "dot"],
    k: int,
    seed: int,
) -> Migration:
    """:func:`migrate` with judgements whose items are known to be those of ``old``."""
    COUNT.check("k", k)
    SEED.check("seed", seed)
    check_word(measure, ("cosine", "dot"), "measure")
    if pairs is not None:
        COUNT.check("pairs", pairs)
    _check(old, new, judgements)
    rng = np.random.default_rng([seed, 29])
    shared, notes = _shared(old.items, new.items)
    to_unit = measure == "cosine"
    some = _drawn(_usable(old, new, shared, to_unit, notes), pairs, rng)
    x = side_vectors(old.items.vectors[some[0]], to_unit)
    y = side_vectors(new.items.vectors[some[1]], to_unit)
    for name, vectors in (("old", x), ("new", y)):
        if not np.ptp(vectors, axis=0).any():
            raise ValuesError(f"the {name} vectors of all pairs are the same: no map can be learnt")
    wanted = None if judgements is None else _read(metric, judgements)
    judged = None if judgements is None else judgements.judged_rows.tolist()
    rows = queries_to_ask(new, "queries-items", judged, seed)
    queries = side_vectors(new.queries.vectors[rows], to_unit)
    weights = None if judgements is None else judgements.weights(rows)
    k = min(k, len(old.items))
    chosen = choose_map(x, y, queries, to_unit=to_unit, rng=rng)
    mapped = chosen.map(old.items.vectors)
    worlds = drawn_worlds(
        mapped,
        queries,
        KnownPairs(old.items.vectors, some[0], y, chosen.folds),
        k,
        rng,
        depth=None if wanted is None else wanted.depth,
        relevant=None if judgements is None else relevant_items(judgements, rows),
        weights=weights,
    )
    exact = None
    if len(shared[0]) == len(old.items):
        exact = exact_lists(new.items.vectors[shared[1]], queries, worlds.mapped.shape[1], to_unit)
        if len(some[0]) == len(old.items):
            notes.append("all items were learnt from, so that nothing was left to foretell")
    elif len(some[0]) < len(shared[0]):
        left = counted(len(shared[0]) - len(some[0]), "more pair")
        notes.append(f"{left} that both spaces hold were not looked at, as --pairs says")
    kept = _measured(worlds.mapped[:, :k], exact, weights)
    unknown, loss = 1 - len(x) / len(old.items), None
    if judgements is not None and wanted is not None:
        asked = JudgedQueries(judgements, rows, wanted)
        if worlds.relevant >= LEAST_RELEVANT:
            by_old = old_lists(old, new, rows, measure, worlds.mapped.shape[1])
            loss = metric_loss(asked, worlds, exact, by_old, unknown=unknown)
        notes += _of_judgements(asked, worlds)
    curve_k = int(np.clip(round(k * len(x) / len(old.items)), 1, k))
    steps, gains = learning_curve(x, y, queries, curve_k, to_unit=to_unit, rng=rng, weights=weights)
    return Migration(
        items=len(old.items),
        pairs=len(x),
        queries=len(rows),
        measure=measure,
        k=k,
        map_name=chosen.name,
        correlations=chosen.correlations,
        recall=Foretold.of_share(worlds.recall, kept, unknown=unknown),
        loss=loss,
        curve=tuple(steps),
        curve_k=curve_k,
        last_gain=_gain(gains, seed, weights),
        seed=seed,
        notes=tuple(notes),
        map=chosen.map,
        mapped=_mapped_space(old, new, mapped, chosen, len(x)),
    )


def _measured(
    mapped: Int64[Array, "q k"],
    exact: Int64[Array, "q depth"] | None,
    weights: QueryWeights | None,
) -> float | None:
    """The recall of mapped lists, where all new vectors are there."""
    if exact is None:
        return None
    return mean_recall(overlap(mapped, exact[:, : mapped.shape[1]]), weights)


def _of_judgements(asked: JudgedQueries, worlds: DrawnWorlds) -> Iterator[str]:
    """How queries were drawn, who graded, and why a loss is not foretold where it is not."""
    metric, judgements = asked.metric, asked.judgements
    if drawn := draw_words(judgements.drawn, asked.rows):
        yield drawn
    if graded := judgements.complaints.machine_words:
        yield f"{graded}: {metric} holds as far as its grades do, which nothing tests"
    if worlds.relevant < LEAST_RELEVANT:
        few = counted(worlds.relevant, "judged relevant pair")
        yield (
            f"{metric} of mapped vectors is {asked.mean(worlds.mapped):.3f}, measured; what it "
            f"loses is not foretold, by {few} of a query and an item that was encoded anew: "
            f"{LEAST_RELEVANT} are due; encode more of the judged items"
        )


def _check(old: Space, new: Space, judgements: Judgements | None) -> None:
    """Refuse what no figure can be had of."""
    if new.one_sided:
        raise ShapeError(
            "the new space has no queries: encode those that people ask with the new model and "
            "put them beside its items"
        )
    for name, side in (("old", old.items), ("new", new.items)):
        if type(side) is not Embeddings:  # token vectors, sparse ones
            raise ShapeError(f"the {name} items are {type(side).__name__}: one vector each is due")
    if not (old.items.named and new.items.named) and len(old.items) != len(new.items):
        raise IdsError(
            f"old and new items are matched by their ids, and without them by their rows, of which "
            f"there are {len(old.items):,} and {len(new.items):,}: give the ids of both"
        )
    if judgements is None:
        return
    if judgements.direction != "queries-items":
        raise SpellingError(
            f"the judgements are of {judgements.direction}, and new queries search old items here"
        )
    if judgements.by_lot:
        raise ValuesError(
            "pairs of these judgements were drawn by lot from other lists, and give no figure of "
            "lists of mapped vectors: leave them out"
        )
    if judgements.parts is not None:
        raise ShapeError(
            "the judgements are of documents that items are passages of: leave them out"
        )


def _shared(
    old: Embeddings, new: Embeddings
) -> tuple[tuple[Int64[Array, " n"], Int64[Array, " n"]], list[str]]:
    """Rows of the old and the new items of the same ids, in the order of the old."""
    if not (old.named and new.named):
        if old.named != new.named:
            which = "old" if new.named else "new"
            raise IdsError(f"the {which} items have no ids: the others are known by theirs")
        every = np.arange(len(old), dtype=np.int64)
        return (every, every), ["neither side has ids: rows were matched by their numbers"]
    row_of = {str(name): row for row, name in enumerate(new.ids)}
    both = [(row, row_of[str(name)]) for row, name in enumerate(old.ids) if str(name) in row_of]
    if not both:
        raise IdsError(
            f"old and new items share no id: old ones are such as {str(old.ids[0])!r}, new ones "
            f"such as {str(new.ids[0])!r}"
        )
    rows = np.array(both, dtype=np.int64)
    more = len(new) - len(rows)
    notes = (
        [f"{counted(more, 'new item')} that the old space lacks were left aside"] if more else []
    )
    return (rows[:, 0], rows[:, 1]), notes


def _read(spelling: str, judgements: Judgements) -> Metric:
    """The metric that matters."""
    wanted = read_metric(spelling)
    if wanted.depth is None:
        raise SpellingError(f"{wanted} reads no list of a certain depth: take one such as nDCG@10")
    check_relevant(judgements, wanted)
    return wanted


def _usable(
    old: Space,
    new: Space,
    shared: tuple[Int64[Array, " n"], Int64[Array, " n"]],
    to_unit: bool,
    notes: list[str],
) -> tuple[Int64[Array, " n"], Int64[Array, " n"]]:
    """Without pairs that have a zero vector, of which there is no cosine."""
    if not to_unit:
        return shared
    zero = np.isin(shared[0], old.items.zero_rows) | np.isin(shared[1], new.items.zero_rows)
    if zero.any():
        said = counted(int(zero.sum()), "pair")
        notes.append(f"{said} with a zero vector, of which there is no cosine, were left aside")
    return shared[0][~zero], shared[1][~zero]


def _drawn(
    shared: tuple[Int64[Array, " n"], Int64[Array, " n"]],
    pairs: int | None,
    rng: np.random.Generator,
) -> tuple[Int64[Array, " pairs"], Int64[Array, " pairs"]]:
    there = len(shared[0])
    if pairs is not None and pairs > there:
        raise TooFewError(f"{pairs:,} pairs are asked for, and the spaces share {there:,} ids")
    wanted = there if pairs is None else pairs
    if wanted < FEWEST:
        raise TooFewError(
            f"{counted(wanted, 'pair')} to learn from: at least {FEWEST} are due, better some "
            "hundreds; encode more items with the new model"
        )
    some = np.sort(rng.choice(there, wanted, replace=False))
    return shared[0][some], shared[1][some]


def _gain(
    gains: Float64[Array, " q"], seed: int, weights: QueryWeights | None
) -> tuple[float, float, float] | None:
    """The mean gain over queries with its 95% interval; None where there are no two steps."""
    if not len(gains):
        return None
    low, high = weighed_draws((gains + 1) / 2, weights, seed).interval(0)
    return float(means_over_queries(gains[None], weights)[0]), 2 * low - 1, 2 * high - 1


def _mapped_space(old: Space, new: Space, mapped: Array, chosen: ChosenMap, pairs: int) -> Space:
    about = {"map": chosen.name, "map_digest": chosen.map.digest, "map_pairs": pairs}
    return Space(
        items=old.items.with_vectors(mapped),
        queries=new.queries,
        trained_for=new.trained_for,
        about={"migration": about},
    )
