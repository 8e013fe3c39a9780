"""What a store's compression costs: eight bits, signs, signs of items alone, and rescoring."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.variants import Binary, Int8, Rescore, Variant, variant
from anglewise.data_types.neighbours import rounded
from anglewise.errors import SpellingError


def space(seed=0, queries=50, items=200, d=24):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, d))
    return aw.Space(
        items=aw.Embeddings(x, ids=[f"d{i:03}" for i in range(items)]),
        queries=aw.Embeddings(
            x[:queries] + 0.8 * rng.standard_normal((queries, d)),
            ids=[f"q{i:03}" for i in range(queries)],
        ),
    )


def judged(of, count=50):
    return aw.Judgements.from_dict({f"q{i:03}": {f"d{i:03}": 1} for i in range(count)}, of)


def lists(of, variants, measure="dot", metric="nDCG@10"):
    result = aw.compare_spaces({"a": of}, judged(of), measure, metric, variants=variants)
    return result, dict(result.evidence.found)


@pytest.mark.parametrize(
    ("spelled", "steps", "rescore", "written"),
    [
        ("binary(items)", (Binary(items_alone=True),), None, "·binary(items)"),
        ("int8+rescore(100)", (Int8(),), Rescore(100), "·int8·rescore(100)"),
        (
            "Binary(Items) + Rescore( 50 )",
            (Binary(items_alone=True),),
            Rescore(50),
            "·binary(items)·rescore(50)",
        ),
    ],
)
def test_variants_are_read_as_they_are_written(spelled, steps, rescore, written):
    assert variant(spelled) == Variant(steps, rescore)
    assert str(variant(spelled)) == written
    assert variant(written) == variant(spelled)


@pytest.mark.parametrize(
    "spelled",
    [
        "rescore(100)",
        "int8+rescore(0)",
        "int8+rescore(x)",
        "int8+rescore()",
        "rescore(5)+int8",
        "int8+rescore(5)+rescore(5)",
        "binary(queries)",
        "int8+rescore",
    ],
)
def test_what_is_no_variant_is_refused(spelled):
    with pytest.raises(SpellingError, match="rescore"):
        variant(spelled)


def test_signs_of_items_alone_are_ranked_by_the_query_as_it_is():
    of = space()
    _, found = lists(of, "binary(items)")
    scores = rounded(of.queries.vectors.astype(float) @ np.sign(of.items.vectors.astype(float)).T)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    np.testing.assert_array_equal(found["a·binary(items): dot"].indices, best)


@pytest.mark.parametrize("measure", ["dot", "cosine", "euclidean", "cosine@centred"])
def test_rescoring_all_items_gives_the_lists_of_the_vectors_as_given(measure):
    of = space()
    _, found = lists(of, "binary+rescore(200)", measure)
    exact, again = found[f"a: {measure}"], found[f"a·binary·rescore(200): {measure}"]
    np.testing.assert_array_equal(exact.indices, again.indices)
    np.testing.assert_array_equal(exact.scores, again.scores)


def test_rescoring_ranks_anew_what_the_cheaper_vectors_found_and_nothing_else():
    of = space()
    _, found = lists(of, "binary,binary+rescore(10)")
    cheap, again = found["a·binary: dot"], found["a·binary·rescore(10): dot"]
    for row in range(50):
        assert set(cheap.indices[row]) == set(again.indices[row])
        assert (np.diff(again.scores[row]) <= 0).all()
    assert (cheap.indices != again.indices).any()


def test_rescoring_costs_less_than_it_gains_is_seen_in_one_table():
    of = space()
    result, _ = lists(of, "binary,binary(items),binary+rescore(50)")
    mean = {row.measure: row.metrics[result.metric].mean for row in result.measures}
    assert mean["a·binary: dot"] < mean["a·binary(items): dot"] < mean["a: dot"]
    assert mean["a·binary: dot"] < mean["a·binary·rescore(50): dot"]
    sizes = {facts.space: facts.bytes_a_vector for facts in result.spaces}
    assert sizes == {"a": 96, "a·binary": 3, "a·binary(items)": 3, "a·binary·rescore(50)": 99}


def test_lists_that_end_before_the_metric_does_are_refused():
    of = space()
    with pytest.raises(SpellingError, match=r"lists 20 items, and R@100 reads 100"):
        lists(of, "int8+rescore(20)", metric="R@100")


def test_signs_of_items_alone_are_refused_where_rows_ask_their_own_kind():
    of = space()
    items = aw.Space(items=of.items)
    same = aw.Judgements.from_dict(
        {f"d{i:03}": {f"d{i + 1:03}": 1} for i in range(40)}, items, direction="items-items"
    )
    with pytest.raises(SpellingError, match="take binary"):
        aw.compare_spaces({"a": items}, same, "dot", variants="binary(items)")


def test_what_is_seen_stays_left_out_when_lists_are_ranked_anew():
    from scipy.sparse import csr_array

    of = space()
    seen = np.zeros((50, 200))
    seen[np.arange(50), (np.arange(50) + 1) % 200] = 1
    seen[:, 100:110] = 1
    shown = aw.Space(items=of.items, queries=of.queries, seen=csr_array(seen))
    _, found = lists(shown, "int8+rescore(30)")
    exact, again = found["a: dot"], found["a·int8·rescore(30): dot"]
    np.testing.assert_array_equal(exact.indices, again.indices)


def test_documents_are_ranked_by_their_best_passage_among_those_rescored():
    of = space()
    cut = aw.Space(
        items=aw.Embeddings(
            of.items.vectors, of.items.ids, {"document": [f"doc{i // 4:03}" for i in range(200)]}
        ),
        queries=of.queries,
    )
    named = aw.Judgements.from_dict({f"q{i:03}": {f"doc{i // 4:03}": 1} for i in range(50)}, cut)
    result = aw.compare_spaces({"a": cut}, named, "dot", "nDCG@5", variants="binary+rescore(200)")
    mean = {row.measure: row.metrics[result.metric].mean for row in result.measures}
    assert mean["a: dot"] == mean["a·binary·rescore(200): dot"]
