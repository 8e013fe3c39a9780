"""A part of the program that takes input, and how inputs for it are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from fuzz.case import Case
from fuzz.damage import damaged


@dataclass(frozen=True)
class Target:
    """What runs an input, and where inputs come from.

    Attributes
    ----------
    share
        Of all inputs, in parts of the sum over targets.
    run
        Gives a word for what came of it; raises what it raises.
    seeds
        Good inputs to start from; made when first asked for.
    make
        A new input from one to start from, the others, and chance.
    patience
        How often the usual time it may take.
    """

    name: str
    share: float
    run: Callable[[Case], object]
    seeds: Callable[[], Sequence[Case]]
    make: Callable[[Case, Sequence[Case], Random], Case]
    patience: float = 1


def harmless(words: Sequence[str]) -> bool:
    """Whether words name nothing outside the folder, no code to run and no other machine.

    Who types such words asks for it, so that nothing is wrong with their being followed.
    """
    low = [word.lower() for word in words]
    return not any(
        ".." in word
        or "://" in word
        or word.partition("=")[2].startswith(("/", "~"))
        or word.startswith(("/", "~", "python", "openai", "sentence-", "model2vec"))
        or "=python" in word
        for word in low
    )


def with_damage(case: Case, pool: Sequence[Case], rng: Random) -> Case:
    """The same with something wrong with one of its files, seldom with two."""
    files = dict(case.files)
    names = sorted(files)
    others = [data for one in rng.sample(pool, min(3, len(pool))) for data in one.files.values()]
    for _ in range(rng.choice((1, 1, 1, 1, 2))):
        name = rng.choice(names)
        files[name] = damaged(name, files[name], rng, others)
    return Case(case.target, case.words, files)


def with_renaming(case: Case, rng: Random) -> Case:
    """The same with one of its files, or a kind, called otherwise, there and in the words."""
    old = rng.choice(sorted(case.files))
    stem, _, ending = old.rpartition(".")
    new = rng.choice(
        (
            *(f"{stem or ending}.{one}" for one in ENDINGS),
            *(f"{old}.gz", old.upper(), stem or old, f"{old} ", f"x{old}", f"{old}/{old}"),
        )
    )
    if new == old or any(name.startswith((f"{new}/", f"{old}/")) for name in case.files):
        return case
    files = {(new if name == old else name): data for name, data in case.files.items()}
    words = tuple(
        word.replace(old, new) if word == old or "=" in word else word for word in case.words
    )
    return Case(case.target, words, files)


ENDINGS = ("npy", "npz", "csv", "tsv", "parquet", "feather", "arrow", "json", "jsonl", "txt", "vec")
ENDINGS += ("bin", "safetensors", "dat", "inter", "data", "xlsx", "sqlite", "trec", "")
