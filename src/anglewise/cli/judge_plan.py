"""``anglewise judge sample``, ``next``, ``power``, ``lint``: what to judge, how much, how well."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

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
from anglewise.cli.paths import FILE, HTML, PICTURE, READ
from anglewise.data_types.numbers import COUNT, POSITIVE
from anglewise.data_types.text import listed, percent

if TYPE_CHECKING:
    from anglewise.cli.console import PatientConsole
    from anglewise.comparison.power import Power

SURE = 0.0001
"""A chance by an approximation is not told as nearer to certainty than this."""
MANY = 8
"""Up to so many strata are printed one by one."""


def judge_sample(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o"), FILE],
    budget: Annotated[int, A_COUNT] = 200,
    measures: str = "dot,cosine,euclidean",
    by: Literal["pool", "disagreement"] = "pool",
    depth: Annotated[int, A_COUNT] = 10,
    strata: str | None = None,
    traffic: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    qrels: Annotated[Path | None, READ] = None,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Choose pairs to judge so that what they say can be carried over to the queries drawn from.

    Queries are drawn so that every stratum gets its share; of each, the first places of all
    measures are put together, in an order that leads nobody. Fill in the column grade and record
    it with judge import, or judge on the page of inspect.

    Parameters
    ----------
    space
        The folder of a space; or name --items and --queries.
    output
        The table to write, .csv or .parquet.
    budget
        How many pairs at most.
    measures
        All that will be compared, parted by commas: one that is left out has its finds unjudged.
    by
        pool: everything that any measure ranks near. disagreement: pairs by lot, likelier where
        measures disagree; judge them all, and compare by a metric such as "nDCG(sampled)@10".
    depth
        How many places of each measure.
    strata
        What queries are spread over, parted by commas: clusters(8), length, or a column of theirs.
    traffic
        A column with how often each query is asked: the more, the likelier it is drawn. The chances
        go into the column context, which judge import keeps; anglewise compare weighs by them, so
        that its verdict holds for questions as they are asked.
    direction
        Who asks and who is ranked.
    qrels
        What was judged before, to be left out; without it the store beside the space, if any.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import at_most, direction_of, most_neighbours
    from anglewise.io.pairs_to_judge import check_queue, write_queue
    from anglewise.io.read import read_space
    from anglewise.labelling.judged_set import known_judgements
    from anglewise.labelling.sample import sample, words_of

    talk = Talk(always)
    check_queue(output)
    with talk.progress("reading"):
        loaded = read_space(space, **vars(vectors), say=talk.say)
        direction = direction_of(direction, loaded)
        judged = known_judgements(qrels, space, loaded, direction, talk.say)
    there = most_neighbours(loaded, direction)
    depth = at_most(depth, there, "items of each list (--depth)", talk.say)
    with talk.progress("searching"):
        drawn = sample(
            loaded,
            measures,
            direction=direction,
            budget=budget,
            by=by,
            depth=depth,
            strata=[] if strata is None else strata.split(","),
            traffic=traffic,
            judged=judged,
            seed=always.seed,
        )
    asking, ranked = loaded.sides(direction)
    query_words, item_words = words_of(asking), words_of(ranked)
    rows: list[dict[str, Any]] = []
    for index, (row, item) in enumerate(
        zip(drawn.rows.tolist(), drawn.items.tolist(), strict=True)
    ):
        query_id, item_id = str(asking.ids[row]), str(ranked.ids[item])
        rows.append(
            {
                "query_id": query_id,
                "item_id": item_id,
                "probability": float(drawn.chances[index]),
                "stratum": drawn.strata[index],
                "query": query_words.get(query_id),
                "item": item_words.get(item_id),
                "context": drawn.context(index),
            }
        )
    write_queue(output, rows)
    content: dict[str, Any] = {
        "command": "judge sample",
        "file": str(output),
        "direction": direction,
        "by": by,
        "traffic": traffic,
        "depth": depth,
        "measures": list(drawn.measures),
        "pairs": len(drawn),
        "queries": len(drawn.queries),
        "strata": _counts(drawn.strata, drawn.rows.tolist()),
        "seed": always.seed,
    }
    talk.give(content, lambda console: _show_sample(content, console))
    return 0


def _counts(strata: tuple[str, ...], rows: list[int]) -> dict[str, int]:
    """How many queries were drawn from each stratum."""
    stratum_of = dict(zip(rows, strata, strict=True))
    return {name: list(stratum_of.values()).count(name) for name in sorted(set(strata))}


def _show_sample(content: dict[str, Any], console: "PatientConsole") -> None:
    drawn = "whole pools of" if content["by"] == "pool" else "drawn where they disagree from"
    console.print(
        f"{content['file']}: {content['pairs']:,} pairs of {content['queries']:,} queries, {drawn} "
        f"the first {content['depth']} of {', '.join(content['measures'])}",
        soft_wrap=True,
    )
    strata: dict[str, int] = content["strata"]
    if len(strata) > MANY:
        fewest, most = min(strata.values()), max(strata.values())
        console.print(f"{len(strata)} strata, of each {fewest:,} to {most:,} queries")
    elif len(strata) > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in strata.items())
        console.print(f"queries by stratum: {counts}", soft_wrap=True)
    if content["traffic"] is not None:
        console.print(
            f"queries were drawn by {content['traffic']} with unequal chances: keep the column "
            "context, from which compare weighs them",
            soft_wrap=True,
        )
    console.print("next: fill in the column grade, then")
    console.print("  anglewise judge import SPACE FILE")


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
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import judged_space
    from anglewise.comparison.compare import compare
    from anglewise.comparison.next_judgements import unjudged
    from anglewise.data_types.typing import DIRECTIONS
    from anglewise.io.pairs_to_judge import check_queue, write_queue
    from anglewise.labelling.sample import words_of
    from anglewise.report.check_documents import unjudged_document

    talk = Talk(always)
    if output is not None:
        check_queue(output)
    with talk.progress("reading"):
        loaded, judged = judged_space(
            space, vectors, direction, judging, talk.say, seed=always.seed
        )
    with talk.progress("searching", then="testing") as progress:
        result = compare(loaded, judged, measures, metric, seed=always.seed, progress=progress)
        rest = unjudged(result, pairs)
    asking, ranked = loaded.sides(result.direction or DIRECTIONS[0])
    words = words_of(asking), words_of(ranked)
    if output is not None:
        write_queue(
            output,
            [
                {
                    "query_id": pair.query_id,
                    "item_id": pair.item_id,
                    "query": words[0].get(pair.query_id),
                    "item": words[1].get(pair.item_id),
                }
                for pair in rest.to_judge
            ],
        )
        talk.say(f"wrote {output}")
    content: dict[str, Any] = {"command": "judge next", **rest.to_dict()}
    talk.give(content, unjudged_document(rest, *words))
    return 0


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
        their vectors, or time(COLUMN). Groups are then planned, not queries.
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
    from anglewise.comparison.power import power

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
    content: dict[str, Any] = {"command": "judge power", **plan.to_dict(), "reason": str(plan)}
    talk.give(content, lambda console: _show_power(plan, console))
    return 0


def _show_power(plan: "Power", console: "PatientConsole") -> None:
    from rich.table import Table

    console.print(f"{plan}", soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="")
    many = "queries" if plan.noun == "query" else "groups"
    settling = any(point.settles is not None for point in plan.curve)
    for head in (many, "show a lead of", *(["show this lead"] if settling else [])):
        table.add_column(head, justify="right")
    for point in plan.curve:
        settles = "" if point.settles is None else percent(min(max(point.settles, SURE), 1 - SURE))
        mark = " now" if point.queries == plan.queries else ""
        lead = f"{point.detectable:.3f}" if isfinite(point.detectable) else "none"
        table.add_row(f"{point.queries:,}{mark}", lead, *([settles] if settling else []))
    console.print(table)
    console.print()
    console.print(
        f"A lead in {plan.metric} of {plan.best} over {plan.rival} that would be shown in four "
        "sets of five"
        + (
            f"; how likely so many {many} show it if it is as large as it looks now"
            if settling
            else ""
        )
        + f", where other {many} vary as these do"
        + (f", and if {listed(plan.assumed)}." if plan.assumed else "."),
        style="dim",
    )


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
    from anglewise.cli.inputs import at_most, direction_of, most_neighbours
    from anglewise.errors import FileError
    from anglewise.io.read import read_space
    from anglewise.io.tables import DOCUMENT, GAIN, QUERY
    from anglewise.labelling.judged_set import read_set
    from anglewise.labelling.lint import lint
    from anglewise.labelling.lint_checks import SEVERITIES
    from anglewise.report.check_documents import lint_document

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
            columns={
                QUERY: judging.query_column,
                DOCUMENT: judging.item_column,
                GAIN: judging.gain_column,
            },
            label_queries=judging.label_queries,
            missing=judging.missing,
            relevant_from=judging.relevant_from,
            not_itself=judging.not_itself,
            seed=always.seed,
            say=talk.say,
        )
    there = most_neighbours(loaded, judged.judgements.direction)
    k = at_most(k, there, "neighbours of each query (--k)", talk.say)
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
