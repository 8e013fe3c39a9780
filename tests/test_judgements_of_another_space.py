"""Judgements that were read with another space are refused, not evaluated on other rows."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import anglewise as aw


def diagonal(shape):
    return aw.Judgements(csr_array(np.eye(*shape)))


@pytest.mark.parametrize("shape", [(60, 60), (20, 60), (30, 50), (30, 90)])
def test_judgements_of_other_rows_are_refused(shape):
    x = np.random.default_rng(0).standard_normal((60, 8))
    space = aw.Space(queries=aw.Embeddings(x[:30]), items=aw.Embeddings(x))
    with pytest.raises(
        aw.errors.ShapeError, match=r"the space \(30, 60\): read them with that space"
    ):
        aw.compare(space, diagonal(shape), "dot,cosine")
    assert aw.compare(space, diagonal((30, 60)), "dot,cosine").queries == 30
