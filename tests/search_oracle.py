"""The slow way to the nearest neighbours, and ways to make the engine work under other settings."""

from contextlib import contextmanager
from unittest import mock

import numpy as np

from anglewise.search import sweep
from anglewise.search.numpy_scanner import NumpyScanner

FIVE = ["dot", "cosine", "euclidean", "norm(0,0.5)", "norm(0,0.25)"]
PLAIN = [*FIVE, "manhattan", "norm(0.5,1)"]


def in_order(values):
    """Sums along the last axis, one after the other."""
    return np.cumsum(values, axis=-1)[..., -1]


def power(norms, exponent):
    out = np.zeros_like(norms)
    out[norms > 0] = norms[norms > 0] ** exponent
    return out


def pair_scores(queries, items, measure):
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
    with np.errstate(over="ignore"):
        return score.astype(np.float32) + np.float32(0)


def neighbours(score, k, place, hidden=None):
    """Indices, scores and ties of the first k of each row of a table of scores."""
    indices = np.full((len(score), k), -1)
    scores = np.full((len(score), k), -np.inf, dtype=np.float32)
    tied = np.zeros(len(score), dtype=int)
    for i, row in enumerate(score):
        allowed = [j for j in range(len(row)) if hidden is None or not hidden[i, j]]
        order = sorted(allowed, key=lambda j: (-row[j], place[j]))
        top = order[:k]
        indices[i, : len(top)], scores[i, : len(top)] = top, row[top]
        if len(top) == k:
            tied[i] = sum(row[j] == row[top[-1]] for j in order[k:])
    return indices, scores, tied


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("indices", "scores", "tied_at_cut")
    )


def scanners():
    """Every way in which the float32 pass can be made on this machine."""
    return [NumpyScanner()]


@contextmanager
def using(scanner, *, tile_bytes=None, sample=None, keep=None):
    """The engine with this scanner, tiles of this size, a sample, so many candidates kept."""
    if tile_bytes is not None:
        scanner.tile_bytes = tile_bytes
    with mock.patch("anglewise.search.machine.scanner", lambda: scanner):
        with mock.patch.object(sweep, "SAMPLE", sample or sweep.SAMPLE):
            with mock.patch.object(sweep, "to_keep", keep or sweep.to_keep):
                yield
