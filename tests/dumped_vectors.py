"""The vectors of ``good_files`` as databases, stores and endpoints dump them."""

import base64
import gzip
import json

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from good_files import IDS, TITLES, X

ROWS = list(zip(IDS, X.tolist(), TITLES, strict=True))


def bracketed(vector):
    return "[" + ",".join(f"{number:g}" for number in vector) + "]"


def pgvector_csv(folder):
    lines = ["id,embedding,title", *(f'{i},"{bracketed(v)}",{t}' for i, v, t in ROWS)]
    return _text(folder / "items.csv", lines)


def pgvector_csv_without_header(folder):
    return _text(folder / "items.csv", [f'{i},"{bracketed(v)}",{t}' for i, v, t in ROWS])


def pgvector_csv_packed(folder):
    path = folder / "items.csv.gz"
    path.write_bytes(gzip.compress(pgvector_csv(folder).read_bytes()))
    return path


def arrays_csv(folder):
    cells = ["{" + bracketed(v)[1:-1] + "}" for v in X.tolist()]
    return _text(
        folder / "items.csv", ["id;emb", *(f"{i};{c}" for i, c in zip(IDS, cells, strict=True))]
    )


def numpy_csv(folder):
    return _text(folder / "items.csv", ["id,emb", *(f"{i},{np.array(v)}" for i, v, _ in ROWS)])


def pgvector_tsv(folder):
    return _text(
        folder / "items.tsv",
        ["id\tvector\ttitle", *(f"{i}\t{bracketed(v)}\t{t}" for i, v, t in ROWS)],
    )


def copy_text(folder):
    return _text(
        folder / "items.copy", [f"{i}\t{bracketed(v)}\ta\\tb \\\\ {t}\t\\N" for i, v, t in ROWS]
    )


def copy_text_called_txt(folder):
    return copy_text(folder).rename(folder / "items.txt")


def pg_dump(folder):
    lines = ["SET client_encoding = 'UTF8';", "COPY public.users (id, name) FROM stdin;"]
    lines += ["1\tann", "\\.", "", "COPY public.items (id, title, embedding) FROM stdin;"]
    lines += [f"{i}\t{t}\t{bracketed(v)}" for i, v, t in ROWS]
    return _text(folder / "dump.sql", [*lines, "\\.", "", "SELECT 1;"])


def parquet_of_texts(folder):
    path = folder / "items.parquet"
    vectors = [bracketed(v) for v in X.tolist()]
    parquet.write_table(pa.table({"id": IDS, "embedding": vectors, "title": TITLES}), path)
    return path


def openai_batch(folder):
    return _lines(folder, [_answer(i, v) for i, v, _ in ROWS])


def openai_base64(folder):
    rows = [(i, base64.b64encode(np.array(v, "<f4").tobytes()).decode()) for i, v, _ in ROWS]
    return _lines(folder, [_answer(i, v) for i, v in rows])


def _answer(name, embedding):
    data = [{"object": "embedding", "index": 0, "embedding": embedding}]
    body = {"object": "list", "data": data, "model": "m"}
    response = {"status_code": 200, "body": body}
    return {"id": f"r-{name}", "custom_id": name, "response": response, "error": None}


def qdrant_scroll(folder):
    points = [{"id": i, "payload": {"title": t}, "vector": v} for i, v, t in ROWS]
    return _json(folder, {"result": {"points": points, "next_page_offset": None}, "status": "ok"})


def qdrant_points(folder):
    points = [{"id": i, "payload": {"title": t}, "vector": {"text": v}} for i, v, t in ROWS]
    return _lines(folder, points)


def pinecone(folder):
    vectors = [{"id": i, "values": v, "metadata": {"title": t}} for i, v, t in ROWS]
    return _json(folder, {"vectors": vectors, "namespace": ""})


def pinecone_fetched(folder):
    vectors = {i: {"id": i, "values": v, "metadata": {"title": t}} for i, v, t in ROWS}
    return _json(folder, {"vectors": vectors})


def weaviate(folder):
    objects = [{"class": "D", "id": i, "properties": {"title": t}, "vector": v} for i, v, t in ROWS]
    return _json(folder, {"objects": objects})


def milvus(folder):
    return _json(folder, {"rows": [{"id": i, "title": t, "vec": v} for i, v, t in ROWS]})


def chroma(folder):
    about = [{"title": t} for t in TITLES]
    return _json(
        folder, {"ids": IDS, "embeddings": X.tolist(), "metadatas": about, "documents": None}
    )


def records(folder):
    return _json(folder, [{"docno": i, "title": t, "vec": v} for i, v, t in ROWS])


TITLED = [
    *(pgvector_csv, pgvector_csv_packed, pgvector_tsv, pg_dump, parquet_of_texts),
    *(qdrant_scroll, qdrant_points, pinecone, pinecone_fetched, weaviate, milvus, chroma, records),
]
"""With titles under a name."""
NAMED = [
    *TITLED,
    *(pgvector_csv_without_header, arrays_csv, numpy_csv, copy_text, copy_text_called_txt),
    *(openai_batch, openai_base64),
]


def _json(folder, content):
    path = folder / "items.json"
    path.write_text(json.dumps(content))
    return path


def _lines(folder, rows):
    return _text(folder / "items.jsonl", [json.dumps(row) for row in rows])


def _text(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path
