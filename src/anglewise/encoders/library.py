"""Foreign libraries, imported when an encoder needs them."""

from importlib import import_module
from typing import Any

from anglewise.errors import MissingExtraError


def library(module: str, extra: str) -> Any:
    """Import a module, or say which extra of anglewise brings it.

    >>> library("math", "text").sqrt(4.0)
    2.0
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this encoder needs {module} ({error}): pip install 'anglewise[{extra}]'"
        ) from error
