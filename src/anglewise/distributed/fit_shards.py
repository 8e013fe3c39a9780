"""The linear model in closed form, from interactions that lie in many files.

``X`` (users x items) is never in one place. Its leading right singular vectors are those of
``X'X``, of which a block Krylov method needs products ``X'(X V)`` alone; each is one pass over the
files, whose parts are summed in the order of the files.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import COUNT, NOT_NEGATIVE, SEED
from anglewise.data_types.text import Say, order_of_ids, quiet
from anglewise.data_types.typing import Array, Float64, Int64, Progress, Shaped
from anglewise.distributed.engines import Engine, results, started
from anglewise.distributed.interaction_shards import (
    FoldInUsers,
    InteractionFolder,
    ItemColumns,
    LookAtUses,
    MultiplyByGram,
)
from anglewise.errors import ValuesError
from anglewise.io.files import PathLike
from anglewise.recommender_models.closed_form import LinearModel, fit_spectrum
from anglewise.recommender_models.svd import Spectrum, with_signs

Multiply: TypeAlias = Callable[[Float64[Array, "p b"]], Float64[Array, "p b"]]

WHOLE = 1024
"""Up to so many items ``X'X`` is formed."""
MORE = 10
"""Columns of a block beyond the components."""
PASSES = 60
TOLERANCE = 1e-9
"""How far ``X'X v`` may be from ``lambda v``, in units of the largest eigenvalue."""


@dataclass(frozen=True, eq=False)
class ShardedFit:
    """A model learned from many files, and its users.

    Attributes
    ----------
    model
        The linear model.
    item_ids, popularity
        The items in the order of their ids, and how many users liked each.
    user_ids, user_vectors
        All users in the order of their ids; float32, ``users x k``.
    passes
        How often the files were read.
    """

    model: LinearModel
    item_ids: Shaped[Array, " items"]
    popularity: Int64[Array, " items"]
    user_ids: Shaped[Array, " users"]
    user_vectors: Float64[Array, "users k"]
    passes: int

    @property
    def space(self) -> Space:
        """Users and items; what users did is not in it, as it lies in the files."""
        return self.model.space(
            self.user_vectors,
            user_ids=self.user_ids,
            item_ids=self.item_ids,
            item_metadata={"popularity": self.popularity.tolist()},
        )


def fit_shards(
    folder: PathLike,
    *,
    objective: str = "product",
    components: int = 64,
    penalty: float = 1000.0,
    gauge: str = "balanced",
    user: str | None = None,
    item: str | None = None,
    weight: str | None = None,
    min_weight: float | None = None,
    engine: Any = "processes",
    workers: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    say: Say = quiet,
) -> ShardedFit:
    """Learn users and items from interactions that lie in many parquet files.

    The optimum is that of ``fit_linear`` on the table of all users (equations (1) and (2) of arXiv
    2403.05440): each interaction that weighs more than 0 counts 1. Nobody is held out.

    Parameters
    ----------
    folder
        Parquet files with a row for each interaction; each user stands in one file alone.
    objective, components, penalty, gauge, seed
        As in ``fit_linear``.
    user, item, weight, min_weight
        As in ``read_interactions``.
    engine, workers
        As in ``search_shards``.
    progress
        Called with the passes that are done, and how many there may be.

    Raises
    ------
    FileError
        No parquet file, one that cannot be read, or workers that were lost again and again.
    IdsError
        A user stands in two files.
    SpellingError
        An objective, a gauge, an engine or a column that is not known.
    TooFewError, ValuesError
        No interactions; a penalty that leaves nothing; singular values that do not settle.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, users in (("a", [1, 1, 2, 2]), ("b", [3])):
    ...     uses = {"user_id": users, "item_id": list("xyxyz")[: len(users)]}
    ...     pq.write_table(pa.table(uses), folder / f"{name}.parquet")
    >>> fitted = fit_shards(folder, components=2, penalty=1.0, workers=1)
    >>> (fitted.user_vectors @ fitted.model.item_factors.T).round(3).tolist()
    [[0.875, 0.75], [0.875, 0.75], [0.625, 0.25]]
    """
    COUNT.check("components", components)
    NOT_NEGATIVE.check("penalty", penalty)
    SEED.check("seed", seed)
    if workers is not None:
        COUNT.check("workers", workers)
    files = InteractionFolder.of(
        folder, say, user=user, item=item, weight=weight, min_weight=min_weight
    )
    count = min(workers or os.cpu_count() or 1, len(files.shards))
    with started(engine, count, say) as chosen:
        items = ItemColumns.of(list(results(chosen, LookAtUses(files), files.shards, say)))
        passes = 1

        def multiply(vectors: Float64[Array, "p b"]) -> Float64[Array, "p b"]:
            nonlocal passes
            passes += 1
            if progress is not None:
                progress(passes, PASSES)
            return _summed(chosen, MultiplyByGram(files, items, vectors), files, say)

        spectrum = leading(multiply, len(items.ids), components, seed=seed)
        model = fit_spectrum(spectrum, objective=objective, penalty=penalty, gauge=gauge)
        fold = FoldInUsers(files, items, model.encoder)
        ids, vectors = zip(*results(chosen, fold, files.shards, say), strict=True)
    user_ids = np.concatenate(ids)
    order = order_of_ids(user_ids.tolist())
    return ShardedFit(
        model,
        items.ids,
        items.popularity,
        user_ids[order],
        np.concatenate(vectors)[order],
        passes + 1,
    )


def _summed(
    engine: Engine, work: MultiplyByGram, files: InteractionFolder, say: Say
) -> Float64[Array, "p b"]:
    """The sum over all files, added in their order, so that no bit depends on who was first."""
    total = np.zeros(work.vectors.shape)
    early = dict[int, Array]()
    due: Iterator[int] = iter([shard.first for shard in files.shards])
    following = next(due)
    for first, product in results(engine, work, files.shards, say):
        early[first] = product
        while following in early:
            total += early.pop(following)
            following = next(due, -1)
    return total


def leading(multiply: Multiply, size: int, k: int, *, seed: int = 0) -> Spectrum:
    """The ``k`` largest singular values of ``X`` and their right vectors, by products with ``X'X``.

    A block of ``k + 10`` directions, drawn with ``seed``, grows into a Krylov space, each block
    made orthogonal to all before it; its best directions (Rayleigh-Ritz) are taken once
    ``|X'X v - lambda v|`` is below 1e-9 of the largest eigenvalue for each of them (Musco and
    Musco, 2015). Directions below rounding are dropped.

    Raises ``ValuesError`` for a table of zeros, and where 60 products do not settle it.

    >>> gram = np.diag([9.0, 0.0, 16.0])
    >>> leading(lambda v: gram @ v, 3, 2).values.tolist()
    [4.0, 3.0]
    """
    width = min(size, k + MORE)
    if size <= max(WHOLE, 3 * width):
        values, vectors = np.linalg.eigh(_symmetric(multiply(np.eye(size))))
        return _spectrum(values[::-1][:k], vectors[:, ::-1][:, :k], size)
    block = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, width)))[0]
    basis, images, worst = np.empty((size, 0)), np.empty((size, 0)), np.inf
    for _ in range(PASSES):
        image = multiply(block)
        basis, images = np.hstack([basis, block]), np.hstack([images, image])
        values, small = np.linalg.eigh(_symmetric(basis.T @ images))
        values, small = values[::-1][:k], small[:, ::-1][:, :k]
        vectors = basis @ small
        errors = np.linalg.norm(images @ small - vectors * values, axis=0)
        worst = errors.max() / values[0] if values[0] > 0 else 0.0
        if worst <= TOLERANCE:
            return _spectrum(values, vectors, size)
        image = image - basis @ (basis.T @ image)
        left, sizes, _ = np.linalg.svd(image, full_matrices=False)
        block = left[:, sizes > size * np.finfo(float).eps * values[0]]
        block = np.linalg.qr(block - basis @ (basis.T @ block))[0]  # twice is enough (Kahan)
        if not block.shape[1]:  # the space holds all that X reaches
            return _spectrum(values, vectors, size)
    raise ValuesError(
        f"{PASSES} passes over the files do not settle {k} singular values: the worst is off by "
        f"{worst:.1e} of the largest; take fewer components"
    )


def _symmetric(table: Array) -> Array:
    return (table + table.T) / 2


def _spectrum(values: Array, vectors: Array, size: int) -> Spectrum:
    """Singular values above rounding, each vector with its largest entry positive."""
    kept = values > max(0.0, values[0]) * size * np.finfo(float).eps
    if not kept.any():
        raise ValuesError("the table holds zeros only: there is nothing to learn from")
    return Spectrum(np.sqrt(values[kept]), with_signs(vectors[:, kept]))
