"""How much more differences vary than intervals say, where the queries depend on each other.

Similar films of MovieLens: factors of two halves of a thousand users are compared by what other
users used together. Chance is in which users these are, and each of their lists judges many films:
so the films that ask are no independent queries. The users are drawn anew, two hundred at a time;
printed is how far the difference between both spaces varies over the draws, beside the standard
error by which films are independent.

    python benchmarks/dependent_queries.py --data ../shared/data

It takes about a minute. Classes of made items that ask for each other: ``linked_queries.py``.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.judgements.co_use import co_use

HALF, JUDGING, DIMENSIONS, LEAST = 500, 200, 32, 5


def main() -> None:
    """Print what each draw gives, then how far they vary."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--draws", type=int, default=20)
    given = options.parse_args()
    path = given.data / "ml-1m" / "interactions.csv.gz"
    if not path.exists():
        print(f"{path} is not there: nothing is measured")
        return
    used = aw.read_interactions(path, min_weight=4).rows()
    table = csr_array((np.ones(len(used.indices)), used.indices, used.indptr), shape=used.shape)
    order = np.random.default_rng(0).permutation(table.shape[0])
    known = np.asarray(table[order[: 2 * HALF]].sum(axis=0)).ravel() >= LEAST
    table = table[:, np.flatnonzero(known)]
    spaces = {
        name: aw.Space(items=aw.Embeddings(factors(table[order[start : start + HALF]])))
        for name, start in (("first", 0), ("second", HALF))
    }
    found = [
        difference(spaces, table[order[start : start + JUDGING]])
        for start in range(2 * HALF, 2 * HALF + given.draws * JUDGING, JUDGING)
    ]
    differences, errors = np.array(found).T
    print(f"{len(found)} draws of {JUDGING} users: differences of nDCG@10")
    print(f"standard deviation over draws {differences.std(ddof=1):.4f}")
    print(f"standard error by independent films {errors.mean():.4f}")
    print(f"ratio {differences.std(ddof=1) / errors.mean():.2f}")


def factors(rows: csr_array) -> np.ndarray:
    """Vectors of items, of what some users used."""
    _, strengths, right = svds(rows, k=DIMENSIONS, rng=np.random.default_rng(1))
    return right.T * np.sqrt(strengths)


def difference(spaces: dict[str, aw.Space], rows: csr_array) -> tuple[float, float]:
    """The second space less the first by what some users used, and the error that is told."""
    table = rows.tocoo()
    sets = SparseRows.from_pairs(table.row, table.col, shape=rows.shape)
    judged = co_use(UsedTogether(sets))
    result = aw.compare_spaces(spaces, judged, ["cosine"])
    evidence = result.evidence
    values = evidence.values["nDCG@10"]
    first, second = (evidence.measures.index(f"{name}: cosine") for name in ("first", "second"))
    apart = values[second] - values[first]
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))


if __name__ == "__main__":
    main()
