"""``openai:MODEL``: encode through a server that speaks the ``/embeddings`` protocol."""

import os
from collections.abc import Callable
from shlex import quote
from typing import Any, cast

from anglewise.core.numbers import read_number, shown
from anglewise.encoders.encoder import Encode, Encoder, Spec
from anglewise.encoders.server import (
    USUAL,
    Patience,
    bearer,
    checked_address,
    key_of,
    post_json,
    without,
)
from anglewise.errors import EncoderError, SpellingError


def in_order(
    answer: Any, due: int, address: str, clean: Callable[[str], str] = str
) -> list[list[float]]:
    """The vectors of an answer in the order of the texts, which its ``index`` tells.

    Raises ``EncoderError`` unless there is one for each text; ``clean`` takes out of its words
    what nobody may see.

    >>> swapped = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    >>> in_order({"data": swapped}, 2, "here")
    [[1.0], [2.0]]
    """
    rows = _rows(answer, address, clean)
    if len(rows) != due:
        raise EncoderError(
            f"{address} gave {len(rows)} vectors for {due} texts: one each is due; nothing was "
            "written. Smaller batches may help (batch=16)"
        )
    vectors: dict[Any, list[float]] = {}
    for at, row in enumerate(rows):
        vector = row.get("embedding")
        if not isinstance(vector, list):
            raise EncoderError(
                f'{address} gave no list of numbers under "embedding" for text {at} of a batch'
            )
        vectors[row.get("index", at)] = cast("list[float]", vector)
    if set(vectors) != set(range(due)):
        shown = clean(str(sorted(vectors, key=str)[:5]))
        raise EncoderError(
            f"{address} numbers its vectors {shown}, where each number "
            f"from 0 to {due - 1} is due once: the server is broken"
        )
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise EncoderError(f"{address} gave vectors of several lengths in one batch")
    return [vectors[place] for place in range(due)]


def _rows(answer: Any, address: str, clean: Callable[[str], str]) -> list[dict[str, Any]]:
    said = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    rows = said.get("data")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in cast("list[Any]", rows)):
        why = f" but {clean(str(said['error']))[:200]!r}" if "error" in said else ""
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
    headers = bearer(key_of(spec.options.get("key")))
    price = _amount(spec, "price")
    batch = spec.number("batch") or 128

    def ask(prompt: str) -> Encode:
        def vectors(texts: list[str]) -> list[list[float]]:
            content: dict[str, Any] = {"model": spec.place, "input": [prompt + t for t in texts]}
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


def check_chosen(spec: Spec) -> None:
    """Refuse an endpoint that a file names, unless the environment names the same one.

    The environment does by ``OPENAI_BASE_URL``, else by a key of OpenAI's for OpenAI's own. A file
    never says which variable holds the key.
    """
    address, key = _address(spec), spec.options.get("key", USUAL)
    mine = os.environ.get("OPENAI_BASE_URL") or (HOME if USUAL in os.environ else "")
    if key == USUAL and address == mine.rstrip("/"):
        return
    options = {name: text for name, text in spec.options.items() if name not in {"url", "key"}}
    command = quote(str(Spec(spec.kind, spec.place, {"url": address, **options})))
    also = "" if key == USUAL else f" and asks for what is in your variable {key}"
    raise EncoderError(
        f"the space was encoded at {address}{also}; your key and questions are not sent there "
        f"unasked: if you know it, name it (--encoder {command}), or set OPENAI_BASE_URL"
    )


def _address(spec: Spec) -> str:
    return checked_address(spec.options.get("url") or os.environ.get("OPENAI_BASE_URL") or HOME)


def _with_address(spec: Spec, address: str) -> Spec:
    """What is written into a space: the address too, should the environment change."""
    options = {name: text for name, text in spec.options.items() if name not in {"url", "price"}}
    return Spec(spec.kind, spec.place, options if address == HOME else {"url": address, **options})


def _amount(spec: Spec, name: str) -> float | None:
    text = spec.options.get(name)
    if text is None:
        return None
    amount = read_number(text)
    if amount is None or not 0 < amount < 1e9:
        raise SpellingError(f"openai: {name}={shown(text)}: a number above 0 is due")
    return float(amount)
