"""One image, decoded when it is its turn: Pillow is imported here alone."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Array, UInt8
from anglewise.encoders.library import library
from anglewise.errors import FileError, ShapeError, ValuesError
from anglewise.io.files import existing_file, reading

MOST_PIXELS = 80_000_000
"""Images of more are refused before they are decoded: 240 MB each, and what bombs are made of."""
RESAMPLINGS = ("nearest", "lanczos", "bilinear", "bicubic")
"""By the numbers that Pillow, and files of settings, give them."""
WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as a file, as the bytes of a file, or as pixels, with a name for messages.

    Examples
    --------
    >>> Picture("grey", pixels_of([[0, 255]])).pixels().shape
    (1, 2, 3)
    """

    name: str
    source: Path | bytes | UInt8[Array, "height width 3"]

    @property
    def data(self) -> bytes:
        """What tells this image from others: the bytes of its file, or its shape and pixels."""
        if isinstance(self.source, bytes):
            return self.source
        if isinstance(self.source, Path):
            with reading(existing_file(self.source), "an image"):
                return self.source.read_bytes()
        return repr(self.source.shape).encode() + self.source.tobytes()

    def pixels(self) -> UInt8[Array, "height width 3"]:
        """Red, green and blue of every pixel, the way up that a viewer shows it.

        What is transparent stands before white. Raises ``FileError`` for what is no image, broken,
        of more than 80 million pixels, or without colours or greys of 8 or 16 bits.
        """
        if isinstance(self.source, np.ndarray):
            return self.source
        pillow = library("PIL.Image", "images")
        if isinstance(self.source, Path):
            existing_file(self.source)
        with reading(Path(self.name), "an image"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubts that we raise ourselves, or cannot mend
            data = BytesIO(self.source) if isinstance(self.source, bytes) else self.source
            with pillow.open(data) as image:
                self._check_size(*image.size)
                return np.asarray(self._in_colours(image, pillow))

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MOST_PIXELS:
            raise FileError(
                f"{self.name} has {width:,} x {height:,} pixels, {MOST_PIXELS:,} at most are "
                "decoded: make it smaller, encoders read some hundred a side"
            )

    def _in_colours(self, image: Any, pillow: Any) -> Any:
        upright = library("PIL.ImageOps", "images").exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Pillow would cut off what is above 255
            upright = pillow.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.mode in {"I", "F"}:
            raise FileError(
                f"{self.name} holds one number of 32 bits a pixel (mode {upright.mode}), which is "
                "no colour: write it in 8 bits"
            )
        if upright.has_transparency_data:
            seen = upright.convert("RGBA")
            ground = pillow.new("RGBA", seen.size, (*WHITE, 255))
            upright = pillow.alpha_composite(ground, seen)
        return upright.convert("RGB")


def pixels_of(array: Any) -> UInt8[Array, "height width 3"]:
    """Pixels that came as an array: height x width of greys, or with three colours; 0 to 255.

    Raises ``ShapeError`` for other shapes, ``ValuesError`` for numbers that are no bytes.

    >>> pixels_of([[7]]).tolist()
    [[[7, 7, 7]]]
    """
    given = np.asarray(array)
    shape = given.shape
    if given.ndim == 3 and shape[2] == 1:
        given = given[:, :, 0]
    if not (given.ndim == 2 or (given.ndim == 3 and shape[2] == 3)) or not given.size:
        raise ShapeError(
            f"an image came as an array of shape {shape}: height x width, or height x width x 3, "
            "is due"
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() > 255:
        raise ValuesError(
            f"an image came as {given.dtype}, up to {given.max():g}: whole numbers from 0 to 255 "
            "are due"
        )
    whole = given.astype(np.uint8)
    return np.stack([whole] * 3, axis=2) if whole.ndim == 2 else whole


def resized(
    pixels: UInt8[Array, "height width 3"],
    size: tuple[int, int],
    *,
    shorter: int | None = None,
    resample: str = "bilinear",
    grey: bool = False,
) -> UInt8[Array, "new_height new_width channels"]:
    """An image brought to height x width.

    It is stretched; or, with ``shorter``, scaled until its shorter side has so many pixels, and
    its middle cut out. Greys are those of ITU-R 601.

    >>> resized(pixels_of([[0, 255], [255, 0]]), (1, 3), grey=True).shape
    (1, 3, 1)
    >>> resized(pixels_of([[9, 0, 0, 9]]), (1, 2), shorter=1)[:, :, 0]
    array([[0, 0]], dtype=uint8)
    """
    image = library("PIL.Image", "images").fromarray(pixels)
    if grey:
        image = image.convert("L")
    height, width = size
    box = _middle(image.size, size, shorter) if shorter else (0, 0, *image.size)
    if image.size != (width, height) or box != (0, 0, width, height):
        image = image.resize((width, height), RESAMPLINGS.index(resample), box=box)
    found = np.asarray(image)
    return found[:, :, None] if grey else found


def _middle(
    there: tuple[int, int], size: tuple[int, int], shorter: int
) -> tuple[float, float, float, float]:
    """The part of an image that is kept; cut before it is scaled, lest a thin one grows huge."""
    scale = shorter / min(there)
    width, height = (min(a / scale, b) for a, b in zip(reversed(size), there, strict=True))
    left, top = (there[0] - width) / 2, (there[1] - height) / 2
    return left, top, left + width, top + height
