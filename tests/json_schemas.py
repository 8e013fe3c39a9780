"""Results of all commands that tests run, held to their schemas; documents made of schemas."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


@cache
def validator(name: str) -> Draft202012Validator:
    """What holds a document to the schema of this name."""
    from anglewise.report.schemas import schema

    return Draft202012Validator(schema(name))


def fault(name: str, document: Any) -> str | None:
    """The first thing in which a document differs from its schema; None for a sound one."""
    error = best_match(validator(name).iter_errors(document))
    return None if error is None else f"{name} at {error.json_path}: {error.message[:300]}"


def hold_results() -> None:
    """From now on, let a command fail whose result is not what its schema says."""
    from anglewise.cli.console import Talk
    from anglewise.report.plain_text import as_json

    give = Talk.give

    def checked(self, content, shown, done=""):
        name = content.get("command", "schema")
        found = fault(name, json.loads(as_json(content)))
        assert found is None, found
        give(self, content, shown, done)

    Talk.give = checked


def made(schema: Any, definitions: Any) -> Any:  # noqa: PLR0911 one for each kind
    """A document of a schema, with everything that may be in it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return made(definitions[name], definitions) if name in definitions else True
    if "anyOf" in schema:
        return made(schema["anyOf"][0], definitions)
    for word in ("const", "enum"):
        if word in schema:
            return schema[word] if word == "const" else schema[word][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return _object(schema, definitions)
    if kind == "array":
        parts = schema.get("prefixItems") or [schema["items"]] * max(1, schema.get("minItems", 1))
        return [made(part, definitions) for part in parts]
    if "pattern" in schema:
        return "0" * int(schema["pattern"].partition("{")[2].partition("}")[0])
    return {"string": "a", "integer": 1, "number": 0.5, "boolean": True, "null": None}[kind]


def _object(schema: Any, definitions: Any) -> dict[str, Any]:
    parts = {name: made(each, definitions) for name, each in schema.get("properties", {}).items()}
    for pattern, each in schema.get("patternProperties", {}).items():
        parts[pattern.strip("^$").replace(r"\d+", "10")] = made(each, definitions)
    rest = schema.get("additionalProperties")
    if rest:
        names = schema.get("propertyNames", {})
        name = names["enum"][0] if "enum" in names else names.get("const", "a")
        parts[name] = made(rest, definitions)
    return parts


def damaged(document: Any) -> Iterator[tuple[str, Any]]:
    """Each way in which one place of a document may be wrong: what was done, and the document."""
    for path, value in _places(document):
        if isinstance(value, dict):
            yield f"{path}: a field that nobody knows", _with(document, path, {**value, "~": [[]]})
            for name in value:
                rest = {key: each for key, each in value.items() if key != name}
                yield f"{path}: without {name}", _with(document, path, rest)
        yield f"{path}: a list of lists of lists", _with(document, path, [[[{"~": []}]]])


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(each, (*path, key))


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[path[0]] = _with(copied[path[0]], path[1:], value)
    return copied
