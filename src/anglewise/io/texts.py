"""Read titles and texts by id."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.parts import Parts
from anglewise.data_types.text import Say, other_form, quiet
from anglewise.data_types.typing import Array, Shaped
from anglewise.errors import FileError, IdsError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import PathLike, existing_file, reading, suffix
from anglewise.io.json_texts import json_lines
from anglewise.io.tables import (
    ID,
    Role,
    Sheet,
    check_names,
    check_no_columns,
    find,
    listed,
    names_of,
)
from anglewise.io.text_kinds import COLLECTIONS, Table, TextKind, page_columns, pages_of, text_kind


def read_texts(
    path: PathLike,
    ids: Sequence[str] | Shaped[Array, " rows"],
    *,
    id_roles: Sequence[Role] = (ID,),
    say: Say = quiet,
) -> dict[str, list[Any]]:
    r"""Read titles and texts by id: every kind of file that ``encode`` reads; one list a column.

    Ids that the file does not hold get ``None``. Raises ``IdsError`` if it holds none of them.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "movies.csv"
    >>> _ = file.write_text("item_id,title\n7,Alien\n9,Heat\n")
    >>> read_texts(file, ["9", "8"])
    {'title': ['Heat', None]}
    """
    path = existing_file(path)
    names, table = text_table(path, id_roles=id_roles, say=say)
    row_of = {name: row for row, name in enumerate(names)}
    rows = [row_of.get(str(i)) for i in ids]
    missing = rows.count(None)
    if missing == len(rows):
        raise IdsError(
            f"{path} knows none of the ids: it has {listed(names, 3)}; "
            f"wanted are {listed(list(ids), 3)}{other_form(map(str, ids), row_of)}"
        )
    if missing:
        hint = other_form(map(str, ids), row_of)
        say(f"{path.name} says nothing about {missing:,} of {len(rows):,} ids{hint}")
    return {
        column: [None if row is None else values[row] for row in rows]
        for column, values in table.items()
    }


def text_table(
    path: Path,
    *,
    id_roles: Sequence[Role] = (ID,),
    id_column: str | None = None,
    say: Say = quiet,
) -> Table:
    """All ids of a file of texts, in their order, and its other columns.

    A file that is one document is called by its name, pages of PDF ``FILE#page=1`` and so on.
    """
    kind = text_kind(path)
    if kind in COLLECTIONS:
        check_no_columns({ID: id_column}, path)
        return COLLECTIONS[kind](path, say)
    if is_page(path, kind):
        check_no_columns({ID: id_column}, path)
        return page_columns([(path.name, pages_of(path, kind, say))])
    return _from_sheet(open_sheet(path), id_roles, id_column)


def is_page(path: Path, kind: TextKind) -> bool:
    """Whether a file given by itself is one document; a ``.txt`` may as well be a table."""
    return kind in {"HTML", "Markdown", "PDF"} or (kind == "text" and suffix(path) != ".txt")


def text_ids(path: Path) -> list[str]:
    """The ids of a ``corpus.jsonl`` or ``queries.jsonl``, in their order."""
    return json_lines(path)[0]


def with_title(title: str, text: str) -> str:
    r"""A title, a blank and a text; the text alone if it begins with the title.

    >>> with_title("lift of a wing", "lift of\na wing . an experiment")
    'lift of\na wing . an experiment'
    """
    title, text = title.strip(), text.strip()
    begins = text.startswith(title) or " ".join(text[: 2 * len(title)].split()).startswith(title)
    return text if begins else f"{title} {text}".strip()


def texts_of(embeddings: Embeddings, parts: Parts | None = None) -> list[str]:
    """The text of each row, its title before it: the columns ``text`` and ``title``; or one alone.

    Where rows are passages, the text of each document: its passages joined by blanks.

    >>> about = {"title": ["Heat", None], "text": ["A heist.", "A voyage."], "year": [1995, 1979]}
    >>> texts_of(Embeddings([[1.0], [2.0]], metadata=about))
    ['Heat A heist.', 'A voyage.']
    >>> texts_of(Embeddings([[1.0], [2.0]], metadata=about), Parts.named(["a", "a"]))
    ['Heat A heist. A voyage.']
    """
    by_lower_name = {name.lower(): name for name in embeddings.metadata_columns}
    sides = [
        ["" if cell is None else str(cell) for cell in column(embeddings, by_lower_name[name])]
        for name in ("title", "text")
        if name in by_lower_name
    ]
    texts = sides[0] if len(sides) == 1 else list(map(with_title, *sides))
    if parts is None:
        return texts
    passages: list[list[str]] = [[] for _ in range(len(parts))]
    for document, text in zip(parts.of.tolist(), texts, strict=True):
        passages[document].append(text)
    return [" ".join(filter(None, each)) for each in passages]


def _from_sheet(sheet: Sheet, roles: Iterable[Role], id_column: str | None = None) -> Table:
    if sheet.names is None:
        raise FileError(f"{sheet.path} has no header: name its columns in the first line")
    candidates = (find(sheet.names, role, id_column, sheet.path) for role in roles)
    position = next((candidate for candidate in candidates if candidate is not None), None)
    if position is None:
        raise FileError(
            f"{sheet.path}: cannot tell which column holds the ids among {listed(sheet.names)}; "
            "call it id"
        )
    other_positions = [i for i in range(sheet.width) if i != position]
    check_names([sheet.names[i] for i in other_positions], sheet.path)
    ids, *cells = sheet.columns([position, *other_positions])
    with reading(sheet.path, "texts"):  # dates may lie past all that Python knows
        table = {sheet.names[i]: c.to_pylist() for i, c in zip(other_positions, cells, strict=True)}
    return names_of(sheet, ids, position).to_pylist(), table
