"""What turns texts or images into vectors, and what it says about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anglewise.core.embeddings import TrainedFor

Encode: TypeAlias = Callable[[list[Any]], Any]
"""Takes a list of texts and gives one vector for each, in their order: any array of texts x d."""


def count_words(texts: list[str]) -> list[int]:
    """How long texts are, in words: the measure of encoders that tell no other.

    >>> count_words(["a heist in three acts", ""])
    [5, 0]
    """
    return [len(text.split()) for text in texts]


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A function from texts or images to vectors with what must be known to use it rightly.

    Attributes
    ----------
    spec
        Its spelling: ``encoder(spec)`` gives the same encoder again.
    documents, queries
        The two functions; ``queries=None`` where both sides are encoded alike.
    similarity
        What it says that it was trained for.
    normalises
        Whether it says that its vectors have length one; ``None`` where it says nothing.
    window
        How many tokens it reads of a text, the rest being cut off; ``None`` if it reads all.
    tokens
        Counts the tokens of texts, without those that the encoder adds itself.
    batch
        How many texts it is best given at once.
    identity
        Names the weights: two encoders of one identity give the same vectors. Where it is empty
        nobody can tell, and vectors are not kept for another time.
    before
        One sentence on what encoding these texts will take, said before it is done.
    reads
        Whether ``documents`` takes texts or images (a list of ``Picture``, of which each gives
        its ``pixels()`` when asked).

    Examples
    --------
    >>> lengths = Encoder(spec="lengths", documents=lambda texts: [[len(t), 1.0] for t in texts])
    >>> lengths(["a", "heist"])
    [[1, 1.0], [5, 1.0]]
    """

    spec: str
    documents: Encode
    queries: Encode | None = None
    similarity: TrainedFor = "unknown"
    normalises: bool | None = None
    window: int | None = None
    tokens: Callable[[list[str]], list[int]] = count_words
    batch: int = 256
    identity: str = ""
    before: Callable[[list[str]], str] | None = None
    reads: Literal["texts", "images"] = "texts"

    def __call__(self, texts: list[Any]) -> Any:
        """Encode texts as documents, or images."""
        return self.documents(texts)
