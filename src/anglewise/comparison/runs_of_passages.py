"""Runs that name passages where documents are judged."""

from collections.abc import Iterable, Sequence

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import shown
from anglewise.data_types.parts import Parts
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Direction
from anglewise.errors import IdsError


def passages_of(
    cut: Iterable[tuple[Space, Parts | None]], direction: Direction
) -> list[tuple[Embeddings, Parts]]:
    """The items of spaces whose documents are judged, with the documents that they are parts of."""
    return [(space.sides(direction)[1], parts) for space, parts in cut if parts is not None]


def as_documents(run: Run, passages: Sequence[tuple[Embeddings, Parts]], ranked: Embeddings) -> Run:
    """The same run over documents, each in the place of its best passage, if it names passages.

    Raises ``IdsError`` where it names both, or a passage that spaces have of several documents.
    """
    names: list[str] = run.items.tolist()
    of_passage = dict[str, str]()
    for items, parts in passages:
        for name in [name for name in names if name in items.row_of]:
            document: str = parts.documents[int(parts.of[items.row_of[name]])]
            if of_passage.setdefault(name, document) != document:
                raise IdsError(
                    f"the run {run.name!r} names the passage {shown(name)!r}, which is of "
                    f"{shown(of_passage[name])!r} in one space and of {shown(document)!r} in "
                    "another: let it name documents"
                )
    cut = next((n for n in names if n in of_passage and n not in ranked.row_of), None)
    whole = next((n for n in names if n in ranked.row_of and n not in of_passage), None)
    if cut is None:
        return run
    if whole is not None:
        raise IdsError(
            f"the run {run.name!r} names passages, such as {shown(cut)!r}, and documents, such as "
            f"{shown(whole)!r}: let it name either these or those"
        )
    document_of = np.array([of_passage.get(name, name) for name in names], dtype=object)
    ids = list(dict.fromkeys(document_of.tolist()))
    number_of = {name: i for i, name in enumerate(ids)}
    documents = np.array([number_of[name] for name in document_of], dtype=np.int64)[run.entries]
    lists = np.repeat(np.arange(len(run)), np.diff(run.starts))
    keys = lists * len(ids) + documents
    _, first = np.unique(keys, return_index=True)
    kept = np.sort(first)
    starts = np.searchsorted(lists[kept], np.arange(len(run) + 1)).astype(np.int64)
    return Run(
        run.name,
        run.queries,
        np.array(ids, dtype=object),
        starts,
        documents[kept],
        run.scores[kept],
    )
