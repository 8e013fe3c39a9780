"""Mapped old vectors in place of items encoded anew: what is learnt, foretold and refused."""

import json
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import (
    FileError,
    IdsError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from anglewise.report.migration_document import migration_document
from anglewise.report.plain_text import markdown
from anglewise.stores import stored_space
from anglewise.stores.map_choice import choose_map, learnt_maps
from anglewise.stores.migrate import judged_space
from anglewise.stores.migration_forecast import KnownPairs, drawn_worlds
from anglewise.stores.vector_map import VectorMap
from cli_run import anglewise, refused  # noqa: F401 a fixture
from memory_store import MemoryStore

ITEMS, QUERIES = 400, 40


def names(count, letter="d"):
    return [f"{letter}{i}" for i in range(count)]


def pair_of_spaces(noise=0.5, encoded=ITEMS, seed=0, dimension=12):
    """Old items, and a new space of some of them with queries near to items."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ITEMS, dimension))
    y = x @ rng.normal(size=(dimension, 10)) / 3 + noise * rng.normal(size=(ITEMS, 10)) + 0.5
    asking = y[rng.integers(ITEMS, size=QUERIES)] + 0.5 * rng.normal(size=(QUERIES, 10))
    new = aw.Space(
        items=aw.Embeddings(y[:encoded], names(encoded)),
        queries=aw.Embeddings(asking, names(QUERIES, "q")),
    )
    return aw.Space(items=aw.Embeddings(x, names(ITEMS))), new


def judged_by(old, new, gains=None):
    """What is near by the new vectors is relevant, and by chance."""
    y, asking = (side.vectors / side.norms[:, None] for side in (new.items, new.queries))
    luck = 0.2 * np.random.default_rng(9).normal(size=(len(asking), len(y)))
    near = np.argsort(-(asking @ y.T + luck), axis=1)[:, :6]
    gains = gains or {f"q{i}": {f"d{j}": 1 for j in row} for i, row in enumerate(near.tolist())}
    return aw.Judgements.from_dict(gains, judged_space(old, new))


def test_a_turned_and_shifted_space_loses_nothing():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ITEMS, 8))
    y = 3 * x @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    new = aw.Space(
        items=aw.Embeddings(y[:60], names(60)), queries=aw.Embeddings(rng.normal(size=(20, 8)))
    )
    found = aw.migrate(aw.Embeddings(x, names(ITEMS)), new, measure="dot")
    assert (found.recall.low, found.recall.high) == (1, 1)
    np.testing.assert_allclose(found.mapped.items.vectors, y, atol=1e-4)
    assert found.recall.measured is None  # only 60 are encoded


def test_what_is_foretold_is_measured_where_all_is_encoded():
    old, new = pair_of_spaces()
    found = aw.migrate(old, new, pairs=100, judgements=judged_by(old, new))
    exact = aw.search(new, "cosine", k=10)["cosine"].indices
    mapped = aw.search(found.mapped, "cosine", k=10)["cosine"].indices
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, mapped, strict=True)])
    assert found.recall.measured == pytest.approx(kept, abs=1e-9)
    assert found.recall.low <= kept <= found.recall.high
    compared = aw.compare(found.mapped, judged_by(old, new), "cosine").measures[0]
    assert found.loss.mapped == pytest.approx(compared.metrics["nDCG@10"].mean)
    again = aw.compare(new, judged_by(old, new), "cosine").measures[0]
    assert found.loss.encoded.measured == pytest.approx(again.metrics["nDCG@10"].mean)
    assert found.loss.loss.low <= found.loss.loss.measured <= found.loss.loss.high


def test_what_was_all_learnt_from_has_no_interval_and_is_said_to_be_in_the_sample():
    """An interval of no width would say that nothing can change, and items come later."""
    old, new = pair_of_spaces()
    result = aw.migrate(old, new, judgements=judged_by(old, new))
    assert (result.pairs, result.loss is None) == (result.items, False)
    words = " ".join(markdown(migration_document(result)).split())
    told, _, rest = words.partition("The map:")
    assert f"vectors hold {result.recall.measured:.3f} of the 10 nearest" in told
    assert "of items that come later lists may hold less" in told
    assert "[" not in told
    assert "Foretold" not in rest
    few = aw.migrate(old, new, pairs=80, judgements=judged_by(old, new))
    words = " ".join(markdown(migration_document(few)).split())
    assert f"would hold {few.recall.mean:.3f} [" in words
    assert "items that come later" not in words


def test_nothing_but_the_pairs_is_looked_at():
    """Other new vectors change what is measured, and nothing that is foretold."""
    old, new = pair_of_spaces()
    some = aw.migrate(old, new, pairs=100)
    y = new.items.vectors.copy()
    rng = np.random.default_rng([0, 29])
    drawn = np.sort(rng.choice(ITEMS, 100, replace=False))
    others = np.setdiff1d(np.arange(ITEMS), drawn)
    y[others] = 7
    changed = aw.Space(items=aw.Embeddings(y, names(ITEMS)), queries=new.queries)
    again = aw.migrate(old, changed, pairs=100)
    assert (again.recall.low, again.recall.high) == (some.recall.low, some.recall.high)
    assert again.map.digest == some.map.digest
    assert again.curve == some.curve
    assert again.recall.measured != some.recall.measured


def test_pairs_that_are_given_alone_and_pairs_that_are_drawn_count_alike():
    old, new = pair_of_spaces(encoded=100)
    found = aw.migrate(old, new)
    assert (found.pairs, found.items, found.recall.measured) == (100, ITEMS, None)
    assert found.to_dict()["recall@10"]["measured"] is None


def test_more_noise_is_foretold_to_lose_more():
    middle = [
        aw.migrate(*pair_of_spaces(noise=noise, encoded=150)).recall.mean
        for noise in (0.05, 0.5, 3)
    ]
    assert middle[0] > 0.8 > middle[1] > 0.3 > middle[2]


def test_rows_are_known_by_their_ids():
    old, new = pair_of_spaces(encoded=120)
    order = np.random.default_rng(3).permutation(120)
    items = aw.Embeddings(new.items.vectors[order], [f"d{i}" for i in order])
    again = aw.migrate(old, aw.Space(items=items, queries=new.queries))
    assert again.map.digest == aw.migrate(old, new).map.digest


def test_the_curve_says_among_what_it_was_measured():
    old, new = pair_of_spaces(noise=0.1)
    found = aw.migrate(old, new, pairs=200)
    assert [step.pairs for step in found.curve] == [20, 40, 80, 160]
    assert found.curve[-1].recall > found.curve[0].recall
    assert found.curve_k == 5  # ten of 400 are five of 200
    mean, low, high = found.last_gain
    assert low <= mean <= high
    assert mean == pytest.approx(found.curve[-1].recall - found.curve[-2].recall)


def test_few_judged_items_among_the_pairs_foretell_no_metric():
    old, new = pair_of_spaces(encoded=100)
    gains = {f"q{i}": {f"d{200 + i}": 1} for i in range(QUERIES)}
    found = aw.migrate(old, new, judgements=judged_by(old, new, gains))
    assert found.loss is None
    assert "encode more of the judged items" in found.notes[-1]


def test_the_old_models_own_lists_are_told_where_its_queries_are_there():
    old, new = pair_of_spaces()
    asking = np.random.default_rng(5).normal(size=(QUERIES, 12))
    with_queries = aw.Space(items=old.items, queries=aw.Embeddings(asking, names(QUERIES, "q")))
    judged = judged_by(old, new)
    due = aw.compare(with_queries, judged, "cosine").measures[0].metrics["nDCG@10"].mean
    found = aw.migrate(with_queries, new, pairs=100, judgements=judged)
    assert found.loss.old == pytest.approx(due)
    assert aw.migrate(old, new, pairs=100, judgements=judged).loss.old is None


def test_a_map_is_the_same_after_it_was_saved_and_numpy_alone_applies_it(tmp_path):
    old, new = pair_of_spaces(encoded=100)
    for measure in ("cosine", "dot"):
        found = aw.migrate(old, new, measure=measure)
        found.map.save(tmp_path / "map.npz", {"for": "tests"})
        again = VectorMap.load(tmp_path / "map.npz")
        np.testing.assert_array_equal(again(old.items.vectors), found.mapped.items.vectors)
        t = np.load(tmp_path / "map.npz")
        x = old.items.vectors.astype(float)
        to_unit = json.loads(str(t["about"]))["unit"]
        x = x / np.linalg.norm(x, axis=1, keepdims=True) if to_unit else x
        y = (x - t["offset"]) @ t["matrix"] + t["shift"]
        y = y / np.linalg.norm(y, axis=1, keepdims=True) if to_unit else y
        np.testing.assert_allclose(y, found.mapped.items.vectors, atol=1e-6)
    content = dict(np.load(tmp_path / "map.npz"))
    np.savez(tmp_path / "changed.npz", **{**content, "shift": content["shift"] + 1})
    with pytest.raises(FileError, match="was changed"):
        VectorMap.load(tmp_path / "changed.npz")
    with pytest.raises(ShapeError, match="rows of 12 numbers"):
        again(np.ones((2, 5)))


MAP = {"offset": np.zeros(3), "matrix": np.eye(3)[:, :2], "shift": np.ones(2)}


@pytest.mark.wrong_kinds
@pytest.mark.parametrize(
    ("part", "other", "error"),
    [
        ("offset", np.zeros((3, 1)), ShapeError),
        ("offset", np.zeros(2), ShapeError),
        ("matrix", np.zeros(3), ShapeError),
        ("shift", np.ones(3), ShapeError),
        ("shift", np.array([1.0, np.nan]), ValuesError),
        ("matrix", np.eye(3)[:, :2] * 1j, WrongTypeError),
        ("shift", np.array(["a", "b"]), WrongTypeError),
    ],
)
def test_arrays_that_are_no_map_together_are_refused_when_it_is_made_and_read(
    tmp_path, part, other, error
):
    arrays = {**MAP, part: other}
    with pytest.raises(error):
        VectorMap(**arrays)
    about = json.dumps({"format": 1, "unit": False, "digest": "0" * 16})
    np.savez(tmp_path / "map.npz", **arrays, about=np.array(about))
    with pytest.raises(FileError, match="is no map of vectors"):
        VectorMap.load(tmp_path / "map.npz")


@pytest.mark.wrong_kinds
@pytest.mark.parametrize("vectors", [np.ones((2, 3)) * 1j, np.array([["a", "b", "c"]]), [[1.0]]])
def test_a_map_moves_real_numbers_alone(vectors):
    with pytest.raises(WrongTypeError, match="an array of floats is due"):
        VectorMap(**MAP)(vectors)


@pytest.mark.parametrize("content", [b"rubbish", b"PK rubbish", b"PK\7\10 rubbish"])
def test_nobody_is_advised_to_unpickle_what_is_no_map(tmp_path, content):
    (tmp_path / "map.npz").write_bytes(content)
    with pytest.raises(FileError, match="no npz file") as caught:
        VectorMap.load(tmp_path / "map.npz")
    assert "pickle" not in str(caught.value)


@pytest.mark.wrong_kinds
def test_what_can_have_no_figure_is_refused():
    old, new = pair_of_spaces()
    with pytest.raises(TooFewError, match="at least 40"):
        aw.migrate(old, new, pairs=39)
    with pytest.raises(TooFewError, match="share 400 ids"):
        aw.migrate(old, new, pairs=401)
    with pytest.raises(ShapeError, match="no queries"):
        aw.migrate(old, aw.Space(items=new.items))
    strange = aw.Embeddings(new.items.vectors, names(ITEMS, "other"))
    with pytest.raises(IdsError, match="share no id"):
        aw.migrate(old, aw.Space(items=strange, queries=new.queries))
    nameless = aw.Embeddings(new.items.vectors)
    with pytest.raises(IdsError, match="no ids"):
        aw.migrate(old, aw.Space(items=nameless, queries=new.queries))
    fewer = aw.Space(items=aw.Embeddings(new.items.vectors[:50]), queries=new.queries)
    with pytest.raises(IdsError, match="give the ids of both"):
        aw.migrate(aw.Embeddings(old.items.vectors), fewer)
    same = aw.Embeddings(np.ones((ITEMS, 3)), names(ITEMS))
    with pytest.raises(ValuesError, match="old vectors of all pairs are the same"):
        aw.migrate(same, new)
    with pytest.raises(SpellingError, match="measure"):
        aw.migrate(old, new, measure="csls(10)")
    backwards = aw.Space(items=new.items.take(np.arange(ITEMS)[::-1]), queries=new.queries)
    with pytest.raises(IdsError, match="different orders"):
        aw.migrate(old, backwards, judgements=judged_by(old, new))


def test_every_kind_of_map_is_least_squares_of_its_kind():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 20)), rng.normal(size=(50, 9))
    maps = dict(learnt_maps(x, y))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    ridge = 0.1 * np.linalg.eigvalsh(a.T @ a).mean()
    due = a @ np.linalg.solve(a.T @ a + ridge * np.eye(20), a.T @ b) + y.mean(axis=0)
    np.testing.assert_allclose(maps["affine, ridge 0.1"](x), due, atol=1e-8)
    assert np.linalg.matrix_rank(maps["rank 4, ridge 0.01"](x) - y.mean(axis=0)) == 4
    wide = dict(learnt_maps(x[:12], y[:12]))  # fewer rows than columns
    a = x[:12] - x[:12].mean(axis=0)
    squares = np.linalg.svd(a, compute_uv=False)[:11] ** 2
    ridge = 0.1 * squares.mean()
    b = y[:12] - y[:12].mean(axis=0)
    due = a @ np.linalg.solve(a.T @ a + ridge * np.eye(20), a.T @ b) + y[:12].mean(axis=0)
    np.testing.assert_allclose(wide["affine, ridge 0.1"](x[:12]), due, atol=1e-8)


def test_drawn_worlds_keep_what_is_known():
    """Where all new vectors are known every world is the true one."""
    old, new = pair_of_spaces()
    x, y = (side.vectors.astype(float) for side in (old.items, new.items))
    asking, rng = new.queries.vectors.astype(float), np.random.default_rng(0)
    chosen = choose_map(x, y, asking, to_unit=False, rng=rng)
    every = KnownPairs(old.items.vectors, np.arange(ITEMS), y, chosen.folds)
    worlds = drawn_worlds(chosen.map(x), asking, every, 10, rng)
    due = np.argsort(-asking @ y.T, axis=1)[:, :10]
    for lists in worlds.lists:
        np.testing.assert_array_equal(lists, due)


def test_the_command_says_the_same(anglewise, tmp_path):  # noqa: F811
    old, new = pair_of_spaces()
    aw.write_space(old, tmp_path / "old")
    aw.write_space(new, tmp_path / "new")
    qrels = tmp_path / "qrels.tsv"
    rows = [f"q{i}\td{j}\t1" for i in range(QUERIES) for j in range(i, i + 8)]
    qrels.write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n")
    words = ["migrate", tmp_path / "old", tmp_path / "new", "--pairs", 120, "--qrels", qrels]
    files = ["-o", tmp_path / "mapped", "--transform", tmp_path / "map.npz"]
    run = anglewise(*words, *files, "--json", "-", "--quiet")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    judged = aw.read_judgements(qrels, judged_space(old, new))
    due = aw.migrate(old, new, pairs=120, judgements=judged)
    assert told["recall@10"] == pytest.approx(vars(due.recall))
    assert told["loss"]["loss"] == pytest.approx(vars(due.loss.loss))
    written = aw.read_space(tmp_path / "mapped")
    np.testing.assert_array_equal(written.items.vectors, due.mapped.items.vectors)
    assert VectorMap.load(tmp_path / "map.npz").digest == told["digest"]
    shown = anglewise(*words, "--seed", 3).out
    assert "recall@10" in shown
    assert "Measured, with all new vectors" in shown


def test_old_and_new_vectors_may_lie_in_stores(anglewise, tmp_path, monkeypatch):  # noqa: F811
    """Here in memory, whatever the address; queries by the new model come from a file."""
    old, new = pair_of_spaces()
    kept = {"old": old, "new": new}

    def opened(address):
        space = kept[address.folder.stem]
        return MemoryStore().filled([*map(str, space.items.ids)], space.items.vectors)

    monkeypatch.setattr(stored_space, "open_store", opened)
    for name, made in kept.items():
        aw.write_space(made, tmp_path / name)
    queries = tmp_path / "new" / "queries.parquet"
    due = anglewise("migrate", tmp_path / "old", tmp_path / "new", "--json", "-", "--quiet")
    places = ["faiss:///in/old", "faiss:///in/new"]
    told = anglewise("migrate", *places, "--queries", queries, "--json", "-", "--quiet")
    assert told.code == 0, told.err
    assert json.loads(told.out) == json.loads(due.out)
    file = tmp_path / "new" / "items.parquet"
    told = anglewise("migrate", places[0], file, "--queries", queries, "--json", "-", "--quiet")
    assert json.loads(told.out) == json.loads(due.out)
    refused(anglewise("migrate", *places), "queries")
    refused(anglewise("migrate", places[0], tmp_path / "new", "--queries", queries), "a folder")
    refused(anglewise("migrate", "postgres://anna:s3cret@h/d", places[1]), "anna:***")
    (tmp_path / "films.lance").mkdir()
    inside = ["-o", tmp_path / "films.lance" / "mapped"]
    refused(anglewise("migrate", f"lancedb://{tmp_path}/films", places[1], *inside), "films")


def test_bad_words_are_refused_before_anything_is_written(anglewise, tmp_path):  # noqa: F811
    old, new = pair_of_spaces()
    for name, made in (("old", old), ("new", new)):
        aw.write_space(made, tmp_path / name)
    both = [tmp_path / "old", tmp_path / "new"]
    out = ["-o", tmp_path / "mapped"]
    assert refused(anglewise("migrate", *both, "--pairs", 10, *out), "at least 40")
    assert refused(anglewise("migrate", *both, "--metric", "R@10", *out), "--qrels")
    assert refused(anglewise("migrate", *both, "--measure", "euclid", *out), "euclid")
    assert refused(anglewise("migrate", tmp_path / "none", both[1], *out), "does not exist")
    assert refused(anglewise("migrate", *both, "-o", tmp_path / "old"), "old")
    assert not (tmp_path / "mapped").exists()


@pytest.mark.slow
def test_intervals_hold_the_truth_in_made_migrations(monkeypatch):
    """A thinned set of benchmarks/migrate.py, whose table stands in docs/how-to/models.md."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from migrate import KINDS, made_migration, one

    for pairs in (50, 200):
        made = [(kind, seed) for kind in KINDS for seed in range(5)]
        found = [one(*made_migration(kind, 100 + seed), pairs, seed) for kind, seed in made]
        found = np.array(found)
        for column in (found[:, 1], found[:, 5]):
            held = column[~np.isnan(column)]
            assert held.sum() >= 0.93 * len(held) - 1, (pairs, held)
