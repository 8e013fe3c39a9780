"""The interface: a rule, and what it learned from the users it was shown."""

from abc import ABC, abstractmethod
from typing import Any

from anglewise.core.typing import Array, Float64
from anglewise.errors import ShapeError, ValuesError
from anglewise.normalisation.shifted_table import as_rows


class Learned(ABC):
    """A rule with the numbers that it took from the training users. An interface."""

    @property
    @abstractmethod
    def items(self) -> int:
        """How many columns it knows."""

    @property
    def balance(self) -> Float64[Array, " items"] | None:
        """One number an item, where the rule also changes what a model gives, else None.

        The model then takes its inputs times these and gives its outputs divided by them (see
        ``Exponents``).
        """
        return None

    @property
    def flat(self) -> int:
        """How many used columns it had to make 0, because they have one value only."""
        return 0

    def apply(self, X: Any) -> Any:
        """The table normalised: scipy CSR, or a ``ShiftedTable`` where zeros do not stay zeros.

        Raises ``ShapeError`` for other items than in training, ``ValuesError`` for values that
        the rule cannot take.
        """
        if X.shape[1] != self.items:
            raise ShapeError(
                f"{X.shape[1]} columns came, the training table had {self.items}: give one "
                "column an item, in the order of training"
            )
        return self._applied(as_rows(X))

    @abstractmethod
    def _applied(self, X: Any) -> Any:
        """The same for a CSR table of the right width."""


class Normalisation(ABC):
    """A way to weigh who used what before training. An interface; the rules are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    def learn(self, X: Any) -> Learned:
        """Take from the training users (users x items, sparse or dense) what the rule needs.

        Raises ``ValuesError`` for values that the rule cannot take.
        """
        return self._learned(as_rows(X))

    @abstractmethod
    def _learned(self, X: Any) -> Learned:
        """The same from a CSR table."""


def check_counts(X: Any, rule: object) -> None:
    """Refuse negative numbers where numbers stand for how often."""
    if len(X.data) and X.data.min() < 0:
        raise ValuesError(
            f"Negative values in data passed to {rule}, such as {X.data.min():g}, where each says "
            "how often something was used: drop negative weights, or shift them"
        )
