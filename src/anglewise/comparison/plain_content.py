"""Results in plain types, as JSON has them."""

from math import isfinite
from typing import Any, cast


def plain_json(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """Plain JSON: lists for tuples, null for what is undefined."""
    return {key: _plain(value) for key, value in entries if value is not None or key not in RARE}


RARE = {"reranking", "trainings", "trainings_agree"}
"""What is not there at all where there is none of it."""


def without_seconds(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """The same without what the clock said."""
    return plain_json([entry for entry in entries if entry[0] != "seconds"])


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in cast("dict[str, Any]", value).items()}
    return [*value] if isinstance(value, tuple) else value
