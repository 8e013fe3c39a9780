"""Addresses of collections, such as ``faiss:///path/index.faiss``, ``qdrant://host/films``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from anglewise.data_types.numbers import check_kind, shown
from anglewise.errors import SpellingError
from anglewise.io.files import user_path


@dataclass(frozen=True)
class StoreKind:
    """What is particular to the addresses of one kind of store.

    Attributes
    ----------
    store
        Where its class is: a file of this room and a name.
    example
        How its addresses are written.
    is_server, is_local
        Whether a host may be named, and whether it may lie on this machine's disk.
    inside
        The file or folder that a collection is inside of its folder, with ``{name}``; "" where
        the folder or file itself is all of it.
    has_name
        Whether a collection has a name behind its file or folder.
    shares_file
        Whether the file holds other collections too, so that it is added to and never replaced.
    account
        Where the name of a user stands: in the address, or nowhere and a key in this variable of
        the environment.
    """

    store: str
    example: str
    is_server: bool = False
    is_local: bool = True
    inside: str = ""
    has_name: bool = True
    shares_file: bool = False
    account: str = ""


KINDS = {
    "faiss": StoreKind("faiss_store:FaissStore", "faiss:///path/index.faiss", has_name=False),
    "hnswlib": StoreKind("hnswlib_store:HnswlibStore", "hnswlib:///path/index.bin", has_name=False),
    "usearch": StoreKind(
        "usearch_store:UsearchStore", "usearch:///path/index.usearch", has_name=False
    ),
    "lancedb": StoreKind(
        "lancedb_store:LanceStore", "lancedb:///folder/table", inside="{name}.lance"
    ),
    "qdrant": StoreKind(
        "qdrant_store:QdrantStore",
        "qdrant://host:6333/collection, or qdrant:///folder/collection",
        is_server=True,
        inside="collection/{name}",
        account="QDRANT_API_KEY",
    ),
    "chroma": StoreKind(
        "chroma_store:ChromaStore",
        "chroma:///folder/collection, or chroma://host:8000/collection",
        is_server=True,
        account="CHROMA_API_KEY",
        inside="chroma.sqlite3",
        shares_file=True,
    ),
    "duckdb": StoreKind(
        "duckdb_store:DuckdbStore", "duckdb:///path/file.duckdb/table", shares_file=True
    ),
    "sqlite-vec": StoreKind(
        "sqlite_vec_store:SqliteVecStore", "sqlite-vec:///path/file.sqlite/table", shares_file=True
    ),
    "qdrant-edge": StoreKind(
        "qdrant_edge_store:QdrantEdgeStore", "qdrant-edge:///folder/collection", inside="{name}"
    ),
    "zvec": StoreKind("zvec_store:ZvecStore", "zvec:///folder/collection", inside="{name}"),
    "milvus": StoreKind(
        "milvus_store:MilvusStore",
        "milvus://host:19530/collection, or milvus:///path/file.db/collection",
        is_server=True,
        account="MILVUS_TOKEN",
    ),
    "elasticsearch": StoreKind(
        "bulk_files:ElasticsearchFiles",
        "elasticsearch:///folder/index",
        is_server=True,
        inside="{name}",
    ),
    "opensearch": StoreKind(
        "bulk_files:OpenSearchFiles",
        "opensearch:///folder/index",
        is_server=True,
        inside="{name}",
    ),
    "postgresql": StoreKind(
        "pgvector_store:PostgresStore",
        "postgresql://host/database/table",
        is_server=True,
        is_local=False,
        account="address",
    ),
}
"""Every kind of store; a new one is a file of this room and an entry here."""
ALIASES = {"postgres": "postgresql"}
"""Other words for a kind, as its own library reads them."""
SECRET = re.compile("pass|secret|key|token|auth|credential", re.IGNORECASE)
"""What the names of options hold whose values are not shown."""


@dataclass(frozen=True)
class Address:
    """Where a collection is: the kind of store, a server or a path, and its name.

    Attributes
    ----------
    kind
        One of ``KINDS``.
    host, port
        The server; "" and None for what lies on this machine's disk.
    path
        The file (faiss) or the folder (lancedb, qdrant) on this machine; for a server "" or what
        stands between host and name, such as a database.
    name
        The collection or table; for faiss "".
    user, password
        Part of some addresses; the password is never shown.
    options
        What stands behind ``?``; of those that may hold a secret the value is never shown.

    Examples
    --------
    >>> address = read_address("postgresql://anna:secret@db/shop/items?vector=embedding")
    >>> address.host, address.path, address.name, str(address)
    ('db', 'shop', 'items', 'postgresql://anna:***@db/shop/items?vector=embedding')
    """

    kind: str
    host: str = ""
    port: int | None = None
    path: str = ""
    name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        account = quote(self.user) + (":***" if self.password else "") + "@" if self.user else ""
        server = f"{account}{self.host}" + ("" if self.port is None else f":{self.port}")
        parts = [self.path.rstrip("/")] if self.is_local else ["", self.path]
        place = "/".join([*filter(None, parts), self.name] if self.name else parts)
        place = place if self.is_local else f"/{place.lstrip('/')}"
        options = "&".join(
            f"{key}={'***' if value and SECRET.search(key) else quote(value)}"
            for key, value in self.options.items()
        )
        return f"{self.kind}://{server}{place}{'?' + options if options else ''}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def without_secrets(self, text: str) -> str:
        """A text, such as what a store's library says, without the password and secret options."""
        options = [value for key, value in self.options.items() if SECRET.search(key)]
        for secret in filter(None, (self.password, *options)):
            text = text.replace(secret, "***")
        return text

    @property
    def is_local(self) -> bool:
        """Whether it is a file or folder of this machine."""
        return KINDS[self.kind].is_local and not self.host

    @property
    def folder(self) -> Path:
        """The file or folder on this machine."""
        return user_path(self.path)

    @property
    def label(self) -> str:
        """What to call the collection beside others: its name, else that of its file."""
        return self.name or self.folder.name

    @property
    def places(self) -> list[Path]:
        """The files and folders that the collection is, on this machine."""
        if not self.is_local:
            return []
        return [self.folder / KINDS[self.kind].inside.format(name=self.name)]

    def called(self, name: str) -> "Address":
        """Another collection in the same place."""
        return replace(self, name=name)

    def plain(self) -> "Address":
        """The same without what stands behind ``?``."""
        return replace(self, options={})

    def option(self, name: str, usual: str) -> str:
        """One option, or what is usual."""
        return self.options.get(name, usual)


def is_address(text: object) -> bool:
    """Whether something is the address of a store, or a text meant as one, and not a path.

    >>> is_address("lancedb:///films/table"), is_address("films/items.parquet")
    (True, False)
    """
    is_text = isinstance(text, str) and re.match(r"[a-z][a-z-]*://", text, re.IGNORECASE)
    return isinstance(text, Address) or bool(is_text)


def hidden(text: str) -> str:
    """A text that is no address, as it may be shown: without what may be a password.

    >>> hidden("postgresql://anna:a#secret@db"), hidden("qdrant://db/films?api_key=secret")
    ('postgresql://anna:***@db', 'qdrant://db/films?api_key=***')
    """
    text = re.sub(r"(//?[^/:@]*):.*@", r"\1:***@", text, flags=re.DOTALL)
    return re.sub(
        r"([?&][^=&]*=)([^&]*)",
        lambda option: option[1] + ("***" if SECRET.search(option[1]) else option[2]),
        text,
    )


def read_address(text: "str | Address") -> Address:
    """Read the address of a collection.

    Raises ``SpellingError`` for a kind that is not known, and where a part is missing or too many.

    >>> read_address("lancedb:///data/films").path, read_address("lancedb:///data/films").name
    ('/data', 'films')
    >>> read_address("lancdb:///data/films")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no store is called 'lancdb': did you mean 'lancedb'? ...
    """
    if isinstance(text, Address):
        return text
    check_kind(text, str, "the address of a store", f"such as {KINDS['faiss'].example}")
    if not _is_text(unquote(text, errors="surrogateescape")):
        raise SpellingError(
            f"{shown(hidden(text))!r} holds a character that no name has, or is no UTF-8: leave it "
            "out"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        said = "a port is a whole number" if "port" in str(error).lower() else str(error)
        raise SpellingError(f"{shown(hidden(text))!r} is no address ({said})") from None
    word = ALIASES.get(parts.scheme, parts.scheme)
    if word not in KINDS or "://" not in text:
        near = get_close_matches(word, KINDS, n=1)
        hint = f": did you mean {near[0]!r}?" if near else ":"
        raise SpellingError(
            f"no store is called {shown(word or hidden(text))!r}{hint} write "
            f"{'; '.join(kind.example for kind in KINDS.values())}"
        )
    kind = KINDS[word]
    options = _options(parts.query)
    place = unquote(parts.path)
    host, path, name = parts.hostname or "", place, ""
    if not kind.is_server:  # faiss://films.faiss is a path from here
        host, path = "", unquote(parts.netloc) + place
    if kind.has_name:
        path, _, name = path.rstrip("/").rpartition("/")
    is_local = kind.is_local and not host
    path = (path or "/" if place.startswith("/") else path) if is_local else path.strip("/")
    if (
        not (name or not kind.has_name)
        or (is_local and not path.strip("/"))
        or (not kind.is_local and not path)
    ):
        raise SpellingError(f"{shown(hidden(text))!r} lacks a part: write {kind.example}")
    has_account = parts.password is not None or (parts.username and kind.is_server)
    if kind.account != "address" and has_account:
        raise SpellingError(
            f"{kind.example.split(',')[0]} takes no account: "
            + (f"the key comes from {kind.account}" if kind.account else "leave it out")
        )
    if parts.fragment:
        raise SpellingError(
            f"{shown(hidden(text))!r} holds a #, which addresses have not: write it as %23"
        )
    return Address(
        word,
        host,
        port,
        path,
        name,
        unquote(parts.username or "") if kind.is_server else "",
        unquote(parts.password or ""),
        options,
    )


def _options(query: str) -> dict[str, str]:
    """What stands behind ``?``; ``SpellingError`` for an option that comes twice."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in options:
            raise SpellingError(f"an address names {name!r} twice behind the ?: give it once")
        options[name] = value
    return options


def _is_text(text: str) -> bool:
    """Whether a name may hold this: no null character, and nothing but UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
