"""``rerank:MODEL?url=…``: rerank through a server that speaks the ``/rerank`` protocol."""

import sys
from typing import Any, cast

from anglewise.encoders.encoder import Spec
from anglewise.encoders.endpoint import amount
from anglewise.encoders.json_requests import (
    Patience,
    bearer,
    checked_address,
    key_of,
    post_json,
    without,
)
from anglewise.encoders.reranker import Reranker
from anglewise.errors import EncoderError, SpellingError

OPTIONS = ("url", "key", "batch", "timeout", "format")
FORMATS = ("cohere", "tei")


def load_rerank_endpoint(spec: Spec) -> Reranker:
    """The reranker behind a server; nothing is sent before texts are scored.

    It is sent ``{model, query, documents, top_n}`` and answers ``{results: [{index,
    relevance_score}]}``, as those of Cohere, Jina, vLLM and many others do; or, with
    ``format=tei``, ``{query, texts}`` and ``[{index, score}]``, as Text Embeddings Inference does.

    Options: ``url`` (with or without ``/rerank`` at its end), ``key`` (the name of the environment
    variable that holds the key; without it none is sent), ``batch`` (texts a request, 100),
    ``timeout`` in seconds, ``format``.
    """
    spec.only(*OPTIONS)
    if not spec.source or "url" not in spec.options:
        raise SpellingError("rerank needs a model and a server: write rerank:MODEL?url=http://…")
    address = checked_address(spec.options["url"])
    address += "" if address.endswith("/rerank") else "/rerank"
    is_tei = spec.one_of("format", FORMATS, FORMATS[0]) == "tei"
    patience = Patience(timeout=amount(spec, "timeout") or Patience.timeout)
    name = spec.options.get("key")
    headers = {} if name is None else bearer(key_of(name))
    clean = without(headers)

    def scores(query: str, texts: list[str]) -> list[float]:
        content: dict[str, Any] = {"query": query, "texts": texts}
        if not is_tei:
            content = {"model": spec.source, "query": query, "documents": texts}
            content["top_n"] = len(texts)
        answer = post_json(address, content, headers, patience)
        rows = answer if is_tei else _field(answer, "results")
        if not isinstance(rows, list):
            error = _field(answer, "error") or _field(answer, "message")
            why = f" but {clean(str(error))[:200]!r}" if error else ""
            raise EncoderError(
                f"{address} answered without a list of results{why}: is it an endpoint that "
                "reranks? One of Text Embeddings Inference needs format=tei"
            )
        field = "score" if is_tei else "relevance_score"
        return in_order(cast("list[Any]", rows), len(texts), address, field)

    return Reranker(
        spec=str(spec),
        scores=scores,
        batch=spec.number("batch") or 100,
        identity=f"rerank {address} {spec.source}",
        patience=None,  # requests end in time
    )


def _is_number(value: Any) -> bool:
    """Whether a number of float64 came; one that is not finite is named with its query later."""
    if type(value) is int:
        return abs(value) <= sys.float_info.max
    return type(value) is float


def _field(answer: Any, name: str) -> Any:
    return cast("dict[str, Any]", answer).get(name) if isinstance(answer, dict) else None


def in_order(rows: list[Any], count: int, address: str, field: str) -> list[float]:
    """The scores of an answer in the order of the texts, by their ``index``.

    Raises ``EncoderError`` unless there is one for each of ``count`` texts.

    >>> rows = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
    >>> in_order(rows, 2, "here", "relevance_score")
    [0.2, 0.9]
    """
    scores: dict[int, float] = {}
    for row in rows:
        index, score = _field(row, "index"), _field(row, field)
        if type(index) is not int or not _is_number(score):
            raise EncoderError(
                f'{address} gave a result without a whole number under "index" or a number under '
                f'"{field}": the server is broken'
            )
        if not 0 <= index < count:
            raise EncoderError(f"{address} scored text {index} of {count}: the server is broken")
        if index in scores:
            raise EncoderError(f"{address} scored text {index} twice: the server is broken")
        scores[index] = float(score)
    if len(scores) < count:
        raise EncoderError(
            f"{address} gave {len(scores)} scores for {count} texts: one each is due; fewer at "
            "once may help (batch=32)"
        )
    return [scores[index] for index in range(count)]
