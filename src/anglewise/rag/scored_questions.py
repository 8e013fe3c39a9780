"""What an index finds for judged questions: the scores that a curve is learned from."""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.pairs import check_of_space
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.nearest_neighbours.index import Answering, Hit
from anglewise.rag.thresholds import HowDrawn, ScoredQuestions

HITS_AT_ONCE = 1 << 18
"""Passages found that are held as such; of the others the score and relevance are kept."""
PAIR_BYTES = 250
"""What a question with one of its passages takes until the curves are learned."""


def gather(index: Answering, space: Space, judgements: Judgements, depth: int) -> ScoredQuestions:
    """Search ``depth`` items for each judged question of a space, with their relevance.

    Where documents were judged and the items are passages of them, each document counts once, with
    its best passage. Items that the judgements leave out (``seen``) do not count.

    Raises ``SpellingError`` for judgements of another direction, ``ShapeError`` for those of
    another space, ``TooFewError`` if no question was judged.
    """
    if judgements.direction != "queries-items":
        raise SpellingError(
            f"the judgements are for {judgements.direction}: a prompt is answered by "
            "queries-items, questions judged against documents"
        )
    check_of_space(judgements, space)
    parts = judgements.parts
    names = space.items.ids if parts is None else np.array(parts.documents, dtype=object)
    document = {} if parts is None else dict(zip(space.items.ids, names[parts.of], strict=True))
    rows = judgements.judged_rows
    if not len(rows):
        raise TooFewError("no question was judged: judgements of questions in the space are due")
    out_of_reach = 0
    good = judgements.where(judgements.relevant).gains
    seen = judgements.seen
    most = 0 if seen is None else int(seen.counts[rows].max())
    deeper = depth if not most else max(depth, min(depth + most, len(space.items)))
    _check_fits(len(rows), min(depth, len(space.items)))
    scores, relevant = list[Array](), list[Array]()
    alike = Counter[bytes]()
    for row, hits in _answers(index, space, rows, deeper):
        relevant_names = set(names[good.row(row)])
        left_out: set[str] = set() if seen is None else set(space.items.ids[seen.row(row)])
        best: dict[str, float] = {}
        for hit in [hit for hit in hits if hit.id not in left_out][:depth]:
            best.setdefault(document.get(hit.id, hit.id), hit.score)
        scores.append(np.array([*best.values()], dtype=np.float64))
        relevant.append(np.array([name in relevant_names for name in best], dtype=bool))
        out_of_reach += bool(relevant_names) and relevant_names.isdisjoint(best)
        if relevant_names and best:  # others say nothing of who asks
            alike[_mark(best, relevant_names)] += 1
    return ScoredQuestions(
        np.repeat(np.arange(len(rows)), [len(some) for some in scores]),
        np.concatenate(scores),
        np.concatenate(relevant),
        out_of_reach,
        HowDrawn.of(judgements, rows, sum(count for count in alike.values() if count > 1)),
    )


def _mark(best: Mapping[str, float], relevant: AbstractSet[str]) -> bytes:
    """The same for questions with the same passages, scores and relevant passages; a few bytes."""
    return sha256(repr((*best.items(), *sorted(relevant))).encode(errors="replace")).digest()


def _answers(
    index: Answering, space: Space, rows: Array, depth: int
) -> Iterator[tuple[int, list[Hit]]]:
    """Each row of the questions with its nearest items, searched some questions at a time."""
    step = max(HITS_AT_ONCE // max(depth, 1), 1)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        yield from zip(some.tolist(), index.search(space.queries.vectors[some], depth), strict=True)


def _check_fits(questions: int, depth: int) -> None:
    """Refuse a depth at which what is learned from would fill the memory, before any search."""
    holds, most = PAIR_BYTES * questions * depth, room()
    if holds > most:
        raise ValuesError(
            f"{counted(depth, 'passage')} of each of {counted(questions, 'question')} may take "
            f"{words(holds)}, {words(most)} are allowed: take a depth of "
            f"{max(most // (PAIR_BYTES * questions), 1):,}, fewer questions, or allow more: "
            f"{VARIABLE}={words(2 * holds).replace(' ', '')}"
        )
