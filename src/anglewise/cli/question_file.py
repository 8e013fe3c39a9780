"""A file of questions that need no ids."""

from pathlib import Path

from anglewise.encoders.documents import documents_of, read_documents
from anglewise.io.delimited import open_sheet
from anglewise.io.files import contents, existing_file, reading, suffix
from anglewise.io.tables import Role, need

QUESTION = Role("questions", "text", "question query text sentence prompt title")


def questions_in(path: Path, column: str | None = None) -> list[str]:
    r"""Questions of a ``.txt`` file, one a line, of ``queries.jsonl`` or of a column of a table.

    Empty ones are left out. Raises ``FileError`` or ``SpellingError`` where there is no telling
    which column holds them, ``TooFewError`` where there are none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "questions.txt"
    >>> _ = file.write_text("Where is my card?\n\nWho pays?\n")
    >>> questions_in(file)
    ['Where is my card?', 'Who pays?']
    """
    if suffix(path) in {".jsonl", ".ndjson"}:
        return read_documents(path, text_column=column).split_empty()[0].words
    if suffix(path) == ".txt":
        with reading(path, "a text in UTF-8"):
            found = bytes(contents(existing_file(path))).decode("utf-8-sig").splitlines()
    else:
        sheet = open_sheet(path)
        names = sheet.names or ()
        [cells] = sheet.columns([need(names, QUESTION, column, path)])
        found = ["" if cell is None else str(cell) for cell in cells.to_pylist()]
    return documents_of(found).split_empty()[0].words
