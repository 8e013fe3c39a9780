"""What can go wrong with what a person brings.

Each message says what came, what was hoped for, and what to do. Ids, names of columns and files
that it quotes come from anybody, so it is brought into form here, once for all.
"""

import re

COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Control characters but tab and new line, C1 controls, line separators, what overrides the
direction of a text, halves of a pair, and tags, by which words stand in a title that people do not
see and language models read."""
LONGEST_WORD, LONGEST_MESSAGE = 400, 1600
"""Characters of a message that a word of it, and all of it, may have."""

_WORD = re.compile(r"\S+")


def visible(text: str) -> str:
    r"""A text whose commands are written out, so that a title cannot move the cursor.

    >>> print(visible("a\x1b[2J\u202eb"))
    a\x1b[2J\u202eb
    """
    return COMMANDS.sub(_written, text)


def one_line(text: str) -> str:
    r"""A text whose commands and new lines are written out, so that a name cannot add a line.

    >>> print(one_line("a\nanglewise: all is well"))
    a\nanglewise: all is well
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def as_message(text: str) -> str:
    r"""A text on one line, with the middle of long words and of a long text left out.

    >>> print(as_message("no column 'b\n'"), len(as_message("x" * 10**6)))
    no column 'b\n' 422
    """
    text = one_line(text)
    if len(text) > LONGEST_WORD:
        text = _WORD.sub(lambda word: _without_middle(word[0], LONGEST_WORD), text)
    return _without_middle(text, LONGEST_MESSAGE)


def reason(error: BaseException, most: int = 200) -> str:
    r"""What an error says, on one line; its kind where it says nothing, or cannot even say it.

    >>> reason(ValueError("no such\n   shape")), reason(KeyError())
    ('no such shape', 'KeyError')
    """
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 of foreign code, which may do anything
        text = ""
    return " ".join(text.split())[:most] or type(error).__name__


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}…({len(text) - 2 * half:,} characters)…{text[-half:]}"


def _written(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number >= 0x10000:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


class AnglewiseError(Exception):
    """Something a person can mend; the command line shows its message alone and exits with 2."""

    def __init__(self, message: str = "") -> None:
        super().__init__(as_message(message))


class ShapeError(AnglewiseError, ValueError):
    """Arrays whose sizes do not fit each other."""


class ValuesError(AnglewiseError, ValueError):
    """Numbers that cannot be used: not finite, not numeric, none at all."""


class WrongTypeError(AnglewiseError, TypeError):
    """An object of another kind than is due: a path for an array, a dense table for sparse."""


class IdsError(AnglewiseError, ValueError):
    """Ids that repeat, or that match nothing."""


class SpellingError(AnglewiseError, ValueError):
    """A measure, metric or option that is not spelled as any known one."""


class FileError(AnglewiseError, OSError):
    """A file that is missing, unreadable, truncated or not what its name promises."""


class MissingExtraError(AnglewiseError, ImportError):
    """An optional library is needed; the message names the extra that brings it."""

    def __init__(self, message: str = "", *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class TooFewError(AnglewiseError, ValueError):
    """Too few queries, items or judgements for what was asked."""


class EncoderError(AnglewiseError, RuntimeError):
    """An encoder or reranker that cannot be had, or that answers with no vectors or scores."""


class StoreError(AnglewiseError, RuntimeError):
    """A vector store that cannot be reached, or that refuses or breaks what was asked of it."""


class NoCollectionError(StoreError):
    """Nothing is at the address of a vector store."""


class CollectionExistsError(StoreError):
    """A vector store has a collection of that name already."""


class TrainingError(AnglewiseError, RuntimeError):
    """A training that went astray: a loss that is not finite, a device without memory."""


MORE_THREADS = "lift the limits of processes (ulimit -u, those of a container) or of memory"
"""What helps where no thread can be started."""


def is_lack_of_threads(error: BaseException) -> bool:
    """Whether the system refuses a thread, to Python or to a library that says so in words.

    >>> is_lack_of_threads(RuntimeError("can't start new thread"))
    True
    """
    message = str(error)
    return "start new thread" in message or "Failed to launch worker thread" in message
