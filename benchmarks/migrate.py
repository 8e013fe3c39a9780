"""Whether intervals of ``anglewise migrate`` hold what mapped vectors really lose.

    python benchmarks/migrate.py [--each 17] [--kinds rotation,affine] [--real]

Made migrations of several kinds, whose old and new vectors are all known: some pairs are shown to
``migrate``, and what it foretells of recall@10 and nDCG@10 is held against what is measured with
all new vectors. A row is a kind and a number of pairs: how many of the intervals hold the truth,
how wide they are, how far the middle is off. ``--real`` does the same between encoders of one
corpus, for every two of those under ``../shared/data``.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.stores.migrate import judged_space, migrate

ITEMS, QUERIES, OLD, NEW = 2_000, 100, 24, 32
RELEVANT, NOISE = 8, 0.15
PAIRS = (50, 200, 1000)
REAL = Path(__file__).parents[2] / "shared" / "data" / "cranfield"
ENCODERS = ("use", "paraphrase-L3", "glove50-sum")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=17)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--pairs", default=",".join(map(str, PAIRS)))
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    heads = ("recall@10", "held", "width", "off", "loss", "held", "width", "off")
    print(f"{'migration':28s}{'pairs':>6s}" + "".join(f"{head:>10s}" for head in heads))
    pairs = [int(number) for number in options.pairs.split(",")]
    total: dict[int, list[list[float]]] = {number: [] for number in pairs}
    for name, made in real() if options.real else simulated(options.kinds.split(",")):
        for number in pairs:
            found = [one(*made(seed), number, seed) for seed in range(options.each)]
            print_row(name, number, np.array(found))
            total[number] += [[row[1], row[5]] for row in found]
    for number, held in total.items():
        recall, loss = np.array(held).T
        known = loss[~np.isnan(loss)]
        print(
            f"{number:,} pairs: {recall.sum():.0f} of {len(recall)} intervals of recall hold the "
            f"truth, {known.sum():.0f} of {len(known)} of the loss of nDCG"
        )


def one(old: Space, new: Space, judged: Judgements, pairs: int, seed: int) -> tuple[float, ...]:
    """What is measured of one migration, and what was foretold of it; NaN where nothing was."""
    found = migrate(old, new, pairs=pairs, judgements=judged, seed=seed)
    out: list[float] = []
    for figure in (found.recall, None if found.loss is None else found.loss.loss):
        if figure is None:
            out += [np.nan] * 4
            continue
        truth = figure.measured or 0.0
        held = figure.low - 1e-9 <= truth <= figure.high + 1e-9
        out += [truth, float(held), figure.high - figure.low, figure.mean - truth]
    return tuple(out)


def print_row(name: str, pairs: int, found: np.ndarray) -> None:
    """Means over migrations; how many intervals held, of so many that there were."""
    cells: list[str] = []
    for place, column in enumerate(found.T):
        there = column[~np.isnan(column)]
        if not len(there):
            cells.append("-")
        elif place % 4 == 1:
            cells.append(f"{int(there.sum())}/{len(there)}")
        else:
            cells.append(f"{there.mean():+.3f}" if place % 4 == 3 else f"{there.mean():.3f}")
    line = f"{name:28s}{pairs:6d}" + "".join(cell.rjust(10) for cell in cells)
    print(line, flush=True)


def simulated(
    kinds: list[str],
) -> Iterator[tuple[str, Callable[[int], tuple[Space, Space, Judgements]]]]:
    """Made migrations of some kinds."""
    for kind in kinds:
        yield kind, lambda seed, kind=kind: made_migration(kind, seed)


def real() -> Iterator[tuple[str, Callable[[int], tuple[Space, Space, Judgements]]]]:
    """Between every two encoders of one corpus."""
    spaces = {name: aw.read_space(REAL / "vectors" / name) for name in ENCODERS}
    for before in ENCODERS:
        for after in ENCODERS:
            if before != after:
                old, new = spaces[before], spaces[after]
                judged = aw.read_judgements(REAL / "qrels.tsv", judged_space(old, new))
                yield f"{before} > {after}", lambda _seed, made=(old, new, judged): made


def made_migration(
    kind: str, seed: int, items: int = ITEMS, queries: int = QUERIES
) -> tuple[Space, Space, Judgements]:
    """Old and new vectors of a kind; relevant is what is near by the new ones, and by chance."""
    rng = np.random.default_rng([seed, 7])
    x, y = KINDS[kind](rng, items)
    near = y[rng.integers(items, size=queries)]
    asking = near + 0.5 * y.std() * rng.normal(size=near.shape)
    scores = _unit(asking) @ _unit(y).T + NOISE * rng.normal(size=(queries, items))
    relevant = np.argsort(-scores, axis=1)[:, :RELEVANT]
    names = [f"d{i}" for i in range(items)]
    gains = SparseRows.from_pairs(
        np.repeat(np.arange(queries), RELEVANT), relevant.ravel(), shape=(queries, items)
    )
    new = Space(items=Embeddings(y, names), queries=Embeddings(asking))
    return Space(items=Embeddings(x, names)), new, Judgements(gains)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _clusters(rng: np.random.Generator, items: int, columns: int) -> np.ndarray:
    middles = rng.normal(size=(40, columns))
    return middles[rng.integers(40, size=items)] + 0.6 * rng.normal(size=(items, columns))


def _matrix(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.normal(size=(rows, columns)) / np.sqrt(rows)


def rotation(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """The new vectors are the old ones, turned."""
    x = _clusters(rng, items, OLD)
    return x, x @ np.linalg.qr(rng.normal(size=(NEW, OLD)))[0].T


def affine(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """An affine map, and noise."""
    x = _clusters(rng, items, OLD)
    noise = rng.uniform(0.2, 1) * rng.normal(size=(items, NEW))
    return x, x @ _matrix(rng, OLD, NEW) + 0.5 + noise


def nonlinear(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """A map that no matrix is, and no noise."""
    x = _clusters(rng, items, OLD)
    bent = np.tanh(x @ _matrix(rng, OLD, 64) * rng.uniform(0.5, 2))
    return x, bent @ _matrix(rng, 64, NEW)


def low_rank(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the new columns go back to what the old ones hold; the others to something else."""
    common = _clusters(rng, items, 16)
    x: list[np.ndarray] = [common @ _matrix(rng, 16, OLD // 2), _clusters(rng, items, OLD // 2)]
    own = rng.uniform(0.3, 1) * _clusters(rng, items, NEW // 2)
    y: list[np.ndarray] = [common @ _matrix(rng, 16, NEW // 2), own]
    return np.concatenate(x, axis=1), np.concatenate(y, axis=1)


def two_models(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Both are other maps of one thing, bent, with noise."""
    thing, out = _clusters(rng, items, 16), list[np.ndarray]()
    for columns in (OLD, NEW):
        bent = np.tanh(thing @ _matrix(rng, 16, 48)) @ _matrix(rng, 48, columns)
        out.append(bent + 0.2 * rng.normal(size=bent.shape))
    return out[0], out[1]


def unrelated(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Nothing of one goes back to the other."""
    return _clusters(rng, items, OLD), _clusters(rng, items, NEW)


KINDS: dict[str, Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]] = {
    "rotation": rotation,
    "affine": affine,
    "nonlinear": nonlinear,
    "low-rank": low_rank,
    "two-models": two_models,
    "unrelated": unrelated,
}

if __name__ == "__main__":
    main()
