"""How DuckDB is opened: its library, the extension vss of the same version, and a file beside it.

The extension is that of the wheel duckdb-extension-vss, loaded by its path: nothing is fetched.
"""

from contextlib import AbstractContextManager
from importlib.resources import files
from pathlib import Path
from typing import Any

from anglewise.data_types.libraries import library
from anglewise.errors import MissingExtraError, NoCollectionError
from anglewise.stores.address import KINDS, Address
from anglewise.stores.foreign_files import check_beside
from anglewise.stores.vector_store import saying

FILE, MEMORY = "stored", "memory"
"""What the file, and the database in memory for tests, are called in statements."""


def duckdb_library() -> Any:
    """DuckDB, or the message that says which extra brings it."""
    return library("duckdb", "duckdb", needed_by="store")


def duckdb_version() -> str:
    """The version of the library."""
    return str(duckdb_library().__version__)


def vss_extension() -> Path:
    """The file of vss that fits this DuckDB, in its wheel."""
    library("duckdb_extension_vss", "duckdb", needed_by="store")
    folder = Path(str(files("duckdb_extension_vss"))) / "extensions"
    path = folder / f"v{duckdb_version()}" / "vss.duckdb_extension"
    if not path.is_file():
        there = ", ".join(sorted(one.name.removeprefix("v") for one in folder.glob("v*")))
        raise MissingExtraError(
            f"duckdb is of version {duckdb_version()}, and the extension vss of "
            f"{there or 'none'}: take the same of both (pip install 'anglewise[duckdb]')"
        )
    return path


def connection_to(address: Address, *, writes: bool = False) -> Any:
    """A database in memory, with vss loaded and the file beside it."""
    path = address.folder
    if not writes and not path.is_file():
        example = KINDS[address.kind].example
        raise NoCollectionError(f"{address}: there is no file {path} (write {example})")
    check_beside(path, path.with_name(f"{path.name}.wal"))
    duckdb, extension = duckdb_library(), vss_extension()
    with saying_duckdb(address):
        fetch = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        connection = duckdb.connect(f":{MEMORY}:", config=fetch)
        try:
            connection.execute("SET enable_progress_bar = false")
            place = str(extension).replace("'", "''")
            connection.execute(f"LOAD '{place}'")
            connection.execute("SET hnsw_enable_experimental_persistence = true")
            attach(connection, path, writes=writes)
            if not writes:  # a view in the file may name any other
                connection.execute("SET enable_external_access = false")
        except BaseException:
            connection.close()
            raise
    return connection


def attach(connection: Any, path: Path, *, writes: bool) -> None:
    """Bring the file in, under the name that queries use."""
    place = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{place}' AS {FILE}{'' if writes else ' (READ_ONLY)'}")


def saying_duckdb(address: Address) -> AbstractContextManager[None]:
    """Give errors of DuckDB as ours."""
    return saying(address, "DuckDB")
