"""The same measures by several truths: each has its verdict, and the first stands if all agree."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.judged_as import disagreement, in_short, undecided
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import SpellingError

CO_USE = "co-use"
JUDGED = "judgements"
"""What judgements are called where other truths stand beside them: those of use, and others."""


def of_use(judgements: Judgements | Pairs | Triplets) -> bool:
    """Whether judgements were made of what users used."""
    if not isinstance(judgements, Judgements):
        return False
    made_of = judgements.made_of
    return judgements.of_users or (made_of is not None and made_of.of_users)


def beside(
    judgements: Judgements | Pairs | Triplets, truths: Mapping[str, Judgements]
) -> dict[str, Judgements | Pairs | Triplets]:
    """Judgements and other truths by their names; ``SpellingError`` for a name that both have."""
    name = CO_USE if of_use(judgements) else JUDGED
    if name in truths:
        raise SpellingError(
            f"a truth is called {name}, and so are the judgements themselves: call it otherwise"
        )
    return {name: judgements, **truths}


def by_truths(
    named: Mapping[str, Judgements | Pairs | Triplets],
    compared: Callable[[Judgements], Comparison],
) -> Comparison:
    """Compare by each of several truths, and take together what they say.

    The result is that by the first, with all under ``truths``. Its verdict stands where every
    truth tells and none rules its measure out; else one cannot tell. Items are parted into
    strata by the use that the first truth made of users knows of.

    Raises ``SpellingError`` for judgements that are not between items, ``WrongTypeError`` for what
    is no truth.
    """
    truths: dict[str, Judgements] = {}
    for name, given in named.items():
        check_kind(name, str, "the name of a truth", "a text")
        check_kind(given, Judgements, f"the truth {name}", "Judgements")
        judged = truths[name] = cast("Judgements", given)
        if judged.direction != "items-items":
            raise SpellingError(
                f"the truth {name} is of {judged.direction}: truths are laid beside each other "
                "for items-items alone"
            )
    made = (judged.made_of for judged in truths.values())
    uses = next((own.uses for own in made if own is not None and own.of_users), None)
    results = [(name, compared(_with_use(judged, uses))) for name, judged in truths.items()]
    first = results[0][1]
    verdicts = [(name, own.verdict) for name, own in results]
    words = disagreement(verdicts)
    verdict = first.verdict
    said = [(name, own) for name, own in verdicts if own.decision != "cannot-tell"]
    if words:
        verdict = undecided(verdict, "the truths disagree about which to use", words)
    elif said and len(said) < len(verdicts):
        by_each = [f"{name}: {in_short(own)}" for name, own in verdicts]
        verdict = undecided(verdict, "not every truth tells", "; ".join(by_each))
    notes = first.notes
    if len(results) > 1:
        alone = f"by {results[0][0]} alone, of {len(results)} truths"
        notes = (f"{alone}: every figure, slice and gate outside of the table of truths", *notes)
    return replace(first, verdict=verdict, truths=tuple(results), notes=notes)


def _with_use(judged: Judgements, uses: Float64[Array, " items"] | None) -> Judgements:
    """Judgements of sets that are no users, with the use by which items are parted."""
    made_of = judged.made_of
    if uses is None or made_of is None or made_of.of_users or made_of.use is not None:
        return judged
    return replace(judged, made_of=replace(made_of, use=uses))
