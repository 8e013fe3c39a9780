"""``openai:MODEL``: encode through a server that speaks the ``/embeddings`` protocol.

The first half posts JSON to a server: the address is checked, failed requests are repeated, and
keys are kept out of every message. Other parts of the package use it for their requests too.
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

from anglewise.data_types.numbers import read_number, shown
from anglewise.encoders.deadline import check_fits, opener_until, retry_after, whole
from anglewise.encoders.encoder import Encode, Encoder, Spec, typed_option
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
        raise SpellingError(f"key={variable}: there is no such environment variable")
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
                    "later, what is encoded so far is kept in the cache"
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
        raise EncoderError(
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
    return EncoderError(f"{url} refuses: {why}; {hint}")


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


def in_order(
    answer: Any, count: int, address: str, clean: Callable[[str], str] = str
) -> list[list[float]]:
    """The vectors of an answer in the order of the texts, by their ``index``.

    Raises ``EncoderError`` unless there is one for each of ``count`` texts; ``clean`` removes
    secrets from its message.

    >>> swapped = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    >>> in_order({"data": swapped}, 2, "here")
    [[1.0], [2.0]]
    """
    rows = _rows(answer, address, clean)
    if len(rows) != count:
        raise EncoderError(
            f"{address} gave {len(rows)} vectors for {count} texts: one each is due; nothing was "
            "written. Smaller batches may help (batch=16)"
        )
    vectors: dict[Any, list[float]] = {}
    for position, row in enumerate(rows):
        vector = row.get("embedding")
        if not isinstance(vector, list):
            raise EncoderError(
                f'{address} gave no list of numbers under "embedding" for text {position} of a '
                "batch"
            )
        if bool in set(map(type, cast("list[Any]", vector))):
            raise EncoderError(
                f"{address} gave true or false for a number in the vector of text {position} of a "
                "batch: the server is broken"
            )
        vectors[row.get("index", position)] = cast("list[float]", vector)
    if set(vectors) != set(range(count)) or bool in map(type, vectors):
        numbers = clean(str(sorted(vectors, key=str)[:5]))
        raise EncoderError(
            f"{address} numbers its vectors {numbers}, where each number "
            f"from 0 to {count - 1} is due once: the server is broken"
        )
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise EncoderError(f"{address} gave vectors of several lengths in one batch")
    return [vectors[position] for position in range(count)]


def _rows(answer: Any, address: str, clean: Callable[[str], str]) -> list[dict[str, Any]]:
    content = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    rows = content.get("data")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in cast("list[Any]", rows)):
        why = f" but {clean(str(content['error']))[:200]!r}" if "error" in content else ""
        raise EncoderError(
            f'{address} answered without a list of vectors under "data"{why}: is it an endpoint '
            "for embeddings?"
        )
    return cast("list[dict[str, Any]]", rows)


OPTIONS = (
    "url",
    "key",
    "dimensions",
    "window",
    "batch",
    "price",
    "timeout",
    "query_prompt",
    "document_prompt",
)
HOME = "https://api.openai.com/v1"
WINDOWS = {
    "text-embedding-3-small": 8191,
    "text-embedding-3-large": 8191,
    "text-embedding-ada-002": 8191,
}
BYTES_PER_TOKEN = 4


def load_endpoint(spec: Spec) -> Encoder:
    """The encoder behind a server; nothing is sent before texts are encoded.

    Options: ``url`` (else ``OPENAI_BASE_URL``, else OpenAI's own), ``key`` (the name of the
    environment variable that holds the key, ``OPENAI_API_KEY``), ``dimensions``, ``window`` in
    tokens, ``batch`` (texts a request), ``price`` (of a million tokens, for the estimate),
    ``timeout`` in seconds, ``query_prompt``, ``document_prompt``. Tokens are estimated, four bytes
    each: the tokenizer is with the server.
    """
    spec.only(*OPTIONS)
    if not spec.source:
        raise SpellingError("openai needs a model: write openai:MODEL")
    address = _address(spec)
    dimensions = spec.number("dimensions")
    patience = Patience(timeout=_amount(spec, "timeout") or Patience.timeout)
    headers = bearer(key_of(spec.options.get("key")))
    price = _amount(spec, "price")
    batch = spec.number("batch") or 128

    def ask(prompt: str) -> Encode:
        def vectors(texts: list[str]) -> list[list[float]]:
            content: dict[str, Any] = {"model": spec.source, "input": [prompt + t for t in texts]}
            if dimensions is not None:
                content["dimensions"] = dimensions
            answer = post_json(f"{address}/embeddings", content, headers, patience)
            return in_order(answer, len(texts), address, without(headers))

        return vectors

    def before(texts: list[str]) -> str:
        tokens = sum(estimate(texts))
        cost = (
            "" if price is None else f", about {tokens / 1e6 * price:,.2f} at {price:g} a million"
        )
        requests = -(-len(texts) // batch)
        return (
            f"{len(texts):,} text{'s' * (len(texts) > 1)}, about {tokens:,} tokens, go to "
            f"{address} in {requests:,} request{'s' * (requests > 1)}{cost}"
        )

    prompts = [spec.options.get(f"{side}_prompt", "") for side in ("document", "query")]
    return Encoder(
        spec=str(_with_address(spec, address)),
        documents=ask(prompts[0]),
        queries=ask(prompts[1]) if any(prompts) else None,
        window=spec.number("window") or WINDOWS.get(spec.source),
        tokens=estimate,
        batch=batch,
        identity=f"openai {address} {spec.source} {dimensions} {prompts}",
        before=before,
    )


def estimate(texts: list[str]) -> list[int]:
    """The estimated number of tokens of texts: one for each four bytes, rounded up.

    >>> estimate(["", "word", "Überraschung"])
    [0, 1, 4]
    """
    return [-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts]


def check_chosen(spec: Spec) -> None:
    """Refuse an endpoint that a file names, unless the environment names the same one.

    The environment names one by ``OPENAI_BASE_URL``; ``OPENAI_API_KEY`` alone stands for OpenAI's
    own address. A file may not choose the variable that holds the key.
    """
    address, key = _address(spec), spec.options.get("key", USUAL)
    own_address = os.environ.get("OPENAI_BASE_URL") or (HOME if USUAL in os.environ else "")
    if key == USUAL and address == own_address.rstrip("/"):
        return
    options = {name: text for name, text in spec.options.items() if name not in {"url", "key"}}
    option = typed_option(str(Spec(spec.kind, spec.source, {"url": address, **options})))
    also = "" if key == USUAL else f" and asks for what is in your variable {key}"
    raise EncoderError(
        f"the space was encoded at {address}{also}; your key and questions are not sent there "
        f"unasked: if you know it, name it ({option}), or set OPENAI_BASE_URL"
    )


def _address(spec: Spec) -> str:
    return checked_address(spec.options.get("url") or os.environ.get("OPENAI_BASE_URL") or HOME)


def _with_address(spec: Spec, address: str) -> Spec:
    """The spec as a space stores it: with the address, since the environment may change."""
    options = {name: text for name, text in spec.options.items() if name not in {"url", "price"}}
    return Spec(spec.kind, spec.source, options if address == HOME else {"url": address, **options})


def _amount(spec: Spec, name: str) -> float | None:
    text = spec.options.get(name)
    if text is None:
        return None
    amount = read_number(text)
    if amount is None or not 0 < amount < 1e9:
        raise SpellingError(f"openai: {name}={shown(text)}: a number above 0 is due")
    return float(amount)
