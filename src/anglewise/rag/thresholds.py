"""Thresholds that keep a share of the questions with confidence, and what each of them costs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import bdtr, betaincinv

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import TooFewError
from anglewise.statistics.calibration import Isotonic, Logistic, Proportion, proportion
from anglewise.statistics.calibration import isotonic as fit_isotonic
from anglewise.statistics.calibration import logistic as fit_logistic

CONFIDENCE = 0.95
"""That the share of all questions like those judged is no smaller than what is said."""
RECALLS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
"""The recalls of the price list."""

Kind: TypeAlias = Literal["isotonic", "logistic"]
Curve: TypeAlias = Isotonic | Logistic
FITS: dict[Kind, Callable[..., Curve]] = {"isotonic": fit_isotonic, "logistic": fit_logistic}


def rank_for(recall: float, questions: int) -> int:
    """The rank, from below, of the best relevant score at which a threshold keeps ``recall``.

    The share of questions whose score reaches the ``k``-th smallest of ``n`` others drawn alike is
    at least that of a draw from ``Beta(n + 1 - k, k)`` (Wilks 1941; Vovk 2012, for split conformal
    prediction). So it is at least ``recall`` with 95% confidence if at most ``k - 1`` of ``n``
    fall below with a probability of at most 5% where each does with ``1 - recall``; the largest
    such ``k`` is taken. Ties only add to what is kept. 0 where ``n`` is too few for any.

    >>> rank_for(0.95, 58), rank_for(0.95, 59), rank_for(0.95, 453)
    (0, 1, 15)
    """
    ranks = np.arange(questions)
    allowed = bdtr(ranks, questions, 1 - recall) <= 1 - CONFIDENCE
    return int(np.count_nonzero(allowed))  # the chance rises with the rank


def sure_share(rank: int, questions: int) -> float:
    """The share of questions that a threshold at a rank keeps at least, with 95% confidence.

    >>> round(sure_share(1, 59), 4), round(sure_share(15, 453), 4)
    (0.9505, 0.9521)
    """
    return float(betaincinv(questions + 1 - rank, rank, 1 - CONFIDENCE))


def questions_for(recall: float) -> int | None:
    """How many questions with a relevant passage a recall takes at 95% confidence; None: no number.

    >>> questions_for(0.9), questions_for(0.99), questions_for(1.0)
    (29, 299, None)
    """
    if recall >= 1:
        return None
    about = max(math.ceil(math.log(1 - CONFIDENCE) / math.log(recall)), 1)
    return about if rank_for(recall, about) else about + 1


@dataclass(frozen=True, eq=False)
class HowDrawn:
    """How questions and pairs were drawn for judging, as far as nothing here allows for it.

    ``unequally``: questions were, with unequal chances; each counts alike all the same.
    ``weights`` are what each question counts for questions as they are asked, where that is known.
    ``by_lot``: pairs were; what was not drawn counts as not relevant. ``copies`` is how many
    questions have the same passages, scores and judgements as another, each taken as independent.
    """

    unequally: bool = False
    weights: Float64[Array, " questions"] | None = None
    by_lot: bool = False
    copies: int = 0

    @classmethod
    def of(
        cls, judgements: Judgements, rows: Int64[Array, " questions"], copies: int = 0
    ) -> "HowDrawn":
        """How these judged questions were drawn; equal weights allow for their chances."""
        weights = judgements.weights(rows)
        values = None if weights is None else weights.values
        equal = judgements.drawn is None or (values is not None and np.allclose(values, 1))
        return cls(not equal, None if equal else values, judgements.by_lot, copies)


@dataclass(frozen=True, eq=False)
class ScoredQuestions:
    """Pairs of a question and an item found for it, with their score and relevance.

    ``questions`` are numbered from 0. Items that were not judged count as not relevant.
    ``out_of_reach`` is the number of questions with a relevant item of which none was found; None
    where that is not known. ``drawn`` says how the questions and their pairs were drawn.
    """

    questions: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    relevant: Bool[Array, " pairs"]
    out_of_reach: int | None = None
    drawn: HowDrawn = field(default_factory=HowDrawn)

    def take(self, chosen: Bool[Array, " pairs"]) -> "ScoredQuestions":
        """The pairs that a mask chooses."""
        return ScoredQuestions(self.questions[chosen], self.scores[chosen], self.relevant[chosen])

    def best_relevant(self) -> Float64[Array, " answerable"]:
        """The score of the nearest relevant item of each question that has one, ascending."""
        return np.sort(self.best_scores()[0])

    def answerable(self) -> Int64[Array, " answerable"]:
        """The questions that found a relevant item."""
        return np.unique(self.questions[self.relevant])

    def best_scores(self) -> Float64[Array, "2 answerable"]:
        """For each question that found a relevant item, the best score of one and of any."""
        answerable = self.answerable()
        best = np.full((2, len(answerable)), -np.inf)
        for row, chosen in enumerate((self.relevant, np.isin(self.questions, answerable))):
            at = np.searchsorted(answerable, self.questions[chosen])
            np.maximum.at(best[row], at, self.scores[chosen])
        return best


@dataclass(frozen=True)
class Price:
    """What a threshold keeps and what it costs, measured on questions it was not learned from.

    Attributes
    ----------
    recall
        The share of questions that was asked for.
    threshold
        The least probability of a passage that is given.
    at_least
        The share of all questions like those judged, of those that find a relevant passage, that
        keep one with 95% confidence: ``recall``, or less where judgements are too few for it. None
        where they were drawn with unequal chances, which the threshold does not allow for.
    kept, only_irrelevant, turned_away
        Of the held-out questions that found a relevant passage: those that keep one, those that
        are given passages and none of them relevant, those that are given nothing.
    passages
        The mean number of passages that reach the threshold, over all judged questions.
    false_contexts
        The share of questions from elsewhere that are given something; None if none were asked.
    kept_as_asked
        ``kept`` for questions as they are asked, where they were drawn with unequal chances that
        are known.
    """

    recall: float
    threshold: float
    at_least: float | None
    kept: Proportion
    only_irrelevant: Proportion
    turned_away: Proportion
    passages: float
    false_contexts: Proportion | None = None
    kept_as_asked: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the judgements suffice for the recall asked for, at 95% confidence."""
        return self.at_least is not None and self.at_least >= self.recall


@dataclass(frozen=True, eq=False)
class CrossFit:
    """The curve of all questions, and one for each fold, learned without its questions."""

    evidence: ScoredQuestions
    curve: Curve
    curves: tuple[Curve, ...]
    fold: Int64[Array, " pairs"]

    @staticmethod
    def of(evidence: ScoredQuestions, kind: Kind, folds: int, seed: int) -> "CrossFit":
        """Fit the curves; ``TooFewError`` where fewer questions than folds found something."""
        answered = len(evidence.answerable())
        if folds < 2 or answered < folds:
            raise TooFewError(
                f"{counted(answered, 'question')} found a relevant passage: {max(folds, 2)} or "
                "more are due, one for each fold; judge more, or look deeper"
            )
        fit, fold = FITS[kind], _folds(evidence, folds, seed)
        learned = [evidence.take(fold != number) for number in range(folds)]
        curves = tuple(fit(some.scores, some.relevant) for some in learned)
        return CrossFit(evidence, fit(evidence.scores, evidence.relevant), curves, fold)

    @property
    def predicted(self) -> Float64[Array, " pairs"]:
        """The probability of each pair by the curve that its question had no part in."""
        predicted = np.zeros(len(self.fold))
        for number, curve in enumerate(self.curves):
            held_out = self.fold == number
            predicted[held_out] = curve(self.evidence.scores[held_out])
        return predicted

    def price(self, recall: float) -> Price:
        """What the threshold for a recall keeps and costs; each fold's is learned without it."""
        best = self.evidence.best_relevant()
        weights = self.evidence.drawn.weights
        given_relevant = turned_away = given = 0
        weight_given = 0.0
        for number, curve in enumerate(self.curves):
            held_out = self.evidence.take(self.fold == number)
            learned = self.evidence.take(self.fold != number).best_relevant()
            threshold = _threshold(curve, learned, recall)
            relevant, nearest = curve(held_out.best_scores()) >= threshold
            given_relevant += int(relevant.sum())
            if weights is not None:
                weight_given += float(weights[held_out.answerable()[relevant]].sum())
            turned_away += int((~nearest).sum())
            given += int(np.sum(curve(held_out.scores) >= threshold))
        suffices = rank_for(recall, len(best)) > 0
        at_least = recall if suffices else sure_share(1, len(best))
        of_weight = None if weights is None else weights[self.evidence.answerable()].sum()
        return Price(
            recall,
            _threshold(self.curve, best, recall),
            None if self.evidence.drawn.unequally else at_least,
            proportion(given_relevant, len(best)),
            proportion(len(best) - given_relevant - turned_away, len(best)),
            proportion(turned_away, len(best)),
            given / len(np.unique(self.evidence.questions)),
            kept_as_asked=None if of_weight is None else float(weight_given / of_weight),
        )


def share_given(curve: Curve, nearest: Float64[Array, " n"], threshold: float) -> Proportion:
    """The share of questions whose nearest score reaches a threshold; ``-inf`` found nothing."""
    scores = nearest[nearest > -np.inf]
    return proportion(int(np.sum(curve(scores) >= threshold)), len(nearest))


def _threshold(curve: Curve, best: Float64[Array, " answerable"], recall: float) -> float:
    """The probability at the rank for a recall; at the lowest score where ``n`` is too few."""
    rank = max(rank_for(recall, len(best)), 1)
    return float(curve(best[rank - 1 : rank])[0])


def _folds(evidence: ScoredQuestions, folds: int, seed: int) -> Int64[Array, " pairs"]:
    """The fold of each pair; questions with a relevant item are spread evenly over the folds."""
    answerable = evidence.answerable()
    unanswerable = np.setdiff1d(evidence.questions, answerable)
    rng = np.random.default_rng(seed)
    fold_of = np.zeros(int(evidence.questions.max()) + 1, dtype=np.int64)
    for group in (answerable, unanswerable):
        fold_of[rng.permutation(group)] = np.arange(len(group)) % folds
    return fold_of[evidence.questions]
