"""Read sets of items from a table: what is labelled, tagged or cited alike, as judgements."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import SEED, check_columns, check_kind, shown
from anglewise.data_types.sparse import distinct_pairs
from anglewise.data_types.text import Say, counted, quiet
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import FileError, IdsError, SpellingError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, arrow, reading
from anglewise.io.odd_ids import NONE_GIVEN
from anglewise.io.sizes import check_holds
from anglewise.io.tables import ID, ITEM, Sheet, check_names, find, listed, names_of, rows_of
from anglewise.judgements.co_use import co_use

SEVERAL = "|"
"""Parts the labels of one cell, as in ``Crime|Drama``."""
ENTRY = 200
"""Bytes that a row, and each further label in it, take while they are read."""


def read_item_sets(
    path: PathLike,
    space: Space,
    *,
    column: str | None = None,
    seed: int = 0,
    say: Say = quiet,
) -> Judgements:
    r"""Read which items share labels, as judgements ``items-items``.

    A row names an item and a label (a tag, a genre, what is cited): one label, or several parted
    by ``|``. An item may have several rows. The gain of two items is the share of the labels of
    either that both have (Jaccard). Rows without a label or of an item that the space lacks are
    left out, and counted by ``say``.

    Parameters
    ----------
    column
        The column of labels; without it the only one beside the ids.
    seed
        Draws the items that ask, where all pairs are too many.

    Raises
    ------
    FileError
        No such file, no header, no column of ids, none or several that may hold labels, no label.
    SpellingError
        A column that is not there.
    IdsError
        No id is an item of the space.
    TooFewError
        No two items share a label.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "genres.csv"
    >>> _ = file.write_text("id,genres\na,Crime|Drama\nb,Drama\nc,Comedy\n")
    >>> space = Space(items=Embeddings([[1.0], [2.0], [3.0]], ids=["a", "b", "c"]))
    >>> read_item_sets(file, space).gains.values.tolist()
    [0.5, 0.5]
    """
    check_kind(space, Space, "space", "a Space")
    check_columns(column=column)
    SEED.check("seed", seed)
    sheet = open_sheet(path)
    of_id, of_label = _positions(sheet, column)
    ids = names_of(sheet, sheet.columns([of_id])[0], of_id)
    texts = _texts(sheet, of_label)
    check_holds(sheet.path, ENTRY * (len(texts) + _parted(texts)))
    rows = rows_of(ids, space.items)
    empty, unknown = 0, int((rows < 0).sum())
    if unknown == len(rows):
        some = ids.to_pylist()[:1]
        raise IdsError(
            f"{sheet.path}: not one of {len(rows):,} ids is an item of the space"
            f"{f', such as {shown(some[0])!r}' if some else ''}: take labels of its items"
        )
    number_of: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for row, cell in zip(rows.tolist(), texts.to_pylist(), strict=True):
        names = [name.strip() for name in (cell or "").split(SEVERAL) if name.strip()]
        empty += not names
        if row >= 0:
            pairs += [(number_of.setdefault(name, len(number_of)), row) for name in names]
    left = [f"{empty:,} without a label"] * bool(empty)
    left += [f"{unknown:,} of items that the space lacks"] * bool(unknown)
    label = sheet.name(of_label)
    say(
        f"{sheet.path.name}: ids from {sheet.name(of_id)}, labels from {label}"
        + (f"; rows left out: {', '.join(left)}" if left else "")
    )
    _say_odd_labels(sheet, number_of, say)
    if not pairs:
        raise FileError(f"{sheet.path}: no item of the space has a label in {label}: fill it in")
    sets, items = np.array(pairs, dtype=np.int64).T
    table = distinct_pairs(sets, items, (len(number_of), len(space.items)))
    made_of = UsedTogether(table, grade="jaccard", of_users=False, seed=seed)
    judged = co_use(made_of, noun="label")
    labels = counted(len(number_of), "label")
    return replace(judged, source=f"{judged.source} ({labels}, {label} of {sheet.path.name})")


NO_LABEL = (*NONE_GIVEN, "(no genres listed)", "unknown", "Unknown")
"""What stands for none, in MovieLens too."""


def _say_odd_labels(sheet: Sheet, labels: Collection[str], say: Say) -> None:
    """Say which labels may be several in one, or none."""
    joined = [label for label in labels if "," in label or ";" in label]
    if joined:
        say(
            f"{sheet.path.name}: {counted(len(joined), 'label')} with a comma or a semicolon, such "
            f"as {shown(joined[0])!r}, taken as one each: labels of one cell are parted by "
            f"{SEVERAL} alone"
        )
    none = next((label for label in NO_LABEL if label in labels), None)
    if none is not None:
        say(
            f"{sheet.path.name}: {none!r} is taken as a label, which items share; if it says that "
            "they have none, leave their cells empty"
        )


def _parted(texts: Any) -> int:
    """How many labels stand behind others in their cells."""
    counts = arrow("compute").count_substring(texts, SEVERAL)
    return arrow("compute").sum(counts).as_py() or 0


def _texts(sheet: Sheet, position: int) -> Any:
    """A column as texts, null where it is empty."""
    with reading(sheet.path, f"a table whose {sheet.name(position)} holds labels"):
        column: Any = sheet.columns([position])[0].cast(arrow().string())
    return column


def _positions(sheet: Sheet, column: str | None) -> tuple[int, int]:
    """Where ids and labels stand."""
    names = list(sheet.names or ())
    known = (find(names, role, None, sheet.path) for role in (ID, ITEM))
    of_id = next((position for position in known if position is not None), None)
    if of_id is None:
        raise FileError(
            f"{sheet.path}: cannot tell which column holds the ids among "
            f"{listed(names) or 'none, for it has no header'}; call it id"
        )
    check_names(names, sheet.path)
    others = [name for position, name in enumerate(names) if position != of_id]
    if column is not None:
        if column not in others:
            raise SpellingError(
                f"{sheet.path} has no column {column!r} beside the ids: known are {listed(others)}"
            )
        return of_id, names.index(column)
    if len(others) != 1:
        raise FileError(
            f"{sheet.path}: cannot tell which column holds the labels among "
            f"{listed(others) or 'none'}; name it, as in {sheet.path.name}:COLUMN"
        )
    return of_id, names.index(others[0])
