"""Who used what, behind the judgements of several spaces, in their common order of items."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.typing import Array, Bool, Int64
from anglewise.data_types.used_together import UsedTogether


def shared_use(
    judged: Mapping[str, Judgements],
    graded: SparseRows,
    places: Mapping[str, Int64[Array, " rows"]],
    everywhere: Bool[Array, " ids"],
) -> UsedTogether | None:
    """The sets of one space of which all that is judged was made; None where no space has them.

    ``graded`` is what is judged of the queries that are ``everywhere``, and ``places`` where the
    items of each space stand among all. As no pair has two gains, the entries of a space are all
    of these where they are as many.
    """
    for name, labels in judged.items():
        made_of, own = labels.made_of, places[name]
        if made_of is None or (len(own) < len(everywhere) and made_of.use is not None):
            continue
        if int(everywhere[own[labels.gains.rows]].sum()) != len(graded.indices):
            continue
        sets, use = made_of.sets, None
        if made_of.use is not None:
            use = np.zeros(len(everywhere))
            use[own] = made_of.use
        moved = SparseRows.from_pairs(
            sets.rows, own[sets.indices], sets.values, shape=(sets.shape[0], len(everywhere))
        )
        return replace(made_of, sets=moved, use=use, digest="")
    return None
