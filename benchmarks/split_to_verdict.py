"""From a table of interactions to a verdict on a foreign model: split, train three times, judge.

    python benchmarks/split_to_verdict.py [../shared/data/ml-100k/interactions.csv.gz]

Prints each command and what it prints: the figures of docs/start/recommender.md. Needs
`pip install implicit`.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEEDS = range(3)
ANGLEWISE = [sys.executable, "-c", "import sys; from anglewise.cli import main; sys.exit(main())"]


def run(folder: Path, shown: str) -> None:
    """Run a command in a folder and print both it and what it prints."""
    words = shlex.split(shown)
    command = (
        [sys.executable, str(ROOT / words[1]), *words[2:]]
        if words[0] == "python"
        else [*ANGLEWISE, *words[1:]]
    )
    print(f"$ {shown}")
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 the commands below
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout)


def main() -> None:
    """Run the whole way on one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "table", type=Path, nargs="?", default=Path("../shared/data/ml-100k/interactions.csv.gz")
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ratings.csv.gz").symlink_to(options.table.resolve())
        run(folder, "anglewise holdout ratings.csv.gz -o split/ --min-weight 4 --k-core 5 --quiet")
        for seed in SEEDS:
            run(folder, f"python examples/train_als.py split/ als-{seed}.npz --seed {seed}")
        run(folder, "anglewise compare --protocol split/ --model als-0.npz --quiet")
        models = " ".join(f"als-{seed}.npz" for seed in SEEDS)
        run(folder, f"anglewise compare --protocol split/ --trainings {models} --quiet")


if __name__ == "__main__":
    main()
