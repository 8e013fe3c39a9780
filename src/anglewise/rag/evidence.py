"""Scores of what was found for questions, and whether it was relevant."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Array, Bool, Float64, Int64
from anglewise.engine.index_state import Answering
from anglewise.errors import ShapeError, SpellingError, TooFewError


@dataclass(frozen=True, eq=False)
class Evidence:
    """For each pair of a question and what was found for it: the score, and whether it fits.

    ``questions`` are numbered from 0. What was not judged counts as not relevant.
    """

    questions: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    relevant: Bool[Array, " pairs"]

    def take(self, chosen: Bool[Array, " pairs"]) -> "Evidence":
        """Some of the pairs."""
        return Evidence(self.questions[chosen], self.scores[chosen], self.relevant[chosen])

    def best_relevant(self) -> Float64[Array, " answerable"]:
        """The score of the nearest relevant item of each question that has one, ascending."""
        best: dict[int, float] = {}
        good = self.relevant
        for question, score in zip(
            self.questions[good].tolist(), self.scores[good].tolist(), strict=True
        ):
            best[question] = max(score, best.get(question, -np.inf))
        return np.sort(np.array(list(best.values()), dtype=np.float64))


def gather(index: Answering, space: Space, judgements: Judgements, depth: int) -> Evidence:
    """Ask the judged questions of a space, ``depth`` items each.

    Where documents were judged and the items are passages of them, each document speaks once, by
    the best of its passages.

    Raises ``SpellingError`` for judgements of another direction, ``ShapeError`` for those of
    another space, ``TooFewError`` if no question was judged.
    """
    if judgements.direction != "queries-items":
        raise SpellingError(
            f"the judgements are for {judgements.direction}: a prompt is answered by "
            "queries-items, questions judged against documents"
        )
    parts = judgements.parts
    names = space.items.ids if parts is None else np.array(parts.documents, dtype=object)
    document = {} if parts is None else dict(zip(space.items.ids, names[parts.of], strict=True))
    due = (len(space.queries), len(names))
    if judgements.gains.shape != due:
        raise ShapeError(f"judgements are {judgements.gains.shape}, the space {due}")
    rows = judgements.judged_rows
    if not len(rows):
        raise TooFewError("no question was judged: judgements of questions in the space are due")
    questions: list[int] = []
    scores: list[float] = []
    relevant: list[bool] = []
    found = index.search(space.queries.vectors[rows], depth)
    for number, (row, hits) in enumerate(zip(rows.tolist(), found, strict=True)):
        start, stop = judgements.gains.indptr[row : row + 2]
        good = judgements.gains.values[start:stop] > 0
        right = set(names[judgements.gains.indices[start:stop][good]])
        best: dict[str, float] = {}
        for hit in hits:
            best.setdefault(document.get(hit.id, hit.id), hit.score)
        questions += [number] * len(best)
        scores += best.values()
        relevant += [name in right for name in best]
    return Evidence(
        np.array(questions, dtype=np.int64),
        np.array(scores, dtype=np.float64),
        np.array(relevant, dtype=bool),
    )
