"""``anglewise judge from-text``: queries of which the answer is known."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.numbers import A_COUNT
from anglewise.cli.options import NO_FILES, NOTHING_SPECIAL, Always, Vectors
from anglewise.cli.paths import ANSWERS, FOLDER, READ


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

    from anglewise.cli.inputs import space_of
    from anglewise.cli.talk import Talk
    from anglewise.encoders.endpoint import HOME
    from anglewise.encoders.server import USUAL, checked_address, key_of
    from anglewise.errors import SpellingError
    from anglewise.judging.generated import chat_asker, known_items, write_known_items

    talk = Talk(always)
    if (model is None) == (by == "model"):
        raise SpellingError("--by model and --model NAME belong together: give both or neither")
    with talk.progress("reading"):
        there = space_of(space, vectors, talk.say)
    ask = None
    if model is not None:
        address = checked_address(url or os.environ.get("OPENAI_BASE_URL") or HOME)
        kept = cache or output.with_name(f"{output.name}.answers.jsonl")
        talk.say(f"titles and texts of up to {number:,} items go to {address}; answers: {kept}")
        ask = chat_asker(address, model, key=key_of(None if key == USUAL else key), cache=kept)
    with talk.progress("asking"):
        found = known_items(there.items, by, number, seed=always.seed, ask=ask, judge=model or "")
    write_known_items(output, found, now=clock.time())
    content: dict[str, Any] = {
        "command": "judge from-text",
        "by": by,
        "judge": found.judge,
        "queries": len(found.queries),
        "left_out": found.left_out,
        "output": str(output),
        "examples": dict(list(found.queries.items())[:3]),
    }
    left = f" ({found.left_out:,} left out: too short, or asked alike)" if found.left_out else ""
    sentence = f"{output}: {len(found.queries):,} queries, one known answer each{left}"
    talk.give(content, lambda console: console.print(sentence, soft_wrap=True))
    return 0
