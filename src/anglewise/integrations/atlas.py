"""A map of one side for embedding-atlas: where each row lies, and what the audit knows of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from anglewise.data_types.columns import titles
from anglewise.data_types.conversion import Vectors
from anglewise.data_types.embeddings import Embeddings, Space, as_space
from anglewise.data_types.memory import check_square
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import COUNT, SEED, check_threads, check_word
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array, Direction, Float64, Progress
from anglewise.errors import SpellingError, TooFewError
from anglewise.geometry.crowding import clusters as found_clusters
from anglewise.geometry.crowding import occurrences
from anglewise.geometry.norms import popularity, popularity_note
from anglewise.io.files import PathLike
from anglewise.io.judgement_export import write_values
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure

USE = {"seen": "use", "popularity": "use"}
"""The column that holds how much a row was used; of texts alone it is their length."""
BLOCK, ENTRIES = 4096, 1 << 26
"""Rows whose lists are compared at once at most, and pairs of their entries."""
WITHIN: tuple[Direction, ...] = ("items-items", "queries-queries")


@dataclass(frozen=True)
class AtlasMap:
    """The columns of a map, in the order in which they are written.

    Attributes
    ----------
    columns
        ``id``; ``title``, where one is known; ``x`` and ``y``, the two directions in which the
        vectors of length one vary most; ``length``; ``use``, where it is known (NaN where it is
        not), or else ``text_length``, where there are texts; ``in_lists``, how many lists hold the
        row; ``disagreement``, the share of its own list that two measures do not share, averaged
        over pairs of measures; ``cluster``; ``neighbors``, its list as embedding-atlas reads it.
    use
        Where it comes from: ``seen``, ``popularity`` or ``text length``; None without any.
    explained
        The share of the variance of the vectors of length one that ``x`` and ``y`` show.
    """

    columns: Mapping[str, Any]
    use: str | None
    explained: float

    def __len__(self) -> int:
        return len(self.columns["id"])


def to_atlas(
    space: Space | Vectors,
    path: PathLike | None = None,
    *,
    measures: str | Iterable[str | Measure] = "dot,cosine,euclidean",
    direction: Direction = "items-items",
    k: int = 10,
    clusters: int = 12,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    say: Say = quiet,
) -> AtlasMap:
    """Map one side of a space onto a plane, and write it for embedding-atlas.

    Open the file with ``embedding-atlas FILE --x x --y y --text title --neighbors neighbors``, or
    the vectors themselves with a map of its own making. A plane shows little of many dimensions:
    ``explained`` says how much, and neighbours in the plane need not be neighbours, which the
    column ``neighbors`` holds.

    Parameters
    ----------
    space
        Items, or both sides.
    path
        A ``.parquet`` file to be written; nothing is written without it.
    measures
        Those that may disagree; lists, hubs and neighbours are those of cosine, or of the first
        where it is not among them.
    direction
        ``items-items`` maps the items, ``queries-queries`` the queries.
    k
        How long the lists are.
    clusters
        How many groups k-means makes of the vectors of length one, as far as there are rows.
    seed
        Of k-means.
    threads, progress, say
        As in ``search``; ``say`` hears which uses are not known.

    Raises
    ------
    SpellingError
        Another direction, an unknown measure, or a path that is no ``.parquet``.
    TooFewError
        ``k`` that is more than the other rows, or no vector at all.
    FileError
        The file could not be written.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> names = [f"Film {i}" for i in range(50)]
    >>> films = Embeddings(rng.normal(size=(50, 8)), metadata={"title": names})
    >>> atlas = to_atlas(Space(items=films), clusters=3)
    >>> list(atlas.columns)
    ['id', 'title', 'x', 'y', 'length', 'in_lists', 'disagreement', 'cluster', 'neighbors']
    >>> atlas.columns["neighbors"][0]["ids"][:3], round(atlas.explained, 2)
    ([44, 4, 33], 0.4)
    """
    space = as_space(space)
    check_word(direction, WITHIN, "direction")
    COUNT.check("k", k, TooFewError)
    COUNT.check("clusters", clusters, TooFewError)
    SEED.check("seed", seed)
    check_threads(threads)
    if path is not None and as_path(path).suffix.lower() != ".parquet":
        raise SpellingError(f"{path}: embedding-atlas reads parquet: call the file NAME.parquet")
    name = "items" if direction == "items-items" else "queries"
    side = space.items if name == "items" else space.queries
    if not side.norms.any():
        raise TooFewError(f"all {len(side)} {name} are zero vectors: there is nothing to map")
    lists = search(space, measures, k=k, direction=direction, threads=threads, progress=progress)
    first = lists.get("cosine", next(iter(lists.values())))
    places, explained = _plane(side)
    title, use = titles(side), popularity(space, name)
    note = popularity_note(space, name)
    if note is not None:
        say(note)
    columns: dict[str, Any] = {"id": np.array([str(i) for i in side.ids])}
    if title is not None:
        columns["title"] = np.array(title)
    columns |= {"x": places[:, 0], "y": places[:, 1], "length": side.norms}
    if use is not None:
        columns[USE.get(use.what, "text_length")] = use.values
    columns |= {
        "in_lists": occurrences(first, len(side), k),
        "disagreement": _disagreement(list(lists.values())),
        "cluster": found_clusters(side.vectors, min(clusters, len(side)), seed=seed),
        "neighbors": _as_read(first),
    }
    if path is not None:
        write_values(path, columns)
    return AtlasMap(columns, None if use is None else use.what, explained)


def _plane(side: Embeddings) -> tuple[Float64[Array, "rows 2"], float]:
    """The two principal directions of vectors of length one, and their share of the variance.

    The coordinate that is largest in size is positive in each, so that the map is the same again.
    """
    check_square(side.dimension)
    unit = _unit(side)
    centred = unit - unit.mean(axis=0)
    values, directions = np.linalg.eigh(centred.T @ centred)
    leading = directions[:, ::-1][:, :2]
    leading = leading * np.sign(
        leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])]
    )
    total, shown = float(values.sum()), float(values[::-1][:2].sum())
    places = np.zeros((len(unit), 2))
    places[:, : leading.shape[1]] = centred @ leading
    return places, shown / total if total > 0 else 1.0


def _unit(side: Embeddings) -> Float64[Array, "rows d"]:
    vectors = side.vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _disagreement(lists: list[Neighbours]) -> Float64[Array, " rows"]:
    """The share of a row's list that two measures do not share, averaged over their pairs."""
    rows = len(lists[0].indices)
    pairs = list(combinations(lists, 2))
    apart = np.zeros(rows)
    block = min(BLOCK, max(1, ENTRIES // lists[0].k ** 2))
    for one, other in pairs:
        for start in range(0, rows, block):
            mine, its = (each.indices[start : start + block] for each in (one, other))
            shared = (mine[:, :, None] == its[:, None, :]) & (mine >= 0)[:, :, None]
            filled = np.maximum((mine >= 0).sum(axis=1), 1)
            apart[start : start + block] += 1 - shared.any(axis=2).sum(axis=1) / filled
    return apart / max(len(pairs), 1)


def _as_read(lists: Neighbours) -> Array:
    """Lists of rows and distances, as the option ``--neighbors`` of embedding-atlas has them."""
    nearest = 1.0 if lists.measure.startswith("cosine") else 0.0
    cells = np.empty(len(lists.indices), dtype=object)
    for row, (rows, scores) in enumerate(zip(lists.indices, lists.scores, strict=True)):
        filled = rows >= 0
        cells[row] = {
            "ids": rows[filled].tolist(),
            "distances": (nearest - scores[filled].astype(np.float64)).tolist(),
        }
    return cells
