"""``anglewise mcp`` under the official SDK's own client, over standard input and output."""

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

import anglewise as aw

COMMAND = "from anglewise.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def root(tmp_path):
    """A folder with a space of titled items, its judgements and a run, and a secret beside it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 6)).astype(np.float32)
    titles = [f"title {i}" for i in range(40)]
    titles[1] = "ESC\x1b[2J \u202eodd"
    items = aw.Embeddings(x, [f"d{i}" for i in range(40)], {"title": titles})
    lengths = rng.uniform(0.3, 4, (40, 1)).astype(np.float32)
    queries = aw.Embeddings(x * lengths, [f"q{i}" for i in range(40)])
    folder = tmp_path / "root"
    folder.mkdir()
    aw.write_space(aw.Space(queries=queries, items=items), folder / "space")
    lines = [f"q{i} 0 d{i} 1\n" for i in range(40)]
    (folder / "qrels.txt").write_text("".join(lines))
    (folder / "bm25.run").write_text("".join(f"q{i} Q0 d{39 - i} 1 2.0 x\n" for i in range(40)))
    (tmp_path / "secret.txt").write_text("".join(lines))
    return folder


def session(root, work, *options, mode="auto"):
    """Start the server, and let ``work`` talk to it as a client."""

    async def run():
        server = StdioServerParameters(
            command=sys.executable,
            args=["-c", COMMAND, "mcp", "--root", str(root), *options],
            env={"OPENBLAS_NUM_THREADS": "1"},
        )
        async with Client(server, mode=mode) as client:
            return await work(client)

    return asyncio.run(asyncio.wait_for(run(), 120))


def content(result):
    assert not result.is_error, result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


def refusal(result):
    assert result.is_error
    assert result.structured_content is None
    [block] = result.content
    assert "\n" not in block.text
    return block.text


def digests(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_say_what_they_take_and_that_they_only_read(root, mode):
    async def work(client):
        return await client.list_tools()

    tools = {tool.name: tool for tool in session(root, work, mode=mode).tools}
    needs = {
        "audit": ["space"],
        "compare": ["space"],
        "search": ["space"],
        "probe": ["address"],
        "verify": ["address", "space"],
    }
    assert list(tools) == list(needs)
    for name, tool in tools.items():
        assert tool.annotations.read_only_hint
        assert sorted(tool.input_schema["required"]) == needs[name]
        assert tool.input_schema["additionalProperties"] is False


def test_one_session_answers_all_and_leaves_every_file_as_it_was(root):
    before = digests(root)

    async def work(client):
        return [
            await client.call_tool("audit", {"space": "space"}),
            await client.call_tool(
                "compare",
                {
                    "space": "space",
                    "judgements": "qrels.txt",
                    "runs": ["bm25.run"],
                    "gates": ["cosine>=bm25", "cosine>=last"],
                },
            ),
            await client.call_tool("search", {"space": "space", "query": "q1", "k": 3}),
        ]

    audit, compare, search = map(content, session(root, work))
    assert digests(root) == before
    assert audit["command"] == "audit"
    assert audit["verdict"]["reason"]
    measures = [row["measure"] for row in compare["measures"]]
    assert sorted(measures) == ["bm25", "cosine", "dot", "euclidean"]
    space = aw.read_space(root / "space")
    judged = aw.read_judgements(root / "qrels.txt", space)
    same = aw.compare(
        space, judged, "dot,cosine,euclidean", runs=aw.read_run(root / "bm25.run")
    ).to_dict()
    assert compare["verdict"] == json.loads(json.dumps(same["verdict"]))
    held, unchecked = compare["gates"]
    assert held["holds"]
    assert held["sentence"].startswith("gate cosine>=bm25 holds: ")
    assert not unchecked["holds"]
    assert "unchecked" in unchecked["sentence"]
    lists = {entry["measure"]: entry["neighbours"] for entry in search["measures"]}
    assert lists["cosine"][0]["id"] == "d1"
    assert lists["cosine"][0]["title"] == "ESC\\x1b[2J \\u202eodd"


WRONG = [
    ("compare", {"space": "space", "judgements": "../secret.txt"}, "outside of the folder"),
    ("compare", {"space": "space", "judgements": "link.txt"}, "outside of the folder"),
    ("audit", {"space": "/etc/passwd"}, "outside of the folder"),
    ("audit", {"space": "spce"}, "does not exist"),
    ("audit", {}, "space is missing"),
    ("audit", {"space": "space", "kk": 3}, "there is no argument 'kk': did you mean k?"),
    ("compare", {"space": "space", "judgements": "qrels.txt", "measures": "cosin"}, "cosin"),
    ("search", {"space": "space", "query": "q99"}, "no query has the id 'q99'"),
    ("search", {"space": "space", "text": "words"}, "which encoder made its vectors"),
    ("export", {}, "there is no tool 'export'"),
]


def test_what_is_wrong_is_one_message_and_the_server_goes_on(root, tmp_path):
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")

    async def work(client):
        wrong = [await client.call_tool(name, given) for name, given, _ in WRONG]
        return [*wrong, await client.call_tool("search", {"space": "space", "query": "q1"})]

    *wrong, right = session(root, work)
    for result, (_, _, message) in zip(wrong, WRONG, strict=True):
        assert message in refusal(result)
    assert content(right)["query"]["id"] == "q1"


def test_answers_are_bounded_and_say_what_was_cut(root):
    async def work(client):
        return await client.call_tool("search", {"space": "space", "query": "q1", "k": 40})

    options = ("--most-rows", "30", "--most-characters", "2000")
    answer = content(session(root, work, *options))
    assert "measures.neighbours: the first 3 of 40" in answer["cut"]
    assert len(json.dumps(answer, ensure_ascii=False)) <= 2000


def test_a_root_that_is_none_ends_the_command(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, "mcp", "--root", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert "does not exist" in run.stderr


def test_the_command_ends_when_the_client_has_gone(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, "mcp", "--root", str(tmp_path)],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (0, b"")
    assert Path(tmp_path).is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_an_interrupt_ends_the_command_while_the_client_is_silent(tmp_path):
    command = [sys.executable, "-c", COMMAND, "mcp", "--root", str(tmp_path)]
    request = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        run.stdin.write(json.dumps(request).encode() + b"\n")
        run.stdin.flush()
        assert run.stdout.readline()  # it listens
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == -signal.SIGINT
