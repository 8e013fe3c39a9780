"""``anglewise judge power`` and ``lint``: what lead judgements can show, and what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from anglewise.cli.options import (
    A_COUNT,
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    Vectors,
    number,
)
from anglewise.cli.paths import HTML, PICTURE, READ
from anglewise.data_types.numbers import COUNT, POSITIVE


def judge_power(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measures: str = "dot,cosine,euclidean",
    metric: str = "nDCG@10",
    difference: Annotated[float | None, number(POSITIVE)] = None,
    split: str = "queries",
    largest_group: Annotated[int | None, A_COUNT] = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    plot: Annotated[Path | None, PICTURE] = None,
    vectors: Vectors = NO_FILES,
    judging: Judging = FROM_FOLDER,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say what lead a validation set can show, and how many queries a smaller one takes.

    From how much the measures' values vary over the queries that were judged.

    Parameters
    ----------
    space
        The folder of a space with judgements; or name --items, --queries and --qrels.
    measures
        What is to be told apart, parted by commas.
    metric
        What decides, such as nDCG@10 or R@100.
    difference
        A lead that should be shown; without it the least that matters, by 2% of the mean.
    split
        Which queries belong together: group(COLUMN) of what is known about them, clusters(8) of
        their vectors, linked by what is relevant to them, or time(COLUMN). Groups are then planned,
        not queries.
    largest_group
        Of queries in groups, by --split, how many one that was not seen may have; as many as the
        largest that was seen if not given.
    direction
        Who asks and who is ranked.
    plot
        Write the curve as a picture, .svg or .png.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import judged_space
    from anglewise.comparison.compare import compare
    from anglewise.comparison.dependence import lasting_notes
    from anglewise.comparison.power import power
    from anglewise.report.check_documents import power_document

    talk = Talk(always)
    with talk.progress("reading"):
        loaded, judged = judged_space(
            space, vectors, direction, judging, talk.say, seed=always.seed
        )
    with talk.progress("searching", then="testing") as progress:
        result = compare(
            loaded,
            judged,
            measures,
            metric,
            split=split,
            largest_group=largest_group,
            seed=always.seed,
            progress=progress,
        )
        plan = power(result, difference)
    if plot is not None:
        from anglewise.io.outputs import new_file
        from anglewise.report.pictures import power_picture

        drawn = power_picture(plan, plot.suffix)
        with new_file(plot) as file:
            file.write(drawn)
        talk.say(f"wrote {plot}")
    notes = [*lasting_notes(result.notes)]
    content: dict[str, Any] = {
        "command": "judge power",
        **plan.to_dict(),
        "reason": str(plan),
        "notes": notes,
    }
    talk.give(content, replace(power_document(plan), notes=notes))
    return 0


GATE_FAILED = 1


def judge_lint(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measures: str = "dot,cosine,euclidean",
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    html: Annotated[Path | None, HTML] = None,
    gate: Literal["error", "warning"] | None = None,
    vectors: Vectors = NO_FILES,
    judging: Judging = FROM_FOLDER,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say what is wrong with a set of judgements, the worst first, before any number.

    Looks for bad rows, unknown ids, contradictions, one-grade sets, queries without an answer,
    leaks, popularity, corners that nobody judged, pools that favour a measure, and twins.

    Parameters
    ----------
    space
        The folder of a space; its judgements are looked at unless --qrels names others.
    measures
        Whose lists are looked at for items that nobody judged, parted by commas.
    direction
        Who asks and who is ranked; without it queries-items where there are queries.
    k
        How deep their lists are looked at.
    html
        Write a page with the findings and a picture of the skew.
    gate
        Exit with 1 if anything of this severity or worse was found.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import at_most, direction_of, most_neighbours, reader_options
    from anglewise.errors import FileError
    from anglewise.labelling.judged_set import read_set
    from anglewise.labelling.lint import lint
    from anglewise.labelling.lint_checks import SEVERITIES
    from anglewise.report.check_documents import lint_document
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    source = judging.qrels or space
    if source is None or (judging.qrels is None and not source.is_dir()):
        raise FileError("no judgements: name the folder of a space, or give --qrels FILE")
    with talk.progress("reading"):
        loaded = read_space(space, **vars(vectors), say=talk.say)
        judged = read_set(
            source,
            loaded,
            direction_of(direction, loaded),
            **reader_options(judging),
            seed=always.seed,
            say=talk.say,
        )
    longest = most_neighbours(loaded, judged.judgements.direction)
    k = at_most(k, longest, "neighbours of each query (--k)", talk.say)
    with talk.progress("looking"):
        result = lint(
            loaded,
            judged.judgements,
            measures=measures,
            k=k,
            rows=judged.rows,
            rejects=judged.rejects,
            seed=always.seed,
        )
    document = lint_document(result)
    talk.write_page(html, document)
    talk.give(result.to_dict(), document)
    worst = result.worst()
    failed = gate and worst and SEVERITIES.index(worst) <= SEVERITIES.index(gate)
    return GATE_FAILED if failed else 0
