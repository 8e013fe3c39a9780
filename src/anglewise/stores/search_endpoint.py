"""``http://host/path``: a server that searches by vector, asked by JSON whose form is declared."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from anglewise.data_types.numbers import shown
from anglewise.encoders.json_requests import (
    Patience,
    bearer,
    checked_address,
    key_of,
    post_json,
    without,
)
from anglewise.errors import EncoderError, SpellingError, StoreError

VECTOR, K = "{vector}", "{k}"
REQUEST = '{"vector": "{vector}", "k": "{k}"}'
"""What is sent: JSON in which the text ``{vector}`` is replaced by numbers, ``{k}`` by a number."""
MOST_MORE = 10_000
"""So many items may a list have beyond those that were asked for: each is compared."""
ANSWER = ",id,score"
"""Where the list stands in an answer (here it is the answer), and in each of it id and number."""


def is_endpoint(text: object) -> bool:
    """Whether a text is meant as the address of a server that searches.

    >>> is_endpoint("http://localhost/search"), is_endpoint("qdrant://localhost/films")
    (True, False)
    """
    return isinstance(text, str) and text.partition("://")[0].lower() in {"http", "https"}


@dataclass(frozen=True)
class SearchEndpoint:
    """A server that searches by vector, as a function of a vector and ``k``.

    Attributes
    ----------
    url
        The address; a key never stands in it.
    request
        The JSON that is posted, with the texts ``"{vector}"`` and ``"{k}"`` in their places.
    answer
        ``LIST,ID,NUMBER``: where in the answer the list stands, and in each of its entries the id
        and the number, each as names with dots between; nothing for the answer itself.
    key
        The name of the environment variable whose content is sent as a bearer's key.

    Examples
    --------
    >>> asked = SearchEndpoint(
    ...     "http://localhost:9200/films/_search",
    ...     '{"knn": {"field": "v", "query_vector": "{vector}", "k": "{k}"}}',
    ...     "hits.hits,_id,_score",
    ... )
    >>> asked.content([0.5, 1.0], 3)
    {'knn': {'field': 'v', 'query_vector': [0.5, 1.0], 'k': 3}}
    >>> asked.pairs({"hits": {"hits": [{"_id": "a", "_score": 0.5}]}})
    [('a', 0.5)]
    """

    url: str
    request: str = REQUEST
    answer: str = ANSWER
    key: str | None = None
    patience: Patience = field(default=Patience(timeout=10, tries=3, longest=5), repr=False)

    def __post_init__(self) -> None:
        checked_address(self.url)
        self.content([0.0], 1)
        if len(self.answer.split(",")) != 3:
            raise SpellingError(
                f"answer={shown(self.answer)}: where the list stands, the id and the number are "
                f"due, such as hits.hits,_id,_score, or {ANSWER} where the answer is the list"
            )
        bearer(self._secret())

    def __call__(self, vector: Any, k: int) -> list[tuple[str, float]]:
        """Pairs of an id and a number in the server's order; ``StoreError`` where none come."""
        numbers = [float(number) for number in vector]
        headers = bearer(self._secret())
        try:
            content = self.content(numbers, k)
            came = post_json(checked_address(self.url), content, headers, self.patience)
        except EncoderError as error:
            raise StoreError(str(error)) from error
        listed = self.pairs(came, without(headers))
        if len(listed) > k + MOST_MORE:
            raise StoreError(
                f"{self.url} lists {len(listed):,} items where {k} were asked for: say in the "
                f'request how many are due ("{K}"), or let the server end its lists'
            )
        return listed

    def _secret(self) -> str | None:
        return None if self.key is None else key_of(self.key)

    def content(self, vector: list[float], k: int) -> Any:
        """The JSON that is posted; ``SpellingError`` where the request has no place for a vector.

        Raises ``SpellingError`` too for what is no JSON.
        """
        try:
            form = json.loads(self.request)
        except (ValueError, RecursionError) as error:
            raise SpellingError(
                f"request={shown(self.request)} is no JSON: {REQUEST} is such a form"
            ) from error
        filled = _filled(form, {VECTOR: vector, K: k})
        if filled == form or VECTOR not in self.request:
            raise SpellingError(
                f'request={shown(self.request)} has no place for the vector: write "{VECTOR}" '
                f"there, as in {REQUEST}"
            )
        return filled

    def pairs(self, came: Any, clean: Callable[[str], str] = str) -> list[tuple[str, float]]:
        """Read an answer; ``StoreError`` where it has another form than declared."""
        place, name, number = self.answer.split(",")
        rows = _at(came, place)
        if not isinstance(rows, list):
            start = clean(json.dumps(came)[:4000])[:120]
            raise StoreError(
                f"{self.url} answered without a list {_words(place)}: {start}; say where it stands "
                "(--answer LIST,ID,NUMBER)"
            )
        out: list[tuple[str, float]] = []
        for row in cast("list[Any]", rows):
            own, value = _at(row, name), _at(row, number)
            if not isinstance(own, str | int) or not _is_number(value):
                start = clean(json.dumps(row)[:4000])[:120]
                raise StoreError(
                    f"{self.url} lists {start}, where an id {_words(name)} and a number "
                    f"{_words(number)} are due (--answer LIST,ID,NUMBER)"
                )
            out.append((str(own), float(value)))
        return out


def _filled(form: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(form, dict):
        parts = cast("dict[str, Any]", form)
        return {name: _filled(part, values) for name, part in parts.items()}
    if isinstance(form, list):
        return [_filled(part, values) for part in cast("list[Any]", form)]
    return values.get(form, form) if isinstance(form, str) else form


def _at(content: Any, path: str) -> Any:
    """What stands under some names with dots between; None where nothing does."""
    for name in filter(None, path.split(".")):
        if not isinstance(content, dict):
            return None
        content = cast("dict[str, Any]", content).get(name)
    return content


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _words(path: str) -> str:
    return f"under {path}" if path else "at its top"
