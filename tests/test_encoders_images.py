"""Images: decoded as viewers show them, prepared as models ask, refused when they are none."""

import io
import json
import struct
import sys
import zlib

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pyarrow import parquet

from anglewise import Encoder, encode, encode_images, encoder, read_space
from anglewise.encoders.images import image_question, read_images
from anglewise.encoders.load import encoder_of
from anglewise.encoders.pixels import Picture, pixels_of, resized
from anglewise.errors import (
    EncoderError,
    FileError,
    IdsError,
    MissingExtraError,
    ShapeError,
    SpellingError,
    TooFewError,
    ValuesError,
)
from cli_run import anglewise, refused

__all__ = ["anglewise"]

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, size=(6, 4, 5, 3), dtype=np.uint8)


def png(pixels, **how):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **how)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    for row, pixels in enumerate(COLOURS):
        (tmp_path / "pictures" / ("deep" if row > 3 else "") / f"{row}.png").write_bytes(
            png(pixels)
        )
    (tmp_path / "pictures" / "notes.txt").write_text("no image")
    return tmp_path / "pictures"


NCHW = ["n", 3, 4, 5]


def flat(path, shape=NCHW, *, outputs=("flat",), kind=TensorProto.FLOAT, metadata=None, width=60):
    """A model that gives the pixels themselves, one row an image; ``twice`` doubles them."""
    nodes = []
    given = "pixels"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT))
        given = "floats"
    to = [0, -1] if len(shape) == 4 else [0, 1]
    shapes = [numpy_helper.from_array(np.array(to), "to")]
    nodes.append(helper.make_node("Reshape", [given, "to"], ["flat"]))
    if "twice" in outputs:
        nodes.append(helper.make_node("Add", ["flat", "flat"], ["twice"]))
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", width]) for n in outputs],
        shapes,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def first(colours):
    """As channels x height x width, in a row."""
    return colours.transpose(0, 3, 1, 2).reshape(len(colours), -1)


# --- through an ONNX file


def test_a_folder_of_images_becomes_a_space(folder, tmp_path):
    path = flat(tmp_path / "flat.onnx")
    space = encode_images(read_images(folder), f"onnx-images:{path}")
    assert space.items.ids.tolist() == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
        "deep/4.png",
        "deep/5.png",
    ]
    assert np.allclose(space.items.vectors, first(COLOURS) / 255, atol=1e-6)
    assert space.trained_for == "unknown"
    said = space.about["encoder"]
    assert "size=4x5" in said
    assert "layout=nchw" in said
    assert (
        encoder_of(space).identity == encoder(said).identity == space.about["encoding"]["identity"]
    )


def test_pixels_are_scaled_shifted_and_ordered_as_options_say(folder, tmp_path):
    path = flat(tmp_path / "flat.onnx", ["n", 4, 5, 3])
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.25, 2])
    spec = f"onnx-images:{path}?scale=100&mean=0.1,0.2,0.3&std=0.5,0.25,2"
    due = (COLOURS / 100 - mean) / std
    found = encode_images(read_images(folder), spec).items.vectors
    assert np.allclose(found, due.reshape(6, -1), atol=1e-5)
    due = COLOURS[..., ::-1].reshape(6, -1)
    found = encode_images(read_images(folder), f"onnx-images:{path}?scale=1&channels=bgr")
    assert np.allclose(found.items.vectors, due)


def test_what_the_model_says_of_itself_is_followed_and_options_win(tmp_path):
    path = flat(tmp_path / "flat.onnx", metadata={"scale": "1", "mean": "5", "author": "nobody"})
    one = [Picture("x", COLOURS[0])]
    assert np.allclose(encoder(f"onnx-images:{path}")(one), first(COLOURS[:1]) - 5.0)
    assert np.allclose(encoder(f"onnx-images:{path}?mean=0")(one), first(COLOURS[:1]))
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    path = flat(tmp_path / "plain.onnx")
    assert np.allclose(
        encoder(f"onnx-images:{path}")(one), first(COLOURS[:1]) / 127.5 - 1, atol=1e-5
    )


@pytest.mark.parametrize("number", [-1, 4, True, "bicubic"])
def test_a_way_to_resample_that_nobody_knows_is_refused(tmp_path, number):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"resample": number}))
    with pytest.raises(FileError, match=f"resample {number}: 0 to 3 are known"):
        encoder(f"onnx-images:{flat(tmp_path / 'flat.onnx')}")


def test_the_middle_is_cut_as_settings_of_the_hub_say(tmp_path):
    settings = {
        "do_center_crop": True,
        "crop_size": {"height": 2, "width": 2},
        "size": {"shortest_edge": 4},
        "do_normalize": False,
        "resample": 0,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    path = flat(tmp_path / "flat.onnx", ["n", 3, "h", "w"], width="d")
    pixels = COLOURS[0][:, :4]
    found = encoder(f"onnx-images:{path}")([Picture("x", pixels)])
    assert np.allclose(found[0] * 255, first(pixels[None, 1:3, 1:3]), atol=1e-4)


def test_a_grey_model_takes_greys(tmp_path):
    path = flat(tmp_path / "flat.onnx", ["n", 1, 4, 5], width=20)
    grey = COLOURS[0, :, :, 0]
    found = encoder(f"onnx-images:{path}?scale=1")([Picture("grey", png(grey))])
    assert np.array_equal(found, grey.reshape(1, -1))


def test_models_of_bytes_and_halves_are_fed_what_they_take(tmp_path):
    one = [Picture("x", COLOURS[0])]
    path = flat(tmp_path / "flat.onnx", kind=TensorProto.FLOAT16)
    assert np.array_equal(encoder(f"onnx-images:{path}?scale=1")(one), first(COLOURS[:1]))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3}))
    path = flat(tmp_path / "bytes.onnx", kind=TensorProto.UINT8)
    made = encoder(f"onnx-images:{path}")
    assert np.array_equal(made(one), first(COLOURS[:1]))
    assert encoder(made.spec).identity == made.identity
    with pytest.raises(SpellingError, match="takes bytes"):
        encoder(f"onnx-images:{path}?mean=0.5")


def test_a_model_for_one_image_at_a_time_gets_one_at_a_time(tmp_path):
    path = flat(tmp_path / "flat.onnx", [1, 3, 4, 5])
    found = encode_images(list(COLOURS), f"onnx-images:{path}?scale=1")
    assert np.array_equal(found.items.vectors, first(COLOURS))


def test_outputs_are_taken_by_name(tmp_path):
    path = flat(tmp_path / "flat.onnx", outputs=("flat", "twice"))
    made = encoder(f"onnx-images:{path}?output=twice&scale=1")
    assert np.array_equal(made([Picture("x", COLOURS[0])]), 2.0 * first(COLOURS[:1]))
    with pytest.raises(SpellingError, match="several outputs, flat, twice"):
        encoder(f"onnx-images:{path}")
    with pytest.raises(SpellingError, match="no output 'thrice': it has flat, twice"):
        encoder(f"onnx-images:{path}?output=thrice")


@pytest.mark.parametrize(
    ("shape", "options", "error", "says"),
    [
        (["n", 4, 4, 5], "", SpellingError, "takes 4 channels as nchw, rgb has 3"),
        (NCHW, "?channels=grey", SpellingError, "takes 3 channels as nchw, grey has 1"),
        (NCHW, "?layout=nhwc", SpellingError, "takes 5 channels as nhwc"),
        (NCHW, "?size=8", SpellingError, "images of 4 x 5, not 8"),
        (["n", 3, "h", "w"], "", SpellingError, "size=224"),
        (NCHW, "?size=0", SpellingError, "pixels from 1"),
        (NCHW, "?size=4x5x6", SpellingError, "height x width"),
        (NCHW, "?std=0", SpellingError, "neither may be 0"),
        (NCHW, "?mean=1,2", SpellingError, "one number, or 3 parted by commas"),
        (NCHW, "?mean=nan", SpellingError, "one number, or 3"),
        (NCHW, "?resample=best", SpellingError, "one of nearest"),
        (NCHW, "?shorter=3", SpellingError, "leaves no middle"),
        (NCHW, "?shade=3", SpellingError, "no option 'shade'"),
        ([8, 3, 4, 5], "", EncoderError, "takes 8 images at once"),
        (["n", 60], "", EncoderError, "which is no image"),
    ],
)
def test_models_and_options_that_do_not_fit_are_refused(tmp_path, shape, options, error, says):
    path = flat(tmp_path / "flat.onnx", shape)
    with pytest.raises(error, match=says):
        encoder(f"onnx-images:{path}{options}")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(FileError, match="cannot be read as an ONNX model"):
        encoder(f"onnx-images:{tmp_path}/x.onnx")


@pytest.mark.parametrize(("module", "extra"), [("PIL.Image", "images"), ("onnxruntime", "onnx")])
def test_a_missing_library_is_named_with_its_extra(monkeypatch, tmp_path, module, extra):
    path = flat(tmp_path / "flat.onnx")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'anglewise\[{extra}\]'"):
        encoder(f"onnx-images:{path}")


# --- through a function


def shades(images):
    return np.array([[*image.mean(axis=(0, 1)), 1.0] for image in images])


MINE = "python-images:test_encoders_images:shades"
KNOWN = Encoder(
    spec="known",
    documents=lambda pictures: shades([p.pixels() for p in pictures]),
    reads="images",
    identity="known 1",
    similarity="euclidean",
)


def test_a_function_takes_a_list_of_arrays():
    for which in (MINE, shades):
        space = encode_images(dict(enumerate(COLOURS)), which, queries=[COLOURS[2]], batch=4)
        assert np.allclose(space.items.vectors, shades(COLOURS), atol=1e-3)
        assert np.array_equal(space.queries.vectors, space.items.vectors[2:3])
        assert space.about["encoder"].endswith("test_encoders_images:shades")
    with pytest.raises(EncoderError, match="is not run unasked"):
        encoder_of(space)


def test_images_that_come_twice_are_encoded_once_and_kept(tmp_path, folder):
    asked = []
    counted = Encoder(
        spec="known",
        documents=lambda ps: asked.extend(ps) or KNOWN.documents(ps),
        reads="images",
        identity="counted",
    )
    twice = {"a": COLOURS[0], "b": COLOURS[1], "c": COLOURS[0], "d": folder / "3.png"}
    one = encode_images(twice, counted, cache=tmp_path / "kept")
    assert len(asked) == 3
    two = encode_images(twice, counted, cache=tmp_path / "kept")
    assert len(asked) == 3
    assert np.array_equal(one.items.vectors, two.items.vectors)
    assert np.allclose(one.items.vectors, shades(COLOURS[[0, 1, 0, 3]]), atol=1e-3)


def test_an_image_asks_a_space(folder):
    space = encode_images(read_images(folder), KNOWN)
    asks = image_question(space, folder / "2.png", KNOWN)
    assert np.array_equal(asks.vectors, space.items.vectors[2:3])
    with pytest.raises(ShapeError, match="gives 1 numbers, the space has 4"):
        image_question(space, folder / "2.png", lambda images: [[1.0] for _ in images])


def test_texts_are_no_images_and_images_no_texts(folder):
    with pytest.raises(EncoderError, match="encodes images, and texts came"):
        encode(["a text"], KNOWN)
    with pytest.raises(EncoderError, match="encodes texts, and images came"):
        encode_images(read_images(folder), "use")
    with pytest.raises(EncoderError, match="an encoder of texts"):
        encoder("python-images:test_cli_encode:KNOWN")
    with pytest.raises(EncoderError, match="cannot be imported"):
        encoder("python-images:nowhere:none")
    with pytest.raises(ValuesError, match="one image came"):
        encode_images("one.png", KNOWN)
    with pytest.raises(TooFewError, match="no images"):
        encode_images([], KNOWN)


# --- decoding


def test_images_are_seen_as_a_viewer_shows_them():
    pixels = COLOURS[0]
    clear = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    clear[0, 0, 3] = 0
    found = Picture("clear", png(clear)).pixels()
    assert found[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(found[1:], pixels[1:])
    about = Image.Exif()
    about[0x0112] = 6  # a quarter turn to the right
    assert np.array_equal(Picture("turned", png(pixels, exif=about)).pixels(), np.rot90(pixels, -1))
    deep = RNG.integers(0, 65536, size=(4, 5), dtype=np.uint16)
    assert np.array_equal(Picture("deep", png(deep)).pixels()[:, :, 0], deep >> 8)
    flat_colours = Image.fromarray(pixels).quantize(4)
    file = io.BytesIO()
    flat_colours.save(file, "PNG")
    assert np.array_equal(
        Picture("few", file.getvalue()).pixels(), np.asarray(flat_colours.convert("RGB"))
    )


def test_a_square_cut_from_the_middle_is_the_middle():
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200
    assert (resized(wide, (4, 4), shorter=4) == 200).all()
    assert resized(wide, (4, 4)).min() == 0


def test_a_thin_image_is_cut_before_it_grows():
    thin = np.zeros((1, 60_000, 3), np.uint8)
    assert resized(thin, (500, 500), shorter=500).shape == (500, 500, 3)


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def bomb(side):
    """A PNG of a few bytes that says that it has side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as an image"),
        (b"<html>not found</html>", "cannot be read as an image"),
        (png(COLOURS[0])[:-60], "cannot be read as an image"),
        (png(COLOURS[0])[:50] + b"\xff" * 20 + png(COLOURS[0])[70:], "cannot be read as an image"),
        (bomb(9_500), "9,500 x 9,500 pixels"),
        (bomb(60_000), "cannot be read as an image .*(bomb|pixels)"),
    ],
    ids=["nothing", "a page", "half", "damaged", "huge", "bomb"],
)
def test_what_is_no_image_is_refused_in_one_sentence(folder, content, says):
    (folder / "2.png").write_bytes(content)
    with pytest.raises(FileError, match=says) as caught:
        encode_images(read_images(folder), KNOWN)
    assert "2.png" in str(caught.value)
    with pytest.raises(FileError, match=says):
        encode_images([content], KNOWN)


def test_numbers_that_are_no_colours_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "x.tiff")
    with pytest.raises(FileError, match="no colour"):
        Picture("x", tmp_path / "x.tiff").pixels()
    with pytest.raises(ShapeError, match=r"shape \(2, 2, 4\)"):
        pixels_of(np.zeros((2, 2, 4), np.uint8))
    with pytest.raises(ValuesError, match="0 to 255"):
        pixels_of(np.ones((2, 2)) * 0.5)
    with pytest.raises(ValuesError, match="0 to 255"):
        pixels_of([[256]])
    with pytest.raises(ShapeError):
        pixels_of(np.zeros((0, 2), np.uint8))


# --- tables


def test_tables_hold_paths_or_bytes(folder, tmp_path):
    table = folder / "list.csv"
    table.write_text("id,file_name,kind\na,1.png,shoe\nb,deep/4.png,bag\n")
    heard = []
    found = read_images(table, say=heard.append)
    assert heard == ["list.csv: images from 'file_name'"]
    assert (found.ids, found.about["kind"]) == (["a", "b"], ["shoe", "bag"])
    due = shades(COLOURS[[1, 4]])
    assert np.allclose(encode_images(found, KNOWN).items.vectors, due, atol=1e-3)
    inside = [png(COLOURS[1]), png(COLOURS[4])]
    for cells in (inside, [{"bytes": one, "path": None} for one in inside]):
        path = tmp_path / "x.parquet"
        parquet.write_table(pa.table({"id": ["a", "b"], "image": cells}), path)
        assert np.allclose(encode_images(read_images(path), KNOWN).items.vectors, due, atol=1e-3)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ("id,words\na,x\n", FileError, "which column holds the images"),
        ("id,image\na,1.png\na,2.png\n", IdsError, "'a' comes more than once"),
        ("id,image\na,\n", ValuesError, "'a' is empty"),
        ("id,image\na,nowhere.png\n", FileError, "nowhere.png does not exist"),
    ],
)
def test_tables_that_make_no_sense_are_refused(folder, content, error, says):
    (folder / "list.csv").write_text(content)
    with pytest.raises(error, match=says):
        encode_images(read_images(folder / "list.csv"), KNOWN)


# --- from the command line


def test_images_are_encoded_and_searched_by_an_image(anglewise, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    path = flat(tmp_path / "flat.onnx")
    run = anglewise("encode", folder, "-o", tmp_path / "space", "--encoder", f"onnx-images:{path}")
    assert run.code == 0, run
    assert "6 items: 60 dimensions, vectors of several lengths" in run.out
    assert np.allclose(
        read_space(tmp_path / "space").items.vectors, first(COLOURS) / 255, atol=1e-6
    )
    asked = tmp_path / "asked.png"
    asked.write_bytes(png(COLOURS[4]))
    words = ["search", tmp_path / "space", "--image", asked, "-k", "2", "--measures", "euclidean"]
    run = anglewise(*words)
    assert run.code == 0, run
    assert run.out.startswith("image: ")
    assert "deep/4.png" in run.out.split("euclidean")[1].splitlines()[1]
    told = json.loads(anglewise(*words, "--json", "-").out)
    assert told["query"] == {"id": None, "title": str(asked)}
    asked.write_bytes(b"no image")
    refused(anglewise(*words), "asked.png cannot be read as an image")


def test_bad_use_is_one_sentence(anglewise, folder, tmp_path):
    path = flat(tmp_path / "flat.onnx")
    to = ["-o", tmp_path / "space", "--no-cache", "--encoder"]
    images = f"onnx-images:{path}"
    refused(anglewise("encode", folder, *to, images, "--chunk", "9"), "about texts")
    refused(anglewise("encode", folder, *to, "use", "--image-column", "x"), "about images")
    refused(anglewise("encode", folder, *to, images, "--image-colum", "x"), "--image-colum")
    refused(anglewise("encode", tmp_path / "none", *to, images), "does not exist")
    (tmp_path / "empty").mkdir()
    refused(anglewise("encode", tmp_path / "empty", *to, images), "holds no image")
    (folder / "list.csv").write_text("id,file\n1,1.png\n")
    table = folder / "list.csv"
    refused(anglewise("encode", table, *to, images, "--image-column", "x"), "no column 'x'")
    assert not (tmp_path / "space").exists()


def test_who_asks_must_suit_the_space(anglewise, folder, tmp_path):
    path = flat(tmp_path / "flat.onnx")
    to = ["-o", tmp_path / "space", "--no-cache", "--encoder"]
    anglewise("encode", folder, *to, f"onnx-images:{path}")
    search = ["search", tmp_path / "space"]
    one = folder / "1.png"
    refused(anglewise(*search, "--text", "a bag"), "encodes images, and texts came")
    refused(anglewise(*search, "--image", one, "--text", "a bag"), "(one of them)")
    refused(anglewise(*search, "--image", tmp_path / "none.png"), "does not exist")
    refused(anglewise(*search, "--image", one, "--encoder", "use"), "encodes texts")
    refused(anglewise(*search, "--query", "1.png", "--encoder", "use"), "--encoder encodes")
    (tmp_path / "films.csv").write_text("id,text\n1,A heist\n")
    anglewise("encode", tmp_path / "films.csv", *to, "use")
    refused(anglewise(*search, "--image", one), "use encodes texts, and images came")
