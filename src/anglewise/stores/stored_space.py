"""All rows of a collection of a vector store as the items of a space."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space, TrainedFor
from anglewise.data_types.memory import check_room
from anglewise.data_types.stored_lengths import STORE
from anglewise.data_types.text import Say, counted, quiet
from anglewise.data_types.typing import Array, Float32
from anglewise.errors import StoreError
from anglewise.io.files import PathLike, naming
from anglewise.io.record_columns import record_columns
from anglewise.io.texts import read_texts
from anglewise.io.vectors import check_usable, texts_of
from anglewise.stores.address import Address
from anglewise.stores.export import RAW
from anglewise.stores.manifest import Manifest, manifest_of
from anglewise.stores.vector_store import Described, StoredRows, VectorStore, open_store

AS_GIVEN = {"dot", "cosine", "euclidean", "manhattan"}
"""Ways of an export that leave vectors as they were, without a frame."""


def stored_space(
    address: Address,
    item_texts: PathLike | None = None,
    trained_for: TrainedFor = "unknown",
    say: Say = quiet,
) -> Space:
    """All rows of a collection as items.

    What is known of the collection stands in ``about["store"]``: its address without a password,
    the store, its own word for the metric, which metric that is, and what answers a search.
    """
    with open_store(address) as store:
        described = store.described()
        rows, lacking = _all_rows(store, described)
        manifest = manifest_of(store)
    words = {word.lower(): metric for metric, word in store.supported.items()}
    remarks: list[str] = []

    def remark(sentence: str) -> None:
        """What readers of any report need to know of these vectors."""
        remarks.append(sentence)
        say(sentence)

    known: dict[str, Any] = {
        "address": str(address),
        "store": described.store,
        "metric": described.metric,
        "ranks_by": words.get(described.metric.lower(), "unknown"),
        "index": described.index,
    }
    for sentence in lacking:
        remark(sentence)
    vectors = rows.vectors
    if manifest is not None:
        known |= {"measure": manifest.measure, "way": manifest.way}
        vectors = _before_export(rows, manifest, address, say, remark)
    metadata: dict[str, Any] = record_columns(
        [{n: v for n, v in row.items() if n != RAW} for row in rows.metadata],
        str(address),
        lambda size: check_room(f"the metadata of {address}", size, "read fewer rows"),
        say,
    )
    if item_texts is not None:
        metadata |= read_texts(texts_of(item_texts, "items"), rows.ids, say=say)
    if remarks:
        known["remarks"] = remarks
    with naming(address):
        items = check_usable(Embeddings(vectors, rows.ids, metadata or None), "items")
    return Space(
        items=items,
        trained_for=trained_for,
        about={"read_from": {"items": str(address)}, STORE: known},
    )


def _all_rows(store: VectorStore, described: Described) -> tuple[StoredRows, list[str]]:
    """Every row, once it is known that all of them fit into the memory; and what they lack."""
    address, width = store.address, described.dimension
    instead = "export fewer rows to a file, and read that"
    check_room(f"all of {address}", 4 * described.count * width, instead)
    ids, metadata, parts, size = list[str](), list[dict[str, Any]](), list[Array](), 0
    for part in _parts(store):
        size += part.vectors.nbytes + sum(map(_weight, part.metadata))
        check_room(f"all of {address}", size, instead)
        ids += part.ids
        metadata += part.metadata or [{} for _ in part.ids]
        parts.append(part.vectors)
    if not ids:
        empty = not described.count
        what = (
            "is empty" if empty else f"gives back none of the vectors of {described.count:,} rows"
        )
        raise StoreError(f"{address} {what}: read what it was filled from")
    lacking: list[str] = []
    if len(ids) < described.count:
        missing = counted(described.count - len(ids), "row")
        lacking.append(
            f"{address}: {missing} of {described.count:,} came without a vector, and are left out"
        )
    if not described.index.startswith(WHOLE.get(address.kind, "")):
        lacking.append(
            f"{address}: vectors come back as {described.index} reconstructs them, not as given"
        )
    return StoredRows(ids, np.concatenate(parts), metadata), lacking


WHOLE = {"faiss": ("scan", "graph (IndexHNSWFlat", "IndexIVFFlat")}
"""How indexes are called that keep vectors whole, of stores that have others."""


def _parts(store: VectorStore) -> Iterator[StoredRows]:
    try:
        yield from store.rows()
    except StoreError as error:
        raise StoreError(
            f"{error}; its vectors are due for this: if the collection keeps none, read what it "
            "was filled from"
        ) from error


def _weight(row: Mapping[str, Any]) -> int:
    """About what a row of metadata takes."""
    return sum(50 + (len(value) if isinstance(value, str) else 8) for value in row.values())


def _before_export(
    rows: StoredRows, manifest: Manifest, address: Address, say: Say, remark: Say
) -> Float32[Array, "rows d"]:
    """The vectors as they were given to the export, where it kept them; else as they are.

    ``remark`` is told where they are others than those of the model.
    """
    kept: Sequence[Any] = [row.get(RAW) for row in rows.metadata]
    if all(isinstance(vector, list) for vector in kept) and len({len(v) for v in kept}) == 1:
        say(f"{address}: took {RAW}, the vectors that were given to its export")
        return np.array(kept, dtype=np.float32)
    way, measure = manifest.way, manifest.measure
    if way not in AS_GIVEN or "@" in measure:
        remark(
            f"{address} was exported for {measure}: these are its prepared vectors ({way}), not "
            "those of the model"
        )
    return rows.vectors
