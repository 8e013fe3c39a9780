"""Whether ids and vectors belong together, by what else is known of the rows."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from anglewise.auditing.subject import AuditSubject
from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Direction, Float64, Int64
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.similarity_measures.measure import measure

DRAWS = 20_000
"""Couples of pairs that are drawn: the share then has a standard error below 0.4%."""
ASKED = 1_000
"""Rows whose words are compared with those of their nearest."""
FEWEST = 50
"""Of fewer nothing is said."""
SHORT = 5
"""Texts with fewer words in the median are names, which neighbours need not share."""


@dataclass(frozen=True)
class Belonging:
    """How often what belongs together by another account is nearer than what does not.

    Attributes
    ----------
    by
        What tells: ``training``, ``judgements`` or ``words``.
    side
        Whose words; empty where pairs of both sides tell.
    share
        0.5 where vectors know nothing of it, as after ids were shuffled; 1 where they always do.
    drawn
        How many comparisons it is of.
    strangers
        Of the items that at least five have used, the share that its own users do not score higher
        than others do; None where that was not asked.
    """

    by: str
    side: str
    share: float
    drawn: int
    strangers: float | None = None
    furthest: str = ""


def belonging(
    subject: AuditSubject,
    cosine: Mapping[Direction, Neighbours],
    judged: Mapping[Direction, Judgements],
) -> list[Belonging]:
    """All that tells whether ids and vectors belong together; nothing where nothing does."""
    found: list[Belonging] = []
    space = subject.space
    if not space.one_sided:
        if space.seen is not None:
            found += _of_pairs(space, space.seen, "training", subject.seed)
        judgements = judged.get("queries-items")
        if not found and judgements is not None and judgements.parts is None:
            good = judgements.gains
            relevant = good.where(good.values > 0)
            found += _of_pairs(space, relevant, "judgements", subject.seed)
    if found:
        return found
    directions: dict[Direction, tuple[str, Embeddings]] = {"items-items": ("items", space.items)}
    if not space.one_sided:
        directions["queries-queries"] = ("queries", space.queries)
    for direction, (name, side) in directions.items():
        if direction in cosine:
            rows = subject.rows(direction)
            found += _of_words(side, name, rows, cosine[direction], subject.seed)
    return found


def _of_pairs(space: Space, pairs: SparseRows, by: str, seed: int) -> list[Belonging]:
    """How often two pairs fit better as they are than with their items exchanged.

    ``s(u, i) + s(v, j) > s(u, j) + s(v, i)``: what users and items bring along by themselves, such
    as popularity, stands on both sides.
    """
    entries = np.flatnonzero(
        (space.queries.norms[pairs.rows] > 0) & (space.items.norms[pairs.indices] > 0)
    )
    if len(entries) < FEWEST:
        return []
    rng = np.random.default_rng([seed, 17])
    chosen = entries[rng.integers(len(entries), size=(2, DRAWS))]
    users, items = pairs.rows[chosen], pairs.indices[chosen]
    width = pairs.shape[1]
    known = np.sort(pairs.rows * width + pairs.indices)
    crossed = np.stack([users[0] * width + items[1], users[1] * width + items[0]])
    places = np.minimum(np.searchsorted(known, crossed), len(known) - 1)
    fair = (users[0] != users[1]) & (items[0] != items[1]) & ~(known[places] == crossed).any(axis=0)
    users, items = users[:, fair], items[:, fair]
    if users.shape[1] < FEWEST:
        return []
    name = space.trained_for if space.trained_for in {"cosine", "euclidean"} else "dot"
    scores = [
        score_pairs(space, [measure(name)], users[one], items[other])[0]
        for one, other in ((0, 0), (1, 1), (0, 1), (1, 0))
    ]
    gain = scores[0] + scores[1] - scores[2] - scores[3]
    share = float((gain > 0).mean() + (gain == 0).mean() / 2)
    strangers, furthest = _strangers(space, pairs, name, rng) or (None, "")
    return [Belonging(by, "", share, len(gain), strangers, furthest)]


ITEMS, OWN, OTHERS, KNOWN = 1_000, 20, 50, 5
"""Items that are drawn, of each so many of its users and of others, and how many it must have."""
STRANGER = 0.6
"""An item is a stranger to its users where they score it higher than others do no more often."""


def _strangers(
    space: Space, pairs: SparseRows, name: str, rng: np.random.Generator
) -> tuple[float, str] | None:
    """The share of items that their own users do not score higher than others do, and the worst."""
    scored = space.queries.norms > 0
    known = scored[pairs.rows]
    order = np.argsort(pairs.indices[known], kind="stable")
    items, users = pairs.indices[known][order], pairs.rows[known][order]
    starts = np.searchsorted(items, np.arange(pairs.shape[1] + 1))
    enough = np.flatnonzero((np.diff(starts) >= KNOWN) & (space.items.norms > 0))
    if len(enough) < FEWEST:
        return None
    drawn = rng.permutation(enough)[:ITEMS]
    of = starts[drawn, None] + rng.integers(np.diff(starts)[drawn, None], size=(len(drawn), OWN))
    anybody = np.flatnonzero(scored)
    others = anybody[rng.integers(len(anybody), size=(len(drawn), OTHERS))]
    asking = np.concatenate([users[of], others], axis=1)
    ranked = np.repeat(drawn, asking.shape[1])
    scores = score_pairs(space, [measure(name)], asking.ravel(), ranked)[0].reshape(asking.shape)
    own, rest = scores[:, :OWN, None], scores[:, None, OWN:]
    higher = (own > rest).mean(axis=(1, 2)) + (own == rest).mean(axis=(1, 2)) / 2
    return float((higher < STRANGER).mean()), str(space.items.ids[drawn[higher.argmin()]])


WORD = re.compile(r"\w{2,}")


def _of_words(
    side: Embeddings,
    name: str,
    rows: Int64[Array, " asked"],
    neighbours: Neighbours,
    seed: int,
) -> list[Belonging]:
    """How often a row shares more words with its nearest than with a random one; rare ones count.

    Rows whose nearest has the very same text are left out: it is one text twice.
    """
    if "text" not in side.metadata_columns or len(rows) < FEWEST:
        return []
    rng = np.random.default_rng([seed, 18])
    chosen = np.sort(rng.permutation(len(rows))[:ASKED])
    asked, nearest = rows[chosen], neighbours.indices[chosen, 0]
    others = rng.integers(len(side), size=len(chosen))
    texts = column(side, "text")
    words = {
        row: frozenset(WORD.findall(str(texts[row] or "").casefold()))
        for row in {*asked.tolist(), *nearest.tolist(), *others.tolist()}
        if row >= 0
    }
    if np.median([len(one) for one in words.values()]) < SHORT:
        return []
    counts = Counter(word for one in words.values() for word in one)
    weights = {word: log(len(words) / count) for word, count in counts.items()}
    gains: list[float] = []
    least = (np.inf, -1)
    for row, near, other in zip(asked.tolist(), nearest.tolist(), others.tolist(), strict=True):
        if near >= 0 and other not in {row, near} and texts[row] != texts[near]:
            gain = _alike(words[row], words[near], weights) - _alike(
                words[row], words[other], weights
            )
            gains.append(gain)
            least = min(least, (gain, row))
    if len(gains) < FEWEST:
        return []
    values: Float64[Array, " compared"] = np.array(gains)
    share = float((values > 0).mean() + (values == 0).mean() / 2)
    furthest = str(side.ids[least[1]])
    return [Belonging("words", name, share, len(values), furthest=furthest)]


def _alike(one: frozenset[str], other: frozenset[str], weights: Mapping[str, float]) -> float:
    """The cosine of two sets of words by their weights.

    >>> _alike(frozenset("ab"), frozenset("bc"), {"a": 1.0, "b": 1.0, "c": 1.0})
    0.5
    """
    sizes = [sum(weights[word] ** 2 for word in words) for words in (one, other)]
    shared = sum(weights[word] ** 2 for word in one & other)
    return shared / (sizes[0] * sizes[1]) ** 0.5 if shared else 0.0
