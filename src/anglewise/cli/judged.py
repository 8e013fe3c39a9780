"""From options to a space and what it is judged by."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from anglewise.cli.inputs import direction_of, space_of
from anglewise.cli.options import Judging, Vectors
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements, Pairs, Triplets
from anglewise.core.typing import Direction
from anglewise.errors import FileError, SpellingError
from anglewise.io.read import judgement_kind, read_judgements, read_pairs, read_triplets

Judged: TypeAlias = Judgements | Pairs | Triplets
Say: TypeAlias = Callable[[str], None]


def judged_space(
    source: Path | None,
    vectors: Vectors,
    direction: Direction | None,
    judging: Judging,
    say: Say,
    *,
    seed: int = 0,
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
    path = source if beside else judging.qrels
    if path is None:
        if source is None or not source.is_dir():
            raise FileError(
                "no judgements: give --qrels FILE, or before --items a file of graded pairs, "
                "triplets or labels"
            )
        path = source
    else:
        found = _pairs_or_triplets(path, space, judging, say, unnamed_pairs=beside)
        if found is not None:
            return space, found
    return space, read_judgements(
        path,
        space,
        direction=way,
        query_column=judging.query_column,
        item_column=judging.item_column,
        gain_column=judging.gain_column,
        label_queries=judging.label_queries,
        seed=seed,
        say=say,
    )


def _pairs_or_triplets(
    path: Path, space: Space, judging: Judging, say: Say, *, unnamed_pairs: bool
) -> Pairs | Triplets | None:
    """Read these where the names of the columns promise them, or nothing and pairs are due."""
    if judging.label_queries is not None or judging.names_columns:
        return None
    kind = judgement_kind(path)
    if kind == "triplets":
        return read_triplets(path, space, say=say)
    if kind == "pairs" or (kind == "judgements" and unnamed_pairs):
        return read_pairs(path, space, say=say)
    return None
