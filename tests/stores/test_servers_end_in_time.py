"""A server of a store that drips, never ends or packs what fills the memory is given up in time."""

import gzip
import resource
import socket
import time
from contextlib import suppress
from threading import Thread

import pytest

from anglewise.errors import StoreError
from anglewise.stores import bounded_http, chroma_store, qdrant_store
from anglewise.stores.address import read_address
from anglewise.stores.probe import probe

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PACKED = gzip.compress(b" " * (1 << 26))


def _drips(start, drop):
    def talk(connection):
        connection.sendall(start)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return talk


def _never_ends(connection):
    connection.sendall(HEAD + b"\r\n[")
    while True:
        connection.sendall(b"1," * 50_000)


def _packs(connection):
    length = f"Content-Encoding: gzip\r\nContent-Length: {len(PACKED)}\r\n\r\n"
    connection.sendall(HEAD + length.encode() + PACKED)


def _many_parts(connection):
    body = b"[" + b"{}," * 200_000 + b"{}]"
    connection.sendall(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


WAYS = {
    "silent": lambda _: time.sleep(30),
    "drips its headers": _drips(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "drips its answer": _drips(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "asks to go on": _drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "never ends": _never_ends,
    "packs": _packs,
    "many parts": _many_parts,
}


@pytest.fixture(params=WAYS)
def server(request):
    """A server that does so to everybody; the name of the way, and the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection):
            with suppress(OSError), connection:
                connection.recv(1 << 16)
                WAYS[request.param](connection)

        Thread(target=serve, daemon=True).start()
        yield request.param, f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["qdrant", "chroma"])
def test_a_server_that_never_ends_is_given_up(kind, server, monkeypatch):
    way, place = server
    monkeypatch.setattr(qdrant_store, "PATIENCE", 1)
    monkeypatch.setattr(chroma_store, "SILENCE", 1, raising=False)
    monkeypatch.setattr(bounded_http, "LONGEST", 2)
    monkeypatch.setattr(bounded_http, "MOST", 1 << 22)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "20MB")
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(StoreError) as refused:
        probe(read_address(f"{kind}://{place}/films"))
    assert time.monotonic() - start < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    due = {"never ends": "bytes", "packs": "packs its answers", "many parts": "are allowed"}
    if way in due:
        assert due[way] in str(refused.value)
