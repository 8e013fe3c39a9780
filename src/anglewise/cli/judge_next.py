"""``anglewise judge next``: the pairs whose judgement would do most for the decision."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.numbers import A_COUNT
from anglewise.cli.options import (
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    Vectors,
)
from anglewise.cli.paths import FILE, READ


def judge_next(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    pairs: Annotated[int, A_COUNT] = 20,
    measures: str = "dot,cosine,euclidean",
    metric: str = "nDCG@10",
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    output: Annotated[Path | None, Parameter(alias="-o"), FILE] = None,
    vectors: Vectors = NO_FILES,
    judging: Judging = FROM_FOLDER,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Name the pairs to judge next, and how far what is not judged could move the verdict.

    Parameters
    ----------
    space
        The folder of a space with judgements; or name --items, --queries and --qrels.
    pairs
        How many to name.
    measures
        What is to be told apart, parted by commas.
    metric
        nDCG at some depth.
    direction
        Who asks and who is ranked.
    output
        Write the pairs as a table with an empty column grade, .csv or .parquet.
    """
    from anglewise.cli.judged import judged_space
    from anglewise.cli.talk import Talk
    from anglewise.comparison.compare import compare
    from anglewise.comparison.unjudged import unjudged
    from anglewise.core.typing import DIRECTIONS
    from anglewise.io.judgement_export import write_queue
    from anglewise.judging.sample import words_of
    from anglewise.report.comparison_text import show_unjudged

    talk = Talk(always)
    with talk.progress("reading"):
        of, judged = judged_space(space, vectors, direction, judging, talk.say, seed=always.seed)
    with talk.progress("searching", then="testing") as progress:
        result = compare(of, judged, measures, metric, seed=always.seed, progress=progress)
        rest = unjudged(result, pairs)
    asking, ranked = of.sides(result.direction or DIRECTIONS[0])
    words = words_of(asking), words_of(ranked)
    if output is not None:
        write_queue(
            output,
            [
                {
                    "query_id": one.query_id,
                    "item_id": one.item_id,
                    "query": words[0].get(one.query_id),
                    "item": words[1].get(one.item_id),
                }
                for one in rest.to_judge
            ],
        )
        talk.say(f"wrote {output}")
    content: dict[str, Any] = {"command": "judge next", **rest.to_dict(), "reason": str(rest)}
    talk.give(content, lambda console: show_unjudged(rest, console, *words))
    return 0
