"""Make questions that one vector a text cannot answer, and see keyword search answer them.

    pip install 'anglewise[text,bm25]'
    python examples/limit.py

Forty-six people like forty-five things each, and every two of them share exactly one: so 1,035
questions "Who likes ...?" have two right answers each, and every pair of people is the answer to
one of them. Vectors of a given length have room for the pairs of so many texts and no more, and
encoders in use fail on far fewer: Weller, Boratko, Naim and Lee, "On the Theoretical Limitations of
Embedding-Based Retrieval", 2025, whose data set LIMIT is built so. Words have room.
With a folder as argument the set is kept there in texts/, as BEIR lays it out, and its vectors in
space/.
"""

import json
import sys
import tempfile
from itertools import combinations, product
from pathlib import Path

import numpy as np

from anglewise.cli import main as anglewise

FIRST = "Ada Bo Cem Dora Emil Faye Gus Hana Ilse Jon Kofi Lena Milo Nora Omar Pia"
LAST = "Abara Brandt Costa"
KINDS = (
    "apple fire glass gold honey iron moon night paper rain river salt sand sea silk silver snow "
    "star stone sun wind wood wool"
)
THINGS = (
    "almonds bags bands baskets beads bells birds boats bonnets books bowls boxes bread buttons "
    "cakes candles caps carpets chairs clocks coats coins combs crowns cups dolls drums fans figs "
    "fish flags flutes gloves hats jars kites lamps maps masks plates quilts rings shells shoes "
    "spoons"
)
PEOPLE = 46


def likes(seed: int = 0) -> list[tuple[str, tuple[int, int]]]:
    """What is liked, each thing by two people, and every two people like one thing together."""
    things = [f"{kind}{thing}" for kind, thing in product(KINDS.split(), THINGS.split())]
    in_order = np.random.default_rng(seed).permutation(things).tolist()
    return list(zip(in_order, combinations(range(PEOPLE), 2), strict=True))


def write(folder: Path, seed: int = 0) -> None:
    """Write the people, the questions, and who is right."""
    rng, shared = np.random.default_rng(seed), likes(seed)
    names = [f"{first} {last}" for first, last in product(FIRST.split(), LAST.split())][:PEOPLE]
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for person, name in enumerate(names):
        own = rng.permutation([thing for thing, pair in shared if person in pair]).tolist()
        text = f"{name} likes {', '.join(own[:-1])} and {own[-1]}."
        corpus.append({"_id": f"p{person}", "text": text})
    for number, (thing, pair) in enumerate(shared):
        queries.append({"_id": f"q{number}", "text": f"Who likes {thing}?"})
        qrels += [f"q{number}\tp{person}\t1" for person in pair]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")


def main(folder: Path) -> int:
    """Write the set into a folder, encode it, and compare vectors, words and both together."""
    texts, space = folder / "texts", str(folder / "space")
    write(texts)
    qrels = str(texts / "qrels" / "test.tsv")
    encoding = ["encode", str(texts), "-o", space, "--encoder", "use", "--no-cache", "--quiet"]
    candidates = "cosine,cosine@centred,bm25,fusion(bm25,cosine)"
    comparing = ["compare", space, "--qrels", qrels, "--measures", candidates, "--metric", "R@2"]
    return anglewise(encoding) or anglewise([*comparing, "--quiet"])


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as made:
        sys.exit(main(Path(made)))
