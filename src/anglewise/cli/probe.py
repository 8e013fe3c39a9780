"""``anglewise probe``: which distance a vector store really computes."""

from typing import Annotated, Any

from cyclopts import Parameter

from anglewise.cli.options import NOTHING_SPECIAL, Always, number
from anglewise.cli.paths import STORED
from anglewise.data_types.numbers import COUNT


def probe(
    address: Annotated[str, STORED],
    /,
    *,
    scratch: Annotated[bool, Parameter(negative=())] = False,
    dimension: Annotated[int | None, number(COUNT)] = None,
    request: str | None = None,
    answer: str | None = None,
    key: str | None = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say which distance a vector store really computes, by asking it.

    Queries are drawn and asked; nothing is written. The metric is found from the numbers that come
    back, not from the settings, which are told beside it.

    Parameters
    ----------
    address
        faiss:///path/index.faiss, lancedb:///folder/table, qdrant://host:6333/collection or
        qdrant:///folder/collection, postgresql://host/database/table,
        chroma:///folder/collection or chroma://host:8000/collection,
        duckdb:///path/file.duckdb/table, sqlite-vec:///path/file.sqlite/table,
        usearch:///path/index.usearch, hnswlib:///path/index.bin,
        milvus://host:19530/collection or milvus:///path/file.db/collection; or http://host/path, a
        server that is posted a vector and gives a list. Keys and passwords come from
        QDRANT_API_KEY, CHROMA_API_KEY, MILVUS_TOKEN, PGPASSWORD and ~/.pgpass.
    scratch
        Also write at most 16 vectors into an empty collection with the same settings, under a name
        of our own, and remove it: tells what becomes of lengths, a zero vector, digits and ties.
    dimension
        Of a server by http://: how many numbers a vector has.
    request
        Of a server by http://: the JSON that it is posted, with "{vector}" and "{k}" in their
        places; {"vector": "{vector}", "k": "{k}"} if not given.
    answer
        Of a server by http://: where its answer has the list, and each entry its id and number,
        such as hits.hits,_id,_score; ,id,score if not given: the answer is the list.
    key
        Of a server by http://: the environment variable that holds its key.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.errors import SpellingError
    from anglewise.report.store_documents import probe_document
    from anglewise.stores.address import read_address
    from anglewise.stores.probe import probe as probed
    from anglewise.stores.search_endpoint import SearchEndpoint, is_endpoint

    talk = Talk(always)
    form = {"request": request, "answer": answer, "key": key}
    given: dict[str, Any] = {name: word for name, word in form.items() if word is not None}
    if is_endpoint(address):
        target: Any = SearchEndpoint(address, **given)
    else:
        target = read_address(address)
        if given:
            raise SpellingError(
                f"{', '.join('--' + name for name in given)}: of a server by http://, and "
                f"{target} is a store"
            )
    with talk.progress("asking"):
        result = probed(target, dimension=dimension, scratch=scratch, seed=always.seed)
    content = {"command": "probe", "version": version(), **result.to_dict()}
    talk.give(content, probe_document(result))
    return 0
