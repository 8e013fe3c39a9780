"""``anglewise judge from-interactions``, ``from-labels``, ``from-text``: constructed judgements."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.options import A_COUNT, NO_FILES, NOTHING_SPECIAL, Always, Vectors, number
from anglewise.cli.paths import ANSWERS, FOLDER, READ, STORE
from anglewise.data_types.numbers import FINITE
from anglewise.data_types.text import counted

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.labelling.generated import Generated


MANY_BYTES = 10_000_000
"""A store that grows by so much is announced before: it takes seconds, and room on the disk."""


def _record(command: str, space: Path, made: "Generated", talk: "Talk") -> None:
    """Record judgements in the store of a space and print how many."""
    from anglewise.data_types.memory import words
    from anglewise.judgements.store import JudgementStore
    from anglewise.labelling.judged_set import record, store_of
    from anglewise.report.document import Document

    path, judged = store_of(space), made.judged
    for remark in made.remarks:
        talk.say(remark)
    size = made.stored_bytes
    if size >= MANY_BYTES:
        talk.say(f"{counted(len(judged), 'judgement')} to record: about {words(size)} in {path}")
    with JudgementStore.open(path) as store:
        recorded = record(store, judged)
        standing = store.counts().standing
    content: dict[str, Any] = {
        "command": f"judge {command}",
        "store": str(path),
        "direction": judged[0].direction,
        "source": judged[0].source,
        "queries": len({row.query_id for row in judged}),
        "recorded": recorded.added,
        "there_already": recorded.already,
        "replaced": recorded.replaced,
        "remarks": list(made.remarks),
        "standing": standing,
    }
    already = f", {recorded.already:,} there already" if recorded.already else ""
    replaced = f", {recorded.in_place}" if recorded.replaced else ""
    sentence = (
        f"{content['direction']}: {counted(recorded.added, 'judgement')} of "
        f"{counted(content['queries'], 'query')} "
        f"recorded{replaced}{already}; {standing:,} stand in {path}"
    )
    talk.give(
        content,
        Document.of(sentence),
        f"{counted(recorded.added, 'judgement')} recorded in {path}",
    )


def judge_from_interactions(
    space: Annotated[Path, STORE],
    interactions: Annotated[Path, READ],
    /,
    *,
    direction: Literal["queries-items", "items-items"] = "queries-items",
    graded: Annotated[bool, Parameter(negative=())] = False,
    min_weight: Annotated[float | None, number(FINITE)] = None,
    min_support: Annotated[int, A_COUNT] = 1,
    user: str | None = None,
    item: str | None = None,
    weight: str | None = None,
    time: str | None = None,
    event: str | None = None,
    event_column: str | None = None,
    format: str | None = None,  # noqa: A002 as the option is called
    absent: str | None = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Record what users did as judgements in the store of a space.

    What training saw is left out. Bring what users did after the training, or users that it did
    not see; otherwise the model is asked for what it was shown.

    Parameters
    ----------
    space
        The folder of a space whose queries are the users.
    interactions
        Who used what: a table or another shape as for anglewise fit. What weighs 0 or less is
        judged and not relevant.
    direction
        queries-items: what a user did is relevant. items-items: what is used together.
    graded
        The weight is the grade; otherwise 1.
    min_weight
        Leave out what weighs less.
    min_support
        For items-items: so many users must have used both; above 1 the most used are favoured.
    user
        Name of the column of users, if it is not a usual one.
    item
        Name of the column of items, if it is not a usual one.
    weight
        Name of the column of weights, if it is not a usual one.
    time
        Name of the column of times, if it is not a usual one.
    event
        What events are worth by their kind, as in view=1,cart=3,purchase=5: 0 leaves a kind out.
    event_column
        Name of the column of kinds of events, if it is not a usual one.
    format
        What the file does not say, as for anglewise fit: baskets, adjacency, wide, or the columns
        of a table without a header in their order.
    absent
        For wide tables: numbers that say that nothing was rated, such as 99.
    """
    import time as clock

    from anglewise.cli.console import Talk
    from anglewise.errors import SpellingError
    from anglewise.io.read import read_interactions
    from anglewise.labelling.generated import from_interactions
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    with talk.progress("reading"):
        loaded = read_space(space, say=talk.say)
        actions = read_interactions(
            interactions,
            user=user,
            item=item,
            weight=weight,
            time=time,
            event=event,
            event_column=event_column,
            format=format,
            absent=absent,
            min_weight=min_weight,
            say=talk.say,
        )
        if graded and (actions.weights == 1).all():
            raise SpellingError(
                f"--graded takes weights for grades, and every weight of {interactions} is 1, as "
                "where it has none: name their column (--weight), or leave it out"
            )
        result = from_interactions(
            loaded,
            actions,
            direction=direction,
            graded=graded,
            min_support=min_support,
            judge=interactions.name,
            now=clock.time(),
        )
    _record("from-interactions", space, result, talk)
    return 0


def judge_from_labels(
    space: Annotated[Path, STORE],
    labels: Annotated[Path | None, READ] = None,
    /,
    *,
    label: str = "label",
    hierarchy: str | None = None,
    queries: Annotated[int, A_COUNT] = 200,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Record items of one class as relevant to each other in the store of a space.

    With a hierarchy, items of one fine class have a higher grade than those that share only a
    coarser one.

    Parameters
    ----------
    space
        The folder of a space, whose items ask each other.
    labels
        A table of ids and classes, all filled; without it the columns of the space.
    label
        Name of the column of the finest classes.
    hierarchy
        Names of columns of coarser classes, parted by commas, the coarsest first.
    queries
        So many items ask, drawn by the seed.
    """
    import time as clock

    from anglewise.cli.console import Talk
    from anglewise.io.judgement_files import read_classes
    from anglewise.labelling.generated import classes_of, from_classes
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    with talk.progress("reading"):
        loaded = read_space(space, say=talk.say)
        levels = [*(name.strip() for name in (hierarchy or "").split(",") if hierarchy), label]
        if labels is None:
            classes = classes_of(loaded.items, levels)
        else:
            classes = read_classes(labels, levels, say=talk.say)
        result = from_classes(
            loaded,
            classes,
            queries=queries,
            judge=f"classes by {', '.join(levels)}",
            seed=always.seed,
            now=clock.time(),
        )
    _record("from-labels", space, result, talk)
    return 0


def judge_from_text(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o"), FOLDER],
    by: Literal["title", "sentence", "model"] = "title",
    number: Annotated[int, A_COUNT] = 100,
    model: str | None = None,
    url: str | None = None,
    key: str = "OPENAI_API_KEY",
    cache: Annotated[Path | None, ANSWERS] = None,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Make queries of which one right answer is known, and write them as a folder.

    The folder holds queries.jsonl, to be encoded beside the items (anglewise encode), and the
    judgements, each marked as generated. Such queries are easier than real ones: they use the
    words of their answer. A model that is asked says it in other words.

    Parameters
    ----------
    space
        The folder of a space whose items have titles or texts.
    output
        The folder to write; it must be new or empty.
    by
        title: the title of an item asks; sentence: its first sentence; model: a question that a
        model writes for it.
    number
        So many items are drawn by the seed.
    model
        The model to be asked, at an OpenAI-compatible endpoint; needs --by model.
    url
        The address of the endpoint; without it OPENAI_BASE_URL, else OpenAI's own.
    key
        The name of the environment variable that holds the key.
    cache
        Where answers are kept, so that nothing is asked twice; without it OUTPUT.answers.jsonl.
    """
    import time as clock

    from anglewise.cli.console import Talk
    from anglewise.encoders.endpoint import HOME
    from anglewise.encoders.json_requests import USUAL, checked_address, key_of
    from anglewise.errors import SpellingError
    from anglewise.labelling.known_items import chat_asker, known_items, write_known_items
    from anglewise.report.document import Document
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    if (model is None) == (by == "model"):
        raise SpellingError("--by model and --model NAME belong together: give both or neither")
    with talk.progress("reading"):
        loaded = read_space(space, **vars(vectors), say=talk.say)
    ask = None
    if model is not None:
        address = checked_address(url or os.environ.get("OPENAI_BASE_URL") or HOME)
        answers = cache or output.with_name(f"{output.name}.answers.jsonl")
        talk.say(f"titles and texts of up to {number:,} items go to {address}; answers: {answers}")
        if answers.exists():  # by whomever
            talk.say(f"what {answers} answers already is taken from there, and not asked again")
        ask = chat_asker(address, model, key=key_of(None if key == USUAL else key), cache=answers)
    with talk.progress("asking"):
        result = known_items(loaded.items, by, number, seed=always.seed, ask=ask, judge=model or "")
    write_known_items(output, result, now=clock.time())
    content: dict[str, Any] = {
        "command": "judge from-text",
        "by": by,
        "judge": result.judge,
        "queries": len(result.queries),
        "left_out": result.left_out,
        "output": str(output),
        "examples": dict(list(result.queries.items())[:3]),
    }
    left = f" ({result.left_out:,} left out: too short, or asked alike)" if result.left_out else ""
    sentence = f"{output}: {len(result.queries):,} queries, one known answer each{left}"
    talk.give(content, Document.of(sentence))
    return 0
