"""Look into ``tokenizer.json``, which may be a stranger's, before a library takes its word."""

import json
import math
from base64 import b64decode
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.panics import is_panic, panics_as
from anglewise.errors import EncoderError, FileError, reason
from anglewise.io.files import file_text, reading
from anglewise.io.sizes import check_json_document

MOST_GROWTH = 4096
"""So many times longer than it was may a text become before it is split. Tokenizers in use stay
below: Unicode's own forms give 18 letters for one, and three bytes stand for a blank."""
MOST_ADDED = 4096
"""So many letters, or tokens, may be added to a text; tokenizers in use add a few."""

STEPS = ("normalizers", "pretokenizers", "processors")
"""Under these names steps follow one another."""


@dataclass(frozen=True)
class Growth:
    """How long a text of ``n`` letters, or tokens, may become: ``times * n + more``."""

    times: int = 1
    more: int = 0

    def then(self, step: "Growth") -> "Growth":
        """The growth of a step that follows.

        >>> Growth(more=100).then(Growth(times=5))
        Growth(times=5, more=500)
        """
        return Growth(self.times * step.times, self.more * step.times + step.more)


def check_tokenizer(path: Path) -> None:
    """Raise ``FileError`` for a tokenizer that makes texts longer without bound.

    Five steps that replace a letter by fifty make 312 million of it, and the library ends the
    process where there is no memory for them.
    """
    with reading(path, "a tokenizer"):
        text = file_text(path)
        check_json_document(path, text.encode("utf-8", "replace"))
        written: Any = json.loads(text)
        parts = _fields(written)
        letters = _growth(parts.get("normalizer")).then(_growth(parts.get("pre_tokenizer")))
        tokens = _growth(parts.get("post_processor"))
    for growth, unit in ((letters, "letters before it is split"), (tokens, "tokens after that")):
        if growth.times > MOST_GROWTH or growth.more > MOST_ADDED:
            raise FileError(
                f"{path} may make a text {min(growth.times, 10**9):,} times as long and add "
                f"{min(growth.more, 10**9):,} {unit}; at most {MOST_GROWTH:,} times and "
                f"{MOST_ADDED:,} more are taken: take the tokenizer that came with the model"
            )


def _growth(step: Any) -> Growth:
    """How long a text may become in a step and those that follow in it."""
    fields = _named_fields(step)
    growth = Growth()
    for steps in map(fields.get, STEPS):
        for inner in cast("list[Any]", steps) if isinstance(steps, list) else ():
            growth = growth.then(_growth(inner))
    kind = fields.get("type")  # the library goes by the fields where there is none
    if kind == "Replace" or {"pattern", "content"} <= fields.keys():
        growth = growth.then(_of_replacement(fields))
    elif kind == "Prepend" or "prepend" in fields:
        growth = growth.then(Growth(more=len(str(fields.get("prepend", "")).encode())))
    elif kind == "ByteLevel" or "trim_offsets" in fields:
        growth = growth.then(Growth(2))  # a byte becomes a letter of up to two
    elif kind == "Precompiled" or "precompiled_charsmap" in fields:
        growth = growth.then(Growth(_of_charsmap(str(fields.get("precompiled_charsmap") or ""))))
    elif kind == "TemplateProcessing" or "single" in fields:
        growth = growth.then(_of_template(fields))
    return growth


def _of_template(fields: dict[str, Any]) -> Growth:
    """How often a template repeats a text, and how many tokens it puts around it, or around two."""
    special = _named_fields(fields.get("special_tokens"))
    both = [_of_pieces(fields.get(name), special) for name in ("single", "pair")]
    return Growth(max(each.times for each in both), max(each.more for each in both))


def _of_pieces(parts: Any, special: dict[str, Any]) -> Growth:
    growth = Growth(0)
    for part in cast("list[Any]", parts) if isinstance(parts, list) else ():
        pieces = _named_fields(part)
        token, text = _named_fields(pieces.get("SpecialToken")), pieces.get("Sequence")
        ids = _named_fields(special.get(str(token.get("id")))).get("ids")
        length = len(cast("list[Any]", ids)) if isinstance(ids, list) else 0
        growth = Growth(growth.times + (text is not None), growth.more + length)
    return growth


def _fields(value: Any) -> dict[str, Any]:
    """An object of JSON; one without fields in place of anything else, which the library says."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _named_fields(value: Any) -> dict[str, Any]:
    """The fields of a step or of a part of it; ``TypeError`` for a list of them without names.

    The library reads such lists too, ``[{"String": "a"}, "b"]`` for a step that replaces, and no
    tokenizer in use is written so.
    """
    if isinstance(value, list):
        raise TypeError("a step in it is a list, where fields with names are due")
    return _fields(value)


def _of_replacement(fields: dict[str, Any]) -> Growth:
    literal: Any = _fields(fields.get("pattern")).get("String")
    shortest = len(literal.encode()) if isinstance(literal, str) else 0  # of a regex maybe none
    content = len(str(fields.get("content", "")).encode())
    found_between = content if shortest == 0 else 0  # also where the text ends
    return Growth(max(1, math.ceil(content / max(1, shortest)) + (shortest == 0)), found_between)


def _of_charsmap(written: str) -> int:
    """The longest text that stands for a letter: behind the trie, ended by NUL."""
    data = b64decode(written)
    replacements = data[4 + int.from_bytes(data[:4], "little") :]
    return max(1, *map(len, replacements.split(b"\0")))


def panics_as_errors(path: Path) -> AbstractContextManager[None]:
    """Turn a panic of the library into ``FileError``, without the lines that it prints of it.

    Other lines that are printed to standard error meanwhile come afterwards.
    """
    return panics_as(
        lambda error: FileError(
            f"{path} lets the tokenizer break ({reason(error)}): take it from the model again"
        )
    )


def encodings_of(
    tokenizer: Any, texts: Sequence[str | tuple[str, str]], *, special: bool = True
) -> list[Any]:
    """What a tokenizer makes of texts, or of pairs of them.

    Raises ``EncoderError`` where its file lets the library break.
    """
    try:
        return tokenizer.encode_batch(list(texts), add_special_tokens=special)
    except BaseException as error:  # a panic of Rust is no Exception
        if not is_panic(error):
            raise
        raise EncoderError(
            f"the tokenizer of this model breaks on a text ({error}): its tokenizer.json names "
            "what it does not hold; take it from the model again"
        ) from None
