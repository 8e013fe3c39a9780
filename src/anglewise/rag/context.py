"""Passages for a prompt: relevant, different from each other, within a budget of tokens."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.filters import Where
from anglewise.data_types.numbers import COUNT, NOT_NEGATIVE, UNIT, check_kind
from anglewise.data_types.typing import Array, Float, Float32, Float64, Int64
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.documents import as_utf8, clean
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.load import encoder as load
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.nearest_neighbours.index import Answering, Hit, Index
from anglewise.rag.prompt import (
    INSTRUCTIONS,
    LeftOut,
    Passage,
    Passages,
    numbered_passage,
    user_message,
)
from anglewise.rag.relevance import INDEX, Relevance

BYTES_PER_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """The estimated number of tokens of a text, rather too high: one for each three bytes.

    English prose has four or more bytes a token; code, numbers and rare words fewer. To use the
    budget fully, give the tokenizer of the model.

    >>> estimate_tokens("A crew robs a bank.")
    7
    """
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


WORDS = re.compile(r"\w+")


class RepetitionFilter:
    """Finds texts that repeat earlier ones, by their runs of three words (Broder 1997).

    >>> repetition = RepetitionFilter()
    >>> repetition.is_new("The wing is thin. The flow is laminar.", 0.8)
    True
    >>> repetition.is_new("the wing is thin", 0.8)
    False
    >>> repetition.is_new("a hot plate is not thin", 0.8)
    True
    """

    def __init__(self) -> None:
        self._runs: set[tuple[str, ...]] = set()

    def is_new(self, text: str, share: float) -> bool:
        """Whether less than a share of a text's runs came before; if so, they are remembered."""
        words = WORDS.findall(text.lower())
        runs = set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}
        if self._runs and len(runs & self._runs) >= share * len(runs):
            return False
        self._runs |= runs
        return True


def diverse(
    relevance: Float64[Array, " n"], vectors: Float[Array, "n d"], weight: float
) -> Int64[Array, " n"]:
    """The order by ``(1 - weight) * relevance - weight * (largest cosine to those before)``.

    Maximal marginal relevance, Carbonell and Goldstein (1998). ``relevance`` lies in [0, 1]; ties
    keep their order. A weight of 0 gives the order of relevance.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> diverse(np.array([0.9, 0.8, 0.5]), vectors, 0.5).tolist()
    [0, 2, 1]
    """
    x = vectors.astype(np.float64)
    lengths = np.sqrt(np.square(x).sum(axis=1))
    x = x / np.where(lengths > 0, lengths, 1.0)[:, None]
    scores = (1 - weight) * relevance
    nearest = np.zeros(len(x))
    order = np.zeros(len(x), dtype=np.int64)
    for position in range(len(x)):
        chosen = int((scores - weight * nearest).argmax())
        order[position] = chosen
        scores[chosen] = -np.inf
        cosines = x @ x[chosen]  # row by row: a product this small is slower on several threads
        nearest = np.maximum(nearest, cosines) if position else cosines
    return order


DEPTH = 50
"""The default number of candidates."""

TITLE_COLUMN = "title"
"""Where titles stand, if there are any; only a column that was named must be there."""


@dataclass(frozen=True)
class Context:
    """Gives the passages for a prompt: relevant, different from each other, within a budget.

    The index is searched for the nearest items. Those whose probability of relevance lies below
    the threshold are left out, then those that repeat better ones; of the others those that fit the
    budget are given, best first. Where nothing is relevant, nothing is given.

    Parameters
    ----------
    index
        An :class:`anglewise.Index`, or another object with its ``search``, whose items have a
        ``text``.
    encoder
        Turns the prompt into a vector: the encoder of the items, as a spelling, a function or an
        ``Encoder``. Prompts are encoded as questions.
    budget_tokens
        The most tokens of ``text()`` of the answer: instructions, passages and prompt.
    tokens
        Counts the tokens of a text; by default an estimate that is rather too high.
    relevance
        The probability of relevance at a score, from :func:`learn_relevance`. Without it there is
        no probability, and the nearest items count as relevant however far they are.
    threshold
        The least probability of a passage that is given; by default that of ``relevance``.
    repeated
        The share of a passage (of its runs of three words) that must have come before for it to be
        left out; above 1 none is.
    diversity
        From 0, the order of scores, to 1: the weight of the similarity to earlier passages, which
        counts against a passage (maximal marginal relevance).
    candidates
        The number of items that the index is asked for.
    text_column, title_column
        The columns of metadata that hold texts and titles.

    Raises
    ------
    SpellingError
        A threshold without ``relevance``, or one that was learned under another measure, from
        another space or another encoder's questions. The items of an :class:`anglewise.Index` are
        compared once, here; those of another store cannot be.
    ValuesError
        A budget, threshold or diversity that makes no sense.
    WrongTypeError
        An index, relevance, counter of tokens or column that is no such thing.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> from anglewise.nearest_neighbours.index import Index
    >>> def count_vowels(texts):
    ...     return [[text.count(vowel) for vowel in "aeiou"] for text in texts]
    >>> films = {"7": "A crew robs a bank.", "9": "Odd coos of doom.", "11": "A crew robs a bank!"}
    >>> texts = list(films.values())
    >>> index = Index(Embeddings(count_vowels(texts), list(films), {"text": texts}), "cosine")
    >>> found = Context(index, count_vowels, budget_tokens=500)("bank crew")
    >>> [passage.id for passage in found.passages], found.left_out.repeated
    (['7', '9'], 1)
    """

    index: Answering
    encoder: str | Encode | Encoder
    budget_tokens: int = 2000
    tokens: Callable[[str], int] = estimate_tokens
    relevance: Relevance | None = None
    threshold: float | None = None
    repeated: float = 0.8
    diversity: float = 0.0
    candidates: int = DEPTH
    text_column: str = "text"
    title_column: str = TITLE_COLUMN

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", load(self.encoder))
        check_kind(self.index, Answering, "the index", INDEX)
        check_kind(self.tokens, Callable, "tokens", "a function that counts those of a text")
        for name in ("text_column", "title_column"):
            check_kind(getattr(self, name), str, name, "the name of a column")
        if self.relevance is not None:
            check_kind(self.relevance, Relevance, "relevance", "what learn_relevance gives")
        COUNT.check("budget_tokens", self.budget_tokens)
        COUNT.check("candidates", self.candidates)
        NOT_NEGATIVE.check("repeated", self.repeated)
        UNIT.check("diversity", self.diversity)
        if self.threshold is not None:
            UNIT.check("threshold", self.threshold)
        if self.relevance is None and self.threshold is not None:
            raise SpellingError(
                "a threshold is a probability: give relevance, which learn_relevance makes of "
                "judgements"
            )
        if self.relevance is not None and self.relevance.measure != self.index.measure:
            raise SpellingError(
                f"relevance was learned from scores of {self.relevance.measure}, the index gives "
                f"{self.index.measure}: learn it anew"
            )
        origin = None if self.relevance is None else self.relevance.origin
        if origin is not None:
            origin.check_encoder(load(self.encoder))
            if isinstance(self.index, Index):
                origin.check_items(self.index.space.items)

    def __call__(
        self, prompt: str, *, most: int | None = None, where: Where | None = None
    ) -> Passages:
        """The passages for a prompt, at most ``most``, from items whose metadata match ``where``.

        Control characters become blanks.

        Raises
        ------
        TooFewError
            An empty prompt, or an index without items.
        ShapeError
            The encoder gives vectors of another dimension than the index holds.
        ValuesError
            A prompt that is longer than the budget, items without texts, a ``most`` below one, or
            a ``title_column`` that no item has.
        """
        check_kind(prompt, str, "the prompt", "a text")
        if most is not None:
            COUNT.check("most", most)
        prompt = clean(as_utf8(prompt))
        self._check(prompt)
        hits = self.index.search(self.vector(prompt), self.candidates, where=where)[0]
        return self._select(prompt, hits, most)

    def vector(self, prompt: str) -> Float32[Array, " d"]:
        """The vector of a prompt."""
        vector = encode_texts([prompt], load(self.encoder), asking=True)[0]
        if len(vector) != self.index.dimension:
            raise ShapeError(
                f"the encoder gives {len(vector)} numbers, the index holds {self.index.dimension}: "
                "take the encoder that encoded the items"
            )
        return vector

    def _select(self, prompt: str, hits: Sequence[Hit], most: int | None) -> Passages:
        """Select passages from the hits, and count by reason those that are left out."""
        candidates = self._passages(hits)
        threshold = self._threshold
        relevant = [
            passage
            for passage in candidates
            if passage.probability is None or passage.probability >= threshold
        ]
        passages, left_out = self._fill_budget(prompt, self._diversified(relevant), most)
        answer = Passages(
            prompt,
            tuple(passages),
            budget=self.budget_tokens,
            measure=self.index.measure,
            meaning=hits[0].meaning if hits else "",
            threshold=None if self.relevance is None else threshold,
            best=candidates[0] if candidates else None,
            left_out=replace(left_out, irrelevant=len(candidates) - len(relevant)),
        )
        return self._within_budget(answer)

    def _passages(self, hits: Sequence[Hit]) -> list[Passage]:
        """The hits as passages, with their probabilities of relevance where these were learned."""
        self._check_titles(hits)
        if self.relevance is None or not hits:
            return [_passage(hit, self, None) for hit in hits]
        likely = self.relevance(np.array([hit.score for hit in hits]))
        return [_passage(hit, self, float(p)) for hit, p in zip(hits, likely, strict=True)]

    def _check_titles(self, hits: Sequence[Hit]) -> None:
        """Raise ``ValuesError`` for a column of titles that was named, and that no item has."""
        has_titles = any(self.title_column in hit.metadata for hit in hits)
        if hits and not has_titles and self.title_column != TITLE_COLUMN:
            columns = ", ".join(hits[0].metadata) or "nothing"
            raise ValuesError(
                f"item {hits[0].id} has no title in {self.title_column!r} (it has {columns}): name "
                "the column that holds titles, or leave title_column out"
            )

    def _count(self, text: str) -> int:
        """The tokens of a text; ``ValuesError`` where what counts them gives no number of them."""
        return int(NOT_NEGATIVE.check("the number of tokens", self.tokens(text)))

    def _within_budget(self, answer: Passages) -> Passages:
        """Drop the last passages if all together make more tokens than the sum of each."""
        while (tokens := self._count(answer.text())) > self.budget_tokens:
            left_out = replace(answer.left_out, too_long=answer.left_out.too_long + 1)
            answer = replace(answer, passages=answer.passages[:-1], left_out=left_out)
        return replace(answer, tokens=tokens)

    @property
    def _threshold(self) -> float:
        if self.relevance is None:
            return 0.0
        return self.relevance.threshold if self.threshold is None else self.threshold

    def _check(self, prompt: str) -> None:
        if not prompt.strip():
            raise TooFewError("the prompt is empty: ask something")
        if not len(self.index):
            raise TooFewError("the index is empty: add items before asking")
        tokens = self._fixed_tokens(prompt)
        if tokens > self.budget_tokens:
            raise ValuesError(
                f"the prompt takes {tokens:,} tokens with the instructions, the budget is "
                f"{self.budget_tokens:,}: shorten the prompt or raise the budget"
            )

    def _fixed_tokens(self, prompt: str) -> int:
        """The tokens of an answer without passages, under the longest of the instructions."""
        question = user_message(prompt, ())
        return max(self._count(f"{instruction}\n\n{question}") for instruction in INSTRUCTIONS)

    def _fill_budget(
        self, prompt: str, relevant: Sequence[Passage], most: int | None
    ) -> tuple[list[Passage], LeftOut]:
        """As many passages as fit, best first; too long and repeated ones are skipped."""
        room = self.budget_tokens - self._fixed_tokens(prompt)
        chosen: list[Passage] = []
        repetition, repeated, too_long = RepetitionFilter(), 0, 0
        for position, passage in enumerate(relevant):
            if most is not None and len(chosen) >= most:
                return chosen, LeftOut(0, repeated, too_long, len(relevant) - position)
            tokens = self._count("\n\n" + numbered_passage(len(chosen) + 1, passage))
            if tokens > room:
                too_long += 1
            elif not repetition.is_new(passage.text, self.repeated):
                repeated += 1
            else:
                room -= tokens
                chosen.append(passage)
        return chosen, LeftOut(0, repeated, too_long)

    def _diversified(self, relevant: list[Passage]) -> list[Passage]:
        if not self.diversity or len(relevant) < 2:
            return relevant
        scores = np.array(
            [
                passage.score if passage.probability is None else passage.probability
                for passage in relevant
            ]
        )
        if self.relevance is None:
            scores = (scores - scores.min()) / (float(np.ptp(scores)) or 1.0)
        vectors = self.index.vectors([passage.id for passage in relevant])
        return [relevant[row] for row in diverse(scores, vectors, self.diversity)]


def _passage(hit: Hit, context: Context, probability: float | None) -> Passage:
    text = hit.metadata.get(context.text_column)
    if not isinstance(text, str):
        columns = ", ".join(hit.metadata) or "nothing"
        raise ValuesError(
            f"item {hit.id} has no text in {context.text_column!r} (it has {columns}): encode the "
            "texts with anglewise encode, or name the column (text_column=...)"
        )
    title = hit.metadata.get(context.title_column)
    title = clean(title) if isinstance(title, str) else ""
    return Passage(hit.id, hit.score, clean(text), title, probability, hit.metadata)
