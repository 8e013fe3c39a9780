"""The example that answers questions about the guides, against a stub of a chat endpoint."""

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chat_stub import DONE, chat, event

__all__ = ["chat"]

SCRIPT = Path(__file__).parents[1] / "examples" / "ask_the_docs.py"
SPEC = importlib.util.spec_from_file_location("ask_the_docs", SCRIPT)
EXAMPLE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(EXAMPLE)

QUESTION = "what does whitening do to vectors"
MESSAGES = [{"role": "user", "content": "whitened?"}]


def words(chat, **settings):
    return list(EXAMPLE.answer(chat.url, "model", MESSAGES, **settings))


@pytest.fixture(scope="module")
def guides(tmp_path_factory):
    """A few of the guides: it is quicker."""
    folder = tmp_path_factory.mktemp("guides")
    for page in ("background/why-cosine-can-be-arbitrary.md", "reference/measures.md"):
        (folder / Path(page).name).symlink_to(EXAMPLE.DOCS / page)
    return folder


@pytest.fixture(scope="module")
def context(guides):
    return EXAMPLE.context_of(EXAMPLE.sections(guides), "use", 3000)


def test_from_the_guides_to_an_answer_with_its_sources(chat, guides):
    run = subprocess.run(
        [sys.executable, SCRIPT, QUESTION, "--url", chat.url, "--docs", guides],
        env=os.environ | {"OPENAI_API_KEY": "secret"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Yes [1].\n")
    assert "[1] measures.md#" in run.stdout
    assert chat.paths == ["/v1/chat/completions"]
    assert chat.headers[0]["Authorization"] == "Bearer secret"
    (asked,) = chat.asked
    assert asked["stream"] is True
    assert [one["role"] for one in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"].startswith("[1] whitened")
    assert asked["messages"][1]["content"].endswith(QUESTION)


def test_nothing_is_sent_where_nothing_is_relevant(chat, context, monkeypatch, capsys):
    monkeypatch.setattr(EXAMPLE, "context_of", lambda *_: context)
    monkeypatch.setattr(sys, "argv", ["ask", "how do I activate my credit card", "--url", chat.url])
    assert EXAMPLE.main() == 0
    assert "say nothing about this" in capsys.readouterr().out
    assert chat.asked == []


def test_a_refusal_is_one_message(chat, context, monkeypatch, capsys):
    chat.status = 401
    monkeypatch.setattr(EXAMPLE, "context_of", lambda *_: context)
    monkeypatch.setattr(sys, "argv", ["ask", QUESTION, "--url", chat.url])
    assert EXAMPLE.main() == 2
    assert "401" in capsys.readouterr().err


def test_words_come_while_the_server_still_speaks(chat):
    chat.wait = threading.Event()
    said = EXAMPLE.answer(chat.url, "model", MESSAGES)
    assert next(said) == "Yes"
    chat.wait.set()
    assert list(said) == [" [1]."]


def test_comments_roles_and_characters_cut_in_two_do_no_harm(chat):
    whole = event("Überraschung")
    role = b'data: {"choices": [{"delta": {"role": "assistant"}}]}\r\n\r\n'
    usage = b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n'
    chat.pieces = [b": keep-alive\n\n", role, whole[:41], whole[41:], usage, DONE]
    assert "".join(words(chat)) == "Überraschung"


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([event("Ye")], "broke off"),
        ([], "broke off"),
        ([b'data: {"error": {"message": "overloaded"}}\n\n'], "overloaded"),
        ([b"<html>gateway</html>"], "broke off"),
        ([b"data: nonsense\n\n"], "Expecting value"),
    ],
)
def test_a_stream_that_fails_says_so(chat, pieces, says):
    chat.pieces = pieces
    with pytest.raises((OSError, ValueError), match=says):
        words(chat)


def test_without_a_key_none_is_sent(chat):
    words(chat)
    assert "Authorization" not in chat.headers[0]
