"""``AnglewiseRetriever`` for LangChain: the extra ``[langchain]``."""

from functools import cache
from typing import Any

from anglewise.encoders.encoder import library
from anglewise.rag.context import Context
from anglewise.rag.prompt import foreign_metadata


def __getattr__(name: str) -> Any:
    if name != "AnglewiseRetriever":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return retriever_class()


@cache
def retriever_class() -> Any:
    """The class ``AnglewiseRetriever(context=..., k=None)``, a ``BaseRetriever`` of LangChain.

    It gives the passages of a :class:`anglewise.rag.Context` as documents, at most ``k``, with
    ``id``, ``score`` and ``probability`` among their metadata. Raises ``MissingExtraError`` without
    langchain-core.
    """
    base: Any = library(
        "langchain_core.retrievers", "langchain", needed_by="retriever"
    ).BaseRetriever
    document: Any = library("langchain_core.documents", "langchain", needed_by="retriever").Document

    class AnglewiseRetriever(base):
        """The passages of a context as documents, the best first."""

        context: Context
        k: int | None = None

        def _get_relevant_documents(
            self, query: str, *, run_manager: Any = None, k: int | None = None
        ) -> list[Any]:
            del run_manager
            answer = self.context(query, most=self.k if k is None else k)
            return [
                document(
                    page_content=passage.text, id=passage.id, metadata=foreign_metadata(passage)
                )
                for passage in answer.passages
            ]

    return AnglewiseRetriever
