"""What the audit says of real models: one line each, as docs/reference/audit.md shows them.

    python benchmarks/audit_table.py [--data ../shared/data] [--seed 0] [-w docs/reference/audit.md]

Trains on MovieLens-100K, MovieLens-1M and MovieTweetings: the linear model by both objectives
(64 dimensions, a fifth of the users held out), and with the library implicit ALS without weight
decay, with a little and with much, and BPR, whose last column is a bias. And reads the vectors of
Cranfield by three encoders. `trainings like it` is the band of the lists that other trainings by
the same optimiser keep. Prints a Markdown table and the seconds of processor time that each audit
took; ``-w`` puts the table between its marks in a page. The folder of data holds
``NAME/interactions.csv.gz`` and ``cranfield/vectors``.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.recommender_base import RecommenderBase
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from anglewise.auditing.audit import audit
from anglewise.auditing.audit_result import Audit
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import Interactions
from anglewise.io.read import read_interactions, read_space
from anglewise.recommender_models.fit import fit

TABLES = ("ml-100k", "movietweetings-100k", "ml-1m")
ENCODERS = ("use", "glove50-sum", "paraphrase-L3")
DECAYS = (0.0, 0.01, 10.0)
FIELDS = (
    "space",
    "cosine is",
    "gap",
    "balanced",
    "item-orth.",
    "data-space",
    "random maps, s = 2",
    "trainings like it",
    "lists share with dot",
)


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-w", "--write", type=Path)
    options = parser.parse_args()
    lines = [f"| {' | '.join(FIELDS)} |", f"|{'---|' * len(FIELDS)}"]
    print("\n".join(lines))
    with threadpool_limits(1):
        for name, space in spaces(options.data, options.seed):
            started = process_time()
            result = audit(space, seed=options.seed, optimiser=optimiser_of(name))
            lines.append(line(name, result))
            print(f"{lines[-1]} {process_time() - started:.1f} s", flush=True)
    if options.write is not None:
        page = options.write.read_text()
        mark = re.compile(r"(<!-- models -->\n).*?(<!-- end -->)", re.DOTALL)
        table = "\n".join(lines)
        options.write.write_text(mark.sub(lambda m: f"{m[1]}{table}\n{m[2]}", page))


def spaces(data: Path, seed: int) -> Iterator[tuple[str, Space]]:
    """Every space with its name."""
    for name in TABLES:
        table = read_interactions(data / name / "interactions.csv.gz")
        for called, train in trainings(name, table, seed):
            yield called, train()
    for name in ENCODERS:
        yield f"cranfield, {name}", read_space(data / "cranfield" / "vectors" / name)


def trainings(
    name: str, table: Interactions, seed: int
) -> Iterator[tuple[str, Callable[[], Space]]]:
    """The linear model by both objectives, ALS with weight decay of three strengths, and BPR."""
    for objective, penalty in (("product", 1000.0), ("factors", 10.0)):
        settings = {"objective": objective, "penalty": penalty}
        yield f"{name}, linear model, {objective}", partial(linear, table, **settings)
    for decay in DECAYS:
        model = AlternatingLeastSquares(
            factors=64, regularization=decay, iterations=15, random_state=seed, num_threads=1
        )
        yield f"{name}, implicit ALS, decay {decay:g}", partial(trained, model, table)
    bpr = BayesianPersonalizedRanking(factors=64, iterations=50, random_state=seed, num_threads=1)
    yield f"{name}, implicit BPR", partial(trained, bpr, table)


def linear(table: Interactions, **settings: Any) -> Space:
    """The linear model in 64 dimensions, a fifth of the users held out."""
    return fit(table, components=64, holdout=0.2, **settings).space


def trained(model: RecommenderBase, table: Interactions) -> Space:
    """The factors as they are, biases included, with what they were trained on."""
    ones = np.ones(len(table.users), dtype=np.float32)
    matrix = csr_matrix((ones, (table.users, table.items)), shape=table.shape)
    model.fit(matrix, show_progress=False)
    return Space(
        queries=Embeddings(model.user_factors),
        items=Embeddings(model.item_factors),
        trained_for="dot",
    )


def optimiser_of(name: str) -> str | None:
    """What a user would say of the training; the linear model is solved and not trained."""
    return next((word.lower() for word in ("ALS", "BPR") if word in name), None)


def line(name: str, result: Audit) -> str:
    """One row of the table; shares are those of the cosine lists between items."""
    kept = result.agreement["items-items"].overlap["cosine"]
    gauges = (kept.get(f"cosine@{g}") for g in ("balanced", "item-orthonormal", "data-space"))
    certificates = result.certificates.get("items-items")
    random = None if certificates is None else certificates.monte_carlo_overlap[2]
    gap = "" if result.gauge_gap is None else f"{result.gauge_gap:.3g}".replace("inf", "infinite")
    reached = result.reachable
    band = "" if reached is None else f"{share(reached.low)} to {share(reached.high)}"
    shares = map(share, [*gauges, random])
    cells = [name, result.verdict.cosine, gap, *shares, band, share(kept["dot"])]
    return f"| {' | '.join(cells)} |"


def share(value: float | None) -> str:
    """Two decimals, or nothing."""
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
