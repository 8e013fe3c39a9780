"""``AnglewiseRetriever`` for Haystack: the extra ``[haystack]``."""

import asyncio
from functools import cache
from typing import Any

from anglewise.data_types.filters import all_of
from anglewise.data_types.libraries import library
from anglewise.encoders.encoder import Spec
from anglewise.integrations.haystack_filters import read_filters
from anglewise.integrations.pipeline_context import context_of, context_settings
from anglewise.rag.context import Context
from anglewise.rag.prompt import foreign_metadata


def __getattr__(name: str) -> Any:
    if name != "AnglewiseRetriever":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return retriever_class()


@cache
def retriever_class() -> Any:
    """The class ``AnglewiseRetriever(context, top_k=None, filters=None)``, a component.

    Its inputs are ``query``, ``top_k`` and ``filters``, its output ``documents``: the passages of a
    :class:`anglewise.rag.Context`. ``filters`` are those of Haystack, see
    :func:`anglewise.integrations.haystack_filters.read_filters`; those that are given with a query
    must hold beside those of the component. A pipeline that holds it can be written to YAML where
    its index was loaded from a folder or saved to it, and be loaded again, by
    ``Pipeline.load(file, allowed_modules=["anglewise.*"])``. Raises ``MissingExtraError`` without
    haystack-ai.
    """
    haystack: Any = library("haystack", "haystack", needed_by="retriever")
    component, document = haystack.component, haystack.Document

    class AnglewiseRetriever:
        """The passages of a context as documents, the best first."""

        def __init__(
            self,
            context: Context,
            top_k: int | None = None,
            filters: dict[str, Any] | None = None,
        ) -> None:
            self.context = context
            self.top_k = top_k
            self.filters = filters
            self._where = None if filters is None else read_filters(filters)

        @component.output_types(documents=list[document])
        def run(
            self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
        ) -> dict[str, list[Any]]:
            """Answer one query."""
            where = all_of(self._where, None if filters is None else read_filters(filters))
            most = self.top_k if top_k is None else top_k
            answer = self.context(query, most=most, where=where)
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

        @component.output_types(documents=list[document])
        async def run_async(
            self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
        ) -> dict[str, list[Any]]:
            """Answer one query, while others are answered."""
            return await asyncio.to_thread(self.run, query, top_k=top_k, filters=filters)

        def to_dict(self) -> dict[str, Any]:
            """The component in plain types, which name the folder of its index."""
            return haystack.default_to_dict(
                self,
                context=context_settings(self.context),
                top_k=self.top_k,
                filters=self.filters,
            )

        @classmethod
        def from_dict(cls, data: dict[str, Any]) -> Any:
            """The component from :meth:`to_dict`; its index is read from its folder."""
            given = dict(data.get("init_parameters", {}))
            given["context"] = context_of(given.get("context"), check_function)
            return haystack.default_from_dict(cls, {**data, "init_parameters": given})

    return component(AnglewiseRetriever)


def check_function(spec: Spec) -> None:
    """Let Haystack refuse a function of a module that it was not allowed to load."""
    utils: Any = library("haystack.utils", "haystack", needed_by="retriever")
    utils.deserialize_callable(spec.source.replace(":", "."))
