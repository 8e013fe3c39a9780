"""A simulated catalogue: who watched what, by the recipe of the paper's experiment.

Steck, Ekanadham and Kallus (WWW Companion 2024, arXiv 2403.05440) simulate users who choose
items from clusters. Where the paper is silent the choice is ours and said so.
"""

from dataclasses import dataclass

import numpy as np

from anglewise.core.sparse import Interactions
from anglewise.core.typing import Array, Float64, Int64
from anglewise.errors import TooFewError
from anglewise.simulation.titles import titles

POPULARITY_EXPONENTS = (0.25, 1.5)
"""The paper's range of a cluster's popularity exponent."""

ACTIVITY_EXPONENT = 0.5
"""The paper's exponent of the number of items that a user takes."""

CLUSTER_CONCENTRATION, TASTE_CONCENTRATION = 5.0, 1.0
"""Ours: Dirichlet laws of the clusters' shares of the items and of a user's tastes."""

USERS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What was simulated, with the truth behind it.

    Attributes
    ----------
    interactions
        Users x films, each pair once, weight 1; ``title`` and ``genre`` as item metadata.
    clusters
        The cluster of each item; its genre by number.
    popularity
        ``p_i``: the baseline popularity of each item, proportional to ``rank ** -exponent`` in
        its cluster, where it sums to one.
    exponents
        The popularity exponent of each cluster.
    tastes
        ``p_uc``: each user's preference for each cluster; rows sum to one.
    """

    interactions: Interactions
    clusters: Int64[Array, " items"]
    popularity: Float64[Array, " items"]
    exponents: Float64[Array, " clusters"]
    tastes: Float64[Array, "users clusters"]


def simulate(
    n_users: int = 20_000, n_items: int = 1_000, clusters: int = 5, seed: int = 0
) -> Catalogue:
    """Simulate who takes what in a catalogue of clusters with popular and rare items.

    The recipe (arXiv 2403.05440, section 4): an item falls into cluster ``c`` with probability
    ``p_c``; each cluster has an exponent ``b_c ~ U(0.25, 1.5)`` and its items popularities
    ``p_i`` that follow a power law of it; a user has preferences ``p_uc``; user ``u`` takes
    ``k_u ~ PowerLaw(0.5)`` items without replacement with probabilities proportional to
    ``p_uc(i) p_i``. Ours, where it is silent: ``p_c ~ Dirichlet(5)``, ``p_uc ~ Dirichlet(1)``,
    ``p_i`` proportional to ``rank ** -b_c`` with ranks dealt at random in the cluster and the
    sum over the cluster one (so that ``p_uc`` is the share of the cluster in what ``u`` wants),
    and ``P(k_u = k)`` proportional to ``k ** -0.5`` for ``k`` from 1 to half the items.

    The same arguments give the same bytes. Raises ``TooFewError`` without users, without
    clusters, or with fewer than two items; ``ValuesError`` for more clusters than genres.

    >>> films = simulate(n_users=100, n_items=50, seed=1)
    >>> films.interactions.shape
    (100, 50)
    >>> films.interactions.item_metadata["title"][0]
    'The ...'
    """
    if n_users < 1 or n_items < 2 or clusters < 1:
        raise TooFewError(
            f"{n_users} users, {n_items} items, {clusters} clusters: "
            "at least one user, two items and one cluster are due"
        )
    recipe, naming = np.random.default_rng(seed).spawn(2)
    shares = recipe.dirichlet(np.full(clusters, CLUSTER_CONCENTRATION))
    cluster = recipe.choice(clusters, size=n_items, p=shares).astype(np.int64)
    exponents = recipe.uniform(*POPULARITY_EXPONENTS, size=clusters)
    popularity = _popularity(cluster, exponents, recipe)
    tastes = recipe.dirichlet(np.full(clusters, TASTE_CONCENTRATION), size=n_users)
    activity = _activity(n_users, n_items // 2, recipe)
    users, items = _taken(tastes, cluster, popularity, activity, recipe)
    named, genres = titles(cluster, naming)
    interactions = Interactions(
        users=users,
        items=items,
        weights=np.ones(len(users)),
        user_ids=_ids("user", n_users),
        item_ids=_ids("film", n_items),
        item_metadata={"title": named, "genre": genres},
    )
    return Catalogue(interactions, cluster, popularity, exponents, tastes)


def _popularity(
    cluster: Int64[Array, " items"], exponents: Float64[Array, " c"], rng: np.random.Generator
) -> Float64[Array, " items"]:
    """A power law of the rank in the cluster; ranks fall at random: an id says nothing of it."""
    order = np.lexsort((rng.random(len(cluster)), cluster))
    starts = np.searchsorted(cluster[order], cluster[order])
    weight = np.empty(len(cluster))
    weight[order] = (np.arange(len(cluster)) - starts + 1.0) ** -exponents[cluster[order]]
    return weight / np.bincount(cluster, weights=weight)[cluster]


def _activity(n_users: int, most: int, rng: np.random.Generator) -> Int64[Array, " users"]:
    """How many items each user takes: ``P(k)`` proportional to ``k ** -0.5`` on 1 … most."""
    weight = np.arange(1, most + 1, dtype=np.float64) ** -ACTIVITY_EXPONENT
    return rng.choice(most, size=n_users, p=weight / weight.sum()).astype(np.int64) + 1


def _taken(
    tastes: Float64[Array, "users clusters"],
    cluster: Int64[Array, " items"],
    popularity: Float64[Array, " items"],
    activity: Int64[Array, " users"],
    rng: np.random.Generator,
) -> tuple[Int64[Array, " entries"], Int64[Array, " entries"]]:
    """Draw without replacement as a race: items arrive at rate ``p_ui``, the first ``k_u`` count.

    Exponential waiting times make the next arrival proportional to the rates that are left,
    which is drawing one by one without replacement; one sort replaces the loop.
    """
    users: list[Array] = []
    items: list[Array] = []
    for start in range(0, len(tastes), USERS_AT_ONCE):
        taste, count = (
            tastes[start : start + USERS_AT_ONCE],
            activity[start : start + USERS_AT_ONCE],
        )
        arrival = rng.standard_exponential((len(taste), len(cluster)))
        arrival /= taste[:, cluster] * popularity
        last = np.sort(arrival, axis=1)[np.arange(len(taste)), count - 1]
        user, item = np.nonzero(arrival <= last[:, None])
        users.append(user + start)
        items.append(item)
    return np.concatenate(users), np.concatenate(items)


def _ids(word: str, count: int) -> Array:
    """``film-0001`` …: as text they sort as they count."""
    width = len(str(count))
    return np.array([f"{word}-{i:0{width}d}" for i in range(1, count + 1)], dtype=object)
