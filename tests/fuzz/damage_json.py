"""Damage to JSON: values of other kinds, keys gone or new, deep nesting, keys that come twice."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from fuzz.strange import NAMES, changed, value, word


def whole(data: bytes, rng: Random) -> bytes:
    """One value."""
    return _bent(_changed(json.loads(data), rng), rng)


def lines(data: bytes, rng: Random) -> bytes:
    """A value a line."""
    rows = [line for line in data.split(b"\n") if line.strip()]
    if not rows or rng.random() < 0.05:
        return b"[" + b",".join(rows) + b"]"
    at = rng.randrange(len(rows))
    if rng.random() < 0.15:  # the same in every row
        seed = rng.random()
        return b"\n".join(_bent(_changed(json.loads(row), Random(seed)), rng) for row in rows)  # noqa: S311
    rows[at] = _bent(_changed(json.loads(rows[at]), rng), rng)
    return rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"")).join(rows)


def _changed(found: Any, rng: Random) -> Any:
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(found))
        if not places:
            return value(rng)
        inside, key = rng.choice(places)
        deed = rng.randrange(8)
        if deed < 4:
            inside[key] = value(rng)
        elif deed == 4:
            del inside[key]
        elif deed == 5 and isinstance(inside, dict):
            inside[rng.choice((*NAMES, word(rng), *inside))] = inside.pop(key)
        elif deed == 5:
            inside.insert(key, inside[key])
        elif deed == 6 and isinstance(inside[key], str):
            inside[key] = changed(inside[key], rng)
        else:
            inside[key] = rng.choice(([inside[key]], {"a": inside[key]}, str(inside[key])))
    return found


def _places(found: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(found, dict):
        for key, one in found.items():
            yield found, key
            yield from _places(one)
    elif isinstance(found, list):
        for at, one in enumerate(found[:50]):
            yield found, at
            yield from _places(one)


def _bent(found: Any, rng: Random) -> bytes:
    """Written as it may be, or as it may not."""
    text = json.dumps(found, ensure_ascii=rng.random() < 0.5)
    deed = rng.random()
    if deed < 0.03:
        at = rng.randrange(len(text))
        deep = rng.choice((10, 900, 3000, 50_000))
        text = f"{text[:at]}{'[' * deep}{']' * deep}{text[at:]}"
    elif deed < 0.06:
        deep = rng.choice((300, 900, 3000, 50_000))
        text = '{"a":' * deep + text + "}" * deep
    elif deed < 0.09:
        text = text.replace("0", "9" * rng.choice((25, 400, 5000)), 1)
    elif deed < 0.12:
        text = text.replace("{", rng.choice(('{"id":1,', '{"id":null,', "{,", "{//\n")), 1)
    elif deed < 0.15:
        text = changed(text, rng)
    return text.encode("utf-8", "surrogatepass")
