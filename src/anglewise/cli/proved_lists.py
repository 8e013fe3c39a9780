"""``anglewise search --proof`` and ``--check-proof``: complete lists, and the check of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from anglewise.cli.options import Source, Vectors
from anglewise.cli.paths import READ
from anglewise.cli.sharded_search import ShardOptions

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.distributed.lists_check import ListsCheck


@Parameter(name="*", group=Group("Ground truth", sort_key=52))
@dataclass(frozen=True)
class ProofOptions:
    """Lists that approximate searches are measured by."""

    proof: Annotated[bool, Parameter(negative=())] = False
    """With --all: list every item that scores as the k-th, and beside it the highest score that is
    left out, in float64."""
    check_proof: Annotated[Path | None, READ] = None
    """Check a table that --proof wrote against the vectors, by other means than it was made; exit
    code 1 where a list is wrong."""


NO_PROOF = ProofOptions()
BESIDE = {"queries", "query_ids", "vector_column", "id_column"}
"""Options of vectors that have a meaning beside --shards."""


def check_proof(
    proof: ProofOptions,
    space: Source | None,
    shards: ShardOptions,
    vectors: Vectors,
    others: Mapping[str, Any],
    *,
    talk: "Talk",
) -> int:
    """Check a table of complete lists; ``others`` are options that have no meaning here."""
    from anglewise.cli.program import version
    from anglewise.data_types.text import counted
    from anglewise.errors import SpellingError
    from anglewise.report.document import Document

    others = {**others, "proof": proof.proof}
    others |= {"engine": shards.engine, "workers": shards.workers}
    given = [name for name, value in others.items() if value not in (None, False, ())]
    if shards.shards is not None:
        given += [n for n, value in vars(vectors).items() if value is not None and n not in BESIDE]
        given += [] if space is None else ["a space"]
    if given:
        name = given[0] if given[0] == "a space" else f"--{given[0].replace('_', '-')}"
        raise SpellingError(f"{name} has no meaning beside --check-proof: leave one of them out")
    path = proof.check_proof or Path()
    found = _checked(path, space, shards.shards, vectors, talk=talk)
    content = {
        "command": "search",
        "version": version(),
        "checked": str(path),
        "lists": found.lists,
        "pairs": found.pairs,
        "holds": found.holds,
        "wrong": found.wrong,
        "faults": list(found.faults),
    }
    told = f"{counted(found.lists, 'list')} by {counted(found.pairs, 'score')} in float64"
    if found.holds:
        lines = [f"{path} holds: {told}"]
    else:
        lines = [f"{path} does not hold: {counted(found.wrong, 'fault')} in {told}", *found.faults]
    talk.give(content, Document.of(*lines))
    return int(not found.holds)


def _checked(
    path: Path, space: Source | None, shards: Path | None, vectors: Vectors, *, talk: "Talk"
) -> "ListsCheck":
    from anglewise.distributed.lists_check import check_lists, check_shards
    from anglewise.errors import SpellingError
    from anglewise.io.vectors import opened, read_vectors
    from anglewise.stores.space_reader import read_space

    if shards is None:
        loaded = read_space(space, **vars(vectors), say=talk.say)
        with talk.progress("checking") as progress:
            return check_lists(path, loaded, progress=progress)
    if vectors.queries is None:
        raise SpellingError("--shards needs those who asked: --queries FILE")
    asking = read_vectors(opened(vectors.queries), "queries", ids=vectors.query_ids, say=talk.say)
    columns = {"vector_column": vectors.vector_column, "id_column": vectors.id_column}
    with talk.progress("checking") as progress:
        return check_shards(path, shards, asking, **columns, progress=progress)
