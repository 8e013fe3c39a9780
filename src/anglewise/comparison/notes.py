"""What a reader should know before the numbers of a comparison."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from anglewise.comparison.alignment import IdIndex
from anglewise.comparison.comparison_result import SpaceFacts
from anglewise.comparison.evaluation import SpacesEvaluation
from anglewise.comparison.inference import Scores
from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Complaints, Judgements, Pairs, Parts, Triplets
from anglewise.core.text import counted, listed


def notes(
    sides: tuple[Embeddings, Embeddings],
    judgements: Judgements | Pairs | Triplets,
    scores: Scores,
) -> tuple[str, ...]:
    """Sentences, the gravest first: the labels, then how few they are, then the vectors."""
    asking, ranked = sides
    return (
        *label_notes(judgements.complaints),
        *(relevance_notes(judgements) if isinstance(judgements, Judgements) else ()),
        *scores.parting.notes(),
        *few_notes(scores),
        *(part_notes(judgements.parts) if isinstance(judgements, Judgements) else ()),
        *_zero_rows(asking, ranked),
        *_alike(scores, ranked),
        *settings_notes(scores),
    )


def label_notes(wrong: Complaints) -> Iterator[str]:
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


def relevance_notes(judgements: Judgements) -> Iterator[str]:
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


def part_notes(parts: Parts | None) -> Iterator[str]:
    """Whether what was judged are documents, and what is searched their passages."""
    if parts is not None:
        yield (
            f"passages are judged by their documents: {counted(len(parts.of), 'passage')} of "
            f"{counted(len(parts), 'document')}, each as near as the best of its own"
        )


def few_notes(scores: Scores) -> Iterator[str]:
    """Whether there is enough to test."""
    units, noun = len(scores.units), scores.unit_noun
    if units == 1:
        yield f"one {noun} only: intervals and tests say nothing"
    elif units < 6:
        yield f"{counted(units, noun)} only: too few for any test at 95%"


def _zero_rows(asking: Embeddings, ranked: Embeddings) -> Iterator[str]:
    sides = [("items", ranked)] if asking is ranked else [("queries", asking), ("items", ranked)]
    for side, embeddings in sides:
        zeros = len(embeddings.zero_rows)
        if zeros:
            yield f"{zeros:,} of {len(embeddings):,} {side} are zero vectors: cosine scores them 0"


def _alike(scores: Scores, ranked: Embeddings) -> Iterator[str]:
    if ranked.is_unit():
        yield "all vectors have unit length: dot, cosine and euclidean rank alike"
    yield from alike_notes(scores)


def alike_notes(scores: Scores) -> Iterator[str]:
    """Which measures give the same lists."""
    for group in scores.groups:
        if len(group) > 1:
            names: Sequence[str] = [scores.names[i] for i in group]
            yield f"{listed(names)} rank alike here and count as one"


def settings_notes(scores: Scores) -> Iterator[str]:
    """What was chosen for the measures that were tuned."""
    for name, chosen in scores.settings.items():
        if len(chosen) == 1:
            yield f"{name} was fitted to the earlier queries alone: {chosen[0]}"
            continue
        if len(chosen) != 2:
            yield (
                f"{name} was learnt {len(chosen)} times, each time from the judgements of other "
                f"{counted(2, scores.noun).split()[1]} than those it is reported on: "
                f"{listed(dict.fromkeys(chosen))}"
            )
            continue
        inside, outside = chosen
        yield (
            f"{name} was tuned on one half of the {counted(2, scores.noun).split()[1]} and "
            f"reported on the other: {inside} for one half, {outside} for the other"
        )


def space_notes(
    field: SpacesEvaluation,
    judged: Mapping[str, Judgements],
    scores: Scores,
    models: Sequence[SpaceFacts],
) -> tuple[str, ...]:
    """Sentences, the gravest first: what does not match, the labels, how few, the vectors."""
    return (
        *_nameless(field.spaces, field.judgements),
        *_unshared(field.unshared, len(scores.rows)),
        *_lacking(field.ranked),
        *_labels(judged),
        *relevance_notes(field.judgements),
        *field.parting.notes(),
        *few_notes(scores),
        *(f"{name}: {note}" for name, one in field.parts.items() for note in part_notes(one)),
        *_vectors(field.spaces, field.judgements),
        *alike_notes(scores),
        *settings_notes(scores),
        *_sizes(models),
    )


def _nameless(spaces: Mapping[str, Space], shared: Judgements) -> Iterator[str]:
    without = [
        name
        for name, space in spaces.items()
        if not all(side.named for side in space.sides(shared.direction))
    ]
    if without and len(spaces) > 1:
        yield f"{listed(without)} came without ids: the numbers of their rows stand for them"


def _unshared(queries: Sequence[str], counting: int) -> Iterator[str]:
    if queries:
        yield (
            f"{counted(len(queries), 'judged query')} missing in one of the spaces "
            f"({_some(queries)}): the {counted(counting, 'query')} that all spaces hold count"
        )


def _lacking(ranked: IdIndex) -> Iterator[str]:
    for name in ranked.rows:
        missing = ranked.lacking(name)
        if missing:
            yield (
                f"{name} lacks {len(missing):,} of {counted(len(ranked.names), 'item')} "
                f"({_some(missing)}): where they are relevant, that counts against it"
            )


def _labels(judged: Mapping[str, Judgements]) -> Iterator[str]:
    said = {name: tuple(label_notes(one.complaints)) for name, one in judged.items()}
    if len(set(said.values())) == 1:
        yield from next(iter(said.values()))
        return
    for name, sentences in said.items():
        yield from (f"{name}: {sentence}" for sentence in sentences)


def _vectors(spaces: Mapping[str, Space], shared: Judgements) -> Iterator[str]:
    for name, space in spaces.items():
        asking, ranked = space.sides(shared.direction)
        for side, embeddings in {"queries": asking, "items": ranked}.items():
            zeros = len(embeddings.zero_rows)
            if zeros and (side == "items" or asking is not ranked):
                yield (
                    f"{name}: {zeros:,} of {len(embeddings):,} {side} are zero vectors: "
                    "cosine scores them 0"
                )


def _sizes(models: Sequence[SpaceFacts]) -> Iterator[str]:
    if any(one.made_of for one in models):
        yield "bytes a vector: " + listed(f"{m.space} {m.bytes_a_vector:,}" for m in models)


def _some(names: Sequence[str]) -> str:
    return listed([repr(name) for name in names[:3]])
