"""Train a truncated SVD of scikit-learn on a split that `anglewise holdout` wrote, and save it.

    anglewise holdout ratings.csv -o split/ --how users
    python examples/train_svd.py split/ svd.npz --seed 0
    anglewise compare --protocol split/ --model svd.npz

Rows are those of train.npz, so no id is mapped anywhere. Users who are held out need no vectors
here: those of an SVD are a linear function of what they used, which is found again.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, load_npz
from sklearn.decomposition import TruncatedSVD


def main() -> None:
    """Train, and save the vectors of users and items."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("split", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factors", type=int, default=64)
    options = parser.parse_args()
    used = csr_matrix(load_npz(options.split / "train.npz"), dtype=np.float64)
    used.data[:] = 1  # every use counts 1
    model = TruncatedSVD(options.factors, random_state=options.seed)
    users = model.fit_transform(used)
    np.savez(
        options.output,
        user_factors=users.astype(np.float32),
        item_factors=model.components_.T.astype(np.float32),
    )
    print(f"{options.output}: {users.shape[0]:,} users, {used.shape[1]:,} items")


if __name__ == "__main__":
    main()
