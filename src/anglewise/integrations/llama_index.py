"""``AnglewiseRetriever`` for LlamaIndex: the extra ``[llama-index]``."""

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
    """The class ``AnglewiseRetriever(context, k=None)``, a ``BaseRetriever`` of LlamaIndex.

    It gives the passages of a :class:`anglewise.rag.Context` as nodes with scores, at most ``k``.
    Raises ``MissingExtraError`` without llama-index-core.
    """
    base: Any = library(
        "llama_index.core.retrievers", "llama-index", needed_by="retriever"
    ).BaseRetriever
    schema: Any = library("llama_index.core.schema", "llama-index", needed_by="retriever")

    class AnglewiseRetriever(base):
        """The passages of a context as nodes, the best first."""

        def __init__(self, context: Context, k: int | None = None, **settings: Any) -> None:
            super().__init__(**settings)
            self._context = context
            self._k = k

        def _retrieve(self, query_bundle: Any) -> list[Any]:
            answer = self._context(query_bundle.query_str, most=self._k)
            return [
                schema.NodeWithScore(
                    node=schema.TextNode(
                        id_=passage.id, text=passage.text, metadata=foreign_metadata(passage)
                    ),
                    score=passage.score,
                )
                for passage in answer.passages
            ]

    return AnglewiseRetriever
