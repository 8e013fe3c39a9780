"""Nothing leaves the machine unless an option names where to: held by Python's own audit events."""

import ast
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from chat_stub import chat  # noqa: F401 a fixture
from cli_run import anglewise  # noqa: F401 a fixture
from embeddings_stub import stub  # noqa: F401 a fixture
from grader_stub import grader  # noqa: F401 a fixture
from test_probing_of_endpoints import DIMENSION, server  # noqa: F401 a fixture

ROOT = Path(__file__).parents[1]
PAGE = next((ROOT / "docs").rglob("what-leaves-the-machine.md")).read_text()
DOORS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
DOORS += ("socket.bind", "socket.gethostbyaddr", "urllib.Request", "http.client.connect")
watchers: list[list[tuple[str, object]]] = []


def _note(event, arguments):
    if watchers and event in DOORS:
        where = arguments[1] if event in {"socket.connect", "socket.bind"} else arguments[:2]
        watchers[-1].append((event, where))


sys.addaudithook(_note)  # which stays, and does nothing when nobody watches


@contextmanager
def watching():
    """Every door to another machine that is tried meanwhile."""
    watchers.append([])
    try:
        yield watchers[-1]
    finally:
        watchers.pop()


LOCAL = [
    "encode texts.csv -o encoded --encoder python:test_what_leaves_the_machine:counts",
    "fit ratings.csv -o space --components 4 --penalty 5 --item-table films.csv",
    "holdout ratings.csv -o held",
    "audit space --html audit.html --json audit.json",
    "judge from-interactions space ratings.csv",
    "judge from-labels vectors labels.csv",
    "judge from-text encoded -o known --by title",
    "judge sample vectors -o pairs.csv",
    "judge import vectors judges.csv",
    "judge export vectors judged.csv",
    "judge agreement judges.csv",
    "judge lint vectors --qrels qrels.txt",
    "judge power vectors --qrels qrels.txt",
    "judge next vectors --qrels qrels.txt",
    "judge grade encoded encoded-pairs.csv --model none --dry-run",
    "compare vectors --qrels qrels.txt --html page.html --history history.parquet",
    "remedy space --no-keep --candidates cosine@centred",
    "search space --query i3 --direction items-items",
    "search encoded --text word --encoder python:test_what_leaves_the_machine:counts",
    "inspect vectors --export copy --export-queries 3",
    "recommend space --user u3 --explain",
    "replay ratings.csv --components 4 --penalty 5",
    "calibrate vectors --qrels qrels.txt --measure dot -o relevance.json",
    "context encoded --prompt word --encoder python:test_what_leaves_the_machine:counts",
    "export vectors --to opensearch://HERE/index --measure cosine",
    "migrate vectors vectors",
    "verify-report audit.json",
    "study --on ratings.csv --components 4 --penalty 5",
    "doctor",
    "schema",
]
"""What is typed, command by command, without an option that sends anything."""


def counts(texts):
    """Vectors of texts, made here."""
    return np.array([[len(text), text.count("a"), 1.0] for text in texts], dtype=float)


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with inputs of every command, in which the test stands."""
    from write_formats import make

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    for key in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(key, raising=False)
    make(tmp_path)
    texts = "".join(f"d{row},A title of {row},a word that stands in {row}\n" for row in range(20))
    Path("texts.csv").write_text("id,title,text\n" + texts)
    Path("labels.csv").write_text("id,label\n" + "".join(f"d{r},{r % 3}\n" for r in range(40)))
    pairs = "".join(f"d{row},d{row + 1},items-items\n" for row in range(4))
    Path("encoded-pairs.csv").write_text("query_id,item_id,direction\n" + pairs)
    return tmp_path


def test_no_command_opens_a_door_unless_an_option_names_where_to(there, anglewise):  # noqa: F811
    for words in LOCAL:
        with watching() as tried:
            run = anglewise(*words.replace("HERE", str(there)).split(), "--quiet")
        assert run.code in {0, 1}, (words, run)
        assert tried == [], words


def test_every_command_is_among_those_that_are_watched():
    from anglewise.report.schemas import COMMANDS

    names = sorted(COMMANDS, key=len, reverse=True)
    typed = {next(name for name in names if f"{job} ".startswith(f"{name} ")) for job in LOCAL}
    elsewhere = {"demo", "probe", "verify", "tune"}
    assert typed | elsewhere == set(COMMANDS)
    assert not typed & elsewhere


def test_they_work_where_there_is_no_network_at_all(there):
    cut_off = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        subprocess.run([*cut_off, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing here makes a network of its own (unshare)")
    words = ["compare", "vectors", "--qrels", "qrels.txt", "--json", "-"]
    code = f"import sys; from anglewise.cli import main; sys.exit(main({words}))"
    run = subprocess.run(
        [*cut_off, sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=there,
    )
    assert json.loads(run.stdout)["queries"] == 40


def addresses(tried):
    """Where connections went, as host and port; names that were looked up must be these hosts."""
    connected = {tuple(where[:2]) for event, where in tried if event == "socket.connect"}
    looked_up = {where[0] for event, where in tried if event == "socket.getaddrinfo"}
    assert looked_up <= {host for host, _ in connected}
    assert not [event for event, _ in tried if event in {"socket.sendto", "socket.bind"}]
    return connected


def place(url):
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    return {(host, int(port))}


def test_an_encoder_with_an_address_is_asked_there_and_nowhere_else(
    there,  # noqa: ARG001
    anglewise,  # noqa: F811
    stub,  # noqa: F811
):
    with watching() as tried:
        run = anglewise("encode", "texts.csv", "-o", "a", "--encoder", f"openai:m?url={stub.url}")
    assert run.code == 0, run
    assert addresses(tried) == place(stub.url)


def test_a_model_that_grades_is_asked_at_its_address_and_nowhere_else(
    there,  # noqa: ARG001
    anglewise,  # noqa: F811
    grader,  # noqa: F811
):
    assert anglewise(*LOCAL[0].split()).code == 0
    words = ["judge", "grade", "encoded", "encoded-pairs.csv", "--model", "m", "--url", grader.url]
    with watching() as tried:
        run = anglewise(*words)
    assert run.code == 0, run
    assert addresses(tried) == place(grader.url)


def test_a_model_that_writes_questions_is_asked_at_its_address_and_nowhere_else(
    there,  # noqa: ARG001
    anglewise,  # noqa: F811
    chat,  # noqa: F811
):
    assert anglewise(*LOCAL[0].split()).code == 0
    words = ["judge", "from-text", "encoded", "-o", "asked", "--by", "model", "--model", "m"]
    with watching() as tried:
        anglewise(*words, "--url", chat.url, "--number", "2")
    assert addresses(tried) == place(chat.url)


def test_a_server_that_is_probed_is_asked_at_its_address_and_nowhere_else(
    anglewise,  # noqa: F811
    server,  # noqa: F811
):
    with watching() as tried:
        run = anglewise("probe", server.url, "--dimension", DIMENSION)
    assert run.code == 0, run
    assert addresses(tried) == place(server.url)


SENDERS = {
    "encoders/deadline.py",
    "encoders/json_requests.py",
    "stores/bounded_http.py",
    "stores/bounded_sql.py",
    "stores/chroma_store.py",
    "web_page/allowed_origin.py",
    "web_page/app.py",
    "web_page/open_space.py",
}
"""The files that import what opens connections; libraries of stores and models aside."""


def test_connections_are_made_in_known_files_alone():
    found = set()
    for file in (ROOT / "src/anglewise").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            if any(name.startswith(DANGEROUS) for name in names):
                found.add(file.relative_to(ROOT / "src/anglewise").as_posix())
    assert found == SENDERS


DANGEROUS = ("socket", "http.client", "urllib.request", "ssl", "smtplib", "ftplib", "requests")
DANGEROUS += ("httpx", "aiohttp", "urllib3", "xmlrpc", "telnetlib", "webbrowser.open")


@pytest.mark.parametrize("option", ["encoder", "reranker", "url", "to", "host", "model", "key"])
def test_the_page_of_the_docs_names_every_option_that_may_send(option):
    from anglewise.cli.settings import YOURS

    assert option in YOURS
    assert f"--{option} " in PAGE or f"`--{option}`" in PAGE


def test_the_page_of_the_docs_names_every_variable_and_every_store_with_a_server():
    from anglewise.stores import chroma_store, milvus_connection, qdrant_store

    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        assert f"`{name}`" in PAGE
    for store in (chroma_store, milvus_connection, qdrant_store):
        assert f"`{store.KEY}`" in PAGE
