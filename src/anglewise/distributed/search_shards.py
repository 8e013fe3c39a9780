"""Exact search over items that lie in many files, by several workers."""

import os
from collections.abc import Iterable
from typing import Any

from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Embeddings, as_embeddings
from anglewise.data_types.numbers import COUNT, check_columns
from anglewise.data_types.text import Say, quiet
from anglewise.data_types.typing import Progress
from anglewise.distributed.engines import results, started
from anglewise.distributed.sharded_lists import ShardedLists, ShardSearch
from anglewise.distributed.shards import LookAtIds, ShardFolder, check_ids
from anglewise.errors import SpellingError, TooFewError
from anglewise.io.files import PathLike
from anglewise.similarity_measures.formulas import FittedFormula, Measure
from anglewise.similarity_measures.measure import DEFAULT_MEASURES
from anglewise.similarity_measures.measure import measures as read_measures


def search_shards(
    folder: PathLike,
    queries: Embeddings | Vectors,
    measures: Iterable[str | Measure] | str = DEFAULT_MEASURES,
    *,
    k: int = 10,
    engine: Any = "processes",
    workers: int | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    progress: Progress | None = None,
    say: Say = quiet,
) -> dict[str, ShardedLists]:
    """Find the nearest items of many queries among items that lie in many parquet files.

    Each worker reads one file at a time and gives back no more than ``k`` items a query and a
    measure; what it gives is joined here. Lists, scores and ties are those of ``search`` over all
    items at once, to the byte, whoever does the work and in whatever order.

    Parameters
    ----------
    folder
        Parquet files with a column of vectors, and a column of ids or none. Every worker must see
        them under the same path.
    queries
        Who ask: float32 or float64, ``q x d``.
    measures
        Those that need one item alone: ``dot``, ``cosine``, ``euclidean``, ``manhattan``,
        ``norm(a,b)``. Frames (``@centred``) and measures such as ``csls`` are fitted on all items.
    k
        Items of each list, at least 1.
    engine
        ``"processes"`` of this machine, ``"ray"``, ``"spark"``, or a ``SparkSession`` of yours. A
        Ray that was joined and a session that is active are used; without one, it is started on
        this machine, which ``say`` hears, and ended with the search.
    workers
        How many processes; one for each core if not given. Of a cluster its own settings decide.
    vector_column, id_column
        Names of the columns, if they are not usual ones.
    progress
        Called with how many shards are done, and how many there are.

    Raises
    ------
    FileError
        Files differ in their columns, one cannot be read, or workers were lost again and again.
    IdsError
        An id stands twice.
    SpellingError
        A measure that is fitted on all items, or an engine that is not known.
    ShapeError, ValuesError
        A file holds vectors of another length than the queries, or what is no number.
    TooFewError
        ``k`` is below one or more than there are items.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from anglewise.io.side_files import write_side
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_side(folder / "a.parquet", Embeddings([[1.0, 0.0], [0.0, 2.0]], ids=["x", "y"]))
    >>> write_side(folder / "b.parquet", Embeddings([[3.0, 3.0]], ids=["z"]))
    >>> lists = search_shards(folder, [[2.0, 1.0]], "dot,cosine", k=2, workers=1)
    >>> lists["dot"].ids.tolist(), lists["dot"].scores.tolist()
    ([['z', 'x']], [[9.0, 2.0]])
    """
    COUNT.check("the number of neighbours", k, TooFewError)
    if workers is not None:
        COUNT.check("workers", workers)
    check_columns(vector_column=vector_column, id_column=id_column)
    names = tuple(map(str, unfitted(read_measures(measures))))
    asking = as_embeddings(queries)
    files = ShardFolder.of(folder, vector_column=vector_column, id_column=id_column, say=say)
    if k > files.rows:
        raise TooFewError(f"{k} neighbours asked of {files.rows} items: ask for at most that many")
    count = min(workers or os.cpu_count() or 1, len(files.shards))
    lists: tuple[ShardedLists, ...] | None = None
    with started(engine, count, say) as chosen:
        looks = list(results(chosen, LookAtIds(files), files.shards, say))
        search = ShardSearch(files, asking, names, k, check_ids(files, looks, say))
        for done, own in enumerate(results(chosen, search, files.shards, say), start=1):
            lists = own if lists is None else search.joined(lists, own)
            if progress is not None:
                progress(done, len(files.shards))
    return dict(zip(names, lists or (), strict=True))


def unfitted(measures: list[Measure]) -> list[Measure]:
    """The measures, each of which scores an item without the others."""
    fitted = [m for m in measures if m.frames or isinstance(m.formula, FittedFormula)]
    if fitted:
        raise SpellingError(
            f"{fitted[0]} is fitted on all items, and no worker sees all of them: take dot, "
            "cosine, euclidean, manhattan or norm(a,b)"
        )
    return measures
