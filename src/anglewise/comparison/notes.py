"""What a reader should know before the numbers of a comparison."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from anglewise.comparison.alignment import AlignedSpaces
from anglewise.comparison.comparison_result import SpaceFacts
from anglewise.comparison.inference import Scores
from anglewise.core.drawn import QueryDraw, weighted_means
from anglewise.core.embeddings import Embeddings
from anglewise.core.judgements import Complaints, Judgements, Pairs, Parts, Triplets
from anglewise.core.text import counted, listed


def notes(
    sides: tuple[Embeddings, Embeddings],
    judgements: Judgements | Pairs | Triplets,
    scores: Scores,
) -> tuple[str, ...]:
    """Sentences, the gravest first: the labels, then how few they are, then the vectors."""
    ranked_alike = ["all vectors have unit length: dot, cosine and euclidean rank alike"]
    lists = isinstance(judgements, Judgements)
    return (
        *_label_notes(judgements.complaints),
        *(_relevance_notes(judgements) if lists else ()),
        *(_draw_notes(judgements.drawn, scores) if lists else ()),
        *scores.split.notes(),
        *_few_notes(scores),
        *(part_notes(judgements.parts) if lists else ()),
        *_zero_notes(*sides),
        *(ranked_alike if sides[1].is_unit() else ()),
        *_score_notes(scores),
    )


def space_notes(
    aligned: AlignedSpaces,
    judged: Mapping[str, Judgements],
    scores: Scores,
    models: Sequence[SpaceFacts],
) -> tuple[str, ...]:
    """Sentences, the gravest first: what does not match, the labels, how few, the vectors."""
    direction = aligned.judgements.direction
    sides = {name: space.sides(direction) for name, space in aligned.spaces.items()}
    return (
        *_alignment_notes(aligned, sides, len(scores.rows)),
        *_labels_by_space(judged),
        *_relevance_notes(aligned.judgements),
        *_draws_by_space(judged),
        *scores.split.notes(),
        *_few_notes(scores),
        *(f"{name}: {note}" for name, parts in aligned.parts.items() for note in part_notes(parts)),
        *(f"{name}: {note}" for name, pair in sides.items() for note in _zero_notes(*pair)),
        *_score_notes(scores),
        *_size_notes(models),
    )


def _label_notes(wrong: Complaints) -> Iterator[str]:
    """What is wrong with the labels as they came."""
    for noun, missing in (("query", wrong.unknown_queries), ("item", wrong.unknown_items)):
        if missing:
            yield f"judgements name {noun} ids that the space does not hold, such as " + listed(
                [repr(name) for name in missing]
            )
    if wrong.dropped:
        yield f"{counted(wrong.dropped, 'judgement')} could not be used"
    if wrong.duplicates:
        yield f"{counted(wrong.duplicates, 'judgement')} came more than once"


def _relevance_notes(judgements: Judgements) -> Iterator[str]:
    """Whether there is anything to find, and anything to grade."""
    gains = judgements.gains
    relevant = np.bincount(gains.rows[gains.values > 0], minlength=gains.shape[0])
    without = int((relevant[judgements.judged_rows] == 0).sum())
    without = max(without, judgements.complaints.queries_without_relevant)
    if without:
        yield f"{counted(without, 'judged query')} without any relevant item: every measure gets 0"
    if judgements.complaints.gains_all_equal:
        yield (
            f"all gains are {gains.values.max():g}: nothing tells the more relevant from the less, "
            "or what was judged and is not relevant"
        )


def _draw_notes(drawn: QueryDraw | None, scores: Scores) -> Iterator[str]:
    """What means would be if each query weighed by the chance with which it was drawn."""
    if drawn is None:
        return
    if not drawn.known(scores.rows):
        why = "they come from several draws" if drawn.draws > 1 else "some were not drawn by lot"
        yield f"{UNEQUAL}, and by which chances is not known, as {why}: each query counts alike"
        return
    means = {
        "over questions as they are asked": drawn.as_asked(scores.rows),
        "over all queries, each once": drawn.each_query(scores.rows),
    }
    values = [
        f"{kind}, {scores.metric} is "
        + listed(
            f"{mean:.3f} by {name}"
            for name, mean in zip(
                scores.names, weighted_means(scores.deciding, weights).tolist(), strict=True
            )
        )
        for kind, weights in means.items()
    ]
    low, high = (float(end(drawn.chances[scores.rows])) for end in (np.min, np.max))
    yield (
        f"{UNEQUAL}, {low:.3g} to {high:.3g}. Weighed by them, {values[0]}; {values[1]}. In the "
        "table, its intervals, tests and gates each query counts alike"
    )


UNEQUAL = "queries were drawn with unequal chances"


def _draws_by_space(judged: Mapping[str, Judgements]) -> Iterator[str]:
    if any(judgements.drawn is not None for judgements in judged.values()):
        yield f"{UNEQUAL}, and each counts alike: compare one space to see means weighed by them"


def part_notes(parts: Parts | None) -> Iterator[str]:
    """Whether what was judged are documents, and what is searched their passages."""
    if parts is not None:
        yield (
            f"passages are judged by their documents: {counted(len(parts.of), 'passage')} of "
            f"{counted(len(parts), 'document')}, each as near as the best of its own"
        )


def _few_notes(scores: Scores) -> Iterator[str]:
    """Whether there is enough to test."""
    clusters, noun = len(scores.clusters), scores.cluster_noun
    if clusters == 1:
        yield f"one {noun} only: intervals and tests say nothing"
    elif clusters < 6:
        yield f"{counted(clusters, noun)} only: too few for any test at 95%"


def _zero_notes(asking: Embeddings, ranked: Embeddings) -> Iterator[str]:
    sides = [("items", ranked)] if asking is ranked else [("queries", asking), ("items", ranked)]
    for side, embeddings in sides:
        zeros = len(embeddings.zero_rows)
        if zeros:
            yield f"{zeros:,} of {len(embeddings):,} {side} are zero vectors: cosine scores them 0"


def _score_notes(scores: Scores) -> Iterator[str]:
    """Which measures give the same lists, and what was chosen for those that were tuned."""
    for group in scores.groups:
        if len(group) > 1:
            yield f"{listed(scores.names[i] for i in group)} rank alike here and count as one"
    nouns = counted(2, scores.noun).split()[1]
    for name, chosen in scores.settings.items():
        if len(chosen) == 1:
            yield f"{name} was fitted to the earlier queries alone: {chosen[0]}"
        elif len(chosen) == 2:
            yield (
                f"{name} was tuned on one half of the {nouns} and reported on the other: "
                f"{chosen[0]} for one half, {chosen[1]} for the other"
            )
        else:
            yield (
                f"{name} was learnt {len(chosen)} times, each time from the judgements of other "
                f"{nouns} than those it is reported on: {listed(dict.fromkeys(chosen))}"
            )


def _alignment_notes(
    aligned: AlignedSpaces, sides: Mapping[str, tuple[Embeddings, Embeddings]], counting: int
) -> Iterator[str]:
    """Which spaces lack ids, queries or items."""
    nameless = [name for name, pair in sides.items() if not all(side.named for side in pair)]
    if nameless and len(sides) > 1:
        yield f"{listed(nameless)} came without ids: the numbers of their rows stand for them"
    if aligned.unshared:
        yield (
            f"{counted(len(aligned.unshared), 'judged query')} missing in one of the spaces "
            f"({_some(aligned.unshared)}): the {counted(counting, 'query')} that all spaces hold "
            "count"
        )
    ranked = aligned.ranked
    for name in ranked.rows:
        missing = ranked.lacking(name)
        if missing:
            yield (
                f"{name} lacks {len(missing):,} of {counted(len(ranked.names), 'item')} "
                f"({_some(missing)}): where they are relevant, that counts against it"
            )


def _labels_by_space(judged: Mapping[str, Judgements]) -> Iterator[str]:
    sentences = {name: tuple(_label_notes(labels.complaints)) for name, labels in judged.items()}
    if len(set(sentences.values())) == 1:
        yield from next(iter(sentences.values()))
        return
    for name, lines in sentences.items():
        yield from (f"{name}: {line}" for line in lines)


def _size_notes(models: Sequence[SpaceFacts]) -> Iterator[str]:
    if any(model.made_of for model in models):
        yield "bytes a vector: " + listed(f"{m.space} {m.bytes_a_vector:,}" for m in models)


def _some(names: Sequence[str]) -> str:
    return listed([repr(name) for name in names[:3]])
