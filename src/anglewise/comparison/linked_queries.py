"""Which queries hang together by what is relevant to them: groups that share no judgement."""

from typing import Any, cast

import numpy as np

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import SpellingError


def linked_groups(judgements: Judgements, rows: Int64[Array, " q"]) -> Int64[Array, " q"]:
    """The group of each judged row, by the name of one of its nodes.

    Queries are of one group where something relevant to one is the other, or is relevant to the
    other too, or where a chain of such steps leads from one to the other: the connected components
    of the graph of queries and what is relevant to them. Between two groups no judgement and no
    relevant item is shared.

    Raises ``SpellingError`` where documents were judged that items are passages of and items ask,
    as nobody knows then which document an item that asks is.

    >>> from anglewise.data_types.sparse import SparseRows
    >>> gains = SparseRows.from_pairs(np.array([0, 1, 3]), np.array([1, 0, 4]), shape=(5, 5))
    >>> linked_groups(Judgements(gains, "items-items"), np.array([0, 1, 3])).tolist()
    [0, 0, 2]
    """
    from scipy.sparse import coo_array, csgraph

    components = cast("Any", csgraph.connected_components)  # scipy does not say its types
    one_sided = judgements.direction != "queries-items"
    if one_sided and judgements.parts is not None:
        raise SpellingError(
            "a split by linked queries needs to know which item each one is, and documents were "
            "judged that items are passages of: name the groups by group(COLUMN)"
        )
    gains = judgements.gains
    asks = np.zeros(gains.shape[0], dtype=bool)
    asks[rows] = True
    links = (gains.values > 0) & asks[gains.rows]
    first = 0 if one_sided else gains.shape[0]
    nodes = max(gains.shape[0], first + gains.shape[1])
    pairs = gains.rows[links], first + gains.indices[links]
    graph = coo_array((np.ones(len(pairs[0]), dtype=bool), pairs), shape=(nodes, nodes))
    group_of: Int64[Array, " nodes"] = components(graph, directed=False)[1].astype(np.int64)
    return group_of[rows]
