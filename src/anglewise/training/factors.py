"""Trained items, and where users stand by what they used."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Bool, Float32
from anglewise.errors import ShapeError
from anglewise.training.measured import measured


@dataclass(frozen=True)
class Epoch:
    """One visit to every training user.

    Attributes
    ----------
    number
        From 1.
    loss
        The mean over its steps, in nats.
    ndcg
        nDCG@10 of the users kept aside, after it; None where nobody was.
    """

    number: int
    loss: float
    ndcg: float | None


@dataclass(frozen=True, eq=False)
class TrainedFactors:
    """Item vectors as they were trained, for any number of users.

    Attributes
    ----------
    item_factors
        One row an item, in the order of the table; of length one under cosine.
    used
        Which items any training user used. Of the others only that nobody used them was learned,
        and they say nothing of a user.
    history
        What each epoch gave.
    about
        How it was made, for the space: ``trained_for`` and the settings among them.
    """

    item_factors: Float32[Array, "items d"]
    used: Bool[Array, " items"]
    history: tuple[Epoch, ...]
    about: Mapping[str, Any]

    @property
    def trained_for(self) -> Any:
        """The measure inside the loss."""
        return self.about["trained_for"]

    def fold_in(self, X: Any) -> Float32[Array, "users d"]:
        """The place of users, known or new, from what they used (users x items, zero or not).

        Under cosine the direction of the sum of the items' vectors, under dot their sum over the
        root of their number, under euclidean their mean: what training did with what was shown.
        Who used nothing that was trained stands at zero. Raises ``ShapeError`` when the columns of
        ``X`` are not the items of the training table.
        """
        if X.shape[1] != len(self.item_factors):
            raise ShapeError(
                f"{X.shape[1]} columns came, the model knows {len(self.item_factors)} items: "
                "give one column an item, in the order of training"
            )
        told = (X != 0).astype(np.float64)
        sums = np.asarray(told @ (self.item_factors * self.used[:, None]).astype(np.float64))
        counts = np.asarray(told @ self.used.astype(np.float64))
        return measured(self.trained_for).users(sums, counts).astype(np.float32)

    def space(
        self,
        users: Float32[Array, "users d"],
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        user_metadata: Mapping[str, Any] | None = None,
        item_metadata: Mapping[str, Any] | None = None,
        seen: SparseRows | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Space:
        """These users and all items as a space trained for the measure of the loss."""
        return Space(
            queries=Embeddings(users, ids=user_ids, metadata=user_metadata),
            items=Embeddings(self.item_factors, ids=item_ids, metadata=item_metadata),
            trained_for=self.trained_for,
            seen=seen,
            about={**self.about, **(about or {})},
        )
