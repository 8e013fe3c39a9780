"""``anglewise judge lint``: what is wrong with a set of judgements before any number."""

from pathlib import Path
from typing import Annotated, Literal

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

GATE_FAILED = 1


def judge_lint(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measures: str = "dot,cosine,euclidean",
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    k: Annotated[int, A_COUNT] = 10,
    html: Annotated[Path | None, FILE] = None,
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
    from anglewise.cli.inputs import direction_of, space_of
    from anglewise.cli.talk import Talk
    from anglewise.errors import FileError
    from anglewise.io.outputs import write_text
    from anglewise.io.tables import DOCUMENT, GAIN, QUERY
    from anglewise.judging.judged_set import read_set
    from anglewise.judging.lint import lint
    from anglewise.judging.lint_checks import SEVERITIES
    from anglewise.report.judging_reports import lint_page, show_lint

    talk = Talk(always)
    place = judging.qrels or space
    if place is None or (judging.qrels is None and not place.is_dir()):
        raise FileError("no judgements: name the folder of a space, or give --qrels FILE")
    with talk.progress("reading"):
        there = space_of(space, vectors, talk.say)
        judged = read_set(
            place,
            there,
            direction_of(direction, there),
            columns={
                QUERY: judging.query_column,
                DOCUMENT: judging.item_column,
                GAIN: judging.gain_column,
            },
            label_queries=judging.label_queries,
            seed=always.seed,
            say=talk.say,
        )
    with talk.progress("looking"):
        found = lint(
            there,
            judged.judgements,
            measures=measures,
            k=k,
            rows=judged.rows,
            rejects=judged.rejects,
            seed=always.seed,
        )
    if html is not None:
        write_text(html, lint_page(found))
        talk.say(f"wrote {html}")
    talk.give(found.to_dict(), lambda console: show_lint(found, console))
    worst = found.worst()
    failed = gate and worst and SEVERITIES.index(worst) <= SEVERITIES.index(gate)
    return GATE_FAILED if failed else 0
