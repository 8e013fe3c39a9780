"""Stores that cannot be reached, are full, too old, or hold another thing than was thought.

One message each, exit code 2, and what was there before answers as it did.
"""

import json
import os
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import StoreError
from anglewise.stores.address import read_address
from anglewise.stores.vector_store import open_store
from cli_run import anglewise, refused  # noqa: F401 a fixture
from local_server import serving
from stores.conftest import IN_A_FILE, NO_SCAN

FOUR = pytest.mark.parametrize("place", ["faiss", "qdrant", "lancedb", "postgresql"], indirect=True)


def space(items=200, dimension=8, seed=0):
    rng = np.random.default_rng(seed)
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(20, dimension))),
        items=aw.Embeddings(rng.normal(size=(items, dimension))),
    )


@pytest.fixture
def folder(tmp_path):
    aw.write_space(space(), tmp_path / "space")
    return tmp_path / "space"


NOBODY = ("qdrant://127.0.0.1:9/films", "postgresql://me@127.0.0.1:9/shop/films")


@pytest.mark.parametrize("address", NOBODY)
def test_a_server_that_nobody_runs(address, folder, anglewise):  # noqa: F811
    refused(anglewise("probe", address), "127.0.0.1:9")
    refused(anglewise("verify", address, folder, "--measure", "dot"), "127.0.0.1:9")
    refused(anglewise("export", folder, "--measure", "dot", "--to", address), "127.0.0.1:9")


@pytest.mark.parametrize("address", ["chroma://127.0.0.1:9/films", "milvus://127.0.0.1:9/films"])
def test_a_server_that_answers_slowly_that_nobody_runs(address, anglewise):  # noqa: F811
    """Their clients try again for a while."""
    refused(anglewise("probe", address), "127.0.0.1:9")


def test_a_wrong_password_of_postgresql(postgres, folder, anglewise):  # noqa: F811
    import psycopg

    place = postgres.removeprefix("host=")
    rules = Path(place) / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(
        f"dbname=postgres user=postgres {postgres}", autocommit=True
    ) as connection:
        connection.execute("CREATE ROLE anna LOGIN PASSWORD 'right'")
        rules.write_text("local all anna scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        try:
            address = f"postgresql://anna:s3cret-wrong@/postgres/films?{postgres}"
            for words in (
                ["probe", address],
                ["verify", address, folder],
                ["export", folder, "--measure", "dot", "--to", address],
            ):
                run = anglewise(*words)
                refused(run, "password authentication failed")
                assert "s3cret" not in run.out + run.err
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE anna")


class Answering(BaseHTTPRequestHandler):
    """A server of Qdrant that refuses a key, or knows no such question."""

    status, body = 401, {"status": {"error": "Invalid API key s3cret-key"}}

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = json.dumps(self.body).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 names of http.server

    def log_message(self, *_):
        """Quietly."""


def test_a_key_that_qdrant_refuses(folder, anglewise, monkeypatch):  # noqa: F811
    monkeypatch.setenv("QDRANT_API_KEY", "s3cret-key")
    with serving(Answering) as port:
        address = f"qdrant://127.0.0.1:{port}/films"
        for words in (
            ["probe", address],
            ["verify", address, folder, "--measure", "dot"],
            ["export", folder, "--measure", "dot", "--to", address],
        ):
            run = anglewise(*words)
            refused(run, "401")
            assert "s3cret" not in run.out + run.err


def test_a_server_of_another_kind_or_too_old(folder, anglewise, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Answering, "status", 404)
    monkeypatch.setattr(Answering, "body", {"error": "no such path"})
    with serving(Answering) as port:
        address = f"qdrant://127.0.0.1:{port}/films"
        refused(anglewise("probe", address))
        refused(anglewise("export", folder, "--measure", "dot", "--to", address))


def test_a_pgvector_that_is_too_old_for_a_metric_says_which_is_needed(postgres):
    """That of pgserver is 0.6.2; sums of absolute differences came with 0.7.0."""
    address = f"postgresql://postgres@/postgres/old?{postgres}"
    for index in ("graph", "scan"):
        with pytest.raises(StoreError, match=r"pgvector 0\.6\.2 .* 0\.7\.0"):
            aw.export(space(), "manhattan", address, index=index)
    with pytest.raises(StoreError):
        open_store(address)


@FOUR
def test_a_manifest_that_does_not_match(place):
    made = space()
    aw.export(made, "dot", place("films"), index="scan")
    with open_store(place("films")) as store:
        good = json.loads(store.manifest())
    for wrong in ({**good, "count": -1}, {**good, "effort": {"rm": 1}}, {"way": "dot"}):
        with open_store(place("films")) as store:
            store.write_manifest(json.dumps(wrong))
            if place.kind == "faiss":
                store.take_place(read_address(place("films")))
        with pytest.raises(StoreError, match="its manifest is of another version"):
            aw.verify(place("films"), made)
    with open_store(place("films")) as store:  # of another content
        store.write_manifest(json.dumps({**good, "count": 7, "ids": "0" * 32}))
        if place.kind == "faiss":
            store.take_place(read_address(place("films")))
    result = aw.verify(place("films"), made)
    assert (result.drifted, result.recall) == (True, 1)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB; only root may make one."""
    path = tmp_path / "small"
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be made here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


KINDS = ["faiss", "usearch", "hnswlib", "lancedb", "qdrant", "sqlite-vec", "duckdb"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_full_in_the_middle(kind, small_disk, anglewise, tmp_path):  # noqa: F811
    (small_disk / "x").mkdir()
    usual = "{kind}://{folder}/{name}"
    written = IN_A_FILE.get(kind, usual)
    address = written.format(kind=kind, folder=small_disk / "x", name="films")
    index = "graph" if kind in NO_SCAN else "scan"
    made, large = space(), space(6_000 if kind != "qdrant" else 1_500, 256, 1)
    aw.export(made, "dot", address, index=index)
    if kind == "qdrant":  # whose rows go one by one
        (small_disk / "filler").write_bytes(b"0" * 3_000_000)
    aw.write_space(large, tmp_path / "large")
    words = ["--measure", "dot", "--to", address, "--index", index, "--replace"]
    run = anglewise("export", tmp_path / "large", *words)
    refused(run, "")
    assert "space" in run.err or "full" in run.err, run.err
    result = aw.verify(address, made)
    assert (result.recall, result.drifted) == (1, False)
    (small_disk / "filler").unlink(missing_ok=True)
    smaller = space(300, seed=2)
    aw.export(smaller, "dot", address, index=index, replace=True)
    assert aw.verify(address, smaller).drifted is False


def test_a_disk_of_postgresql_that_is_full_in_the_middle(postgres, tmp_path, anglewise):  # noqa: F811
    """Its tables lie on a file system of their own, which is made full."""
    import psycopg

    place = Path(postgres.removeprefix("host="))
    small = Path(tempfile.mkdtemp())  # which the server's own account may enter
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be made here")
    try:
        os.chown(small, place.stat().st_uid, place.stat().st_gid)
        small.chmod(0o700)
        with psycopg.connect(f"dbname=postgres user=postgres {postgres}", autocommit=True) as made:
            made.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
            address = "postgresql://postgres@/postgres/full"
            address += f"?{postgres}&options=-c%20default_tablespace%3Dsmall"
            aw.export(space(), "dot", address, index="scan")
            aw.write_space(space(6_000, 256, 1), tmp_path / "large")
            options = ["--measure", "dot", "--to", address, "--index", "scan", "--replace"]
            run = anglewise("export", tmp_path / "large", *options)
            refused(run, "No space left on device")
            result = aw.verify(address, space())
            assert (result.recall, result.drifted) == (1, False)
            for (name,) in made.execute(
                "SELECT tablename FROM pg_tables WHERE tablespace = 'small'"
            ):
                made.execute(f'DROP TABLE "{name}"')
            made.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
        small.rmdir()
