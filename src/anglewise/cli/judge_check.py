"""``anglewise judge lint`` and ``agreement``: whether a set is sound, and judges agree."""

from pathlib import Path
from typing import Annotated, Literal

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
from anglewise.cli.paths import FILE, READ
from anglewise.core.numbers import whole


def judge_agreement(
    space: Annotated[Path, READ],
    /,
    *,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    judges: str | None = None,
    sources: str | None = None,
    resamples: Annotated[int, number(whole(1, 100_000, example="2000"))] = 2_000,
    disputes: Annotated[Path | None, FILE] = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say how far judges agree beyond chance, and on which pairs they do not.

    To settle disputes: write them with --disputes, fill in the column grade, and record them with
    judge import SPACE FILE --judge adjudicator. From then on these grades stand.

    Parameters
    ----------
    space
        The folder of a space, whose judgements lie in judgements.sqlite; a .sqlite file, or any
        file of judgements with a column of judges.
    direction
        Only judgements of this direction.
    judges
        Only judgements of these, parted by commas.
    sources
        Only judgements from these, parted by commas: human, interaction, label, generated.
    resamples
        Of the queries, for the intervals.
    disputes
        Write the pairs that nobody decided yet as a CSV with an empty column for the grade.
    """
    from anglewise.cli.console import Talk
    from anglewise.io.judgement_export import write_disputes
    from anglewise.io.judgement_formats import read_judged
    from anglewise.judgements.combine import chosen
    from anglewise.judging.agreement import agreement
    from anglewise.judging.judged_set import store_of
    from anglewise.judging.sample import texts_of
    from anglewise.report.judging_reports import show_agreement

    talk = Talk(always)
    file = read_judged(store_of(space) if space.is_dir() else space)
    if file.rejects:
        talk.say(f"{len(file.rejects):,} rows refused: anglewise judge import names them")
    rows = chosen(
        (row for row in file.judged if direction in {None, row.direction}),
        judges=None if judges is None else [word.strip() for word in judges.split(",")],
        sources=None if sources is None else [word.strip() for word in sources.split(",")],
    )
    with talk.progress("resampling"):
        found = agreement(rows, resamples=resamples, seed=always.seed)
    if disputes is not None:
        undecided = [one for one in found.disputes if one.decided is None]
        write_disputes(disputes, undecided, texts_of(space, talk.say))
        talk.say(f"wrote {disputes}: {len(undecided):,} pairs to decide")
    talk.give(found.to_dict(), lambda console: show_agreement(found, console))
    return 0


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
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import direction_of, space_of
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
