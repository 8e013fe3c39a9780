"""Made data: the simulated catalogue of the paper, and the demo's own sets.

Steck, Ekanadham and Kallus (WWW Companion 2024, arXiv 2403.05440) simulate users who choose
items from clusters. Where the paper is silent the choice is ours and said so.
"""

from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from typing import Any, cast

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.typing import Array, Float64, Int64
from anglewise.errors import MissingExtraError, TooFewError, ValuesError
from anglewise.io.read import read_judgements, read_space
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels


@dataclass(frozen=True)
class Genre:
    """A name and the people, in a wide sense, whom its films are about."""

    name: str
    people: str


GENRES = (
    Genre(
        "Crime",
        "Locksmith, Coroner, Forger, Night Watchman, Fence, Bailiff, Pickpocket, Informer, "
        "Safecracker, Magistrate, Poisoner, Pawnbroker",
    ),
    Genre(
        "Science fiction",
        "Cosmonaut, Clockwork Clerk, Terraformer, Comet Miner, Android Nurse, Star Surveyor, "
        "Time Auditor, Moon Botanist, Orbit Pilot, Gene Archivist, Probe, Ark Keeper",
    ),
    Genre(
        "Romance",
        "Dancing Master, Letter Writer, Violinist, Bridesmaid, Florist, Penfriend, Perfumer, "
        "Matchmaker, Lighthouse Bride, Seamstress, Portraitist, Suitor",
    ),
    Genre(
        "Comedy",
        "Substitute Butler, Goose Inspector, Weatherman, Pastry Thief, Tax Collector, "
        "Understudy, Ventriloquist, Deputy Mayor, Ferret Breeder, Driving Teacher, Piano "
        "Mover, Heir",
    ),
    Genre(
        "Adventure",
        "Cartographer, Smuggler, Harpooner, Falconer, Pearl Diver, Sherpa, Balloonist, "
        "Caravan Guide, Privateer, Botanist, Stowaway, Rope Maker",
    ),
    Genre(
        "Horror",
        "Gravedigger, Taxidermist, Bell Ringer, Séance Keeper, Wax Modeller, Sleepwalker, "
        "Embalmer, Undertaker, Crow Tamer, Cellar Tenant, Hollow Child, Ferryman",
    ),
    Genre(
        "Family",
        "Kite Maker, Pony Doctor, Toy Mender, Hedgehog, Tortoise Racer, Cousin, Snow Fox, "
        "Puppeteer, Grandmother, Little Baker, Beekeeper, Otter",
    ),
    Genre(
        "Drama",
        "Schoolmistress, Ploughman, Widower, Miner, Organist, Conscript, Midwife, Translator, "
        "Signalman, Boxer, Chess Player, Governess",
    ),
)

MOODS = (
    "Absent, Borrowed, Crooked, Drowsy, Eleventh, Faithless, Gilded, Hesitant, Impatient, "
    "Jealous, Kindly, Left-Handed, Moonlit, Nameless, Obliging, Patient, Quarrelsome, "
    "Reluctant, Silent, Thirteenth, Unlucky, Vanishing, Whispering, Yawning"
)

PLACES = (
    "Aldermere, Brackwater Bay, Corvenholt, Dunmarrow, Eskerby, Farthingsea, Grelldale, "
    "Hollin Cross, Ivelmouth, Jarrowfen, Kestonreach, Lorn Hill, Marrowby, Nethershaw, "
    "Ombersley Quay, Pelverdine, Quillmere, Rushenford, Saltharrow, Thornaby Sound"
)


def titles(
    clusters: Int64[Array, " items"], rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Give every item a title of its own and the genre of its cluster: titles, then genres.

    ``clusters[i]`` is the cluster of item ``i``. When a genre's names are used up, a sequel
    carries its number. Raises ``ValuesError`` if there are more clusters than genres.

    >>> titles(np.array([0, 0]), np.random.default_rng(0))[1]
    ['Crime', 'Crime']
    """
    if clusters.max() >= len(GENRES):
        raise ValuesError(
            f"{int(clusters.max()) + 1} clusters: films are invented for {len(GENRES)} genres, "
            "so ask for that many at most"
        )
    named = [""] * len(clusters)
    for cluster, genre in enumerate(GENRES):
        members = np.flatnonzero(clusters == cluster)
        for item, title in zip(members, _invented(genre, len(members), rng), strict=True):
            named[item] = title
    return named, [GENRES[cluster].name for cluster in clusters]


def _invented(genre: Genre, count: int, rng: np.random.Generator) -> list[str]:
    moods, heroes, places = (words.split(", ") for words in (MOODS, genre.people, PLACES))
    names = len(moods) * len(heroes) * len(places)
    order = rng.permutation(names)
    invented: list[str] = []
    for number in range(count):
        rest, place = divmod(int(order[number % names]), len(places))
        mood, hero = divmod(rest, len(heroes))
        part = number // names + 1
        sequel = f", Part {part}" if part > 1 else ""
        invented.append(f"The {moods[mood]} {heroes[hero]} of {places[place]}{sequel}")
    return invented


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
    users, items = _draw_interactions(tastes, cluster, popularity, activity, recipe)
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


def _activity(n_users: int, largest: int, rng: np.random.Generator) -> Int64[Array, " users"]:
    """How many items each user takes: ``P(k)`` proportional to ``k ** -0.5`` on 1 … most."""
    weight = np.arange(1, largest + 1, dtype=np.float64) ** -ACTIVITY_EXPONENT
    return rng.choice(largest, size=n_users, p=weight / weight.sum()).astype(np.int64) + 1


def _draw_interactions(
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


def digits() -> tuple[Space, Judgements]:
    """Give 1,797 images of 8 x 8 grey values, and every two of one digit as relevant.

    The vectors are the 64 grey values themselves, from 0 to 16: no model was trained. Raises
    ``MissingExtraError`` without scikit-learn.

    >>> space, judgements = digits()
    >>> space.items, judgements.direction
    (Embeddings(1797 x 64), 'items-items')
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise MissingExtraError(
            "the digits come with scikit-learn, which is not installed: "
            "pip install 'anglewise[sklearn]'"
        ) from missing
    loaded = cast("Any", load_digits())  # scikit-learn ships no types
    images: Array = loaded.data
    classes: list[int] = loaded.target.tolist()
    ids = [f"image-{row:04d}" for row in range(1, len(images) + 1)]
    titles = [f"a handwritten {digit}" for digit in classes]
    items = Embeddings(images, ids=ids, metadata={"title": titles})
    space = Space(items=items, about={"made_from": "scikit-learn's digits"})
    labels = Labels({name: str(digit) for name, digit in zip(ids, classes, strict=True)})
    return space, from_labels(space, labels)


def retrieval() -> tuple[Space, Judgements]:
    """Read the bundled questions and guide sections, with graded judgements of their pairs.

    Vectors are the mean over tokens of a small sentence encoder, 384 numbers, not of unit
    length; grades run from 0 (read, does not help) to 3 (answers the question). How both were
    made stands in ``retrieval/README.md`` beside this file.

    >>> space, judgements = retrieval()
    >>> space.queries.dimension, judgements.direction
    (384, 'queries-items')
    >>> space.items.metadata["title"][0]
    'What a comparison needs'
    """
    with as_file(files("anglewise.experiment") / "retrieval") as folder:
        space = read_space(folder)
        judgements = read_judgements(folder / "qrels.tsv", space)
    return space, replace(judgements, source="questions about the guides, judged by their author")
