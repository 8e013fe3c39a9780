"""A connection to Milvus, and the engine of Milvus Lite that all share who open one file."""

import logging
import os
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from typing import Any, ClassVar

from anglewise.data_types.libraries import library
from anglewise.encoders.deadline import MOST
from anglewise.errors import AnglewiseError, NoCollectionError, SpellingError, StoreError
from anglewise.stores.address import Address
from anglewise.stores.milvus_files import check_milvus_folder
from anglewise.stores.vector_store import saying

KEY, PORT, PATIENCE = "MILVUS_TOKEN", 19530, 10
"""Where a token is, a server's usual port, and seconds that it may take to let us in."""
WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between attempts to load a graph that is still being written."""


LONGEST = {"create_collection": 600, "load_collection": 600, "flush": 600}
ANSWERS = 60
"""Seconds in which a server must have answered: what builds, and any other question."""
ASKS_NOBODY = ("close", "create_schema", "prepare_index_params")


class _InTime:
    """A client each of whose questions to a server ends in time, tries again included."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name in ASKS_NOBODY:
            return method
        return partial(method, timeout=LONGEST.get(name, ANSWERS))


class MilvusConnection:
    """A connection; of a file the engine in this process, which all that is open of it shares."""

    engines: ClassVar[Counter[str]] = Counter()
    lock: ClassVar[Any] = Lock()

    def __init__(self, address: Address, *, make: bool = False) -> None:
        library_, self.path = milvus_library(), ""
        if not address.is_local:
            https = address.option("https", "no")
            if https not in {"yes", "no"}:
                raise SpellingError(f"{address}: https is {https!r}: yes or no is due")
            scheme = "https" if https == "yes" else "http"
            uri = f"{scheme}://{address.host}:{address.port or PORT}"
            given = {
                "token": os.environ.get(KEY, ""),
                "db_name": address.path,
                "timeout": PATIENCE,
                "grpc_options": {b"grpc.max_receive_message_length": MOST},  # as pymilvus writes it
            }
        else:
            self.path, given = _file(address, make=make), {}
            uri = self.path
            library("milvus_lite", "milvus", needed_by="store")
        with self.lock, milvus_saying(address):
            client = library_.MilvusClient(uri, **given)
            self.milvus: Any = client if self.path else _InTime(client)
            self.engines[self.path] += 1

    def close(self) -> None:
        """The last one of a file stops its engine, so that other programs are let in."""
        with self.lock:
            with suppress(Exception):
                self.milvus.close()
            self.engines[self.path] -= 1
            if self.path and not self.engines[self.path]:
                servers = library("milvus_lite.server_manager", "milvus", needed_by="store")
                servers.server_manager_instance.release_server(self.path)


def _file(address: Address, *, make: bool) -> str:
    """The folder of Milvus Lite, whose name ends in ``.db``."""
    folder = address.folder
    if folder.suffix != ".db":
        raise SpellingError(
            f"{address}: what Milvus Lite keeps is called FILE.db: .../FILE.db/NAME"
        )
    if folder.is_file():
        raise StoreError(
            f"{address}: {folder} is a file, as Milvus Lite wrote before its version 3: it is a "
            "folder now; write it anew"
        )
    if not make and not (folder / "collections").is_dir():
        raise NoCollectionError(f"{address}: nothing of Milvus Lite is in {folder}")
    if folder.is_dir():
        check_milvus_folder(folder)
    return str(folder.resolve())


def milvus_library() -> Any:
    """The client, or ``MissingExtraError``."""
    return library("pymilvus", "milvus", needed_by="store")


@contextmanager
def milvus_saying(address: Address) -> Generator[None]:
    """Turn what Milvus raises into one sentence; its libraries would write whole traces as well."""
    loggers = [logging.getLogger(name) for name in ("pymilvus", "milvus_lite", "grpc")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with saying(address, "Milvus", os.environ.get(KEY, "")):
            yield
    except AnglewiseError as error:
        if "Open local milvus failed" not in str(error):
            raise
        raise StoreError(
            f"{address}: Milvus Lite cannot open {address.folder}; where another program has it "
            "open, close it there: one at a time is let in"
        ) from error
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def load_graph(milvus: Any, name: str) -> None:
    """Load a collection; Milvus Lite still writes its graph then, and fails on half a file."""
    failure = milvus_library().MilvusException
    for wait in WAITS:
        try:
            milvus.load_collection(name)
        except failure as error:
            if "read error" not in str(error):
                raise
            time.sleep(wait)
        else:
            return
    milvus.load_collection(name)
