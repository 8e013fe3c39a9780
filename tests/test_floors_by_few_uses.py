"""Lists by use that know fewer uses than training did are easily beaten, which is said."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.sparse import SparseRows

USERS, ITEMS = 30, 40


def compared(popularity, spaces=1):
    rng = np.random.default_rng(0)
    used = rng.random((USERS, ITEMS)) < 0.2
    seen, judged = used & (rng.random(used.shape) < 0.5), used
    columns = None if popularity is None else {"popularity": [popularity] * ITEMS}
    space = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(USERS, 4)), [f"u{u}" for u in range(USERS)]),
        items=aw.Embeddings(
            rng.normal(size=(ITEMS, 4)), [f"i{i}" for i in range(ITEMS)], metadata=columns
        ),
        seen=SparseRows.from_pairs(*np.nonzero(seen), shape=used.shape),
    )
    labels = SparseRows.from_pairs(*np.nonzero(judged & ~seen), shape=used.shape)
    judgements = aw.Judgements(labels)
    if spaces > 1:
        return aw.compare_spaces({"a": space, "b": space}, judgements, "dot,cosine"), seen
    return aw.compare(space, judgements, "dot,cosine"), seen


@pytest.mark.parametrize("spaces", [1, 2])
def test_that_more_uses_are_counted_than_are_known_is_said(spaces):
    result, seen = compared(100, spaces=spaces)
    users = int(seen.any(axis=1).sum())
    assert (
        f"lists by use know the {int(seen.sum())} uses of {users} users that stand in the space, "
        "and its column popularity counts 4,000: by all of these they might stand higher"
    ) in result.floor_notes


@pytest.mark.parametrize("popularity", [None, 1])
def test_where_no_more_are_counted_nothing_is_said(popularity):
    result, _ = compared(popularity)
    assert not any("lists by use" in note for note in result.floor_notes)
