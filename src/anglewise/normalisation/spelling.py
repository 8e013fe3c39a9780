"""From words to rules."""

from collections.abc import Callable

from anglewise.core.text import named
from anglewise.normalisation.exponents import Exponents
from anglewise.normalisation.frequency import Bm25, Propensity, TfIdf
from anglewise.normalisation.normalisation import Normalisation
from anglewise.normalisation.plain import AsIs, UnitRows
from anglewise.normalisation.standardised import Standardised

NORMALISATIONS: dict[str, Callable[..., Normalisation]] = {
    "none": AsIs,
    "standardised": Standardised,
    "l2": UnitRows,
    "tf-idf": TfIdf,
    "bm25": Bm25,
    "propensity": Propensity,
    "exponents": Exponents,
}


def normalisation(word: str | Normalisation) -> Normalisation:
    """Read a rule as it is written in options.

    Raises ``SpellingError`` for an unknown word or numbers that the rule does not take.

    >>> str(normalisation("BM25(2, 0.5)")), str(normalisation("bm25"))
    ('bm25(2,0.5)', 'bm25')
    """
    if isinstance(word, Normalisation):
        return word
    return named(word, NORMALISATIONS, kind="normalisation", example="bm25(1.2,0.75)")
