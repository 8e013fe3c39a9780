"""What measures reach for similar items by several truths: one table for each data set.

    python benchmarks/similar_items.py [--factors fit] [../shared/data/ml-1m ...]

A folder holds ``interactions.csv.gz`` and ``items.csv`` with genres. A fifth of the users is held
out as by ``anglewise fit``; factors of 64 dimensions are learnt from the others: ``fit`` by the
objective product with penalty 1000 in the balanced gauge, ``als`` by implicit's alternating least
squares with its defaults at the seed. Then dot, euclidean, cosine and the cosine of the predictions
are judged, beside the lists of the most and the least used items, by nDCG@10: within strata of
similar use (by the held-out users), and over all items, the truth being what held-out users used
together with a support of 1, 2 and 5, graded by weight or by Jaccard, or which genres films share
(Jaccard), or that they have just the same genres.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from anglewise.comparison.compare import compare
from anglewise.comparison.comparison_result import Comparison
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import TooFewError
from anglewise.io.item_sets import read_item_sets
from anglewise.io.read import read_interactions
from anglewise.judgements.co_use import co_use
from anglewise.judgements.constructed import HoldOut, co_consumption, hold_out
from anglewise.recommender_models.fit import fit

MEASURES = ("dot", "euclidean", "cosine", "cosine@data-space")
LISTS = ("most used items", "least used items", "item-kNN")
DATA = Path("../shared/data")


def main() -> None:
    """Print a table for each data set, by each kind of factors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", default=["movietweetings-100k", "ml-1m"])
    parser.add_argument("--factors", nargs="+", default=["fit", "als"], choices=["fit", "als"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for word in options.folders:
        folder = Path(word) if Path(word).exists() else DATA / word
        did = read_interactions(folder / "interactions.csv.gz")
        held = hold_out(did, seed=options.seed)
        for factors in options.factors:
            try:
                space = learnt(did, held, factors, options.seed)
            except ImportError as missing:
                print(f"\n{folder.name}, {factors}: left out ({missing})")
                continue
            print(f"\n{folder.name}, {factors}: {did.shape[0]:,} users, {did.shape[1]:,} items")
            heads = [*MEASURES, *LISTS]
            print(f"  {'nDCG@10':42s} queries  " + "  ".join(f"{head[:12]:>12s}" for head in heads))
            table(space, did, held, folder / "items.csv")


def learnt(did: Interactions, held: HoldOut, factors: str, seed: int) -> Space:
    """Factors of 64 dimensions of the users that are not held out, and what these used."""
    fitted = fit(did, seed=seed).space
    if factors == "fit":
        return fitted
    from implicit.als import AlternatingLeastSquares

    training = held.training()
    users = np.flatnonzero(~held.held_out)
    model = AlternatingLeastSquares(factors=64, random_state=seed, num_threads=1)
    model.fit(training.take(users).ones().tocsr().astype(np.float32), show_progress=False)
    return Space(
        queries=Embeddings(model.user_factors, ids=np.asarray(did.user_ids)[users]),
        items=Embeddings(model.item_factors, ids=did.item_ids, metadata=fitted.items.metadata),
        trained_for="dot",
        seen=training.take(users),
    )


def table(space: Space, did: Interactions, held: HoldOut, titles: Path) -> None:
    """Print a line for each truth and each way of judging by it."""
    sets = did.rows().take(np.flatnonzero(held.held_out))
    made_of = UsedTogether(sets)
    for grade in ("weighted", "jaccard"):
        result = compare(space, co_use(replace(made_of, grade=grade)), MEASURES)
        ways(f"co-use, {grade}", result)
    for name, file in (("genres, Jaccard", titles), ("genres, all the same", same_genres(titles))):
        judged = read_item_sets(file, space, column="genres")
        known = replace(judged, made_of=replace(judged.made_of, use=made_of.uses))
        ways(name, compare(space, known, MEASURES))
    try:
        old = compare(space, co_consumption(did, held.held_out), MEASURES)
    except TooFewError as error:
        print(error)
        return
    line("co-use, support 5, 3-2-1, no strata", old.queries, means(old), floors(old))


def same_genres(titles: Path) -> Path:
    """The same table with all genres of a film as one label."""
    import tempfile

    with titles.open(newline="") as file:
        rows = list(csv.DictReader(file))
    path = Path(tempfile.mkdtemp()) / "genres.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "genres"])
        writer.writerows([row["item_id"], row["genres"].replace("|", "+")] for row in rows)
    return path


def ways(name: str, result: Comparison) -> None:
    """A line for each way of judging by a truth; lists without a model in strata at support 1."""
    for number, way in enumerate(result.ways):
        own = floors(result) if not number else {}
        line(f"{name}, {way.name}", way.queries, dict(way.means), own)
    print(f"    {result.verdict.headline}: {result.verdict.reason[:200]}", flush=True)


def means(result: Comparison) -> dict[str, float]:
    """The figures of the measures."""
    return {row.measure: row.metrics[result.metric].mean for row in result.measures}


def floors(result: Comparison) -> dict[str, float]:
    """The figures of lists without a model."""
    return {floor.name: floor.mean for floor in result.floors}


def line(
    name: str, queries: int, figures: dict[str, float], without_model: dict[str, float]
) -> None:
    """One line of the table."""
    cells = [figures[measure] for measure in MEASURES]
    cells += [without_model.get(name, float("nan")) for name in LISTS]
    shown = "  ".join(f"{'-':>12s}" if np.isnan(cell) else f"{cell:12.3f}" for cell in cells)
    print(f"  {name:42s} {queries:7,d}  {shown}", flush=True)


if __name__ == "__main__":
    main()
