"""``AnglewiseRetriever`` for LlamaIndex: the extra ``[llama-index]``."""

from functools import cache
from typing import Any

from anglewise.rag.context import Context
from anglewise.rag.foreign import about, foreign


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
    base: Any = foreign("llama_index.core.retrievers", "llama-index").BaseRetriever
    schema: Any = foreign("llama_index.core.schema", "llama-index")

    class AnglewiseRetriever(base):
        """The passages of a context as nodes, the best first."""

        def __init__(self, context: Context, k: int | None = None, **settings: Any) -> None:
            super().__init__(**settings)
            self._context = context
            self._k = k

        def _retrieve(self, query_bundle: Any) -> list[Any]:
            found = self._context(query_bundle.query_str, most=self._k)
            return [
                schema.NodeWithScore(
                    node=schema.TextNode(id_=one.id, text=one.text, metadata=about(one)),
                    score=one.score,
                )
                for one in found.passages
            ]

    return AnglewiseRetriever
