"""``anglewise judge grade``: grades by a model."""

import os
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.options import NOTHING_SPECIAL, Always, number
from anglewise.cli.paths import GRADES, READ, STORE
from anglewise.data_types.numbers import CONCURRENCY, GRADE, NOT_NEGATIVE, POSITIVE
from anglewise.data_types.text import counted

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.typing import Direction
    from anglewise.io.pairs_to_judge import Queued
    from anglewise.judgements.records import Judged
    from anglewise.labelling.grading_prompt import Instructions
    from anglewise.labelling.machine_grades import GradingJob, MachineGrades, PairToGrade
    from anglewise.report.document import Document


def judge_grade(
    space: Annotated[Path, STORE],
    pairs: Annotated[Path, READ],
    /,
    *,
    model: str,
    url: str | None = None,
    key: str = "OPENAI_API_KEY",
    instructions: Annotated[Path | None, READ] = None,
    highest: Annotated[int | None, number(GRADE)] = None,
    judge: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    concurrency: Annotated[int, number(CONCURRENCY)] = 4,
    timeout: Annotated[float, number(POSITIVE)] = 60.0,
    price: Annotated[float | None, number(NOT_NEGATIVE)] = None,
    answer_price: Annotated[float | None, number(NOT_NEGATIVE)] = None,
    budget: Annotated[float | None, number(NOT_NEGATIVE)] = None,
    cache: Annotated[Path | None, GRADES] = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Let a model grade pairs, and record its grades as generated in the store of a space.

    The model is shown the texts of a query and an item, and never what found them. Its grades are
    wrong in ways that nobody knows until people grade a part of them too: judge sample --double
    draws that part, and compare --assisted corrects by it.

    Parameters
    ----------
    space
        The folder of a space whose queries and items have texts.
    pairs
        What judge sample wrote, .csv or .parquet.
    model
        The model to be asked, at an OpenAI-compatible endpoint.
    url
        The address of the endpoint; without it OPENAI_BASE_URL, else OpenAI's own.
    key
        The name of the environment variable that holds the key.
    instructions
        A text that says what the grades mean, with {query} and {document} where these go; without
        it the four grades of TREC's tracks, 0 to 3.
    highest
        The highest grade of your instructions, 3 if not given; the lowest is 0.
    judge
        What the judge is called in the store; the model and a digest of the instructions if not
        given.
    direction
        Who asks and who is ranked, as the pairs were drawn.
    concurrency
        So many pairs are asked about at once.
    timeout
        Seconds without a byte after which a question is asked again.
    price
        What a million tokens cost that are sent, for the estimate and the budget.
    answer_price
        What a million tokens of answers cost; as much as those sent if not given.
    budget
        What this run may cost: more is not begun, nor asked for on the way.
    cache
        Where grades are kept as they come, so that nothing is paid for twice; without it
        PAIRS.grades.jsonl.
    dry_run
        Say what would be sent where and about what it costs, and stop.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import direction_of
    from anglewise.encoders.endpoint import HOME
    from anglewise.encoders.json_requests import USUAL, Patience, key_of
    from anglewise.errors import SpellingError
    from anglewise.io.pairs_to_judge import read_queue
    from anglewise.labelling.grading_prompt import (
        HIGHEST,
        read_instructions,
        usual_instructions,
    )
    from anglewise.labelling.judged_set import store_of
    from anglewise.labelling.machine_grades import Prices, grade_pairs, grading_job
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    if not model.strip():
        raise SpellingError("--model is empty: name the model, as the endpoint knows it")
    if instructions is None:
        told = usual_instructions()
    else:
        told = read_instructions(instructions, HIGHEST if highest is None else highest)
    if judge is not None and not judge.strip():
        raise SpellingError("--judge is empty: name the judge, or leave it out")
    judge = judge or f"{model} ({told.digest})"
    with talk.progress("reading"):
        loaded = read_space(space, say=talk.say)
        direction = direction_of(direction, loaded)
        queue = read_queue(pairs)
        known = _standing(space, judge, direction, _mark(model, told))
        shown = _with_texts(loaded, direction, queue, pairs, talk)
    todo = [pair for pair in shown if (pair.query_id, pair.item_id) not in known]
    if len(todo) < len(shown):
        talk.say(
            f"{judge} graded {len(shown) - len(todo):,} of these pairs before: not asked again"
        )
    job = grading_job(
        todo,
        url=url or os.environ.get("OPENAI_BASE_URL") or HOME,
        model=model,
        instructions=told,
        key=key_of(None if key == USUAL else key),
        log=cache or pairs.with_name(f"{pairs.name}.grades.jsonl"),
        prices=Prices(price, answer_price),
    )
    _announce(job, budget, talk)
    if dry_run:
        return _dry(job, talk)
    with talk.progress("asking") as progress:
        graded = grade_pairs(
            job,
            concurrency=concurrency,
            budget=budget,
            patience=Patience(timeout=timeout),
            progress=progress,
        )
    rows = _judged(job, graded, queue, _Judge(judge, direction))
    _record(store_of(space), rows, job, graded, talk)
    return 0


def _standing(
    space: Path, judge: str, direction: "Direction", mark: Mapping[str, Any]
) -> set[tuple[str, str]]:
    """The pairs that a judge has a grade of in the store, if there is one.

    Raises ``SpellingError`` where somebody else goes by this name there: a person, another model,
    or the same with other instructions.
    """
    from anglewise.data_types.numbers import shown
    from anglewise.errors import SpellingError
    from anglewise.judgements.store import JudgementStore
    from anglewise.labelling.judged_set import store_of

    path = store_of(space)
    if not path.is_file():
        return set()
    with JudgementStore.open(path, read_only=True) as store:
        rows = [row for row in store.rows() if row.judge == judge]
    for row in rows:
        if row.source != "generated" or row.context.get("generated", mark) != mark:
            who = "another model or by other instructions"
            raise SpellingError(
                f"{path} holds judgements by {shown(judge)!r} that are by "
                f"{who if row.source == 'generated' else 'no model'}: grades of two would stand as "
                "those of one, so name this judge otherwise (--judge)"
            )
    return {(row.query_id, row.item_id) for row in rows if row.direction == direction}


def _mark(model: str, told: "Instructions") -> dict[str, Any]:
    """By which model and which instructions a grade was given, as its context keeps it."""
    return {"model": model, "instructions": _described(told)}


def _with_texts(
    space: "Space",
    direction: "Direction",
    queue: "Sequence[Queued]",
    file: Path,
    talk: "Talk",
) -> "list[PairToGrade]":
    """The pairs with their texts; those without any are left out, and said.

    Raises ``IdsError`` for a pair that the space does not hold, ``TooFewError`` where none has
    texts.
    """
    from anglewise.data_types.numbers import shown
    from anglewise.errors import IdsError, TooFewError
    from anglewise.labelling.machine_grades import PairToGrade
    from anglewise.labelling.sample import words_of

    asking, ranked = space.sides(direction)
    queries, items = words_of(asking), words_of(ranked)
    pairs: list[PairToGrade] = []
    for pair in queue:
        if pair.query_id not in asking.row_of or pair.item_id not in ranked.row_of:
            raise IdsError(
                f"{file}, {pair.location}: {shown(pair.query_id)!r} and {shown(pair.item_id)!r} "
                f"are not both in the space ({direction}): take the space that they were drawn from"
            )
        words = queries.get(pair.query_id), items.get(pair.item_id)
        if words[0] is not None and words[1] is not None:
            pairs.append(PairToGrade(pair.query_id, pair.item_id, words[0], words[1]))
    if not pairs:
        raise TooFewError(
            f"not one of the {len(queue):,} pairs of {file} has a text on both sides, which a "
            "model is to read: anglewise encode keeps the texts in the space"
        )
    if len(pairs) < len(queue):
        lacking = len(queue) - len(pairs)
        talk.say(f"{counted(lacking, 'pair')} without a text on both sides cannot be graded so")
    return pairs


def _announce(job: "GradingJob", budget: float | None, talk: "Talk") -> None:
    """Say what will be sent; ``BudgetError`` before anything is, where it would cost too much."""
    from anglewise.labelling.grading_prompt import LONGEST
    from anglewise.labelling.machine_grades import BudgetError

    if job.known:
        talk.say(f"{counted(len(job.known), 'grade')} of an earlier run stand in {job.log}")
    if not job.open:
        return
    talk.say(f"{job.forecast()}; grades are kept in {job.log}")
    if job.cut_off:
        talk.say(f"{counted(job.cut_off, 'pair')} with more than {LONGEST:,} letters: cut there")
    cost = job.prices.of(*job.tokens())
    if budget is not None and cost is not None and cost > budget:
        raise BudgetError(
            f"{counted(len(job.open), 'pair')} would cost about {cost:,.4g}, the budget is "
            f"{budget:g}: raise it (--budget), or draw fewer pairs; nothing was sent"
        )


def _dry(job: "GradingJob", talk: "Talk") -> int:
    from anglewise.report.document import Document

    sent, answered = job.tokens()
    content = {
        "command": "judge grade",
        "dry_run": True,
        **_marks(job),
        "pairs": len(job.pairs),
        "to_ask": len(job.open),
        "tokens": {"sent": sent, "answered": answered},
        "price": job.prices.of(sent, answered),
    }
    talk.give(content, Document.of(f"{job.forecast()}; nothing was sent"))
    return 0


def _marks(job: "GradingJob") -> dict[str, Any]:
    return {
        "model": job.model,
        "url": job.url,
        "instructions": _described(job.instructions),
    }


def _described(told: "Instructions") -> dict[str, Any]:
    return {"name": told.name, "digest": told.digest, "highest": told.highest}


@dataclass(frozen=True)
class _Judge:
    """What the judge is called in the store, and who asks and who is ranked."""

    name: str
    direction: "Direction"


def _judged(
    job: "GradingJob", graded: "MachineGrades", queue: "Sequence[Queued]", judge: _Judge
) -> "list[Judged]":
    """Grades as they are recorded: generated, by which model and which instructions.

    The chance of a pair drawn by lot goes with it; that of a whole pool, 1, does not, for people
    grade a part of that by chances of their own.
    """
    from anglewise.judgements.records import Judged

    now = clock.time()
    drawn = {(pair.query_id, pair.item_id): pair for pair in queue}
    mark = _mark(job.model, job.instructions)
    rows: list[Judged] = []
    for place, grade in sorted(graded.grades.items()):
        pair = job.pairs[place]
        origin = drawn[pair.query_id, pair.item_id]
        by_lot = origin.probability is not None and origin.probability < 1
        rows.append(
            Judged(
                pair.query_id,
                pair.item_id,
                grade,
                judge=judge.name,
                direction=judge.direction,
                source="generated",
                time=now,
                context={**origin.context, "generated": mark},
                probability=origin.probability if by_lot else None,
            )
        )
    return rows


def _record(
    path: Path,
    rows: "Sequence[Judged]",
    job: "GradingJob",
    graded: "MachineGrades",
    talk: "Talk",
) -> None:
    """Record grades in a store, and print what came."""
    from anglewise.judgements.store import JudgementStore
    from anglewise.labelling.judged_set import record

    with JudgementStore.open(path) as store:
        recorded = record(store, rows)
        standing = store.counts().standing
    counts = [0] * (job.instructions.highest + 1)
    for row in rows:
        counts[int(row.grade)] += 1
    content: dict[str, Any] = {
        "command": "judge grade",
        **_marks(job),
        "judge": rows[0].judge if rows else None,
        "direction": rows[0].direction if rows else None,
        "store": str(path),
        "source": "generated",
        "graded": len(rows),
        "grades": {str(grade): count for grade, count in enumerate(counts)},
        "recorded": recorded.added,
        "not_graded": len(graded.failed),
        "reasons": graded.reasons,
        "tokens": {"sent": graded.sent_tokens, "answered": graded.answer_tokens},
        "spent": graded.spent,
        "standing": standing,
    }
    done = f"{counted(recorded.added, 'judgement')} recorded in {path}"
    talk.give(content, _document(content), done)


MOST_REASONS = 5
"""Reasons that are printed."""


def _document(content: Mapping[str, Any]) -> "Document":
    from anglewise.report.document import Document

    grades = ", ".join(f"{grade}: {count:,}" for grade, count in content["grades"].items())
    spent = "" if content["spent"] is None else f"; spent about {content['spent']:,.4g}"
    if not content["graded"]:
        first = f"{content['model']} graded no further pair{spent}"
    else:
        first = (
            f"{content['judge']} graded {counted(content['graded'], 'pair')} ({grades}), "
            f"{content['recorded']:,} recorded as generated in {content['store']}{spent}"
        )
    lines = [first]
    if content["not_graded"]:
        lines.append(f"{counted(content['not_graded'], 'pair')} without a grade:")
        reasons: Mapping[str, int] = content["reasons"]
        lines += [f"  {count:,}: {why}" for why, count in [*reasons.items()][:MOST_REASONS]]
    lines += [
        "nobody knows yet how far to trust these grades: let people grade a part of them,",
        "  anglewise judge sample SPACE --double 200 -o people.csv",
    ]
    return Document.of(*lines)
