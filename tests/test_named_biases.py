"""Bias columns that a space names are left out of cosines within one side, and that is said."""

import json
import types

import numpy as np
import pytest
from scipy import sparse

import anglewise as aw
from anglewise.auditing.subject import subject
from anglewise.equivalent_factorisations.gauge import without_biases
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import score_pairs
from anglewise.similarity_measures.measure import measure, prepare
from anglewise.web_page.gauge_paths import path_of_gauges, path_of_witness
from anglewise.web_page.open_space import Inspected
from cli_run import anglewise
from inspect_site import site

__all__ = ["anglewise"]

USERS, ITEMS, D = 40, 60, 5
RNG = np.random.default_rng(2)
P, Q = RNG.normal(size=(USERS, D)), RNG.normal(size=(ITEMS, D)) * [4, 3, 2, 1, 0.5]
BU, BI = RNG.normal(size=USERS), 6 * RNG.normal(size=ITEMS)
USER_IDS, ITEM_IDS = [f"u{i}" for i in range(USERS)], [f"i{i}" for i in range(ITEMS)]


def imported(say=lambda _: None):
    model = types.SimpleNamespace(
        get_user_representations=lambda _features=None: (BU, P),
        get_item_representations=lambda _features=None: (BI, Q),
    )
    return aw.from_model(model, user_ids=USER_IDS, item_ids=ITEM_IDS, say=say)


BIASED = imported()
BARE = without_biases(BIASED)
RAW = aw.Space(queries=BIASED.queries, items=BIASED.items, trained_for="dot")
WITHIN = ("items-items", "queries-queries")
ANGLES = ("cosine", "csls(5)", "local-scaling(5)", "mutual-proximity")


def rows(space, name, direction="items-items"):
    return aw.search(space, name, k=6, direction=direction)[name].indices


@pytest.mark.parametrize("direction", WITHIN)
@pytest.mark.parametrize(
    "name", [*ANGLES, "cosine@centred", "cosine@balanced", "cosine@data-space"]
)
def test_a_cosine_within_one_side_leaves_them_out(name, direction):
    assert np.array_equal(rows(BIASED, name, direction), rows(BARE, name, direction))


@pytest.mark.parametrize("direction", WITHIN)
@pytest.mark.parametrize("name", ["cosine", "csls(5)", "cosine@centred", "cosine@data-space"])
def test_with_biases_is_the_raw_one(name, direction):
    formula, *frames = name.split("@")
    spelt = "@".join([formula, "with-biases", *frames])
    nameless = aw.Space(queries=RAW.queries, items=RAW.items, about={"bias_columns": []})
    assert np.array_equal(rows(BIASED, spelt, direction), rows(nameless, name, direction))
    assert not np.array_equal(rows(BIASED, spelt, direction), rows(BIASED, name, direction))


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("dot", "items-items"),
        ("euclidean", "items-items"),
        ("norm(0,0.5)", "items-items"),
        ("dot", "queries-items"),
        ("cosine", "queries-items"),
    ],
)
def test_products_and_scores_of_users_count_them(name, direction):
    assert np.array_equal(rows(BIASED, name, direction), rows(RAW, name, direction))
    assert not np.array_equal(rows(BIASED, name, direction), rows(BARE, name, direction))


def test_columns_that_nobody_names_are_counted():
    nameless = aw.Space(queries=RAW.queries, items=RAW.items)
    assert np.array_equal(rows(nameless, "cosine"), rows(BIASED, "cosine@with-biases"))


def test_all_that_reads_a_measure_reads_the_same_one():
    index = aw.Index(aw.Space(items=BIASED.items, about=BIASED.about), "cosine")
    hits = [hit.id for hit in index.search(BIASED.items.vectors[0], k=7)[0]]
    assert hits == [ITEM_IDS[i] for i in (0, *rows(BARE, "cosine")[0])]
    one_sided = aw.Space(items=BIASED.items, about=BIASED.about)
    bare = aw.Space(items=BARE.items)
    pairs = np.arange(20), np.arange(20, 40)
    cosine = [measure("cosine")]
    assert np.allclose(score_pairs(one_sided, cosine, *pairs), score_pairs(bare, cosine, *pairs))
    ready, other = (prepare(cosine[0], space, "items-items") for space in (BIASED, BARE))
    assert np.allclose(next(ready.items()), next(other.items()))
    recommender = aw.Recommender(BIASED, "cosine@with-biases")
    raw = rows(BIASED, "cosine@with-biases")[3]
    assert recommender.similar_items(rows=[3], k=6).ids[0].tolist() == [ITEM_IDS[i] for i in raw]
    plain = aw.Recommender(BIASED, "cosine").similar_items(rows=[3], k=6).ids[0].tolist()
    assert plain == [ITEM_IDS[i] for i in rows(BIASED, "cosine")[3]]


def judged(space):
    own = sparse.coo_array((np.ones(ITEMS - 1), (np.arange(ITEMS - 1), np.arange(1, ITEMS))))
    table = sparse.csr_array(own.tocsr())
    table.resize((ITEMS, ITEMS))
    assert len(space.items) == ITEMS
    return aw.Judgements(table, "items-items")


SAID = (
    "cosine: without the bias columns 5 and 6, which are no directions; cosine@with-biases counts"
)


def test_compare_says_what_the_reader_said():
    said = []
    space = imported(said.append)
    (words,) = said
    assert words.startswith("biases became columns 5 and 6; no cosine between items counts them")
    result = aw.compare(space, judged(space), "dot,cosine,cosine@with-biases")
    assert [note for note in result.notes if "bias" in note] == [f"{SAID} them"]
    bare = aw.compare(BARE, judged(BARE), "cosine").to_dict()["measures"][0]["metrics"]
    mean = {row["measure"]: row["metrics"] for row in result.to_dict()["measures"]}
    assert mean["cosine"] == bare
    assert mean["cosine@with-biases"] != bare
    several = aw.compare_spaces({"a": space, "b": RAW}, judged(space), "cosine")
    assert [note for note in several.notes if "bias" in note] == [f"a: {SAID} them"]


def test_a_space_of_unit_rows_no_longer_ranks_alike():
    unit = BIASED.items.vectors / BIASED.items.norms[:, None]
    space = aw.Space(items=aw.Embeddings(unit, ids=ITEM_IDS), about=BIASED.about)
    result = aw.compare(space, judged(space), "dot,cosine")
    assert not any("rank alike" in note for note in result.notes)


def test_the_command_says_it_too(anglewise, tmp_path):
    aw.write_space(BIASED, tmp_path / "space")
    words = ("search", tmp_path / "space", "--query", "i3", "--direction", "items-items")
    run = anglewise(*words, "--measures", "dot,cosine", "--json", "-", "-k", 6)
    assert SAID in run.err
    found = json.loads(run.out)["measures"][1]["neighbours"]
    assert [one["id"] for one in found] == [ITEM_IDS[i] for i in rows(BARE, "cosine")[3]]
    assert "bias" not in anglewise(*words, "--measures", "dot,cosine@with-biases").err


def test_the_page_says_it_too():
    text = site(Inspected(BIASED)).get("/?direction=items-items&measures=cosine,dot").text
    assert text.count("after: without-biases") == 1


@pytest.mark.parametrize("direction", WITHIN)
@pytest.mark.parametrize("t", [0.2, 0.9])
def test_the_slider_shows_what_a_search_finds(direction, t):
    scaling = path_of_gauges(BIASED).scaling(direction)
    for name in ("cosine", "dot"):
        found = rows(BIASED, f"{name}@power({t})", direction)[4]
        formula = measure(name).formula
        assert scaling.nearest(4, t - 0.5, formula, 6, [4])[0] == found.tolist()


def test_the_witness_moves_the_neighbours_that_a_search_finds():
    path, found = path_of_witness(BIASED, 7, 2.0, 6)
    assert found.before.tolist() == rows(BIASED, "cosine")[7].tolist()
    assert found.after.tolist() == rows(found.pair.apply(BIASED), "cosine")[7].tolist()
    cosine, scaling = measure("cosine").formula, path.scaling("items-items")
    assert scaling.nearest(7, 1.0, cosine, 6, [7])[0] == found.after.tolist()
    assert path.predictions.change(1.0) < 1e-9


def test_the_audit_is_of_the_same_cosine():
    pairs = [("i3", "i4")]
    report, bare = (
        aw.audit(space, k=5, pairs=pairs, witness="i7", runs={"other": space})
        for space in (BIASED, BARE)
    )
    (pair,), (other,) = report.pairs, bare.pairs
    assert pair.cosine == pytest.approx(other.cosine)
    assert pair.gauges == pytest.approx(other.gauges)
    for direction in WITHIN:
        ours = report.agreement[direction].overlap["cosine"]
        theirs = bare.agreement[direction].overlap["cosine"]
        assert ours["cosine@balanced"] == theirs["cosine@balanced"]
        certificates = [audit.certificates[direction] for audit in (report, bare)]
        assert certificates[0].top_k_certified == certificates[1].top_k_certified
    assert [row.id for row in report.witness.before] == [row.id for row in bare.witness.before]
    assert report.runs[0].overlap["given"] == 1
    assert any("cosine@with-biases counts them" in note for note in report.notes)
    assert np.array_equal(subject(RAW, 5, 100, 0, None).within.items.vectors, RAW.items.vectors)


def test_it_stands_first():
    with pytest.raises(SpellingError, match="must be the first frame"):
        rows(BIASED, "cosine@centred@with-biases")


def test_cut_and_moved_vectors_have_no_biases_at_the_old_places():
    result = aw.compare_spaces({"a": BIASED}, judged(BIASED), "cosine", variants=":3")
    half = aw.Space(items=aw.Embeddings(BIASED.items.vectors[:, :3], ids=ITEM_IDS))
    bare = aw.compare(half, judged(half), "cosine").to_dict()["measures"][0]["metrics"]
    mean = {row["measure"]: row["metrics"] for row in result.to_dict()["measures"]}
    assert mean["a[:3]: cosine"]["nDCG@10"]["mean"] == bare["nDCG@10"]["mean"]
