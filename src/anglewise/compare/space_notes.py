"""What a person should know before the numbers of several spaces."""

from collections.abc import Iterator, Mapping, Sequence

from anglewise.compare.field import Field
from anglewise.compare.notes import (
    alike_notes,
    few_notes,
    label_notes,
    part_notes,
    relevance_notes,
    settings_notes,
)
from anglewise.compare.result import SpaceFacts
from anglewise.compare.roll import Roll
from anglewise.compare.scores import Scores
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.text import counted, listed


def space_notes(
    field: Field,
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


def _lacking(ranked: Roll) -> Iterator[str]:
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
