"""Models of other libraries become spaces whose products are their scores."""

import types

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import good_files
from anglewise import from_model, read_space
from anglewise.data_types.sparse import SparseRows
from anglewise.equivalent_factorisations.gap import gauge_gap
from anglewise.equivalent_factorisations.gauge import bias_columns
from anglewise.errors import FileError, ShapeError, SpellingError, ValuesError

P = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5], [2.0, 2.0]], dtype=np.float32)
Q = np.array([[1.0, 0.0], [0.5, 4.0], [-2.0, 1.0]], dtype=np.float32)
BU = np.array([0.25, -0.5, 1.0, 0.0], dtype=np.float32)
BI = np.array([2.0, -1.0, 0.5], dtype=np.float32)
BIASED = P @ Q.T + BU[:, None] + BI


def model(**parts):
    return types.SimpleNamespace(**parts)


def als():
    return model(user_factors=P, item_factors=Q, factors=2)


def bpr():
    users, items = np.column_stack([P, np.ones(4)]), np.column_stack([Q, BI])
    return model(user_factors=users, item_factors=items, factors=2)


def lmf():
    users = np.column_stack([P, BU, np.ones(4)])
    return model(user_factors=users, item_factors=np.column_stack([Q, np.ones(3), BI]), factors=2)


def lightfm():
    return model(
        get_user_representations=lambda _features=None: (BU, P),
        get_item_representations=lambda _features=None: (BI, Q),
        loss="warp",
    )


class Vocabulary:
    def __init__(self, names):
        self.names = names

    def ids(self):
        return np.array(self.names)


def lenskit():
    return model(
        user_embeddings=P,
        item_embeddings=Q,
        users=Vocabulary([11, 12, 13, 14]),
        items=Vocabulary([21, 22, 23]),
        bias=model(global_bias=3.5, user_biases=BU, item_biases=BI),
    )


def surprise():
    trainset = model(
        global_mean=3.5, to_raw_uid=lambda row: str(row + 11), to_raw_iid=lambda row: str(row + 21)
    )
    return model(pu=P, qi=Q, bu=BU, bi=BI, biased=True, trainset=trainset)


class RectoolsLightFM:
    """Biases among the columns, vectors made from the data set."""

    def get_vectors(self, dataset, add_biases=True):
        del dataset, add_biases
        users = np.column_stack([BU, np.ones(4), P])
        return users, np.column_stack([np.ones(3), BI, Q])


DATASET = model(
    user_id_map=model(external_ids=[11, 12, 13, 14]), item_id_map=model(external_ids=[21, 22, 23])
)


class Table:
    """As much of a Spark data frame as is asked for."""

    def __init__(self, ids, rows):
        self.rows = list(zip(ids, rows.tolist(), strict=True))

    def select(self, *columns):
        assert columns == ("id", "features")
        return self

    def collect(self):
        return self.rows


@pytest.mark.parametrize(
    ("make", "expected", "biases"),
    [
        (als, P @ Q.T, []),
        (bpr, P @ Q.T + BI, [2]),
        (lmf, BIASED, [2, 3]),
        (lightfm, BIASED, [2, 3]),
        (lenskit, BIASED, [2, 3]),
        (surprise, BIASED, [2, 3]),
    ],
)
def test_products_of_the_space_are_the_scores_of_the_model(make, expected, biases):
    space = from_model(make())
    np.testing.assert_allclose(space.queries.vectors @ space.items.vectors.T, expected, rtol=1e-6)
    assert space.about["bias_columns"] == biases
    assert bias_columns(space) == tuple(biases)
    assert space.trained_for == "dot"
    assert space.freedom == "gauge"


@pytest.mark.parametrize("make", [lenskit, surprise])
def test_ids_and_the_global_mean_come_along(make):
    space = from_model(make())
    assert space.queries.ids.tolist() == ["11", "12", "13", "14"]
    assert space.items.ids.tolist() == ["21", "22", "23"]
    assert space.about["global_mean"] == 3.5


def test_rectools_brings_ids_with_its_data_set_and_asks_for_it():
    space = from_model(RectoolsLightFM(), dataset=DATASET)
    np.testing.assert_allclose(space.queries.vectors @ space.items.vectors.T, BIASED, rtol=1e-6)
    assert bias_columns(space) == (0, 1)
    assert space.items.ids.tolist() == ["21", "22", "23"]
    with pytest.raises(SpellingError, match="dataset="):
        from_model(RectoolsLightFM())


def test_rectools_models_without_features_need_no_data_set():
    space = from_model(model(get_vectors=lambda: (P, Q)))
    np.testing.assert_array_equal(space.items.vectors, Q)


def test_spark_rows_are_put_in_the_order_of_their_ids():
    shuffled = [2, 0, 3, 1]
    spark = model(
        userFactors=Table(shuffled, P[shuffled]), itemFactors=Table([1, 2, 0], Q[[1, 2, 0]])
    )
    space = from_model(spark)
    np.testing.assert_array_equal(space.queries.vectors, P)
    assert space.items.ids.tolist() == ["0", "1", "2"]


def test_gensim_keeps_the_counts_and_says_nothing_about_the_training():
    keyed = model(vectors=Q, index_to_key=["a", "b", "c"], expandos={"count": np.array([9, 4, 1])})
    for one in (keyed, model(wv=keyed)):
        space = from_model(one)
        assert space.one_sided
        assert space.trained_for == "unknown"
        assert space.items.metadata["popularity"] == [9, 4, 1]
    bare = from_model(model(vectors=Q, index_to_key=["a", "b", "c"], expandos={}))
    assert bare.items.metadata is None


def test_names_and_history_that_are_given_are_taken():
    seen = SparseRows.from_pairs([0], [1], shape=(4, 3))
    space = from_model(als(), user_ids=list("abcd"), item_ids=list("xyz"), seen=seen)
    assert space.items.ids.tolist() == ["x", "y", "z"]
    assert space.seen is seen


def test_what_became_of_biases_is_said():
    said = []
    from_model(surprise(), say=said.append)
    from_model(bpr(), say=said.append)
    from_model(als(), say=said.append)
    assert len(said) == 2
    assert "columns 2 and 3" in said[0]
    assert said[1].startswith("bias columns: 2;")


def test_tensors_and_matrices_on_the_graphics_card_are_fetched():
    class Card:
        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return self.values

    space = from_model(model(user_factors=Card(P), item_factors=Card(Q)))
    np.testing.assert_array_equal(space.queries.vectors, P)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (object(), SpellingError, "is no model that is known"),
        (model(user_factors=None, item_factors=None), ValuesError, "fit it first"),
        (model(pu=P, qi=Q, yj=Q), ValuesError, r"SVD\+\+"),
        (model(pu=P, qi=Q, bu=BU[:2], bi=BI, biased=True), ShapeError, "2 user biases for 4"),
        (model(user_factors=P[0], item_factors=Q), ShapeError, "a table is due"),
        (model(user_factors=P[:, :1], item_factors=Q), ShapeError, "take both from one model"),
        (model(user_embeddings=None, item_embeddings=Q, items=[]), ValuesError, "no user"),
        (model(vectors=Q, index_to_key=["a"], expandos={"count": [1, 2]}), ShapeError, "counts"),
    ],
)
def test_what_is_no_model_or_no_fitted_one_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        from_model(given)


@pytest.mark.parametrize("maker", [good_files.implicit_npz, good_files.biased_npz])
def test_saved_biases_are_named_and_kept_out_of_the_gauge(maker, tmp_path):
    said = []
    space = read_space(maker(tmp_path), say=said.append)
    d = good_files.X.shape[1]
    assert bias_columns(space) == tuple(range(d, space.items.dimension))
    assert space.trained_for == "dot"
    assert any("no cosine between items" in one for one in said)
    x = good_files.X
    b = np.linspace(-1, 1, len(x))
    added = b if maker is good_files.implicit_npz else b[:, None] - b
    np.testing.assert_allclose(
        space.queries.vectors @ space.items.vectors.T, x @ x.T + added, atol=1e-5
    )


def test_a_saved_spark_model_is_read_in_the_order_of_ids(tmp_path):
    space = read_space(good_files.spark_model(tmp_path))
    np.testing.assert_array_equal(space.queries.vectors, good_files.X)
    np.testing.assert_array_equal(space.items.vectors, good_files.X)
    assert space.items.ids.tolist() == ["0", "1", "2", "3", "4"]
    assert space.trained_for == "dot"
    assert read_space(tmp_path / "als", trained_for="unknown").trained_for == "unknown"


def test_ids_of_a_saved_spark_model_keep_every_digit(tmp_path):
    path = good_files.spark_model(tmp_path)
    part = path / "itemFactors" / "part-00000-x.snappy.parquet"
    table = parquet.read_table(part)
    large = pa.array([2**53 + 1, 2**53 + 2], pa.int64())
    parquet.write_table(table.set_column(0, "id", large), part)
    assert read_space(path).items.ids[-2:].tolist() == [str(2**53 + 1), str(2**53 + 2)]


def test_ids_of_a_saved_spark_model_are_whole_numbers(tmp_path):
    path = good_files.spark_model(tmp_path)
    part = path / "itemFactors" / "part-00000-x.snappy.parquet"
    table = parquet.read_table(part)
    for bad in ([0.5, 1.0], [None, 1]):
        parquet.write_table(table.set_column(0, "id", pa.array(bad)), part)
        with pytest.raises(FileError, match="ids are whole numbers"):
            read_space(path)


def test_a_half_copied_spark_model_is_refused(tmp_path):
    path = good_files.spark_model(tmp_path)
    for part in (path / "itemFactors").iterdir():
        part.unlink()
    with pytest.raises(OSError, match="copy the whole model"):
        read_space(path)


def test_the_gap_of_a_biased_model_is_that_of_its_other_columns():
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((50, 3)), rng.standard_normal((40, 3))
    plain = model(user_factors=users, item_factors=items, factors=3)
    ones, biases = np.ones((50, 1)), rng.standard_normal((40, 1))
    with_bias = model(
        user_factors=np.hstack([users, ones]), item_factors=np.hstack([items, biases]), factors=3
    )
    gaps = [gauge_gap(from_model(one)).gap for one in (plain, with_bias)]
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-5)
