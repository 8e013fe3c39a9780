"""The images that `real_spaces.py` encodes: handwritten digits, and clothes (Fashion-MNIST).

The digits come with scikit-learn. The clothes are in Debian's package `dataset-fashion-mnist`
(`apt-get install` it, or unpack it and name the folder by `--clothes`).
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.encoders.images import encode_images
from anglewise.experiment.catalogue import digits as digits_of_the_demo
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels

ASKING = 2000
"""Of the clothes so many ask; of the digits all."""
DIRECTIONS = 32
PIXELS, UNIT = "pixels", f"{DIRECTIONS} directions, length one"


def digits(cache: Path) -> Iterator[tuple[str, Space, Judgements]]:
    """1,797 images of 8 x 8: their grey values, and what a small ONNX file makes of them."""
    space, judged = digits_of_the_demo()
    yield PIXELS, space, judged
    greys = (space.items.vectors * 15).astype(np.uint8).reshape(-1, 8, 8)
    model = directions(greys, cache / "digits.onnx")
    made = encode_images(dict(zip(space.items.ids, greys, strict=True)), f"onnx-images:{model}")
    yield UNIT, made, judged


def clothes(folder: Path, cache: Path) -> Iterator[tuple[str, Space, Judgements]]:
    """The 10,000 images of the test set, 28 x 28; the ONNX file was made from the others."""
    images = {
        str(row): image for row, image in enumerate(_idx(folder / "t10k-images-idx3-ubyte.gz"))
    }
    kinds = _idx(folder / "t10k-labels-idx1-ubyte.gz")
    labels = Labels({str(row): str(kind) for row, kind in enumerate(kinds)})
    model = directions(_idx(folder / "train-images-idx3-ubyte.gz")[:10_000], cache / "clothes.onnx")
    for name, encoder in ((PIXELS, pixels), (UNIT, f"onnx-images:{model}")):
        space = encode_images(images, encoder, batch=500)
        yield name, space, from_labels(space, labels, queries=ASKING)


def pixels(images: list[np.ndarray]) -> np.ndarray:
    """The grey values of grey images in a row, from 0 to 1."""
    return np.stack([image[:, :, 0].ravel() for image in images]) / 255


def directions(images: np.ndarray, path: Path) -> Path:
    """Write a model: the principal components of some images, brought to length one.

    ``y = V' (x - mean)``, ``y / |y|``, with V the first right singular vectors of the centred
    images; pixels from 0 to 1.
    """
    rows = images.reshape(len(images), -1) / 255
    mean = rows.mean(axis=0)
    largest = np.linalg.eigh(np.cov(rows.T))[1][:, ::-1][:, :DIRECTIONS]
    signs = np.where(largest.sum(axis=0) < 0, -1, 1)  # eigenvectors have none of their own
    arrays = {"to": np.array([0, -1]), "mean": mean, "map": largest * signs}
    nodes = [
        helper.make_node("Reshape", ["pixels", "to"], ["row"]),
        helper.make_node("Sub", ["row", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "map"], ["mapped"]),
        helper.make_node("LpNormalization", ["mapped"], ["embeddings"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "directions",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, *images.shape[1:]])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", DIRECTIONS])],
        [
            numpy_helper.from_array(a if name == "to" else a.astype(np.float32), name)
            for name, a in arrays.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def _idx(path: Path) -> np.ndarray:
    """An array of bytes with its shape in front, as this data set is written."""
    data = gzip.decompress(path.read_bytes())
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, 4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
