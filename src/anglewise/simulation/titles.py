"""Invented films: a genre, and titles that belong to it. No film of such a name is known to us."""

from dataclasses import dataclass

import numpy as np

from anglewise.core.typing import Array, Int64
from anglewise.errors import ValuesError


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
    found: list[str] = []
    for number in range(count):
        rest, place = divmod(int(order[number % names]), len(places))
        mood, hero = divmod(rest, len(heroes))
        part = number // names + 1
        sequel = f", Part {part}" if part > 1 else ""
        found.append(f"The {moods[mood]} {heroes[hero]} of {places[place]}{sequel}")
    return found
