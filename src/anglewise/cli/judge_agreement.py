"""``anglewise judge agreement``: how far judges agree, and the list of what to decide."""

from pathlib import Path
from typing import Annotated, Literal

from anglewise.cli.numbers import number
from anglewise.cli.options import NOTHING_SPECIAL, Always
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
    from anglewise.cli.talk import Talk
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
