"""The recommenders that `real_spaces.py` trains: in closed form, and by ALS of implicit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.io.models_in_memory import from_model
from anglewise.io.read import read_interactions
from anglewise.recommender_models.fit import fit

COMPONENTS = 64


def trained(folder: Path, direction: str) -> Iterator[tuple[str, Space, Judgements]]:
    """One direction of both models; a fifth of the users was held out, and half of what they did.

    ALS has no fold-in that implicit would do for a whole table, so it learns from the half that
    folds the held-out users in as well: it sees a little more.
    """
    table = read_interactions(folder / "interactions.csv.gz")
    fitted = fit(table, objective="product", components=COMPONENTS, penalty=1000.0, holdout=0.2)
    judged = fitted.judgements[direction]
    yield "closed form", fitted.space, judged
    yield "ALS", by_als(fitted.space), judged


def by_als(space: Space) -> Space:
    """Factors of implicit's ALS from the same table, every use counting 1."""
    from implicit.als import AlternatingLeastSquares

    used = space.seen
    ones = np.ones(len(used.indices), dtype=np.float32)
    table = csr_matrix((ones, used.indices.astype(np.int32), used.indptr), shape=used.shape)
    model = AlternatingLeastSquares(
        factors=COMPONENTS, regularization=0.01, iterations=15, random_state=0, num_threads=1
    )
    model.fit(table, show_progress=False)
    ids = {"user_ids": space.queries.ids, "item_ids": space.items.ids}
    return from_model(model, seen=used, **ids)
