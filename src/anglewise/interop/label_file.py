"""Labels: the class of each item, from a table."""

from anglewise.core.judgements import Labels
from anglewise.errors import FileError
from anglewise.interop.columns import ID, LABEL, find, listed
from anglewise.interop.open_sheet import open_sheet
from anglewise.interop.say import PathLike, Say, quiet
from anglewise.interop.sheet import names_of


def read_labels(path: PathLike, *, say: Say = quiet) -> Labels:
    r"""Read the class of each item from a table of ``id,label``.

    Raises ``FileError`` if the columns cannot be told, or if an id comes with two labels.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = file.write_text("id,label\na,fruit\nb,tool\n")
    >>> dict(read_labels(file).of)
    {'a': 'fruit', 'b': 'tool'}
    """
    sheet = open_sheet(path)
    names = sheet.names or ()
    label, name = (find(names, role, None, sheet.path) for role in (LABEL, ID))
    if label is None or name is None:
        raise FileError(
            f"{sheet.path}: columns called id and label are due, it has "
            f"{listed(names) or 'no header'}"
        )
    say(f"{sheet.path.name}: ids from {sheet.name(name)}, labels from {sheet.name(label)}")
    columns = sheet.columns([name, label])
    ids, labels = (
        names_of(sheet, c, p).to_pylist() for c, p in zip(columns, (name, label), strict=True)
    )
    kept: dict[str, str] = {}
    for row, (one, its) in enumerate(zip(ids, labels, strict=True)):
        if kept.setdefault(one, its) != its:
            raise FileError(
                f"{sheet.path}, {sheet.place(row)}: {one!r} has the label {its!r} here and "
                f"{kept[one]!r} before: keep one"
            )
    return Labels(kept)
