"""Models of other libraries become spaces whose products are their scores."""

import pickle
import types

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

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


# Networks, decompositions, words


STATE = {"user_embedding.weight": P, "item_embedding.weight": Q}


@pytest.mark.parametrize(
    ("state", "biases"),
    [
        (STATE, []),
        ({"net.users.weight": P, "net.items.weight": Q}, []),
        ({**STATE, "user_bias.weight": BU[:, None], "item_bias.weight": BI[:, None]}, [2, 3]),
    ],
)
def test_tables_of_a_network_are_found_by_their_usual_names(state, biases):
    for one in (state, model(state_dict=lambda: state)):
        space = from_model(one)
        expected = BIASED if biases else P @ Q.T
        np.testing.assert_allclose(space.queries.vectors @ space.items.vectors.T, expected, 1e-6)
        assert space.about["bias_columns"] == biases
        assert space.trained_for == "dot"


def test_parts_of_a_network_are_taken_as_vectors_or_by_name():
    state = {"a.weight": P, "b.weight": Q, "deep.0.weight": np.eye(2)}
    net = model(state_dict=lambda: state, towers=model(items=model(weight=Q)))
    for parts in (
        {"users": P, "items": Q},
        {"users": "a", "items": "b.weight"},
        {"users": P.tolist(), "items": "towers.items"},
    ):
        space = from_model(net, **parts, trained_for="cosine", loss="sampled-softmax")
        np.testing.assert_array_equal(space.queries.vectors, P)
        np.testing.assert_array_equal(space.items.vectors, Q)
        assert (space.trained_for, space.about["loss"]) == ("cosine", "sampled-softmax")
    assert from_model(net, items="b").one_sided
    biased = from_model(net, users=P, items=Q, user_biases=BU, item_biases=BI)
    np.testing.assert_allclose(biased.queries.vectors @ biased.items.vectors.T, BIASED, rtol=1e-6)


def test_what_a_network_holds_beside_is_said():
    said = []
    from_model({**STATE, "mlp.0.weight": np.eye(2)}, say=said.append)
    assert "mlp.0.weight" in said[0]


@pytest.mark.wrong_kinds
@pytest.mark.parametrize(
    ("given", "options", "error", "words"),
    [
        ({"a.weight": P, "b.weight": Q}, {}, SpellingError, r"its tables are a.weight \(4, 2\)"),
        ({**STATE, "old.user_emb.weight": P}, {}, SpellingError, "2 tables"),
        (STATE, {"items": "nope"}, SpellingError, "no such table"),
        (STATE, {"users": P, "items": Q, "user_feature": 1}, SpellingError, "user_feature="),
        (als(), {"user_feature": 1}, SpellingError, "takes nothing more"),
        (lightfm(), {"users_features": 1}, SpellingError, "user_features and item_features"),
        (als(), {"loss": "hinge"}, SpellingError, "hinge"),
        (STATE, {"trained_for": "cos"}, SpellingError, "cos"),
        ("model.pt", {}, FileError, "weights_only=True"),
        ("model.bin", {}, SpellingError, "safetensors"),
    ],
)
def test_what_a_network_has_not_is_refused(given, options, error, words):
    with pytest.raises(error, match=words):
        from_model(given, **options)


@pytest.mark.parametrize("name", ["w.kv", "w2v.model", "net.pt", "net.pth", "als.pkl"])
def test_pickles_of_strangers_are_never_read(name, tmp_path):
    class Dangerous:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    (tmp_path / name).write_bytes(pickle.dumps(Dangerous()))
    for read in (read_space, from_model):
        with pytest.raises(FileError, match="could run code"):
            read(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_a_file_of_safetensors_is_a_state_dict(tmp_path):
    save_file({"towers.0.weight": P, "towers.1.weight": Q}, tmp_path / "net.safetensors")
    space = from_model(
        tmp_path / "net.safetensors", users="towers.0.weight", items="towers.1.weight"
    )
    np.testing.assert_array_equal(space.items.vectors, Q)


class Rec:
    """As much of RecBole's BPR, or of a graph model, as is asked for."""

    USER_ID, ITEM_ID, training = "user_id", "item_id", True

    def __init__(self, *, graph=False, mlp=False):
        padded = [np.vstack([np.zeros((1, 2), np.float32), side]) for side in (P, Q)]
        self.users, self.items = padded
        self.mlp, self.rested = mlp, False
        if graph:
            self.forward = lambda: (self.users, self.items)
        else:
            self.user_embedding, self.item_embedding = (model(weight=side) for side in padded)
            self.forward = lambda user, item: (self.users[user], self.items[item])

    def eval(self):
        self.training, self.rested = False, True

    def train(self, mode):
        self.training = mode

    def parameters(self):
        class Number(np.ndarray):
            def long(self):
                return np.asarray(self, dtype=np.int64)

        yield model(new_tensor=lambda rows: np.array(rows).view(Number))

    def full_sort_predict(self, interaction):
        scores = self.users[interaction["user_id"]] @ self.items.T
        return (np.tanh(scores) if self.mlp else scores).ravel()


@pytest.mark.parametrize("graph", [False, True])
def test_recbole_models_lose_their_padding_and_keep_their_names(graph):
    rec = Rec(graph=graph)
    space = from_model(rec)
    np.testing.assert_array_equal(space.queries.vectors, P)
    assert space.items.ids.tolist() == ["1", "2", "3"]
    assert rec.rested
    assert rec.training
    names = {"u": ["[PAD]", *"abcd"], "i": ["[PAD]", *"xyz"]}
    dataset = model(uid_field="u", iid_field="i", field2id_token=names)
    space = from_model(rec, dataset=dataset, loss="bpr")
    assert space.items.ids.tolist() == ["x", "y", "z"]
    assert space.about["loss"] == "bpr"


def test_a_model_that_scores_otherwise_than_by_products_is_refused():
    with pytest.raises(ValuesError, match="scores otherwise"):
        from_model(Rec(mlp=True))


def test_decompositions_of_scikit_learn_predict_what_they_give_back():
    from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation, TruncatedSVD

    table = np.random.default_rng(0).poisson(1.0, size=(30, 9)).astype(float)
    for one in (
        TruncatedSVD(3, random_state=0),
        PCA(3, whiten=True, random_state=0),
        NMF(3, random_state=0, max_iter=2000),
    ):
        back = one.inverse_transform(one.fit_transform(table))
        space = from_model(one, table=table)
        products = space.queries.vectors @ space.items.vectors.T
        np.testing.assert_allclose(products, back, atol=1e-3)
        assert from_model(one).one_sided
    topics = LatentDirichletAllocation(2, random_state=0).fit(table)
    with pytest.raises(SpellingError, match="no model that is known"):
        from_model(topics, table=table)


def test_both_tables_of_negative_sampling_are_taken_where_they_are_asked_for():
    keyed = model(vectors=Q, index_to_key=["a", "b", "c"], expandos={})
    words = model(wv=keyed, syn1neg=2 * Q)
    space = from_model(words, contexts=True)
    np.testing.assert_array_equal(space.queries.vectors, 2 * Q)
    assert space.queries.ids.tolist() == ["a", "b", "c"]
    assert (space.trained_for, space.about["loss"]) == ("dot", "logistic")
    said = []
    assert from_model(words, say=said.append).one_sided
    assert "contexts=True" in said[0]
    for bare in (keyed, model(wv=keyed, syn1=Q)):
        with pytest.raises(ValuesError, match="syn1neg"):
            from_model(bare, contexts=True)
