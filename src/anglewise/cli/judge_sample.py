"""``anglewise judge sample``: which queries and which pairs to put before a judge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.numbers import A_COUNT
from anglewise.cli.options import NO_FILES, NOTHING_SPECIAL, Always, Vectors
from anglewise.cli.paths import FILE, READ

if TYPE_CHECKING:
    from anglewise.cli.console import PatientConsole

MANY = 8
"""Strata up to which each is told."""


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
    """Choose pairs to judge so that what they say holds for all queries.

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
        A column with how often each query is asked: the more, the likelier it is drawn.
    direction
        Who asks and who is ranked.
    qrels
        What was judged before, to be left out; without it the store beside the space, if any.
    """
    from anglewise.cli.inputs import direction_of, space_of
    from anglewise.cli.talk import Talk
    from anglewise.io.judgement_export import write_queue
    from anglewise.judging.judged_set import known_judgements
    from anglewise.judging.sample import sample, words_of

    talk = Talk(always)
    with talk.progress("reading"):
        of = space_of(space, vectors, talk.say)
        way = direction_of(direction, of)
        judged = known_judgements(qrels, space, of, way, talk.say)
    with talk.progress("searching"):
        drawn = sample(
            of,
            measures,
            direction=way,
            budget=budget,
            by=by,
            depth=depth,
            strata=[] if strata is None else strata.split(","),
            traffic=traffic,
            judged=judged,
            seed=always.seed,
        )
    asking, ranked = of.sides(way)
    query_words, item_words = words_of(asking), words_of(ranked)
    rows: list[dict[str, Any]] = []
    for at, (row, item) in enumerate(zip(drawn.rows.tolist(), drawn.items.tolist(), strict=True)):
        query_id, item_id = str(asking.ids[row]), str(ranked.ids[item])
        rows.append(
            {
                "query_id": query_id,
                "item_id": item_id,
                "probability": float(drawn.chances[at]),
                "stratum": drawn.strata[at],
                "query": query_words.get(query_id),
                "item": item_words.get(item_id),
            }
        )
    write_queue(output, rows)
    content: dict[str, Any] = {
        "command": "judge sample",
        "file": str(output),
        "direction": way,
        "by": by,
        "depth": depth,
        "measures": list(drawn.measures),
        "pairs": len(drawn),
        "queries": len(drawn.asked),
        "strata": _counts(drawn.strata, drawn.rows.tolist()),
        "seed": always.seed,
    }
    talk.give(content, lambda console: _show(content, console))
    return 0


def _counts(strata: tuple[str, ...], rows: list[int]) -> dict[str, int]:
    """How many queries were drawn from each stratum."""
    of = dict(zip(rows, strata, strict=True))
    return {name: list(of.values()).count(name) for name in sorted(set(strata))}


def _show(content: dict[str, Any], console: "PatientConsole") -> None:
    way = "whole pools of" if content["by"] == "pool" else "drawn where they disagree from"
    console.print(
        f"{content['file']}: {content['pairs']:,} pairs of {content['queries']:,} queries, {way} "
        f"the first {content['depth']} of {', '.join(content['measures'])}",
        soft_wrap=True,
    )
    strata: dict[str, int] = content["strata"]
    if len(strata) > MANY:
        fewest, most = min(strata.values()), max(strata.values())
        console.print(f"{len(strata)} strata, of each {fewest:,} to {most:,} queries")
    elif len(strata) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in strata.items())
        console.print(f"queries by stratum: {told}", soft_wrap=True)
    console.print("next: fill in the column grade, then\n  anglewise judge import SPACE FILE")
