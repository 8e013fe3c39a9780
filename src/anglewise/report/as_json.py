"""What machines read: one way to write JSON, for every command."""

import json
import math
from collections.abc import Mapping
from typing import Any

from anglewise.core.text import visible_json


def as_json(content: Mapping[str, Any]) -> str:
    """JSON text, indented, in the order given; what is not a finite number is null.

    >>> print(as_json({"mean": float("nan"), "low": 0.5}), end="")
    {
      "mean": null,
      "low": 0.5
    }
    """
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    return visible_json(text) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
