"""Queries along a line on which like stands by like, so that every kind gets its share."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.core.numbers import read_whole, shown
from anglewise.core.typing import Array, Float64, Int64
from anglewise.diagnostics.hubness import clusters
from anglewise.errors import SpellingError, ValuesError
from anglewise.io.texts import column, columns_of

QUARTERS = ("lowest", "low", "high", "highest")
TEXTS = ("text", "title", "query")


def line(
    asking: Embeddings,
    rows: Int64[Array, " n"],
    strata: Sequence[str],
    rng: np.random.Generator,
) -> tuple[Int64[Array, " n"], dict[int, str]]:
    """Put rows in order, by stratum after stratum and by chance within; and name what each is in.

    >>> x = Embeddings(np.eye(4), metadata={"kind": ["b", "a", "b", "a"]})
    >>> places, words = line(x, np.arange(4), ["kind"], np.random.default_rng(0))
    >>> [words[row] for row in places.tolist()]
    ['kind a', 'kind a', 'kind b', 'kind b']
    """
    named = [_stratum(asking, rows, one) for one in strata]
    codes = [np.unique(words, return_inverse=True)[1] for words in named]
    order = np.lexsort((rng.random(len(rows)), *reversed(codes)))
    words = [", ".join(parts) for parts in zip(*named, strict=True)] or ["all"] * len(rows)
    return rows[order], dict(zip(rows.tolist(), words, strict=True))


def numbers(asking: Embeddings, name: str) -> Float64[Array, " rows"]:
    """A column of what is known about queries as numbers, none below zero and not all zero.

    Raises ``SpellingError`` if there is no such column, ``ValuesError`` for what is no number.
    """
    cells = _cells(asking, name)
    try:
        values = np.array([float(cell) for cell in cells])
    except (TypeError, ValueError) as error:
        raise ValuesError(f"column {name!r} is to hold numbers, and {error}") from None
    if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.any()):
        raise ValuesError(f"column {name!r} is to hold numbers of at least 0, and not only zeros")
    return values


def _stratum(asking: Embeddings, rows: Int64[Array, " n"], name: str) -> list[str]:
    asked = re.fullmatch(r"clusters\(\s*([^()\s]+)\s*\)", name.strip())
    if asked:
        wanted = read_whole(asked[1])
        if wanted is None or wanted < 1:
            raise SpellingError(
                f"clusters({shown(asked[1])}): a whole number of groups is due, as in clusters(8)"
            )
        count = min(wanted, len(rows))
        return [f"cluster {number}" for number in clusters(asking.vectors[rows], count)]
    if name == "length" and "length" not in columns_of(asking):
        return _quarters("length", np.array([len(text) for text in _texts(asking)], float)[rows])
    cells = [_cells(asking, name)[row] for row in rows.tolist()]
    if all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
        return _quarters(name, np.array(cells, dtype=float))
    return [f"{name} {cell}" for cell in cells]


def _quarters(name: str, values: Float64[Array, " n"]) -> list[str]:
    cuts = np.quantile(values, [0.25, 0.5, 0.75])
    return [f"{name} {QUARTERS[place]}" for place in np.searchsorted(cuts, values, side="left")]


def _texts(asking: Embeddings) -> list[str]:
    for name in TEXTS:
        if name in columns_of(asking):
            return [str(cell or "") for cell in column(asking, name)]
    raise SpellingError(
        f"strata by length need a column {' or '.join(TEXTS)}; there is {_known(asking)}"
    )


def _cells(asking: Embeddings, name: str) -> list[Any]:
    if name not in columns_of(asking):
        raise SpellingError(
            f"nothing is known about queries under {name!r}: there is {_known(asking)}; strata may "
            "also be clusters(8) or length"
        )
    return column(asking, name)


def _known(asking: Embeddings) -> str:
    return ", ".join(columns_of(asking)) or "no metadata"
