"""Spaces that cut the same documents otherwise: judged passages stand for their documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.complaints import with_gains
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.parts import Parts, parts_of
from anglewise.data_types.spans import PassageSpans, Span, has_spans
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError

Pair = tuple[str, str]
"""The ids of a query, and of an item or a document."""


@dataclass(frozen=True)
class OneCutting:
    """Judgements of several spaces that can be united by id, and what is to be said of them."""

    judged: Mapping[str, Judgements]
    notes: tuple[str, ...] = ()


def in_one_cutting(spaces: Mapping[str, Space], judged: Mapping[str, Judgements]) -> OneCutting:
    """The same judgements, or, of spaces that cut the same documents otherwise, of documents.

    A passage of one cutting is none of another, whatever its id, and two that overlap one answer
    would count twice beside one that holds it. So what is compared are documents: each as relevant
    as the best of its judged passages, and not relevant where each of its passages was judged so.
    Judgements of a text that is another in one of the spaces do not count in any of them.

    Raises ``SpellingError`` where passages are left out of the lists, as documents cannot be, and
    where passages ask.
    """
    labels = list(judged.values())
    direction = labels[0].direction
    mixed = any(one.direction != direction or one.parts is not None for one in labels)
    if len(spaces) < 2 or mixed:
        return OneCutting(judged)
    sides = {name: space.sides(direction) for name, space in spaces.items()}
    cut = {name: _Cutting.of(ranked) for name, (_, ranked) in sides.items()}
    two = _differing(cut)
    stale = {(name, pair) for name, one in judged.items() for pair in one.complaints.stale_pairs}
    if two is None:
        return OneCutting(_without(judged, sides, {pair for _, pair in stale}))
    if direction != "queries-items":
        raise SpellingError(
            f"{two} cut the same documents otherwise, so that a passage of one is none of the "
            f"other, and in {direction} passages ask: compare such spaces one by one"
        )
    hiding = [name for name, one in judged.items() if one.seen is not None]
    if hiding:
        raise SpellingError(
            f"{hiding[0]} leaves passages out of the lists, and {two} cut the same documents "
            "otherwise, so that documents are compared: compare such spaces one by one"
        )
    grades = {name: _of_documents(judged[name], sides[name], cut, name) for name in judged}
    everywhere: dict[Pair, float] = {}
    for own in grades.values():
        for pair, grade in own.items():
            everywhere[pair] = max(grade, everywhere.get(pair, grade))
    changed = {(name, (query, cut[name].document_of[item])) for name, (query, item) in stale}
    for name, pair in changed:
        own = grades[name].get(pair)
        if own is None:
            everywhere.pop(pair, None)
        elif pair in everywhere:
            everywhere[pair] = min(everywhere[pair], own)
    told = (
        f"passages were judged, and {two} cut the same documents otherwise: compared are "
        "documents, each as relevant as the best of its judged passages"
    )
    return OneCutting(
        {
            name: _judged_documents(one, sides[name], cut[name].parts, everywhere)
            for name, one in judged.items()
        },
        (told,),
    )


@dataclass(frozen=True, eq=False)
class _Cutting:
    """How a space cuts documents: the passages of each by id, with their spans where known."""

    parts: Parts | None
    document_of: Mapping[str, str]
    passages: Mapping[str, Mapping[str, Span | None]]

    @classmethod
    def of(cls, items: Embeddings) -> "_Cutting":
        ids: list[str] = items.ids.tolist()
        parts = parts_of(items)
        rows: list[int] = [] if parts is None else parts.of.tolist()
        documents = ids if parts is None else [parts.documents[i] for i in rows]
        spans = PassageSpans.of(items) if has_spans(items) else None
        passages: dict[str, dict[str, Span | None]] = {}
        for row, (name, document) in enumerate(zip(ids, documents, strict=True)):
            span = None if spans is None else spans.span(row)
            passages.setdefault(document, {})[name] = span
        return cls(parts, dict(zip(ids, documents, strict=True)), passages)


def _differing(cut: Mapping[str, _Cutting]) -> str | None:
    """Two spaces that cut a document otherwise, in words; None where all cut alike."""
    if all(one.parts is None for one in cut.values()):
        return None
    first: dict[str, str] = {}
    for name, one in cut.items():
        for document, passages in one.passages.items():
            other = first.setdefault(document, name)
            if other != name and not _alike(passages, cut[other].passages[document]):
                return f"{other} and {name}"
    return None


def _alike(one: Mapping[str, Span | None], other: Mapping[str, Span | None]) -> bool:
    """Whether passages are the same: their ids, and where they stand as far as both say so."""
    return one.keys() == other.keys() and all(
        other[name] in (span, None) or span is None for name, span in one.items()
    )


def _entries(
    judged: Judgements, sides: tuple[Embeddings, Embeddings]
) -> Iterator[tuple[Pair, float, bool]]:
    """The ids of each judgement, its grade, and whether the space holds the item."""
    graded, width = judged.graded, judged.gains.shape[1]
    asking, names = sides[0].ids, [*sides[1].ids.tolist(), *judged.missing_ids]
    columns: list[int] = graded.indices.tolist()
    for row, column, grade in zip(graded.rows, columns, graded.values.tolist(), strict=True):
        yield (str(asking[row]), names[column]), grade, column < width


def _of_documents(
    judged: Judgements,
    sides: tuple[Embeddings, Embeddings],
    cut: Mapping[str, _Cutting],
    name: str,
) -> dict[Pair, float]:
    """The grade of each document of which passages were judged, or that was judged by its id."""
    own = cut[name]
    best: dict[Pair, float] = {}
    irrelevant: dict[Pair, list[float]] = {}
    for (query, item), grade, here in _entries(judged, sides):
        known = (
            own if here else next((one for one in cut.values() if item in one.document_of), None)
        )
        document = item if known is None else known.document_of[item]
        pair = query, document
        if grade > 0:
            best[pair] = max(grade, best.get(pair, grade))
        elif here or known is None:
            irrelevant.setdefault(pair, []).append(grade)
    for pair, grades in irrelevant.items():
        if len(grades) == len(own.passages.get(pair[1], "1")):
            best.setdefault(pair, max(grades))
    return best


def _judged_documents(
    judged: Judgements,
    sides: tuple[Embeddings, Embeddings],
    parts: Parts | None,
    grades: Mapping[Pair, float],
) -> Judgements:
    """Judgements of the documents of a space, by their grades in all spaces."""
    asking, ranked = sides
    names = ranked.ids.tolist() if parts is None else list(parts.documents)
    column_of = {name: column for column, name in enumerate(names)}
    some = [(*pair, grade) for pair, grade in grades.items() if pair[0] in asking.row_of]
    missing = tuple(dict.fromkeys(name for _, name, _ in some if name not in column_of))
    column_of |= {name: len(names) + number for number, name in enumerate(missing)}
    shape = (len(asking), len(column_of))
    graded = SparseRows.from_pairs(
        [asking.row_of[query] for query, _, _ in some],
        [column_of[name] for _, name, _ in some],
        [grade for *_, grade in some],
        shape=shape,
    )
    return replace(
        judged,
        gains=graded.columns(0, len(names)),
        missing=graded.columns(len(names), shape[1]) if missing else None,
        missing_ids=missing,
        parts=parts,
        judged_items=None,
        chances=None,
        chances_unknown=BY_PASSAGES if judged.by_lot else "",
        complaints=with_gains(judged.complaints, graded),
    )


BY_PASSAGES = "passages were drawn by lot, and documents are compared"


def _without(
    judged: Mapping[str, Judgements],
    sides: Mapping[str, tuple[Embeddings, Embeddings]],
    pairs: set[Pair],
) -> Mapping[str, Judgements]:
    """The same judgements without some pairs."""
    if not pairs:
        return judged
    return {
        name: one.where(
            np.array([pair not in pairs for pair, *_ in _entries(one, sides[name])], dtype=bool)
        )
        for name, one in judged.items()
    }
