"""Stores that really run, each in a folder of the test."""

import shutil
import tempfile
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("pgserver") else ["test_*.py"]
"""Where the stores are not installed nothing is run: `make check-stores`."""


@pytest.fixture(scope="session")
def postgres():
    """A server of PostgreSQL with pgvector; what stands behind ? in an address."""
    import pgserver

    folder = tempfile.mkdtemp()  # which the server's own account may enter
    server = pgserver.get_server(folder, cleanup_mode="stop")
    yield f"host={folder}"
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


IN_A_FILE = {
    "faiss": "faiss://{folder}/{name}.index",
    "usearch": "usearch://{folder}/{name}.usearch",
    "hnswlib": "hnswlib://{folder}/{name}.bin",
    "duckdb": "duckdb://{folder}/stored.duckdb/{name}",
    "sqlite-vec": "sqlite-vec://{folder}/stored.sqlite/{name}",
}
"""How addresses of stores are written that are a file, or of which several share one."""
IN_MEMORY = {"faiss", "usearch", "hnswlib"}
"""An index that is in memory until it is whole, and so are tests of it."""
TESTS_IN_MEMORY = {*IN_MEMORY, "sqlite-vec", "duckdb"}
"""Stores whose tests of ``probe --scratch`` write nothing."""
NO_SCAN = {"chroma", "hnswlib"}
"""Stores that have nothing but a graph."""


KINDS = [
    *("faiss", "qdrant", "lancedb", "postgresql"),
    *("usearch", "hnswlib", "chroma", "sqlite-vec", "duckdb"),
    *("milvus", "qdrant-edge", "zvec"),
]


@pytest.fixture(params=KINDS)
def place(request, tmp_path):
    """A function that gives addresses of one kind of store."""
    kind = request.param
    if kind == "postgresql":
        option = request.getfixturevalue("postgres")
        prefix = "".join(c for c in request.node.name if c.isalnum()).lower()[-30:]
        made = lambda name: f"postgresql://postgres@/postgres/{prefix}_{name}?{option}"  # noqa: E731
    elif kind in IN_A_FILE:
        made = lambda name: IN_A_FILE[kind].format(folder=tmp_path, name=name)  # noqa: E731
    elif kind == "milvus":
        made = lambda name: f"milvus://{tmp_path}/milvus.db/{name}"  # noqa: E731
    else:
        (tmp_path / kind).mkdir()
        made = lambda name: f"{kind}://{tmp_path}/{kind}/{name}"  # noqa: E731
    made.kind, made.in_memory = kind, kind in IN_MEMORY
    made.tests_in_memory = kind in TESTS_IN_MEMORY
    made.scan = "graph" if kind in NO_SCAN else "scan"
    return made
