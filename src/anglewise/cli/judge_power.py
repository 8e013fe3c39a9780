"""``anglewise judge power``: what difference a validation set can detect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from anglewise.cli.numbers import number
from anglewise.cli.options import (
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    Vectors,
)
from anglewise.cli.paths import FILE, READ
from anglewise.core.numbers import POSITIVE

if TYPE_CHECKING:
    from anglewise.cli.console import PatientConsole
    from anglewise.comparison.power import Power


def judge_power(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measures: str = "dot,cosine,euclidean",
    metric: str = "nDCG@10",
    difference: Annotated[float | None, number(POSITIVE)] = None,
    split: str = "queries",
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    plot: Annotated[Path | None, FILE] = None,
    vectors: Vectors = NO_FILES,
    judging: Judging = FROM_FOLDER,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say what difference a validation set can detect, and how many queries a smaller one takes.

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
        A difference that should be seen; without it 0.01.
    split
        Which queries belong together: group(COLUMN) of what is known about them, clusters(8) of
        their vectors, or time(COLUMN). Groups are then planned, not queries.
    direction
        Who asks and who is ranked.
    plot
        Write the curve as a picture, .svg or .png.
    """
    from anglewise.cli.judged import judged_space
    from anglewise.cli.talk import Talk
    from anglewise.comparison.compare import compare
    from anglewise.comparison.power import power

    talk = Talk(always)
    with talk.progress("reading"):
        of, judged = judged_space(space, vectors, direction, judging, talk.say, seed=always.seed)
    with talk.progress("searching", then="testing") as progress:
        result = compare(
            of, judged, measures, metric, split=split, seed=always.seed, progress=progress
        )
        plan = power(result, difference)
    if plot is not None:
        from anglewise.io.outputs import new_file
        from anglewise.report.plots import power_picture

        drawn = power_picture(plan, plot.suffix)
        with new_file(plot) as file:
            file.write(drawn)
        talk.say(f"wrote {plot}")
    content: dict[str, Any] = {"command": "judge power", **plan.to_dict(), "reason": str(plan)}
    talk.give(content, lambda console: _show(plan, console))
    return 0


def _show(plan: "Power", console: "PatientConsole") -> None:
    from rich.table import Table

    console.print(f"{plan}\n", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="")
    many = "queries" if plan.noun == "query" else "groups"
    for head in (many, "sees a difference of", "settles the question"):
        table.add_column(head, justify="right")
    for one in plan.curve:
        settles = "" if one.settles is None else f"{one.settles:.0%}"
        mark = " now" if one.queries == plan.queries else ""
        table.add_row(f"{one.queries:,}{mark}", f"{one.detectable:.3f}", settles)
    console.print(table)
    console.print(
        f"\nA difference in {plan.metric} that would be seen in four sets of five; how likely a "
        f"set of so many {many} ends in use or tie.",
        style="dim",
    )
