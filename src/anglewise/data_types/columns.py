"""The columns of what is known about rows: titles, texts, dates and the like."""

from typing import Any, cast

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.typing import offers
from anglewise.errors import ValuesError


def columns_of(embeddings: Embeddings) -> list[str]:
    """The names of the columns of some embeddings' metadata.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> columns_of(Embeddings([[1.0]], metadata={"title": ["Alien"]}))
    ['title']
    """
    metadata: Any = embeddings.metadata
    if metadata is None:
        return []
    return [
        str(name)
        for name in (metadata.column_names if offers(metadata, "column_names") else metadata)
    ]


def column(embeddings: Embeddings, name: str) -> list[Any]:
    """One column of some embeddings' metadata, as a list; a lazy column is read now."""
    values: Any = cast("Any", embeddings.metadata)[name]
    try:
        return values.to_pylist() if offers(values, "to_pylist") else list(values)
    except (ValueError, OverflowError) as error:
        raise ValuesError(
            f"the column {name!r} of what is known about the vectors cannot be read ({error}): "
            "write its dates as text"
        ) from error
