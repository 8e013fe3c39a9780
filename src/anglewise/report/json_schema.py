"""JSON Schemas of results, derived from the dataclasses whose fields they hold.

JSON has no number that is undefined, so a ``float`` may come as null everywhere; what is not named
is refused, so that a field that comes to a result without coming to its schema is noticed.
"""

import inspect
import re
import types
from collections import abc
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, Literal, TypeAlias, Union, cast, get_args, get_origin

DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
NUMBER: dict[str, Any] = {"type": ["number", "null"]}
"""A figure; null where it is undefined."""
FLAG: dict[str, Any] = {"type": "boolean"}
NULL: dict[str, Any] = {"type": "null"}
ANYTHING: dict[str, Any] = {}


def words(*texts: str) -> dict[str, Any]:
    """One of some texts."""
    return {"const": texts[0]} if len(texts) == 1 else {"enum": [*texts]}


def listed(entry: Mapping[str, Any], **bounds: int) -> dict[str, Any]:
    """A list of entries of one kind."""
    return {"type": "array", "items": dict(entry), **bounds}


def mapped(entry: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, Any]:
    """An object from names, any or some of those given, to entries of one kind.

    >>> mapped(WHOLE, ["queries", "items"])["propertyNames"]
    {'enum': ['queries', 'items']}
    """
    known = {"propertyNames": words(*names)} if names else {}
    return {"type": "object", "additionalProperties": dict(entry), **known}


def nullable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same, or null.

    >>> nullable({"type": "integer"})
    {'type': ['integer', 'null']}
    """
    kinds = entry.get("type")
    if kinds is None or "const" in entry or "enum" in entry:
        return {"anyOf": [dict(entry), NULL]}
    named: list[str] = [kinds] if isinstance(kinds, str) else kinds
    return {**entry, "type": [*dict.fromkeys([*named, "null"])]}


def record(
    needed: Mapping[str, Any],
    optional: Mapping[str, Any] | None = None,
    patterns: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An object with these fields and no others; ``patterns`` are of names that hold a number.

    Of each pattern there is one at least.

    >>> record({"k": WHOLE}, {"where": TEXT})["required"]
    ['k']
    """
    rest = patterns or {}
    some = {"allOf": [_some_name(pattern) for pattern in rest]} if rest else {}
    return {
        "type": "object",
        "properties": {**needed, **(optional or {})},
        **({"patternProperties": dict(rest)} if rest else {}),
        "required": [*needed],
        "additionalProperties": False,
        **some,
    }


def _some_name(pattern: str) -> dict[str, Any]:
    """That some name is like this: not that none is."""
    return {"not": {"propertyNames": {"not": {"pattern": pattern}}}}


def joined(*records: Mapping[str, Any]) -> dict[str, Any]:
    """One object with the fields of several; a later one says what a field is."""
    merged = record({}, {})
    for part in records:
        merged["properties"] |= part["properties"]
        merged["required"] = [*dict.fromkeys([*merged["required"], *part["required"]])]
        if "patternProperties" in part:
            merged.setdefault("patternProperties", {}).update(part["patternProperties"])
            merged.setdefault("allOf", []).extend(part["allOf"])
    return merged


def of(kind: type, *, without: Sequence[str] = (), **instead: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass, as ``asdict`` gives them; ``instead`` says what some are.

    >>> from anglewise.statistics.calibration import Proportion
    >>> of(Proportion)["properties"]["count"]
    {'type': 'integer'}
    """
    names = [field.name for field in fields(kind) if field.name not in without]
    unknown = {*without, *instead} - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"{kind.__name__} has no fields {sorted(unknown)}")
    told = _descriptions(kind)
    content: dict[str, Any] = {}
    for name in names:
        schema = dict(instead[name]) if name in instead else _field(kind, name)
        content[name] = {**schema, "description": told[name]} if name in told else schema
    return {"title": kind.__name__, **record(content)}


def _field(kind: type, name: str) -> dict[str, Any]:
    """The schema of a field by its annotation."""
    place = f"{kind.__name__}.{name}"
    annotation = inspect.get_annotations(kind).get(name)
    if annotation is None or isinstance(annotation, str):
        raise TypeError(f"{place} is annotated elsewhere, or by a name: say what it is")
    return of_annotation(annotation, place)


_PLAIN: dict[Any, dict[str, Any]] = {
    str: TEXT,
    int: WHOLE,
    bool: FLAG,
    float: NUMBER,
    NoneType: NULL,
    Any: ANYTHING,
}


def of_annotation(kind: Any, place: str = "") -> dict[str, Any]:
    """The schema of what is annotated so, once it is JSON.

    >>> of_annotation(tuple[int, ...] | None)
    {'type': ['array', 'null'], 'items': {'type': 'integer'}}
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and is_dataclass(kind):
        return of(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return words(*inner)
    if origin in {Union, types.UnionType}:
        return _union(inner, place)
    if origin in {tuple, list, abc.Sequence}:
        return _list(origin, inner, place)
    if origin in {dict, abc.Mapping}:
        names = get_args(inner[0]) if get_origin(inner[0]) is Literal else ()
        return mapped(of_annotation(inner[1], place), names)
    raise TypeError(f"{place}: nothing says how {kind} is written as JSON")


def _union(kinds: Sequence[Any], place: str) -> dict[str, Any]:
    schemas = [of_annotation(kind, place) for kind in kinds if kind is not NoneType]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return nullable(schema) if NoneType in kinds else schema


def _list(origin: Any, inner: Sequence[Any], place: str) -> dict[str, Any]:
    """A list of entries of one kind, or a tuple in which each entry has its own."""
    if origin is not tuple or inner[1:] == (Ellipsis,):
        return listed(of_annotation(inner[0], place))
    parts = [of_annotation(part, place) for part in inner]
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}


_ATTRIBUTES = re.compile(r"(?m)^(\w+(?:, \w+)*)\n((?:    .*\n?|\n(?=    ))+)")


def _descriptions(kind: type) -> dict[str, str]:
    """What the section "Attributes" of a docstring says of each field."""
    text = inspect.cleandoc(kind.__doc__ or "")
    section = re.search(r"(?ms)^Attributes\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", text)
    told: dict[str, str] = {}
    if section is None:
        return told
    for names, lines in re.findall(
        r"(?m)^(\w+(?:, \w+)*)\n((?:    .*\n?|\n(?=    ))+)", section[1]
    ):
        sentence = " ".join(lines.split())
        told |= dict.fromkeys(names.split(", "), sentence)
    return told


def whole_schema(name: str, title: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema as a file: parts that occur several times stand once, in ``$defs``."""
    definitions: dict[str, Any] = {}
    counts: dict[str, list[str]] = {}
    _count(schema, counts)
    shared = {key for key, texts in counts.items() if len(texts) > 1 and len(set(texts)) == 1}
    body = _with_references(dict(schema), shared, definitions)
    return {
        "$schema": DIALECT,
        "$id": f"urn:anglewise:schema:{name.replace(' ', '-')}",
        "title": title,
        **{key: value for key, value in body.items() if key != "title"},
        **({"$defs": dict(sorted(definitions.items()))} if definitions else {}),
    }


Entries: TypeAlias = Mapping[str, Any]


def _count(value: Any, counts: dict[str, list[str]]) -> None:
    """Note each part that has a title, under that."""
    if isinstance(value, Mapping):
        entries = cast("Entries", value)
        title = _title(entries)
        if title:
            counts.setdefault(title, []).append(repr(_bare(entries)))
        for inner in entries.values():
            _count(inner, counts)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            _count(inner, counts)


def _title(entries: Entries) -> str:
    """What a part is called; empty for what is no part."""
    title = entries.get("title")
    return title if isinstance(title, str) and "properties" in entries else ""


def _bare(entries: Entries) -> dict[str, Any]:
    """Without what is said of the field that holds it, and without whether it may be null."""
    return {key: inner for key, inner in entries.items() if key not in {"description", "type"}}


def _with_references(value: Any, shared: set[str], definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_references(inner, shared, definitions) for inner in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    entries = cast("Entries", value)
    title = _title(entries)
    if title not in shared:
        return _parts(entries, shared, definitions)
    if title not in definitions:
        definitions[title] = {}  # its place, before those of its parts
        definitions[title] = {**_parts(_bare(entries), shared, definitions), "type": "object"}
    reference: dict[str, Any] = {"$ref": f"#/$defs/{title}"}
    if entries["type"] != "object":
        reference = {"anyOf": [reference, NULL]}
    told = entries.get("description")
    return reference if told is None else {**reference, "description": told}


def _parts(entries: Entries, shared: set[str], definitions: dict[str, Any]) -> dict[str, Any]:
    return {key: _with_references(inner, shared, definitions) for key, inner in entries.items()}
