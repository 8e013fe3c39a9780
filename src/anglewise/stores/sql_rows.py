"""What stores that are asked in SQL have in common: names, and a column with JSON."""

from collections.abc import Mapping
from typing import Any

from anglewise.stores.vector_store import content_of

METADATA = "metadata"
"""The column with everything that is known of an item, as JSON, in tables that export made."""


def quoted(name: str) -> str:
    """A name in SQL.

    >>> print(quoted('a "b" c'))
    "a ""b"" c"
    """
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def known_of(cells: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an item: its cells, or what export wrote into one of them as JSON.

    >>> known_of({"metadata": '{"year": 1999}'}), known_of({"year": 1999, "metadata": "{}"})
    ({'year': 1999}, {'year': 1999, 'metadata': '{}'})
    """
    if set(cells) != {METADATA} or not isinstance(cells[METADATA], str):
        return dict(cells)
    content = content_of(cells[METADATA])
    return dict(cells) if content is None else content
