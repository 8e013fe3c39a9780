"""``anglewise judge sample`` and ``next``: what to judge."""

from collections.abc import Mapping
from dataclasses import replace
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
)
from anglewise.cli.paths import FILE, READ, SPACE_READ
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import counted

if TYPE_CHECKING:
    from anglewise.report.document import Document

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
    spaces: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = (),
    runs: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = (),
    double: Annotated[int | None, A_COUNT] = None,
    machine: str | None = None,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Choose pairs to judge so that what they say can be carried over to the queries drawn from.

    Queries are drawn so that every stratum gets its share; of each, the first places of all that
    competes are put together, measures, spaces and runs alike, in an order that leads nobody. Fill
    in the column grade and record it with judge import, or judge on the page of inspect.

    Parameters
    ----------
    space
        The folder of a space; or name --items and --queries, or --spaces.
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
        How many places of each list.
    strata
        What queries are spread over, parted by commas: clusters(8), length, or a column of theirs.
    traffic
        A column with how often each query is asked: the more, the likelier it is drawn. The chances
        go into the column context, which judge import keeps; anglewise compare weighs by them, so
        that its verdict holds for questions as they are asked.
    direction
        Who asks and who is ranked.
    qrels
        What was judged before, to be left out; without it the store beside the (first) space, if
        any.
    spaces
        Folders or files of several models, the one in use first; NAME=FOLDER names one. What any
        of them finds is judged.
    runs
        Ranked lists of other systems, whose first places are judged too: .run, .csv, .parquet, ...;
        NAME=FILE names one.
    double
        Draw about so many of the pairs that a machine graded (judge grade), for people to grade
        them too: likelier where measures differ and the grade is uncertain. Name the measures that
        will be compared. compare --assisted corrects the machine by them.
    machine
        Which machine, where several graded pairs; beside --double.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import (
        at_most,
        direction_of,
        most_neighbours,
        read_runs,
        read_spaces,
        run_names,
    )
    from anglewise.io.pairs_to_judge import check_queue, write_queue
    from anglewise.labelling.judged_set import known_judgements
    from anglewise.labelling.sample import sample, words_of_all
    from anglewise.nearest_neighbours.competing import Competing

    talk = Talk(always)
    if double is not None:
        from anglewise.cli.judge_double import sample_double_command

        return sample_double_command(
            space,
            output,
            double,
            measures,
            depth,
            spaces=spaces,
            machine=machine,
            direction=direction,
            vectors=vectors,
            talk=talk,
        )
    check_queue(output)
    with talk.progress("reading"):
        loaded, first = read_spaces(space, spaces, vectors, talk.say)
        lists = read_runs(runs, talk.say)
        direction = direction_of(direction, next(iter(loaded.values())))
        competing = Competing.of(loaded, measures, direction, lists)
        folder = first if isinstance(first, Path) else None
        judged = known_judgements(qrels, folder, competing.names_alone, direction, talk.say)
    longest = max(most_neighbours(each, direction) for each in loaded.values())
    depth = at_most(depth, longest, "items of each list (--depth)", talk.say)
    with talk.progress("searching"):
        drawn = sample(
            loaded,
            measures,
            runs=lists,
            direction=direction,
            budget=budget,
            by=by,
            depth=depth,
            strata=[] if strata is None else [word.strip() for word in strata.split(",")],
            traffic=traffic,
            judged=judged,
            seed=always.seed,
        )
    for note in drawn.notes:
        talk.say(note)
    asking = competing.asking
    query_words, item_words = words_of_all(competing)
    wordless = sorted({str(drawn.item_ids[item]) for item in drawn.items.tolist()} - {*item_words})
    if item_words and wordless:
        talk.say(
            f"{counted(len(wordless), 'item')} to judge, such as {shown(wordless[0])!r}, have no "
            "text in any space: a judge sees their ids"
        )
    rows: list[dict[str, Any]] = []
    for index, (row, item) in enumerate(
        zip(drawn.rows.tolist(), drawn.items.tolist(), strict=True)
    ):
        query_id, item_id = str(asking.ids[row]), str(drawn.item_ids[item])
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
        "by_lot": bool((drawn.chances < 1).any()),
        "depth": depth,
        "measures": list(drawn.measures),
        "spaces": list(loaded) if spaces else [],
        "runs": run_names(runs),
        "notes": list(drawn.notes),
        "pairs": len(drawn),
        "queries": len(drawn.queries),
        "strata": _counts(drawn.strata, drawn.rows.tolist()),
        "seed": always.seed,
    }
    talk.give(content, _sample_document(content))
    return 0


def _counts(strata: tuple[str, ...], rows: list[int]) -> dict[str, int]:
    """How many queries were drawn from each stratum."""
    stratum_of = dict(zip(rows, strata, strict=True))
    return {name: list(stratum_of.values()).count(name) for name in sorted(set(strata))}


def _sample_document(content: Mapping[str, Any]) -> "Document":
    """What was drawn, from which strata, and what to do with it."""
    from anglewise.report.document import Document

    drawn = "whole pools of" if content["by"] == "pool" else "drawn where they disagree from"
    first = (
        f"{content['file']}: {content['pairs']:,} pairs of {content['queries']:,} queries, {drawn} "
        f"the first {content['depth']} of {', '.join(content['measures'])}"
    )
    lines = [first]
    strata: dict[str, int] = content["strata"]
    if len(strata) > MANY:
        fewest, most = min(strata.values()), max(strata.values())
        lines.append(f"{len(strata)} strata, of each {fewest:,} to {most:,} queries")
    elif len(strata) > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in strata.items())
        lines.append(f"queries by stratum: {counts}")
    if content["traffic"] is not None:
        lines.append(
            f"queries were drawn by {content['traffic']} with unequal chances: keep the column "
            "context, from which compare weighs them"
        )
    if content["by_lot"]:
        lines.append(
            "pairs were drawn by lot: keep the columns probability and context, from which "
            "(sampled) metrics weigh them; a second such draw in one store has other chances, "
            "which are not known"
        )
    lines += ["next: fill in the column grade, then", "  anglewise judge import SPACE FILE"]
    return Document.of(*lines)


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
    from anglewise.comparison.dependence import lasting_notes
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
    notes = [*lasting_notes(result.notes)]
    content: dict[str, Any] = {"command": "judge next", **rest.to_dict(), "notes": notes}
    talk.give(content, replace(unjudged_document(rest, *words), notes=notes))
    return 0
