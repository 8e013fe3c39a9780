"""``anglewise tune``: recall, latency and memory of a vector store's index over its parameters."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from anglewise.cli.options import A_COUNT, NO_FILES, NOTHING_SPECIAL, Always, Vectors, number
from anglewise.cli.paths import HTML, PICTURE, READ, STORED
from anglewise.data_types.numbers import COUNT, SHARE


def tune(
    address: Annotated[str, STORED],
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measure: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    qrels: Annotated[Path | None, READ] = None,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    min_recall: Annotated[float, number(SHARE)] = 0.98,
    runs: Annotated[int, A_COUNT] = 3,
    scratch: Annotated[bool, Parameter(negative=())] = False,
    html: Annotated[Path | None, HTML] = None,
    plot: Annotated[Path | None, PICTURE] = None,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Measure recall, latency and memory of an index over its parameters, and say what to take.

    Exit code 1 where no setting reaches --min-recall. Times are those of this machine.

    Parameters
    ----------
    address
        The collection, as for anglewise probe.
    space
        The items that it holds, and the queries that ask.
    measure
        What it ranks by; without it what its manifest says.
    direction
        Who asks and who is ranked; without it what the manifest says.
    qrels
        Judgements whose queries ask; without them up to 200 queries of the space are drawn.
    k
        How long the lists are.
    min_recall
        The recall that the setting to take must reach on these queries.
    runs
        How often each query is timed.
    scratch
        Also build indices with other parameters in collections of our own, which are removed.
    html
        Write a page with a chart.
    plot
        Write the chart: .svg, .png or .pdf.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import judged_by
    from anglewise.cli.program import version
    from anglewise.report.tuning_document import tuning_document, tuning_picture
    from anglewise.stores.address import read_address
    from anglewise.stores.space_reader import read_space
    from anglewise.stores.tune import tune as tuned

    talk = Talk(always)
    read = read_address(address)
    loaded = read_space(space, **vars(vectors), say=talk.say)
    judged = judged_by(qrels, loaded, direction, talk.say)
    with talk.progress("measuring"):
        result = tuned(
            read,
            loaded,
            measure,
            direction=direction,
            judgements=judged,
            k=k,
            min_recall=min_recall,
            runs=runs,
            scratch=scratch,
            seed=always.seed,
            say=talk.say,
        )
    document = tuning_document(result)
    if plot is not None:
        talk.write(plot, tuning_picture(result, plot.suffix))
    talk.write_page(html, document)
    content = {"command": "tune", "version": version(), **result.to_dict()}
    talk.give(content, document)
    return int(result.chosen is None)
