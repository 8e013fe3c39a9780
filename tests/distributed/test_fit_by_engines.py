"""The model is that of one process, whoever multiplies."""

import numpy as np
import pytest

from anglewise import fit_shards
from anglewise.distributed.fit_shards import WHOLE
from sharded import used_by_many, written_uses


@pytest.mark.parametrize("objective", ["product", "factors"])
def test_the_bytes_are_those_of_one_process(tmp_path, engine, objective):
    folder = written_uses(tmp_path / "uses", used_by_many(60), 3)
    one, other = (
        fit_shards(folder, components=5, objective=objective, penalty=1.0, workers=1, engine=who)
        for who in ("processes", engine)
    )
    assert one.user_vectors.tobytes() == other.user_vectors.tobytes()
    assert one.model.item_factors.tobytes() == other.model.item_factors.tobytes()


def test_so_are_those_of_many_passes(tmp_path, spark):
    folder = written_uses(tmp_path / "uses", used_by_many(3 * WHOLE), 2)
    one, other = (
        fit_shards(folder, components=4, penalty=5.0, workers=1, engine=who)
        for who in ("processes", spark)
    )
    assert one.passes == other.passes > 4
    np.testing.assert_array_equal(one.user_vectors, other.user_vectors)
