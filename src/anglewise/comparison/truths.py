"""The same measures by several truths: each has its verdict, and the first stands if all agree."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.judged_as import disagreement, undecided
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import SpellingError


def by_truths(
    named: Mapping[str, Judgements], compared: Callable[[Judgements], Comparison]
) -> Comparison:
    """Compare by each of several truths, and take together what they say.

    The result is that by the first, with all under ``truths``. Its verdict stands where every
    truth tells and none rules its measure out; else one cannot tell. Items are parted into
    strata by the use that the first truth made of users knows of.

    Raises ``SpellingError`` for judgements that are not between items, ``WrongTypeError`` for what
    is no truth.
    """
    for name, judged in named.items():
        check_kind(name, str, "the name of a truth", "a text")
        check_kind(judged, Judgements, f"the truth {name}", "Judgements")
        if judged.direction != "items-items":
            raise SpellingError(
                f"the truth {name} is of {judged.direction}: truths are laid beside each other "
                "for items-items alone"
            )
    made = (judged.made_of for judged in named.values())
    uses = next((own.uses for own in made if own is not None and own.of_users), None)
    results = [(name, compared(_with_use(judged, uses))) for name, judged in named.items()]
    first = results[0][1]
    verdicts = [(name, own.verdict) for name, own in results]
    words = disagreement(verdicts)
    verdict = first.verdict
    said = [(name, own) for name, own in verdicts if own.decision != "cannot-tell"]
    if words:
        verdict = undecided(verdict, "the truths disagree about who wins", words)
    elif said and len(said) < len(verdicts):
        by_each = [
            f"{name}: cannot tell" if own.decision == "cannot-tell" else f"{name}: {own.measure}"
            for name, own in verdicts
        ]
        verdict = undecided(verdict, "not every truth tells", "; ".join(by_each))
    return replace(first, verdict=verdict, truths=tuple(results))


def _with_use(judged: Judgements, uses: Float64[Array, " items"] | None) -> Judgements:
    """Judgements of sets that are no users, with the use by which items are parted."""
    made_of = judged.made_of
    if uses is None or made_of is None or made_of.of_users or made_of.use is not None:
        return judged
    return replace(judged, made_of=replace(made_of, use=uses))
