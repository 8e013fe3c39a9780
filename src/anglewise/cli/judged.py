"""From options to a space and what it is judged by."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from anglewise.cli.inputs import direction_of, space_of
from anglewise.cli.options import Judging, Vectors
from anglewise.embeddings import Space
from anglewise.errors import FileError, SpellingError
from anglewise.interop.read import (
    judgement_kind,
    read_judgements,
    read_labels,
    read_pairs,
    read_triplets,
)
from anglewise.judgements.from_labels import from_labels
from anglewise.judgements.judgements import Judgements, Pairs, Triplets
from anglewise.typing import Direction

Judged: TypeAlias = Judgements | Pairs | Triplets
Say: TypeAlias = Callable[[str], None]


def judged_space(
    source: Path | None,
    vectors: Vectors,
    direction: Direction | None,
    judging: Judging,
    say: Say,
) -> tuple[Space, Judged]:
    """Read a space, and judgements from the file given, from the one beside it, or its folder.

    Raises ``SpellingError`` when judgements are given twice, ``FileError`` when there are none.
    """
    beside = source is not None and vectors.items is not None
    if beside and judging.qrels is not None:
        raise SpellingError(
            f"beside --items, {source} stands for the judgements, and --qrels {judging.qrels} "
            "does too: give one of them"
        )
    space = space_of(None if beside else source, vectors, say)
    way = direction_of(direction, space)
    if beside and source is not None:
        return space, _from_file(source, space, way, judging, say, unnamed="pairs")
    if judging.qrels is not None:
        return space, _from_file(judging.qrels, space, way, judging, say, unnamed="judgements")
    if source is None or not source.is_dir():
        raise FileError(
            "no judgements: give --qrels FILE, or before --items a file of graded pairs, triplets "
            "or labels"
        )
    return space, read_judgements(source, space, direction=way, say=say)


def _from_file(
    path: Path, space: Space, way: Direction, judging: Judging, say: Say, *, unnamed: str
) -> Judged:
    """Read what the names of the columns promise; ``unnamed`` where they promise nothing."""
    kind = judgement_kind(path)
    if kind == "judgements" and not judging.names_columns:
        kind = unnamed
    if kind == "pairs":
        return read_pairs(path, space, say=say)
    if kind == "triplets":
        return read_triplets(path, space, say=say)
    if kind == "labels":
        return from_labels(space, read_labels(path, say=say))
    return read_judgements(
        path,
        space,
        direction=way,
        query_column=judging.query_column,
        item_column=judging.item_column,
        gain_column=judging.gain_column,
        say=say,
    )
