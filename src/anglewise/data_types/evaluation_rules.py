"""How judgements are evaluated: what is missing, from which grade on, with or without itself."""

from dataclasses import replace

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements, Missing, taken
from anglewise.data_types.numbers import check_flag
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import IdsError, SpellingError, TooFewError


def evaluated_with(
    judged: Judgements,
    space: Space,
    *,
    missing: Missing = "count",
    relevant_from: float | None = None,
    not_itself: bool = False,
) -> Judgements:
    """Give the same judgements, to be evaluated in another way.

    Parameters
    ----------
    judged, space
        Judgements, and the space whose rows these are.
    missing
        ``"drop"`` leaves out judged items that the space lacks; ``"count"`` leaves them as they
        are: where relevant they count as missed, as in trec_eval.
    relevant_from
        The lowest grade that is relevant to binary metrics, as ``-l`` of trec_eval says.
    not_itself
        Leave each query's own document, that of the same id, out of its list, and what is judged
        of it. BEIR does so where queries are documents (ArguAna, Quora).

    Raises
    ------
    SpellingError, ValuesError
        Another ``missing``, a grade that is not positive, ``not_itself`` where the sides are one.
    IdsError
        No query has the id of an item, or a side came without ids.
    TooFewError
        Nothing but own documents was judged.

    Examples
    --------
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> items = Embeddings([[1.0], [2.0]], ["a", "b"])
    >>> space = Space(queries=Embeddings([[1.0]], ["a"]), items=items)
    >>> judged = Judgements.from_dict({"a": {"b": 1, "gone": 1}}, space)
    >>> judged.missing_ids, evaluated_with(judged, space, not_itself=True).seen.row(0).tolist()
    (('gone',), [0])
    """
    check_flag(not_itself, "not_itself")
    judged = taken(judged, missing)
    if relevant_from is not None:
        judged = replace(judged, relevant_from=relevant_from)
    return _without_itself(judged, space) if not_itself else judged


def _without_itself(judged: Judgements, space: Space) -> Judgements:
    """Judgements that leave each query's own document out of its list and of what is judged."""
    asking, ranked = space.sides(judged.direction)
    if asking is ranked:
        raise SpellingError(
            f"not_itself (--not-itself) is of queries that are items too, and in "
            f"{judged.direction} nothing is in its own list anyhow: leave it out"
        )
    nameless = [name for name, side in (("queries", asking), ("items", ranked)) if not side.named]
    if nameless:
        raise IdsError(
            f"which document a query is shows in its id, and the {' and '.join(nameless)} came "
            "without ids: give them (--query-ids, --item-ids), or leave out --not-itself"
        )
    names = ranked.ids.tolist() if judged.parts is None else list(judged.parts.documents)
    column_of = {name: column for column, name in enumerate([*names, *judged.missing_ids])}
    own = np.array([column_of.get(name, -1) for name in asking.ids.tolist()], dtype=np.int64)
    if not (own >= 0).any():
        raise IdsError(
            f"not one query has the id of an item: queries are such as {asking.ids[:1].tolist()}, "
            f"items such as {names[:1]}: leave out --not-itself (not_itself), or mend the ids"
        )
    items = np.arange(len(ranked)) if judged.parts is None else judged.parts.of
    order = np.argsort(items, kind="stable")
    first, last = (np.searchsorted(items[order], own, side=side) for side in ("left", "right"))
    counts, shape = last - first, (len(asking), len(ranked))
    rows = np.repeat(np.arange(len(own)), counts)
    among_own = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    hidden = rows * shape[1] + order[first[rows] + among_own]
    if judged.seen is not None:
        hidden = np.union1d(hidden, judged.seen.rows * shape[1] + judged.seen.indices)
    seen = SparseRows.from_pairs(hidden // shape[1], hidden % shape[1], shape=shape)
    others = judged.graded.indices != own[judged.graded.rows]
    if not others.any():
        raise TooFewError(f"{judged.source} judges each item only against itself: judge others")
    left = judged if others.all() else judged.where(others).less(int((~others).sum()))
    return replace(left, seen=seen, not_itself=True)
