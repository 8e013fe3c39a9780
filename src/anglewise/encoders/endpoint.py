"""``openai:MODEL``: any server that speaks the protocol of OpenAI's ``/embeddings``."""

import os
from typing import Any
from urllib.parse import urlsplit

from anglewise.encoders.encoder import Encode, Encoder
from anglewise.encoders.post import Patience, post_json
from anglewise.encoders.spelling import Spec
from anglewise.encoders.wire import in_order
from anglewise.errors import SpellingError

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


def load(spec: Spec) -> Encoder:
    """Make an encoder of a server; nothing is sent before texts are encoded.

    Options: ``url`` (else ``OPENAI_BASE_URL``, else OpenAI's own), ``key`` (the name of the
    environment variable that holds the key, ``OPENAI_API_KEY``), ``dimensions``, ``window`` in
    tokens, ``batch`` (texts a request), ``price`` (of a million tokens, for the estimate),
    ``timeout`` in seconds, ``query_prompt``, ``document_prompt``. Tokens are estimated, four bytes
    each: the tokenizer is with the server.
    """
    spec.only(*OPTIONS)
    if not spec.place:
        raise SpellingError("openai needs a model: write openai:MODEL")
    address = _address(spec)
    dimensions = spec.number("dimensions")
    patience = Patience(timeout=_amount(spec, "timeout") or Patience.timeout)
    headers = _headers(spec)
    price = _amount(spec, "price")
    batch = spec.number("batch") or 128

    def ask(prompt: str) -> Encode:
        def vectors(texts: list[str]) -> list[list[float]]:
            content: dict[str, Any] = {"model": spec.place, "input": [prompt + t for t in texts]}
            if dimensions is not None:
                content["dimensions"] = dimensions
            answer = post_json(f"{address}/embeddings", content, headers, patience)
            return in_order(answer, len(texts), address)

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
        window=spec.number("window") or WINDOWS.get(spec.place),
        tokens=estimate,
        batch=batch,
        identity=f"openai {address} {spec.place} {dimensions} {prompts}",
        before=before,
    )


def estimate(texts: list[str]) -> list[int]:
    """About how many tokens texts have: one for each four bytes, rounded up.

    >>> estimate(["", "word", "Überraschung"])
    [0, 1, 4]
    """
    return [-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts]


def is_trusted(spec: Spec) -> bool:
    """Whether an address may be sent the key and the questions though a file names it.

    It may if it is OpenAI's, the one in ``OPENAI_BASE_URL``, or this machine.
    """
    address = _address(spec)
    mine = os.environ.get("OPENAI_BASE_URL", HOME).rstrip("/")
    here = urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"}
    usual_key = spec.options.get("key", "OPENAI_API_KEY") == "OPENAI_API_KEY"
    return usual_key and (here or address in {HOME, mine})


def _address(spec: Spec) -> str:
    address = spec.options.get("url") or os.environ.get("OPENAI_BASE_URL") or HOME
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SpellingError(f"openai: url={address}: http://… or https://… is due")
    if parts.username or parts.password:
        raise SpellingError("openai: the url holds a password: give the key by its variable")
    return address.rstrip("/")


def _with_address(spec: Spec, address: str) -> Spec:
    """What is written into a space: the address too, should the environment change."""
    options = {name: text for name, text in spec.options.items() if name not in {"url", "price"}}
    return Spec(spec.kind, spec.place, options if address == HOME else {"url": address, **options})


def _headers(spec: Spec) -> dict[str, str]:
    name = spec.options.get("key", "OPENAI_API_KEY")
    key = os.environ.get(name)
    if key is None and "key" in spec.options:
        raise SpellingError(f"openai: key={name}: there is no such environment variable")
    return {} if not key else {"Authorization": f"Bearer {key.strip()}"}


def _amount(spec: Spec, name: str) -> float | None:
    text = spec.options.get(name)
    if text is None:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 < amount < 1e9:
        raise SpellingError(f"openai: {name}={text}: a number above 0 is due")
    return amount
