"""What tests do not allow for: shared items, queries that are answers, pairs drawn by lot."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import product

import numpy as np

from anglewise.comparison.inference import FEWEST_RESAMPLED, Scores
from anglewise.comparison.linked_queries import linked_groups
from anglewise.comparison.ranked_runs import RunCandidate
from anglewise.comparison.split import LINKED
from anglewise.data_types.complaints import MACHINE
from anglewise.data_types.drawn import effective_number
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import counted, listed
from anglewise.errors import ValuesError
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.evaluate import weighs_by_chance
from anglewise.evaluation_metrics.metrics import JudgedShare

SHARED_SHARE = 0.1
"""Beyond this share of pairs that share an item with another, that they depend is said; likewise of
queries that are answers to others."""

SURE, ROUNDING = 3.0, 1e-9
"""A list had no full part in a draw if what is missing of its places is so many standard errors."""

DEPENDENT = "intervals and tests take each"
ALL_WEIGHED = "everything here is weighed by traffic"
UNEQUAL = "queries were drawn with unequal chances"
POOL = "the pool may favour"
BY_LOT = "pairs were drawn by lot to be judged"
MACHINE_RIGHT = "the machine grades as people would"


def lasting_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Of the notes on a comparison those that hold for whatever is made of it."""
    lasting = (DEPENDENT, POOL, BY_LOT, UNEQUAL, ALL_WEIGHED, MACHINE)
    return tuple(note for note in notes if any(words in note for words in lasting))


def answer_notes(judgements: Judgements, scores: Scores) -> Iterator[str]:
    """Whether queries are relevant to queries that chance takes as independent of them.

    So it is where items ask each other, as by labels: what is relevant to one asks itself.
    """
    if judgements.direction == "queries-items" or judgements.parts is not None:
        return
    gains = judgements.gains
    group = np.full(gains.shape[0], -1, dtype=np.int32)
    group[scores.rows] = scores.clusters.of
    asking, answer = group[gains.rows], group[gains.indices]
    other = (gains.values > 0) & (asking >= 0) & (answer >= 0) & (asking != answer)
    answers, count = len(np.unique(gains.indices[other])), len(scores.rows)
    if answers > SHARED_SHARE * count:
        noun = scores.cluster_noun
        yield (
            f"{answers:,} of {counted(count, 'query')} {'is' if answers == 1 else 'are'} relevant "
            f"to other queries too: {DEPENDENT} {noun} as independent of the others, and may claim "
            f"too much; {_linked_words(judgements, scores)}"
        )


def _linked_words(judgements: Judgements, scores: Scores) -> str:
    """What would be left to take chance over, were queries that are linked taken together."""
    sizes = np.unique(linked_groups(judgements, scores.rows), return_counts=True)[1]
    if len(sizes) == 1:
        return "what is relevant links all of them into one group, so that no split parts them"
    effective = effective_number(sizes)
    groups = f"what is relevant links them into {len(sizes):,} groups"
    uneven = effective < len(sizes) - 0.5
    as_many = f" that count as about {effective:.0f} of one size" if uneven else ""
    if effective < FEWEST_RESAMPLED:
        return f"{groups}{as_many}: too few to tell by"
    return f"{groups}{as_many}: --split {LINKED} takes chance over these"


def copy_notes(judgements: Judgements, scores: Scores) -> Iterator[str]:
    """Whether queries are asked and judged exactly as others are: copies of one question.

    Queries without any list or any relevant item are none, since these say nothing of who asks.
    """
    gains, asked = judgements.graded, scores.rows
    starts = gains.indptr
    groups_of = dict[bytes, set[int]]()
    marks: list[bytes] = []
    for place, (row, group) in enumerate(
        zip(asked.tolist(), scores.clusters.of.tolist(), strict=True)
    ):
        own = slice(int(starts[row]), int(starts[row + 1]))
        lists = [its.indices[place] for its in scores.found.values()]
        if not any((its >= 0).any() for its in lists) or not (gains.values[own] > 0).any():
            marks.append(b"")
            continue
        digest = sha256(gains.indices[own].tobytes() + gains.values[own].tobytes())
        for its in scores.found.values():
            digest.update(its.indices[place].tobytes() + its.scores[place].tobytes())
        marks.append(digest.digest())
        groups_of.setdefault(marks[-1], set()).add(group)
    copies = sum(len(groups_of.get(mark, ())) > 1 for mark in marks)
    count = len(marks)
    if copies > SHARED_SHARE * count:
        yield (
            f"{copies:,} of {counted(count, 'query')} have the same lists, scores and judgements "
            f"as another: unless such questions were drawn as often as they are asked, {DEPENDENT} "
            f"{scores.cluster_noun} as independent of the others, and may claim too much"
        )


def suppositions(judgements: Judgements, scores: Scores) -> tuple[str, ...]:
    """What verdicts and gates on some scores take for granted, against what is seen of queries.

    That those which are not independent tell as much as if they were, and that no measure owes its
    figure to the draw of pairs or queries, where the metric does not weigh by it.
    """
    noun = counted(2, scores.cluster_noun).split()[1]
    found = {
        f"{noun} that are relevant to each other tell as much as independent ones": any(
            answer_notes(judgements, scores)
        ),
        "copies of a question tell as much as independent ones": any(
            copy_notes(judgements, scores)
        ),
        "the draw of pairs to be judged favours no measure": judgements.by_lot
        and not weighs_by_chance(read_metric(scores.metric)),
        "queries were as likely to be drawn as they are asked": judgements.drawn is not None
        and scores.weights is None,
    }
    return (*(words for words, holds in found.items() if holds), *_without_lists(scores))


def _without_lists(scores: Scores) -> Iterator[str]:
    """Of runs that lack many lists, that these are of queries for which they find nothing."""
    for candidate in scores.measures:
        lists = scores.found.get(str(candidate))
        if lists is None or not isinstance(candidate, RunCandidate):
            continue
        empty = int(np.count_nonzero((lists.indices < 0).all(axis=1)))
        if empty > SHARED_SHARE * len(scores.rows):
            queries = counted(empty, "query")
            yield f"{candidate} finds nothing for the {queries} of which it has no list"


def suppositions_of_rows(space: Space, judged: Pairs | Triplets) -> tuple[str, ...]:
    """The same of graded pairs and of triplets."""
    noun = "pairs" if isinstance(judged, Pairs) else "triplets"
    shared = any(shared_notes(space, judged))
    return (f"{noun} that share an item tell as much as independent ones",) if shared else ()


def check_drawn(judgements: Judgements, scores: Scores) -> None:
    """Refuse to weigh lists that had no part in the draw by which pairs were chosen to be judged.

    Drawn pairs stand for the pairs that could be drawn: those among the first places of what was
    pooled. Of a list that was pooled too, ``sum 1 / chance`` over the drawn pairs among its first
    places is their number, but for chance; of others it falls short.

    Raises ``ValuesError`` where that is shown for any metric that weighs by chances.
    """
    table = judgements.chances
    if table is None or not (table.values < 1).any():
        return
    each = np.ones(len(scores.rows)) if scores.weights is None else scores.weights.values
    drawn = table.rows * table.shape[1] + table.indices
    for metric, (name, lists) in product(map(read_metric, scores.values), scores.found.items()):
        if not weighs_by_chance(metric):
            continue
        near = lists.indices[:, : metric.depth]
        keys = np.where(near < 0, -1, scores.rows[:, None] * table.shape[1] + near)
        place = np.minimum(np.searchsorted(drawn, keys), len(drawn) - 1)
        stands_for = np.where(drawn[place] == keys, 1 / table.values[place], 0.0).sum(axis=1)
        filled = (near >= 0).sum(axis=1)
        missing = float(np.average(filled - stands_for, weights=each))
        spread = each * (filled - stands_for - missing)
        error = float(np.sqrt((spread**2).sum()) / each.sum())
        if missing - SURE * error > ROUNDING:
            share = max(1 - missing / float(np.average(filled, weights=each)), 0)
            raise ValuesError(
                f"{name} had no full part in the draw by lot: what was drawn stands for about "
                f"{share:.0%} of its first {metric.depth} places, so that {metric} would be too "
                "low: leave it out, or judge whole pools with it, as the page of inspect does"
            )


def shared_notes(space: Space, judged: Pairs | Triplets) -> Iterator[str]:
    """Whether pairs or triplets have items in common, so that they are not independent."""
    noun = "pair" if isinstance(judged, Pairs) else "triplet"
    columns = (
        (judged.rows_a, judged.rows_b)
        if isinstance(judged, Pairs)
        else (judged.anchors, judged.near, judged.far)
    )
    entries = np.stack(columns).astype(np.int64)
    if not space.one_sided:
        entries[0] += len(space.items)  # rows of the other side
    shared = (np.bincount(entries.ravel())[entries] > 1).any(axis=0)
    sharing, count = int(np.count_nonzero(shared)), entries.shape[1]
    if sharing > SHARED_SHARE * count:
        yield (
            f"{sharing:,} of {counted(count, noun)} share an item with another "
            f"{noun}: {DEPENDENT} {noun} as independent of the others, and may claim too much"
        )


def lot_notes(judgements: Judgements, metrics: Iterable[str]) -> Iterator[str]:
    """Which of these metrics allow for pairs that were drawn by lot, and whether they can."""
    kinds = [read_metric(name) for name in metrics]
    if not judgements.by_lot:
        return
    plain = [
        kind for kind in kinds if not (weighs_by_chance(kind) or isinstance(kind, JudgedShare))
    ]
    if plain:
        names = listed(map(str, plain))
        depth = next((kind.depth for kind in plain if kind.depth is not None), 10)
        weighed = (
            f"the chances are not known: {judgements.chances_unknown}"
            if judgements.chances_unknown
            else f"--metric 'DCG(sampled)@{depth}' weighs pairs by them"
        )
        yield (
            f"{BY_LOT}, and {names} {'knows' if len(plain) == 1 else 'know'} nothing of their "
            "chances: which measure is ahead, and by how much, may be the doing of the draw; "
            f"{weighed}"
        )
