"""From a prompt to passages: relevant, different from each other, within a budget of tokens."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.core.numbers import COUNT, NOT_NEGATIVE, UNIT
from anglewise.core.typing import Array, Float, Float32, Float64, Int64
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.documents import clean
from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.load import encoder as load
from anglewise.engine.index import Answering, Hit, Where
from anglewise.errors import ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.rag.prompt import INSTRUCTIONS, LeftOut, Passage, Passages, asked, shown
from anglewise.rag.relevance import Relevance

BYTES_PER_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many: one for each three bytes.

    English prose has four or more bytes a token; code, numbers and rare words fewer. Give the
    tokenizer of the model where the budget must be used to the end.

    >>> estimate_tokens("A crew robs a bank.")
    7
    """
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


WORDS = re.compile(r"\w+")


class Said:
    """What the passages taken so far say, as runs of three words (Broder 1997).

    >>> said = Said()
    >>> said.anew("The wing is thin. The flow is laminar.", 0.8)
    True
    >>> said.anew("the wing is thin", 0.8), said.anew("a hot plate is not thin", 0.8)
    (False, True)
    """

    def __init__(self) -> None:
        self._runs: set[tuple[str, ...]] = set()

    def anew(self, text: str, share: float) -> bool:
        """Whether less than a share of a text was said before; if so, it is said now."""
        words = WORDS.findall(text.lower())
        runs = set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}
        if self._runs and len(runs & self._runs) >= share * len(runs):
            return False
        self._runs |= runs
        return True


def diverse(
    relevance: Float64[Array, " n"], vectors: Float[Array, "n d"], weight: float
) -> Int64[Array, " n"]:
    """Order by ``(1 - weight) * relevance - weight * max cosine`` to what stands before.

    After Carbonell and Goldstein (1998). ``relevance`` lies in [0, 1]; of equal ones the earlier
    comes first. A weight of 0 keeps the order of relevance.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> diverse(np.array([0.9, 0.8, 0.5]), vectors, 0.5).tolist()
    [0, 2, 1]
    """
    x = vectors.astype(np.float64)
    lengths = np.sqrt(np.square(x).sum(axis=1))
    x = x / np.where(lengths > 0, lengths, 1.0)[:, None]
    worth = (1 - weight) * relevance
    nearest = np.zeros(len(x))
    order = np.zeros(len(x), dtype=np.int64)
    for place in range(len(x)):
        chosen = int((worth - weight * nearest).argmax())
        order[place] = chosen
        worth[chosen] = -np.inf
        like = x @ x[chosen]  # row by row: a product this small is slower on several threads
        nearest = np.maximum(nearest, like) if place else like
    return order


DEPTH = 50
"""How many candidates are looked at."""


@dataclass(frozen=True)
class Context:
    """Gives the passages for a prompt: relevant, different from each other, within a budget.

    The index is asked for the nearest items. Those whose probability of relevance lies below the
    threshold are left out, then those that say again what better ones said; what fits the budget
    is given, best first. Where nothing is relevant, nothing is given.

    Parameters
    ----------
    index
        An :class:`anglewise.Index`, or whatever answers as one, whose items have a ``text``.
    encoder
        Turns the prompt into a vector: a spelling, a function, an ``Encoder``, the one that
        encoded the items. Prompts are encoded as its questions.
    budget_tokens
        How many tokens ``text()`` of the answer may have: instructions, passages and prompt.
    tokens
        Counts the tokens of a text; by default an estimate that is rather too high.
    relevance
        What a score says about relevance, from :func:`learn_relevance`. Without it there is no
        probability, and the nearest items count as relevant however far they are.
    threshold
        The least probability that is let in; by default that of ``relevance``.
    repeated
        Which share of a passage (of its runs of three words) must have been said before for it to
        be left out; above 1 none is.
    diversity
        From 0, the order of scores, to 1: how much likeness to passages before counts against one
        (maximal marginal relevance).
    candidates
        How many items are looked at.
    text_column, title_column
        Which metadata hold the words.

    Raises
    ------
    SpellingError
        A threshold without ``relevance``, or one that was learned under another measure.
    ValuesError
        A budget, threshold or diversity that makes no sense.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings
    >>> from anglewise.engine.index import Index
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
    title_column: str = "title"

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", load(self.encoder))
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

    def __call__(
        self, prompt: str, *, most: int | None = None, where: Where | None = None
    ) -> Passages:
        """The passages for a prompt, at most so many, from items whose metadata are ``where``.

        Control characters become blanks.

        Raises
        ------
        TooFewError
            An empty prompt, or an index without items.
        ShapeError
            The encoder gives vectors of another dimension than the index holds.
        ValuesError
            A prompt that is longer than the budget, or items without texts.
        """
        prompt = clean(prompt)
        self._check(prompt)
        hits = self.index.search(self.vector(prompt), self.candidates, where=where)[0]
        return self._given(prompt, hits, most)

    def vector(self, prompt: str) -> Float32[Array, " d"]:
        """The prompt as the encoder sees it."""
        vector = encode_texts([prompt], load(self.encoder), asking=True)[0]
        if len(vector) != self.index.dimension:
            raise ShapeError(
                f"the encoder gives {len(vector)} numbers, the index holds {self.index.dimension}: "
                "take the encoder that encoded the items"
            )
        return vector

    def _given(self, prompt: str, hits: Sequence[Hit], most: int | None) -> Passages:
        """The passages among what was found, near to far, and why the others are none."""
        found = self._weighed(hits)
        least = self._least
        good = [one for one in found if one.probability is None or one.probability >= least]
        passages, left_out = self._filled(prompt, self._varied(good), most)
        answer = Passages(
            prompt,
            tuple(passages),
            budget=self.budget_tokens,
            measure=self.index.measure,
            meaning=hits[0].meaning if hits else "",
            threshold=None if self.relevance is None else least,
            best=found[0] if found else None,
            left_out=replace(left_out, irrelevant=len(found) - len(good)),
        )
        return self._within_budget(answer)

    def _weighed(self, hits: Sequence[Hit]) -> list[Passage]:
        """Hits as passages, with their probabilities where these were learned."""
        if self.relevance is None or not hits:
            return [_passage(hit, self, None) for hit in hits]
        likely = self.relevance(np.array([hit.score for hit in hits]))
        return [_passage(hit, self, float(p)) for hit, p in zip(hits, likely, strict=True)]

    def _within_budget(self, answer: Passages) -> Passages:
        """Without the last ones, if together they make more tokens than one by one."""
        while (taken := int(self.tokens(answer.text()))) > self.budget_tokens:
            left_out = replace(answer.left_out, too_long=answer.left_out.too_long + 1)
            answer = replace(answer, passages=answer.passages[:-1], left_out=left_out)
        return replace(answer, tokens=taken)

    @property
    def _least(self) -> float:
        if self.relevance is None:
            return 0.0
        return self.relevance.threshold if self.threshold is None else self.threshold

    def _check(self, prompt: str) -> None:
        if not prompt.strip():
            raise TooFewError("the prompt is empty: ask something")
        if not len(self.index):
            raise TooFewError("the index is empty: add items before asking")
        taken = self._taken(prompt)
        if taken > self.budget_tokens:
            raise ValuesError(
                f"the prompt takes {taken:,} tokens with the instructions, the budget is "
                f"{self.budget_tokens:,}: shorten the prompt or raise the budget"
            )

    def _taken(self, prompt: str) -> int:
        """What an answer without any passage takes, whatever it says instead."""
        alone = asked(prompt, ())
        return max(int(self.tokens(f"{what}\n\n{alone}")) for what in INSTRUCTIONS)

    def _filled(
        self, prompt: str, good: Sequence[Passage], most: int | None
    ) -> tuple[list[Passage], LeftOut]:
        """As many as fit, best first: what is too long is passed over, what was said as well."""
        room = self.budget_tokens - self._taken(prompt)
        given: list[Passage] = []
        said, repeated, too_long = Said(), 0, 0
        for place, one in enumerate(good):
            if most is not None and len(given) >= most:
                return given, LeftOut(0, repeated, too_long, len(good) - place)
            taken = int(self.tokens("\n\n" + shown(len(given) + 1, one)))
            if taken > room:
                too_long += 1
            elif not said.anew(one.text, self.repeated):
                repeated += 1
            else:
                room -= taken
                given.append(one)
        return given, LeftOut(0, repeated, too_long)

    def _varied(self, good: list[Passage]) -> list[Passage]:
        if not self.diversity or len(good) < 2:
            return good
        worth = np.array(
            [one.score if one.probability is None else one.probability for one in good]
        )
        if self.relevance is None:
            worth = (worth - worth.min()) / (float(np.ptp(worth)) or 1.0)
        vectors = self.index.vectors([one.id for one in good])
        return [good[row] for row in diverse(worth, vectors, self.diversity)]


def _passage(hit: Hit, context: Context, probability: float | None) -> Passage:
    text = hit.metadata.get(context.text_column)
    if not isinstance(text, str):
        known = ", ".join(hit.metadata) or "nothing"
        raise ValuesError(
            f"item {hit.id} has no text in {context.text_column!r} (it has {known}): encode the "
            "texts with anglewise encode, or name the column (text_column=...)"
        )
    title = hit.metadata.get(context.title_column)
    named = clean(title) if isinstance(title, str) else ""
    return Passage(hit.id, hit.score, clean(text), named, probability, hit.metadata)
