"""``AnglewiseRetriever`` for LlamaIndex: the extra ``[llama-index]``."""

import asyncio
from functools import cache
from typing import Any, cast

from anglewise.data_types.filters import ALIASES, Condition, ItemFilter, Joined, condition_values
from anglewise.data_types.libraries import library
from anglewise.data_types.numbers import described, shown
from anglewise.errors import SpellingError, WrongTypeError
from anglewise.rag.context import Context
from anglewise.rag.prompt import foreign_metadata


def __getattr__(name: str) -> Any:
    if name != "AnglewiseRetriever":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return retriever_class()


@cache
def retriever_class() -> Any:
    """The class ``AnglewiseRetriever(context, k=None, filters=None)``, a ``BaseRetriever``.

    It gives the passages of a :class:`anglewise.rag.Context` as nodes with scores, at most ``k``.
    ``filters`` are the ``MetadataFilters`` of LlamaIndex: see :func:`read_filters`. Raises
    ``MissingExtraError`` without llama-index-core.
    """
    base: Any = library(
        "llama_index.core.retrievers", "llama-index", needed_by="retriever"
    ).BaseRetriever
    schema: Any = library("llama_index.core.schema", "llama-index", needed_by="retriever")

    class AnglewiseRetriever(base):
        """The passages of a context as nodes, the best first."""

        def __init__(
            self, context: Context, k: int | None = None, filters: Any = None, **settings: Any
        ) -> None:
            super().__init__(**settings)
            self._context = context
            self._k = k
            self._where = None if filters is None else read_filters(filters)

        def _retrieve(self, query_bundle: Any) -> list[Any]:
            answer = self._context(query_bundle.query_str, most=self._k, where=self._where)
            return [
                schema.NodeWithScore(
                    node=schema.TextNode(
                        id_=passage.id, text=passage.text, metadata=foreign_metadata(passage)
                    ),
                    score=passage.score,
                )
                for passage in answer.passages
            ]

        async def _aretrieve(self, query_bundle: Any) -> list[Any]:
            return await asyncio.to_thread(self._retrieve, query_bundle)

    return AnglewiseRetriever


def read_filters(filters: Any) -> ItemFilter:
    """The filter that LlamaIndex's ``MetadataFilters`` stand for, which may lie in each other.

    As in LlamaIndex, ``not`` is met where none of its filters is, and an item whose cell is
    missing meets ``!=`` and ``nin``.

    Raises ``SpellingError`` for an operator that compares parts of a cell (``any``, ``all``,
    ``contains``, ``text_match``), or for filters without any; ``WrongTypeError`` for what is none.
    """
    return _joined(filters, is_negated=False)


def _joined(filters: Any, *, is_negated: bool) -> ItemFilter:
    held: Any = getattr(filters, "filters", None)
    if not isinstance(held, list):
        raise WrongTypeError(f"filters are {described(filters)}: MetadataFilters are due")
    inner = cast("list[Any]", held)
    if not inner:
        raise SpellingError("MetadataFilters hold no filter: give one, or None for all items")
    condition = _word(getattr(filters, "condition", None) or "and")
    if condition not in {"and", "or", "not"}:
        raise SpellingError(f"the condition {shown(condition)!r} of MetadataFilters is not known")
    # "not" of several is met where none is: all of their opposites
    negates = is_negated != (condition == "not")
    parts = [
        _joined(part, is_negated=negates)
        if hasattr(part, "filters")
        else _compared(part, is_negated=negates)
        for part in inner
    ]
    return Joined(tuple(parts), all=(condition == "and") != negates)


def _compared(part: Any, *, is_negated: bool) -> ItemFilter:
    """One comparison, or its opposite, which a missing cell meets where the comparison does not."""
    word, key, value = _word(part.operator), part.key, part.value
    if word == "is_empty":
        return Condition(key, "!=" if is_negated else "=", (None,))
    operator = ALIASES.get("not in" if word == "nin" else word)
    if operator is None:
        raise SpellingError(
            f"the operator {shown(word)!r} (of {shown(key)!r}) compares parts of a cell, which is "
            "not done here: ==, !=, <, <=, >, >=, in, nin and is_empty are"
        )
    several = operator in {"in", "not in"}
    if value is None or several != isinstance(value, list):
        due = "a list of values" if several else "one value"
        raise SpellingError(f"{shown(key)!r} {word} {described(value)}: {due} is due")
    meets_missing = (operator in {"!=", "not in"}) != is_negated
    values = condition_values(key, value if several else [value])
    condition = Condition(key, operator, values)
    condition = condition.negated() if is_negated else condition
    return Condition(condition.column, condition.operator, condition.values, meets_missing)


def _word(value: Any) -> str:
    """What an enumeration of LlamaIndex is called, or a text itself."""
    return str(getattr(value, "value", value))
