"""Fit a model by the name of its objective; a space with judgements from held-out users."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from anglewise.data_types.columns import TRAIN
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import KEPT_ASIDE, POSITIVE, SEED
from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import SpellingError, TooFewError
from anglewise.judgements.co_use import co_use
from anglewise.judgements.constructed import HoldOut, hold_out
from anglewise.recommender_models.closed_form import OBJECTIVES, LinearModel, fit_linear
from anglewise.recommender_models.ease import ItemWeights, fit_ease
from anglewise.recommender_models.model import Model, RawTable, raw_table
from anglewise.recommender_models.normalisation import Normalisation
from anglewise.recommender_models.training import Trainer
from anglewise.recommender_models.training_state import TrainedFactors
from anglewise.recommender_models.training_steps import MEASURED

EASE, RAW = "ease", "raw-data"
COMPONENTS, PENALTY, GAUGE = 64, 1000.0, "balanced"


def learn(
    X: Any,
    *,
    objective: str = "product",
    components: int | None = None,
    penalty: float | None = None,
    gauge: str | None = None,
    normalise: str | Normalisation = "none",
    seed: int = 0,
) -> Model:
    """Learn a model from a table of training users (users x items, sparse or dense).

    Parameters
    ----------
    objective
        ``"product"`` or ``"factors"`` (``fit_linear``), ``"ease"`` (``fit_ease``), or
        ``"raw-data"`` (``raw_table``), which learns nothing.
    components, gauge
        Of the linear models; 64 and ``"balanced"`` if not given.
    penalty
        If not given, 1000 for linear models, and for ``"ease"`` the best one for validation users.
    normalise
        The normalisation of the table: see ``anglewise.recommender_models.normalisation``.
    seed
        Of the start of an iteration, and of the draw of validation users.

    Raises
    ------
    SpellingError
        An unknown objective, or an option that it does not have.
    ValuesError, ShapeError, TooFewError
        As raised by the functions named above.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> type(learn(X, objective="ease", penalty=2.0, normalise="l2")).__name__
    'ItemWeights'
    """
    if objective in OBJECTIVES:
        return fit_linear(
            X,
            COMPONENTS if components is None else components,
            objective=objective,
            penalty=PENALTY if penalty is None else penalty,
            gauge=GAUGE if gauge is None else gauge,
            normalise=normalise,
            seed=seed,
        )
    if objective not in {EASE, RAW}:
        objectives = ", ".join([*OBJECTIVES, EASE, RAW])
        raise SpellingError(f"objective {objective!r} is unknown: take one of {objectives}")
    refuse(objective, components=components, gauge=gauge)
    if objective == EASE:
        return fit_ease(X, penalty, normalise=normalise, seed=seed)
    refuse(objective, penalty=penalty)
    return raw_table(X, normalise=normalise)


def refuse(objective: str, **options: object) -> None:
    """Raise ``SpellingError`` for options that were given and that an objective does not have.

    >>> refuse("ease", gauge=None)
    >>> refuse("ease", gauge="balanced")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: objective 'ease' has no gauge: leave it out
    """
    unavailable = [name for name, value in options.items() if value is not None]
    if unavailable:
        names = " and no ".join(unavailable)
        raise SpellingError(f"objective {objective!r} has no {names}: leave it out")


HELD_OUT = "held-out"


@dataclass(frozen=True, eq=False)
class Fitted:
    """Embeddings, and judgements of held-out users to evaluate them by.

    Attributes
    ----------
    space
        All users of the interactions, in their order, and all items; with ``ease`` and
        ``raw-data``, which learn no vectors of users, only the held-out users, if there are any.
        The users' column ``split`` says ``train`` or ``held-out`` (folded in); the items' column
        ``popularity`` the number of training users of each. ``seen`` holds the interactions that
        training and folding in used.
    judgements
        By direction; empty if nobody was held out.
    model
        Folds further users in.
    notes
        Sentences to be shown: what could not be judged, which dimensions are missing.
    """

    space: Space
    judgements: Mapping[Direction, Judgements]
    model: Model
    notes: tuple[str, ...] = ()


def fit(
    interactions: Interactions,
    *,
    objective: str = "product",
    components: int | None = None,
    penalty: float | None = None,
    gauge: str | None = None,
    normalise: str = "none",
    trainer: Trainer | None = None,
    holdout: float = 0.2,
    split: str = "random",
    graded: bool = False,
    confidence: float | None = None,
    seed: int = 0,
) -> Fitted:
    """Learn users and items from interactions, and hold some users out to judge the result.

    Every interaction that weighs more than 0 counts 1, whatever its weight, or, with a
    ``confidence`` alpha, ``alpha log(1 + weight)`` (after Hu, Koren and Volinsky, 2008). The others
    are no likes: nothing is learned from them, and held out they are judged with gain 0. The model
    (``learn``) learns from the users that are not held out. A part of the interactions of held-out
    users folds them in; the rest are the items that should be recommended to them (``hold_out``);
    and all of them together show which items are alike (``co_use``).

    Parameters
    ----------
    objective, components, penalty, gauge, normalise
        See ``recommender_models.fit.learn``; or the objective is ``"cosine"``, ``"dot"`` or
        ``"euclidean"``, for which items are trained (``recommender_models.training``), without a
        penalty, a gauge or a normalisation.
    trainer
        How items are trained; measure, components and seed are those given here.
    holdout
        The share of the users held out; 0 trains on everybody and judges nothing.
    split
        The part of a held-out user's interactions that is hidden: a ``"random"`` half, the later
        half by ``"time"``, or the ``"last"`` one.
    graded
        Whether weights are the gains of what is held out, in place of 1.
    confidence
        Lets the table that is learned from hold ``confidence * log(1 + weight)`` in place of 1. For
        ``"cosine"``, ``"dot"`` and ``"euclidean"`` it weighs the items of a user that must be
        found, as shares of the user's own, so that 1 alone has a meaning.
    seed
        Of the draws of held-out users and hidden interactions.

    Raises
    ------
    ValuesError, SpellingError, TooFewError
        As raised by the functions named above; ``holdout`` outside [0, 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> users, items = np.nonzero(rng.random((50, 9)) < 0.6)
    >>> did = Interactions(users, items, np.ones(len(users)), np.arange(50), np.arange(9))
    >>> fitted = fit(did, components=3, penalty=1.0)
    >>> fitted.space.queries, len(fitted.judgements["queries-items"].judged_rows)
    (Embeddings(50 x 3), 10)
    """
    KEPT_ASIDE.check("holdout", holdout)
    SEED.check("seed", seed)
    if confidence is not None:
        POSITIVE.check("confidence", confidence)
        if objective in MEASURED and confidence != 1:
            raise SpellingError(
                f"objective {objective!r} weighs what a user's items are worth beside each other, "
                f"so that a confidence of {confidence:g} is one of 1: give 1"
            )
    hold_out_split = (
        None
        if holdout == 0
        else hold_out(interactions, share=holdout, how=split, graded=graded, seed=seed)
    )
    visible = (interactions if hold_out_split is None else hold_out_split.visible).rows()
    training = (visible if hold_out_split is None else hold_out_split.training()).likes()
    if not len(training.indices):
        raise TooFewError(
            "nothing that training users did weighs more than 0, and what weighs 0 or less is no "
            "like: shift the weights, or leave their column out"
        )
    users = interactions.shape[0]
    held_out = np.zeros(users, dtype=bool) if hold_out_split is None else hold_out_split.held_out
    trained = np.flatnonzero(~held_out)
    table = cells_of(training.take(trained), confidence)
    if objective in MEASURED:
        refuse(
            objective,
            penalty=penalty,
            gauge=gauge,
            normalise=None if normalise == "none" else normalise,
        )
        objective_trainer = Trainer() if trainer is None else trainer
        model = objective_trainer.of(
            objective,
            components=components or COMPONENTS,
            seed=seed,
            weighted=confidence is not None,
        )(table)
    else:
        refuse(objective, trainer=trainer)
        model = learn(
            table,
            objective=objective,
            components=components,
            penalty=penalty,
            gauge=gauge,
            normalise=normalise,
            seed=seed,
        )
    popularity = np.bincount(training.indices, minlength=interactions.shape[1])
    judgements, notes = _judged(interactions, hold_out_split)
    # whose vectors are as long as the table are held-out users alone, if there are any
    some = hold_out_split is not None and is_wide(model)
    asking = np.flatnonzero(held_out) if some else np.arange(users)
    visible = visible.take(asking)
    space = model.space(
        model.fold_in(cells_of(visible, confidence)),
        user_ids=np.asarray(interactions.user_ids)[asking],
        item_ids=interactions.item_ids,
        user_metadata={"split": [HELD_OUT if held else TRAIN for held in held_out[asking]]},
        item_metadata={
            **(interactions.item_metadata or {}),
            "popularity": popularity.tolist(),
        },
        seen=visible,
        about=({"holdout": holdout, "split": split} if hold_out_split else {})
        | ({} if confidence is None else {"confidence": confidence})
        | {"seed": seed},
    )
    if "queries-items" in judgements:
        judged = judgements["queries-items"]
        judgements["queries-items"] = replace(judged, gains=judged.gains.take(asking))
    dislikes = int((~interactions.liked).sum())
    if dislikes:
        notes.append(
            f"{dislikes:,} of {len(interactions.users):,} interactions weigh 0 or less: no likes, "
            "so not learned from; of those of held-out users, what is hidden is judged and not "
            "relevant"
            if hold_out_split
            else f"{dislikes:,} of {len(interactions.users):,} interactions weigh 0 or less: no "
            "likes, so not learned from"
        )
    weights = interactions.weights[interactions.liked]
    if confidence is None and weights.min() < weights.max():
        remedy = " (confidence=1, --confidence 1, learns from log(1 + weight))"
        notes.append(
            f"weights from {weights.min():g} to {weights.max():g} are not learned from: every like "
            f"counts 1{remedy}"
        )
    losses = _losses(model, components or COMPONENTS, popularity, len(trained))
    return Fitted(space, judgements, model, (*notes, *losses))


def cells_of(used: SparseRows, confidence: float | None) -> Any:
    """The table that is learned from: 1 for each like, or ``confidence * log(1 + weight)``.

    >>> used = SparseRows.from_pairs([0, 0], [0, 1], [np.e - 1, -1.0], shape=(1, 2))
    >>> cells_of(used, None).toarray().tolist(), cells_of(used, 2.0).toarray().round(3).tolist()
    ([[1.0, 0.0]], [[2.0, 0.0]])
    """
    table = used.ones()
    if confidence is not None:
        table.data = confidence * np.log1p(used.likes().values)
    return table


def is_wide(model: Model) -> bool:
    """Whether vectors are as long as the rows or columns of the table."""
    return isinstance(model, ItemWeights | RawTable)


def _judged(
    interactions: Interactions, split: HoldOut | None
) -> tuple[dict[Direction, Judgements], list[str]]:
    if split is None:
        return {}, []
    judgements: dict[Direction, Judgements] = {"queries-items": split.judgements}
    notes: list[str] = []
    if split.unjudged:
        everyone = f"{split.unjudged} of {split.held_out.sum()} held-out users"
        notes.append(f"not judged, for they have fewer than two items: {everyone}")
    try:
        sets = interactions.rows().take(np.flatnonzero(split.held_out))
        judgements["items-items"] = co_use(UsedTogether(sets))
    except TooFewError as error:
        notes.append(f"similar items cannot be judged: {error}")
    return judgements, notes


def _losses(
    model: Model, components: int, popularity: Int64[Array, " items"], users: int
) -> Iterator[str]:
    if isinstance(model, TrainedFactors):
        yield _trained(model)
    if isinstance(model, ItemWeights) and model.path is not None:
        yield str(model.path)
    if isinstance(model, LinearModel) and len(model.singular_values) < components:
        dimensions = len(model.singular_values)
        yield (
            f"{dimensions} of {components} dimensions are left: the table or the penalty ends there"
        )
    unused = int((popularity == 0).sum())
    if unused:
        items = f"{unused} of {len(popularity)} items"
        consequence = "their vectors are zero"
        if isinstance(model, TrainedFactors):
            consequence = "learned only as what nobody wants"
        yield f"used by no training user, so {consequence}: {items}"
    everybody = int((popularity == users).sum())
    if everybody and model.about.get("normalise") == "standardised":
        items = f"{everybody} of {len(popularity)} items"
        yield f"used by every training user, so standardised to zero: {items}"


def _trained(model: TrainedFactors) -> str:
    settings, epochs = model.about, len(model.history)
    best = f"epoch {settings['epoch']} of {epochs} is kept: loss {settings['loss']:.3f}"
    if settings["validation_ndcg"] is not None:
        best += f", nDCG@10 {settings['validation_ndcg']:.3f} for training users kept aside"
    return best + f"; temperature {settings['temperature']:.3g}"
