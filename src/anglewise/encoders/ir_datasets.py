"""Documents, queries and judgements of a data set that the package ir_datasets knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.text import Say, counted, quiet
from anglewise.encoders.documents import Documents, TextFiles
from anglewise.errors import FileError, MissingExtraError, ValuesError, reason

PREFIX = "ir-datasets:"
FIELD_BYTES = 60
"""What a text weighs beside its characters."""


@dataclass(frozen=True)
class Dataset:
    """What was read: ``queries`` and ``gains`` (query, document, gain) are there if it has them."""

    documents: Documents
    queries: Documents | None = None
    gains: Mapping[str, Mapping[str, float]] | None = None


def dataset_name(path: Path | str) -> str | None:
    """The name behind ``ir-datasets:``, or None for the path of a file.

    >>> dataset_name(Path("ir-datasets:beir/scifact/test"))
    'beir/scifact/test'
    """
    text = path.as_posix() if isinstance(path, Path) else path
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def read_dataset(name: str, say: Say = quiet) -> Dataset:
    """Read a data set by its name in ir_datasets, which fetches what is not on this machine.

    Raises ``MissingExtraError`` without the package, ``FileError`` for a name that it does not know
    or what cannot be fetched, ``ValuesError`` for more than the memory allows.
    """
    try:
        package: Any = import_module("ir_datasets")
    except ImportError as error:
        raise MissingExtraError(
            f"{PREFIX}{name} needs ir_datasets ({error}): pip install ir-datasets"
        ) from error
    say(f"ir_datasets reads {name}, and fetches over the network what this machine lacks of it")
    source = PREFIX + name
    try:
        dataset = package.load(name)
        documents = _texts(source, dataset.docs_iter(), "doc_id")
        queries = gains = None
        if _has(dataset, "queries"):
            queries = _texts(source, dataset.queries_iter(), "query_id")
        if _has(dataset, "qrels"):
            gains = _gains(dataset.qrels_iter())
    except (FileError, ValuesError):
        raise
    except Exception as error:
        raise FileError(
            f"{source} cannot be read by ir_datasets ({reason(error)}): check the name and what it "
            "needs to be fetched"
        ) from error
    number = counted(len(documents), "document")
    asking = "" if queries is None else f", {counted(len(queries), 'query')}"
    say(f"{source}: {number}{asking}")
    return Dataset(documents, queries, gains)


def _has(dataset: Any, what: str) -> bool:
    return bool(getattr(dataset, f"has_{what}")())


def _texts(source: str, records: Iterable[Any], id_field: str) -> Documents:
    """Records as documents: ``text``, else what the package itself takes; the rest as columns."""
    ids: list[str] = []
    texts: list[str] = []
    others: list[dict[str, Any]] = []
    size = 0
    for record in records:
        cells: dict[str, Any] = record._asdict()
        ids.append(str(cells.pop(id_field)))
        text = cells.pop("text", None)
        texts.append(text if isinstance(text, str) else record.default_text())
        plain = {k: v for k, v in cells.items() if isinstance(v, str | int | float)}
        others.append(plain if text is not None else {})  # else it is part of the text
        characters = len(texts[-1]) + sum(len(str(cell)) for cell in plain.values())
        size += FIELD_BYTES * (2 + len(plain)) + characters
        if size > room():
            raise ValuesError(
                f"{source} holds more than {words(room())} that are allowed: encode a part of it, "
                f"or allow more: {VARIABLE}={words(4 * room()).replace(' ', '')}"
            )
    if not ids:
        raise FileError(f"{source} holds no texts")
    names = dict.fromkeys(name for cells in others for name in cells)
    columns = {name: [cells.get(name) for cells in others] for name in names}
    titles = columns.pop("title", None)
    taken = TextFiles(((source, "ir_datasets", len(ids)),))
    titles = None if titles is None else ["" if cell is None else str(cell) for cell in titles]
    return Documents(ids, texts, titles, columns, taken)


def _gains(qrels: Iterable[Any]) -> dict[str, dict[str, float]]:
    gains: dict[str, dict[str, float]] = {}
    for judged in qrels:
        gains.setdefault(str(judged.query_id), {})[str(judged.doc_id)] = float(judged.relevance)
    return gains
