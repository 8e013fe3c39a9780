"""A gauge: one of the equally good factorisations of the same predictions."""

from abc import ABC, abstractmethod

from anglewise.core.embeddings import Space
from anglewise.errors import ShapeError, ValuesError
from anglewise.gauge.map_pair import BIAS_COLUMNS, MapPair
from anglewise.gauge.root import Root, root_of


class Gauge(ABC):
    """A way to choose the maps. An interface: gauges are finished."""

    @abstractmethod
    def __str__(self) -> str:
        """The spelling."""

    @abstractmethod
    def pair(self, queries: Root, items: Root) -> MapPair:
        """The maps from the given factors to this gauge."""

    def apply(self, space: Space, keep: tuple[int, ...] | None = None) -> Space:
        """The same predictions from other vectors: ``P -> P G``, ``Q -> Q G^-T``.

        Ids, metadata and what was seen stay; the dimension falls where some directions carry
        no prediction.

        Parameters
        ----------
        space
            Two-sided, and not trained for cosine or euclidean.
        keep
            Columns that stay as they are, moved to the end, while the others change gauge among
            themselves: the bias columns of a model that adds a number to each item or user; if
            not given, those that ``space.about`` names. ``()`` says that there is none.

        Raises
        ------
        ShapeError
            A one-sided space.
        ValuesError
            A column holds one number for a whole side and ``keep`` says nothing; the loss read
            lengths or angles; all predictions are 0; the result does not fit float32.

        Examples
        --------
        >>> from anglewise.core.embeddings import Embeddings
        >>> from anglewise.gauge.canonical import BALANCED
        >>> space = Space(queries=Embeddings([[4.0], [0.0]]), items=Embeddings([[1.0]]))
        >>> BALANCED.apply(space).items.vectors.tolist()
        [[2.0]]
        """
        queries, items = two_roots(space)
        if space.trained_for in {"cosine", "euclidean"}:
            raise ValuesError(
                f"this space was trained for {space.trained_for}, which only rotations leave "
                "alone: a gauge is for vectors trained for their dot products"
            )
        if keep is None and space.about.get(BIAS_COLUMNS):
            keep = tuple(int(column) for column in space.about[BIAS_COLUMNS])
        pair = self.pair_keeping(queries, items, keep or ())
        if keep is None:
            _refuse_mixing(pair, constant_columns(queries, items))
        return pair.apply(space, {"gauge": str(self)})

    def pair_keeping(self, queries: Root, items: Root, keep: tuple[int, ...]) -> MapPair:
        """The maps that leave some columns alone and bring the others to this gauge."""
        dimension = queries.dimension
        wrong = [column for column in keep if not 0 <= column < dimension]
        if wrong:
            raise ShapeError(f"keep names column {wrong[0]} of {dimension}: count from 0")
        if not keep:
            return self.pair(queries, items)
        rest = [column for column in range(dimension) if column not in keep]
        inner = self.pair(queries.columns(rest), items.columns(rest))
        return inner.beside(tuple(sorted(set(keep))), dimension)


def two_roots(space: Space) -> tuple[Root, Root]:
    """The roots of queries and items; ``ShapeError`` where there is one side only."""
    if space.one_sided:
        raise ShapeError(
            "this space has one side: a gauge needs two factors whose products are the "
            "predictions (users and items), so that what one side gains the other can lose"
        )
    return root_of(space.queries), root_of(space.items)


def constant_columns(queries: Root, items: Root) -> tuple[int, ...]:
    """Columns in which either side holds one number throughout: biases, not directions.

    implicit's BPR writes 1 into the last column of its users and a bias into that of its items,
    its logistic factorisation has one such column on each side.
    """
    return tuple(sorted({*queries.constant, *items.constant}))


def _refuse_mixing(pair: MapPair, constant: tuple[int, ...]) -> None:
    mixed = [column for column in constant if pair.mixes(column)]
    if mixed:
        raise ValuesError(
            f"column {mixed[0]} holds one number for a whole side, as a bias does: say "
            f"keep={tuple(mixed)} to leave it out of the gauge, or keep=() to mix it with the rest"
        )
