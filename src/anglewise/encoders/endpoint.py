"""``openai:MODEL``: encode through a server that speaks the ``/embeddings`` protocol."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from anglewise.data_types.numbers import read_number, shown
from anglewise.encoders.encoder import (
    Encode,
    Encoder,
    PartlyEncodedError,
    Spec,
    typed_option,
)
from anglewise.encoders.json_requests import (
    USUAL,
    Patience,
    RefusedError,
    bearer,
    checked_address,
    key_of,
    post_json,
    without,
)
from anglewise.errors import EncoderError, SpellingError


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


SPLIT = {400, 413, 422}
"""Refusals that may be about one text of a batch, or about the size of all together."""
NAMED = 3
"""So many refused texts are looked for in a batch."""


def in_parts(ask: Callable[[list[str]], list[list[float]]], texts: list[str]) -> list[list[float]]:
    """The vectors of a batch, by halves where the server refuses it as a whole.

    What is refused alone is looked for, so that it can be named. Which halves are asked depends on
    the answers alone, so that the same texts go out together however many batches do at once.

    Raises ``PartlyEncodedError`` with what came; the first refusal where nothing was accepted.
    """
    vectors: dict[int, list[float]] = {}
    refused: dict[int, RefusedError] = {}
    first: RefusedError | None = None
    todo = [(0, len(texts))]
    while todo and len(refused) < NAMED:
        start, stop = todo.pop()
        try:
            answers = ask(texts[start:stop])
        except RefusedError as refusal:
            if refusal.status not in SPLIT:
                raise PartlyEncodedError(str(refusal), vectors) from refusal
            first = first or refusal
            if stop - start == 1:
                refused[start] = refusal
            else:
                middle = (start + stop) // 2
                todo += [(middle, stop), (start, middle)]
            if len(refused) > 1 and not vectors:  # as if for every text
                raise first from refusal
        except EncoderError as error:
            raise PartlyEncodedError(str(error), vectors) from error
        else:
            vectors.update(zip(range(start, stop), answers, strict=True))
    if first is not None and refused:
        raise PartlyEncodedError(
            str(first), vectors, {at: refusal.why for at, refusal in refused.items()}
        ) from first
    return [vectors[position] for position in range(len(texts))]


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
CONCURRENCY = 4
"""Batches on their way at once, if nothing else is said: servers at home have few hands."""
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
    patience = Patience(timeout=amount(spec, "timeout") or Patience.timeout)
    headers = bearer(key_of(spec.options.get("key")))
    price = amount(spec, "price")
    batch = spec.number("batch") or 128

    def ask(prompt: str) -> Encode:
        def vectors(texts: list[str]) -> list[list[float]]:
            content: dict[str, Any] = {"model": spec.source, "input": [prompt + t for t in texts]}
            if dimensions is not None:
                content["dimensions"] = dimensions
            answer = post_json(f"{address}/embeddings", content, headers, patience)
            return in_order(answer, len(texts), address, without(headers))

        return partial(in_parts, vectors)

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
        concurrency=CONCURRENCY,
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


def amount(spec: Spec, name: str) -> float | None:
    """An option that is a number above 0."""
    text = spec.options.get(name)
    if text is None:
        return None
    amount = read_number(text)
    if amount is None or not 0 < amount < 1e9:
        raise SpellingError(f"{spec.kind}: {name}={shown(text)}: a number above 0 is due")
    return float(amount)
