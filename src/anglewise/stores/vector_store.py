"""What a vector store is to us: one interface, filled in one file for each store."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from inspect import isgeneratorfunction
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np

from anglewise.data_types.panics import panics_as
from anglewise.data_types.typing import Array, Float32
from anglewise.encoders.json_requests import bearer, without
from anglewise.errors import AnglewiseError, SpellingError, StoreError, reason
from anglewise.io.sizes import is_deep
from anglewise.stores.address import KINDS, Address, read_address

Metric: TypeAlias = Literal[
    "dot", "cosine", "euclidean", "squared-euclidean", "manhattan", "unknown"
]
METRICS: tuple[Metric, ...] = ("dot", "cosine", "euclidean", "squared-euclidean", "manhattan")
Listed: TypeAlias = list[list[tuple[str, float]]]
"""For each query the ids that a store lists, in its order, with the numbers that it shows."""
SCRATCH = "anglewise_scratch_"
"""How the names of collections begin that are made for a test and removed after it."""
GRIDS: Mapping[str, Sequence[int]] = {
    "ef": (16, 32, 64, 128, 256, 512, 1024),
    "nprobe": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "nprobes": (1, 5, 20, 50, 100, 200),
    "probes": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "refine_factor": (2, 5, 10, 50),
}
"""Values of parameters of a search that tune tries."""
GRAPH: Mapping[str, Sequence[int]] = {"m": (16, 32, 64), "ef_construction": (100, 400)}
"""Parameters of a graph index that is built anew, and values that tune tries."""
BATCH = 2_000
"""Rows that are read or written at once."""


@dataclass(frozen=True)
class Described:
    """What a store says of a collection, before anything is tested.

    Attributes
    ----------
    store
        Its name and version.
    dimension, count
        Of the vectors.
    metric
        In the store's own word; "" where the collection names none.
    index
        What answers a search, as far as metadata or a plan of the query say: ``scan``, or the kind
        of index with its parameters; ``unknown`` where nothing says so.
    """

    store: str
    dimension: int
    count: int
    metric: str = ""
    index: str = "unknown"


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Some rows of a collection, as they come back."""

    ids: list[str]
    vectors: Float32[Array, "rows d"]
    metadata: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True)
class Layout:
    """How a new collection is to be made.

    ``index`` is ``scan`` or ``graph``; ``parameters`` are those of the store's index (``m``,
    ``ef_construction``), in the field's words.
    """

    dimension: int
    metric: Metric
    index: Literal["scan", "graph"] = "graph"
    parameters: Mapping[str, int] = field(default_factory=dict[str, int])


READS = ("described", "search", "rows", "vectors_of", "manifest")
"""Methods of a store that read what may be a stranger's."""


def _in_one_sentence(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that raises ``StoreError`` where what is stored lets it break."""
    if isgeneratorfunction(method):

        @wraps(method)
        def generated(self: Any, *given: Any, **named: Any) -> Generator[Any]:
            found = method(self, *given, **named)
            while True:
                with _breaking_as_store_error(self, given):
                    part = next(found, None)
                if part is None:
                    return
                yield part

        return generated

    @wraps(method)
    def asked(self: Any, *given: Any, **named: Any) -> Any:
        with _breaking_as_store_error(self, given):
            return method(self, *given, **named)

    return asked


@contextmanager
def _breaking_as_store_error(store: Any, given: Sequence[Any]) -> Generator[None]:
    place = getattr(store, "address", None) or (given[0] if given else "the collection")

    def said(error: BaseException) -> StoreError:
        why = place.without_secrets(reason(error)) if isinstance(place, Address) else reason(error)
        return StoreError(
            f"{place}: what is stored there cannot be read ({why}): it is damaged, or was made "
            "otherwise than by its own library"
        )

    try:
        with panics_as(said):
            yield
    except (AnglewiseError, OSError, MemoryError, GeneratorExit):
        raise
    except Exception as error:
        raise said(error) from error


class RefusedVectorsError(StoreError):
    """A store takes no such vectors under a metric, and may take them under another."""


class VectorStore(ABC):
    """One collection of a vector store. An interface; each kind of store fills it in one file.

    ``effort`` are the parameters of a search (``ef``, ``refine_factor``, ``nprobes``); what is not
    given is as the store has it by default. All methods raise ``StoreError`` where the store cannot
    be reached or refuses.
    """

    supported: ClassVar[Mapping[Metric, str]]
    """The metrics that a new collection may have, each in the store's own word."""
    effort_names: Sequence[str] = ()
    """The parameters of a search that this collection knows, the most effective last."""
    ladder: ClassVar[Sequence[Mapping[str, int]]] = ()
    """Efforts that export tries after the store's own, cheap ones first."""
    build_parameters: Mapping[str, Sequence[int]] = {}
    """Parameters of a new graph index that tune tries, each with its values; none by default."""
    batch: ClassVar[int] = BATCH
    """Rows that are written at once."""
    options: ClassVar[frozenset[str]] = frozenset()
    """What may stand behind ``?`` in an address."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let what is read of a collection end in one sentence, whatever is wrong with it."""
        super().__init_subclass__(**options)
        for name in ("__init__", *READS):
            if name in vars(cls):
                setattr(cls, name, _in_one_sentence(vars(cls)[name]))

    def __init__(self, address: Address) -> None:
        unknown = sorted(set(address.options) - self.options)
        if unknown and not self.passes_options_on:
            raise SpellingError(
                f"{address}: nothing is meant by {unknown[0]!r} behind the ?; there is "
                f"{', '.join(sorted(self.options)) or 'nothing for this store'}"
            )
        self.address = address

    unasked: ClassVar[str] = ""
    """Why nothing here answers as the store will, where only files for it are written."""
    passes_options_on: ClassVar[bool] = False
    """Whether the store's own library reads the other options, and refuses unknown ones."""

    @classmethod
    def check_name(cls, address: Address) -> None:
        """Raise ``SpellingError`` for a name that the store gives to no collection."""
        del address

    @classmethod
    @abstractmethod
    def create(cls, address: Address, layout: Layout) -> "VectorStore":
        """Make a new, empty one; ``CollectionExistsError`` where there is one of that name."""

    @classmethod
    def reopen(cls, address: Address, layout: Layout) -> "VectorStore":
        """A collection that ``create`` made before, to go on with it."""
        del layout
        return cls(address)

    @abstractmethod
    def described(self) -> Described:
        """What the store says of the collection."""

    @abstractmethod
    def search(
        self, queries: Float32[Array, "q d"], k: int, effort: Mapping[str, int] | None = None
    ) -> Listed:
        """The store's list for each query, with its numbers as they are."""

    @abstractmethod
    def rows(self, batch: int = BATCH) -> Iterator[StoredRows]:
        """All rows with their vectors as the store gives them back; none where it keeps none."""

    @abstractmethod
    def twin(self, name: str) -> "VectorStore":
        """An empty collection with the same settings under another name, for tests."""

    def of_layout(self, name: str, layout: Layout) -> "VectorStore":
        """An empty collection of another layout beside this one, for tests."""
        return type(self).create(self.address.called(name), layout)

    @abstractmethod
    def add(
        self,
        ids: Sequence[str],
        vectors: Float32[Array, "rows d"],
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Add some rows, whose ids are new: all of a call or none of them."""

    @abstractmethod
    def finish(self) -> None:
        """Build the index, and make sure that everything is kept."""

    @abstractmethod
    def take_place(self, address: Address) -> None:
        """Take the place of the collection at an address at once, or be it where none is there."""

    def check_replaceable(self) -> None:  # noqa: B027 in most stores all are
        """Raise where no other can take the place of this one, or what else lies in it would go."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the collection."""

    @abstractmethod
    def scratches(self) -> list[str]:
        """The names of collections beside this one that a test left behind."""

    def clear(self, name: str) -> None:
        """Remove a collection beside this one, which a test left behind."""
        open_store(self.address.called(name)).drop()

    def manifest(self) -> str | None:
        """The text that travels with the collection, if there is one."""
        return None

    def write_manifest(self, text: str) -> None:
        """Let a text travel with the collection."""
        raise NotImplementedError(text)

    def efforts(self) -> list[Mapping[str, int]]:
        """Efforts of a search that tune measures beside the store's own, for this collection."""
        names = set(self.effort_names)
        singles: list[Mapping[str, int]] = [
            {name: value} for name in self.effort_names for value in GRIDS.get(name, ())
        ]
        more = [effort for effort in self.ladder if set(effort) <= names and effort not in singles]
        return singles + more

    def stored_bytes(self) -> int | None:
        """What the collection takes with its index, in its file or folder; None if nothing says."""
        return None

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Float32[Array, " d"]]:
        """The vectors of some rows, as far as the store gives them back."""
        wanted, found = set(ids), dict[str, Array]()
        for rows in self.rows():
            found |= {
                name: vector
                for name, vector in zip(rows.ids, rows.vectors, strict=True)
                if name in wanted
            }
            if len(found) == len(wanted):
                break
        return found

    def close(self) -> None:  # noqa: B027 not every store holds a connection
        """Let go of the connection."""

    def __enter__(self) -> "VectorStore":  # noqa: PYI034 Self is refused at run time
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def store_class(kind: str) -> Any:
    """The class that stands for a kind of store."""
    module, name = KINDS[kind].store.split(":")
    return getattr(import_module(f"anglewise.stores.{module}"), name)


def open_store(address: str | Address) -> VectorStore:
    """Open the collection at an address.

    Raises
    ------
    SpellingError
        An address that cannot be read.
    MissingExtraError
        The store's library is missing; the message names the extra.
    NoCollectionError
        Nothing is there.
    StoreError
        It cannot be reached.
    """
    read = read_address(address)
    return store_class(read.kind)(read)


@contextmanager
def saying(address: Address, name: str, key: str = "") -> Generator[None]:
    """Turn whatever a store's library raises into one sentence.

    A password of the address, and the key that was sent, are never part of it.
    """
    try:
        yield
    except AnglewiseError:
        raise
    except Exception as error:
        said = without(bearer(key))(address.without_secrets(reason(error, 2_000)))[:300]
        raise StoreError(f"{address}: {name} says: {said}") from error


def content_of(manifest: str | None) -> dict[str, Any] | None:
    """What a manifest holds; None where there is none, or somebody else's text.

    It comes with the collection, so from anybody.

    >>> content_of('{"metric": "dot"}'), content_of("a comment of somebody else")
    ({'metric': 'dot'}, None)
    """
    try:
        content: Any = json.loads(manifest or "null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or is_deep(manifest or ""):
        return None
    return cast("dict[str, Any]", content)


def exported_for(manifest: str | None) -> str:
    """The metric that a manifest names; "" where none does.

    >>> exported_for('{"metric": "dot"}'), exported_for("a comment of somebody else")
    ('dot', '')
    """
    named = (content_of(manifest) or {}).get("metric")
    return named if isinstance(named, str) else ""


def as_batch(vectors: Any) -> Float32[Array, "rows d"]:
    """Vectors as stores take them: contiguous rows of float32."""
    return np.ascontiguousarray(vectors, dtype=np.float32)


def rows_of_metadata(
    metadata: Sequence[Mapping[str, Any]] | None, rows: int
) -> Sequence[Mapping[str, Any]]:
    """What is known of each row; nothing where nothing is."""
    return [{} for _ in range(rows)] if metadata is None else metadata
