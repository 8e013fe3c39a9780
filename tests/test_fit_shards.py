"""The model that many files give is that of one table."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import fit_shards, read_interactions
from anglewise.distributed.fit_shards import WHOLE, leading
from anglewise.errors import FileError, IdsError, TooFewError, ValuesError
from anglewise.recommender_models.closed_form import fit_linear
from anglewise.recommender_models.svd import truncated_svd
from sharded import used_by_many, written_uses


def at_once(folder, **options):
    """The model and the users of one table, by the reader and the model for one machine."""
    table = pa.concat_tables([pq.read_table(file) for file in sorted(folder.glob("*.parquet"))])
    used = read_interactions(table)
    X = used.rows().ones()
    model = fit_linear(X, **options)
    return used, model, model.fold_in(X) @ model.item_factors.T


def agrees(fitted, due):
    used, model, predictions = due
    assert fitted.item_ids.tolist() == used.item_ids.tolist()
    assert fitted.user_ids.tolist() == used.user_ids.tolist()
    assert fitted.popularity.tolist() == np.bincount(used.items).tolist()
    sigma = model.singular_values
    np.testing.assert_allclose(fitted.model.singular_values, sigma, rtol=1e-6)
    own = fitted.user_vectors @ fitted.model.item_factors.T
    np.testing.assert_allclose(own, predictions, atol=1e-5)


@pytest.mark.parametrize("items", [60, 3 * WHOLE])
@pytest.mark.parametrize(
    ("objective", "penalty"), [("product", 20.0), ("factors", 1.5)], ids=["product", "factors"]
)
def test_the_model_is_that_of_one_table(tmp_path, items, objective, penalty):
    folder = written_uses(tmp_path / "uses", used_by_many(items), 4)
    options = {"objective": objective, "penalty": penalty}
    fitted = fit_shards(folder, components=8, workers=1, **options)
    agrees(fitted, at_once(folder, n_components=8, **options))
    assert (len(fitted.item_ids) > WHOLE) == (items > WHOLE) == (fitted.passes > 3)
    assert fitted.passes < 30


def test_processes_give_the_same_bytes(tmp_path):
    folder = written_uses(tmp_path / "uses", used_by_many(60), 3)
    one, two = (fit_shards(folder, components=5, workers=n) for n in (1, 2))
    assert one.user_vectors.tobytes() == two.user_vectors.tobytes()


@pytest.mark.parametrize("rank", [3, 40])
def test_leading_values_are_those_of_a_full_decomposition(rank):
    rng = np.random.default_rng(rank)
    X = rng.normal(size=(300, rank)) @ rng.normal(size=(rank, WHOLE + 50))
    due = truncated_svd(X, 12)
    found = leading(lambda v: X.T @ (X @ v), X.shape[1], 12)
    np.testing.assert_allclose(found.values, due.values, rtol=1e-9)
    np.testing.assert_allclose(found.right @ found.right.T, due.right @ due.right.T, atol=1e-6)


def test_values_that_do_not_settle_are_refused(monkeypatch):
    monkeypatch.setattr("anglewise.distributed.fit_shards.PASSES", 1)
    scale = np.linspace(1, 2, WHOLE + 1)[:, None]
    with pytest.raises(ValuesError, match="1 passes over the files do not settle 3"):
        leading(lambda v: scale * v, WHOLE + 1, 3)


def _uses(folder, name, **columns):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    folder = tmp_path / "uses"
    _uses(folder, "a", user_id=["u", "v"], item_id=["i", "j"])
    _uses(folder, "b", user_id=["w"], item_id=["i"], rating=[3.0])
    with pytest.raises(FileError, match=r"b.parquet has user_id \(string\).*rating \(double\)"):
        fit_shards(folder, components=1, workers=1)
    _uses(folder, "b", user_id=["v"], item_id=["i"])
    with pytest.raises(IdsError, match="a user stands in two files"):
        fit_shards(folder, components=1, workers=1)
    with pytest.raises(FileError, match="holds no parquet file"):
        fit_shards(tmp_path, components=1)


def test_weights_count_as_likes_above_zero(tmp_path):
    folder = tmp_path / "uses"
    _uses(folder, "a", user_id=["u", "u", "v"], item_id=["i", "j", "j"], rating=[0.0, 2.0, 5.0])
    fitted = fit_shards(folder, components=1, penalty=0.0, workers=1)
    assert fitted.popularity.tolist() == [0, 2]
    _uses(folder, "a", user_id=["u"], item_id=["i"], rating=[0.0])
    with pytest.raises(TooFewError, match="nothing weighs more than 0"):
        fit_shards(folder, components=1, workers=1)


def test_the_space_holds_users_and_items(tmp_path):
    folder = written_uses(tmp_path / "uses", used_by_many(60), 2)
    space = fit_shards(folder, components=4, workers=1).space
    assert space.about["components"] == 4
    assert (len(space.queries), len(space.items), space.trained_for) == (168, 57, "dot")
