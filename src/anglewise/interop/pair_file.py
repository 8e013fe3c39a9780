"""Pairs that people scored, and triplets that they ordered, lined up with a space."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Pairs, Triplets
from anglewise.errors import FileError
from anglewise.interop.aligned import align
from anglewise.interop.columns import (
    ANCHOR,
    DOCUMENT,
    FAR,
    LEFT,
    LIKENESS,
    NEAR,
    QUERY,
    RIGHT,
    Role,
    find,
    listed,
)
from anglewise.interop.open_sheet import open_sheet
from anglewise.interop.say import PathLike, Say, quiet
from anglewise.interop.sheet import Sheet, numbers_of


def read_pairs(path: PathLike, space: Space, *, say: Say = quiet) -> Pairs:
    r"""Read two ids and how alike a person finds them, a line each.

    Columns are recognised by usual names (``id_a,id_b,score``, ``word1,word2,similarity`` …);
    otherwise the first three are taken. The left id stands for a query, the right one for an item;
    in a one-sided space both for items. A pair that comes more than once counts once, with the
    mean of its scores.

    Raises
    ------
    FileError, ValuesError
        Fewer than three columns, or a score that is no number (by line).
    IdsError
        Not one pair matches; the message shows three ids of either side.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from anglewise.core.embeddings import Embeddings
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "pairs.csv"
    >>> _ = file.write_text("word1,word2,score\ncat,dog,7.5\ncat,car,1\ncat,dog,8.5\n")
    >>> space = Space(items=Embeddings([[1.0], [2.0], [3.0]], ["cat", "dog", "car"]))
    >>> pairs = read_pairs(file, space)
    >>> pairs.rows_b.tolist(), pairs.scores.tolist(), pairs.complaints.duplicates
    ([1, 2], [8.0, 1.0], 1)
    """
    sheet = open_sheet(path)
    places = _places(sheet, ((LEFT, QUERY), (RIGHT, DOCUMENT), (LIKENESS,)), say)
    found = align(sheet, places[:2], (space.queries, space.items))
    scores = numbers_of(sheet, sheet.columns(places[2:])[0], places[2])[found.kept]
    key = found.rows[0] * len(space.items) + found.rows[1]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    means = np.bincount(which, weights=scores) / np.bincount(which)
    order = np.argsort(first)  # as in the file
    complaints = replace(
        found.complaints,
        duplicates=len(key) - len(first),
        gains_all_equal=bool(np.all(means == means[0])),
    )
    rows_a, rows_b = (rows[first[order]] for rows in found.rows)
    return Pairs(rows_a, rows_b, means[order], str(sheet.path), complaints)


def read_triplets(path: PathLike, space: Space, *, say: Say = quiet) -> Triplets:
    r"""Read triplets of ids: an anchor, one that is near it, one that is further.

    Columns are recognised by usual names (``anchor,near,far``, ``anchor,positive,negative`` …);
    otherwise the first three are taken. The anchor stands for a query, the others for items.

    Raises ``FileError`` for fewer than three columns and ``IdsError`` if no triplet matches.

    >>> import tempfile, pathlib
    >>> from anglewise.core.embeddings import Embeddings
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "odd.csv"
    >>> _ = file.write_text("anchor,positive,negative\ncat,dog,car\n")
    >>> space = Space(items=Embeddings([[1.0], [2.0], [3.0]], ["cat", "dog", "car"]))
    >>> read_triplets(file, space).far.tolist()
    [2]
    """
    sheet = open_sheet(path)
    places = _places(sheet, ((ANCHOR,), (NEAR,), (FAR,)), say)
    found = align(sheet, places, (space.queries, space.items, space.items))
    rows = np.stack(found.rows, axis=1)
    _, first = np.unique(rows, axis=0, return_index=True)
    anchors, near, far = rows[np.sort(first)].T
    complaints = replace(found.complaints, duplicates=len(rows) - len(first))
    return Triplets(
        np.ascontiguousarray(anchors),
        np.ascontiguousarray(near),
        np.ascontiguousarray(far),
        str(sheet.path),
        complaints,
    )


def _places(sheet: Sheet, roles: Sequence[tuple[Role, ...]], say: Say) -> list[int]:
    """Where each of three roles stands: by name if all are known, else the first three columns."""
    names = sheet.names or ()
    if sheet.width < len(roles):
        raise FileError(
            f"{sheet.path} has {sheet.width} columns ({listed(names) or 'no header'}): "
            f"{', '.join(role[0].meaning for role in roles)} are due"
        )
    places: list[Any] = [
        next((p for r in role if (p := find(names, r, None, sheet.path)) is not None), None)
        for role in roles
    ]
    if None in places or len(set(places)) < len(places):
        places = [0, 1, 2]
    words = [f"{r[0].meaning} from {sheet.name(p)}" for r, p in zip(roles, places, strict=True)]
    say(f"{sheet.path.name}: {', '.join(words)}")
    return places
