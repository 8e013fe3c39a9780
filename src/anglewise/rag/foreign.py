"""The libraries of others, imported when their adapter is asked for."""

from importlib import import_module
from typing import Any

from anglewise.errors import MissingExtraError
from anglewise.rag.prompt import Passage


def foreign(module: str, extra: str) -> Any:
    """Import a module, or say which extra of anglewise brings it.

    >>> foreign("math", "langchain").sqrt(4.0)
    2.0
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this retriever needs {module} ({error}): pip install 'anglewise[{extra}]'"
        ) from error


def about(passage: Passage) -> dict[str, Any]:
    """What a foreign document is told beside its text.

    >>> about(Passage("7", 0.5, "A heist.", metadata={"text": "A heist.", "year": 1995}))
    {'year': 1995, 'id': '7', 'score': 0.5, 'probability': None}
    """
    known = {name: value for name, value in passage.metadata.items() if value != passage.text}
    return {
        **known,
        "id": passage.id,
        "score": passage.score,
        "probability": passage.probability,
    }
