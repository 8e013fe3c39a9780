"""Items trained inside a measure beside implicit's ALS and BPR, and beside plain BPR-MF for speed.

    .training/bin/python benchmarks/training.py [ratings.csv.gz] [--quality] [--speed] [--table]

Needs PyTorch (`make check-training` lays an environment with it) and, for ``--quality``, implicit.
Without options all three parts are run.

* ``--quality``: a fifth of the users is held out, half of what each one used is hidden. Every
  model gets six settings, chosen between by the nDCG@10 of further training users kept aside, and
  is then asked about the held-out users. ALS folds them in. BPR cannot: it is trained on what they
  show, too.
* ``--speed``: interactions a second of 20 epochs, against BPR-MF as RecBole trains it, in plain
  PyTorch written here: one uniform negative an interaction, batches of 2,048, dense Adam.
* ``--table``: trained for one measure, compared by another, 3 x 3, in both directions; similar
  items within strata of similar use, with the verdict of each way of judging beneath.

CPU seconds of the process; threads are set to one, so that they are what a quiet core needs.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from anglewise.comparison.compare import compare
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import Interactions
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.io.read import read_interactions
from anglewise.judgements.constructed import HoldOut, hold_out
from anglewise.nearest_neighbours.search import search
from anglewise.recommender_models.fit import fit
from anglewise.recommender_models.training import Trainer, train
from anglewise.recommender_models.training_state import Settings

MEASURES = ("cosine", "dot", "euclidean")
D, METRIC = 64, "nDCG@10"

Model = Callable[[HoldOut], tuple[Any, Any]]
"""From what may be seen to the vectors of all users, held-out ones folded in, and of all items."""


def main() -> None:
    """Print the parts that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default="../shared/data/ml-1m/interactions.csv.gz")
    for part in ("quality", "speed", "table"):
        parser.add_argument(f"--{part}", action="store_true")
    options = parser.parse_args()
    everything = not (options.quality or options.speed or options.table)
    try:
        import torch
    except ImportError:
        print("PyTorch is not here: run this in .training, which `make check-training` lays")
        return
    torch.set_num_threads(1)
    interactions = read_interactions(options.file)
    users, items = interactions.shape
    print(f"{users:,} users, {items:,} items, {len(interactions.users):,} interactions")
    if options.speed or everything:
        speed(interactions, torch)
    if options.quality or everything:
        quality(interactions)
    if options.table or everything:
        table(interactions)


def quality(interactions: Interactions) -> None:
    """Each model's best setting by validation, and how it serves held-out users."""
    held = hold_out(interactions, share=0.2, seed=0)
    inner = hold_out(training_part(held), share=0.1, seed=1)
    print(f"\n{'d = 64':22s} {'chosen':34s} {'validation':>10s} {METRIC:>8s} {'CPU s':>7s}")
    for name, settings in contenders().items():
        started = time.process_time()
        tried = {say: ndcg(inner, *model(inner)) for say, model in settings.items()}
        best = max(tried, key=tried.__getitem__)
        value = ndcg(held, *settings[best](held))
        spent = time.process_time() - started
        print(f"{name:22s} {best:34s} {tried[best]:10.4f} {value:8.4f} {spent:7.0f}", flush=True)


def contenders() -> dict[str, dict[str, Model]]:
    """Six settings of each model."""
    trained = {
        f"temperature {t:g}, rate {rate:g}": trained_for("cosine", t, rate)
        for t in (0.07, 0.1, 0.14)
        for rate in (0.005, 0.01)
    }
    least_squares = {
        f"regularisation {r:g}, alpha {a:g}": als(r, a)
        for r, a in ((10, 1), (30, 1), (10, 3), (30, 10), (100, 10), (100, 30))
    }
    pairwise = {
        f"regularisation {r:g}, rate {rate:g}, {n} rounds": bpr(r, rate, n)
        for r in (0.003, 0.01, 0.03)
        for rate, n in ((0.01, 100), (0.02, 50))
    }
    return {
        "trained for cosine": trained,
        "implicit ALS": least_squares,
        "implicit BPR": pairwise,
    }


def trained_for(measure: str, temperature: float, rate: float) -> Model:
    """Ours; every setting stops by users of its own kept aside."""

    def model(held: HoldOut) -> tuple[Any, Any]:
        settings = Settings(measure, D, temperature=temperature, learning_rate=rate)
        found = train(held.training().ones(), settings)
        return found.fold_in(held.visible.rows().ones()), found.item_factors

    return model


def als(regularisation: float, alpha: float) -> Model:
    """Implicit's alternating least squares, 15 iterations."""
    from implicit.cpu.als import AlternatingLeastSquares

    def model(held: HoldOut) -> tuple[Any, Any]:
        found = AlternatingLeastSquares(
            D, regularization=regularisation, alpha=alpha, random_state=0, num_threads=1
        )
        found.fit(matrix(held.training()), show_progress=False)
        everybody = np.arange(held.visible.shape[0])
        shown = matrix(held.visible.rows())
        return found.recalculate_user(everybody, shown), found.item_factors

    return model


def bpr(regularisation: float, rate: float, rounds: int) -> Model:
    """Implicit's Bayesian personalised ranking; one of its dimensions is a bias."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    def model(held: HoldOut) -> tuple[Any, Any]:
        found = BayesianPersonalizedRanking(
            D - 1,
            regularization=regularisation,
            learning_rate=rate,
            iterations=rounds,
            random_state=0,
            num_threads=1,
        )
        found.fit(matrix(held.visible.rows()), show_progress=False)
        return found.user_factors, found.item_factors

    return model


def speed(interactions: Interactions, torch: Any) -> None:
    """Interactions a second: 20 epochs of ours, one of BPR-MF."""
    held = hold_out(interactions, share=0.2, seed=0)
    used = held.training()
    settings = Settings("cosine", D, epochs=20, patience=20, validation=0)
    started = time.process_time()
    train(used.ones(), settings)
    ours = time.process_time() - started
    theirs = bpr_mf(used.rows, used.indices, used.shape, torch)
    count = len(used.indices)
    print(f"\n20 epochs of ours: {ours:.1f} CPU s, {20 * count / ours:,.0f} interactions a second")
    print(f"one epoch of BPR-MF: {theirs:.1f} CPU s, {count / theirs:,.0f} interactions a second")
    print(f"ratio {20 * theirs / ours:.1f}")


def bpr_mf(users: Any, items: Any, shape: tuple[int, int], torch: Any) -> float:
    """CPU seconds of one epoch."""
    rng = np.random.default_rng(0)
    tables = [torch.nn.Embedding(n, D) for n in shape]
    optimiser = torch.optim.Adam([t.weight for t in tables], lr=0.001)
    started = time.process_time()
    order = rng.permutation(len(users))
    others = rng.integers(0, shape[1], len(users))
    for at in range(0, len(order), 2048):
        batch = order[at : at + 2048]
        who, what, other = (torch.from_numpy(x[batch]) for x in (users, items, others))
        user = tables[0](who)
        ahead = (user * tables[1](what)).sum(1) - (user * tables[1](other)).sum(1)
        loss = -torch.log(1e-10 + torch.sigmoid(ahead)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.process_time() - started


def table(interactions: Interactions) -> None:
    """Trained for the row, compared by the column."""
    trained = {
        objective: fit(interactions, objective=objective, components=D, trainer=Trainer())
        for objective in MEASURES
    }
    for way in ("queries-items", "items-items"):
        print(f"\n{way}, {METRIC}: trained for / compared by")
        print(" " * 12 + "".join(f"{measure:>11s}" for measure in MEASURES))
        for objective, fitted in trained.items():
            result = compare(fitted.space, fitted.judgements[way], MEASURES, METRIC)
            means = {row.measure: row.metrics[METRIC].mean for row in result.measures}
            cells = (f"{means[measure]:11.3f}" for measure in MEASURES)
            print(f"{objective:12s}" + "".join(cells), flush=True)
            for judged in result.ways:
                print(f"    {judged.name}: {judged.verdict.headline}", flush=True)


def training_part(held: HoldOut) -> Interactions:
    """What training users did, as interactions of the same users and items."""
    used, given = held.training(), held.visible
    kept = np.flatnonzero(used.counts)
    rows = used.take(kept)
    ones = np.ones(len(rows.indices))
    return Interactions(rows.rows, rows.indices, ones, given.user_ids[kept], given.item_ids)


def ndcg(held: HoldOut, users: Any, items: Any) -> float:
    """The mean over the held-out users, by inner products, what they show left out."""
    space = Space(queries=Embeddings(users), items=Embeddings(items), seen=held.visible.rows())
    rows = held.judgements.judged_rows
    found = search(space, "dot", k=10, rows=rows)
    return float(evaluate(found, held.judgements, rows, METRIC)[METRIC].mean())


def matrix(used: Any) -> Any:
    """As implicit takes it: float32 with 32-bit indices."""
    from scipy.sparse import csr_matrix

    parts = (np.ones(len(used.indices), np.float32), used.indices.astype(np.int32))
    return csr_matrix((*parts, used.indptr.astype(np.int32)), shape=used.shape)


if __name__ == "__main__":
    main()
