"""Judgements of searches under a filter, and what is to be said of what does not pass."""

from dataclasses import replace

import numpy as np

from anglewise.data_types.allowed import Allowed, allowed_items
from anglewise.data_types.embeddings import Space
from anglewise.data_types.filters import Where, in_words
from anglewise.data_types.judgements import Judgements, Missing
from anglewise.data_types.text import counted
from anglewise.errors import TooFewError


def filtered(
    judged: Judgements, space: Space, where: Where, missing: Missing
) -> tuple[Judgements, tuple[str, ...]]:
    """The same judgements, of lists that hold what passes a filter alone; and sentences about it.

    A relevant item that does not pass counts as missed, as one that the space lacks does, or is
    left out where ``missing`` is ``"drop"``.

    Raises what :func:`anglewise.data_types.allowed.allowed_items` raises, and ``TooFewError``
    where no relevant item passes.
    """
    asking, ranked = space.sides(judged.direction)
    allowed = allowed_items(where, ranked, asking)
    documents = allowed.of_documents(judged.parts)
    graded = judged.graded
    outside = graded.indices < judged.gains.shape[1]
    outside &= ~documents.allows(graded.rows, graded.indices)
    relevant = graded.values > 0
    passing = relevant & ~outside & (graded.indices < judged.gains.shape[1])
    if not passing.any():
        raise TooFewError(
            f"not one relevant item passes the filter {in_words(allowed.where)} for the query that "
            "it is judged for: every list would get 0"
        )
    sentences = [_passing_sentence(allowed, judged)]
    hidden, total = int((outside & relevant).sum()), int(relevant.sum())
    if hidden:
        sentences.append(
            f"{hidden:,} of {counted(total, 'relevant judgement')} are of items that do not pass: "
            + (
                "left out (--missing drop)"
                if missing == "drop"
                else "counted as missed, as whoever searches with this filter does not find them "
                "(--missing drop leaves them out)"
            )
        )
    if missing == "drop" and outside.any():
        judged = judged.where(~outside).less(0)  # what is said of the gains is of those left
    return replace(judged, allowed=allowed), tuple(sentences)


def _passing_sentence(allowed: Allowed, judged: Judgements) -> str:
    """How many items are ranked, for a query or for all; and for how many queries none is."""
    rows = judged.judged_rows
    counts = allowed.counts(rows)
    low, high = int(counts.min()), int(counts.max())
    number = f"{high:,}" if low == high else f"{low:,} to {high:,}"
    noun = "items" if judged.parts is None else "passages"
    who = "ranked are" if allowed.is_the_same_for_all else "each query ranks"
    sentence = (
        f"{who} the {noun} that pass {in_words(allowed.where)}: {number} of {allowed.width:,}"
    )
    without = int(np.count_nonzero(counts == 0))
    if without:
        sentence += f"; none passes for {counted(without, 'judged query')}, whose lists are empty"
    return sentence
