"""MaxSim, which ranks lists of token vectors (ColBERT: Khattab and Zaharia, SIGIR 2020)."""

from collections.abc import Callable
from dataclasses import dataclass

from anglewise.data_types.typing import Array, Float64
from anglewise.errors import SpellingError
from anglewise.similarity_measures.formulas import Formula, PerPair, Terms


@dataclass(frozen=True)
class MaxSim(Formula):
    """``sum_i max_j q_i . x_j`` over the tokens ``q_i`` of a query and ``x_j`` of an item.

    Tokens count as given; with ``unit`` each counts by its direction alone, and a zero vector
    scores 0. Of lists of one token each it is ``dot``, or ``cosine``.

    >>> str(MaxSim()), str(MaxSim(unit=True))
    ('maxsim', 'maxsim-cosine')
    """

    unit: bool = False

    product = "dot"
    meaning = "sum over the query's tokens of the largest inner product with a token of the item"

    def __str__(self) -> str:
        return "maxsim-cosine" if self.unit else "maxsim"

    def _refuse(self) -> SpellingError:
        return SpellingError(
            f"{self} ranks lists of token vectors (TokenVectors), and here each row is one vector: "
            f"take {'cosine' if self.unit else 'dot'}"
        )

    def score(self, product: PerPair, query_norms: PerPair, item_norms: PerPair) -> PerPair:
        """Not of single vectors."""
        del product, query_norms, item_norms
        raise self._refuse()

    def terms(self, item_norms: Float64[Array, " n"]) -> Terms:
        """Not of single vectors."""
        del item_norms
        raise self._refuse()


def _maxsim() -> MaxSim:
    return MaxSim()


def _maxsim_cosine() -> MaxSim:
    return MaxSim(unit=True)


TOKEN_FORMULAS: dict[str, Callable[..., Formula]] = {
    "maxsim": _maxsim,
    "maxsim-cosine": _maxsim_cosine,
}
"""The words of the measures that rank lists of token vectors."""
