"""Graded pairs and triplets read from tables, and aligned with a space."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import check_kind
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import Say, quiet
from anglewise.errors import FileError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike
from anglewise.io.ids import align
from anglewise.io.judgement_files import say_columns
from anglewise.io.tables import (
    ANCHOR,
    DOCUMENT,
    FAR,
    LEFT,
    LIKENESS,
    NEAR,
    QUERY,
    RIGHT,
    Role,
    Sheet,
    find,
    listed,
    numbers_of,
)


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
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "pairs.csv"
    >>> _ = file.write_text("word1,word2,score\ncat,dog,7.5\ncat,car,1\ncat,dog,8.5\n")
    >>> space = Space(items=Embeddings([[1.0], [2.0], [3.0]], ["cat", "dog", "car"]))
    >>> pairs = read_pairs(file, space)
    >>> pairs.rows_b.tolist(), pairs.scores.tolist(), pairs.complaints.duplicates
    ([1, 2], [8.0, 1.0], 1)
    """
    check_kind(space, Space, "the space", "a Space")
    sheet = open_sheet(path)
    positions = _three_positions(sheet, ((LEFT, QUERY), (RIGHT, DOCUMENT), (LIKENESS,)), say)
    aligned = align(sheet, positions[:2], (space.queries, space.items))
    scores = numbers_of(sheet, sheet.columns([positions[2]])[0], positions[2])[aligned.entries]
    key = aligned.rows[0] * len(space.items) + aligned.rows[1]
    _, first, groups = np.unique(key, return_index=True, return_inverse=True)
    means = np.bincount(groups, weights=scores) / np.bincount(groups)
    order = np.argsort(first)  # as in the file
    complaints = replace(
        aligned.complaints,
        duplicates=len(key) - len(first),
        gains_all_equal=bool(np.all(means == means[0])),
    )
    rows_a, rows_b = (rows[first[order]] for rows in aligned.rows)
    return Pairs(rows_a, rows_b, means[order], str(sheet.path), complaints)


def read_triplets(path: PathLike, space: Space, *, say: Say = quiet) -> Triplets:
    r"""Read triplets of ids: an anchor, one that is near it, one that is further.

    Columns are recognised by usual names (``anchor,near,far``, ``anchor,positive,negative`` …);
    otherwise the first three are taken. The anchor stands for a query, the others for items.

    Raises ``FileError`` for fewer than three columns and ``IdsError`` if no triplet matches.

    >>> import tempfile, pathlib
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "odd.csv"
    >>> _ = file.write_text("anchor,positive,negative\ncat,dog,car\n")
    >>> space = Space(items=Embeddings([[1.0], [2.0], [3.0]], ["cat", "dog", "car"]))
    >>> read_triplets(file, space).far.tolist()
    [2]
    """
    check_kind(space, Space, "the space", "a Space")
    sheet = open_sheet(path)
    positions = _three_positions(sheet, ((ANCHOR,), (NEAR,), (FAR,)), say)
    aligned = align(sheet, positions, (space.queries, space.items, space.items))
    triplets = np.stack(aligned.rows, axis=1)
    _, first = np.unique(triplets, axis=0, return_index=True)
    anchors, near, far = (np.ascontiguousarray(side) for side in triplets[np.sort(first)].T)
    complaints = replace(aligned.complaints, duplicates=len(triplets) - len(first))
    return Triplets(anchors, near, far, str(sheet.path), complaints)


def _three_positions(sheet: Sheet, roles: Sequence[tuple[Role, ...]], say: Say) -> list[int]:
    """Where each of three roles stands: by name if all are known, else the first three columns."""
    main_roles = [role[0] for role in roles]
    if sheet.width < len(roles):
        raise FileError(
            f"{sheet.path} has {sheet.width} columns ({listed(sheet.names or ()) or 'no header'}): "
            f"{', '.join(role.meaning for role in main_roles)} are due"
        )
    names = sheet.names or ()
    candidates = [
        [find(names, role, None, sheet.path) for role in alternatives] for alternatives in roles
    ]
    positions = [
        next((position for position in options if position is not None), -1)
        for options in candidates
    ]
    if -1 in positions or len(set(positions)) < len(positions):
        positions = [0, 1, 2]
    say_columns(sheet, main_roles, positions, say)
    return positions
