"""Look into ``tokenizer.json``, which may be a stranger's, before a library takes its word."""

import json
import math
import os
import sys
from base64 import b64decode
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

from anglewise.errors import EncoderError, FileError, reason
from anglewise.io.files import file_text, reading
from anglewise.io.sizes import check_json

MOST_GROWTH = 4096
"""So many times longer than it was may a text become before it is split. Tokenizers in use stay
below: Unicode's own forms give 18 letters for one, and three bytes stand for a blank."""

STEPS = ("normalizers", "pretokenizers")
"""Under these names steps follow one another."""


def check_tokenizer(path: Path) -> None:
    """Raise ``FileError`` for a tokenizer that makes texts longer without bound.

    Five steps that replace a letter by fifty make 312 million of it, and the library ends the
    process where there is no memory for them.
    """
    with reading(path, "a tokenizer"):
        text = file_text(path)
        check_json(path, text.replace("\n", " ").encode("utf-8", "replace"))
        written: Any = json.loads(text)
        parts = _fields(written)
        growth = math.prod(_growth(parts.get(k)) for k in ("normalizer", "pre_tokenizer"))
    if growth > MOST_GROWTH:
        raise FileError(
            f"{path} may make a text {min(growth, 10**9):,} times as long before it is split, and "
            f"at most {MOST_GROWTH} times is taken: take the tokenizer that came with the model"
        )


def _growth(step: Any) -> int:
    """How many times as long a text may become in a step and those that follow in it."""
    fields = _fields(step)
    inner = [fields.get(name) for name in STEPS]
    growth = math.prod(
        _growth(step)
        for steps in inner
        if isinstance(steps, list)
        for step in cast("list[Any]", steps)
    )
    kind = fields.get("type")
    if kind == "Replace":
        growth *= _of_replacement(fields)
    elif kind == "ByteLevel":
        growth *= 2  # a byte becomes a letter of up to two
    elif kind == "Precompiled":
        growth *= _of_charsmap(str(fields.get("precompiled_charsmap") or ""))
    return growth


def _fields(value: Any) -> dict[str, Any]:
    """An object of JSON; one without fields in place of anything else, which the library says."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _of_replacement(fields: dict[str, Any]) -> int:
    literal: Any = _fields(fields.get("pattern")).get("String")
    shortest = len(literal.encode()) if isinstance(literal, str) else 0  # of a regex maybe none
    content = len(str(fields.get("content", "")).encode())
    return max(1, math.ceil(content / max(1, shortest)) + (shortest == 0))


def _of_charsmap(written: str) -> int:
    """The longest text that stands for a letter: behind the trie, ended by NUL."""
    data = b64decode(written)
    replacements = data[4 + int.from_bytes(data[:4], "little") :]
    return max(1, *map(len, replacements.split(b"\0")))


@contextmanager
def panics_as_errors(path: Path) -> Generator[None, None, None]:
    """Turn a panic of the library into ``FileError``, without the lines that it prints of it.

    Other lines that are printed to standard error meanwhile come afterwards.
    """
    with ExitStack() as files:
        printed, saved = None, None
        with suppress(OSError):  # standard error is closed, or there is no room for a file
            printed = files.enter_context(_nameless_file())
            saved = os.dup(2)
            os.dup2(printed.fileno(), 2)
        try:
            yield
        except BaseException as error:  # a panic of Rust is no Exception
            if type(error).__name__ != PANIC:
                raise
            if printed is not None:
                printed.truncate(0)
            raise FileError(
                f"{path} lets the tokenizer break ({reason(error)}): take it from the model again"
            ) from None
        finally:
            if printed is not None and saved is not None:
                os.dup2(saved, 2)
                os.close(saved)
                printed.seek(0)
                with suppress(OSError):
                    os.write(2, printed.read())


def _nameless_file() -> IO[bytes]:
    """In memory where the system has such files."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return TemporaryFile()


PANIC = "PanicException"


def encodings_of(tokenizer: Any, texts: Sequence[str], *, special: bool = True) -> list[Any]:
    """What a tokenizer makes of texts; ``EncoderError`` where its file lets the library break."""
    try:
        return tokenizer.encode_batch(list(texts), add_special_tokens=special)
    except BaseException as error:  # a panic of Rust is no Exception
        if type(error).__name__ != PANIC:
            raise
        raise EncoderError(
            f"the tokenizer of this model breaks on a text ({error}): its tokenizer.json names "
            "what it does not hold; take it from the model again"
        ) from None
