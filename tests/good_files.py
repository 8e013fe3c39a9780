"""The same few vectors, interactions and judgements in every format that is read."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse
from pyarrow import feather, ipc, parquet
from safetensors.numpy import save_file

X = np.array([[1, 2, 3], [0.5, -4, 0], [0, 0, 0], [8, 1, -0.25], [2, 2, 2]], dtype=np.float32)
IDS = ["a", "b", "c", "d", "e"]
TITLES = ["Alien", "Brazil", "Cube", "Dune", "Enemy"]


def npy(folder):
    return _saved(folder / "items.npy", X)


def npy_half(folder):
    return _saved(folder / "items.npy", X.astype("f2"))


def npy_big_endian(folder):
    return _saved(folder / "items.npy", X.astype(">f8"))


def npy_fortran(folder):
    return _saved(folder / "items.npy", np.asfortranarray(X))


def npy_bytes(folder):
    return _saved(folder / "items.npy", np.packbits(X > 0.4, axis=0).T.repeat(4, axis=0))


def npy_packed(folder):
    return packed(npy(folder))


def npz(folder):
    path = folder / "items.npz"
    np.savez(path, vectors=X, ids=np.array(IDS))
    return path


def parquet_fixed(folder):
    path = folder / "items.parquet"
    parquet.write_table(table(pa.list_(pa.float32(), 3)), path)
    return path


def parquet_lists(folder):
    path = folder / "items.parquet"
    parquet.write_table(table(pa.list_(pa.float64())), path, row_group_size=2)
    return path


def parquet_packed(folder):
    return packed(parquet_fixed(folder))


def feather_file(folder):
    path = folder / "items.feather"
    feather.write_feather(table(pa.list_(pa.float16())), path)
    return path


def arrow_stream(folder):
    path = folder / "items.arrow"
    with ipc.new_stream(path, table(pa.list_(pa.float32(), 3)).schema) as writer:
        writer.write_table(table(pa.list_(pa.float32(), 3)))
    return path


def json_lines(folder):
    path = folder / "items.jsonl"
    rows = [
        json.dumps({"id": i, "embedding": x.tolist(), "title": t})
        for i, x, t in zip(IDS, X, TITLES, strict=True)
    ]
    path.write_text("\n".join(rows))
    return path


def safetensors(folder):
    path = folder / "items.safetensors"
    save_file({"embedding": X, "scale": np.ones(3, np.float32)}, path)
    return path


def word2vec_text(folder):
    return _words(folder, "items.vec", f"{len(X)} 3\n", " ", "\n")


def word2vec_text_as_the_tool_writes_it(folder):
    return _words(folder, "items.txt", f"{len(X)} 3\n", " ", " \n")


def glove(folder):
    return _words(folder, "items.txt", "", " ", "\n")


def word2vec_tabs(folder):
    return _words(folder, "items.vec", "", "\t", "\n")


def word2vec_binary(folder):
    path = folder / "items.bin"
    with path.open("wb") as file:
        file.write(f"{len(X)} 3\n".encode())
        for name, x in zip(IDS, X, strict=True):
            file.write(name.encode() + b" " + x.astype("<f4").tobytes() + b"\n")
    return path


def word2vec_binary_without_line_ends(folder):
    path = folder / "items.bin"
    rows = [n.encode() + b" " + x.astype("<f4").tobytes() for n, x in zip(IDS, X, strict=True)]
    path.write_bytes(f"{len(X)} 3\n".encode() + b"".join(rows))
    return path


def word2vec_binary_packed(folder):
    return packed(word2vec_binary(folder))


def saved_dataset(folder):
    """As save_to_disk lays a data set out."""
    path = folder / "items"
    path.mkdir()
    rows = table(pa.list_(pa.float32()))
    for part, (start, stop) in {"0": (0, 2), "1": (2, 5)}.items():
        with ipc.new_stream(path / f"data-{part}.arrow", rows.schema) as writer:
            writer.write_table(rows.slice(start, stop - start))
    files = [{"filename": "data-0.arrow"}, {"filename": "data-1.arrow"}]
    (path / "state.json").write_text(json.dumps({"_data_files": files}))
    return path


NAMELESS = [npy, npy_half, npy_big_endian, npy_fortran, npy_packed, safetensors]
NAMED = [npz, parquet_fixed, parquet_lists, parquet_packed, feather_file, arrow_stream]
NAMED += [json_lines, word2vec_text, word2vec_text_as_the_tool_writes_it, glove, word2vec_tabs]
NAMED += [word2vec_binary, word2vec_binary_without_line_ends, word2vec_binary_packed, saved_dataset]
TITLED = [parquet_fixed, parquet_lists, feather_file, arrow_stream, json_lines, saved_dataset]


OFFSETS = [0, 2, 3, 5]
"""The rows of ``X`` as the tokens of three items."""


def npz_tokens(folder):
    path = folder / "items.npz"
    np.savez(path, vectors=X, offsets=OFFSETS, ids=np.array(IDS[:3]))
    return path


def parquet_tokens(folder):
    path = folder / "items.parquet"
    kind = pa.list_(pa.list_(pa.float32()))
    cells = [X[a:b].astype(np.float32).tolist() for a, b in pairwise(OFFSETS)]
    columns = {"id": IDS[:3], "tokens": pa.array(cells, kind), "title": TITLES[:3]}
    parquet.write_table(pa.table(columns), path)
    return path


TOKENS = [npz_tokens, parquet_tokens]


def implicit_npz(folder):
    """As implicit's BPR saves itself: one column beyond the factors."""
    path = folder / "bpr.npz"
    ones = np.ones((len(X), 1), np.float32)
    biases = np.linspace(-1, 1, len(X), dtype=np.float32)[:, None]
    users, items = np.hstack([X, ones.astype(X.dtype)]), np.hstack([X, biases.astype(X.dtype)])
    np.savez(path, user_factors=users, item_factors=items, factors=X.shape[1])
    return path


def biased_npz(folder):
    """Arrays of LightFM: embeddings and biases apart."""
    path = folder / "lightfm.npz"
    biases = np.linspace(-1, 1, len(X), dtype=np.float32)
    np.savez(path, user_embeddings=X, item_embeddings=X, user_biases=biases, item_biases=-biases)
    return path


def spark_model(folder):
    """As Spark's ALS saves a model: a folder of parts for each side, ordered by nothing."""
    path = folder / "als"
    for side in ("userFactors", "itemFactors"):
        (path / side).mkdir(parents=True)
        for part, rows in enumerate(([3, 1], [0, 2, 4])):
            features = pa.array([X[row].tolist() for row in rows], pa.list_(pa.float32()))
            one = pa.table({"id": pa.array(rows, pa.int32()), "features": features})
            parquet.write_table(one, path / side / f"part-0000{part}-x.snappy.parquet")
    return path


MODELS = [implicit_npz, biased_npz, spark_model]


USERS = ["ann", "ann", "bob", "bob", "cid"]
ITEMS = ["x", "y", "x", "z", "y"]
RATINGS = [5.0, 3.0, 4.0, 1.0, 2.5]
TIMES = [10.0, 20.0, 30.0, 40.0, 50.0]


def csv(folder):
    return _lines(folder / "ratings.csv", "userId,movieId,rating,timestamp", ",")


def csv_packed(folder):
    return packed(csv(folder))


def csv_semicolons(folder):
    return _lines(folder / "ratings.csv", "user_id;item_id;rating;timestamp", ";")


def csv_quoted(folder):
    path = csv(folder)
    lines = [
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in path.read_text().splitlines()
    ]
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def csv_with_mark(folder):
    path = csv(folder)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def csv_without_header(folder):
    return _lines(folder / "ratings.csv", None, ",")


def tsv(folder):
    return _lines(folder / "ratings.tsv", "user\titem\trating\ttime", "\t")


def recbole(folder):
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    return _lines(folder / "small.inter", header, "\t")


def ratings_dat(folder):
    return _lines(folder / "ratings.dat", None, "::")


def u_data(folder):
    return _lines(folder / "u.data", None, "\t")


def interactions_parquet(folder):
    path = folder / "ratings.parquet"
    columns = {"uid": USERS, "asin": ITEMS, "stars": RATINGS, "ts": TIMES}
    parquet.write_table(pa.table(columns), path)
    return path


INTERACTIONS = [csv, csv_packed, csv_semicolons, csv_quoted, csv_with_mark, csv_without_header]
INTERACTIONS += [tsv, recbole, ratings_dat, u_data, interactions_parquet]


def sparse_matrix(folder, form="csr"):
    path = folder / "ratings.npz"
    matrix = scipy.sparse.coo_matrix((RATINGS, ([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])), shape=(3, 3))
    scipy.sparse.save_npz(path, matrix.asformat(form))
    return path


QRELS = [("q1", "a", 2), ("q1", "b", 0), ("q2", "c", 1), ("q3", "a", 0)]


def trec(folder):
    return _text(folder / "qrels.txt", [f"{q} 0 {d} {g}" for q, d, g in QRELS])


def trec_tabs(folder):
    return _text(folder / "qrels.trec", [f"{q}\tQ0\t{d}\t{g}" for q, d, g in QRELS])


def trec_ragged_blanks(folder):
    return _text(folder / "qrels.txt", [f" {q}   0\t{d} {g}  " for q, d, g in QRELS])


def beir(folder):
    rows = [f"{q}\t{d}\t{g}" for q, d, g in QRELS]
    return _text(folder / "test.tsv", ["query-id\tcorpus-id\tscore", *rows])


def beir_folder(folder):
    (folder / "beir" / "qrels").mkdir(parents=True)
    beir(folder / "beir" / "qrels")
    _text(folder / "beir" / "qrels" / "train.tsv", ["query-id\tcorpus-id\tscore", "q9\ta\t1"])
    return folder / "beir"


def qrels_csv(folder):
    rows = [f"{g},{q},{d}" for q, d, g in QRELS]
    return _text(folder / "qrels.csv", ["gain,query_id,item_id", *rows])


def qrels_three_columns(folder):
    return _text(folder / "qrels.csv", [f"{q},{d},{g}" for q, d, g in QRELS])


def qrels_parquet(folder):
    path = folder / "qrels.parquet"
    queries, items, gains = zip(*QRELS, strict=True)
    parquet.write_table(pa.table({"qid": queries, "docno": items, "rel": gains}), path)
    return path


def qrels_packed(folder):
    return packed(trec(folder))


JUDGEMENTS = [trec, trec_tabs, trec_ragged_blanks, beir, beir_folder, qrels_csv]
JUDGEMENTS += [qrels_three_columns, qrels_parquet, qrels_packed]


PAIRS = [("a", "b", 4.5), ("a", "c", 1.0), ("b", "c", 2.25)]


def pairs_csv(folder):
    return _text(folder / "pairs.csv", ["id_a,id_b,score", *(f"{a},{b},{s}" for a, b, s in PAIRS)])


def pairs_nameless(folder):
    return _text(folder / "pairs.tsv", [f"{a}\t{b}\t{s}" for a, b, s in PAIRS])


def pairs_packed(folder):
    return packed(pairs_csv(folder))


def triplets_csv(folder):
    return _text(folder / "triplets.csv", ["anchor,near,far", "a,b,c", "b,a,c"])


def triplets_parquet(folder):
    path = folder / "triplets.parquet"
    parquet.write_table(pa.table({"anchor": ["a"], "positive": ["b"], "negative": ["c"]}), path)
    return path


def labels_csv(folder):
    return _text(folder / "labels.csv", ["id,label", "a,fruit", "b,fruit", "c,tool"])


def labels_packed(folder):
    return packed(labels_csv(folder))


GRADED_PAIRS = [pairs_csv, pairs_nameless, pairs_packed]
TRIPLETS = [triplets_csv, triplets_parquet]
LABELS = [labels_csv, labels_packed]


def table(vectors) -> pa.Table:
    """Ids, vectors of the given list type, titles."""
    rows = X.astype(np.float16) if vectors.value_type == pa.float16() else X
    column = pa.array([list(x) for x in rows], vectors)
    return pa.table({"title": TITLES, "emb": column, "doc_id": IDS})


def packed(path: Path) -> Path:
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    return target


def _saved(path, array):
    np.save(path, array)
    return path


def _words(folder, name, header, blank, end):
    rows = [i + blank + blank.join(str(v) for v in x) for i, x in zip(IDS, X, strict=True)]
    (folder / name).write_text(header + "".join(row + end for row in rows))
    return folder / name


def _lines(path, header, delimiter):
    rows = zip(USERS, ITEMS, RATINGS, TIMES, strict=True)
    lines = [delimiter.join(str(cell) for cell in row) for row in rows]
    return _text(path, lines if header is None else [header, *lines])


def _text(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path
