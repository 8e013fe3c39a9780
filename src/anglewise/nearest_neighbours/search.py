"""Exact nearest neighbours under many measures, in as few passes over the items as can be."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from anglewise.data_types.conversion import Vectors, as_rows
from anglewise.data_types.embeddings import Embeddings, Space, as_embeddings, as_space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT, check_flag, check_kind
from anglewise.data_types.representation import Representation
from anglewise.data_types.sparse import Sparse, SparseRows, as_sparse_rows
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Direction, Float32, Int64, Progress, Rows
from anglewise.errors import TooFewError, ValuesError
from anglewise.nearest_neighbours.blocks import answer, block_length
from anglewise.nearest_neighbours.exclusions import exclusions_of, vector_exclusions
from anglewise.nearest_neighbours.passes import passes
from anglewise.nearest_neighbours.ranking import NOWHERE, Exclusions, IdOrder
from anglewise.nearest_neighbours.represented import check_rank, search_represented
from anglewise.nearest_neighbours.row_spans import spans
from anglewise.nearest_neighbours.scanners import Workers, scanner, workers
from anglewise.nearest_neighbours.single_query import search_single
from anglewise.nearest_neighbours.some_items import some_items
from anglewise.nearest_neighbours.tiles import PreparedItems, QueryBlock
from anglewise.similarity_measures.formulas import Measure, frames_in
from anglewise.similarity_measures.measure import measures as read_measures

if TYPE_CHECKING:
    from anglewise.data_types.allowed import Allowed, ShownItems
    from anglewise.data_types.filters import Where


def search(
    space: Space | Vectors,
    measures: Iterable[str | Measure] | str,
    *,
    k: int = 10,
    direction: Direction = "queries-items",
    rows: Rows | None = None,
    exclude: SparseRows | Sparse | None = None,
    use_seen: bool = True,
    where: "Where | None" = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Find the nearest neighbours of many queries under several measures at once.

    Scores are computed in float64, rounded to twelve significant digits and ranked from high to
    low; equal ones in the order of ids. The answer is exact, and does not depend on threads, on the
    order of the items or on whether the compiled part is there.

    Parameters
    ----------
    space
        The queries and the items; an array or a frame is items that ask each other.
    measures
        Spellings or measures, or one comma-separated text.
    k
        Neighbours of each query.
    direction
        ``queries-items``, ``items-items`` or ``queries-queries``.
    rows
        Rows of the asking side; all of them if not given.
    exclude
        For each row of the asking side, rows of the ranked side that it must not be shown;
        beside itself (in the one-sided directions) and ``space.seen`` (in ``queries-items``).
        Sparse rows, or a sparse matrix of SciPy.
    use_seen
        Whether ``space.seen`` is left out.
    where
        What the metadata of listed items must be: ``{"tenant": "a", "year": {">=": 2020}}``,
        ``"items.tenant = queries.tenant"``; see :mod:`anglewise.data_types.filters`. Others are
        left out before the nearest are taken; frames are still those of all items. Lists are
        shorter where fewer items pass: their last places hold -1.
    threads
        Threads that work at once; one for each core if not given.
    progress
        Called with what is done and how much there is to do.

    Returns
    -------
    dict
        From spelling to ``Neighbours``, in the order asked for; row ``i`` answers ``rows[i]``.

    Raises
    ------
    TooFewError
        ``k`` is below one or more than there are items; no item passes the filter.
    SpellingError
        A measure that is not known, a filter that cannot be read or names no column.
    WrongTypeError
        A filter with a value of another kind than the column holds.

    Examples
    --------
    >>> items = Embeddings([[1.0, 0.0], [3.0, 3.0], [0.0, 2.0]], ids=["a", "b", "c"])
    >>> space = Space(queries=Embeddings([[2.0, 1.0]]), items=items)
    >>> found = search(space, "dot,cosine", k=2)
    >>> found["dot"].indices.tolist(), found["dot"].scores.tolist()
    ([[1, 0]], [[9.0, 2.0]])
    >>> found["cosine"].indices.tolist()
    [[1, 0]]
    """
    space = as_space(space)
    check_flag(use_seen, "use_seen")
    exclude = None if exclude is None else as_sparse_rows(exclude, "exclude")
    asking, ranked = space.sides(direction)
    rows = np.arange(len(asking)) if rows is None else as_rows(rows, len(asking), "query")
    neighbours = by_frames(
        space,
        read_measures(measures),
        direction,
        asking=asking,
        rows=rows,
        exclusions=exclusions_of(space, direction, rows, exclude, use_seen=use_seen),
        k=k,
        threads=threads,
        progress=progress,
        new_vectors=False,
        allowed=None if where is None else _allowed(where, ranked, asking),
    )
    return {name: replace(lists, rows=rows) for name, lists in neighbours.items()}


def _allowed(where: "Where", ranked: Embeddings, asking: Embeddings) -> "Allowed":
    from anglewise.data_types.allowed import allowed_items

    return allowed_items(where, ranked, asking)


def search_vectors(
    space: Space,
    vectors: Embeddings | Vectors,
    measures: Iterable[str | Measure] | str,
    *,
    k: int = 10,
    direction: Direction = "queries-items",
    exclude: SparseRows | None = None,
    where: "Where | None" = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Find the nearest neighbours of vectors that are not in the space.

    They take the part of the asking side of the direction, so frames fitted on the space move them
    too. ``exclude`` is ``vectors x ranked side``; beside it what does not pass ``where`` is left
    out, as in :func:`search`, and nothing else.

    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> search_vectors(space, Embeddings([[2.0, 1.0]]), "cosine", k=1)["cosine"].indices.tolist()
    [[0]]
    """
    check_kind(space, Space, "the space", "a Space")
    ranked = space.sides(direction)[1]
    if isinstance(ranked, Representation):
        vectors = ranked.of_kind(vectors)
    vectors = as_embeddings(vectors)
    exclusions = vector_exclusions(vectors, ranked, exclude)
    return by_frames(
        space,
        read_measures(measures),
        direction,
        asking=vectors,
        rows=np.arange(len(vectors), dtype=np.int64),
        exclusions=exclusions,
        k=k,
        threads=threads,
        progress=progress,
        allowed=None if where is None else _allowed(where, ranked, vectors),
    )


def search_prepared(
    items: PreparedItems,
    vectors: Embeddings,
    *,
    k: int = 10,
    exclude: SparseRows | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Find the nearest neighbours of vectors among prepared items, as :func:`search_vectors` does.

    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> items = PreparedItems.of(space, read_measures("cosine"))
    >>> search_prepared(items, Embeddings([[2.0, 1.0]]), k=1)["cosine"].indices.tolist()
    [[0]]
    """
    if len(vectors) == 1:
        found = search_single(items, vectors, exclude, k=k, threads=threads)
        if found is not None:
            return {found.measure: found}
    exclusions = vector_exclusions(vectors, items.ranked, exclude)
    _check_size(len(vectors), k, len(items.ranked), len(items.measures))
    rows = np.arange(len(vectors), dtype=np.int64)
    answers = no_answers(items.measures, len(rows), k)
    with workers(threads, items.ranked.vectors.size * len(rows)) as pool:
        answer_rows(answers, items, vectors.vectors, rows, exclusions, pool=pool, progress=progress)
    return answers


def engine_kind() -> str:
    """Which path the float32 pass takes here: ``compiled (avx2)`` or ``numpy``.

    >>> engine_kind().split()[0] in {"compiled", "numpy"}
    True
    """
    return scanner().kind


Groups: TypeAlias = Sequence[tuple[Int64[Array, " some"], Int64[Array, " items"]]]
"""Positions among the queries, and the items that all of these may be shown."""

NEIGHBOUR_BYTES = 16
"""What a place in a list weighs: the row and the score."""
ALWAYS = 1 << 26
"""Lists of so many bytes always fit."""


def _check_size(queries: int, k: int, items: int, measures: int) -> None:
    """Refuse a ``k`` that cannot be, and lists that fill the memory, before the first is made."""
    COUNT.check("the number of neighbours", k, TooFewError)
    if k > items:
        raise TooFewError(f"{k} neighbours asked of {items} items: ask for at most {items}")
    holds = NEIGHBOUR_BYTES * queries * k * measures
    if holds <= ALWAYS:
        return
    from anglewise.data_types.memory import VARIABLE, room, words

    most = room()
    if holds > most:
        raise ValuesError(
            f"{k:,} neighbours of {queries:,} rows under {counted(measures, 'measure')} take "
            f"{words(holds)}, {words(most)} are allowed: take fewer at once, or allow more: "
            f"{VARIABLE}={words(2 * holds).replace(' ', '')}"
        )


def by_frames(
    space: Space,
    measures: Sequence[Measure],
    direction: Direction,
    *,
    asking: Embeddings,
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    k: int,
    threads: int | None,
    progress: Progress | None,
    new_vectors: bool = True,
    allowed: "ShownItems | None" = None,
) -> dict[str, Neighbours]:
    """Answer some rows of those who ask, frame after frame.

    No more maps are held than those of two frames, which are those of all items, also where few of
    them are ``allowed``.
    """
    ranked = space.sides(direction)[1]
    check_rank(ranked, measures)
    _check_size(len(rows), k, exclusions.width, len(measures))
    groups = None if allowed is None else list(allowed.groups(rows))
    if isinstance(ranked, Representation):
        every = np.arange(len(rows)), np.arange(len(ranked))
        lists = no_answers(tuple(map(str, measures)), len(rows), k)
        with workers(threads) as pool:
            for positions, passing in [every] if groups is None else groups:
                own = search_represented(
                    ranked if groups is None else ranked.take(passing),
                    asking,
                    measures,
                    rows=rows[positions],
                    exclusions=exclusions.take(positions).of_rows(passing),
                    k=min(k, len(passing)),
                    pool=pool,
                    progress=progress,
                )
                for name, its in own.items():
                    _write(lists[name], its, positions, passing)
        return {name: replace(its, direction=direction) for name, its in lists.items()}
    vectors = asking.vectors
    frames_of = {measure: frames_in(measure, space, direction) for measure in measures}
    all_frames = list(dict.fromkeys(frames_of.values()))
    id_order = IdOrder.of(ranked)
    lists: dict[str, Neighbours] = {}
    with workers(threads, ranked.vectors.size * len(rows) * len(measures)) as pool:
        for number, frames in enumerate(all_frames):
            same_frame = [measure for measure in measures if frames_of[measure] == frames]
            shared = tuple(passes(same_frame, space, direction, new_vectors=new_vectors))
            items = PreparedItems(ranked, tuple(map(str, same_frame)), shared, id_order, room=0)
            share = share_of(progress, number, len(all_frames))
            answers = no_answers(items.measures, len(rows), k)
            if groups is None:
                answer_rows(answers, items, vectors, rows, exclusions, pool=pool, progress=share)
            else:
                _answer_groups(
                    answers,
                    items,
                    vectors,
                    rows,
                    exclusions,
                    groups=groups,
                    pool=pool,
                    progress=share,
                )
            lists |= answers
    return {str(measure): replace(lists[str(measure)], direction=direction) for measure in measures}


def share_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Progress of one search among several, each of which counts alike, in thousandths."""
    if progress is None or count == 1:
        return progress
    return lambda done, total: progress(1000 * number + 1000 * done // total, 1000 * count)


def no_answers(measures: Sequence[str], queries: int, k: int) -> dict[str, Neighbours]:
    """Lists in which no item stands yet."""
    return {
        name: Neighbours(
            name,
            np.full((queries, k), -1, dtype=np.int64),
            np.full((queries, k), -np.inf),
            np.zeros(queries, dtype=np.int64),
        )
        for name in measures
    }


def answer_rows(
    answers: dict[str, Neighbours],
    items: PreparedItems,
    vectors: Float32[Array, "rows d"],
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    *,
    pool: Workers,
    progress: Progress | None,
) -> None:
    """Answer some rows of vectors in one frame, pass after pass, block after block of queries."""
    count, id_order = len(items.ranked), items.id_order
    k = next(iter(answers.values())).k
    work = [
        (shared, span)
        for shared in items.passes
        for span in spans(len(rows), block_length(k, len(shared.measures), items.ranked.dimension))
    ]
    for done, (shared, span) in enumerate(work):
        at = slice(span.start, span.stop)
        queries = QueryBlock.of(items, shared, vectors[rows[at]], exclusions.block(span), k)
        step = partial(_report, progress, done * count, len(work) * count)
        for measure, top in zip(shared.measures, answer(queries, pool, step), strict=True):
            lists = answers[str(measure)]
            lists.indices[at] = id_order.rows(np.where(top.position < NOWHERE, top.position, -1))
            lists.scores[at] = top.score
            lists.tied_at_cut[at] = top.tied


def _answer_groups(
    answers: dict[str, Neighbours],
    items: PreparedItems,
    vectors: Float32[Array, "rows d"],
    rows: Int64[Array, " q"],
    exclusions: Exclusions,
    *,
    groups: Groups,
    pool: Workers,
    progress: Progress | None,
) -> None:
    """Answer rows that may be shown some of the items, all that may be shown the same at once."""
    k = next(iter(answers.values())).k
    for number, (positions, allowed) in enumerate(groups):
        share = share_of(progress, number, len(groups))
        some = some_items(items, allowed)
        own = no_answers(items.measures, len(positions), min(k, len(allowed)))
        left_out = exclusions.take(positions).of_rows(allowed)
        answer_rows(own, some, vectors, rows[positions], left_out, pool=pool, progress=share)
        for name, lists in own.items():
            _write(answers[name], lists, positions, allowed)


def _write(
    answers: Neighbours,
    lists: Neighbours,
    positions: Int64[Array, " some"],
    items: Int64[Array, " items"],
) -> None:
    """Put lists over some of the items into their places among all."""
    places = slice(0, lists.k)
    answers.indices[positions, places] = np.where(lists.indices < 0, -1, items[lists.indices])
    answers.scores[positions, places] = lists.scores
    answers.tied_at_cut[positions] = lists.tied_at_cut


def _report(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress is not None:
        progress(before + done, total)
