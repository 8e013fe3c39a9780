"""Lists of token vectors and sparse vectors are candidates like all others."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import anglewise as aw
from anglewise.errors import SpellingError, WrongTypeError

COUNT = 60


def worlds(seed=0):
    """The same items as tokens, as dense means of these and as sparse counts; each has a query."""
    rng = np.random.default_rng(seed)
    items = [rng.standard_normal((rng.integers(2, 9), 16)) for _ in range(COUNT)]
    queries = [row[:2] + 0.4 * rng.standard_normal((2, 16)) for row in items]
    ids = [f"d{i}" for i in range(COUNT)]
    asks = [f"q{i}" for i in range(COUNT)]
    tokens = aw.Space(
        items=aw.TokenVectors(items, ids=ids), queries=aw.TokenVectors(queries, ids=asks)
    )
    dense = aw.Space(
        items=aw.Embeddings(np.stack([row.mean(axis=0) for row in items]), ids),
        queries=aw.Embeddings(np.stack([row.mean(axis=0) for row in queries]), asks),
    )
    words = (rng.random((COUNT, 200)) < 0.05).astype(float)
    sparse = aw.Space(
        items=aw.SparseVectors(csr_array(words), ids),
        queries=aw.SparseVectors(csr_array(words * (rng.random((COUNT, 200)) < 0.5)), asks),
    )
    return tokens, dense, sparse


def own(space):
    return aw.Judgements.from_dict({f"q{i}": {f"d{i}": 1} for i in range(COUNT)}, space)


def test_one_space_of_token_vectors_is_compared_by_maxsim_if_nobody_says_otherwise():
    tokens, _, _ = worlds()
    result = aw.compare(tokens, own(tokens))
    assert [row.measure for row in result.measures] == ["maxsim"]
    both = aw.compare(tokens, own(tokens), "maxsim,maxsim-cosine")
    assert sorted(row.measure for row in both.measures) == ["maxsim", "maxsim-cosine"]
    lists = aw.search(tokens, "maxsim", k=10)["maxsim"]
    ranks = (lists.indices == np.arange(COUNT)[:, None]) / np.log2(np.arange(2, 12))
    assert result.measures[0].metrics[result.metric].mean == pytest.approx(ranks.sum(axis=1).mean())
    assert result.measures[0].search.bytes_a_vector == np.ceil(4 * 16 * tokens.items.counts.mean())


def test_sparse_vectors_are_compared_by_dot_and_cosine_if_nobody_says_otherwise():
    _, _, sparse = worlds()
    result = aw.compare(sparse, own(sparse))
    assert sorted(row.measure for row in result.measures) == ["cosine", "dot"]


def test_each_measure_is_a_candidate_in_the_spaces_that_hold_what_it_ranks():
    tokens, dense, sparse = worlds()
    spaces = {"dense": dense, "colbert": tokens, "splade": sparse}
    result = aw.compare_spaces(spaces, own(dense), "euclidean,cosine,maxsim")
    names = {"dense: euclidean", "dense: cosine", "colbert: maxsim", "splade: cosine"}
    assert {row.measure for row in result.measures} == names
    alone = aw.compare(tokens, own(tokens), "maxsim").measures[0]
    among = next(row for row in result.measures if row.measure == "colbert: maxsim")
    assert among.metrics["nDCG@10"].mean == alone.metrics["nDCG@10"].mean


def test_without_measures_each_space_gets_its_usual_ones():
    tokens, dense, _ = worlds()
    result = aw.compare_spaces({"dense": dense, "colbert": tokens}, own(dense))
    assert {row.measure for row in result.measures} == {
        "dense: dot",
        "dense: cosine",
        "dense: euclidean",
        "colbert: maxsim",
    }


def test_a_measure_or_a_space_that_would_be_left_out_is_refused():
    tokens, dense, sparse = worlds()
    with pytest.raises(SpellingError, match="maxsim ranks lists of token vectors"):
        aw.compare_spaces({"dense": dense}, own(dense), "cosine,maxsim")
    with pytest.raises(SpellingError, match="does not rank lists of token vectors"):
        aw.compare_spaces({"dense": dense, "colbert": tokens}, own(dense), "cosine,dot")
    with pytest.raises(SpellingError, match="ranked by dot and cosine"):
        aw.compare(sparse, own(sparse), "euclidean")
    with pytest.raises(SpellingError, match=r"norm\(0,\*\) does not rank"):
        aw.compare(tokens, own(tokens), "norm(0,*)")


def test_runs_fusions_slices_and_passages_go_with_token_vectors():
    tokens, _, _ = worlds()
    about = {
        "title": [f"word{i} shared" for i in range(COUNT)],
        "half": [i % 2 for i in range(COUNT)],
    }
    space = aw.Space(
        items=tokens.items.called(tokens.items.ids, about),
        queries=tokens.queries.called(tokens.queries.ids, about),
    )
    run = aw.Run.from_dict({f"q{i}": {f"d{i}": 1.0, "d0": 0.5} for i in range(COUNT)}, "oracle")
    pytest.importorskip("bm25s")
    result = aw.compare(
        space, own(space), "maxsim,bm25,fusion(bm25,maxsim)", runs=[run], slices="items:half"
    )
    assert {row.measure for row in result.measures} == {
        "maxsim",
        "bm25",
        "fusion(bm25,maxsim)",
        "oracle",
    }
    assert len(result.slices) == 2


def test_a_document_of_several_lists_of_tokens_stands_where_its_best_does():
    tokens, _, _ = worlds()
    documents = [f"doc{i // 2}" for i in range(COUNT)]
    space = aw.Space(
        items=tokens.items.called(tokens.items.ids, {"document": documents}),
        queries=tokens.queries,
    )
    judged = aw.Judgements.from_dict({f"q{i}": {f"doc{i // 2}": 1} for i in range(COUNT)}, space)
    result = aw.compare(space, judged, "maxsim", "R@1")
    best = aw.search(space, "maxsim", k=1)["maxsim"].indices[:, 0] // 2
    assert result.measures[0].metrics[result.metric].mean == np.mean(best == np.arange(COUNT) // 2)


def test_clusters_of_vectors_are_refused_where_there_are_none():
    tokens, _, _ = worlds()
    with pytest.raises(WrongTypeError, match="one dense vector a row"):
        aw.compare(tokens, own(tokens), "maxsim", split="clusters(4)")


def test_variants_of_token_vectors_are_made_token_by_token_and_of_sparse_ones_refused():
    tokens, _, sparse = worlds()
    variants = "int8,:8,binary(items),int8+rescore(20)"
    result = aw.compare_spaces({"colbert": tokens}, own(tokens), "maxsim", variants=variants)
    sizes = {facts.space: facts.bytes_a_vector for facts in result.spaces}
    mean = tokens.items.counts.mean()
    assert sizes["colbert·int8"] == np.ceil((16 + 4) * mean)
    assert sizes["colbert[:8]"] == np.ceil(32 * mean)
    assert sizes["colbert·binary(items)"] == np.ceil(2 * mean)
    rows = {row.measure: row.metrics[result.metric].mean for row in result.measures}
    # twenty of sixty hold the first ten of all but a few
    assert rows["colbert·int8·rescore(20): maxsim"] == rows["colbert: maxsim"]
    with pytest.raises(WrongTypeError, match="variants are of dense vectors"):
        aw.compare_spaces({"splade": sparse}, own(sparse), "dot", variants="int8")
