"""Leaks: answers that were known before anybody asked."""

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.io.texts import column, columns_of
from anglewise.judge.finding import Finding, Looked, quoted

WORDS = ("text", "title", "question", "query", "body", "content", "sentence", "name")


def same_words(looked: Looked) -> list[Finding]:
    """Queries whose words are those of the item they ask for."""
    asking, ranked = looked.asking, looked.ranked
    if asking is ranked:
        return []
    asked, answers = _words(asking), _words(ranked)
    table = looked.judgements.gains
    relevant = np.flatnonzero(table.values > 0)
    pairs = zip(table.rows[relevant].tolist(), table.indices[relevant].tolist(), strict=True)
    same = [(q, i) for q, i in pairs if asked.get(q, set()) & answers.get(i, set())]
    if not same:
        return []
    share = len({q for q, _ in same}) / max(len(looked.judgements.judged_rows), 1)
    query, item = same[0]
    return [
        Finding(
            "error" if share > 0.1 else "warning",
            "leaked words",
            f"{len({q for q, _ in same}):,} queries have the words of an item that is relevant to "
            f"them, such as {str(asking.ids[query])!r} and {str(ranked.ids[item])!r}: any measure "
            "finds these",
            "ask in other words, or leave these queries out",
            {"queries": len({q for q, _ in same}), "share": share},
        )
    ]


def seen_in_training(looked: Looked) -> list[Finding]:
    """Judged pairs that the training saw, and that are left out of the ranking."""
    judgements = looked.judgements
    if judgements.direction != "queries-items":
        return []
    tables = [one for one in (looked.space.seen, judgements.seen) if one is not None]
    if not tables:
        return []
    wide = judgements.gains.shape[1]
    keys = judgements.gains.rows * wide + judgements.gains.indices
    known = np.concatenate([one.rows * wide + one.indices for one in tables])
    inside = np.isin(keys, known)
    relevant = int((inside & (judgements.gains.values > 0)).sum())
    if not inside.any():
        return []
    where = np.flatnonzero(inside)[0]
    pair = (
        looked.asking.ids[judgements.gains.rows[where]],
        looked.ranked.ids[judgements.gains.indices[where]],
    )
    return [
        Finding(
            "error" if relevant else "warning",
            "training among the judged",
            f"{int(inside.sum()):,} judged pairs ({relevant:,} relevant) were used in training, "
            f"such as {quoted(pair)}: they are left out of the ranking, so nobody can find them",
            "judge what training did not see: hold out before fitting (anglewise fit --holdout)",
            {"pairs": int(inside.sum()), "relevant": relevant},
        )
    ]


def _words(side: Embeddings) -> dict[int, set[str]]:
    """For each row the texts that are known of it, without case and blanks."""
    known = {name.lower(): name for name in columns_of(side)}
    found: dict[int, set[str]] = {}
    for name in WORDS:
        for row, cell in enumerate(column(side, known[name]) if name in known else []):
            plain = " ".join(str(cell or "").casefold().split())
            if plain:
                found.setdefault(row, set()).add(plain)
    return found
