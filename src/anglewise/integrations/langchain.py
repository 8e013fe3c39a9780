"""``AnglewiseRetriever`` for LangChain: the extra ``[langchain]``."""

import asyncio
from functools import cache
from typing import Any, ClassVar

from anglewise.data_types.filters import all_of
from anglewise.data_types.libraries import library
from anglewise.rag.context import Context
from anglewise.rag.prompt import foreign_metadata


def __getattr__(name: str) -> Any:
    if name != "AnglewiseRetriever":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return retriever_class()


@cache
def retriever_class() -> Any:
    """The class ``AnglewiseRetriever(context=..., k=None, filter=None)``, a ``BaseRetriever``.

    It gives the passages of a :class:`anglewise.rag.Context` as documents, at most ``k``, with
    ``id``, ``score`` and ``probability`` among their metadata. A filter is one of
    :mod:`anglewise.data_types.filters`, such as ``{"tenant": "a", "year": {"$gte": 2020}}``; one
    that is given with a question, ``invoke(question, filter=...)``, must hold too. Arguments of
    other names are refused. Raises ``MissingExtraError`` without langchain-core.
    """
    base: Any = library(
        "langchain_core.retrievers", "langchain", needed_by="retriever"
    ).BaseRetriever
    document: Any = library("langchain_core.documents", "langchain", needed_by="retriever").Document

    class AnglewiseRetriever(base):
        """The passages of a context as documents, the best first."""

        # else a filter under another name, such as search_kwargs, would be dropped in silence
        model_config: ClassVar[Any] = {"extra": "forbid", "arbitrary_types_allowed": True}

        context: Context
        k: int | None = None
        filter: Any = None

        def __init__(self, **fields: Any) -> None:
            super().__init__(**fields)
            all_of(self.filter)  # one that cannot be read is refused before anything is asked

        def _get_relevant_documents(
            self,
            query: str,
            *,
            run_manager: Any = None,
            k: int | None = None,
            filter: Any = None,  # noqa: A002 as LangChain's stores call it
        ) -> list[Any]:
            del run_manager
            where = all_of(self.filter, filter)
            answer = self.context(query, most=self.k if k is None else k, where=where)
            return [
                document(
                    page_content=passage.text, id=passage.id, metadata=foreign_metadata(passage)
                )
                for passage in answer.passages
            ]

        async def _aget_relevant_documents(
            self,
            query: str,
            *,
            run_manager: Any = None,
            k: int | None = None,
            filter: Any = None,  # noqa: A002
        ) -> list[Any]:
            del run_manager
            return await asyncio.to_thread(self._get_relevant_documents, query, k=k, filter=filter)

    return AnglewiseRetriever
