"""Ask a server: its address, the key it gets, and patience while it is busy."""

import http.client
import json
import os
import random
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

from anglewise.errors import EncoderError, SpellingError

USUAL = "OPENAI_API_KEY"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def checked_address(url: str) -> str:
    """The address of a server without its last slash; ``SpellingError`` for what is none.

    What may hold a secret is not repeated: a password, or what stands behind ``?`` or ``#``.

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


def key_of(named: str | None) -> str | None:
    """The key in a variable, the usual one if none is named.

    Raises ``SpellingError``, without the key, for a variable that is named and not there.
    """
    if named is None:
        return os.environ.get(USUAL)
    if not NAME.fullmatch(named):
        raise SpellingError(
            f"a key is given by the name of an environment variable, such as {USUAL}: what came is "
            "no such name, and is not repeated here in case it is the key itself"
        )
    if named not in os.environ:
        raise SpellingError(f"key={named}: there is no such environment variable")
    return os.environ[named]


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
"""Answers after which the same question may be asked again."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes
    ----------
    timeout
        Seconds without a byte after which a question is given up.
    tries
        How often it is asked at most.
    first, longest
        Seconds to wait before the second try, doubled at each further one, and their limit. Up to
        half of it is left to chance, so that many clients do not come back at once; where the
        server says how long to wait (``Retry-After``), it is waited so long.
    sleep
        What waits.
    """

    timeout: float = 60.0
    tries: int = 6
    first: float = 1.0
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep


class _Busy(Exception):  # noqa: N818 it is no error yet
    """The server may answer later; ``wait`` is what it asks for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is for this address alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No other question is asked."""


OPENER = urllib.request.build_opener(_StayHere)


def post_json(
    url: str, content: Any, headers: Mapping[str, str], patience: Patience | None = None
) -> Any:
    """Post JSON and read JSON; ``EncoderError`` if that cannot be had with some patience."""
    patience = patience or Patience()
    question = urllib.request.Request(  # noqa: S310 the door has checked that it is http
        url,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        method="POST",
    )
    clean = without(headers)
    for again in range(patience.tries):
        try:
            return _ask(question, url, patience.timeout, clean)
        except _Busy as busy:
            if again + 1 == patience.tries:
                raise EncoderError(
                    f"{url} was asked {patience.tries} times and last answered: {busy}; try again "
                    "later, what is encoded so far is kept in the cache"
                ) from busy
            wait = min(patience.longest, patience.first * 2**again)
            wait *= random.uniform(0.5, 1)  # noqa: S311 no secret
            if busy.wait is not None:
                if busy.wait > 10 * patience.longest:
                    raise EncoderError(
                        f"{url} asks to wait {busy.wait:,.0f} seconds ({busy}): try again then"
                    ) from busy
                wait = max(wait, busy.wait)
            patience.sleep(wait)
    raise EncoderError(f"{url} was not asked: one try or more is due")


def without(headers: Mapping[str, str]) -> Callable[[str], str]:
    """What takes the key in some headers out of a text, since servers repeat what they refuse.

    >>> without({"Authorization": "Bearer 123-secret"})("wrong key: 123-secret")
    'wrong key: [key]'
    """
    key = headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return lambda text: text.replace(key, "[key]") if key else text


def _ask(
    question: urllib.request.Request, url: str, timeout: float, clean: Callable[[str], str]
) -> Any:
    try:
        with OPENER.open(question, timeout=timeout) as answer:
            kind = clean(answer.headers.get("Content-Type", "no type"))
            body = _whole(answer, url, timeout)
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
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        start = " ".join(clean(body.decode("utf-8", "replace"))[:200].split())[:60]
        raise EncoderError(
            f"{url} answered with {kind} that is no JSON ({start!r}): is this the address of an "
            "API, such as http://localhost:8080/v1?"
        ) from error


MOST = 1 << 28
"""Bytes of an answer: many times what vectors for one batch of texts take."""
AT_ONCE = 1 << 16
LONGEST = 10
"""Times the patience for a single byte, after which an answer must have come whole."""


def _whole(answer: http.client.HTTPResponse, url: str, timeout: float) -> bytes:
    """All of an answer; ``EncoderError`` for one without end, ``_Busy`` for one that trickles."""
    end = time.monotonic() + LONGEST * timeout
    body = bytearray()
    while part := answer.read1(AT_ONCE):
        body += part
        if len(body) > MOST:
            raise EncoderError(
                f"{url} answered with more than {MOST:,} bytes, and was not listened to any "
                "longer: is this the address of an API?"
            )
        if time.monotonic() > end:
            raise _Busy(f"an answer that had not come whole after {LONGEST * timeout:g} seconds")
    if answer.length:  # fewer bytes came than were announced
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _refusal(error: urllib.error.HTTPError, url: str, clean: Callable[[str], str]) -> Exception:
    """What an answer other than 200 means."""
    try:
        body = clean(error.read(100_000).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException):
        body = ""
    why = f"{error.code} {_reason(body) or clean(str(error.reason))}"
    if error.code in BUSY and "insufficient_quota" not in body:
        return _Busy(why, _retry_after(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        why += f", elsewhere: {clean(str(error.headers.get('Location')))}"
    hints = {
        401: "is the key right?",
        403: "is the key right?",
        404: "are address and model right?",
    }
    hint = hints.get(error.code, "mend the request, or ask who runs the server")
    return EncoderError(f"{url} refuses: {why}; {hint}")


def _reason(body: str) -> str:
    """What the server says in its own words, if it speaks JSON."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = cast("dict[str, Any]", found)[name]
    return " ".join(str(cast("Any", found)).split())[:200]


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait, given as such or as a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(header)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or none that there is
        return None
