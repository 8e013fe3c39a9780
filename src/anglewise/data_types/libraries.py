"""Optional libraries: imported where they are used, and named where they are missing."""

from importlib import import_module
from typing import Any

from anglewise.errors import MissingExtraError


def library(module: str, extra: str, *, needed_by: str = "encoder") -> Any:
    """Import a module, or say which extra of anglewise brings it.

    >>> library("math", "text").sqrt(4.0)
    2.0
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this {needed_by} needs {module} ({error}): pip install 'anglewise[{extra}]'"
        ) from error
