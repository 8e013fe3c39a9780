"""Encode images into a space, and a single image as a query."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from anglewise.data_types.embeddings import Embeddings, Space, TrainedFor
from anglewise.data_types.numbers import as_list
from anglewise.data_types.text import Say, as_path, check_utf8, quiet
from anglewise.data_types.typing import Array, Float32, Progress
from anglewise.encoders.batches import (
    Calls,
    VectorCache,
    firsts,
    in_batches,
    key_of_bytes,
    open_cache,
)
from anglewise.encoders.document_files import TAKEN, files_in, find_column, of_one_kind
from anglewise.encoders.encoder import Encoder, check_settings
from anglewise.encoders.encoder import trained_for as what_for
from anglewise.encoders.load import encoder as load
from anglewise.encoders.load import encoder_of
from anglewise.encoders.pixels import Picture, pixels_of
from anglewise.errors import (
    EncoderError,
    FileError,
    IdsError,
    ShapeError,
    TooFewError,
    ValuesError,
)
from anglewise.io.destinations import is_elsewhere
from anglewise.io.files import PathLike, existing, naming, user_path
from anglewise.io.tables import plain
from anglewise.io.texts import text_table


@dataclass(frozen=True, eq=False)
class Images:
    """Images with ids and metadata columns.

    ``IdsError`` for an id that comes twice, ``TooFewError`` for none.
    """

    ids: Sequence[str]
    pictures: Sequence[Picture]
    about: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def __post_init__(self) -> None:
        if not self.ids:
            raise TooFewError("no images came: there is nothing to encode")
        check_utf8(self.ids, "id")
        check_utf8(self.about, "column")
        earlier: set[str] = set()
        for name in self.ids:
            if name in earlier:
                raise IdsError(f"the id {name!r} comes more than once: make ids unique")
            earlier.add(name)

    def __len__(self) -> int:
        return len(self.ids)


ManyImages: TypeAlias = Images | Mapping[str, Any] | Iterable[Any]
"""Paths, bytes of image files or arrays of pixels, in a list or by id."""


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
    """Encode images, and optional query images, into a space.

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
        The encoder cannot be loaded, reads texts, fails, or returns anything but vectors.
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
    check_settings(trained_for, batch)
    model = _encoder(encoder)
    vector_cache = None if cache is None else open_cache(as_path(cache, "a cache"), model, say)
    sides = [images_of(images), *([] if queries is None else [images_of(queries)])]
    try:
        embeddings = [
            Embeddings(
                _vectors(side, model, batch, vector_cache, progress),
                ids=side.ids,
                metadata=side.about,
            )
            for side in sides
        ]
    finally:
        if vector_cache is not None:
            vector_cache.close()
    similarity, doubts = what_for(model, embeddings[0], trained_for)
    for doubt in doubts:
        say(doubt)
    encoding = {"identity": model.identity, "declares": model.similarity, "images": len(sides[0])}
    return Space(
        items=embeddings[0],
        queries=embeddings[1] if len(embeddings) > 1 else None,
        trained_for=similarity,
        about={"encoder": model.spec, "encoding": encoding},
    )


def image_question(space: Space, image: Any, encoder: Any = None) -> Embeddings:
    """One image (a path, bytes or pixels) encoded as a query, for ``search_vectors``.

    The encoder is the one that the space names, after the checks of ``encoder_of``, unless another
    is given. Raises ``ShapeError`` for vectors of another dimension than the space, else as
    ``encode_images`` does.

    >>> from anglewise.nearest_neighbours.search import search_vectors
    >>> def brightness(images):
    ...     return [[image.mean(), 1.0] for image in images]
    >>> space = encode_images({"dark": [[10]], "light": [[200]]}, brightness)
    >>> asks = image_question(space, [[190]], brightness)
    >>> space.items.ids[search_vectors(space, asks, "euclidean", k=1)["euclidean"].indices[0, 0]]
    'light'
    """
    model = encoder_of(space) if encoder is None else _encoder(encoder)
    question = Images(["image"], [_picture("the image", image)])
    vectors = _vectors(question, model, None, None, None)
    dimension = space.items.dimension
    if vectors.shape[1] != dimension:
        raise ShapeError(
            f"{model.spec} gives {vectors.shape[1]} numbers, the space has {dimension}: take the "
            "encoder that made the space"
        )
    return Embeddings(vectors, ids=question.ids)


def images_of(images: ManyImages) -> Images:
    """Images from a list (ids ``"0"``, ``"1"``, …) or from a mapping of ids.

    >>> images_of([[[7]], [[9]]]).ids
    ['0', '1']
    """
    if isinstance(images, Images):
        return images
    if isinstance(images, str | bytes | Path):
        raise ValuesError("one image came where several are due: put it into a list")
    if isinstance(images, Mapping):
        pairs = {str(name): image for name, image in cast("Mapping[Any, Any]", images).items()}
    else:
        due = "a list of images, or a dict from ids, is due"
        pairs = {str(row): image for row, image in enumerate(as_list(images, "images", due))}
    return Images(list(pairs), [_picture(name, image) for name, image in pairs.items()])


def _picture(name: str, image: Any) -> Picture:
    if isinstance(image, Picture):
        return image
    if isinstance(image, str | Path):
        return Picture(str(image), user_path(image))
    return Picture(name, image if isinstance(image, bytes) else pixels_of(image))


def _encoder(encoder: Any) -> Encoder:
    if isinstance(encoder, str | Encoder):
        return load(encoder)
    from anglewise.encoders.load import encoder_of_image_function

    return encoder_of_image_function(encoder)


def _vectors(
    images: Images,
    model: Encoder,
    batch: int | None,
    cache: VectorCache | None,
    progress: Progress | None,
) -> Float32[Array, "images d"]:
    """The vectors of all images; with a cache, an image that comes twice is encoded once."""
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


NAMES = "image img picture photo path imagepath file filename filepath imagefile bytes"
"""The usual names of a column of images."""
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def read_images(
    path: PathLike,
    *,
    image_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
) -> Images:
    """List the images of a folder or table; each is decoded when it is encoded.

    In a folder every PNG, JPEG, WebP, BMP, GIF and TIFF file is an item; its id is its path in the
    folder. In a table (CSV, TSV, parquet, JSON lines) one column holds paths relative to the
    table's folder, or the bytes of files, also as ``{"bytes", "path"}``. Other columns of one type
    are kept as metadata.

    Raises ``FileError`` or ``SpellingError`` if the column of images is not clear, ``IdsError`` for
    an id that comes twice.
    """
    path = existing(path)
    if path.is_dir():
        return _folder(path, say)
    ids, columns = text_table(path, id_column=id_column)
    name = find_column(path, columns, image_column, "image", NAMES)
    if plain(name) != "image":
        say(f"{path.name}: images from {name!r}")
    pictures = [
        _file_picture(path, id_, cell) for id_, cell in zip(ids, columns[name], strict=True)
    ]
    metadata = {c: v for c, v in columns.items() if c not in TAKEN - {"title"} | {name, "image"}}
    kept_metadata = {c: cells for c, cells in metadata.items() if of_one_kind(cells)}
    if any(isinstance(picture.source, Path) for picture in pictures):
        kept_metadata["image"] = [
            str(picture.source) if isinstance(picture.source, Path) else None
            for picture in pictures
        ]
    with naming(path):
        return Images(ids, pictures, kept_metadata)


def _folder(path: Path, say: Say) -> Images:
    files = files_in(path, ENDINGS, say)
    if not files:
        raise FileError(
            f"{path} holds no image: files that end in {', '.join(sorted(ENDINGS))} are due, or "
            "name a table with a column of paths"
        )
    ids = [file.relative_to(path).as_posix() for file in files]
    paths = [str(file) for file in files]
    return Images(ids, [Picture(str(f), f) for f in files], {"image": paths})


def _file_picture(table: Path, name: str, cell: Any) -> Picture:
    """The image of a cell; ``ValuesError`` for a cell that holds neither a path nor bytes."""
    if isinstance(cell, dict):
        parts = cast("dict[str, Any]", cell)
        cell = parts.get("bytes") or parts.get("path")
    if isinstance(cell, bytes):
        return Picture(f"{table}: {name}", cell)
    if isinstance(cell, str) and cell:
        if is_elsewhere(cell):
            raise FileError(
                f"{table}: the image of {name!r} lies on another machine ({cell[:80]}), which is "
                "not asked for it: copy it to this one"
            )
        return Picture(str(table.parent / cell), table.parent / cell)
    raise ValuesError(
        f"{table}: the image of {name!r} is {type(cell).__name__ if cell else 'empty'}: a path or "
        "the bytes of a file are due"
    )
