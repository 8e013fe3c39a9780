"""What queries and items may be instead of one dense vector each: an interface."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, NoReturn

from anglewise.data_types.conversion import check_metadata
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.row_ids import unique_ids
from anglewise.data_types.typing import Array, Int64
from anglewise.errors import WrongTypeError


class Representation(Embeddings, ABC):
    """Rows with ids and metadata, each of which is something else than one dense vector.

    It stands where embeddings stand in a space. Whatever reads dense vectors is refused by
    ``vectors``, so that nothing computes with numbers that are not there.
    """

    noun: ClassVar[str]
    """What the rows are, in words."""
    measures: ClassVar[tuple[str, ...]]
    """The spellings of the measures that rank them."""
    usual_measures: ClassVar[tuple[str, ...]]
    """Those that are compared where nobody says which."""

    def _named(self, rows: int, ids: Iterable[Any] | None, metadata: Any) -> None:
        self._given_ids = None if ids is None else unique_ids(ids, rows)
        check_metadata(metadata, rows)
        self.metadata = metadata

    @property
    def vectors(self) -> NoReturn:  # pyright: ignore[reportIncompatibleVariableOverride] # refused
        """There are none: raises ``WrongTypeError``."""
        raise WrongTypeError(
            f"this reads one dense vector a row, and these rows are {self.noun}: search, compare "
            f"and Index rank them by {' or '.join(self.measures)}"
        )

    @abstractmethod
    def __len__(self) -> int:
        """How many rows there are."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """How many numbers a vector has."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """What the numbers weigh."""

    @abstractmethod
    def take(self, rows: Int64[Array, " some"]) -> "Representation":
        """Some rows, in the order given, with their ids and without metadata."""

    @abstractmethod
    def of_kind(self, value: Any) -> "Representation":
        """Further rows of the same kind, from whatever its constructor takes."""

    @abstractmethod
    def joined(
        self, other: "Representation", ids: Iterable[Any] | None = None, metadata: Any = None
    ) -> "Representation":
        """These rows and behind them others, under new ids and metadata."""

    @abstractmethod
    def called(self, ids: Iterable[Any] | None, metadata: Any = None) -> "Representation":
        """The same rows under other ids and metadata."""
