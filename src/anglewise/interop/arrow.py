"""pyarrow, imported when it is needed."""

from importlib import import_module
from typing import Any


def arrow(module: str | None = None) -> Any:
    """Give pyarrow, or one of its modules; it has no types, so nothing is known about it.

    >>> arrow("compute").sum(arrow().array([1, 2])).as_py()
    3
    """
    return import_module("pyarrow" if module is None else f"pyarrow.{module}")
