"""Exact nearest neighbours under many measures, in as few passes over the items as can be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.neighbours import Neighbours
from anglewise.core.numbers import COUNT
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Direction, Float32, Int64, Progress
from anglewise.engine.blocks import answered, asked, block_length
from anglewise.engine.exclusions import Exclusions, gathered, left_out
from anglewise.engine.passes import Pass, passes
from anglewise.engine.ranking import Places, TopK, places_of, scores_of
from anglewise.engine.scanners import Machine, machine, scanner
from anglewise.engine.tiles import KEPT_BYTES, TileCache, spans
from anglewise.errors import ShapeError, TooFewError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import measures as read_measures


def search(
    space: Space,
    measures: Iterable[str | Measure] | str,
    *,
    k: int = 10,
    direction: Direction = "queries-items",
    rows: Int64[Array, " asked"] | None = None,
    exclude: SparseRows | None = None,
    use_seen: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Find the nearest neighbours of many queries under several measures at once.

    Scores are computed in float64, rounded to float32 and ranked from high to low; equal ones in
    the order of ids. The answer is exact, and does not depend on threads, on the order of the
    items or on whether the compiled part is there.

    Parameters
    ----------
    space
        Who asks and who is ranked.
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
    use_seen
        Whether ``space.seen`` is left out.
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
        ``k`` is below one or more than there are items.
    SpellingError
        A measure that is not known.

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
    asking = space.sides(direction)[0]
    if rows is None:
        rows = np.arange(len(asking), dtype=np.int64)
    elif len(rows) and (rows.min() < 0 or rows.max() >= len(asking)):
        raise ShapeError(f"rows from {rows.min()} to {rows.max()} asked of {len(asking)}")
    ranked = space.sides(direction)[1]
    hidden = left_out(space, direction, rows, exclude, use_seen)
    task = _Task(ranked, asking.vectors, rows, hidden, k)
    with machine(threads) as workers:
        return task.run(Ready.of(space, measures, direction, keep=0), workers, progress)


def search_vectors(
    space: Space,
    vectors: Embeddings,
    measures: Iterable[str | Measure] | str,
    *,
    k: int = 10,
    direction: Direction = "queries-items",
    exclude: SparseRows | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Find the nearest neighbours of vectors that are not in the space.

    They stand where the asking side of the direction stands, so frames fitted on the space move
    them too. ``exclude`` is ``vectors x ranked side``; nobody else is left out.

    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> search_vectors(space, Embeddings([[2.0, 1.0]]), "cosine", k=1)["cosine"].indices.tolist()
    [[0]]
    """
    ready = Ready.of(space, measures, direction, keep=0)
    return search_ready(ready, vectors, k=k, exclude=exclude, threads=threads, progress=progress)


@dataclass(frozen=True, eq=False)
class Ready:
    """A space made ready for some measures once, to be asked again and again, by many threads.

    Keeps the items as the scanner likes them, so that a single query costs about one reading of
    them; that is a second copy of the vectors, of at most ``keep`` bytes (what exceeds them is made
    anew for each search).
    """

    ranked: Embeddings
    measures: tuple[str, ...]
    passes: tuple[Pass, ...]
    places: Places
    kept: TileCache

    @classmethod
    def of(
        cls,
        space: Space,
        measures: Iterable[str | Measure] | str,
        direction: Direction = "queries-items",
        *,
        keep: int = KEPT_BYTES,
    ) -> "Ready":
        """Fit the frames and the formulas; tiles are made when they are first needed."""
        wanted = read_measures(measures)
        ranked = space.sides(direction)[1]
        return cls(
            ranked,
            tuple(map(str, wanted)),
            tuple(passes(wanted, space, direction)),
            Places.of(ranked),
            TileCache(keep),
        )


def search_ready(
    ready: Ready,
    vectors: Embeddings,
    *,
    k: int = 10,
    exclude: SparseRows | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Ask a space that was made ready, as :func:`search_vectors` does.

    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]]))
    >>> ready = Ready.of(space, "cosine")
    >>> search_ready(ready, Embeddings([[2.0, 1.0]]), k=1)["cosine"].indices.tolist()
    [[0]]
    """
    ranked = ready.ranked
    due = (len(vectors), len(ranked))
    if vectors.dimension != ranked.dimension:
        raise ShapeError(
            f"the vectors have {vectors.dimension} columns, the space {ranked.dimension}: "
            "take both from one model"
        )
    if exclude is not None and exclude.shape != due:
        raise ShapeError(f"exclude is {exclude.shape}: {due} is due")
    hidden = gathered([] if exclude is None else [exclude], None, *due)
    rows = np.arange(len(vectors), dtype=np.int64)
    task = _Task(ranked, vectors.vectors, rows, hidden, k)
    with machine(threads) as workers:
        return task.run(ready, workers, progress)


def engine_kind() -> str:
    """Which path the float32 pass takes here: ``compiled (avx2)`` or ``numpy``.

    >>> engine_kind().split()[0] in {"compiled", "numpy"}
    True
    """
    return scanner().kind


@dataclass(frozen=True, eq=False)
class _Task:
    """One search, whoever asks."""

    ranked: Embeddings
    vectors: Float32[Array, "rows d"]
    rows: Int64[Array, " q"]
    left_out: Exclusions
    k: int

    def __post_init__(self) -> None:
        items = self.left_out.width
        COUNT.check("the number of neighbours", self.k, TooFewError)
        if self.k > items:
            raise TooFewError(
                f"{self.k} neighbours asked of {items} items: ask for at most {items}"
            )

    def run(
        self,
        ready: Ready,
        workers: Machine,
        progress: Progress | None,
    ) -> dict[str, Neighbours]:
        """Answer pass after pass, block after block of queries."""
        ranked, places = self.ranked, ready.places
        answers = {name: self._blank(name) for name in ready.measures}
        work = [
            (shared, block)
            for shared in ready.passes
            for block in spans(
                len(self.rows), block_length(self.k, len(shared.measures), ranked.dimension)
            )
        ]
        for done, (shared, block) in enumerate(work):
            hidden = self.left_out.block(block.start, block.stop)
            block_asked = asked(
                shared,
                ranked,
                places=places,
                left_out=hidden,
                k=self.k,
                kept=ready.kept,
                vectors=self.vectors[self.rows[block.start : block.stop]],
            )
            for measure, standing in zip(
                shared.measures,
                answered(block_asked, workers, _step(progress, done, len(work), len(ranked))),
                strict=True,
            ):
                _write(answers[str(measure)], block, standing, places)
        return answers

    def _blank(self, name: str) -> Neighbours:
        return Neighbours(
            name,
            np.full((len(self.rows), self.k), -1, dtype=np.int64),
            np.full((len(self.rows), self.k), -np.inf, dtype=np.float32),
            np.zeros(len(self.rows), dtype=np.int64),
        )


def _step(progress: Progress | None, done: int, work: int, items: int) -> Callable[[int], None]:
    def step(gone_through: int) -> None:
        if progress is not None:
            progress(done * items + gone_through, work * items)

    return step


def _write(answer: Neighbours, block: range, standing: TopK, places: Places) -> None:
    at = slice(block.start, block.stop)
    answer.indices[at] = places.rows(places_of(standing.key))
    answer.scores[at] = scores_of(standing.key)
    answer.tied_at_cut[at] = standing.tied
