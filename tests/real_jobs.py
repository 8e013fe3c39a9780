"""The same kind of jobs on real data, which no file of the project may hold: see ``record.py``."""

from pathlib import Path

import numpy as np

SHARED = Path(__file__).parents[2] / "shared" / "data"

ML_1M = ["fit", "ml-1m/interactions.csv.gz", "--item-table", "ml-1m/items.csv", "--penalty", "1000"]
CRANFIELD = ["--qrels", "cranfield/qrels.tsv", "--item-texts", "cranfield/corpus.jsonl.gz"]
SPACES = ["glove=vectors/glove", "paraphrase=vectors/paraphrase", "use=vectors/use"]
MEASURES = "dot,cosine,euclidean,norm(0,*),cosine@centred"

JOBS = {
    "fit": [*ML_1M, "-o", "written"],
    "fit-ease": ["fit", "movietweetings-100k/interactions.csv.gz", "-o", "ease",
                 "--min-weight", "7", "--objective", "factors", "--penalty", "20"],
    "compare-users": ["compare", "movies", "--direction", "queries-items", "--measures", MEASURES],
    "compare-items": ["compare", "movies", "--direction", "items-items",
                      "--measures", f"{MEASURES},cosine@data-space"],
    "compare-cranfield": ["compare", "vectors/paraphrase", *CRANFIELD, "--metrics", "R@100,AP@100",
                          "--measures", f"{MEASURES},csls(10),manhattan,cosine@adapted"],
    "compare-scifact": ["compare", "vectors/scifact", "--qrels", "scifact/qrels.tsv",
                        "--measures", "dot,cosine,euclidean,cosine@whitened", "--run-out", "runs"],
    "compare-pairs": ["compare", "pairs.csv", "--items", "vectors/use/items.npy",
                      "--item-ids", "vectors/use/items.txt"],
    "compare-triplets": ["compare", "triplets.csv", "--items", "vectors/glove/items.npy",
                         "--item-ids", "vectors/glove/items.txt"],
    "compare-spaces": ["compare", "--spaces", *SPACES, "--qrels", "cranfield/qrels.tsv",
                       "--variants", "int8"],
    "compare-sequential": ["compare", "vectors/paraphrase", *CRANFIELD, "--sequential"],
    "compare-unjudged": ["compare", "vectors/paraphrase", *CRANFIELD, "--unjudged"],
    "audit": ["audit", "small", "--runs", "small-other", "--sample", "1000"],
    "audit-vectors": ["audit", "vectors/paraphrase"],
    "remedy": ["remedy", "small", "--no-keep", "--budget", "1h",
               "--candidates", "cosine@centred,norm(0,*),product(1000): dot,ease(200)"],
    "search": ["search", "movies", "--query", "1", "--direction", "items-items"],
    "recommend": ["recommend", "movies", "--user", "1", "--explain"],
    "replay": ["replay", "ml-100k/interactions.csv.gz", "--measures", "dot,cosine,norm(0,0.5)"],
    "judge-lint": ["judge", "lint", "vectors/paraphrase", "--qrels", "cranfield/qrels.tsv"],
    "judge-power": ["judge", "power", "vectors/paraphrase", "--qrels", "cranfield/qrels.tsv"],
    "calibrate": ["calibrate", "vectors/use", "--qrels", "cranfield/qrels.tsv", "--measure", "dot"],
}  # fmt: skip

SMALL = ["fit", "ml-100k/interactions.csv.gz", "--components", "32", "--penalty", "500"]
BEFORE = [
    [*ML_1M, "-o", "movies"],
    [*SMALL, "-o", "small"],
    [*SMALL, "-o", "small-other", "--gauge", "item-orthonormal"],
]


def link(folder: Path) -> None:
    """Name the real data in a folder, and draw pairs and triplets of its judgements."""
    for data in SHARED.iterdir():
        (folder / data.name).symlink_to(data)
    vectors = {
        "glove": "cranfield/vectors/glove50-sum",
        "paraphrase": "cranfield/vectors/paraphrase-L3",
        "use": "cranfield/vectors/use",
        "scifact": "scifact/vectors/glove50-sum",
    }
    (folder / "vectors").mkdir()
    for name, place in vectors.items():
        (folder / "vectors" / name).symlink_to(SHARED / place)
    rows = [line.split() for line in (SHARED / "cranfield/qrels.tsv").read_text().splitlines()[1:]]
    liked: dict[str, list[str]] = {}
    for query, item, *_, gain in rows:
        if float(gain) > 0:
            liked.setdefault(query, []).append(item)
    rng, items = np.random.default_rng(0), sorted({row[1] for row in rows})
    pairs, triplets = ["id_a,id_b,score\n"], ["anchor,near,far\n"]
    for near in (names[:3] for names in liked.values() if len(names) > 2):
        far = items[rng.integers(len(items))]
        if far not in near:
            pairs += [f"{near[0]},{near[1]},1\n", f"{near[1]},{far},0\n"]
            triplets += [f"{near[0]},{near[1]},{far}\n"]
    (folder / "pairs.csv").write_text("".join(pairs))
    (folder / "triplets.csv").write_text("".join(triplets))
