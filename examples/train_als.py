"""Train ALS of implicit on a split that `anglewise holdout` wrote, and save its factors.

    pip install implicit
    anglewise holdout ratings.csv -o split/
    python examples/train_als.py split/ als.npz --seed 0
    anglewise compare --protocol split/ --model als.npz

Rows are those of train.npz, so no id is mapped anywhere. Where the split holds users out, their
vectors stand behind those of the others, folded in by implicit itself.
"""

import argparse
from pathlib import Path

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix, load_npz


def used(path: Path) -> csr_matrix:
    """Who used what, every use counting 1."""
    table = csr_matrix(load_npz(path), dtype=np.float32)
    table.data[:] = 1
    return table


def main() -> None:
    """Train, fold held-out users in where there are any, and save all vectors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("split", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factors", type=int, default=64)
    options = parser.parse_args()
    model = AlternatingLeastSquares(
        factors=options.factors, regularization=0.01, random_state=options.seed, num_threads=1
    )
    model.fit(used(options.split / "train.npz"), show_progress=False)
    users = model.user_factors
    if (options.split / "fold-in.npz").exists():
        shown = used(options.split / "fold-in.npz")
        folded = model.recalculate_user(np.arange(shown.shape[0]), shown)
        users = np.concatenate([users, folded])
    np.savez(options.output, user_factors=users, item_factors=model.item_factors)


if __name__ == "__main__":
    main()
