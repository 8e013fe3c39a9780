"""``anglewise remedy``: what to use instead of cosine, if anything."""

import re
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

from anglewise.cli.options import (
    A_COUNT,
    A_SOURCE,
    A_TOLERANCE,
    AS_BROUGHT,
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    SeenOptions,
    Source,
    Vectors,
    given_options,
    number,
)
from anglewise.cli.path_checks import check_outputs
from anglewise.cli.paths import FOLDER, HTML, KEPT, MARKDOWN, READ
from anglewise.data_types.numbers import PART, read_number, shown
from anglewise.errors import SpellingError

INTERRUPTED = 130
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def remedy(
    source: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    candidates: str | None = None,
    budget: str = "10m",
    metric: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    finalists: Annotated[int, A_COUNT] = 8,
    tolerance: Annotated[str | None, A_TOLERANCE] = None,
    largest_difference: Annotated[float, number(PART)] = 1.0,
    largest_group: Annotated[int | None, A_COUNT] = None,
    split: str = "queries",
    save: Annotated[Path | None, FOLDER] = None,
    html: Annotated[Path | None, HTML] = None,
    markdown: Annotated[Path | None, MARKDOWN] = None,
    cache: Annotated[Path | None, KEPT] = None,
    keep: bool = True,
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    judging: Judging = FROM_FOLDER,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say what to use instead of cosine: each remedy is a candidate that must win.

    Measures on the space as it is, and spaces made again from the interactions in it, are screened
    under a budget; the best are compared with raw cosine and raw dot on queries set apart.

    Parameters
    ----------
    source
        A folder that fit wrote, a BEIR folder, or a file of both sides.
    candidates
        Which, parted by commas: cosine@centred, "norm(0,*)", "product(1000)" or, with one measure,
        "product(1000): dot"; where there are texts, "fusion(bm25,cosine)". Without it all that the
        space allows.
    budget
        How long it may take: 90s, 10m, 1h.
    metric
        What decides: nDCG@10, R@100, ...
    direction
        Who asks and who is ranked; without it queries-items where there are queries, else
        items-items.
    finalists
        How many candidates are compared at the end; more are screened on queries set apart.
    tolerance
        Which leads over raw cosine do not matter: 2% of the mean and at least .005 if not given;
        0.01 is absolute.
    largest_difference
        The largest lead that a query of a kind not seen may have; 1 assumes nothing.
    largest_group
        Of a split by groups, how many queries a group that was not seen may have; the largest
        one's number if not given.
    split
        Which queries belong together: group(COLUMN) of what is known about them, clusters(8) of
        their vectors, linked by what is relevant to them; by queries each stands for itself.
    save
        Write the winner as a space, prepared so that a simple measure ranks as it does. Without a
        winner nothing is written.
    html
        Write a page with charts.
    markdown
        Write the tables as Markdown.
    cache
        Where what was found is kept, so that the same run again searches nothing; without it
        among the user's caches.
    keep
        Whether anything is kept at all.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import judged_space
    from anglewise.remedies.remedy import remedy as remedied
    from anglewise.remedies.result_cache import default_folder
    from anglewise.report.remedy_document import remedy_document

    talk = Talk(always)
    seconds = seconds_of(budget)
    check_outputs(save, html, markdown)
    with talk.progress("reading"):
        space, judged = judged_space(
            source, vectors, direction, judging, talk.say, seen=seen, seed=always.seed
        )
    with talk.progress("searching", then="testing") as progress:
        result = remedied(
            space,
            judged,
            candidates,
            metric,
            budget_seconds=seconds,
            finalists=finalists,
            tolerance=tolerance,
            largest_difference=largest_difference,
            largest_group=largest_group,
            split=split,
            seed=always.seed,
            cache=(cache or default_folder()) if keep else None,
            say=talk.say,
            progress=progress,
        )
    words = [
        "" if source is None else quote(str(source)),
        *_options(direction, metric, split, tolerance, largest_difference),
        *([] if largest_group is None else [f"--largest-group {largest_group}"]),
    ]
    named = " ".join(filter(None, [*words, *given_options(vectors, seen, judging)]))
    command = result.advice.command(named, quote(str(save or "better/")))
    document = remedy_document(result, command)
    talk.write_page(html, document)
    if markdown is not None:
        from anglewise.report import plain_text

        talk.write(markdown, plain_text.markdown(document))
    saved = None if save is None else _save(space, judged, result, save, talk)
    content = result.to_dict() | {"command_line": command, "saved": saved}
    talk.give(content, replace(document, command="") if saved else document)
    return INTERRUPTED if result.stopped == "interrupt" else 0


def seconds_of(budget: str) -> float:
    """A time as it is typed.

    >>> seconds_of("90s"), seconds_of("10m"), seconds_of("1.5h"), seconds_of("20")
    (90.0, 600.0, 5400.0, 20.0)
    """
    match = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", budget.strip().lower())
    time = None if match is None else read_number(match[1])
    if match is None or time is None or match[2] not in _UNITS:
        raise SpellingError(f"--budget {shown(budget)!r} is no time: write 90s, 10m or 1h")
    return time * float(_UNITS[match[2]])


def _options(
    direction: str | None,
    metric: str | None,
    split: str,
    tolerance: str | None,
    largest_difference: float,
) -> list[str]:
    options = {
        "direction": direction,
        "metric": metric,
        "split": None if split == "queries" else split,
        "tolerance": tolerance,
        "largest-difference": None if largest_difference == 1 else f"{largest_difference:g}",
    }
    return [f"--{name} {quote(value)}" for name, value in options.items() if value is not None]


def _save(space: Any, judged: Any, result: Any, save: Path, talk: Any) -> str | None:
    """Write the winner, where there is one, and say which measure is left to use."""
    from anglewise.io.space_folder import write_space
    from anglewise.remedies.remedy import winner
    from anglewise.remedies.remedy_result import MEASURES, NO_SPACE

    if not result.advice.wins:
        talk.say(f"{result.advice.headline}: there is no remedy to make, so nothing was written")
        return None
    if result.advice.options[0] == MEASURES:
        talk.say(f"{result.advice.candidate} {NO_SPACE}: nothing was written")
        return None
    made, measure = winner(space, judged, result, seed=talk.always.seed)
    write_space(made, save, judgements={judged.direction: judged})
    prepared = made.about.get("prepared_for")
    chosen = "" if prepared in {None, result.advice.candidate} else f" (as {prepared})"
    talk.say(f"wrote {save}: {result.advice.candidate}{chosen} is {measure} there")
    return str(save)
