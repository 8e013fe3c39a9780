"""How many dimensions judgements take: what is proven is true, what is found is there."""

import json
from itertools import combinations, permutations

import numpy as np
import pytest

import anglewise as aw
from anglewise.auditing import dimension_meter as meter_module
from anglewise.auditing.dimension_meter import dimension_meter
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, SpellingError, TooFewError
from anglewise.geometry.dimension_bounds import counting_bound, lower_bound, spectral_bound
from anglewise.geometry.dimension_found import built, most_arcs, trained, verified
from anglewise.io.read import read_judgements
from cli_run import anglewise, refused

__all__ = ["anglewise"]


def all_groups(items, size):
    """Each group of so many items is relevant to one query."""
    groups = np.array(list(combinations(range(items), size)))
    signs = np.full((len(groups), items), -1, dtype=np.int8)
    signs[np.arange(len(groups))[:, None], groups] = 1
    return signs


def planted(rng, dimension, queries=400, items=30):
    """Sets that vectors of so many dimensions rank first: the top of their own products."""
    scores = rng.normal(size=(queries, dimension)) @ rng.normal(size=(dimension, items))
    places = np.argsort(np.argsort(-scores, axis=1), axis=1)
    return np.where(places < rng.integers(1, items, (queries, 1)), 1, -1).astype(np.int8)


def space_of(signs, dimension=4, **about):
    """A space in which these signs are judged; the vectors do not matter."""
    rows, columns = signs.shape
    rng = np.random.default_rng(0)
    space = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(rows, dimension))),
        items=aw.Embeddings(rng.normal(size=(columns, dimension))),
        **about,
    )
    places = np.nonzero(signs == 1)
    return space, aw.Judgements(SparseRows.from_pairs(*places, shape=signs.shape))


# What is impossible


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 6])
def test_what_vectors_of_some_dimensions_rank_is_never_called_impossible_for_them(dimension):
    for seed in range(8):
        rng = np.random.default_rng([dimension, seed])
        signs = planted(rng, dimension)
        assert lower_bound(signs).impossible < dimension
        signs[rng.random(signs.shape) < 0.1] = 0
        assert lower_bound(signs).impossible < dimension


def test_one_dimension_is_impossible_only_where_no_order_of_the_items_will_do():
    proven = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        signs = rng.choice(np.array([1, -1], dtype=np.int8), size=(3, 4))
        held = any(
            all((np.diff(row[list(order)]) != 0).sum() <= 1 for row in signs)
            for order in permutations(range(4))
        )
        if lower_bound(signs).impossible >= 1:
            proven += 1
            assert not held
    assert proven > 50


@pytest.mark.parametrize(("items", "size"), [(6, 2), (46, 2), (9, 3)])
def test_all_groups_of_k_take_twice_k_dimensions(items, size):
    signs = all_groups(items, size)
    bound = lower_bound(signs)
    assert bound.impossible == 2 * size - 1
    assert bound.ways > bound.allowed
    assert built(signs)[0].dimension == 2 * size


def test_the_ways_and_the_items_of_a_proof_can_be_counted_again():
    signs = all_groups(8, 2)
    bound = counting_bound(signs)
    part = signs[:, bound.columns]
    flipped = part * part[:, :1]  # a way and its opposite are one
    assert len({tuple(row) for row in flipped.tolist()} | {(1,) * len(bound.columns)}) == bound.ways


def test_a_table_of_small_norm_takes_many_dimensions():
    sylvester = np.array([[1]])
    for _ in range(7):
        sylvester = np.block([[sylvester, sylvester], [sylvester, -sylvester]])
    bound = spectral_bound(sylvester.astype(np.int8))
    assert bound.impossible == 10  # the square root of 128 is 11.3: a sign rank of 12 at least


def test_rows_that_say_nothing_of_some_items_prove_nothing_of_them():
    signs = all_groups(6, 2)
    signs[:, :3] = 0
    assert lower_bound(signs).impossible <= 1


# What is found


def independent(found, signs):
    """Whether each relevant item really stands before each other, by dot, cosine and distance."""
    queries, items = found.queries.astype(np.float64), found.items.astype(np.float64)
    lengths = np.linalg.norm(items, axis=1)
    for row, query in zip(signs, queries, strict=True):
        dot = items @ query
        distance = ((items - 0.01 * query) ** 2).sum(axis=1) - lengths**2
        for scores in (dot, dot / lengths, -distance):
            assert scores[row == 1].min() > scores[row == -1].max()
    return True


def test_every_embedding_that_was_found_ranks_as_it_says():
    rng = np.random.default_rng(1)
    for signs in (all_groups(9, 2), planted(rng, 3, 40, 20), all_groups(7, 3)):
        for found in built(signs):
            assert independent(found, signs)
    signs = all_groups(12, 2)
    found = trained(signs, 8, rng)
    assert found.dimension == 8
    assert independent(found, signs)


def test_an_embedding_that_misses_one_pair_is_none():
    signs = all_groups(6, 2)
    found = built(signs)[0]
    queries, items = found.queries.astype(np.float64), found.items.astype(np.float64)
    assert verified(queries, items, signs, "circle") is not None
    queries[7] *= -1
    assert verified(queries, items, signs, "circle") is None


def test_arcs_skip_what_is_not_compared():
    signs = np.array([[1, 0, 1, -1, 0, -1, 1]], dtype=np.int8)
    assert most_arcs(signs, np.arange(7)) == 1
    signs[0, 1] = -1
    assert most_arcs(signs, np.arange(7)) == 2


def test_items_on_a_circle_hold_what_is_not_compared_too():
    rng = np.random.default_rng(2)
    signs = -np.ones((40, 40), dtype=np.int8)
    signs[np.arange(40), np.arange(40)] = 1
    signs[(rng.random(signs.shape) < 0.2) & (signs < 0)] = 0
    found = built(signs)[0]
    assert (found.how, found.dimension) == ("circle", 2)
    assert independent(found, signs)


# Judgements


def test_pairs_of_all_items_are_too_much_for_three_dimensions_and_not_for_four():
    signs = all_groups(10, 2)
    for dimension, own in ((3, "impossible"), (4, "found"), (30, "found")):
        space, judged = space_of(signs, dimension)
        meter = dimension_meter(space, judged)
        assert (meter.impossible, meter.found, meter.own) == (3, 4, own)
        assert meter.to_dict()["part"] == [row.id for row in meter.part]


def test_between_what_is_proven_and_what_is_found_nothing_is_known():
    signs = planted(np.random.default_rng(0), 5, 300, 40)
    space, judged = space_of(signs, 5)
    meter = dimension_meter(space, judged)
    assert meter.impossible < 5
    assert meter.own == ("found" if meter.found <= 5 else "unknown")


def test_what_users_were_trained_on_need_not_stand_below():
    signs = all_groups(8, 2)
    hidden = np.argwhere(signs[:, :5] == -1)
    seen = SparseRows.from_pairs(hidden[:, 0], hidden[:, 1], shape=signs.shape)
    space, judged = space_of(signs, seen=seen)
    assert dimension_meter(space, judged).impossible < 3
    space, judged = space_of(signs)
    assert dimension_meter(space, judged).impossible == 3


def test_grades_below_the_line_are_not_relevant():
    signs = all_groups(6, 2)
    space, _ = space_of(signs)
    graded = SparseRows.from_pairs(
        *np.nonzero(signs), signs[np.nonzero(signs)] + 2.0, shape=signs.shape
    )
    assert dimension_meter(space, aw.Judgements(graded, relevant_from=2.0)).impossible == 3
    with pytest.raises(TooFewError, match="one that is not"):
        dimension_meter(space, aw.Judgements(graded))


def test_judged_items_that_the_space_lacks_count_unless_they_are_dropped():
    names = [*"01234", "elsewhere"]
    pairs = [(str(i), item) for i, pair in enumerate(combinations(names, 2)) for item in pair]
    space = aw.Space(queries=aw.Embeddings(np.ones((15, 3))), items=aw.Embeddings(np.eye(5, 3)))
    count = aw.Judgements.from_pairs(pairs, space)
    drop = aw.Judgements.from_pairs(pairs, space, missing="drop")
    assert dimension_meter(space, count).impossible == 3
    assert dimension_meter(space, drop).impossible == 3  # pairs with it became single items
    assert dimension_meter(space, count).items == 6
    assert dimension_meter(space, drop).items == 5


def test_a_table_that_is_too_large_is_sampled_and_said_to_be(monkeypatch):
    monkeypatch.setattr(meter_module, "TRAINED_CELLS", 2_000)
    monkeypatch.setattr(meter_module, "ROWS", 300)
    space, judged = space_of(all_groups(40, 2))
    meter = dimension_meter(space, judged)
    assert meter.is_of_a_sample
    assert meter.found_queries < 100 < meter.proof_queries == 300 < meter.sets
    assert meter.own == "unknown" or meter.impossible >= 4
    assert dimension_meter(space, judged) == meter


def test_items_that_no_query_tells_apart_cost_nothing():
    signs = np.pad(all_groups(6, 2), ((0, 0), (0, 5000)), constant_values=-1)
    space, judged = space_of(signs)
    meter = dimension_meter(space, judged)
    assert (meter.impossible, meter.found, meter.items) == (3, 4, 6)


def test_items_that_ask_items_have_one_vector_each_which_what_is_found_does_not():
    labels = np.arange(12) // 3
    same = np.argwhere((labels[:, None] == labels) & ~np.eye(12, dtype=bool))
    space = aw.Space(items=aw.Embeddings(np.random.default_rng(0).normal(size=(12, 11))))
    judged = aw.Judgements(SparseRows.from_pairs(*same.T, shape=(12, 12)), "items-items")
    meter = dimension_meter(space, judged)
    assert meter.found <= 11
    assert (meter.one_sided, meter.own) == (True, "unknown")


def test_judgements_of_another_space_or_of_documents_or_under_a_filter_are_refused(tmp_path):
    _, judged = space_of(all_groups(6, 2))
    other, _ = space_of(all_groups(7, 2))
    with pytest.raises(ShapeError, match="read them for this space"):
        dimension_meter(other, judged)
    passages = aw.Space(
        queries=aw.Embeddings(np.ones((2, 2)), ["a", "b"]),
        items=aw.Embeddings(
            np.eye(4, 2), ["1", "2", "3", "4"], metadata={"document": ["x", "x", "y", "y"]}
        ),
    )
    (tmp_path / "q.tsv").write_text("a\tx\t1\nb\ty\t1\n")
    of_documents = read_judgements(tmp_path / "q.tsv", passages)
    assert of_documents.parts is not None
    with pytest.raises(SpellingError, match="passages"):
        dimension_meter(passages, of_documents)


# The command


@pytest.fixture
def files(tmp_path):
    signs = all_groups(12, 2)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "q.npy", rng.normal(size=(len(signs), 3)))
    np.save(tmp_path / "x.npy", rng.normal(size=(12, 3)))
    lines = [f"{q}\t{i}\t1" for q, i in np.argwhere(signs == 1)]
    (tmp_path / "qrels.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_audit_says_what_judgements_take(anglewise, files):
    words = ["audit", "--queries", files / "q.npy", "--items", files / "x.npy", "-k", 3]
    run = anglewise(*words, "--qrels", files / "qrels.tsv", "--json", files / "a.json")
    assert run.code == 0
    text = " ".join(run.out.split())
    assert "3 dimensions cannot (proven: the queries part 5 items" in text
    assert "3 dimensions, as here: too few" in text
    told = json.loads((files / "a.json").read_text())["relevance_dimension"]
    assert (told["impossible"], told["found"], told["own"]) == (3, 4, "impossible")
    run = anglewise(*words, "--json", "-")
    assert json.loads(run.out)["relevance_dimension"] is None


def test_what_says_how_judgements_are_read_needs_some(anglewise, files):
    words = ["audit", "--queries", files / "q.npy", "--items", files / "x.npy", "-k", 3]
    assert refused(anglewise(*words, "--relevant-from", 2), "--qrels")
    assert refused(anglewise(*words, "--qrels", files / "none.tsv"), "does not exist")
    (files / "pairs.csv").write_text("id_a,id_b,score\n0,1,0.5\n1,2,0.1\n")
    assert refused(anglewise(*words, "--qrels", files / "pairs.csv"), "pairs")
