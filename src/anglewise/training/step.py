"""One step's worth of users: what they show, what is to be found, and among what."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32, Int64
from anglewise.training.sampler import Sampler


@dataclass(frozen=True, eq=False)
class Step:
    """Users as rows 0, 1, ...; items as places in ``items``, the ones that this step touches.

    Attributes
    ----------
    users
        How many there are.
    items
        Rows of the table, ascending.
    shown_users, shown_items
        What speaks for whom.
    found_users, found_items
        What is to be found for whom.
    weights
        Of what is to be found: each user's add up to one over the users.
    drawn
        Places of the items among which it is to be found.
    log_weights
        What each of these counts; see ``Sampler``.
    own_users, own_drawn
        Which of the drawn ones a user used, so that they are no negatives.
    """

    users: int
    items: Int64[Array, " items"]
    shown_users: Int64[Array, " shown"]
    shown_items: Int64[Array, " shown"]
    found_users: Int64[Array, " found"]
    found_items: Int64[Array, " found"]
    weights: Float32[Array, " found"]
    drawn: Int64[Array, " drawn"]
    log_weights: Float32[Array, " drawn"]
    own_users: Int64[Array, " own"]
    own_drawn: Int64[Array, " own"]


def make_step(used: SparseRows, sampler: Sampler, shown: float, rng: np.random.Generator) -> Step:
    """Split what some users used at random, and draw what it is to be told from.

    Every user needs two items: one at least is shown, and one at least is to be found.
    """
    speaks = _speaks(used, shown, rng)
    drawn = sampler.draw(rng)
    items = drawn if sampler.whole else np.union1d(drawn, used.indices)
    place = np.searchsorted(items, used.indices)
    at = np.searchsorted(drawn, used.indices)
    own = drawn[np.minimum(at, len(drawn) - 1)] == used.indices
    to_find = np.bincount(used.rows[~speaks], minlength=used.shape[0])
    return Step(
        users=used.shape[0],
        items=items,
        shown_users=used.rows[speaks],
        shown_items=place[speaks],
        found_users=used.rows[~speaks],
        found_items=place[~speaks],
        weights=(1 / to_find[used.rows[~speaks]] / used.shape[0]).astype(np.float32),
        drawn=np.searchsorted(items, drawn),
        log_weights=sampler.log_weight[drawn],
        own_users=used.rows[own],
        own_drawn=at[own],
    )


def _speaks(used: SparseRows, shown: float, rng: np.random.Generator) -> Bool[Array, " entries"]:
    """Each with a chance, but for the one of the smallest draw (always) and the largest (never)."""
    draws = rng.random(len(used.indices))
    order = np.lexsort((draws, used.rows))
    speaks = draws < shown
    speaks[order[used.indptr[:-1]]] = True
    speaks[order[used.indptr[1:] - 1]] = False
    return speaks
