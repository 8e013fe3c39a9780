"""What normalising before training is worth, and leaving the embedding space: one table a way.

    python benchmarks/before_training.py ratings.csv.gz [--only bm25 l2] [--ease none] [--raw none]

A fifth of the users is held out as by ``anglewise fit``. Linear models learn from the table
normalised by each rule, with the penalty (a multiple of the last squared singular value) that
serves a tenth of the training users best, kept aside for it; so do item-item weights (EASE).
Raw data need no penalty. Then all are one family of tests: users ask for items (dot and cosine),
items ask for items (``--similar``, the linear models with user-orthonormal factors, whose cosine is
that of the predictions), judged by what held-out users used together, within strata of similar use,
with the verdict of each way of judging beneath. ``--way`` takes one of the two alone.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.comparison.compare_spaces import compare_spaces
from anglewise.comparison.comparison_result import Comparison
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import ShapeError
from anglewise.io.read import read_interactions
from anglewise.judgements.co_use import co_use
from anglewise.judgements.constructed import hold_out
from anglewise.recommender_models.closed_form import LinearModel, fit_spectrum
from anglewise.recommender_models.ease import fit_ease, mean_ndcg, split_users
from anglewise.recommender_models.model import raw_table
from anglewise.recommender_models.normalisation import normalisation
from anglewise.recommender_models.svd import truncated_svd

RULES = ["none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents(0.2,0.5)"]
MULTIPLES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def main() -> None:
    """Print two tables for each file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", default=["../shared/data/ml-1m/interactions.csv.gz"])
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--only", nargs="+", default=RULES)
    parser.add_argument("--ease", nargs="*", default=["none", "standardised", "exponents(0.2,0.5)"])
    parser.add_argument("--raw", nargs="*", default=["none", "bm25"])
    parser.add_argument("--similar", default="dot,cosine")
    parser.add_argument("--way", choices=["recommend", "similar"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for file in options.files:
        table = read_interactions(file)
        held = hold_out(table, seed=options.seed)
        training = held.visible.rows().take(np.flatnonzero(~held.held_out)).ones()
        asking = held.visible.rows().take(np.flatnonzero(held.held_out))
        print(f"\n{file}: {training.shape[0]:,} training users, {training.shape[1]:,} items")
        users, items = candidates(training, asking, options)
        if options.way != "similar":
            gains = held.judgements.gains.take(np.flatnonzero(held.held_out))
            told(compare_spaces(users, replace(held.judgements, gains=gains), "dot,cosine"))
        if options.way != "recommend":
            used = table.rows().take(np.flatnonzero(held.held_out))
            alike = co_use(UsedTogether(used, seed=options.seed))
            told(compare_spaces(items, alike, options.similar))


def candidates(X: Any, asking: SparseRows, options: Any) -> tuple[dict[str, Space], ...]:
    """Spaces in which users ask, and in which items ask."""
    users: dict[str, Space] = {}
    items: dict[str, Space] = {}
    for rule in options.only:
        started, name = time.process_time(), f"linear {called(rule)}"
        model, turned, multiple = linear(X, rule, options.components, options.seed)
        users[name] = model.space(model.fold_in(asking.ones()), seen=asking)
        items[name] = among(turned.space(turned.fold_in(X)), X)
        said(name, f"penalty {multiple:g} x the last squared value", started)
    for rule in options.ease:
        started = time.process_time()
        try:
            ease = fit_ease(X, normalise=rule, seed=options.seed)
        except ShapeError as large:
            print(large)
            continue
        name = f"ease {called(rule)}"
        users[name] = ease.space(ease.fold_in(asking.ones()), seen=asking)
        items[name] = among(users[name], X)
        said(name, str(ease.path), started)
    for rule in options.raw:
        raw = raw_table(X, normalise=rule)
        users[f"raw {rule}"] = raw.space(raw.fold_in(asking.ones()), seen=asking)
        items[f"raw {rule}"] = among(users[f"raw {rule}"], X)
    return users, items


def linear(X: Any, word: str, components: int, seed: int) -> tuple[LinearModel, LinearModel, float]:
    """The linear model with the penalty that serves users kept aside best: balanced, and turned."""
    rule = normalisation(word)
    shown, hidden, others = split_users(X, np.random.default_rng(seed))
    seen, due = shown.toarray() > 0, hidden.toarray() > 0
    before = rule.learn(X[others])
    spectrum = truncated_svd(before.apply(X[others]), components, seed=seed)
    scores = []
    for multiple in MULTIPLES:
        model = fit_spectrum(spectrum, penalty=multiple * spectrum.values[-1] ** 2)
        model = replace(model, before=before)
        predicted = (model.fold_in(shown) @ model.item_factors.T).astype(np.float32)
        scores.append(mean_ndcg(np.where(seen, np.float32(-np.inf), predicted), due))
    best = MULTIPLES[int(np.argmax(scores))]
    before = rule.learn(X)
    spectrum = truncated_svd(before.apply(X), components, seed=seed)
    penalty = best * spectrum.values[-1] ** 2
    model, turned = (
        replace(fit_spectrum(spectrum, penalty=penalty, gauge=gauge), before=before)
        for gauge in ("balanced", "user-orthonormal")
    )
    return model, turned, best


def called(rule: str) -> str:
    """A rule as a name of a space may have it: without commas."""
    return rule.replace(",", " ")


def among(space: Space, used: Any) -> Space:
    """The items alone, which ask for each other, with how often training users used them."""
    uses: list[int] = np.bincount(used.nonzero()[1], minlength=used.shape[1]).tolist()
    about = {"popularity": uses}
    return Space(items=Embeddings(space.items.vectors, ids=space.items.ids, metadata=about))


def said(name: str, what: str, started: float) -> None:
    """What was learned, and the CPU seconds of it."""
    print(f"  {name}: {what}; {time.process_time() - started:.1f} s", flush=True)


def told(result: Comparison) -> None:
    """One line a candidate, best first."""
    print(f"\n{result.metric}, {result.queries:,} queries: {result.verdict}")
    for row in result.measures:
        own, against = row.metrics[result.metric], row.vs_best
        behind = "" if against is None else f"{against.difference:+.3f}  p {against.p_adjusted:.3f}"
        interval = f"[{own.low:.3f}, {own.high:.3f}]"
        print(f"  {row.measure:36s} {own.mean:.3f} {interval}  {behind}", flush=True)
    for way in result.ways:
        print(f"  {way.name}, {way.queries:,} queries: {way.verdict.headline}")
    floors = ", ".join(f"{floor.name} {floor.mean:.3f}" for floor in result.floors)
    print(f"  without a model: {floors}", flush=True)


if __name__ == "__main__":
    main()
