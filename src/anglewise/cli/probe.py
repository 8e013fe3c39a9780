"""``anglewise probe``: which distance a vector store really computes."""

from typing import Annotated

from cyclopts import Parameter

from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.paths import STORED


def probe(
    address: Annotated[str, STORED],
    /,
    *,
    scratch: Annotated[bool, Parameter(negative=())] = False,
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
        milvus://host:19530/collection or milvus:///path/file.db/collection. Keys and passwords come
        from QDRANT_API_KEY, CHROMA_API_KEY, MILVUS_TOKEN, PGPASSWORD and ~/.pgpass.
    scratch
        Also write at most 16 vectors into an empty collection with the same settings, under a name
        of our own, and remove it: tells what becomes of lengths, a zero vector, digits and ties.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.report.store_documents import probe_document
    from anglewise.stores.address import read_address
    from anglewise.stores.probe import probe as probed

    talk = Talk(always)
    read = read_address(address)
    with talk.progress("asking"):
        result = probed(read, scratch=scratch, seed=always.seed)
    content = {"command": "probe", "version": version(), **result.to_dict()}
    talk.give(content, probe_document(result))
    return 0
