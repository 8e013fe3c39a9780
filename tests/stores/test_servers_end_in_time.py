"""A server of a store that drips, never ends or packs what fills the memory is given up in time."""

import gzip
import resource
import socket
import struct
import time
from concurrent import futures
from contextlib import contextmanager, suppress
from threading import Thread

import grpc
import pytest
from pymilvus.grpc_gen import common_pb2, milvus_pb2

from anglewise.errors import StoreError
from anglewise.stores import (
    bounded_http,
    chroma_store,
    milvus_connection,
    pgvector_store,
    qdrant_store,
)
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


@contextmanager
def served(answer):
    """The address of a server that answers everybody in one way."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    Thread(target=answer, args=(connection,), daemon=True).start()

        Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(params=WAYS)
def server(request):
    """A server that does so to everybody; the name of the way, and the address."""

    def answer(connection):
        with suppress(OSError), connection:
            connection.recv(1 << 16)
            WAYS[request.param](connection)

    with served(answer) as place:
        yield request.param, place


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


def _message(kind, content):
    return kind + struct.pack("!I", len(content) + 4) + content


HELLO = (
    _message(b"R", struct.pack("!I", 0))
    + _message(b"S", b"server_version\x0016.0\0")
    + _message(b"S", b"client_encoding\0UTF8\0")
    + _message(b"Z", b"I")
)
COLUMN = _message(b"T", struct.pack("!H", 1) + b"a\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0))
ROW = _message(b"D", struct.pack("!HI", 1, 100_000) + b"x" * 100_000)
PARSED = _message(b"1", b"") + _message(b"2", b"")
WAYS_OF_POSTGRES = {
    "silent": (b"", b"", 0.05),
    "notices": (b"", _message(b"N", b"SNOTICE\0Mhi\0\0"), 0.05),
    "rows": (PARSED + COLUMN, ROW * 20, 0),
}


@pytest.fixture(params=WAYS_OF_POSTGRES)
def postgres(request):
    """What lets everybody in as PostgreSQL does, and then never ends; the way, and the address."""
    start, drop, pause = WAYS_OF_POSTGRES[request.param]

    def answer(connection):
        with suppress(OSError), connection:
            connection.recv(1 << 16)  # who asks, with ?sslmode=disable
            connection.sendall(HELLO)
            connection.recv(1 << 16)
            connection.sendall(start)
            while True:
                connection.sendall(drop)
                time.sleep(pause)

    with served(answer) as place:
        yield request.param, place


def test_a_server_of_postgresql_that_never_ends_is_given_up(postgres, monkeypatch):
    way, place = postgres
    monkeypatch.setattr(pgvector_store, "LONGEST", 30 if way == "rows" else 2)
    monkeypatch.setenv("ANGLEWISE_MEMORY", "30MB")
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    due = "that are allowed" if way == "rows" else "had not answered after 2 seconds"
    with pytest.raises(StoreError, match=due):
        probe(read_address(f"postgresql://anna@{place}/db/films?sslmode=disable"))
    assert time.monotonic() - start < 25
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


class _Milvus(grpc.GenericRpcHandler):
    """Lets everybody in, and then is silent, busy for ever, or sends more than anybody takes."""

    def __init__(self, way):
        self.way = way

    def service(self, handler_call_details):
        method = handler_call_details.method.rpartition("/")[2]

        def answer(_, context):
            if method == "Connect":
                return milvus_pb2.ConnectResponse(status=common_pb2.Status()).SerializeToString()
            if self.way == "silent":
                time.sleep(20)
            if self.way == "busy":
                context.abort(grpc.StatusCode.UNAVAILABLE, "later")
            length = b"\x80\x80\x80\x08" if self.way == "long" else b"\x80\x80\x01"
            # a field that nobody knows, and nothing else
            return b"\x7a" + length + b"x" * (1 << (24 if self.way == "long" else 14))

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.mark.parametrize("way", ["silent", "busy", "long", "empty"])
def test_a_server_of_milvus_that_never_ends_is_given_up(way, monkeypatch):
    monkeypatch.setattr(milvus_connection, "ANSWERS", 2)
    monkeypatch.setattr(milvus_connection, "MOST", 1 << 22)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((_Milvus(way),))
    place = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    start = time.monotonic()
    try:
        with pytest.raises(StoreError, match=r"(?i)larger than max|timeout|deadline|without a"):
            probe(read_address(f"milvus://{place}/films"))
    finally:
        server.stop(None)
    assert time.monotonic() - start < 20
