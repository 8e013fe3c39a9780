"""What an encoder declares of the vectors under audit: where it is known from, what follows."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, cast

from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import check_kind
from anglewise.encoders.declared import Declared, read_declared
from anglewise.errors import ValuesError
from anglewise.io.files import PathLike


def declared_of(space: Space, model: PathLike | Declared | None) -> Declared | None:
    """What is declared: by the files that are named, else as it was recorded when encoding.

    Raises ``FileError`` for files that say nothing, ``ValuesError`` for a record that nobody can
    have written.
    """
    if isinstance(model, Declared):
        return model
    if model is not None:
        return read_declared(model)
    encoding: Any = space.about.get("encoding")
    if not isinstance(encoding, Mapping):
        return None
    record: Any = cast("Mapping[str, Any]", encoding).get("model")
    return None if record is None else recorded(record)


KINDS: dict[str, tuple[type, ...]] = {
    "normalises": (bool,),
    "instructions": (bool,),
    "dimension": (int,),
    "window": (int,),
    "similarity": (str,),
    "pooling": (str,),
}
LISTS: dict[str, type] = {"files": str, "shorter": int, "disagree": str}


def recorded(record: Any) -> Declared:
    """What ``encode`` recorded of a model's files in ``about["encoding"]["model"]``.

    >>> recorded({"source": "e5/", "normalises": True}).trained_for
    'cosine'
    """
    check_kind(record, Mapping, "what a space records of its model", "a dict")
    content = cast("Mapping[str, Any]", record)
    known = {field.name for field in fields(Declared)}
    taken: dict[str, Any] = {"source": "a model"}
    for name in known & set(content):
        value: Any = content[name]
        if name in LISTS:
            entries = [*cast("list[Any]", value)] if isinstance(value, list | tuple) else [None]
            is_right = all(type(entry) is LISTS[name] for entry in entries)
            value = tuple(entries)
        else:
            is_right = type(value) in KINDS.get(name, (str,)) or (value is None and name in KINDS)
        if not is_right:
            raise ValuesError(
                f"the space records {name} of its model in a way that encode does not: it was "
                "changed by hand; encode it again, or name the model's files (--model)"
            )
        taken[name] = value
    return Declared(**taken)


def as_declared(space: Space, declared: Declared | None) -> tuple[Space, list[str]]:
    """The space, trained for what its model declares where nobody says, and sentences about it.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 2.0]]))
    >>> found, notes = as_declared(space, Declared("e5/", similarity="cosine"))
    >>> found.trained_for, notes
    ('cosine', ['trained for cosine, as the files of its model declare (e5/)'])
    """
    if declared is None or declared.trained_for == "unknown":
        return space, []
    said = declared.trained_for
    if space.trained_for == "unknown":
        return replace(space, trained_for=said), [
            f"trained for {said}, as the files of its model declare ({declared.source})"
        ]
    if space.trained_for != said:
        taken = f"and the space says {space.trained_for}, which is taken"
        return space, [f"the files of its model declare {said} ({declared.source}), {taken}"]
    return space, []
