"""Read spaces from files or from stores: the reader of the package's face."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anglewise.data_types.embeddings import Seen, Space, TrainedFor, check_trained_for
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.errors import SpellingError
from anglewise.io.files import PathLike, existing_file, naming
from anglewise.io.interactions import with_seen
from anglewise.io.read import read_space as read_files
from anglewise.io.vector_formats import read_format
from anglewise.io.vectors import opened, read_vectors, texts_of
from anglewise.stores.address import Address, is_address
from anglewise.stores.known_files import Source, stored_place


def read_space(
    path: Source | None = None,
    *,
    queries: PathLike | None = None,
    items: Source | None = None,
    query_ids: PathLike | None = None,
    item_ids: PathLike | None = None,
    query_texts: PathLike | None = None,
    item_texts: PathLike | None = None,
    trained_for: TrainedFor | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    vector_format: str | None = None,
    seen: PathLike | Seen | None = None,
    say: Say = quiet,
) -> Space:
    """Read queries and items that live together, or items alone: from files, or from a store.

    Files are a folder that ``write_space`` wrote; a folder of ``items.*`` and ``queries.*`` with
    ids in ``items.txt`` and ``queries.txt`` or in BEIR's ``corpus.jsonl`` and ``queries.jsonl``;
    a model that Spark's ALS saved; single files: npy, npz (implicit's ``user_factors`` and
    ``item_factors`` too, and arrays of biases beside the vectors), parquet,
    feather and Arrow with a column of lists, JSON lines, safetensors, word2vec's text and binary;
    a data set of Hugging Face saved to disk; tables of text with vectors such as ``[0.1,0.2]``,
    rows that COPY of PostgreSQL wrote; dumps in JSON of OpenAI's batches, Qdrant, Pinecone,
    Weaviate, Milvus and Chroma. All of them also as ``.gz``. Npy and Arrow
    files beyond a quarter of the memory are memory-mapped: do not write into them meanwhile.

    A store is named by its address, such as ``lancedb:///folder/table``: its rows are the items,
    with their ids and metadata, and all are read into memory. An index of faiss or usearch, a
    folder ``table.lance`` and a folder of Chroma are known by their content, and read likewise.

    Parameters
    ----------
    path
        A folder, or a file that holds both sides or items alone; or the address of a store.
    queries, items
        Instead of ``path``, a file for each side; items may lie in a store. Beside the address of
        a store ``queries`` are those who ask.
    query_ids, item_ids
        Where the ids stand, one for each vector, if not in the file of the vectors.
    query_texts, item_texts
        Titles and texts by id (JSON lines, CSV, parquet, or the BEIR folder that holds them).
    trained_for
        The measure inside the training loss; a factor model of implicit is known to use ``dot``.
    vector_column, id_column
        Names of columns (or arrays) that are not conventional; of a store its address says them.
    vector_format
        What the files do not say: that numbers of eight bits are ``bits`` (packed, one for each
        dimension), ``int8(scale=S,offset=O)`` or ``numbers``; or what a file of text is, where the
        guess is wrong: ``table``, ``copy``, ``openai``, ``qdrant``, ``pinecone``, ``weaviate``,
        ``milvus``, ``chroma``.
    seen
        What users were trained on, in place of what the space brings: a file as
        :func:`read_interactions` reads it, a frame or interactions, by ids; a sparse matrix (of
        SciPy, or in an ``.npz``), row for row.
    say
        Told what was guessed, and what share of ``seen`` names a user and an item of the space.

    Raises
    ------
    AnglewiseError
        With the file, the row where there is one, and what to do.
    StoreError
        The store cannot be reached, or gives no vectors back.
    MissingExtraError
        The store's library is missing; the message names the extra.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "als.npz"
    >>> np.savez(file, user_factors=np.eye(2), item_factors=np.ones((3, 2)))
    >>> space = read_space(file)
    >>> space.queries, space.items, space.trained_for
    (Embeddings(2 x 2), Embeddings(3 x 2), 'dot')
    """
    files: dict[str, Any] = {
        "queries": queries,
        "query_ids": query_ids,
        "query_texts": query_texts,
        "vector_column": vector_column,
        "id_column": id_column,
        "vector_format": vector_format,
    }
    if is_address(queries):
        raise SpellingError("queries come from a file, and a store holds the items: give a file")
    named = stored_place(path, say) or stored_place(items, say)
    if named is not None and not is_address(path) and not is_address(items):
        named = _with_columns(named, files)
    if named is None:
        files |= {"items": items, "item_ids": item_ids, "item_texts": item_texts}
        return read_files(_file(path), **files, trained_for=trained_for, seen=seen, say=say)
    if path is not None and items is not None:
        raise SpellingError("give either a folder, file or address, or items and queries, not both")
    if item_ids is not None:
        raise SpellingError(f"{named} has ids of its own: give no others (item_ids, --item-ids)")
    if trained_for is not None:
        check_trained_for(trained_for)
    if queries is None:
        _check_none(files, named)
    from anglewise.stores.stored_space import stored_space  # stores are loaded where one is read

    space = stored_space(named, item_texts, trained_for or "unknown", say)
    if queries is not None:
        space = _asked_by(space, named, as_path(queries), files, say)
    return space if seen is None else with_seen(space, seen, say)


def _with_columns(address: Address, files: dict[str, Any]) -> Address:
    """The columns that somebody named, in the address of a file or folder that a store wrote."""
    if files["queries"] is None:
        from anglewise.stores.vector_store import store_class

        for option, name in (("vector", "vector_column"), ("id", "id_column")):
            if files[name] is not None and option in store_class(address.kind).options:
                options = {**address.options, option: files.pop(name)}
                address = replace(address, options=options)
                files[name] = None
    return address


def _file(path: Source | None) -> PathLike | None:
    if isinstance(path, Address):
        raise SpellingError(f"{path} came where a file is due")
    return path


def _check_none(files: Mapping[str, Any], address: Address) -> None:
    """Raise ``SpellingError`` for what is said of a file of queries where none is given."""
    given = [name for name, value in files.items() if value is not None]
    if given:
        raise SpellingError(
            f"{given[0]} (--{given[0].replace('_', '-')}) is of a file, and {address} is a store: "
            "leave it out; columns of a store are named in its address (?vector=COLUMN&id=COLUMN)"
        )


def _asked_by(
    space: Space, address: Address, path: Path, files: Mapping[str, Any], say: Say
) -> Space:
    """The space with queries from a file."""
    texts, given = files["query_texts"], files["vector_format"]
    asking = read_vectors(
        opened(path if path.is_dir() else existing_file(path)),
        "queries",
        ids=files["query_ids"],
        texts=None if texts is None else texts_of(texts, "queries"),
        vector_column=files["vector_column"],
        id_column=files["id_column"],
        vector_format=None if given is None else read_format(given),
        say=say,
    )
    read_from = {**space.about["read_from"], "queries": str(path)}
    with naming(f"{address} and {path}"):
        return Space(
            items=space.items,
            queries=asking,
            trained_for=space.trained_for,
            about={**space.about, "read_from": read_from},
        )
