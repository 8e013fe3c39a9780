"""``anglewise context``: the passages for a prompt, ready to paste or as chat messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from anglewise.cli.options import (
    A_COUNT,
    A_FILTER,
    A_SOURCE,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Source,
    Vectors,
    number,
)
from anglewise.cli.paths import ENCODER_OF_SPACE, READ
from anglewise.data_types.numbers import COUNT, UNIT

if TYPE_CHECKING:
    from anglewise.data_types.embeddings import Embeddings
    from anglewise.data_types.text import Say
    from anglewise.rag.prompt import Passages
    from anglewise.rag.relevance import Relevance

UNFILTERED = (
    "was learned from all items: whether its threshold and probabilities hold among those that "
    "pass the filter is not known"
)
CHOICE = Group("Which passages", sort_key=20)


def context(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    prompt: str,
    budget: Annotated[int, A_COUNT] = 2000,
    messages: Annotated[bool, Parameter(negative=())] = False,
    measure: str | None = None,
    encoder: Annotated[str | None, ENCODER_OF_SPACE] = None,
    relevance: Annotated[Path | None, Parameter(group=CHOICE), READ] = None,
    threshold: Annotated[float | None, number(UNIT, group=CHOICE)] = None,
    most: Annotated[int | None, number(COUNT, group=CHOICE)] = None,
    diversity: Annotated[float, number(UNIT, group=CHOICE)] = 0.0,
    where: Annotated[tuple[str, ...], A_FILTER] = (),
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Give the passages for a prompt: instructions, passages and question, ready to paste.

    Parameters
    ----------
    space
        A folder that anglewise encode wrote, or vectors with their texts.
    prompt
        What is asked.
    budget
        How many tokens all of it may have, estimated rather too high: one for each three bytes.
    messages
        Print JSON messages of a chat (role and content) instead of text.
    measure
        How near is measured; without it the measure that the vectors were trained for.
    encoder
        What encodes the prompt, where the space does not name it: use, model2vec:MODEL, ...
    relevance
        What anglewise calibrate learned: passages get probabilities, and where nothing is
        relevant nothing is given.
    threshold
        The least probability that is let in, if not the one that calibrate found.
    most
        How many passages at most.
    diversity
        From 0 to 1: how much likeness to better passages counts against one.
    where
        What the metadata of a passage must be: tenant = a, year >= 2020, language in en, de, or
        year is missing. May come several times: all must hold.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import encoder_for, measure_for
    from anglewise.cli.program import version
    from anglewise.data_types.filters import read_filter
    from anglewise.nearest_neighbours.index import Index
    from anglewise.rag.context import Context
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    loaded = read_space(space, **vars(vectors), say=talk.say)
    learned = None if relevance is None else read_relevance(relevance)
    if where:
        _say_passing(where, loaded.items, talk.say)
    named = measure or (None if learned is None else learned.measure)
    index = Index(loaded, measure_for(loaded, named, talk.say))
    with talk.progress("loading the encoder"):
        model = encoder_for(loaded, encoder)
    notes = [] if learned is None else [f"{relevance} {words}" for words in unsaid(learned)]
    if learned is not None and where:
        notes.append(f"{relevance} {UNFILTERED}")
    for note in notes:
        talk.say(f"note: {note}")
    passages_for = Context(
        index,
        model,
        budget_tokens=budget,
        relevance=learned,
        threshold=threshold,
        diversity=diversity,
    )
    with talk.progress("searching"):
        passages = passages_for(prompt, most=most, where=where or None)
    talk.say(_summary(passages))
    content = {
        "command": "context",
        "version": version(),
        **({"where": str(read_filter(where))} if where else {}),
        **passages.to_dict(),
        "notes": notes,
        "messages": passages.messages(),
    }
    talk.give(content, _printed(passages, messages))
    return 0


def _say_passing(where: tuple[str, ...], items: "Embeddings", say: "Say") -> None:
    """Say how many items pass the filter; ``TooFewError`` where none does."""
    from anglewise.data_types.filters import in_words, read_filter
    from anglewise.data_types.passing import KnownColumns, some_that_pass

    passing = int(some_that_pass(where, KnownColumns.of(items)).sum())
    say(f"{passing:,} of {len(items):,} items pass the filter {in_words(read_filter(where))}")


def read_relevance(path: Path) -> "Relevance":
    """What ``anglewise calibrate`` wrote; ``FileError`` for anything else."""
    import json

    from anglewise.errors import FileError
    from anglewise.io.files import contents, existing_file, reading
    from anglewise.io.sizes import check_json_document
    from anglewise.rag.relevance import Relevance

    with reading(path, "what anglewise calibrate wrote"):
        text = bytes(contents(existing_file(path)))
        check_json_document(path, text)
        content = json.loads(text)
    try:
        return Relevance.from_dict(content)
    except FileError as error:
        raise FileError(f"{path}: {error}") from error


def unsaid(learned: "Relevance") -> Iterator[str]:
    """What a file of relevance does not say about where it belongs, or cannot say of questions."""
    if learned.origin is None:
        yield (
            "does not say which space and encoder it was learned from: whether it holds here is "
            "not known (write it anew with anglewise calibrate)"
        )
    elif learned.origin.encoder is None:
        yield (
            "does not say which encoder its questions came from: whether the prompt's is the same "
            "is not known"
        )
    if learned.machine_words:
        yield f"rests on grades of a machine: {learned.machine_words}"
    if learned.drawn_unequally:
        yield (
            "was learned from questions that were drawn with unequal chances, each counted alike: "
            "its threshold and probabilities are not those of questions as they are asked"
        )


def _printed(passages: "Passages", as_messages: bool) -> str:
    import json

    from anglewise.data_types.text import visible_json

    if not as_messages:
        return passages.text() + "\n"
    return visible_json(json.dumps(passages.messages(), indent=2, ensure_ascii=False)) + "\n"


def _summary(passages: "Passages") -> str:
    from anglewise.data_types.text import counted, percent

    best, out = passages.best, passages.left_out
    if passages.nothing_relevant and best is not None:
        probability, due = best.probability or 0.0, passages.threshold or 0.0
        shown = percent(probability), percent(due)
        if shown[0] == shown[1]:
            shown = f"{100 * probability:.3g}%", f"{100 * due:.3g}%"
        return (
            f"nothing relevant enough: {best.id} is nearest and relevant with a probability of "
            f"{shown[0]}, {shown[1]} is due"
        )
    reasons = {
        "not relevant enough": out.irrelevant,
        "said before": out.repeated,
        "too long for the room that was left": out.too_long,
        "beyond --most": out.beyond,
    }
    why = "; ".join(f"{many} {reason}" for reason, many in reasons.items() if many)
    unknown = "" if passages.threshold is not None else "; relevance is not known (--relevance)"
    return (
        f"{counted(len(passages), 'passage')}, {passages.tokens:,} of {passages.budget:,} tokens"
        + (f"; left out: {why}" if why else "")
        + unknown
    )
