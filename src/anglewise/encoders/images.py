"""From images to a space that knows its encoder, and from an image to what asks it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from anglewise.core.embeddings import Embeddings, Space, TrainedFor
from anglewise.core.typing import Array, Float32, Progress
from anglewise.encoders.batches import Calls, firsts, in_batches
from anglewise.encoders.cache import Cache, key_of_bytes, open_cache
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import encoder as load
from anglewise.encoders.load import encoder_of
from anglewise.encoders.picture import Picture, pixels_of
from anglewise.encoders.similarity import trained_for as what_for
from anglewise.errors import EncoderError, IdsError, ShapeError, TooFewError, ValuesError
from anglewise.io.files import PathLike, Say, quiet


@dataclass(frozen=True, eq=False)
class Images:
    """Images with ids, and columns of what is known about them.

    ``IdsError`` for an id that comes twice, ``TooFewError`` for none.
    """

    ids: Sequence[str]
    pictures: Sequence[Picture]
    about: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def __post_init__(self) -> None:
        if not self.ids:
            raise TooFewError("no images came: there is nothing to encode")
        seen: set[str] = set()
        for name in self.ids:
            if name in seen:
                raise IdsError(f"the id {name!r} comes more than once: make ids unique")
            seen.add(name)

    def __len__(self) -> int:
        return len(self.ids)


ManyImages: TypeAlias = Images | Mapping[str, Any] | Iterable[Any]
"""Paths, bytes of image files or arrays of pixels; alone, or under ids."""


def encode_images(
    images: ManyImages,
    encoder: str | Callable[[list[Any]], Any] | Encoder,
    *,
    queries: ManyImages | None = None,
    trained_for: TrainedFor | None = None,
    batch: int | None = None,
    cache: PathLike | None = None,
    say: Say = quiet,
    progress: Progress | None = None,
) -> Space:
    """Encode images, and those that ask where there are any, into a space.

    Vectors are kept as the encoder gives them, never normalised.

    Parameters
    ----------
    images, queries
        Paths of files, the bytes of files, or arrays (height x width, or x 3) of 0 to 255; a
        mapping of ids to these; or ``Images``, as ``read_images`` gives them.
    encoder
        A spelling (``"onnx-images:FILE"``, ``"python-images:MODULE:FUNCTION"``), an ``Encoder``
        that reads images, or a function from a list of arrays, height x width x 3 of ``uint8``,
        to one vector for each.
    trained_for, batch, cache
        As ``encode`` has them.

    Raises
    ------
    EncoderError
        The encoder cannot be had, is one of texts, fails, or gives something else than vectors.
    FileError
        A file that is missing, no image, broken or huge.
    IdsError, TooFewError
        Ids that come twice; no image at all.

    Examples
    --------
    >>> dark, light = [[10, 20], [30, 40]], [[200, 210], [220, 230]]
    >>> def brightness(images):
    ...     return [[image.mean(), 1.0] for image in images]
    >>> encode_images({"dark": dark, "light": light}, brightness).items.vectors.tolist()
    [[25.0, 1.0], [215.0, 1.0]]
    """
    model = _encoder(encoder)
    kept = None if cache is None else open_cache(Path(cache), model, say)
    if cache is not None and kept is None:
        say(f"{model.spec} does not name its weights: vectors are not kept for another time")
    sides = [images_of(images), *([] if queries is None else [images_of(queries)])]
    try:
        made = [
            Embeddings(
                _vectors(side, model, batch, kept, progress), ids=side.ids, metadata=side.about
            )
            for side in sides
        ]
    finally:
        if kept is not None:
            kept.close()
    similarity, doubts = what_for(model, made[0], trained_for)
    for doubt in doubts:
        say(doubt)
    told = {"identity": model.identity, "declares": model.similarity, "images": len(sides[0])}
    return Space(
        items=made[0],
        queries=made[1] if len(made) > 1 else None,
        trained_for=similarity,
        about={"encoder": model.spec, "encoding": told},
    )


def image_question(space: Space, image: Any, encoder: Any = None) -> Embeddings:
    """One image (a path, bytes or pixels) as what asks a space, for ``search_vectors``.

    By the encoder that the space names, after the precautions of ``encoder_of``, or another one.
    Raises ``ShapeError`` if the encoder is not that of the space, else as ``encode_images`` does.

    >>> from anglewise.search.engine import search_vectors
    >>> def brightness(images):
    ...     return [[image.mean(), 1.0] for image in images]
    >>> space = encode_images({"dark": [[10]], "light": [[200]]}, brightness)
    >>> asks = image_question(space, [[190]], brightness)
    >>> space.items.ids[search_vectors(space, asks, "euclidean", k=1)["euclidean"].indices[0, 0]]
    'light'
    """
    model = encoder_of(space) if encoder is None else _encoder(encoder)
    asked = Images(["image"], [_picture("the image", image)])
    vectors = _vectors(asked, model, None, None, None)
    due = space.items.dimension
    if vectors.shape[1] != due:
        raise ShapeError(
            f"{model.spec} gives {vectors.shape[1]} numbers, the space has {due}: take the "
            "encoder that made the space"
        )
    return Embeddings(vectors, ids=asked.ids)


def images_of(given: ManyImages) -> Images:
    """Images from a list (ids ``"0"``, ``"1"``, …) or from a mapping of ids.

    >>> images_of([[[7]], [[9]]]).ids
    ['0', '1']
    """
    if isinstance(given, Images):
        return given
    if isinstance(given, str | bytes | Path):
        raise ValuesError("one image came where several are due: put it into a list")
    if isinstance(given, Mapping):
        pairs = {str(name): one for name, one in cast("Mapping[Any, Any]", given).items()}
    else:
        pairs = {str(row): one for row, one in enumerate(given)}
    return Images(list(pairs), [_picture(name, one) for name, one in pairs.items()])


def _picture(name: str, given: Any) -> Picture:
    if isinstance(given, Picture):
        return given
    if isinstance(given, str | Path):
        return Picture(str(given), Path(given).expanduser())
    return Picture(name, given if isinstance(given, bytes) else pixels_of(given))


def _encoder(given: Any) -> Encoder:
    if isinstance(given, str | Encoder):
        return load(given)
    from anglewise.encoders.imported_images import from_function

    return from_function(given)


def _vectors(
    images: Images,
    model: Encoder,
    batch: int | None,
    cache: Cache | None,
    progress: Progress | None,
) -> Float32[Array, "images d"]:
    """All vectors; an image that comes twice is encoded once where digests are taken anyway."""
    if model.reads != "images":
        raise EncoderError(
            f"{model.spec} encodes texts, and images came: take an encoder of images, such as "
            "onnx-images:FILE, or ask with words (--text)"
        )
    pictures = images.pictures
    keys: Sequence[Any] = range(len(images))
    if cache is not None:
        keys = [key_of_bytes(picture.data, b"images") for picture in pictures]
    calls = Calls(model.documents, model.spec, pictures, images.ids, "image")
    return in_batches(
        calls,
        keys,
        firsts(keys),
        batch or model.batch,
        cache=cache,
        progress=progress,
    )
