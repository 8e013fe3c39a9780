"""The probability that a passage is relevant, learned from judgements, with false contexts."""

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
    """For each pair of a question and what was found for it: the score, and whether it fits.

    ``questions`` are numbered from 0. What was not judged counts as not relevant.
    """

    questions: Int64[Array, " pairs"]
    scores: Float64[Array, " pairs"]
    relevant: Bool[Array, " pairs"]

    def take(self, chosen: Bool[Array, " pairs"]) -> "ScoredQuestions":
        """Some of the pairs."""
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
    """Ask the judged questions of a space, ``depth`` items each.

    Where documents were judged and the items are passages of them, each document speaks once, by
    the best of its passages.

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
    due = (len(space.queries), len(names))
    if judgements.gains.shape != due:
        raise ShapeError(f"judgements are {judgements.gains.shape}, the space {due}")
    rows = judgements.judged_rows
    if not len(rows):
        raise TooFewError("no question was judged: judgements of questions in the space are due")
    questions: list[int] = []
    scores: list[float] = []
    relevant: list[bool] = []
    found = index.search(space.queries.vectors[rows], depth)
    for number, (row, hits) in enumerate(zip(rows.tolist(), found, strict=True)):
        start, stop = judgements.gains.indptr[row : row + 2]
        good = judgements.gains.values[start:stop] > 0
        right = set(names[judgements.gains.indices[start:stop][good]])
        best: dict[str, float] = {}
        for hit in hits:
            best.setdefault(document.get(hit.id, hit.id), hit.score)
        questions += [number] * len(best)
        scores += best.values()
        relevant += [name in right for name in best]
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
    """From a score to the probability of being relevant, and how far that holds.

    Attributes
    ----------
    curve
        The probability at a score; it never falls as the score rises.
    measure
        Of which measure the scores are.
    threshold
        The probability that lets in a relevant passage of a share ``recall`` of the questions.
    recall
        The share that was asked for.
    held_out_recall
        The share of questions that kept a relevant passage, each under a curve and a threshold
        learned without it.
    reliability
        Predictions for questions that had no part in learning, against what was judged.
    questions, pairs, relevant
        How many questions had a relevant passage among what was found, how many pairs of a
        question and a passage spoke, and how many of these were relevant.
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
        """What machines read; :meth:`from_dict` makes the same thing of it."""
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
    def from_dict(cls, said: Mapping[str, Any]) -> "Relevance":
        """Read what :meth:`to_dict` gave; ``FileError`` if it is something else."""
        try:
            bins = tuple(
                Bin(one["predicted"], Proportion(**one["observed"]))
                for one in said["reliability"]["bins"]
            )
            curve = _curve(said["kind"], said["curve"])
            return cls(
                curve=curve,
                measure=str(said["measure"]),
                threshold=_a_share(said["threshold"]),
                recall=_a_share(said["recall"]),
                held_out_recall=Proportion(**said["held_out_recall"]),
                reliability=Reliability(
                    bins, said["reliability"]["expected_error"], said["reliability"]["brier"]
                ),
                questions=int(said["questions"]),
                pairs=int(said["pairs"]),
                relevant=int(said["relevant"]),
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
    """Learn from judged questions what a score of the index says about relevance.

    Each question is asked and its ``depth`` nearest passages are compared with the judgements;
    what was not judged counts as not relevant. How well probabilities hold is measured on
    questions that had no part in learning them, in turn: cross-fitted by question, as passages
    of one question stand and fall together.

    Parameters
    ----------
    index
        What will answer; its items are those of the space, as far as they were judged.
    space
        Whose queries ask.
    judgements
        For ``queries-items``.
    kind
        ``"isotonic"``, any rising curve, or ``"logistic"``, two numbers, for few judgements.
    recall
        The share of questions that the threshold lets keep a relevant passage, of those for which
        one was found at all.
    folds
        Into how many parts questions are drawn.

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
    """The same from scores that were gathered already."""
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
    kept = answerable = 0
    for number in range(folds):
        here = fold == number
        learned, apart = evidence.take(~here), evidence.take(here)
        curve = fit(learned.scores, learned.relevant)
        predicted[here] = curve(apart.scores)
        likely = curve(apart.best_relevant())
        kept += int(np.sum(likely >= _threshold(curve, learned.best_relevant(), recall)))
        answerable += len(likely)
    curve = fit(evidence.scores, evidence.relevant)
    return Relevance(
        curve=curve,
        measure=measure,
        threshold=_threshold(curve, best, recall),
        recall=recall,
        held_out_recall=proportion(kept, answerable),
        reliability=reliability(predicted, evidence.relevant),
        questions=len(best),
        pairs=len(evidence.scores),
        relevant=int(evidence.relevant.sum()),
    )


def _folds(evidence: ScoredQuestions, folds: int, seed: int) -> Int64[Array, " pairs"]:
    """The fold of each pair: questions with something relevant are dealt out evenly."""
    answerable = np.unique(evidence.questions[evidence.relevant])
    others = np.setdiff1d(evidence.questions, answerable)
    rng = np.random.default_rng(seed)
    fold_of = np.zeros(int(evidence.questions.max()) + 1, dtype=np.int64)
    for group in (answerable, others):
        fold_of[rng.permutation(group)] = np.arange(len(group)) % folds
    return fold_of[evidence.questions]


def _threshold(curve: Curve, best: Float64[Array, " answerable"], recall: float) -> float:
    """The highest probability that a share of the questions reaches with a relevant passage."""
    lost = min(math.floor((1 - recall) * len(best) + 1e-9), len(best) - 1)
    return float(curve(best[lost : lost + 1])[0])


def _a_share(said: Any) -> float:
    value = float(said)
    if not 0 <= value <= 1:
        raise ValueError(f"{value} is no share from 0 to 1")
    return value


def _curve(kind: str, said: Mapping[str, Any]) -> Curve:
    if kind == "logistic":
        line = Logistic(float(said["slope"]), float(said["intercept"]))
        if not np.isfinite([line.slope, line.intercept]).all():
            raise ValueError("the line is not finite")
        return line
    if kind != "isotonic":
        raise ValueError(f"kind {kind!r}")
    scores, shares = (
        np.array(said[name], dtype=np.float64) for name in ("scores", "probabilities")
    )
    if scores.ndim != 1 or scores.shape != shares.shape or not len(scores):
        raise ValueError(f"{scores.shape} scores and {shares.shape} probabilities, one each is due")
    if not (np.isfinite(scores).all() and (np.diff(scores) >= 0).all()):
        raise ValueError("the scores do not rise")
    if not (((shares >= 0) & (shares <= 1)).all() and (np.diff(shares) >= 0).all()):
        raise ValueError("the probabilities do not rise from 0 to 1 with the scores")
    return Isotonic(scores, shares)


@dataclass(frozen=True)
class FalseContexts:
    """Of questions that the items cannot answer, how many are given something all the same.

    ``threshold`` is the probability from which on a passage is given, ``recall`` the share of
    answerable questions that keep a relevant passage at it, held out.
    """

    rate: Proportion
    threshold: float
    recall: Proportion


def false_contexts(
    index: Answering, vectors: ArrayLike, relevance: Relevance, threshold: float | None = None
) -> FalseContexts:
    """Ask questions from elsewhere, and count those whose nearest item passes for relevant.

    ``vectors`` are ``questions x d``, encoded as questions are; the threshold is by default that
    of ``relevance``.
    """
    least = relevance.threshold if threshold is None else threshold
    best = np.array([hits[0].score if hits else -np.inf for hits in index.search(vectors, 1)])
    given = int(np.sum(relevance(best) >= least))
    return FalseContexts(proportion(given, len(best)), least, relevance.held_out_recall)
