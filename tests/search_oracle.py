"""The slow way to the nearest neighbours, and ways to make the engine work under other settings."""

from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from unittest import mock

import numpy as np

from anglewise.nearest_neighbours import blocks, ranking
from anglewise.nearest_neighbours.ranking import KERNEL
from anglewise.nearest_neighbours.scanners import CompiledScanner, NumpyScanner

FIVE = ["dot", "cosine", "euclidean", "norm(0,0.5)", "norm(0,0.25)"]
PLAIN = [*FIVE, "manhattan", "norm(0.5,1)"]


def in_order(values):
    """Sums along the last axis in eight lanes, then half onto half."""
    d = values.shape[-1]
    values = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -d % 8)])
    a = np.cumsum(values.reshape(*values.shape[:-1], -1, 8), axis=-2)[..., -1, :]
    b = a[..., :4] + a[..., 4:]
    c = b[..., :2] + b[..., 2:]
    return c[..., 0] + c[..., 1]


def power(norms, exponent):
    out = np.zeros_like(norms)
    root = np.sqrt(np.sqrt(norms[norms > 0]))
    halves = {0: 1, -0.25: 1 / root, -0.5: 1 / np.sqrt(norms[norms > 0]), -1: 1 / norms[norms > 0]}
    out[norms > 0] = halves[exponent]
    return out


def twelve_digits(score):
    """Each number by the decimals that Python writes; equal ones are written once."""
    numbers, place = np.unique(score.ravel(), return_inverse=True)
    digits = np.array([float(f"{number:.11e}") for number in numbers.tolist()])
    return digits[place].reshape(score.shape) + 0.0


def pair_scores(queries, items, measure):
    """The table of scores, made once for all ways to work that are held to it."""
    tables = [(side.tobytes(), str(side.dtype), side.shape) for side in (queries, items)]
    return _pair_scores(*tables, measure)


@lru_cache(maxsize=400)
def _pair_scores(queries, items, measure):
    score = _scored(*(_table(*side) for side in (queries, items)), measure)
    score.flags.writeable = False
    return score


def _table(values, dtype, shape):
    return np.frombuffer(values, dtype).reshape(shape)


def _scored(queries, items, measure):
    q, x = queries.astype(np.float64)[:, None], items.astype(np.float64)[None]
    qn, xn = (np.sqrt(in_order(v * v)) for v in (q, x))
    if measure == "euclidean":
        score = -np.sqrt(in_order((q - x) * (q - x)))
    elif measure == "manhattan":
        score = -in_order(np.abs(q - x))
    else:
        query, item = {"dot": (0, 0), "cosine": (1, 1)}.get(measure) or eval(measure[4:])  # noqa: S307
        score = in_order(q * x)
        if query or item:
            score = score * (power(qn, -query) * power(xn, -item))
    return twelve_digits(score)


def neighbours(score, k, place, hidden=None):
    """Indices, scores and ties of the first k of each row of a table of scores."""
    hidden = np.zeros(score.shape, dtype=bool) if hidden is None else hidden
    order = np.lexsort((np.broadcast_to(place, score.shape), -score, hidden), axis=1)
    score = np.take_along_axis(score, order, axis=1)
    shown = ~np.take_along_axis(hidden, order, axis=1)
    tied = (shown & (score == score[:, k - 1 : k]))[:, k:].sum(axis=1)
    indices = np.where(shown, order, -1)[:, :k]
    scores = np.where(shown, score, -np.inf)[:, :k]
    return indices, scores, np.where(shown[:, k - 1], tied, 0)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("indices", "scores", "tied_at_cut")
    )


def scanners():
    """Every way in which the engine can work on this machine."""
    found = [NumpyScanner()]
    for unit in ("avx512", "avx2", "sse2", "neon", "plain") if KERNEL else ():
        with suppress(ValueError):
            found.append(CompiledScanner(KERNEL, unit))
    if KERNEL:
        KERNEL.choose(None)
    return found


@contextmanager
def using(scanner, *, tile_rows=None, sample=None, keep=None):
    """The engine with this scanner, tiles of this size, a sample, so many candidates kept."""
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(mock.patch("anglewise.nearest_neighbours.scanners.scanner", return_value=scanner))
        enter(mock.patch.object(ranking, "kernel", getattr(scanner, "kernel", None)))
        if isinstance(scanner, CompiledScanner):
            scanner.kernel.choose(scanner.unit)
            stack.callback(scanner.kernel.choose, None)
        if tile_rows is not None:
            enter(mock.patch.object(scanner, "tile_rows", tile_rows))
        if sample is not None:
            enter(mock.patch.object(blocks, "SAMPLE", sample))
        if keep is not None:
            enter(mock.patch.object(blocks, "to_keep", keep))
        yield
