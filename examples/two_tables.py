"""Make two parquet files, questions and documents, of vectors, ids and texts.

    python examples/two_tables.py q.npy q.txt queries.jsonl d.npy d.txt corpus.jsonl.gz

Whoever has vectors in a warehouse or a notebook has such files: columns ``id``, ``vector`` and
``text``.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main(paths: list[str]) -> None:
    """Write questions.parquet and documents.parquet here."""
    for name, (vectors, ids, texts) in {
        "questions.parquet": paths[:3],
        "documents.parquet": paths[3:],
    }.items():
        rows = np.load(vectors).astype(np.float32)
        words = texts_of(Path(texts))
        names = Path(ids).read_text().split()
        table = {
            "id": names,
            "vector": pa.FixedSizeListArray.from_arrays(rows.ravel(), rows.shape[1]),
            "text": [words[name] for name in names],
        }
        pq.write_table(pa.table(table), name)
        print(f"{name}: {len(names):,} rows of {rows.shape[1]} dimensions")


def texts_of(path: Path) -> dict[str, str]:
    """From id to title and text, of a file with one JSON object a line."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = map(json.loads, lines)
        return {row["_id"]: f"{row.get('title') or ''} {row['text']}".strip() for row in rows}


if __name__ == "__main__":
    main(sys.argv[1:])
