"""What searches give as documents: neighbours, recommendations, relevance, replay."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from anglewise.data_types.columns import titles
from anglewise.data_types.embeddings import Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.representation import Representation
from anglewise.data_types.text import counted, percent, shortened
from anglewise.data_types.typing import Direction
from anglewise.evaluation_metrics.random_pairs import RandomPairs, random_pairs
from anglewise.rag.relevance import FalseContexts, Relevance
from anglewise.rag.thresholds import questions_for
from anglewise.recommendation.fold_in import Explanation
from anglewise.recommendation.recommender import Recommended
from anglewise.recommendation.replay import Replay
from anglewise.report.document import (
    Document,
    Entry,
    Group,
    Line,
    RankedList,
    RankedLists,
    Table,
    TableColumn,
)
from anglewise.report.words import interval, number
from anglewise.similarity_measures.formulas import Measure

ID, TITLE, RECOMMENDED, REASON = 16, 200, 60, 40
"""Characters after which texts are cut."""


@dataclass(frozen=True, eq=False)
class QueryNeighbours:
    """One query and its neighbours; ``neighbours`` holds a single row for each measure.

    ``text`` asked in place of the row, where it is given: words, or the file of an image, as
    ``kind`` says. ``where`` says which items were listed, where not all were.
    """

    space: Space
    direction: Direction
    row: int
    measures: Sequence[Measure]
    neighbours: Mapping[str, Neighbours]
    text: str | None = None
    kind: Literal["text", "image"] = "text"
    where: str = ""

    @cached_property
    def chance(self) -> RandomPairs | None:
        """Random pairs, which say how high a score is here; None where there are none."""
        asking, ranked = self.space.sides(self.direction)
        if isinstance(ranked, Representation) or (asking is ranked and len(ranked) == 1):
            return None
        return random_pairs(self.space, self.measures, direction=self.direction)

    @cached_property
    def query(self) -> dict[str, Any]:
        """The id of the query, and its title if there is one."""
        if self.text is not None:
            return {"id": None, "title": self.text}
        asking, _ = self.space.sides(self.direction)
        texts = titles(asking, TITLE)
        return {
            "id": str(asking.ids[self.row]),
            "title": None if texts is None else texts[self.row],
        }

    @cached_property
    def lists(self) -> list[dict[str, Any]]:
        """For each measure what its scores mean and its neighbours, nearest first; plain types."""
        ranked = self.space.sides(self.direction)[1]
        texts = titles(ranked, TITLE)
        return [
            {
                "measure": str(measure),
                "meaning": measure.formula.meaning,
                "tied_at_cut": int(neighbours.tied_at_cut[0]),
                "random_pairs": None if self.chance is None else self.chance.pairs,
                "neighbours": [
                    {
                        "rank": position + 1,
                        "id": str(ranked.ids[row]),
                        "title": None if texts is None else texts[row],
                        "score": float(f"{score:.12g}"),
                        "above_random": self._above(measure, score),
                    }
                    for position, (row, score) in enumerate(
                        zip(
                            neighbours.indices[0].tolist(),
                            neighbours.scores[0].tolist(),
                            strict=True,
                        )
                    )
                    if row >= 0
                ],
            }
            for measure in self.measures
            for neighbours in (self.neighbours[str(measure)],)
        ]

    def _above(self, measure: Measure, score: float) -> float | None:
        """The share of random pairs that score less."""
        return None if self.chance is None else self.chance.share_below(str(measure), score)

    def by_chance(self, ranking: Mapping[str, Any]) -> str:
        """How the first and the last score of a list compare with random pairs, in words."""
        entries = ranking["neighbours"]
        if self.chance is None or not entries:
            return ""
        whose = ", of all items, whichever pass the filter" if self.where else ""
        return f"; {self.chance.above(*(entries[at]['above_random'] for at in (0, -1)))}{whose}"


def neighbours_document(shown: QueryNeighbours) -> Document:
    """The lists side by side, and what their scores mean."""
    query, lists = shown.query, shown.lists
    kind = "item" if shown.direction == "items-items" else "query"
    name = shown.kind if shown.text is not None else f"{kind} {query['id']}"
    title = name + (f": {query['title']}" if query["title"] else "")
    ranked = [
        RankedList(
            ranking["measure"],
            [
                Entry(entry["title"] or shortened(entry["id"], ID), score=f"{entry['score']:.3f}")
                for entry in ranking["neighbours"]
            ],
        )
        for ranking in lists
    ]
    meanings: list[Line] = []
    for ranking in lists:
        tied = ranking["tied_at_cut"]
        last = f"; tied with the last one: {counted(tied, 'more item')}" if tied else ""
        chance = shown.by_chance(ranking)
        meanings.append(Line(f"{ranking['measure']}: {ranking['meaning']}{chance}{last}", "dim"))
    if shown.where:
        meanings.append(Line(shown.where, "dim"))
    return Document([[Line(title, "strong", most_lines=2)], [RankedLists(ranked)], meanings])


@dataclass(frozen=True, eq=False)
class ShownRecommendations:
    """The list of one user, and an explanation of each place or of none.

    ``reasons`` is how many of the user's items are shown for each.
    """

    recommended: Recommended
    explanations: Sequence[Explanation]
    reasons: int

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """Each place in plain types."""
        rows: list[dict[str, Any]] = []
        for position, item in enumerate(self.recommended.lists()[0]):
            row: dict[str, Any] = {"rank": position + 1, "id": item.id, "title": item.title}
            row["score"] = float(f"{item.score:.12g}")
            if self.explanations:
                row["why"] = self.explanations[position].to_dict()
            rows.append(row)
        return rows


def recommendations_document(shown: ShownRecommendations) -> Document:
    """The list, one line an item and one for its reasons, and what the figures mean."""
    rows: list[list[str]] = []
    tones: list[str] = []
    for position, item in enumerate(shown.items):
        text = shortened(item["title"] or item["id"], RECOMMENDED)
        rows.append([str(item["rank"]), f"{item['score']:.3f}", text])
        tones.append("")
        if shown.explanations:
            reasons = _reasons(shown.explanations[position], shown.reasons)
            rows.append(["", "", reasons])
            tones.append("dim")
    columns = [TableColumn(""), TableColumn(""), TableColumn("", align="left", wraps=True)]
    meaning = f"{shown.recommended.measure}: {shown.recommended.meaning}"
    legend = [Line(meaning, "dim")]
    legend += [
        Line(_meaning_of_reasons(explanation), "dim") for explanation in shown.explanations[:1]
    ]
    return Document([[Table(columns, rows, tones=tones, gap=1)], legend])


def _reasons(explanation: Explanation, limit: int) -> str:
    reasons = [
        f"{contribution.value:+z.3f} {shortened(contribution.title or contribution.id, REASON)}"
        for contribution in explanation.contributions[:limit]
    ]
    remainder = sum(contribution.value for contribution in explanation.contributions[limit:])
    if len(explanation.contributions) > limit:
        reasons.append(f"{remainder:+z.3f} the other {len(explanation.contributions) - limit:,}")
    if explanation.own:
        reasons.append(f"{explanation.own:+z.3f} whoever asks")
    if not explanation.exact:
        reasons.append(f"{explanation.rest:+z.3f} unsaid")
    return "; ".join(reasons)


def _meaning_of_reasons(explanation: Explanation) -> str:
    if explanation.exact:
        return "Reasons: what each item that was used adds to the score; they sum to it."
    return (
        "Reasons: what each item that was used adds under the best linear map from use to users, "
        f"which misses {percent(explanation.residual)} of their length; unsaid is what it does not "
        "reach."
    )


def relevance_document(
    learned: Relevance, elsewhere: FalseContexts | None, depth: int, *, prices: bool = False
) -> Document:
    """The threshold, what it keeps and costs; the price list; whether probabilities hold."""
    facts = [
        str(learned.measure),
        f"{counted(learned.questions, 'question')} with a relevant passage",
        f"{learned.pairs:,} passages, {learned.relevant:,} relevant",
    ]
    reliability = learned.reliability
    error = _with_ends(reliability.expected_error, reliability.expected_error_interval)
    brier = _with_ends(reliability.brier, reliability.brier_interval)
    sentences = [
        _threshold_sentence(learned),
        *_held_out_sentences(learned, depth),
        _false_contexts_sentence(elsewhere),
        f"Expected calibration error {error}, Brier score {brier}{_alike(learned)}",
    ]
    columns = [*map(TableColumn, ("predicted", "relevant", "95%", "passages"))]
    rows = [
        [
            number(group.predicted),
            number(group.observed.value),
            interval(group.observed.low, group.observed.high),
            f"{group.observed.of:,}",
        ]
        for group in learned.reliability.bins
    ]
    legend = (
        "Predicted for questions that had no part in learning, against what was judged; intervals: "
        "95%, each by itself, over questions, as the passages of one may be relevant together. "
        "Chance alone makes the calibration error that is found larger than the true one. What was "
        "never judged counts as not relevant. To keep is to have one that reaches the threshold: "
        "what a filter, a budget, --most or a repetition then leaves out is not in these shares."
    )
    body: list[Group] = [[*map(Line, sentences)], [Table(columns, rows, gap=3)]]
    if prices:
        body.append([_price_list(learned)])
        legend = f"{legend} {PRICE_LEGEND}"
    return Document([*body, [Line(legend, "dim")]], facts)


def _with_ends(value: float, ends: tuple[float, float] | None) -> str:
    """A figure with its interval, where one is known."""
    return number(value) if ends is None else f"{number(value)} {interval(*ends)}"


def _threshold_sentence(learned: Relevance) -> str:
    """The threshold, and of how many questions it may be said that they keep a passage."""
    if learned.drawn_unequally:
        return _unequal_sentence(learned)
    sure = learned.at_least or 0.0
    threshold = f"Threshold {number(learned.threshold)}:"
    promise = "of questions like these that find a relevant passage keep one"
    if sure >= learned.recall:
        return f"{threshold} with 95% confidence at least {_share(sure)} {promise}"
    due = questions_for(learned.recall)
    asked = f"the {_share(learned.recall)} asked for"
    takes = f"no number shows {asked}" if due is None else f"it takes {due:,} to show {asked}"
    few = counted(learned.questions, "question")
    return (
        f"{threshold} with 95% confidence at least {_share(sure)} {promise}; {few} "
        f"{'shows' if learned.questions == 1 else 'show'} no more, and {takes}"
    )


def _unequal_sentence(learned: Relevance) -> str:
    """The threshold where questions were drawn with unequal chances: nothing is said of all."""
    as_asked = learned.kept_as_asked
    known = (
        "by which chances is not known"
        if as_asked is None
        else f"held out and weighed by traffic, as questions are asked, {number(as_asked)} keep one"
    )
    return (
        f"Threshold {number(learned.threshold)}: chosen so that {_share(learned.recall)} of these "
        "questions that find a relevant passage keep one. Questions were drawn with unequal "
        "chances, and each counts alike in the threshold, the probabilities and all shares here: "
        "none of them is of all questions, or of questions as they are asked, with any confidence; "
        f"{known}"
    )


def _alike(learned: Relevance, whose: str = " question") -> str:
    """That questions count alike that were drawn with unequal chances: not as they are asked."""
    return f", each{whose} counted alike" if learned.drawn_unequally else ""


COPIES_SAID = 0.1
"""Beyond this share of the questions, that there are copies among them is said."""


def _held_out_sentences(learned: Relevance, depth: int) -> list[str]:
    """Three shares of held-out questions, and what no threshold can give back or keeps out."""
    words = {
        "keep a relevant passage": learned.held_out_recall,
        "are given only irrelevant ones": learned.only_irrelevant,
        "are turned away with nothing": learned.turned_away,
    }
    shares = ", ".join(
        f"{number(share.value)} {interval(share.low, share.high)} {what}"
        for what, share in words.items()
        if share is not None
    )
    such = counted(learned.questions, "such question")
    sentences = [f"Held out, of {such}{_alike(learned, '')}: {shares}"]
    if learned.drawn_by_lot:
        sentences.append(
            "Pairs were drawn by lot to be judged, and what was not drawn counts as not relevant: "
            "probabilities are too low, and shares are of questions of which such a one was drawn"
        )
    if learned.copies > COPIES_SAID * learned.questions:
        sentences.append(
            f"{counted(learned.copies, 'question')} have the same passages, scores and judgements "
            "as another: unless such questions were drawn as often as they are asked, confidence "
            "and intervals take each as independent and may claim too much, and those held out "
            "have copies among those that taught"
        )
    if learned.machine_words:
        sentences.append(f"{learned.machine_words[0].upper()}{learned.machine_words[1:]}")
    if learned.out_of_reach:
        sentences.append(
            f"{counted(learned.out_of_reach, 'question')} more found none of their relevant "
            f"passages among the nearest {depth:,}: no threshold gives them one"
        )
    if learned.lets_all_in:
        sentences.append("The threshold lets every passage in, however far: it keeps nothing out")
    return sentences


def _false_contexts_sentence(elsewhere: FalseContexts | None) -> str:
    if elsewhere is None:
        return "False contexts: not known without questions from elsewhere (--foreign)"
    rate = elsewhere.rate
    return (
        f"False contexts: {rate.count:,} of {counted(rate.of, 'question')} from elsewhere are "
        f"given something, {number(rate.value)} {interval(rate.low, rate.high)}"
    )


PRICE_LEGEND = (
    "Prices: sure is the share that keeps a relevant passage, of all questions like these that "
    "find one, with 95% confidence for each line by itself, less than the recall where judgements "
    "are too few for it; kept, only irrelevant and turned away are shares of the held-out "
    "questions that find one; passages reach the threshold, on average; a hyphen: not known "
    "without questions from elsewhere (--foreign), or, of sure, where questions were drawn with "
    "unequal chances."
)


def _price_list(learned: Relevance) -> Table:
    """A line for each recall: the threshold, what it keeps, and what it costs."""
    heads = ("recall", "sure", "threshold", "kept", "only irrelevant", "turned away")
    rows = [
        [
            _share(price.recall),
            "-" if price.at_least is None else _share(price.at_least),
            number(price.threshold),
            *(number(each.value) for each in (price.kept, price.only_irrelevant)),
            number(price.turned_away.value),
            f"{price.passages:,.1f}",
            "-" if price.false_contexts is None else number(price.false_contexts.value),
        ]
        for price in learned.prices
    ]
    return Table.of((*heads, "passages", "false contexts"), rows, gap=2)


def _share(share: float) -> str:
    """A share in percent that is never rounded up.

    >>> _share(0.95), _share(0.9555)
    ('95%', '95.5%')
    """
    return f"{math.floor(share * 1000 + 1e-9) / 10:g}%"


def replay_document(replay: Replay) -> Document:
    """The moment and who is judged, then a line for each measure, best first."""
    heads = ("measure", f"nDCG@{replay.k}", "95%", "shown", "used by")
    rows = [
        [
            result.measure,
            number(result.ndcg),
            interval(result.low, result.high),
            percent(result.coverage),
            f"{result.popularity:,.0f}",
        ]
        for result in sorted(replay.measures, key=lambda result: -result.ndcg)
    ]
    legend = (
        "Intervals: 95%, over users; no difference is tested here. Shown: the share of the items "
        "used before that stand in anybody's list. Used by: how many users had used before what is "
        "listed, on average; what the judged users then took anew had been used by "
        f"{replay.followed:,.0f}. {' '.join(_of_what_followed(replay))}"
    )
    facts = [f"before {replay.moment:.10g}", f"{counted(len(replay.users), 'user')} judged"]
    return Document([[Table.of(heads, rows, gap=3)], [Line(legend, "dim")]], facts)


def _of_what_followed(replay: Replay) -> Iterator[str]:
    """What of the uses after the moment no list could hold, and what of them is not judged."""
    if replay.unreachable:
        share = percent(replay.unreachable)
        yield f"Nobody had used {share} of it before: that counts as missed."
    else:
        yield "All of it had been used before by somebody."
    if replay.without_past:
        users = counted(replay.without_past, "user")
        uses = counted(replay.uses_without_past, "use")
        yield f"Not judged: {users} without a past, with {uses} after the moment."
    if replay.used_again:
        uses = counted(replay.used_again, "later use")
        yield f"Not asked for: {uses} of items that the same user had used before."
