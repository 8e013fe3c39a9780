"""Post JSON to a server.

The address is checked, failed requests are repeated, and keys are kept out of every message.
"""

import http.client
import json
import logging
import os
import random
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast
from urllib.parse import urlsplit

from anglewise.encoders.deadline import check_fits, opener_until, retry_after, whole
from anglewise.errors import EncoderError, SpellingError

USUAL = "OPENAI_API_KEY"
LOG = logging.getLogger("anglewise.endpoint")
"""Says what one waits for: to standard error, unless the program sends it elsewhere."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def checked_address(url: str) -> str:
    """The address of a server without a slash at its end; ``SpellingError`` for no address.

    Parts that may hold a secret are not repeated: a password, or what follows ``?`` or ``#``.

    >>> checked_address("http://localhost:8080/v1/")
    'http://localhost:8080/v1'
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
        _ = parts.port
    except ValueError:  # brackets that are not closed, a port that is no number
        raise SpellingError("the url of the server is none: http://HOST/… is due") from None
    if "@" in parts.netloc:
        raise SpellingError("the url of the server holds a password: give the key by its variable")
    if parts.query or parts.fragment:
        raise SpellingError(
            f"the url of the server ({url.partition('?')[0].partition('#')[0]}) goes on behind ? "
            "or #: give it without, and the key by its variable"
        )
    if not good:
        raise SpellingError(f"url={url}: http://… or https://… is due")
    return url.rstrip("/")


def key_of(variable: str | None) -> str | None:
    """The key in an environment variable, the usual one if none is named.

    Raises ``SpellingError``, without the key, for a named variable that does not exist.
    """
    if variable is None:
        return os.environ.get(USUAL)
    if not NAME.fullmatch(variable):
        raise SpellingError(
            f"a key is given by the name of an environment variable, such as {USUAL}: what came is "
            "no such name, and is not repeated here in case it is the key itself"
        )
    if variable not in os.environ:
        named = f"key={variable}: " if variable.isupper() else ""  # a key may look like a name
        raise SpellingError(
            f"{named}there is no such environment variable"
            + ("" if named else " as was named for the key (it is not repeated, if it is the key)")
        )
    return os.environ[variable]


def bearer(key: str | None) -> dict[str, str]:
    """The header that holds a key; ``SpellingError``, without it, if no header can.

    >>> bearer(" 123-secret "), bearer(None)
    ({'Authorization': 'Bearer 123-secret'}, {})
    """
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise SpellingError("the key holds characters that no key has: set its variable again")
    return {"Authorization": f"Bearer {key}"} if key else {}


BUSY = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Status codes after which the same request may be repeated."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes
    ----------
    timeout
        Seconds without a byte after which a request is given up.
    tries
        The number of requests at most.
    first, longest
        Seconds to wait before the second try, doubled before each further one, and their limit. Up
        to half of the time is random, so that many clients do not return at once. Where the server
        asks for a longer wait (``Retry-After``), that is kept, and said on standard error; of one
        question no more than ten times ``longest`` together.
    sleep
        The function that waits.
    """

    timeout: float = 60.0
    tries: int = 6
    first: float = 1.0
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep


class _Busy(Exception):  # noqa: N818 it is no error yet
    """The server may answer later; ``wait`` is the number of seconds that it asks for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class RefusedError(EncoderError):
    """The server refuses a request, by a status after which the same request fails again."""

    def __init__(self, message: str, status: int = 0, why: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.why = why


class UnreadableAnswerError(EncoderError):
    """The server answered, and not as the protocol says; the next answer may be another."""


def post_json(
    url: str, content: Any, headers: Mapping[str, str], patience: Patience | None = None
) -> Any:
    """Post JSON and read the JSON answer; ``EncoderError`` if no try brings one."""
    patience = patience or Patience()
    question = urllib.request.Request(  # noqa: S310 the door has checked that it is http
        url,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        method="POST",
    )
    waited = 0.0
    for attempt in range(patience.tries):
        try:
            return _ask(question, patience.timeout, without(headers))
        except _Busy as busy:
            if attempt + 1 == patience.tries:
                raise EncoderError(
                    f"{url} was asked {patience.tries} times and last answered: {busy}; try again "
                    "later, what was answered so far is kept where there is a cache"
                ) from busy
            wait = min(patience.longest, patience.first * 2**attempt)
            wait *= random.uniform(0.5, 1)  # noqa: S311 no secret
            if busy.wait is not None:
                if waited + busy.wait > 10 * patience.longest:
                    raise EncoderError(
                        f"{url} asks to wait {busy.wait:,.0f} seconds ({busy}): try again then"
                    ) from busy
                wait = max(wait, busy.wait)
                waited += wait
                LOG.warning(
                    "anglewise: waiting %.0f s, as %s asks (Retry-After)",
                    wait,
                    urlsplit(url).netloc,
                )
            patience.sleep(wait)
    raise EncoderError(f"{url} was not asked: one try or more is due")


def without(headers: Mapping[str, str]) -> Callable[[str], str]:
    """A function that removes the key in some headers from a text; servers may repeat it.

    So are parts of it, from eight characters on, in letters of either case. Of the text the
    first thousand letters are kept, since a message shows no more.

    >>> clean = without({"Authorization": "Bearer 123-secret-words"})
    >>> clean("wrong key: 123-secret-words, or 123-secret...")
    'wrong key: [key], or [key]...'
    """
    key = headers.get("Authorization", "").removeprefix("Bearer ").strip()
    length = min(8, len(key))
    parts = {key[i : i + length].lower() for i in range(len(key) - length + 1)} - {""}

    def clean(text: str) -> str:
        text = text[:1000]
        is_key = bytearray(len(text))
        for start in range(len(text) - length + 1):
            if text[start : start + length].lower() in parts:
                is_key[start : start + length] = b"\1" * length
        pieces = groupby(zip(is_key, text, strict=True), lambda pair: pair[0])
        return "".join(
            "[key]" if masked else "".join(c for _, c in piece) for masked, piece in pieces
        )

    return clean


def _ask(question: urllib.request.Request, timeout: float, clean: Callable[[str], str]) -> Any:
    url = question.full_url
    late = f"an answer that had not come whole after {LONGEST * timeout:g} seconds"
    with opener_until(LONGEST * timeout) as (opener, over):
        try:
            kind, body = _exchanged(question, opener, url, timeout, clean)
        finally:
            if over.is_set():  # whatever it looked like
                raise _Busy(late)
    check_fits(url, body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        start = " ".join(clean(body[:4000].decode("utf-8", "replace"))[:200].split())[:60]
        raise UnreadableAnswerError(
            f"{url} answered with {kind} that is no JSON ({start!r}): is this the address of an "
            "API, such as http://localhost:8080/v1?"
        ) from error


def _exchanged(
    question: urllib.request.Request,
    opener: urllib.request.OpenerDirector,
    url: str,
    timeout: float,
    clean: Callable[[str], str],
) -> tuple[str, bytes]:
    """The kind and the bytes of an answer."""
    try:
        with opener.open(question, timeout=timeout) as answer:
            return clean(answer.headers.get("Content-Type", "no type")), whole(answer, url)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, url, clean) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError | socket.gaierror):
            raise EncoderError(
                f"nobody answers at {url} ({error.reason}): is the address right, and does the "
                "server run?"
            ) from error
        raise _Busy(f"no connection ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:  # timed out, or cut off on the way
        why = clean(str(error)) or type(error).__name__
        raise _Busy(f"an answer that broke off ({why})") from error


LONGEST = 10
"""Times the patience for a byte, from the question until an answer must be there whole."""


def _refusal(error: urllib.error.HTTPError, url: str, clean: Callable[[str], str]) -> Exception:
    """The error for a status other than 200: ``_Busy`` where the request may be repeated."""
    try:
        body = error.read(100_000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        body = ""
    why = f"{error.code} {clean(_reason(body)) or clean(str(error.reason))}"
    if error.code in BUSY and "insufficient_quota" not in body:
        return _Busy(why, retry_after(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        why += f", elsewhere: {clean(str(error.headers.get('Location')))}"
    hints = {
        401: "is the key right?",
        403: "is the key right?",
        404: "are address and model right?",
    }
    hint = hints.get(error.code, "mend the request, or ask who runs the server")
    return RefusedError(f"{url} refuses: {why}; {hint}", error.code, why)


def _reason(body: str) -> str:
    """The server's own message, if it sent one as JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = cast("dict[str, Any]", value)[name]
    return " ".join(str(cast("Any", value)).split())[:200]
