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


@pytest.fixture(
    params=["faiss", "qdrant", "lancedb", "postgresql", "milvus", "qdrant-edge", "zvec"]
)
def place(request, tmp_path):
    """A function that gives addresses of one kind of store."""
    kind = request.param
    if kind == "postgresql":
        option = request.getfixturevalue("postgres")
        prefix = "".join(c for c in request.node.name if c.isalnum()).lower()[-30:]
        made = lambda name: f"postgresql://postgres@/postgres/{prefix}_{name}?{option}"  # noqa: E731
    elif kind == "faiss":
        made = lambda name: f"faiss://{tmp_path}/{name}.index"  # noqa: E731
    elif kind == "milvus":
        made = lambda name: f"milvus://{tmp_path}/milvus.db/{name}"  # noqa: E731
    else:
        (tmp_path / kind).mkdir()
        made = lambda name: f"{kind}://{tmp_path}/{kind}/{name}"  # noqa: E731
    made.kind = kind
    return made
