"""Who used what, from the columns of a frame."""

from typing import Any

import numpy as np

from anglewise.data_types.conversion import column_names
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.sparse import Interactions, distinct_pairs
from anglewise.errors import ValuesError


def frame_pairs(frame: Any, name: str) -> Interactions:
    """The users and items in ``user_id`` and ``item_id`` of a frame, each pair once.

    Raises ``ValuesError`` for a frame without these columns.

    >>> import pyarrow as pa
    >>> pairs = frame_pairs(pa.table({"user_id": ["u", "u"], "item_id": [7, 7]}), "seen")
    >>> len(pairs.users), pairs.item_ids.tolist()
    (1, ['7'])
    """
    columns = list(map(str, column_names(frame)))
    missing = next((due for due in ("user_id", "item_id") if columns.count(due) != 1), None)
    if missing is not None:
        raise ValuesError(
            f"{name} has {columns.count(missing) or 'no'} columns {missing!r}, but "
            f"{', '.join(map(repr, columns[:12]))}: call them user_id and item_id, or give "
            "read_interactions(frame, user=..., item=...)"
        )
    users, items = (as_ids(frame[due], f"{name}: {due}") for due in ("user_id", "item_id"))
    user_ids, user_rows = np.unique(np.array(users, dtype=object), return_inverse=True)
    item_ids, item_rows = np.unique(np.array(items, dtype=object), return_inverse=True)
    table = distinct_pairs(user_rows, item_rows, (len(user_ids), len(item_ids)))
    return Interactions(table.rows, table.indices, table.values, user_ids, item_ids)
