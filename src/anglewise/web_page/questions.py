"""A question typed into the search box: encoded, answered, and what a language model would get."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.documents import as_utf8, clean
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import encoder, encoder_of
from anglewise.errors import AnglewiseError, ShapeError
from anglewise.nearest_neighbours.index import Index
from anglewise.nearest_neighbours.search import search_vectors
from anglewise.rag.context import Context
from anglewise.rag.prompt import Passages
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure
from anglewise.web_page.neighbours_view import Column, by_chance, listed, meaning_of
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.rankings import Ranking
from anglewise.web_page.state import in_words
from anglewise.web_page.view_state import MOST_MEASURES


@dataclass(frozen=True)
class AnsweredQuestion:
    """What a question finds, and the context that would be sent with it.

    Attributes
    ----------
    direction
        From what asks to what is ranked.
    columns
        The nearest items under each measure; with probabilities of relevance where these were
        learned of a measure.
    passages
        The passages for a prompt; None where there are none, for the reason in ``why``.
    notes
        What a reader should know beside.
    """

    direction: Direction
    columns: tuple[Column, ...]
    passages: Passages | None
    why: str
    notes: tuple[str, ...]


def can_be_asked(inspected: Inspected) -> bool:
    """Whether an encoder is known, so that a text may ask."""
    return inspected.encoder is not None or isinstance(inspected.space.about.get("encoder"), str)


def model_of(inspected: Inspected) -> Encoder:
    """The encoder that was named, else the one that the space names, loaded.

    Raises ``EncoderError`` where it cannot be loaded, or the space alone names one that only a
    person may name.
    """
    return encoder_of(inspected.space) if inspected.encoder is None else encoder(inspected.encoder)


def answer(
    inspected: Inspected, model: Encoder, text: str, rankings: Sequence[Ranking], k: int
) -> AnsweredQuestion:
    """Answer a text by the nearest items of its vector.

    Raises ``ShapeError`` where the encoder gives vectors that cannot ask this space.
    """
    asked = clean(as_utf8(text))
    direction = inspected.directions[0]
    vectors = encode_texts([asked], model, asking=True)
    items = inspected.space.items
    if vectors.shape[1] != items.dimension:
        raise ShapeError(
            f"{model.spec} gives {vectors.shape[1]} numbers, the space has {items.dimension}: take "
            "the encoder that made the space (--encoder)"
        )
    learned = inspected.relevance
    measures = [ranking for ranking in rankings if isinstance(ranking, Measure)]
    notes = [
        f"{ranking} ranks for queries that it knows, and not for a text that was typed"
        for ranking in rankings
        if not isinstance(ranking, Measure)
    ]
    if learned is None:
        notes.append(
            "how likely these are relevant is not known: anglewise calibrate learns it from "
            "judgements, and inspect --relevance FILE shows it"
        )
    else:
        first = measure(learned.measure)
        measures = [first, *(one for one in measures if str(one) != str(first))][:MOST_MEASURES]
    columns = tuple(
        _column(inspected, Embeddings(vectors, ids=["question"]), one, direction, k)
        for one in measures
    )
    passages, why = _context(inspected, model, asked)
    return AnsweredQuestion(direction, _compared(columns), passages, why, tuple(notes))


def _column(
    inspected: Inspected, question: Embeddings, ranking: Measure, direction: Direction, k: int
) -> Column:
    """The list under one measure, or why there is none."""
    meaning, ranked = meaning_of(ranking, inspected, direction), inspected.ranked(direction)
    depth = min(k, len(ranked.embeddings))
    try:
        found = search_vectors(inspected.space, question, [ranking], k=depth, direction=direction)
    except AnglewiseError as error:
        return Column(str(ranking), meaning, error=in_words(error))
    lists = found[str(ranking)]
    rows, scores = lists.indices[0].tolist(), lists.scores[0]
    chance = by_chance(inspected, direction, ranking)
    items = listed(ranked, rows, scores.tolist(), gains={}, chance=chance)
    likely = _probabilities(inspected, ranking, scores)
    if likely is not None:
        items = tuple(
            replace(item, probability=float(probability))
            for item, probability in zip(items, likely, strict=True)
        )
    meaning += "; before it the probability that it is relevant" if likely is not None else ""
    return Column(str(ranking), meaning, items, int(lists.tied_at_cut[0]))


def _probabilities(
    inspected: Inspected, ranking: Measure, scores: Float64[Array, " k"]
) -> Float64[Array, " k"] | None:
    """The probability of relevance at each score, where it was learned of this measure."""
    learned = inspected.relevance
    if learned is None or str(measure(learned.measure)) != str(ranking):
        return None
    return learned(np.asarray(scores, dtype=np.float64))


def _compared(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The same columns, with a mark where an item stands in one of several alone."""
    if sum(not column.error for column in columns) < 2:
        return columns
    rows = [{item.row for item in column.items} for column in columns]
    return tuple(
        replace(
            column,
            items=tuple(
                replace(
                    item,
                    only_here=not any(
                        item.row in there for other, there in enumerate(rows) if other != place
                    ),
                )
                for item in column.items
            ),
        )
        for place, column in enumerate(columns)
    )


def _context(inspected: Inspected, model: Encoder, text: str) -> tuple[Passages | None, str]:
    """The passages for a prompt, or why there are none."""
    learned, space = inspected.relevance, inspected.space
    trained = "cosine" if space.trained_for == "unknown" else space.trained_for
    try:
        index = Index(space, measure(trained if learned is None else learned.measure))
        return Context(index, model, relevance=learned)(text), ""
    except AnglewiseError as error:
        return None, in_words(error)
