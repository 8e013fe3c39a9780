"""The popularity knob, and which measures may read bias columns."""

from anglewise.core.numbers import EXPONENT
from anglewise.core.typing import Direction
from anglewise.errors import SpellingError
from anglewise.measures.formulas import Cosine, Dot, Measure, Norm


def at_popularity(measure: Measure, exponent: float) -> Measure:
    """The measure with another exponent of the item's length: ``norm(alpha, exponent)``.

    0 leaves lengths as the model learnt them, 1 takes them out as the cosine does, more holds
    long items back. Where length goes with popularity this is a popularity knob; where it does
    not (bias columns, unit rows) it is another thing, or nothing.

    Raises ``SpellingError`` for measures that do not divide by lengths, ``ValuesError`` for an
    exponent that is not finite.

    >>> str(at_popularity(Measure(Dot()), 0.5)), str(at_popularity(Measure(Cosine()), 0.5))
    ('norm(0,0.5)', 'norm(1,0.5)')
    """
    EXPONENT.check("popularity", exponent)
    if not isinstance(measure.formula, Dot | Cosine | Norm):
        raise SpellingError(
            f"{measure} does not divide by the lengths of items, so popularity={exponent:g} has "
            "no exponent to set: take dot, cosine or norm(a,b)"
        )
    query = _query_exponent(measure.formula)
    formula = Dot() if query == exponent == 0 else Norm(query, exponent)
    return Measure(formula, measure.frames)


def reads_biases(measure: Measure, direction: Direction) -> bool:
    """Whether bias columns belong to the score: in the product of a user and an item alone.

    >>> reads_biases(Measure(Dot()), "queries-items"), reads_biases(Measure(Dot()), "items-items")
    (True, False)
    """
    return direction == "queries-items" and isinstance(measure.formula, Dot | Norm)


def _query_exponent(formula: Dot | Cosine | Norm) -> float:
    if isinstance(formula, Norm):
        return formula.query
    return 1 if isinstance(formula, Cosine) else 0
