"""``anglewise verify``: what a vector store answers, held against the exact lists."""

from pathlib import Path
from typing import Annotated, Literal

from anglewise.cli.options import NO_FILES, NOTHING_SPECIAL, Always, Vectors, number
from anglewise.cli.paths import READ, STORED
from anglewise.data_types.numbers import COUNT, SHARE


def verify(
    address: Annotated[str, STORED],
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measure: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    qrels: Annotated[Path | None, READ] = None,
    metric: str | None = None,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    min_recall: Annotated[float | None, number(SHARE)] = None,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Hold what a vector store answers against the exact lists of a measure, up to ties.

    Exit code 1 where the recall is below --min-recall.

    Parameters
    ----------
    address
        The collection, as for anglewise probe.
    space
        The items that it is to hold, and the queries that ask.
    measure
        What it is to rank by; without it what its manifest says.
    direction
        Who asks and who is ranked; without it what the manifest says.
    qrels
        Judgements: their queries ask, and --metric is computed of both lists. Without them up to
        200 queries of the space are drawn.
    metric
        What matters, by the judgements; nDCG@10 if not given.
    k
        How long the lists are.
    min_recall
        The recall that the lists must reach on these queries.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import judged_by
    from anglewise.cli.program import version
    from anglewise.report.store_documents import verification_document
    from anglewise.stores.address import read_address
    from anglewise.stores.space_reader import read_space
    from anglewise.stores.verify import verify as verified

    talk = Talk(always)
    read = read_address(address)
    loaded = read_space(space, **vars(vectors), say=talk.say)
    judged = judged_by(qrels, loaded, direction, talk.say)
    with talk.progress("asking"):
        result = verified(
            read,
            loaded,
            measure,
            direction=direction,
            judgements=judged,
            metric=metric or "nDCG@10",
            k=k,
            min_recall=min_recall,
            seed=always.seed,
        )
    content = {"command": "verify", "version": version(), **result.to_dict()}
    talk.give(content, verification_document(result))
    return int(result.passed is False)
