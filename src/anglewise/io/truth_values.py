"""Columns of true and false that are written as text."""

from typing import Any

from anglewise.io.files import arrow


def truth_values(column: Any) -> Any:
    """A column of nothing but true and false as text, as pandas writes them, as truth values.

    A column that holds no text comes back as it is.
    """
    pa, pc = arrow(), arrow("compute")
    is_text = pa.types.is_string, pa.types.is_large_string
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if not any(holds(column.type) for holds in is_text):
        return column
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column.slice(0, 1)))
    if not pc.any(pc.is_in(words, pa.array(["true", "false"]))).as_py():
        return column
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    is_one = pc.equal(words, "true")
    return is_one if pc.all(pc.or_(is_one, pc.equal(words, "false"))).as_py() else column
