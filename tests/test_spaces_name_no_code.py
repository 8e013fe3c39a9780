"""A space and a store may come from a stranger: they name data, never code, hosts or keys."""

import json
import shlex
import sqlite3
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from anglewise import Embeddings, Judged, JudgementStore, Space, encoder, write_space
from anglewise.encoders.encoder import read_spec
from anglewise.encoders.load import HARMLESS, KINDS, encoder_of
from anglewise.errors import EncoderError, FileError, MissingExtraError, SpellingError
from cli_run import anglewise, refused
from embeddings_stub import Answer, stub

__all__ = ["anglewise", "stub"]

KEY = "123-secret-456"


def space_by(spec):
    return Space(
        items=Embeddings(np.eye(3, dtype=np.float32), ids=["a", "b", "c"]), about={"encoder": spec}
    )


@pytest.fixture
def local_model(tmp_path):
    """A folder as sentence-transformers writes it, whose layer is a Python file beside it."""
    folder = tmp_path / "space" / "model"
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text(
        json.dumps([{"idx": 0, "name": "0", "path": "", "type": "own_layer.Layer"}])
    )
    (folder / "own_layer.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    return folder


def test_only_kinds_that_run_no_code_may_be_chosen_by_a_space():
    assert {"use", "words", "model2vec", "onnx", "onnx-images"} == HARMLESS
    for kind in set(KINDS) - HARMLESS - {"openai"}:
        with pytest.raises(EncoderError, match="not run unasked"):
            encoder_of(space_by(f"{kind}:os:getcwd"))


def test_a_model_beside_a_space_is_not_loaded_and_the_message_holds_what_to_type(
    anglewise, local_model, tmp_path, monkeypatch
):
    def library(*_, **__):
        raise AssertionError("the space has chosen what is loaded")

    stand_in = SimpleNamespace(SentenceTransformer=library, __version__="6.0.0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    spec = f"sentence-transformers:{local_model}"
    write_space(space_by(spec), tmp_path / "strange")
    run = anglewise("search", tmp_path / "strange", "--text", "heist")
    assert refused(run, f"(--encoder {shlex.quote(spec)})")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("version", ["5.1.0", "5.7.0", "what"])
def test_a_library_that_runs_what_lies_in_a_folder_is_refused(version, local_model, monkeypatch):
    stand_in = SimpleNamespace(SentenceTransformer=None, __version__=version)
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    with pytest.raises(MissingExtraError, match=r"6\.0 or later"):
        encoder(f"sentence-transformers:{local_model}")


def test_a_model_with_code_is_led_to_a_function(local_model, monkeypatch):
    def needs_trust(*_, trust_remote_code, **__):
        assert trust_remote_code is False
        raise ValueError("x" * 300 + "Please pass the argument `trust_remote_code=True`")

    stand_in = SimpleNamespace(SentenceTransformer=needs_trust, __version__="6.2.0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", stand_in)
    with pytest.raises(EncoderError, match="python:MODULE:FUNCTION"):
        encoder(f"sentence-transformers:{local_model}")


@pytest.mark.parametrize(
    "spec",
    [
        r"words:\\evil\share\glove.txt",
        "onnx://evil/share/model.onnx",
        r"onnx:model.onnx?tokenizer=\\evil\share\tokenizer.json",
        r"model2vec:\/evil/share",
    ],
)
def test_a_space_names_no_shared_folder_of_another_machine(spec):
    with pytest.raises(EncoderError, match="on another machine"):
        encoder_of(space_by(spec))


def test_a_space_sends_no_key_to_a_port_of_this_machine(anglewise, stub, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    spec = f"openai:tiny?url={stub.url}"
    write_space(space_by(spec), tmp_path / "strange")
    run = anglewise("search", tmp_path / "strange", "--text", "heist")
    assert refused(run, stub.url, f"--encoder '{spec}'")
    assert not stub.asked
    asked = ["search", tmp_path / "strange", "--text", "heist", "-k", 2]
    assert anglewise(*asked, "--encoder", spec).code == 0
    assert stub.headers[-1]["Authorization"] == f"Bearer {KEY}"
    monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
    assert anglewise(*asked).code == 0


def test_an_endpoint_is_named_by_a_person_even_where_it_is_the_usual_one(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(EncoderError, match=r"encoded at https://api\.openai\.com/v1"):
        encoder_of(space_by("openai:tiny"))


def test_what_to_type_names_no_variable_that_the_space_asks_for(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(EncoderError, match="your variable AWS_SECRET") as error:
        encoder_of(space_by("openai:tiny?url=http://127.0.0.1:9/v1&key=AWS_SECRET"))
    typed = shlex.split(str(error.value).partition("(--encoder ")[2].partition("),")[0])[0]
    assert read_spec(typed).options == {"url": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_takes_the_key_nowhere(stub, status, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    elsewhere = stub.url.replace("127.0.0.1", "localhost") + f"/{KEY}"
    stub.script += [Answer({}, status, {"Location": elsewhere})]
    with pytest.raises(EncoderError, match="elsewhere") as error:
        encoder(f"openai:tiny?url={stub.url}")(["a"])
    assert len(stub.asked) == 1
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401),
        Answer(f"<p>{'x' * 30}{KEY}{'x' * 200}".encode(), 200),
        Answer({"error": f"no such key {KEY}"}, 200),
        Answer({"error": "x" * 195 + KEY}, 200),
        Answer({"data": [{"index": KEY, "embedding": [1.0]}]}, 200),
        Answer(b"no JSON", 200, {"Content-Type": KEY}),
    ],
)
def test_a_server_that_repeats_the_key_does_not_get_it_printed(stub, answer, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    stub.script += [answer]
    with pytest.raises(EncoderError) as error:
        encoder(f"openai:tiny?url={stub.url}")(["a"])
    assert KEY[:5] not in str(error.value)


@pytest.mark.parametrize("broken", [f"{KEY}\nX: y", f"{KEY}é", f"{KEY}\x00"])
def test_a_key_that_no_header_holds_is_not_repeated(stub, broken, monkeypatch):
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": broken})
    with pytest.raises(SpellingError, match="holds characters") as error:
        encoder(f"openai:tiny?url={stub.url}")
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "spec",
    [
        f"openai:tiny?key={KEY}",
        f"openai:tiny?url=http://host/v1%3Fapi_key={KEY}",
        f"openai:tiny?url=http://host/v1#{KEY}",
        f"openai:tiny?url=http://{KEY}@host/v1",
    ],
)
def test_a_key_typed_in_the_wrong_place_is_not_repeated(spec):
    with pytest.raises(SpellingError) as error:
        encoder(spec)
    assert KEY not in str(error.value)


def test_a_variable_that_is_named_must_be_there(anglewise, tmp_path, monkeypatch):
    write_space(
        Space(items=Embeddings([[1.0]], metadata={"title": ["A heist in three acts"]})),
        tmp_path / "space",
    )
    monkeypatch.delenv("MINE", raising=False)
    words = ["judge", "from-text", tmp_path / "space", "-o", tmp_path / "out"]
    words += ["--by", "model", "--model", "m", "--url", "http://127.0.0.1:9/v1", "--key", "MINE"]
    assert refused(anglewise(*words), "key=MINE", "no such environment variable")


@pytest.mark.parametrize(
    "command",
    [
        "CREATE TRIGGER added AFTER INSERT ON judgements BEGIN SELECT 1; END",
        "CREATE VIEW seen AS SELECT * FROM judgements",
    ],
)
def test_a_store_that_brings_commands_is_refused(command, tmp_path):
    path = tmp_path / "judgements.sqlite"
    with JudgementStore.open(path) as store:
        store.add(Judged("q", "d", 1, judge="anna"))
    with sqlite3.connect(path) as connection:
        connection.execute(command)
    connection.close()
    for read_only in (True, False):
        with pytest.raises(FileError, match="no store of judgements as anglewise makes them"):
            JudgementStore.open(path, read_only=read_only)


def test_an_encoder_that_lies_elsewhere_now_is_named_with_what_to_type(tmp_path):
    about = {"encoder": f"words:{tmp_path}/gone.npy"}
    space = Space(items=Embeddings([[1.0, 0.0]]), about=about)
    with pytest.raises(FileError, match=r"was encoded by words:.*gone\.npy.*--encoder SPEC"):
        encoder_of(space)
