"""What stands in the table: a measure on the space as it is, or on one made again."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from anglewise.core.text import named, parted
from anglewise.core.typing import Direction
from anglewise.errors import SpellingError
from anglewise.measures.adapter import Adapted
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import FORMULAS, Family, Open, measures_and_families
from anglewise.models.standardising import normalisation
from anglewise.remedy.closed_forms import Factors, Product
from anglewise.remedy.maker import Maker, Needs
from anglewise.remedy.trained import TrainedCosine, TrainedDot, TrainedEuclidean
from anglewise.remedy.wide import Ease, RawData

MAKERS: Mapping[str, Callable[..., Maker]] = {
    "product": Product,
    "factors": Factors,
    "ease": Ease,
    "raw-data": RawData,
    "trained-cosine": TrainedCosine,
    "trained-dot": TrainedDot,
    "trained-euclidean": TrainedEuclidean,
}
EXAMPLE = "cosine@centred or product(1000): dot"
_NAME = re.compile(r"[a-z0-9-]*")


@dataclass(frozen=True)
class Contender:
    """A measure, and what makes the space it is taken in; None is the space as it came.

    >>> str(Contender(None, measures_and_families("cosine@centred")[0]))
    'cosine@centred'
    """

    maker: Maker | None
    measure: Open

    def __str__(self) -> str:
        return str(self.measure) if self.maker is None else f"{self.maker}: {self.measure}"

    @property
    def needs(self) -> Needs:
        """What it takes beside the vectors."""
        if self.maker is not None:
            return "interactions"
        return "nothing" if isinstance(self.measure, Measure) else "judgements"

    @property
    def screens(self) -> bool:
        """Whether a few queries tell what it is worth: not where it learns from many of them."""
        return not isinstance(self.measure, Adapted)

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """Sorts what needs no new space first, then by maker and by measure."""
        if self.maker is None:
            return (-1, "", *self.measure.simplicity)
        return (self.maker.place, str(self.maker), *self.measure.simplicity)


def contenders(
    candidates: Iterable[str | Open | Maker | Contender] | str, direction: Direction
) -> list[Contender]:
    """Read candidates, each kept once; a maker alone stands for all its measures.

    Raises ``SpellingError`` for what is neither, with the nearest known word.

    >>> [str(one) for one in contenders("cosine, product(10), factors(3): dot", "queries-items")]
    ['cosine', 'product(10): dot', 'product(10): cosine', 'factors(3): dot']
    """
    words = parted(candidates) if isinstance(candidates, str) else candidates
    return list(dict.fromkeys(one for word in words for one in _read(word, direction)))


def _read(word: str | Open | Maker | Contender, direction: Direction) -> list[Contender]:
    if isinstance(word, Contender):
        return [word]
    if isinstance(word, Measure | Family | Adapted):
        return [Contender(None, word)]
    if not isinstance(word, str):
        return _all_of(word, direction)
    made, colon, by = word.rpartition(":")
    if colon:
        (measure,) = measures_and_families([by])
        return [Contender(_maker(made), measure)]
    if _first_name(word.replace("+", "·").split("·")[-1]) in MAKERS:
        return _all_of(_maker(word), direction)
    _check_known(word)
    return [Contender(None, one) for one in measures_and_families([word])]


def _all_of(maker: Maker, direction: Direction) -> list[Contender]:
    measures = measures_and_families(maker.measures(direction))
    return [Contender(maker, measure) for measure in measures]


def _maker(word: str) -> Maker:
    """One by its name, on a table weighed first where a normalisation stands before it."""
    *rules, name = word.replace("+", "·").split("·")
    maker = named(name.replace("(*)", ""), MAKERS, kind="candidate", example=EXAMPLE)
    if not rules:
        return maker
    if len(rules) > 1 or not hasattr(maker, "before"):
        raise SpellingError(
            f"{word.strip()!r}: one normalisation may stand before product, factors, ease or "
            "raw-data, as in bm25·product(1000)"
        )
    return replace(cast("Any", maker), before=normalisation(rules[0]))


def _check_known(word: str) -> None:
    name, known = _first_name(word), [*FORMULAS, *MAKERS]
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise SpellingError(
        f"no candidate is called {word.strip()!r}: {hint}known are the measures "
        f"{', '.join(FORMULAS)} and, made again, {', '.join(MAKERS)}; write {EXAMPLE}"
    )


def _first_name(word: str) -> str:
    found = _NAME.match("".join(word.lower().split()))
    return found[0] if found else ""
