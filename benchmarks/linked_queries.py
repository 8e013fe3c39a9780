"""What intervals hold where items of some classes ask for each other, alone and in linked groups.

Made items: those of one class are relevant to each other, and two spaces of them are drawn alike,
so that neither is better. *classes*: classes are drawn too, and one space or the other has caught
a class better, so that the items of a class rise and fall together. *items*: the same but that
only items differ. Each set is compared by the tool; printed is how often the interval of the
difference holds 0, and how often one space is said to be better, by items alone and by
``split="linked"``; then how often the second is said to be better where it is, by a good deal.

    python benchmarks/linked_queries.py --sets 300
"""

import argparse
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import anglewise as aw
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels

DIMENSIONS = 8
SIZES = {"4 each": (4, 4), "2 to 15": (2, 15)}
LEAD = 0.7
"""How much less the second space is spoilt where it is better."""


class Share(NamedTuple):
    """How often something was so, of how many sets."""

    value: float
    trials: int


@dataclass(frozen=True)
class World:
    """Sets of items in some classes.

    ``between`` is how far the noise of a class differs between both spaces, as the deviation of its
    logarithm; ``better`` what the noise of the second space is multiplied by.
    """

    sizes: str
    classes: int
    between: float
    better: float = 1.0

    def compared(self, seed: int, split: str) -> aw.Comparison:
        """One set, compared by the tool."""
        rng = np.random.default_rng([seed, self.classes, int(100 * self.between)])
        kind = np.repeat(
            np.arange(self.classes),
            rng.integers(*SIZES[self.sizes], self.classes, endpoint=True),
        )
        centres = rng.normal(size=(self.classes, DIMENSIONS))
        names = [f"i{row}" for row in range(len(kind))]
        spaces: dict[str, aw.Space] = {}
        for name, factor in (("first", 1.0), ("second", self.better)):
            noise = factor * np.exp(self.between * rng.normal(size=self.classes))
            vectors = centres[kind] + noise[kind, None] * rng.normal(size=(len(kind), DIMENSIONS))
            spaces[name] = aw.Space(items=aw.Embeddings(vectors, ids=names))
        labels = Labels({name: str(one) for name, one in zip(names, kind.tolist(), strict=True)})
        judged = from_labels(spaces["first"], labels)
        return aw.compare_spaces(spaces, judged, ["cosine"], split=split, seed=seed)


def held_and_claimed(world: World, sets: int, split: str) -> tuple[Share, Share]:
    """How often the interval of the difference holds 0, and how often one is said to be better."""
    held = claimed = 0
    for seed in range(sets):
        result = world.compared(seed, split)
        (behind,) = [row.vs_best for row in result.measures if row.vs_best is not None]
        held += behind.low <= 0 <= behind.high
        claimed += result.verdict.decision in {"use", "better"}
    return Share(held / sets, sets), Share(claimed / sets, sets)


WORLDS = [
    World(sizes, classes, between)
    for sizes in SIZES
    for classes in (30, 100)
    for between in (0.0, 0.4)
]
COLUMNS = (
    *("sizes", "classes", "what differs", "held, alone", "claims, alone", "held, linked"),
    *("claims, linked", "shown, alone", "shown, linked"),
)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--sets", type=int, default=300)
    options.add_argument("--rows", type=int, nargs="+", default=range(len(WORLDS)), help="from 0")
    given = options.parse_args()
    sets, chosen = int(given.sets), [WORLDS[int(row)] for row in given.rows]
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + " --- |" * len(COLUMNS), flush=True)
    for world in chosen:
        better = World(world.sizes, world.classes, world.between, LEAD)
        cells: list[str] = []
        for split in ("queries", "linked"):
            cells += [f"{share.value:.3f}" for share in held_and_claimed(world, sets, split)]
        for split in ("queries", "linked"):
            cells.append(f"{held_and_claimed(better, max(sets // 3, 1), split)[1].value:.3f}")
        kind = "classes" if world.between else "items"
        row = [world.sizes, str(world.classes), kind, *cells]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
