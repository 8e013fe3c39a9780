"""What a reader should know before the numbers of a comparison."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from anglewise.comparison.alignment import AlignedSpaces
from anglewise.comparison.candidates import SpaceFacts
from anglewise.comparison.dependence import (
    ALL_WEIGHED,
    UNEQUAL,
    answer_notes,
    copy_notes,
    lot_notes,
    shared_notes,
)
from anglewise.comparison.inference import FEWEST_RESAMPLED, Scores
from anglewise.comparison.label_notes import judged_notes, label_notes, relevance_notes
from anglewise.comparison.list_notes import empty_notes, tie_notes
from anglewise.comparison.pool_bias import pool_notes
from anglewise.comparison.ranked_runs import RankedRuns, RunCandidate, reads_vectors
from anglewise.comparison.rankers import Ranker
from anglewise.data_types.columns import titles
from anglewise.data_types.drawn import QueryDraw, weighted_means
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.parts import Parts
from anglewise.data_types.representation import Representation
from anglewise.data_types.stored_lengths import stored_notes
from anglewise.data_types.text import counted, listed
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.data_types.typing import Direction
from anglewise.geometry.norms import known_uses, popularity_note, ranked_side
from anglewise.similarity_measures.biases import biases_note
from anglewise.similarity_measures.formulas import SIMPLEST_FIRST


def notes(
    space: Space,
    judgements: Judgements | Pairs | Triplets,
    scores: Scores,
    runs: RankedRuns | None = None,
) -> tuple[str, ...]:
    """Sentences, the gravest first: the labels, then how few they are, then the vectors.

    Of vectors nothing is said where none were searched.
    """
    lists = isinstance(judgements, Judgements)
    searched = any(reads_vectors(candidate, scores.measures) for candidate in scores.measures)
    direction = judgements.direction if lists else "queries-items"
    sides = space.sides(direction)
    dense = not isinstance(sides[1], Representation)
    unit = searched and dense and sides[1].is_unit() and not space.named_biases
    return (
        *(runs.notes if runs else ()),
        *(judged_notes(judgements) if lists else label_notes(judgements.complaints)),
        *(_draw_notes(judgements.drawn, scores) if lists else ()),
        *(lot_notes(judgements, scores.values) if lists else ()),
        *pool_notes(scores),
        *(_itself_notes(sides, judgements, scores) if lists else ()),
        *(_seen_notes([space], [judgements], judgements) if lists else ()),
        *scores.split.notes(),
        *_few_notes(scores),
        *(answer_notes(judgements, scores) if lists else shared_notes(space, judgements)),
        *(copy_notes(judgements, scores) if lists else ()),
        *(part_notes(judgements.parts) if lists else ()),
        *(_zero_notes(*sides) if searched else ()),
        *(stored_notes(space) if searched else ()),
        *(_use_notes({"": space}, direction) if lists and judgements.parts is None else ()),
        *(_bias_notes([(space, "")], scores, direction) if searched else ()),
        *_fewer_notes([(sides, "")], scores),
        *(_unit_notes(scores) if unit else ()),
        *empty_notes(sides[0], scores),
        *tie_notes(scores),
        *_score_notes(scores),
    )


def space_notes(
    aligned: AlignedSpaces,
    judged: Mapping[str, Judgements],
    scores: Scores,
    models: Sequence[SpaceFacts],
    runs: RankedRuns | None = None,
) -> tuple[str, ...]:
    """Sentences, the gravest first: what does not match, the labels, how few, the vectors."""
    direction = aligned.judgements.direction
    sides = {name: space.sides(direction) for name, space in aligned.spaces.items()}
    return (
        *_alignment_notes(aligned, sides, len(scores.rows)),
        *(runs.notes if runs else ()),
        *_labels_by_space(judged),
        *relevance_notes(aligned.judgements),
        *_draw_notes(aligned.judgements.drawn, scores),
        *lot_notes(aligned.judgements, scores.values),
        *pool_notes(scores),
        *(
            _itself_notes(aligned.names.sides(direction), aligned.judgements, scores)
            if all(side.named for pair in sides.values() for side in pair)
            else ()
        ),
        *_seen_notes(aligned.spaces.values(), judged.values(), aligned.judgements),
        *scores.split.notes(),
        *_few_notes(scores),
        *answer_notes(aligned.judgements, scores),
        *copy_notes(aligned.judgements, scores),
        *(f"{name}: {note}" for name, parts in aligned.parts.items() for note in part_notes(parts)),
        *(f"{name}: {note}" for name, pair in sides.items() for note in _zero_notes(*pair)),
        *_use_notes(
            {name: s for name, s in aligned.spaces.items() if name not in aligned.parts}, direction
        ),
        *_bias_notes([(s, name) for name, s in aligned.spaces.items()], scores, direction),
        *_fewer_notes([(pair, name) for name, pair in sides.items()], scores),
        *empty_notes(aligned.names.sides(direction)[0], scores),
        *tie_notes(scores),
        *_score_notes(scores),
        *_size_notes(models),
    )


def _draw_notes(drawn: QueryDraw | None, scores: Scores) -> Iterator[str]:
    """By what queries weigh, and what means over all queries, each once, would be."""
    if drawn is None:
        return
    weights = scores.weights
    if weights is None:
        why = drawn.unknown(scores.rows)
        yield f"{UNEQUAL}, and by which chances is not known, as {why}: each query counts alike"
        return
    low, high = (float(end(drawn.chances[scores.rows])) for end in (np.min, np.max))
    fewest, most = float(weights.values.min()), float(weights.values.max())
    once = weighted_means(scores.deciding, drawn.each_query(scores.rows)).tolist()
    means = listed(f"{mean:.3f} by {name}" for name, mean in zip(scores.names, once, strict=True))
    how = f"{UNEQUAL}, {low:.3g} to {high:.3g}"
    if low == high:
        how = "queries are asked unequally often (all that could be drawn were taken)"
    yield (
        f"{how}, and {ALL_WEIGHED}, so that "
        f"it holds for questions as they are asked: a query weighs {fewest:.3g} to {most:.3g} "
        f"times the mean one, and all tell as much as {weights.effective:.0f} of one weight. "
        f"Over all queries, each once, {scores.metric} is {means}; nothing here tests that"
    )


ITSELF_SHARE = 0.1
"""Beyond this share, that queries find the item of their own id first is no coincidence of ids."""


def _itself_notes(
    sides: tuple[Embeddings, Embeddings], judgements: Judgements, scores: Scores
) -> Iterator[str]:
    """Whether queries are documents too, and so find themselves."""
    asking, ranked = sides
    if judgements.direction != "queries-items" or asking is ranked:
        return
    if not (asking.named and ranked.named):
        return
    names = ranked.ids if judgements.parts is None else judgements.parts.documents
    column_of = {name: column for column, name in enumerate(names)}
    own = np.array([column_of.get(name, -1) for name in asking.ids[scores.rows]], dtype=np.int64)
    if judgements.not_itself:
        yield f"{counted(int((own >= 0).sum()), 'query')} without the document of the same id"
        return
    width = len(names)
    judged = judgements.gains
    relevant = (judged.rows * width + judged.indices)[judged.values > 0]
    first = np.any([lists.indices[:, 0] == own for lists in scores.found.values()], axis=0)
    first &= (own >= 0) & ~np.isin(scores.rows * width + own, relevant)
    if first.sum() > ITSELF_SHARE * len(first):
        yield (
            f"{counted(int(first.sum()), 'query')} with the item of the same id in first place, "
            "which is not judged relevant: where queries are documents that find themselves, "
            "--not-itself leaves these out"
        )


def _seen_notes(
    spaces: Iterable[Space], judged: Iterable[Judgements], judgements: Judgements
) -> Iterator[str]:
    """What follows from what users were trained on, or from nobody saying it.

    ``judgements`` are those that are evaluated, ``judged`` the ones that they were made of.
    """
    if judgements.direction != "queries-items" or judgements.parts is not None:
        return
    spaces = list(spaces)
    own = None if judgements.not_itself else judgements.seen  # which then holds each query itself
    tables = [own, *(space.seen for space in spaces if len(spaces) == 1)]
    tables_seen = [table for table in tables if table is not None and len(table.indices)]
    gains = judgements.gains
    relevant = gains.values > 0
    if tables_seen:
        keys = [table.rows * gains.shape[1] + table.indices for table in tables_seen]
        hidden = np.isin(gains.rows * gains.shape[1] + gains.indices, np.concatenate(keys))
        missed, total = int((hidden & relevant).sum()), int(relevant.sum())
        if missed:
            yield (
                f"{missed:,} of {counted(total, 'relevant pair')} were used in training: they are "
                "left out of the lists, so every measure misses them"
            )
    elif any(space.seen is not None and len(space.seen.indices) for space in spaces):
        return
    elif any(labels.of_users for labels in judged) or any(map(_of_factors, spaces)):
        yield (
            "nothing says which items the users were trained on (--seen FILE): such items stand "
            "in the lists; not judged, they count as not relevant, which penalises the measures "
            "that fit the training best, and judged relevant they count as found, which favours "
            "these"
        )


def _of_factors(space: Space) -> bool:
    """Whether users were trained, as far as is known: not where an encoder made them of texts."""
    trained = space.trained_for == "dot" and not space.one_sided
    return trained and "encoder" not in space.about and titles(space.queries) is None


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
        yield f"one {noun} only: nothing tells how much it differs from others"
    elif clusters < 6:
        yield f"{counted(clusters, noun)} only: too few for sign flips to show anything at 95%"
    if scores.statistic is not None and clusters < FEWEST_RESAMPLED:
        yield (
            f"intervals are by the bootstrap, which says nothing of {counted(clusters, noun)}: "
            f"{FEWEST_RESAMPLED} are due"
        )


def _zero_notes(asking: Embeddings, ranked: Embeddings) -> Iterator[str]:
    sides = [("items", ranked)] if asking is ranked else [("queries", asking), ("items", ranked)]
    for side, embeddings in sides:
        if isinstance(embeddings, TokenVectors):
            return
        zeros = len(embeddings.zero_rows)
        if zeros:
            yield f"{zeros:,} of {len(embeddings):,} {side} are zero vectors: cosine scores them 0"


def _use_notes(spaces: Mapping[str, Space], direction: Direction) -> Iterator[str]:
    """What is no number of use, in the first of these spaces that knows how much is used."""
    for name, space in spaces.items():
        note = popularity_note(space, ranked_side(direction))
        if note is not None:
            yield f"{name}: {note}" if name else note
        if known_uses(space, direction) is not None:
            return


def _unit_notes(scores: Scores) -> Iterator[str]:
    """Whether lengths of about one make the plain measures give the same lists."""
    sentence = "all vectors have unit length, to within 0.001"
    names = [name for name in SIMPLEST_FIRST if name in scores.found]
    lists = [scores.found[name].indices for name in names]
    if len(lists) < 2:
        yield sentence
        return
    same = np.all([(other == lists[0]).all(axis=1) for other in lists[1:]], axis=0)
    number = "all lists" if same.all() else f"{int(same.sum()):,} of {len(same):,} lists"
    yield f"{sentence}: {number} of {listed(names)} are the same"


def _bias_notes(
    spaces: Iterable[tuple[Space, str]], scores: Scores, direction: Direction
) -> Iterator[str]:
    """Which measures leave bias columns out, in each of some named spaces, or in the only one."""
    for space, name in spaces:
        own = [
            getattr(candidate, "measure", candidate)
            for candidate in scores.measures
            if getattr(getattr(candidate, "source", None), "space", "") == name
            and getattr(candidate, "builder", None) is None
            and not isinstance(candidate, RunCandidate | Ranker)
            and not isinstance(getattr(candidate, "measure", None), Ranker)
        ]
        note = biases_note(dict.fromkeys(own), space, direction)
        if note is not None:
            yield f"{name}: {note}" if name else note


def _fewer_notes(
    spaces: Iterable[tuple[tuple[Embeddings, Embeddings], str]], scores: Scores
) -> Iterator[str]:
    """Which measures look at more neighbours than there are that ask, in each named space."""
    for (asking, ranked), name in spaces:
        others = len(asking) - (asking is ranked)
        for candidate, spelled in zip(scores.measures, scores.names, strict=True):
            if getattr(getattr(candidate, "source", None), "space", "") != name:
                continue
            measure = getattr(candidate, "measure", candidate)
            wanted = getattr(getattr(measure, "formula", None), "k", None)
            if isinstance(wanted, int) and wanted > others:
                yield (
                    f"{spelled} looks at {wanted:,} neighbours of each item among those that ask, "
                    f"and there are {others:,}: it looks at all"
                )


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
    sentences = {name: tuple(label_notes(labels.complaints)) for name, labels in judged.items()}
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
