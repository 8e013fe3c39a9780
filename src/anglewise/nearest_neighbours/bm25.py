"""BM25: texts ranked by the words that they share with a query, by the library bm25s.

Words are runs of two or more letters, digits or underscores, in lower case; no word is left out
and none is cut to its stem, so that no language is guessed. Texts without blanks between words,
such as Chinese ones, are hardly split by this.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import MissingExtraError, TooFewError, ValuesError

BM25 = "bm25"
NOT_INSTALLED = "install anglewise[bm25]"
WORD = r"(?u)\b\w\w+\b"
K1, B = 1.5, 0.75
DECIMALS = 10
"""Scores are rounded to these, so that equal ones tie on every machine."""

BYTES_OF_CHARACTER, BYTES_OF_WORD, BYTES_OF_NEW_WORD = 150, 75, 225
"""The most memory that an index takes for each character; for each word, for each distinct one."""


def index_bytes(texts: Sequence[str], enough: float = math.inf) -> int:
    """How many bytes an index of texts takes, about and from above; beyond ``enough`` none count.

    >>> index_bytes(["a heist in Paris", "Paris, Texas"])
    1275
    """
    words: set[str] = set()
    count = holds = 0
    for text in texts:
        for match in re.finditer(WORD, text.lower()):
            words.add(match[0])
            count += 1
            holds = BYTES_OF_WORD * count + BYTES_OF_NEW_WORD * len(words)
            if holds > enough:
                return holds
    return holds


def check_fits(texts: Sequence[str]) -> None:
    """Refuse texts whose index would not fit into the memory allowed, before it is made.

    Words are counted only where their number may matter. Raises ``ValuesError``.
    """
    from anglewise.data_types.memory import VARIABLE, room, words

    characters, most = sum(map(len, texts)), room()
    if BYTES_OF_CHARACTER * characters <= most:
        return
    if index_bytes(texts, enough=most) > most:
        raise ValuesError(
            f"an index of texts of {characters:,} characters may take more than the "
            f"{words(most)} that are allowed: allow more: "
            f"{VARIABLE}={words(BYTES_OF_CHARACTER * characters).replace(' ', '')}"
        )


def has_bm25() -> bool:
    """Whether the library is installed; it is not loaded."""
    return find_spec("bm25s") is not None


@dataclass(frozen=True, eq=False)
class Bm25Index:
    """Texts indexed by their words.

    With ``N`` texts, of which ``n_w`` hold the word ``w``, the score of a text ``d`` is the sum
    over the words of the query, each as often as it stands there, of

        ln(1 + (N - n_w + .5) / (n_w + .5)) f_wd / (f_wd + k1 (1 - b + b |d| / mean |d|)),

    ``f_wd`` counting the word in the text, ``|d|`` the words of the text, ``k1 = 1.5`` and
    ``b = .75``: the formula of Lucene (Kamphuis and others, ECIR 2020).

    Attributes
    ----------
    count
        How many texts there are.
    numbers
        The number of each word that stands in any text.
    position
        The place of each text among equal scores.
    """

    count: int
    numbers: Mapping[str, int]
    index: Any
    position: Int64[Array, " texts"]

    @classmethod
    def of(cls, texts: Sequence[str], order: Int64[Array, " texts"] | None = None) -> "Bm25Index":
        """Index texts; empty ones are there and never found.

        Equal scores are ranked in the ``order`` of rows, such as that of their ids.

        Raises ``MissingExtraError`` without bm25s, ``TooFewError`` where no text holds a word,
        ``ValuesError`` where the index would not fit into the memory allowed.
        """
        try:
            import bm25s
        except ImportError as missing:
            raise MissingExtraError(
                "BM25 needs bm25s: pip install 'anglewise[bm25]'", name="bm25s"
            ) from missing
        check_fits(texts)
        library: Any = bm25s
        words = library.tokenize(
            list(texts), lower=True, token_pattern=WORD, stopwords=[], show_progress=False
        )
        if not any(words.ids):
            raise TooFewError(f"none of {len(texts):,} texts holds a word: BM25 has none to find")
        index = library.BM25(k1=K1, b=B, method="lucene", dtype="float64")
        index.index(words, show_progress=False)
        position = np.arange(len(texts))
        if order is not None:
            position[order] = np.arange(len(texts))
        return cls(len(texts), words.vocab, index, position)

    def work(self, queries: Sequence[str]) -> int:
        """How many texts are looked at for each distinct word of each query, in all.

        >>> Bm25Index.of(["a heist in Paris", "Paris, Texas"]).work(["paris", "opera"])
        2
        """
        holding = np.diff(np.asarray(self.index.scores["indptr"]))
        return sum(int(holding[list(self._counts(query))].sum()) for query in queries)

    def _counts(self, query: str) -> dict[int, int]:
        """The number of each word of a query that any text holds, and how often it stands there."""
        counts = Counter(match[0] for match in re.finditer(WORD, query.lower()))
        numbers = self.numbers
        return {numbers[word]: count for word, count in counts.items() if word in numbers}

    def scores(self, query: str) -> Float64[Array, " texts"]:
        """The score of every text; 0 where it shares no word with the query.

        Each word is looked up once, however often it stands in the query.
        """
        words_of: dict[int, list[int]] = {}
        for number, count in self._counts(query).items():
            words_of.setdefault(count, []).append(number)
        scores = np.zeros(self.count)
        for count, numbers in words_of.items():
            scores += count * self.index.get_scores_from_ids(numbers)
        return np.round(scores, DECIMALS)

    def nearest(
        self, queries: Sequence[str], k: int, hidden: Sequence[Int64[Array, " rows"]] | None = None
    ) -> Neighbours:
        """The ``k`` best texts of each query, equal ones in their order; without a hit in none.

        ``hidden`` are the rows that stand in no list, query by query.

        >>> texts = Bm25Index.of(["a heist in Paris", "two heists", "Paris, Texas", ""])
        >>> texts.nearest(["Paris heist", "opera"], k=3).indices.tolist()
        [[0, 2, -1], [-1, -1, -1]]
        """
        indices = np.full((len(queries), k), -1, dtype=np.int64)
        best_scores = np.full((len(queries), k), -np.inf)
        tied = np.zeros(len(queries), dtype=np.int64)
        for row, query in enumerate(queries):
            scores = self.scores(query)
            if hidden is not None:
                scores[hidden[row]] = 0
            best = _best(scores, k, self.position)
            indices[row, : len(best)] = best
            best_scores[row, : len(best)] = scores[best]
            if len(best) == k:
                last = scores[best[-1]]
                tied[row] = (scores == last).sum() - (scores[best] == last).sum()
        return Neighbours(BM25, indices, best_scores, tied)


def _best(
    scores: Float64[Array, " texts"], k: int, position: Int64[Array, " texts"]
) -> Int64[Array, " best"]:
    """The rows of the highest scores above 0, the highest first, equal ones by their position."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) > k:
        cut = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
        rows = rows[scores[rows] >= cut]
    return rows[np.lexsort((position[rows], -scores[rows]))][:k]
