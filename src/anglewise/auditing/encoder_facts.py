"""What an encoder declares of the vectors under audit: where it is known from, what follows."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np

from anglewise.auditing.findings import Light
from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import check_kind, shown
from anglewise.data_types.text import counted, listed, percent
from anglewise.encoders.declared import Declared, read_declared
from anglewise.equivalent_factorisations.gauge import row_cosines
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


def declared_light(declared: Declared, space: Space) -> Light:
    """Whether the vectors are as their model's files declare; the first fault counts.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0.0], [0.0, 2.0]]))
    >>> light = declared_light(Declared("e5/", normalises=True), space)
    >>> light.state, light.what
    ('fix', 'declared of length one; 50% of the items are not')
    """
    checks = (_width, _prompt, _unit, _similarity)
    found = [light for light in (check(declared, space) for check in checks) if light is not None]
    if found:
        return found[0]
    if declared.disagree:
        return Light(
            NAME,
            "look",
            f"the files of the model disagree: {declared.disagree[0]}",
            do="anglewise audit SPACE --model FILE, with the one that is right",
        )
    unseen = "; whether the prompt was used, vectors do not show" if declared.asymmetric else ""
    return Light(NAME, "ok", f"as declared ({declared}){unseen}")


NAME = "declared"


def _sides(space: Space) -> dict[str, Embeddings]:
    sides = {"items": space.items}
    return sides if space.one_sided else {**sides, "queries": space.queries}


UNIT = 1e-3
"""A row is of length one to within so much, which leaves room for half precision."""


def _unit(declared: Declared, space: Space) -> Light | None:
    if not declared.normalises:
        return None
    shares = {
        name: float((np.abs(side.norms[side.norms > 0] - 1) > UNIT).mean())
        for name, side in _sides(space).items()
    }
    name = max(shares, key=lambda side: shares[side])
    if not shares[name]:
        return None
    cosine = declared.trained_for == "cosine"
    return Light(
        NAME,
        "fix" if shares[name] < 1 else "look",
        f"declared of length one; {percent(shares[name])} of the {name} are not",
        shares[name],
        0.0,
        do="anglewise compare SPACE --qrels FILE --measures cosine,dot"
        + (" (cosine, which it is made for, drops lengths)" if cosine else ""),
    )


def _width(declared: Declared, space: Space) -> Light | None:
    width, due = space.items.dimension, declared.dimension
    if due is None or width == due or (width < due and width in declared.shorter):
        return None
    allowed = (
        f", of which it may be cut to {listed(map(str, declared.shorter), 'or')}"
        if declared.shorter
        else ", and nothing says that it may be cut"
    )
    return Light(
        NAME,
        "fix",
        f"declared {due} dimensions{allowed}; the vectors have {width}",
        float(width),
        float(due),
        changes=0.5,
        do="anglewise encode TEXTS -o NEW --encoder MODEL, whole; or name the model that made them",
    )


def _similarity(declared: Declared, space: Space) -> Light | None:
    said = declared.trained_for
    if said == "unknown" or space.trained_for in {"unknown", said}:
        return None
    return Light(
        NAME,
        "look",
        f"declared for {said}; the space says {space.trained_for}",
        do=f"anglewise audit SPACE --trained-for {said}",
    )


SAME = 1 - 1e-6
"""Cosines from here on are of one vector, up to the rounding of half precision."""


def _prompt(declared: Declared, space: Space) -> Light | None:
    """A text that asks and is found: with different prompts its two vectors differ."""
    if not declared.asymmetric or space.one_sided:
        return None
    asking, found = map(_texts, (space.queries, space.items))
    rows = {text: row for row, text in enumerate(found) if text}
    twins = np.array(
        [(row, rows[text]) for row, text in enumerate(asking) if text in rows], dtype=np.int64
    ).reshape(-1, 2)
    same = row_cosines(space.queries.vectors[twins[:, 0]], space.items.vectors[twins[:, 1]]) > SAME
    if not same.any():
        return None
    prompt = shown(declared.query_prompt or declared.document_prompt)
    return Light(
        NAME,
        "fix",
        f"query prompt missing? {prompt!r} is declared before one side, and "
        f"{int(same.sum())} of {counted(len(twins), 'text')} on both sides have one vector there",
        float(same.mean()),
        0.0,
        changes=0.5,
        do=f"anglewise encode TEXTS -o NEW --queries FILE --encoder 'MODEL?query_prompt={prompt}'",
    )


def _texts(side: Embeddings) -> list[str]:
    if "text" not in side.metadata_columns:
        return []
    return [str(cell or "") for cell in column(side, "text")]
