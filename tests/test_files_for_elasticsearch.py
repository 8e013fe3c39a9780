"""Files for Elasticsearch and OpenSearch: what is due is in them, and nothing is called proven."""

import json
import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.cli import main
from anglewise.errors import FileError, NoCollectionError, SpellingError, StoreError
from anglewise.stores.address import read_address
from anglewise.stores.bulk_files import BulkFiles
from anglewise.stores.vector_store import Layout, open_store, store_class
from local_server import serving

KINDS = ("elasticsearch", "opensearch")
MEASURES = ("dot", "cosine", "euclidean", "norm(0,0.5)", "csls(5)", "cosine@centred")


def space(items=1200, dimension=8, *, zero=False, ids=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(items, dimension)) * rng.lognormal(0, 0.5, (items, 1)) + 0.3
    if zero:
        x[7] = 0
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(30, dimension))),
        items=aw.Embeddings(
            x,
            ids or [f"d{i}" for i in range(items)],
            {"title": [f"title {i}" for i in range(items)]},
        ),
        trained_for="dot",
    )


@pytest.fixture(params=KINDS)
def address(request, tmp_path):
    return f"{request.param}://{tmp_path}/films"


def folder(address):
    read = read_address(address)
    return read.folder / read.name


def mapping(address):
    return json.loads((folder(address) / "mapping.json").read_text())


def loaded(address):
    """What a server would have after every request: ids and vectors, as its float32."""
    found = {}
    for path in sorted(folder(address).glob("bulk-*.ndjson")):
        content = path.read_text()
        assert content.endswith("\n")
        lines = [json.loads(line) for line in content.split("\n")[:-1]]
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            assert set(action) == {"index"}
            assert action["index"]["_id"] not in found
            found[action["index"]["_id"]] = np.array(document["vector"], np.float32)
    return found


def documented(words, query, x):
    """``_score`` as the documentation of both servers gives it, written here once more."""
    if words in {"max_inner_product", "innerproduct"}:
        inner = float(query @ x)
        return inner + 1 if inner >= 0 else 1 / (1 - inner)
    if words in {"cosine", "cosinesimil"}:
        return (1 + float(query @ x) / np.linalg.norm(query) / np.linalg.norm(x)) / 2
    if words in {"l2_norm", "l2"}:
        return 1 / (1 + float(np.square(query - x).sum()))
    return 1 / (1 + float(np.abs(query - x).sum()))


@pytest.mark.parametrize("spelling", MEASURES)
def test_a_server_that_scores_as_documented_ranks_as_the_measure(address, spelling):
    made = space()
    exported = aw.export(made, spelling, address, metadata=False)
    assert (exported.proven, exported.recall) == (False, 1)
    assert exported.index.startswith("not proven")
    words = store_class(read_address(address).kind).supported[exported.metric]
    items = loaded(address)
    exact = aw.search(made, [spelling], k=10, use_seen=False)[spelling].indices
    queries = exported.transform(made.queries.vectors)
    for query, due in zip(queries.astype(float), exact[:10], strict=False):
        scores = {name: documented(words, query, x.astype(float)) for name, x in items.items()}
        first = sorted(scores, key=scores.__getitem__, reverse=True)[:10]
        assert set(first) == {f"d{row}" for row in due}


def test_what_is_scanned_is_the_documented_score(address):
    made = space(items=40)
    kind = store_class(read_address(address).kind)
    for metric, words in kind.supported.items():
        place = read_address(address).called(f"by-{words}")
        store = kind.create(place, Layout(8, metric, "scan"))
        store.add([*map(str, made.items.ids)], made.items.vectors)
        query = made.queries.vectors[:1].astype(np.float32)
        (listed,) = store.search(query, 40)
        vectors = dict(zip(map(str, made.items.ids), made.items.vectors, strict=True))
        for name, score in listed:
            assert score == pytest.approx(documented(words, query[0], vectors[name]), rel=1e-5)
        assert [s for _, s in listed] == sorted((s for _, s in listed), reverse=True)


@pytest.mark.parametrize("words", ["max_inner_product", "cosine", "l2_norm", "l1"])
def test_a_probe_recognises_every_score_of_either_server(words):
    vectors = space(items=30).items.vectors * (0.02 if words == "l1" else 1)

    def search(query, k):
        scores = [documented(words, query.astype(float), x) for x in vectors]
        return [(str(i), scores[i]) for i in np.argsort(scores)[::-1][:k]]

    found = aw.probe(search, dimension=8)
    due = {"max_inner_product": "dot", "cosine": "cosine", "l2_norm": "squared-euclidean"}
    assert (found.metric, found.nearer) == (due.get(words, "manhattan"), "larger")


def test_the_scan_of_linf_is_none_of_the_five_metrics():
    vectors = space().items.vectors

    def search(query, k):
        scores = 1 / (1 + np.abs(vectors - query).max(axis=1))
        return [(str(i), float(scores[i])) for i in scores.argsort()[::-1][:k]]

    assert aw.probe(search, dimension=8).metric == "unknown"


def test_elasticsearch_is_told_not_to_quantise(tmp_path):
    address = f"elasticsearch://{tmp_path}/films"
    aw.export(space(), "dot", address)
    field = mapping(address)["mappings"]["properties"]["vector"]
    assert field == {
        "type": "dense_vector",
        "dims": 8,
        "index": True,
        "similarity": "max_inner_product",
        "index_options": {"type": "hnsw", "m": 16, "ef_construction": 100},
    }
    aw.export(space(), "cosine", address, index="scan", replace=True)
    field = mapping(address)["mappings"]["properties"]["vector"]
    assert (field["similarity"], field["index_options"]) == ("cosine", {"type": "flat"})


def test_opensearch_has_a_graph_by_faiss_or_a_scan_that_names_its_space(tmp_path):
    address = f"opensearch://{tmp_path}/films"
    aw.export(space(), "cosine", address)
    content = mapping(address)
    assert content["settings"] == {"index": {"knn": True}}
    method = content["mappings"]["properties"]["vector"]["method"]
    assert (method["engine"], method["space_type"]) == ("faiss", "cosinesimil")
    with pytest.raises(StoreError, match="l1 in a scan alone"):
        aw.export(space(), "manhattan", address, replace=True)
    assert aw.export(space(), "manhattan", address, index="scan", replace=True).recall == 1
    content = mapping(address)
    assert content["settings"] == {"index": {"knn": False}}
    assert content["mappings"]["_meta"]["space_type"] == "l1"


def test_a_zero_vector_which_cosine_refuses_is_prepared_in_another_way(address):
    said = []
    exported = aw.export(space(zero=True), "cosine", address, say=said.append)
    assert (exported.way, exported.metric) == ("unit vectors, dot", "dot")
    assert "refuses a vector of length 0" in " ".join(said)
    assert not loaded(address)["d7"].any()
    assert [path.name for path in folder(address).parent.iterdir()] == ["films"]


def test_vectors_come_back_to_the_last_bit_and_all_that_is_known(address):
    ids = ["東京", 'quote"', "tab\t", "line\nbreak", "\u2028", "0"]
    made = space(items=6, ids=ids)
    aw.export(made, "dot", address, keep="vector")
    with open_store(address) as store:
        (rows,) = store.rows()
    assert rows.ids == ids
    assert np.array_equal(rows.vectors, made.items.vectors.astype(np.float32))
    assert rows.metadata[0]["title"] == "title 0"
    assert rows.metadata[0]["anglewise_vector"] == made.items.vectors[0].tolist()


def test_nothing_is_replaced_unless_asked_and_the_old_files_stay_until_then(address, monkeypatch):
    made = space()
    aw.export(made, "dot", address)
    before = {path.name: path.read_bytes() for path in folder(address).iterdir()}
    with pytest.raises(StoreError, match="--replace"):
        aw.export(space(seed=1), "dot", address)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BulkFiles, "take_place", killed)
        with pytest.raises(KeyboardInterrupt):
            aw.export(space(seed=1), "dot", address, replace=True)
    assert {path.name: path.read_bytes() for path in folder(address).iterdir()} == before


def test_an_export_that_was_ended_in_the_middle_is_gone_on_with(address, monkeypatch):
    made, add, calls = space(), BulkFiles.add, []

    def ended(self, ids, *rest):
        calls.append(len(ids))
        if len(calls) == 3:
            raise KeyboardInterrupt
        add(self, ids, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(BulkFiles, "add", ended)
        with pytest.raises(KeyboardInterrupt):
            aw.export(made, "dot", address)
    with pytest.raises(StoreError, match="--resume"):
        aw.export(made, "dot", address)
    said = []
    exported = aw.export(made, "dot", address, resume=True, say=said.append)
    assert "1,000 of 1,200 vectors were written before" in " ".join(said)
    assert (exported.count, len(loaded(address))) == (1200, 1200)
    assert [path.name for path in folder(address).parent.iterdir()] == ["films"]


def test_a_last_file_that_was_short_is_written_anew(address):
    kind = store_class(read_address(address).kind)
    store = kind.create(read_address(address), Layout(8, "dot"))
    x = space().items.vectors
    store.add([str(i) for i in range(500)], x[:500])
    store.add([str(i) for i in range(500, 700)], x[500:700])
    again = kind.reopen(read_address(address), Layout(8, "dot"))
    assert again.count == 700
    again.add([str(i) for i in range(500, 1000)], x[500:1000])
    assert [*map(int, loaded(address))] == [*range(1000)]


def test_files_are_neither_probed_nor_verified(address):
    made = space()
    aw.export(made, "dot", address)
    for asked in (
        lambda: aw.probe(address),
        lambda: aw.probe(address, scratch=True),
        lambda: aw.verify(address, made),
    ):
        with pytest.raises(StoreError, match="files for a server, and none is asked"):
            asked()


def test_what_the_server_would_refuse_is_refused_here(address, tmp_path):
    kind = read_address(address).kind
    with pytest.raises(StoreError, match="takes no index of this name"):
        aw.export(space(), "dot", f"{kind}://{tmp_path}/Films")
    with pytest.raises(StoreError, match="ids of 1 to 512 bytes"):
        aw.export(space(items=2, ids=["a", "ü" * 300]), "dot", address)
    with pytest.raises(StoreError, match=r"numbers at most, and these have 16,001|these have"):
        store_class(kind).create(read_address(address), Layout(16_001, "dot"))
    with pytest.raises(StoreError, match="is not asked from here"):
        aw.export(space(), "dot", f"{kind}://localhost:9200/films")
    with pytest.raises(SpellingError, match="takes no account"):
        aw.export(space(), "dot", f"{kind}://me:secret@localhost/films")
    with pytest.raises(NoCollectionError):
        open_store(f"{kind}://{tmp_path}/nothing")


@pytest.mark.parametrize("damage", ["{}", "[]", '{"mappings": {"properties": {}}}', "{", ""])
def test_a_mapping_of_something_else_is_said(address, damage):
    aw.export(space(items=3), "dot", address)
    (folder(address) / "mapping.json").write_text(damage)
    with pytest.raises(FileError, match="mapping"):
        open_store(address)


def test_a_file_that_was_cut_off_is_said(address):
    aw.export(space(items=3), "dot", address)
    path = folder(address) / "bulk-000000.ndjson"
    path.write_bytes(path.read_bytes()[:-40])
    with open_store(address) as store, pytest.raises(FileError, match="bulk-000000"):
        list(store.rows())


def test_the_command_says_that_nothing_is_proven(address, tmp_path, capsys):
    aw.write_space(space(), tmp_path / "space")
    words = ["export", str(tmp_path / "space"), "--measure", "cosine", "--to", address]
    assert main([*words, "--transform", str(tmp_path / "q.npz")]) == 0
    out = capsys.readouterr().out
    assert "Not proven: no server was asked" in " ".join(out.split())
    assert "proven" not in out.replace("Not proven", "")
    assert main([*words, "--replace", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["proven"] is False
    assert main(["probe", address]) == 2
    assert "Traceback" not in capsys.readouterr().err


def commands():
    """Those of the documentation that load the files."""
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "stores.md").read_text()
    return next(part for part in page.split("```sh\n") if part.startswith("curl")).split("```")[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("refused", [False, True])
def test_the_documented_commands_send_every_file_and_say_what_was_refused(tmp_path, refused):
    address, requests = f"elasticsearch://{tmp_path}/films", []
    aw.export(space(), "dot", address)

    class Server(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.command, self.path, self.headers["Content-Type"], body))
            is_bad = refused and len(requests) == 3
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"errors":true}' if is_bad else b'{"errors":false}')

        do_PUT = do_POST = answer  # noqa: N815 so the library calls them

        def log_message(self, *_):
            pass

    with serving(Server) as port:
        done = subprocess.run(
            ["bash", "-c", commands()],
            cwd=folder(address),
            env={**os.environ, "URL": f"http://127.0.0.1:{port}", "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert requests[0][:3] == ("PUT", "/films", "application/json")
    assert json.loads(requests[0][3]) == mapping(address)
    assert {one[:3] for one in requests[1:]} == {
        ("POST", "/films/_bulk?filter_path=errors", "application/x-ndjson")
    }
    sent = b"".join(one[3] for one in requests[1:])
    assert sent.count(b"\n") == 2 * 1200
    assert done.stdout.count("refused") == refused
    assert ("refused: bulk-000001.ndjson" in done.stdout) == refused


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_what_somebody_keeps_under_the_name_is_not_removed(tmp_path, replaces, beside):
    address, folder = f"elasticsearch://{tmp_path}/films", tmp_path / "films"
    if beside:
        aw.export(space(), "dot", address)
    folder.mkdir(exist_ok=True)
    (folder / "own.txt").write_text("mine")
    before = sorted(folder.iterdir())
    with pytest.raises(StoreError, match=r"would be lost|is there"):
        aw.export(space(), "dot", address, replace=replaces)
    assert (folder / "own.txt").read_text() == "mine"
    assert sorted(folder.iterdir()) == before
    assert sorted(tmp_path.iterdir()) == [folder]
