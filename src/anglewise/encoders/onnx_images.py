"""``onnx-images:FILE``: an ONNX file that takes images and gives vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.image_settings import settings_beside
from anglewise.encoders.library import library
from anglewise.encoders.onnx_session import open_session, output_of, weight_files
from anglewise.encoders.picture import Picture
from anglewise.encoders.preparing import OPTIONS, Preparation, preparation
from anglewise.encoders.spelling import Spec
from anglewise.encoders.weights import digest
from anglewise.errors import EncoderError, SpellingError
from anglewise.io.tables import listed

OUTPUTS = ("image_embeds", "image_embeddings", "embeddings", "pooler_output", "last_hidden_state")
"""What exporters call the output to take, the best first."""
KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}

AS_THEY_ARE = {"scale": "1", "mean": "0", "std": "1"}


def load(spec: Spec) -> Encoder:
    """Load the file with onnxruntime.

    Options: ``size`` (``224`` or ``height x width``), ``shorter`` (scale the shorter side to so
    much and cut out the middle; else images are stretched), ``layout`` (``nchw`` or ``nhwc``),
    ``channels`` (``rgb``, ``bgr`` or ``grey``), ``scale`` (255), ``mean`` (0), ``std`` (1),
    ``resample``; ``output`` by its name, ``pooling`` (``mean``, ``cls`` or ``none``) of one that
    has a vector for each patch. What is not given is taken from the model's own metadata under
    these names, from a ``preprocessor_config.json`` beside it, and from the shape of its input.
    All that was found stands in the spelling that a space keeps.
    """
    spec.only(*OPTIONS, "output", "pooling")
    path = spec.file()
    pooling = spec.one_of("pooling", ("mean", "cls", "none"), "mean")
    library("PIL.Image", "images")  # said now, not after the images were listed
    session = open_session(path)
    taken = _input(spec, session)
    prepare = preparation(_told(spec, path, session, taken), spec, taken.shape)
    output = output_of(spec, session, OUTPUTS)
    options = prepare.options() | {"output": output, "pooling": pooling}
    return Encoder(
        spec=str(Spec("onnx-images", str(path.resolve()), options)),
        documents=_Runner(session, prepare, taken, output, pooling),
        reads="images",
        batch=32,
        identity=f"onnx-images {digest(weight_files(path))} {options}",
    )


def _told(spec: Spec, path: Path, session: Any, taken: Any) -> dict[str, str]:
    """All that is said about how images are prepared; the nearer to the user, the stronger."""
    own: dict[str, str] = session.get_modelmeta().custom_metadata_map
    said = settings_beside(path) | {name: own[name] for name in OPTIONS if name in own}
    if KINDS[taken.type] is np.uint8:  # such a model scales by itself
        said |= AS_THEY_ARE
        if any(spec.options.get(name, due) != due for name, due in AS_THEY_ARE.items()):
            raise SpellingError(
                f"{spec.place} takes bytes as they are: leave scale, mean and std out"
            )
    return said | dict(spec.options)


class _Runner:
    """A session with all that it takes to turn images into vectors."""

    def __init__(
        self, session: Any, prepare: Preparation, taken: Any, output: str, pooling: str
    ) -> None:
        self.session = session
        self.prepare = prepare
        self.name = str(taken.name)
        self.kind = KINDS[taken.type]
        self.one_by_one = taken.shape[0] == 1
        self.output = output
        self.pooling = pooling

    def __call__(self, pictures: list[Picture]) -> Array:
        """Encode images, all in one call of the session if the model allows it."""
        if self.one_by_one:
            return np.concatenate([self._run([one]) for one in pictures])
        return self._run(pictures)

    def _run(self, pictures: Sequence[Picture]) -> Array:
        given = self.prepare(pictures).astype(self.kind, copy=False)
        return self._pooled(self.session.run([self.output], {self.name: given})[0])

    def _pooled(self, vectors: Array) -> Array:
        while vectors.ndim > 2 and vectors.shape[-1] == 1:
            vectors = vectors[..., 0]  # a map of one pixel is a vector
        if vectors.ndim == 2:
            return vectors
        if vectors.ndim != 3 or self.pooling == "none":
            raise EncoderError(
                f"output {self.output!r} has shape {vectors.shape}, where one vector an image is "
                "due: name another (output=...), or say how to pool patches (pooling=mean)"
            )
        return vectors[:, 0] if self.pooling == "cls" else vectors.mean(axis=1)


def _input(spec: Spec, session: Any) -> Any:
    """The one input of the model, if images can be that."""
    inputs = session.get_inputs()
    names = [str(one.name) for one in inputs]
    if len(inputs) != 1:
        raise EncoderError(
            f"{spec.place} asks for {listed(names)}: images are one input; export the part that "
            "encodes images alone"
        )
    [taken] = inputs
    if len(taken.shape) != 4 or taken.type not in KINDS:
        raise EncoderError(
            f"{spec.place} takes {names[0]!r} as {taken.type} of shape {taken.shape}, which is no "
            "image: images x channels x height x width is due, as numbers"
        )
    if isinstance(taken.shape[0], int) and taken.shape[0] != 1:
        raise EncoderError(
            f"{spec.place} takes {taken.shape[0]} images at once, no more and no fewer: export it "
            "with a free number of images"
        )
    return taken
