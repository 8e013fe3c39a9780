"""The probability that a passage is relevant, learned from judgements; false contexts counted."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import PART
from anglewise.core.typing import Array, Bool, Float, Float64, Int64
from anglewise.engine.index import Answering
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.statistics.calibration import (
    Bin,
    Isotonic,
    Logistic,
    Proportion,
    Reliability,
    isotonic,
    logistic,
    proportion,
    reliability,
)


@dataclass(frozen=True, eq=False)
class ScoredQuestions:
    """Pairs of a question and an item found for it, with their score and relevance.

    ``questions`` are numbered from 0. Items that were not judged count as not relevant.
    """

    questions: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    relevant: Bool[Array, " pairs"]

    def take(self, chosen: Bool[Array, " pairs"]) -> "ScoredQuestions":
        """The pairs that a mask chooses."""
        return ScoredQuestions(self.questions[chosen], self.scores[chosen], self.relevant[chosen])

    def best_relevant(self) -> Float64[Array, " answerable"]:
        """The score of the nearest relevant item of each question that has one, ascending."""
        best: dict[int, float] = {}
        good = self.relevant
        for question, score in zip(
            self.questions[good].tolist(), self.scores[good].tolist(), strict=True
        ):
            best[question] = max(score, best.get(question, -np.inf))
        return np.sort(np.array(list(best.values()), dtype=np.float64))


def gather(index: Answering, space: Space, judgements: Judgements, depth: int) -> ScoredQuestions:
    """Search ``depth`` items for each judged question of a space, with their relevance.

    Where documents were judged and the items are passages of them, each document counts once, with
    its best passage.

    Raises ``SpellingError`` for judgements of another direction, ``ShapeError`` for those of
    another space, ``TooFewError`` if no question was judged.
    """
    if judgements.direction != "queries-items":
        raise SpellingError(
            f"the judgements are for {judgements.direction}: a prompt is answered by "
            "queries-items, questions judged against documents"
        )
    parts = judgements.parts
    names = space.items.ids if parts is None else np.array(parts.documents, dtype=object)
    document = {} if parts is None else dict(zip(space.items.ids, names[parts.of], strict=True))
    expected = (len(space.queries), len(names))
    if judgements.gains.shape != expected:
        raise ShapeError(f"judgements are {judgements.gains.shape}, the space {expected}")
    rows = judgements.judged_rows
    if not len(rows):
        raise TooFewError("no question was judged: judgements of questions in the space are due")
    questions: list[int] = []
    scores: list[float] = []
    relevant: list[bool] = []
    answers = index.search(space.queries.vectors[rows], depth)
    for number, (row, hits) in enumerate(zip(rows.tolist(), answers, strict=True)):
        start, stop = judgements.gains.indptr[row : row + 2]
        positive = judgements.gains.values[start:stop] > 0
        relevant_names = set(names[judgements.gains.indices[start:stop][positive]])
        best: dict[str, float] = {}
        for hit in hits:
            best.setdefault(document.get(hit.id, hit.id), hit.score)
        questions += [number] * len(best)
        scores += best.values()
        relevant += [name in relevant_names for name in best]
    return ScoredQuestions(
        np.array(questions, dtype=np.int64),
        np.array(scores, dtype=np.float64),
        np.array(relevant, dtype=bool),
    )


Kind: TypeAlias = Literal["isotonic", "logistic"]
Curve: TypeAlias = Isotonic | Logistic
FITS: dict[Kind, Callable[..., Curve]] = {"isotonic": isotonic, "logistic": logistic}


@dataclass(frozen=True, eq=False)
class Relevance:
    """The probability of relevance at a score, and how well it holds on held-out questions.

    Attributes
    ----------
    curve
        The probability at a score; it never falls as the score rises.
    measure
        The measure of the scores.
    threshold
        The probability that a relevant passage of a share ``recall`` of the questions reaches.
    recall
        The share of questions that the threshold was chosen for.
    held_out_recall
        The share of questions that keep a relevant passage, each under a curve and a threshold
        learned without it.
    reliability
        Predictions for held-out questions, against their judgements.
    questions, pairs, relevant
        The number of questions with a relevant passage among those found, of pairs of a question
        and a passage, and of relevant pairs.
    """

    curve: Curve
    measure: str
    threshold: float
    recall: float
    held_out_recall: Proportion
    reliability: Reliability
    questions: int
    pairs: int
    relevant: int

    def __call__(self, scores: Float[Array, "*shape"]) -> Float64[Array, "*shape"]:
        """The probability of relevance at each score."""
        return self.curve(scores)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, which :meth:`from_dict` reads."""
        kind = "isotonic" if isinstance(self.curve, Isotonic) else "logistic"
        return {
            "kind": kind,
            "curve": self.curve.to_dict(),
            "measure": self.measure,
            "threshold": self.threshold,
            "recall": self.recall,
            "held_out_recall": vars(self.held_out_recall),
            "reliability": self.reliability.to_dict(),
            "questions": self.questions,
            "pairs": self.pairs,
            "relevant": self.relevant,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Relevance":
        """Read the result of :meth:`to_dict`; ``FileError`` for anything else."""
        try:
            bins = tuple(
                Bin(bin_["predicted"], Proportion(**bin_["observed"]))
                for bin_ in content["reliability"]["bins"]
            )
            curve = _curve(content["kind"], content["curve"])
            return cls(
                curve=curve,
                measure=str(content["measure"]),
                threshold=_proportion(content["threshold"]),
                recall=_proportion(content["recall"]),
                held_out_recall=Proportion(**content["held_out_recall"]),
                reliability=Reliability(
                    bins, content["reliability"]["expected_error"], content["reliability"]["brier"]
                ),
                questions=int(content["questions"]),
                pairs=int(content["pairs"]),
                relevant=int(content["relevant"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise FileError(
                f"this is no learned relevance ({error!r}): write it anew (anglewise calibrate)"
            ) from error


def learn_relevance(
    index: Answering,
    space: Space,
    judgements: Judgements,
    *,
    kind: Kind = "isotonic",
    depth: int = 50,
    recall: float = 0.95,
    folds: int = 5,
    seed: int = 0,
) -> Relevance:
    """Learn from judged questions the probability of relevance at a score of the index.

    The ``depth`` nearest passages of each question are compared with its judgements; passages that
    were not judged count as not relevant. How well the probabilities hold is measured on held-out
    questions by cross-fitting; folds are of whole questions, since the passages of one question
    depend on each other.

    Parameters
    ----------
    index
        The index that will answer; it holds the judged items of the space.
    space
        Its queries are the questions.
    judgements
        For ``queries-items``.
    kind
        ``"isotonic"``, any rising curve, or ``"logistic"``, of two parameters, for few judgements.
    recall
        The share of questions that keep a relevant passage at the threshold, of those for which one
        was found at all.
    folds
        The number of parts that questions are drawn into.

    Raises
    ------
    TooFewError
        Fewer questions with a relevant passage than folds.
    SpellingError, ShapeError, ValuesError
        Judgements of another direction or space; a recall that makes no sense.
    """
    evidence = gather(index, space, judgements, depth)
    return relevance_of(evidence, index.measure, kind=kind, recall=recall, folds=folds, rng=seed)


def relevance_of(
    evidence: ScoredQuestions,
    measure: str,
    *,
    kind: Kind = "isotonic",
    recall: float = 0.95,
    folds: int = 5,
    rng: int = 0,
) -> Relevance:
    """``learn_relevance`` from gathered scores."""
    PART.check("recall", recall)
    best = evidence.best_relevant()
    if folds < 2 or len(best) < folds:
        raise TooFewError(
            f"{len(best)} questions found a relevant passage: {max(folds, 2)} or more are due, "
            "one for each fold; judge more, or look deeper"
        )
    fit = FITS[kind]
    fold = _folds(evidence, folds, rng)
    predicted = np.zeros(len(evidence.scores))
    recalled = answerable = 0
    for number in range(folds):
        in_fold = fold == number
        learned, held_out = evidence.take(~in_fold), evidence.take(in_fold)
        curve = fit(learned.scores, learned.relevant)
        predicted[in_fold] = curve(held_out.scores)
        likely = curve(held_out.best_relevant())
        recalled += int(np.sum(likely >= _threshold(curve, learned.best_relevant(), recall)))
        answerable += len(likely)
    curve = fit(evidence.scores, evidence.relevant)
    return Relevance(
        curve=curve,
        measure=measure,
        threshold=_threshold(curve, best, recall),
        recall=recall,
        held_out_recall=proportion(recalled, answerable),
        reliability=reliability(predicted, evidence.relevant),
        questions=len(best),
        pairs=len(evidence.scores),
        relevant=int(evidence.relevant.sum()),
    )


def _folds(evidence: ScoredQuestions, folds: int, seed: int) -> Int64[Array, " pairs"]:
    """The fold of each pair; questions with a relevant item are spread evenly over the folds."""
    answerable = np.unique(evidence.questions[evidence.relevant])
    unanswerable = np.setdiff1d(evidence.questions, answerable)
    rng = np.random.default_rng(seed)
    fold_of = np.zeros(int(evidence.questions.max()) + 1, dtype=np.int64)
    for group in (answerable, unanswerable):
        fold_of[rng.permutation(group)] = np.arange(len(group)) % folds
    return fold_of[evidence.questions]


def _threshold(curve: Curve, best: Float64[Array, " answerable"], recall: float) -> float:
    """The highest probability that a share ``recall`` of the best relevant scores reaches."""
    missed = min(math.floor((1 - recall) * len(best) + 1e-9), len(best) - 1)
    return float(curve(best[missed : missed + 1])[0])


def _proportion(number: Any) -> float:
    value = float(number)
    if not 0 <= value <= 1:
        raise ValueError(f"{value} is no share from 0 to 1")
    return value


def _curve(kind: str, content: Mapping[str, Any]) -> Curve:
    if kind == "logistic":
        line = Logistic(float(content["slope"]), float(content["intercept"]))
        if not np.isfinite([line.slope, line.intercept]).all():
            raise ValueError("the line is not finite")
        return line
    if kind != "isotonic":
        raise ValueError(f"kind {kind!r}")
    scores, probabilities = (
        np.array(content[name], dtype=np.float64) for name in ("scores", "probabilities")
    )
    if scores.ndim != 1 or scores.shape != probabilities.shape or not len(scores):
        raise ValueError(
            f"{scores.shape} scores and {probabilities.shape} probabilities, one each is due"
        )
    if not (np.isfinite(scores).all() and (np.diff(scores) >= 0).all()):
        raise ValueError("the scores do not rise")
    if not (
        ((probabilities >= 0) & (probabilities <= 1)).all() and (np.diff(probabilities) >= 0).all()
    ):
        raise ValueError("the probabilities do not rise from 0 to 1 with the scores")
    return Isotonic(scores, probabilities)


@dataclass(frozen=True)
class FalseContexts:
    """The share of questions that the items cannot answer, but that are given a passage.

    ``threshold`` is the least probability of a passage, ``recall`` the share of held-out answerable
    questions that keep a relevant passage at it.
    """

    rate: Proportion
    threshold: float
    recall: Proportion


def false_contexts(
    index: Answering, vectors: ArrayLike, relevance: Relevance, threshold: float | None = None
) -> FalseContexts:
    """Count the questions from another source whose nearest item would be given as relevant.

    ``vectors`` are ``questions x d``, encoded as questions; the threshold is by default that of
    ``relevance``.
    """
    probability = relevance.threshold if threshold is None else threshold
    best = np.array([hits[0].score if hits else -np.inf for hits in index.search(vectors, 1)])
    answered = int(np.sum(relevance(best) >= probability))
    return FalseContexts(proportion(answered, len(best)), probability, relevance.held_out_recall)
