"""Columns of true and false that are written as text."""

from typing import Any

from anglewise.io.files import arrow


def truth_values(column: Any) -> Any:
    """A column of nothing but true and false as text, as pandas writes them, as truth values."""
    pa, pc = arrow(), arrow("compute")
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column.slice(0, 1)))
    if not pc.any(pc.is_in(words, pa.array(["true", "false"]))).as_py():
        return column
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    is_one = pc.equal(words, "true")
    return is_one if pc.all(pc.or_(is_one, pc.equal(words, "false"))).as_py() else column
