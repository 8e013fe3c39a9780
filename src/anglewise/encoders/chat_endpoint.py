"""Ask a server that speaks the protocol of OpenAI's ``/chat/completions``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anglewise.encoders.json_requests import Patience, UnreadableAnswerError, post_json


@dataclass(frozen=True)
class ChatAnswer:
    """What a model answered, and how many tokens the server counted, where it says so."""

    words: str
    sent_tokens: int | None = None
    answer_tokens: int | None = None


def ask_chat(
    url: str,
    model: str,
    content: str,
    headers: Mapping[str, str],
    patience: Patience | None = None,
) -> ChatAnswer:
    """Send one message at temperature 0, and give the answer.

    Raises ``EncoderError`` where the server does not answer, ``UnreadableAnswerError`` where it
    does not answer as the protocol says.
    """
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
    }
    answer = post_json(f"{url}/chat/completions", body, headers, patience)
    return ChatAnswer(
        words_in(answer, url),
        _tokens(answer, "prompt_tokens"),
        _tokens(answer, "completion_tokens"),
    )


def words_in(answer: Any, url: str) -> str:
    """The words of an answer.

    >>> words_in({"choices": [{"message": {"content": " Yes. "}}]}, "http://localhost")
    'Yes.'
    """
    try:
        words = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        words = None
    if not isinstance(words, str) or not words.strip():
        raise UnreadableAnswerError(
            f"{url} answered without words: choices[0].message.content is due, as the protocol of "
            "OpenAI's /chat/completions has it"
        )
    # a lone surrogate, which JSON can hold and no file of UTF-8 can, becomes a question mark
    return words.encode("utf-8", "replace").decode().strip()


MOST_TOKENS = 10**9
"""More than any model reads or writes at once."""


def _tokens(answer: Any, name: str) -> int | None:
    try:
        count = answer["usage"][name]
    except (KeyError, TypeError):
        return None
    return count if type(count) is int and 0 <= count <= MOST_TOKENS else None
