"""From words to what asks an index."""

from collections.abc import Callable, Sequence

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.typing import Array, Float32
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.documents import clean
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import encoder, encoder_of
from anglewise.errors import ShapeError, TooFewError
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import measure


def encoder_for(space: Space, named: str | None) -> Encoder:
    """The encoder that was named, else the one that the space names."""
    return encoder_of(space) if named is None else encoder(named)


def questions(space: Space, texts: Sequence[str], model: Encoder) -> Float32[Array, "texts d"]:
    """Texts encoded as questions to a space; ``ShapeError`` if they cannot ask it."""
    cleaned = [clean(text) for text in texts]
    if not all(text.strip() for text in cleaned):
        raise TooFewError("a text that is empty asks nothing: write some words")
    vectors = encode_texts(cleaned, model, asking=True)
    due = space.items.dimension
    if vectors.shape[1] != due:
        raise ShapeError(
            f"{model.spec} gives {vectors.shape[1]} numbers, the space has {due}: take the "
            "encoder that made the space"
        )
    return vectors


def question(space: Space, text: str, model: Encoder) -> Embeddings:
    """One text as what asks a space."""
    return Embeddings(questions(space, [text], model), ids=["text"])


def measure_for(space: Space, named: str | None, say: Callable[[str], None]) -> Measure:
    """The measure that was named, else the one of the training, else cosine; said if not named."""
    if named is not None:
        return measure(named)
    trained = space.trained_for
    chosen = "cosine" if trained == "unknown" else trained
    why = "nobody says which" if trained == "unknown" else "the vectors were trained for it"
    say(f"measure: {chosen}, as {why}; anglewise compare tells the best (--measure)")
    return measure(chosen)
