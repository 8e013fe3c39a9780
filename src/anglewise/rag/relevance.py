"""The probability that a passage is relevant, learned from judgements; false contexts counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from anglewise.data_types.complaints import Complaints
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import COUNT, PART, SEED, UNIT, check_kind, shown
from anglewise.data_types.typing import Array, Float, Float64
from anglewise.encoders.encoder import Encoder
from anglewise.errors import FileError, SpellingError
from anglewise.nearest_neighbours.index import Answering, Index
from anglewise.rag.origin import Origin
from anglewise.rag.scored_questions import gather
from anglewise.rag.thresholds import (
    CONFIDENCE,
    FITS,
    RECALLS,
    CrossFit,
    Curve,
    Kind,
    Price,
    ScoredQuestions,
    share_given,
)
from anglewise.statistics.calibration import (
    Bin,
    Isotonic,
    Logistic,
    Proportion,
    Reliability,
    reliability,
)

T = TypeVar("T")

INDEX = "an anglewise.Index, or what searches like it,"
"""What answers questions, for a message."""


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
        The least probability of a passage that is given.
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
    at_least
        With 95% confidence at least this share of all questions like those judged keeps a relevant
        passage, of those that find one: ``recall``, or less where judgements are too few for it.
        None where questions were drawn with unequal chances (``drawn_unequally``): each counts
        alike, and nothing follows for all that there are, nor for questions as they are asked.
    only_irrelevant, turned_away
        The shares of the held-out questions that are given passages of which none is relevant, and
        that are given nothing; with ``held_out_recall`` they make 1.
    out_of_reach
        The number of questions with a relevant passage of which none was found.
    origin
        The space that it was learned from; :class:`Context` refuses another one.
    drawn_unequally, kept_as_asked
        Whether questions were drawn with unequal chances, and if these are known the share, weighed
        by traffic, that keeps a relevant passage held out.
    drawn_by_lot
        Whether pairs were drawn by lot. What was not drawn counts as not relevant.
    by_machine, of_sources
        Of how many judged pairs a machine alone graded how many; 0 where it graded none.
    copies
        How many questions have the same passages, scores and judgements as another.
    prices
        The same for other recalls; not kept by :meth:`to_dict`.

    What stands from ``at_least`` on is None, or empty, where a file of an earlier version does not
    say it.
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
    at_least: float | None = None
    only_irrelevant: Proportion | None = None
    turned_away: Proportion | None = None
    out_of_reach: int | None = None
    origin: Origin | None = None
    drawn_unequally: bool = False
    kept_as_asked: float | None = None
    drawn_by_lot: bool = False
    by_machine: int = 0
    of_sources: int = 0
    copies: int = 0
    prices: tuple[Price, ...] = ()

    def __call__(self, scores: Float[Array, "*shape"]) -> Float64[Array, "*shape"]:
        """The probability of relevance at each score."""
        return self.curve(scores)

    @property
    def machine_words(self) -> str:
        """That all of this rests on a machine's grades; empty where none is known to."""
        graded = Complaints(by_machine=self.by_machine, of_sources=self.of_sources).machine_words
        if not graded:
            return ""
        return (
            f"{graded}: threshold, shares and probabilities hold as far as its grades do, which "
            "nothing here tests"
        )

    @property
    def lets_all_in(self) -> bool:
        """Whether the lowest probability that the curve gives reaches the threshold."""
        if isinstance(self.curve, Isotonic):
            lowest = float(self.curve.probabilities[0])
        else:
            lowest = 0.0 if self.curve.slope > 0 else float(self.curve(np.zeros(1))[0])
        return lowest >= self.threshold

    def asked_by(self, encoder: Encoder) -> "Relevance":
        """The relevance that knows the encoder of its questions, where the space does not.

        Raises ``SpellingError`` if the space names another one.
        """
        if self.origin is None:
            return self
        self.origin.check_encoder(encoder)
        return replace(self, origin=self.origin.asked_by(encoder))

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
            "confidence": None if self.at_least is None else CONFIDENCE,
            "at_least": self.at_least,
            "only_irrelevant": None if self.only_irrelevant is None else vars(self.only_irrelevant),
            "turned_away": None if self.turned_away is None else vars(self.turned_away),
            "out_of_reach": self.out_of_reach,
            "drawn_unequally": self.drawn_unequally,
            "kept_as_asked": self.kept_as_asked,
            "drawn_by_lot": self.drawn_by_lot,
            "by_machine": self.by_machine,
            "of_sources": self.of_sources,
            "copies": self.copies,
            "origin": None if self.origin is None else self.origin.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Relevance":
        """Read the result of :meth:`to_dict`; ``FileError`` for anything else."""
        try:
            check_kind(content, Mapping, "the content", "an object of JSON")
            bins = tuple(
                Bin(_proportion(bin_["predicted"]), _counted(bin_["observed"]))
                for bin_ in _list(content["reliability"]["bins"])
            )
            curve = _curve(content["kind"], content["curve"])
            return cls(
                curve=curve,
                measure=_text(content["measure"]),
                threshold=_proportion(content["threshold"]),
                recall=_proportion(content["recall"]),
                held_out_recall=_counted(content["held_out_recall"]),
                reliability=Reliability(
                    bins,
                    _proportion(content["reliability"]["expected_error"]),
                    _proportion(content["reliability"]["brier"]),
                    _optional(content["reliability"], "expected_error_interval", _ends),
                    _optional(content["reliability"], "brier_interval", _ends),
                ),
                questions=_count(content["questions"]),
                pairs=_count(content["pairs"]),
                relevant=_count(content["relevant"]),
                at_least=_optional(content, "at_least", _proportion),
                only_irrelevant=_optional(content, "only_irrelevant", _counted),
                turned_away=_optional(content, "turned_away", _counted),
                out_of_reach=_optional(content, "out_of_reach", _count),
                origin=_optional(content, "origin", Origin.from_dict),
                drawn_unequally=content.get("drawn_unequally") is True,
                kept_as_asked=_optional(content, "kept_as_asked", _proportion),
                drawn_by_lot=content.get("drawn_by_lot") is True,
                by_machine=_optional(content, "by_machine", _count) or 0,
                of_sources=_optional(content, "of_sources", _count) or 0,
                copies=_optional(content, "copies", _count) or 0,
            )
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
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
    name: str | None = None,
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
        The share of questions that are to keep a relevant passage at the threshold, of those for
        which one was found at all: with 95% confidence of all questions like those judged, where
        there are enough of these (``at_least`` says what they suffice for). Each question counts
        alike: where they were drawn with unequal chances nothing is said of all.
    folds
        The number of parts that questions are drawn into.
    name
        What the space is called, for the message that refuses another one.

    Raises
    ------
    TooFewError
        Fewer questions with a relevant passage than folds.
    SpellingError, ShapeError, ValuesError
        Judgements of another direction or space, a kind that is not known; a recall, depth, number
        of folds or seed that makes no sense.
    WrongTypeError
        An index, space or judgements that are no such thing.
    """
    check_kind(index, Answering, "the index", INDEX)
    check_kind(space, Space, "the space", "an anglewise.Space")
    check_kind(judgements, Judgements, "what was judged", "anglewise.Judgements")
    if name is not None:
        check_kind(name, str, "name", "a text")
    COUNT.check("depth", depth)
    evidence = gather(index, space, judgements, depth)
    learned = relevance_of(evidence, index.measure, kind=kind, recall=recall, folds=folds, rng=seed)
    items = index.space.items if isinstance(index, Index) else None
    wrong = judgements.complaints
    return replace(
        learned,
        origin=Origin.of(space, items, name),
        by_machine=wrong.by_machine,
        of_sources=wrong.of_sources,
    )


def relevance_of(
    evidence: ScoredQuestions,
    measure: str,
    *,
    kind: Kind = "isotonic",
    recall: float = 0.95,
    folds: int = 5,
    rng: int = 0,
) -> Relevance:
    """``learn_relevance`` from gathered scores; where they come from is then not known."""
    PART.check("recall", recall)
    COUNT.check("folds", folds)
    SEED.check("seed", rng)
    if kind not in tuple(FITS):
        raise SpellingError(f"kind is {shown(kind)}: known are {', '.join(FITS)}")
    fitted = CrossFit.of(evidence, kind, folds, rng)
    price = fitted.price(recall)
    return Relevance(
        curve=fitted.curve,
        measure=measure,
        threshold=price.threshold,
        recall=recall,
        held_out_recall=price.kept,
        reliability=reliability(fitted.predicted, evidence.relevant, clusters=evidence.questions),
        questions=price.kept.of,
        pairs=len(evidence.scores),
        relevant=int(evidence.relevant.sum()),
        at_least=price.at_least,
        only_irrelevant=price.only_irrelevant,
        turned_away=price.turned_away,
        out_of_reach=evidence.out_of_reach,
        drawn_unequally=evidence.drawn.unequally,
        kept_as_asked=price.kept_as_asked,
        drawn_by_lot=evidence.drawn.by_lot,
        copies=evidence.drawn.copies,
        prices=tuple(fitted.price(target) for target in sorted({*RECALLS, recall})),
    )


def _optional(content: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T | None:
    """A value that files of earlier versions do not hold."""
    return None if content.get(name) is None else read(content[name])


def _proportion(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError(f"{shown(number)} is no share from 0 to 1")
    return float(number)


def _count(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"{shown(number)} is no count")
    return number


def _counted(content: Mapping[str, Any]) -> Proportion:
    """A proportion, each of its numbers of the kind that it is to be."""
    value, low, high = (_proportion(content[name]) for name in ("value", "low", "high"))
    return Proportion(_count(content["count"]), _count(content["of"]), value, low, high)


def _ends(values: Any) -> tuple[float, float]:
    """Both ends of an interval of a share."""
    low, high = map(_proportion, _list(values))
    if low > high:
        raise ValueError(f"the ends {shown(values)} do not rise")
    return low, high


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"{shown(values)} is no list")
    return [*cast("list[Any]", values)]


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{shown(text)} is no text")
    return text


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
    questions that keep a relevant passage at it; None for another threshold than the learned one,
    whose share was not measured.
    """

    rate: Proportion
    threshold: float
    recall: Proportion | None


def false_contexts(
    index: Answering, vectors: ArrayLike, relevance: Relevance, threshold: float | None = None
) -> FalseContexts:
    """Count the questions from another source whose nearest item would be given as relevant.

    ``vectors`` are ``questions x d``, encoded as questions; the threshold is by default that of
    ``relevance``. Raises ``ValuesError`` for one that is no probability.
    """
    check_kind(index, Answering, "the index", INDEX)
    check_kind(relevance, Relevance, "relevance", "what learn_relevance gives")
    if threshold is not None:
        UNIT.check("threshold", threshold)
    probability = relevance.threshold if threshold is None else threshold
    rate = share_given(relevance.curve, nearest_scores(index, vectors), probability)
    own = probability == relevance.threshold
    return FalseContexts(rate, probability, relevance.held_out_recall if own else None)


def with_false_contexts(
    index: Answering, vectors: ArrayLike, relevance: Relevance
) -> tuple[Relevance, FalseContexts]:
    """The relevance with false contexts in all its prices, and those at its own threshold."""
    nearest = nearest_scores(index, vectors)
    prices = tuple(
        replace(price, false_contexts=share_given(relevance.curve, nearest, price.threshold))
        for price in relevance.prices
    )
    rate = share_given(relevance.curve, nearest, relevance.threshold)
    own = FalseContexts(rate, relevance.threshold, relevance.held_out_recall)
    return replace(relevance, prices=prices), own


def nearest_scores(index: Answering, vectors: ArrayLike) -> Float64[Array, " questions"]:
    """The score of the nearest item of each question; ``-inf`` where none is found."""
    hits = index.search(vectors, 1)
    return np.array([some[0].score if some else -np.inf for some in hits], dtype=np.float64)
