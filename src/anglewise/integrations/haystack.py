"""``AnglewiseRetriever`` for Haystack: the extra ``[haystack]``."""

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
    """The class ``AnglewiseRetriever(context, top_k=None)``, a component for a Haystack pipeline.

    Its input is ``query`` (and ``top_k``), its output ``documents``: the passages of a
    :class:`anglewise.rag.Context`. It holds an index and cannot be written to YAML. Raises
    ``MissingExtraError`` without haystack-ai.
    """
    haystack: Any = library("haystack", "haystack", needed_by="retriever")
    component, document = haystack.component, haystack.Document

    class AnglewiseRetriever:
        """The passages of a context as documents, the best first."""

        def __init__(self, context: Context, top_k: int | None = None) -> None:
            self.context = context
            self.top_k = top_k

        @component.output_types(documents=list[document])
        def run(self, query: str, top_k: int | None = None) -> dict[str, list[Any]]:
            """Answer one query."""
            answer = self.context(query, most=self.top_k if top_k is None else top_k)
            documents = [
                document(
                    id=passage.id,
                    content=passage.text,
                    score=passage.score,
                    meta=foreign_metadata(passage),
                )
                for passage in answer.passages
            ]
            return {"documents": documents}

    return component(AnglewiseRetriever)
