"""What stores do that people do not expect, and how each is avoided or told.

``TRAPS`` names the test of each, here or elsewhere; of stores that are not adapted there is none.
"""

import re
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import StoreError
from anglewise.similarity_measures.measure import measure
from anglewise.stores.address import read_address
from anglewise.stores.exact_lists import ExactLists
from anglewise.stores.reductions import reductions
from anglewise.stores.vector_store import Layout, open_store, store_class
from stores.test_every_store import space, written

TESTS = Path(__file__).parents[1]
FOUR = pytest.mark.parametrize("place", ["faiss", "qdrant", "lancedb", "postgresql"], indirect=True)
TRAPS = {
    "every way to prepare vectors is exact in a scan": (
        "test_every_way_of_a_measure_is_exact_in_a_scan",
        "test_a_measure_survives_the_way_into_a_store",
    ),
    "a euclidean distance through an inner product finds nothing in a graph": (
        "test_a_distance_through_an_inner_product_is_never_tried_in_a_graph",
    ),
    "an inner product through a distance loses neighbours in a graph": (
        "test_an_inner_product_through_a_distance_loses_and_is_not_taken",
    ),
    "a common offset ruins a graph (milvus#51821, hnswlib#74, lucene#12342)": (
        "test_a_common_offset_is_taken_off_where_it_ruins_a_graph",
    ),
    "no fixed rule is safe: what is not proven on the user's queries takes no name": (
        "test_what_cannot_be_proven_leaves_all_as_it_was",
        "test_a_killed_export_leaves_the_old_one_and_can_be_gone_on_with",
    ),
    "LanceDB's default index loses neighbours that only re-ranking brings back": (
        "test_what_the_default_index_of_lancedb_loses_is_named_with_what_helps",
        "test_the_effort_that_helps_is_named",
    ),
    "indexes look at too little by their own effort (hnswlib 10, faiss 16, pgvector 40)": (
        "test_the_effort_of_hnswlib_by_default_is_too_little_and_is_told",
        "test_an_index_that_looks_at_too_little_is_named_in_every_store",
        "test_a_planted_fault_is_named_without_knowing_which",
    ),
    "a live index loses, and nobody measures it": (
        "test_the_gate_is_held_and_told",
        "test_the_guide_shows_what_is_printed",
    ),
    "what is called distance or score: squared, negated, 1 - ip (weaviate#3385, dialog#134)": (
        "test_the_number_that_a_store_shows_is_put_into_words",
    ),
    "is higher better? (langchain#10864, #11587, #7590, langchain-community#427)": (
        "test_the_number_that_a_store_shows_is_put_into_words",
        "test_faiss",
    ),
    "faiss has no cosine: its inner product of vectors as they are is none (faiss#3187)": (
        "test_an_inner_product_of_vectors_as_they_are_is_no_cosine",
    ),
    "LangChain's FAISS with COSINE computes distances (langchain#17333, #18709)": ("test_faiss",),
    "lengths are lost by cosine: Qdrant, hnswlib (qdrant#2573, #4751, qdrant-client#298)": (
        "test_whether_lengths_are_lost_under_cosine_is_told",
        "test_hnswlib_loses_lengths_by_cosine_and_is_told",
        "test_lengths_are_lost_under_cosine_and_this_is_said",
        "test_verify_says_that_lengths_are_gone_and_what_it_costs",
    ),
    "cosine, and lengths kept all the same (k-NN#2242)": (
        "test_ids_and_what_is_known_of_items_come_back",
    ),
    "zero vectors: missing, last, first, or with a number of their own (sqlite-vec#8)": (
        "test_a_zero_vector_is_told",
        "test_zero_vectors_that_a_store_leaves_out_are_no_surprise",
        "test_zero_vectors_that_are_missing_are_named_in_every_store",
        "test_a_zero_vector_comes_first_by_the_cosine_of_sqlite_vec_and_export_avoids_it",
    ),
    "NaN is kept, refused, or first in every list": (
        "test_nan_comes_into_no_store",
        "test_nan_that_another_program_wrote_is_refused_by_the_store_or_named",
    ),
    "equal scores come in an order of the store's own": (
        "test_equal_vectors_count_in_whatever_order_the_store_lists_them",
        "test_how_a_store_orders_equal_vectors_is_told",
    ),
    "usearch keeps bf16 by default": (
        "test_usearch_keeps_bf16_by_default_and_is_told",
        "test_usearch_as_exported_keeps_float32",
    ),
    "numbers in half precision or bf16": (
        "test_planted_faults_are_named_in_every_store",
        "test_the_precision_of_usearch_is_named",
    ),
    "usearch ranks by cosine, Chroma, sqlite-vec and LanceDB by distance by default": (
        "test_usearch_ranks_by_cosine_unless_told_otherwise",
        "test_chroma_ranks_by_squared_distance_unless_told_otherwise",
        "test_sqlite_vec_ranks_by_distance_unless_told_otherwise",
        "test_a_metric_that_only_the_question_names_is_asked_for",
    ),
    "the question names the metric, and the collection does not": (
        "test_a_metric_that_only_the_question_names_is_asked_for",
        "test_without_an_index_the_question_is_named_and_not_guessed",
        "test_the_metric_of_a_file_of_hnswlib_is_named_and_not_guessed",
    ),
    "pgvector asked by another operator than its index's sorts the table": (
        "test_an_index_for_another_operator_does_not_answer",
    ),
    "pgvector of the wheel lacks a metric": (
        "test_a_pgvector_that_is_too_old_for_a_metric_says_which_is_needed",
    ),
    "sqlite-vec has no inner product": (
        "test_sqlite_vec_has_no_inner_product_and_export_prepares_for_distances",
    ),
    "sqlite-vec needs a Python whose SQLite loads extensions": (
        "test_a_python_whose_sqlite_loads_no_extension_is_told_what_to_install",
    ),
    "DuckDB scans where another function than its index's is asked": (
        "test_another_function_of_duckdb_scans_without_a_word_and_is_told",
    ),
    "DuckDB's vss is a wheel of another version than DuckDB's": (
        "test_an_extension_of_another_version_is_not_fetched",
    ),
    "Chroma and hnswlib have no scan": (
        "test_chroma_has_no_scan_and_export_says_so",
        "test_other_files_are_no_index_of_hnswlib",
    ),
    "Milvus calls squared distances L2, ranks by cosine without an index, keeps an id twice": (
        "test_l2_is_the_square_and_called_so",
        "test_a_collection_without_an_index_ranks_by_cosine_whatever_its_vectors_were_made_for",
        "test_an_id_that_is_written_twice_is_there_once",
    ),
    "Milvus Lite and Qdrant's local mode scan what they call an index": (
        "test_a_graph_is_told_only_where_one_was_built",
        "test_what_counts_as_indexed_and_is_scanned_is_called_a_scan",
    ),
    "zvec gives whole vectors back from an index of eight bits, and scans what is not optimised": (
        "test_a_quantised_index_is_told_since_its_vectors_come_back_whole",
        "test_what_was_not_optimised_is_scanned_and_so_it_is_said",
    ),
    "Elasticsearch takes unit vectors alone for dot_product, and quantises by default": (
        "test_a_server_that_scores_as_documented_ranks_as_the_measure",
        "test_elasticsearch_is_told_not_to_quantise",
        "test_a_zero_vector_which_cosine_refuses_is_prepared_in_another_way",
    ),
    "OpenSearch ranks by l2 unless told otherwise, and has a cosine by faiss since 2.19": (
        "test_opensearch_has_a_graph_by_faiss_or_a_scan_that_names_its_space",
    ),
    "item biases are columns of implicit's factors, and mixed into its cosine": (
        "test_named_biases",
        "test_products_of_the_space_are_the_scores_of_the_model",
    ),
    "the text format of word2vec loses the counts": (
        "test_gensim_keeps_the_counts_and_says_nothing_about_the_training",
    ),
}


def names_of_tests():
    files = [path for path in TESTS.rglob("test_*.py") if "golden" not in path.parts]
    found = {path.stem for path in files}
    for path in files:
        found |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))
    return found


def test_every_trap_has_its_tests():
    named = {name for tests in TRAPS.values() for name in tests}
    assert named <= names_of_tests()


def asked_by(place, metric):
    """What the address has to say, where only the question names the metric."""
    operators = {"dot": "%3C%23%3E", "cosine": "%3C%3D%3E", "euclidean": "%3C-%3E"}
    words = {"dot": "dot", "cosine": "cosine", "squared-euclidean": "l2"}
    if place.kind == "postgresql":
        return f"&operator={operators[metric]}"
    return f"?metric={words[metric]}" if place.kind == "lancedb" else ""


@FOUR
def test_an_inner_product_of_vectors_as_they_are_is_no_cosine(place):
    made = space(200)
    ids = [str(name) for name in made.items.ids]
    address = written(place("films"), "dot", made.items.vectors, ids) + asked_by(place, "dot")
    told = aw.probe(address)
    assert told.metric == "dot"
    result = aw.verify(address, made, "cosine")
    assert result.recall < 0.9
    assert "where cosine is due" in " ".join(result.reasons)


@FOUR
def test_an_index_for_another_operator_does_not_answer(place):
    if place.kind != "postgresql":
        pytest.skip("of PostgreSQL")
    made = space(3_000)
    address = written(place("films"), "cosine", made.items.vectors, index="graph")
    with open_store(address) as store:
        assert store.described().index.startswith("graph")
    with open_store(f"{address}&operator=%3C-%3E") as store:
        assert store.described().index == "scan"
    assert aw.probe(f"{address}&operator=%3C-%3E").index == "scan"


@FOUR
def test_a_metric_that_only_the_question_names_is_asked_for(place):
    address = written(place("films"), "dot", space(100).items.vectors)
    if place.kind == "postgresql":
        with pytest.raises(StoreError, match="the question names the operator"):
            aw.probe(address)
    elif place.kind == "lancedb":
        told = aw.probe(address)
        assert told.metric == "squared-euclidean"
        assert "the collection names no metric" in told.notes[0]
    else:
        assert aw.probe(address).metric == "dot"


@FOUR
def test_zero_vectors_that_a_store_leaves_out_are_no_surprise(place):
    """Under cosine LanceDB lists none and pgvector's have no number: another way is taken then."""
    made = space(30)
    x = made.items.vectors.copy()
    x[:25] = 0
    made = aw.Space(queries=made.queries, items=aw.Embeddings(x, made.items.ids))
    result = aw.export(made, "cosine", place("films"), index="scan")
    assert result.recall == 1
    leaves_out = place.kind in {"lancedb", "postgresql"}
    assert (result.way == "unit vectors, dot") == (leaves_out or place.kind == "faiss")
    assert (len(result.attempts) > 1) == leaves_out


def test_nan_comes_into_no_store():
    for number in (np.nan, np.inf):
        with pytest.raises(aw.AnglewiseError):
            aw.Embeddings([[1.0, number]])


def test_what_the_default_index_of_lancedb_loses_is_named_with_what_helps(tmp_path):
    """Codes of a product quantiser: more of it, or of nprobes, brings nothing back."""
    import lancedb
    from lancedb.index import IvfPq

    made = lognormal(4_000)
    x = made.items.vectors.astype(np.float32)
    rows = [{"id": str(i), "vector": row} for i, row in enumerate(x)]
    table = lancedb.connect(str(tmp_path)).create_table("films", rows)
    table.create_index("vector", config=IvfPq(distance_type="dot"))
    numbered = aw.Space(
        queries=made.queries, items=aw.Embeddings(x, [row["id"] for row in rows]), trained_for="dot"
    )
    told = aw.verify(f"lancedb://{tmp_path}/films", numbered, "dot")
    assert told.recall < 0.95
    (reason,) = told.reasons
    assert "looks at too little at the store's own refine_factor: with refine_factor " in reason


def graph_recall(way, made, exact, tmp_path, name):
    """The recall of faiss's graph, at its default effort and at much more."""
    address = read_address(f"faiss://{tmp_path}/{name}.index")
    rows = np.arange(len(made.items), dtype=np.int64)
    dimension = way.items(rows[:1]).shape[1]
    metric = way.word(store_class("faiss").supported)
    store = store_class("faiss").create(address, Layout(dimension, metric, "graph"))
    store.add([str(i) for i in made.items.ids], way.items(rows))
    store.finish()
    return [
        float(exact.asked(store, way, effort).first(by_score=False).recall.mean())
        for effort in ({}, {"ef": 256})
    ]


def lists_of(made, spelling):
    rows = np.arange(len(made.queries), dtype=np.int64)
    return ExactLists.of(made, measure(spelling), "queries-items", rows, 10)


def ways_of(made, spelling):
    return {w.name: w for w in reductions(measure(spelling), made, "queries-items")}


def lognormal(items=5_000, dimension=32, offset=0.0):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(items, dimension)) * rng.lognormal(0, 0.3, (items, 1))
    x = x + offset * rng.normal(size=dimension)
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(50, dimension))),
        items=aw.Embeddings(x),
        trained_for="dot",
    )


def test_a_distance_through_an_inner_product_is_never_tried_in_a_graph(tmp_path):
    made = lognormal(2_000)
    exact, ways = lists_of(made, "euclidean"), ways_of(made, "euclidean")
    way = ways["one coordinate more, dot"]
    assert way.scan_only
    assert max(graph_recall(way, made, exact, tmp_path, "trap")) < 0.5
    result = aw.export(made, "euclidean", f"faiss://{tmp_path}/x.index")
    assert {attempt.way for attempt in result.attempts} == {"euclidean"}


def test_an_inner_product_through_a_distance_loses_and_is_not_taken(tmp_path):
    made = lognormal()
    exact, ways = lists_of(made, "dot"), ways_of(made, "dot")
    lost = graph_recall(ways["one coordinate more, euclidean"], made, exact, tmp_path, "trap")
    assert max(lost) < 0.9
    result = aw.export(made, "dot", f"faiss://{tmp_path}/x.index")
    assert (result.way, result.metric) == ("dot", "dot")
    assert result.recall >= 0.98


def test_a_common_offset_is_taken_off_where_it_ruins_a_graph(tmp_path):
    made = lognormal(offset=3.0)
    exact, ways = lists_of(made, "dot"), ways_of(made, "dot")
    assert max(graph_recall(ways["dot"], made, exact, tmp_path, "trap")) < 0.9
    result = aw.export(made, "dot", f"faiss://{tmp_path}/x.index")
    assert result.way.startswith("centred")
    assert result.recall >= 0.98
