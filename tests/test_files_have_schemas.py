"""The files in JSON that are read again are what their schemas say, as they are written."""

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from anglewise import Reranker
from chat_stub import chat  # noqa: F401 a fixture
from cli_run import anglewise  # noqa: F401 a fixture
from grader_stub import grader  # noqa: F401 a fixture
from json_schemas import fault
from test_judge_made import answered
from test_what_leaves_the_machine import there  # noqa: F401 a fixture
from write_formats import VECTORS, write

FORMATS = Path(__file__).parent / "formats"
ENCODER = "python:test_what_leaves_the_machine:counts"


@pytest.fixture(scope="module")
def now(tmp_path_factory):
    """The folder of what today's code writes."""
    folder, here = tmp_path_factory.mktemp("now"), Path.cwd()
    try:
        write(folder)
    finally:
        os.chdir(here)
    return folder


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("space/space.json", "space.json"),
        ("one-sided/space.json", "space.json"),
        ("tokens/space.json", "space.json"),
        ("relevance.json", "relevance.json"),
        ("holdout/manifest.json", "manifest.json"),
        ("study/study.json", "study.json"),
        ("transform.json", "transform.json"),
    ],
)
def test_a_file_that_is_read_again_is_what_its_schema_says(file, name, now):
    content = json.loads((now / file).read_text())
    assert fault(name, content) is None
    assert fault(name, {**content, "new": [[]]}) is not None


@pytest.mark.parametrize("file", ["space/space.json", "one-sided/space.json", "vectors/space.json"])
def test_a_space_of_the_first_version_is_what_the_schema_of_today_says(file):
    assert fault("space.json", json.loads((FORMATS / "0.1" / file).read_text())) is None


def test_the_rows_of_a_history_are_what_their_schema_says(now):
    table = pq.read_table(now / "history.parquet")
    rows = table.to_pylist()
    for row in rows:
        at = row["at"]
        assert fault("history", {**row, "at": None if at is None else at.isoformat()}) is None
    assert len(rows) == 6


def test_results_are_what_their_schemas_say(now):
    for file in sorted(now.glob("*.json")):
        content = json.loads(file.read_text())
        if "command" in content:
            assert fault(content["command"], content) is None


def test_marks_of_folders_are_what_their_schemas_say(there, anglewise):  # noqa: F811, ARG001
    words = ["inspect", *VECTORS, "--export", "copy", "--export-queries", "3"]
    assert anglewise(*words, "--direction", "queries-items").code == 0
    assert fault("copy.json", json.loads(Path("copy/copy.json").read_text())) is None


def test_messages_for_a_chat_are_what_their_schema_says(there, anglewise):  # noqa: F811, ARG001
    assert anglewise("encode", "texts.csv", "-o", "encoded", "--encoder", ENCODER).code == 0
    words = ["context", "encoded", "--prompt", "word", "--encoder", ENCODER, "--messages"]
    assert fault("messages", json.loads(anglewise(*words).out)) is None


def test_answers_that_are_kept_are_what_their_schemas_say(
    there,  # noqa: F811, ARG001
    anglewise,  # noqa: F811
    grader,  # noqa: F811
    chat,  # noqa: F811
):
    assert anglewise("encode", "texts.csv", "-o", "encoded", "--encoder", ENCODER).code == 0
    words = ["judge", "grade", "encoded", "encoded-pairs.csv", "--model", "m", "--url", grader.url]
    assert anglewise(*words, "--cache", "grades.jsonl").code == 0
    assert len(lines("grades.jsonl")) == 4
    assert {fault("grades.jsonl", line) for line in lines("grades.jsonl")} == {None}
    words = ["judge", "from-text", "encoded", "-o", "asked", "--by", "model", "--model", "m"]
    chat.pieces = [answered("Which word stands there?")]
    run = anglewise(*words, "--url", chat.url, "--number", "1", "--cache", "answers.jsonl")
    assert run.code == 0, run
    assert {fault("answers.jsonl", line) for line in lines("answers.jsonl")} == {None}


def test_scores_of_a_reranker_are_what_their_schema_says(there, anglewise):  # noqa: F811, ARG001
    assert anglewise("encode", "texts.csv", "-o", "encoded", "--encoder", ENCODER).code == 0
    Path("qrels.csv").write_text(
        "query_id,item_id,gain\n" + "".join(f"d{row},d{row + 1},1\n" for row in range(9))
    )
    words = ["compare", "encoded", "--qrels", "qrels.csv", "--direction", "items-items"]
    words += ["--reranker", "python:test_files_have_schemas:LENGTHS"]
    words += ["--reranker-cache", "scores.jsonl", "--measures", "dot,rerank(dot,5)"]
    run = anglewise(*words)
    assert run.code == 0, run
    assert {fault("scores.jsonl", line) for line in lines("scores.jsonl")} == {None}


def lengths(query, texts):
    """Scores that have nothing to do with relevance."""
    return [float(len(text) - len(query)) for text in texts]


LENGTHS = Reranker(spec="lengths", scores=lengths, identity="lengths 1")


def test_what_an_export_leaves_is_what_its_schema_says():
    from anglewise.stores.manifest import Manifest

    left = Manifest("cosine", "queries-items", "unit", "dot", 4, 9, "0" * 16, "ids", [1.0], 0.5)
    assert fault("collection", json.loads(left.to_text())) is None
