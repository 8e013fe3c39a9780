"""Dumps that people have are read as what they are, which is said and can be contradicted."""

import base64
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import anglewise as aw
import dumped_vectors
from anglewise.cli.inputs import label_of
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.errors import AnglewiseError, FileError, ShapeError, SpellingError, ValuesError
from cli_run import anglewise, refused
from good_files import IDS, TITLES, X

__all__ = ["anglewise"]


@pytest.mark.parametrize("maker", dumped_vectors.NAMED, ids=lambda maker: maker.__name__)
def test_every_dump_gives_the_same_vectors_under_the_same_ids(tmp_path, maker):
    said = []
    space = aw.read_space(maker(tmp_path), say=said.append)
    np.testing.assert_array_equal(space.items.vectors, X)
    assert space.items.ids.tolist() == IDS
    assert any("as the ids of" in sentence for sentence in said)
    if maker in dumped_vectors.TITLED:
        assert list(space.items.metadata["title"].to_pylist()) == TITLES


@pytest.mark.parametrize(
    ("maker", "words"),
    [
        (dumped_vectors.openai_batch, "OpenAI's endpoint"),
        (dumped_vectors.qdrant_scroll, "points of Qdrant"),
        (dumped_vectors.qdrant_points, "points of Qdrant"),
        (dumped_vectors.pinecone, "vectors of Pinecone"),
        (dumped_vectors.weaviate, "objects of Weaviate"),
        (dumped_vectors.milvus, "rows of Milvus"),
        (dumped_vectors.chroma, "Chroma's get"),
        (dumped_vectors.copy_text_called_txt, "COPY of PostgreSQL"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_what_a_dump_was_taken_for_is_said_unless_somebody_says_it(tmp_path, maker, words):
    path, said = maker(tmp_path), []
    aw.read_space(path, say=said.append)
    [guess] = [sentence for sentence in said if words in sentence]
    assert "--vector-format" in guess
    kind = next(
        k
        for k in ("openai", "qdrant", "pinecone", "weaviate", "milvus", "chroma", "copy")
        if k in guess.lower()
    )
    said.clear()
    assert len(aw.read_space(path, vector_format=kind, say=said.append).items) == len(X)
    assert not [sentence for sentence in said if "--vector-format" in sentence]


def test_a_guess_can_be_contradicted(tmp_path):
    path = tmp_path / "items.jsonl"
    rows = [
        {"id": i, "values": v, "metadata": {"a": 1}} for i, v in zip(IDS, X.tolist(), strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert aw.read_space(path).items.metadata_columns == ["a"]
    as_table = aw.read_space(path, vector_format="table")
    assert as_table.items.metadata_columns == ["metadata"]
    with pytest.raises(AnglewiseError, match="no embedding came"):
        aw.read_space(path, vector_format="openai")


def test_cells_of_copy_are_as_they_were_before_they_were_escaped(tmp_path):
    items = aw.read_space(dumped_vectors.copy_text(tmp_path)).items
    assert items.metadata["column 3"].to_pylist()[0] == "a\tb \\ Alien"
    assert items.metadata["column 4"].to_pylist() == [None] * len(X)


def test_of_a_dump_with_two_tables_of_vectors_neither_is_guessed(tmp_path):
    path = dumped_vectors.pg_dump(tmp_path)
    path.write_text(path.read_text() * 2)
    with pytest.raises(FileError, match=r"all hold vectors, .* write one table"):
        aw.read_space(path)


def test_one_of_several_named_vectors_is_asked_for(tmp_path):
    path = tmp_path / "points.jsonl"
    sparse = {"indices": [0], "values": [1.0]}
    rows = [
        {"id": n, "payload": {"text": i}, "vector": {"text": v, "image": v[:2], "bm25": sparse}}
        for n, (i, v) in enumerate(zip(IDS, X.tolist(), strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(FileError, match=r"vector.text, image; name the vectors: vector_column"):
        aw.read_space(path)
    said = []
    assert aw.read_space(path, vector_column="image", say=said.append).items.dimension == 2
    assert "points.jsonl: sparse vectors (bm25) are not read" in said
    np.testing.assert_array_equal(aw.read_space(path, vector_column="vector.text").items.vectors, X)


def test_several_embeddings_of_one_request_bear_its_id_and_their_number(tmp_path):
    data = [{"index": n, "embedding": v} for n, v in enumerate(X.tolist())]
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps({"custom_id": "doc", "response": {"body": {"data": data}}}) + "\n")
    assert aw.read_space(path).items.ids.tolist() == [f"doc-{n}" for n in range(5)]


def test_a_request_that_failed_is_named_and_not_passed_over(tmp_path):
    path = dumped_vectors.openai_batch(tmp_path)
    lines = path.read_text().splitlines()
    lines[2] = json.dumps({"custom_id": "c", "response": None, "error": {"message": "too long"}})
    path.write_text("\n".join(lines))
    with pytest.raises(ValuesError, match=r"line 3: no embedding came for 'c' .*too long"):
        aw.read_space(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p.update(vector=None), "record 2 .*the vector is missing"),
        (lambda p: p.update(vector=[1, 2]), "record 2 .*a vector of 2 numbers where the first"),
        (lambda p: p.update(vector=[1, 2, None]), "record 2 .*is no list of numbers"),
        (lambda p: p.update(vector=[1, 2, float("nan")]), "row 2 holds NaN"),
        (lambda p: p.update(vector="AAAA"), "record 2 .*is no list of numbers"),
        (lambda p: p.update(vector=[1, 2, 10**400]), "record 2 .*is no list of numbers"),
        (lambda p: p.update(payload={"title": "\ud800"}), "cannot be read as text in UTF-8"),
        (lambda p: p.update(payload={"\ud800": 1}), "cannot be read as text in UTF-8"),
        (lambda p: p.update(id="\ud800"), "cannot be read as ids in UTF-8"),
        (lambda p: p.update(id=None), "record 2 .*the id .* is empty"),
        (lambda p: p.update(id=[1]), "record 2 .*an id is text or a whole number"),
        (lambda p: p.update(id="a"), "make ids unique"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path, change, says):
    path = dumped_vectors.qdrant_scroll(tmp_path)
    content = json.loads(path.read_text())
    change(content["result"]["points"][2])
    path.write_text(json.dumps(content))
    with pytest.raises(AnglewiseError, match=says):
        aw.read_space(path)


def test_metadata_that_fits_no_column_is_named(tmp_path):
    path, said = tmp_path / "p.json", []
    points = [
        {"id": n, "vector": v, "payload": {"tags": ["x"], "year": n, "mixed": n or "none"}}
        for n, v in enumerate(X.tolist())
    ]
    path.write_text(json.dumps({"points": points}))
    assert aw.read_space(path, say=said.append).items.metadata_columns == ["year"]
    assert any("tags, mixed is not read" in sentence for sentence in said)


def test_text_that_is_no_vector_is_named_by_its_line(tmp_path):
    path = dumped_vectors.pgvector_csv(tmp_path)
    for cell, says in (
        ("[1,2,x]", "line 4: .* is no vector"),
        ("[1 2 ... 3]", "NumPy has cut it short"),
        ("[1,2", "line 4: .* is no vector"),
        ("[1,2,\u0663]", "line 4: .* is no vector"),
        ("", "line 4: the vector is missing"),
        ("[1,2]", "line 4: a vector of 2 numbers"),
        ("[1,nan,2]", "row 2 holds NaN"),
        ("\\N", "say copy"),
    ):
        lines = path.read_text().splitlines()
        lines[3] = f'c,"{cell}",Cube'
        broken = tmp_path / "broken.csv"
        broken.write_text("\n".join(lines) + "\n")
        with pytest.raises(AnglewiseError, match=says):
            aw.read_space(broken)


def test_a_sparse_vector_of_pgvector_counts_its_columns_from_one(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('id,v\na,"{1:0.5,3:2}/4"\nb,"{}/4"\nc,"{4:1}/4"\n')
    items = aw.read_space(path).items
    assert isinstance(items, SparseVectors)
    rows = items.rows
    assert (rows.rows.tolist(), rows.indices.tolist()) == ([0, 0, 2], [0, 2, 3])
    for cell, says in (
        ("{5:1}/4", "no entry"),
        ("{0:1}/4", "no entry"),
        ("{1:1}/5", "5 columns where the first has 4"),
        ("{1:1,1:2}/4", "no entry"),
        ("{1:1}/99999999999999999999", r"allowed|columns where"),
    ):
        path.write_text(f'id,v\na,"{{1:0.5,3:2}}/4"\nb,"{cell}"\n')
        with pytest.raises(AnglewiseError, match=says):
            aw.read_space(path)
    path.write_text('id,v\na,"{1:1}/9999999999999"\nb,"{1:1}/9999999999999"\n')
    with pytest.raises(FileError, match="are allowed"):
        aw.read_space(path)


def test_hostile_sizes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    with pytest.raises(FileError, match=r"deep|allowed"):
        aw.read_space(deep)
    wide = tmp_path / "wide.json"
    wide.write_text("[" + "{}," * 200_000 + "{}]")
    with pytest.raises(FileError, match="are allowed"):
        aw.read_space(wide)
    keys = tmp_path / "keys.jsonl"
    rows = [{"id": n, "payload": {f"k{n}": 1}, "vector": [1.0, 2.0]} for n in range(700)]
    keys.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(FileError, match="are allowed"):
        aw.read_space(keys)


def test_embeddings_in_base64_are_checked(tmp_path):
    path = tmp_path / "o.jsonl"
    for text in ("AAA", "éé", base64.b64encode(b"abc").decode()):
        data = [{"index": 0, "embedding": text}]
        path.write_text(json.dumps({"custom_id": "a", "response": {"body": {"data": data}}}))
        with pytest.raises(ValuesError, match="line 1: the embedding is text that is no float32"):
            aw.read_space(path)


def test_a_format_that_is_none_is_refused(tmp_path, anglewise):
    path = dumped_vectors.pgvector_csv(tmp_path)
    with pytest.raises(SpellingError, match="'pgvector' is no format of vectors: numbers, bits"):
        aw.read_space(path, vector_format="pgvector")
    for text in (
        "int8(scale=0)",
        "int8(scale=1,scale=2)",
        "int8(offset=1)",
        "bits(scale=1)",
        "int8()",
    ):
        with pytest.raises(SpellingError):
            aw.read_space(path, vector_format=text)
    refused(anglewise("audit", path, "--vector-format", "bit"), "is no format of vectors")
    aw.write_space(aw.Space(items=X), tmp_path / "space")
    with pytest.raises(SpellingError, match="says that itself"):
        aw.read_space(tmp_path / "space", vector_format="bits")


def test_a_command_reads_a_dump(tmp_path, anglewise):
    run = anglewise("search", dumped_vectors.openai_batch(tmp_path), "--query", "a", "-k", "2")
    assert run.code == 0
    assert "OpenAI" in run.err
    assert label_of(tmp_path / "x.json") == "x.json"


BITS = np.random.default_rng(0).integers(0, 2, size=(6, 16)).astype(bool)
CODES = np.random.default_rng(1).integers(-128, 128, size=(6, 4)).astype(np.int8)


def byte_files(folder, array):
    """The same array of bytes in every kind of file that holds such."""
    from safetensors.numpy import save_file

    np.save(folder / "x.npy", array)
    np.savez(folder / "x.npz", items=array)
    save_file({"items": array}, folder / "x.safetensors")
    cells = pa.array(array.tolist(), pa.list_(pa.from_numpy_dtype(array.dtype)))
    parquet.write_table(
        pa.table({"id": [f"{n}" for n in range(len(array))], "v": cells}),
        folder / "x.parquet",
        row_group_size=4,
    )
    return [folder / f"x.{end}" for end in ("npy", "npz", "safetensors", "parquet")]


@pytest.mark.parametrize("array", [np.packbits(BITS, axis=1), CODES], ids=["bits", "codes"])
def test_numbers_of_eight_bits_are_asked_about(tmp_path, array):
    for path in byte_files(tmp_path, array):
        with pytest.raises(FileError, match=r"eight bits .*bits.*int8\(scale=S,offset=O\)"):
            aw.read_space(path)
        read = aw.read_space(path, vector_format="numbers").items.vectors
        np.testing.assert_array_equal(read, array)


def test_packed_bits_are_ones_and_minus_ones_with_a_sign_or_without(tmp_path):
    due = np.where(BITS, 1, -1)
    packed = np.packbits(BITS, axis=1)
    signed = (packed.astype(np.int16) - 128).astype(np.int8)  # as sentence-transformers has it
    for array in (packed, signed):
        for path in byte_files(tmp_path, array):
            read = aw.read_space(path, vector_format="bits").items.vectors
            np.testing.assert_array_equal(read, due)


def test_bits_rank_by_the_number_of_those_that_differ(tmp_path):
    np.save(tmp_path / "x.npy", np.packbits(BITS, axis=1))
    space = aw.read_space(tmp_path / "x.npy", vector_format="bits")
    found = aw.search(space, "dot", k=5)["dot"]
    for row, (items, scores) in enumerate(zip(found.indices, found.scores, strict=True)):
        differing = (BITS[row] != BITS[items]).sum(axis=1)
        np.testing.assert_array_equal(scores, BITS.shape[1] - 2 * differing)


def test_codes_stand_for_the_numbers_of_their_scale(tmp_path):
    for path in byte_files(tmp_path, CODES):
        read = aw.read_space(path, vector_format="int8(scale=0.5,offset=-2)").items.vectors
        np.testing.assert_array_equal(read, CODES * 0.5 - 2)
        with pytest.raises(FileError, match="nothing beside the codes says their scale"):
            aw.read_space(path, vector_format="int8")


@pytest.mark.parametrize(
    ("beside", "due"),
    [
        ({"scale": np.float32(0.25)}, CODES * 0.25),
        ({"scale": [0.25], "zero_point": np.int8(3)}, (CODES - 3.0) * 0.25),
        ({"scales": [1.0, 2, 3, 4]}, CODES * [1.0, 2, 3, 4]),
        ({"item_scales": np.arange(1.0, 7)[:, None]}, CODES * np.arange(1.0, 7)[:, None]),
        ({"scale": np.arange(1.0, 7)}, CODES * np.arange(1.0, 7)[:, None]),
        ({"ranges": [[-1.0] * 4, [1.0] * 4]}, (CODES + 128.0) * 2 / 255 - 1),
    ],
)
def test_a_scale_in_the_file_is_taken_and_said(tmp_path, beside, due):
    np.savez(tmp_path / "x.npz", items=CODES, **beside)
    said = []
    read = aw.read_space(tmp_path / "x.npz", say=said.append).items.vectors
    np.testing.assert_allclose(read, due, rtol=1e-6, atol=1e-6)
    assert any("scale of its numbers of eight bits" in sentence for sentence in said)
    raw = aw.read_space(tmp_path / "x.npz", vector_format="numbers").items.vectors
    np.testing.assert_array_equal(raw, CODES)


def test_a_scale_that_fits_neither_rows_nor_columns_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", items=CODES, scale=[1.0, 2, 3])
    with pytest.raises(FileError, match=r"'scale' of shape \(3,\) beside codes of shape \(6, 4\)"):
        aw.read_space(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", items=CODES[:4], scale=[1.0, 2, 3, 4])
    with pytest.raises(FileError, match="one for each column, or rows x 1"):
        aw.read_space(tmp_path / "y.npz")


def test_queries_stay_as_they_are_where_items_are_bits(tmp_path):
    np.save(tmp_path / "items.npy", np.packbits(BITS, axis=1))
    np.save(tmp_path / "queries.npy", np.random.default_rng(2).normal(size=(3, 16)))
    said = []
    space = aw.read_space(
        items=tmp_path / "items.npy",
        queries=tmp_path / "queries.npy",
        vector_format="bits",
        say=said.append,
    )
    assert set(np.unique(space.items.vectors)) == {-1, 1}
    assert any("queries.npy holds float64" in s and "read as it is" in s for s in said)
    with pytest.raises(SpellingError, match="leave it out"):
        aw.read_space(tmp_path / "queries.npy", vector_format="bits")


def test_whole_numbers_that_would_fit_into_a_byte_are_said(tmp_path):
    said = []
    np.save(tmp_path / "x.npy", CODES.astype(np.int64))
    aw.read_space(tmp_path / "x.npy", say=said.append)
    assert any("all numbers are whole" in sentence for sentence in said)
    said.clear()
    np.save(tmp_path / "y.npy", np.arange(12).reshape(4, 3))
    aw.read_space(tmp_path / "y.npy", say=said.append)
    assert not any("all numbers are whole" in sentence for sentence in said)


def test_packed_bits_of_another_shape_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(ShapeError, match="rows x bytes"):
        aw.read_space(tmp_path / "x.npy", vector_format="bits")


def test_vectors_of_ever_new_names_are_refused_before_there_are_columns(tmp_path):
    """Each point brings 200 names of its own: a table of them would be made of gaps."""
    points = [
        {"id": i, "vector": {f"{j}_{i}": [1.0] for j in range(200)}, "payload": {}}
        for i in range(300)
    ]
    path = tmp_path / "points.json"
    path.write_text(json.dumps({"result": {"points": points}}))
    with pytest.raises(FileError, match="holds"):
        aw.read_space(path)
