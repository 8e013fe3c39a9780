"""What vectors were trained for, as their encoder says and as their lengths allow."""

from anglewise.core.embeddings import Embeddings, TrainedFor
from anglewise.encoders.encoder import Encoder


def trained_for(
    encoder: Encoder, vectors: Embeddings, stated: TrainedFor | None = None
) -> tuple[TrainedFor, list[str]]:
    """What to record for a space, and a sentence for each thing that does not fit.

    What a person states wins over what the encoder declares; vectors are never changed.

    >>> dot = Encoder(spec="mine", documents=len, similarity="dot")
    >>> trained_for(dot, Embeddings([[0.6, 0.8], [1.0, 0.0]]))
    ('dot', ['mine says that it was trained for dot, but every vector has length one: ...'])
    """
    said = encoder.similarity if stated is None else stated
    who = f"{encoder.spec} says that it was" if stated is None else "it is said to be"
    unit = vectors.is_unit()
    words: list[str] = []
    if said == "dot" and unit:
        words.append(
            f"{who} trained for dot, but every vector has length one: dot, cosine and euclidean "
            "rank alike here, and if training saw these vectors, it was trained for cosine"
        )
    if said == "unknown" and unit:
        words.append(
            f"{encoder.spec} does not say what it was trained for; every vector has length one, "
            "so that dot, cosine and euclidean rank alike"
        )
    if said == "unknown" and not unit:
        words.append(
            f"{encoder.spec} does not say what it was trained for, and lengths differ "
            f"({_range(vectors)}): anglewise compare says which measure to use"
        )
    if encoder.normalises and not unit:
        words.append(
            f"{encoder.spec} says that its vectors have length one, but theirs are "
            f"{_range(vectors)}: they are kept as they came"
        )
    return said, words


def _range(vectors: Embeddings) -> str:
    return f"{vectors.norms.min():.3g} to {vectors.norms.max():.3g}"
