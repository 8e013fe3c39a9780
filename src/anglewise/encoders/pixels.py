"""Image files to the pixels that a model takes: decoded, resized, scaled."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.libraries import library
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.numbers import read_number, read_whole, shown
from anglewise.data_types.typing import Array, Float32, UInt8
from anglewise.encoders.encoder import Spec
from anglewise.errors import FileError, ShapeError, SpellingError, ValuesError
from anglewise.io.files import existing_file, file_text, opened, reading
from anglewise.io.sizes import check_holds

MOST_PIXELS = 80_000_000
"""Larger images (240 MB of pixels) are refused before decoding: they may be decompression bombs."""
AT_WORK = 16
"""Bytes of memory for each pixel while an image is decoded, turned upright and put before white."""
TILE_SIDES = (322, 323)
"""Where a TIFF says how large its tiles are, for each of which room is made."""
RESAMPLINGS = ("nearest", "lanczos", "bilinear", "bicubic")
"""In the order of their numbers in Pillow and in files of settings."""
WHITE = (255, 255, 255)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""The formats that are decoded, whatever a file is called. Readers of others start programs (EPS),
or decode before they report the size of an image (ICO)."""


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
        """The bytes that identify this image: those of its file, or its shape and pixels."""
        if isinstance(self.source, bytes):
            return self.source
        if isinstance(self.source, Path):
            path = existing_file(self.source)
            with reading(path, "an image"), opened(path) as file:
                check_holds(path, os.fstat(file.fileno()).st_size)
                return file.read()
        return repr(self.source.shape).encode() + self.source.tobytes()

    def pixels(self) -> UInt8[Array, "height width 3"]:
        """Red, green and blue of every pixel, upright as a viewer shows it.

        Transparent parts are laid over white. Raises ``FileError`` for a file that is no PNG, JPEG,
        WebP, BMP, GIF or TIFF, that is broken, has more than 80 million pixels, or holds other
        values than colours or greys of 8 or 16 bits.
        """
        if isinstance(self.source, np.ndarray):
            return self.source
        pillow = library("PIL.Image", "images")
        if isinstance(self.source, Path):
            existing_file(self.source)
        with reading(Path(self.name), "an image"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of them is raised as an error below
            data = BytesIO(self.source) if isinstance(self.source, bytes) else self.source
            with pillow.open(data, formats=FORMATS) as image:
                self._check_size(*image.size)
                tags = getattr(image, "tag_v2", {})
                self._check_size(*(int(tags.get(side, 0)) for side in TILE_SIDES))
                return np.asarray(self._in_colours(image, pillow))

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MOST_PIXELS:
            raise FileError(
                f"{self.name} has {width:,} x {height:,} pixels, {MOST_PIXELS:,} at most are "
                "decoded: make it smaller, encoders read some hundred a side"
            )
        needed = width * height * AT_WORK
        if needed > room():
            raise FileError(
                f"{self.name} has {width:,} x {height:,} pixels, which take {words(needed)} while "
                f"they are decoded, {words(room())} are allowed: make it smaller, or allow more: "
                f"{VARIABLE}={words(2 * needed).replace(' ', '')}"
            )

    def _in_colours(self, image: Any, pillow: Any) -> Any:
        upright = library("PIL.ImageOps", "images").exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Pillow would clip at 255
            upright = pillow.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.mode in {"I", "F"}:
            raise FileError(
                f"{self.name} holds one number of 32 bits a pixel (mode {upright.mode}), which is "
                "no colour: write it in 8 bits"
            )
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            ground = pillow.new("RGBA", layer.size, (*WHITE, 255))
            upright = pillow.alpha_composite(ground, layer)
        return upright.convert("RGB")


def pixels_of(array: Any) -> UInt8[Array, "height width 3"]:
    """Pixels from an array of 0 to 255: height x width of greys, or height x width x 3 of colours.

    Raises ``ShapeError`` for other shapes, ``ValuesError`` for other numbers.

    >>> pixels_of([[7]]).tolist()
    [[[7, 7, 7]]]
    """
    pixels = np.asarray(array)
    shape = pixels.shape
    if pixels.ndim == 3 and shape[2] == 1:
        pixels = pixels[:, :, 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] == 3)) or not pixels.size:
        raise ShapeError(
            f"an image came as an array of shape {shape}: height x width, or height x width x 3, "
            "is due"
        )
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        raise ValuesError(
            f"an image came as {pixels.dtype}, up to {pixels.max():g}: whole numbers from 0 to 255 "
            "are due"
        )
    grid = pixels.astype(np.uint8)
    return np.stack([grid] * 3, axis=2) if grid.ndim == 2 else grid


def resized(
    pixels: UInt8[Array, "height width 3"],
    size: tuple[int, int],
    *,
    shorter: int | None = None,
    resample: str = "bilinear",
    grey: bool = False,
) -> UInt8[Array, "new_height new_width channels"]:
    """An image resized to ``size``, height x width.

    It is stretched; or, with ``shorter``, scaled until its shorter side has that many pixels, and
    its middle is cut out. Greys follow ITU-R 601.

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
    result = np.asarray(image)
    return result[:, :, None] if grey else result


def _middle(
    image_size: tuple[int, int], size: tuple[int, int], shorter: int
) -> tuple[float, float, float, float]:
    """The part of an image that is kept, cut before scaling, so that thin images stay small."""
    scale = shorter / min(image_size)
    width, height = (min(a / scale, b) for a, b in zip(reversed(size), image_size, strict=True))
    left, top = (image_size[0] - width) / 2, (image_size[1] - height) / 2
    return left, top, left + width, top + height


SETTINGS = "preprocessor_config.json"


def settings_beside(model: Path) -> dict[str, str]:
    """The ``preprocessor_config.json`` beside a model, as options; empty if there is none."""
    for folder in (model.parent, model.parent.parent):
        file = folder / SETTINGS
        if file.is_file():
            with reading(file, "settings of an image model"):
                return _options_of(json.loads(file_text(file)))
    return {}


def _options_of(content: Any) -> dict[str, str]:
    """The settings of an image processor of the hub, as options of ours."""
    settings = cast("dict[str, Any]", content)
    cropped = bool(settings.get("do_center_crop"))
    size = _sides(settings.get("crop_size" if cropped else "size"))
    prepared: dict[str, str] = {"size": size} if size else {}
    if cropped:
        prepared["shorter"] = _sides(settings.get("size")).partition("x")[0]
    if settings.get("do_rescale", True):
        prepared["scale"] = repr(1 / float(settings.get("rescale_factor", 1 / 255)))
    if settings.get("do_normalize", True):
        for name in ("mean", "std"):
            if f"image_{name}" in settings:
                prepared[name] = ",".join(
                    str(float(number)) for number in settings[f"image_{name}"]
                )
    if (resample := settings.get("resample")) is not None:
        if type(resample) is not int or not 0 <= resample < len(RESAMPLINGS):
            raise ValueError(f"resample {shown(resample)}: 0 to {len(RESAMPLINGS) - 1} are known")
        prepared["resample"] = RESAMPLINGS[resample]
    return prepared


def _sides(value: Any) -> str:
    if isinstance(value, dict):
        sides = cast("dict[str, Any]", value)
        edge = sides.get("shortest_edge")
        return f"{sides['height']}x{sides['width']}" if "height" in sides else str(edge or "")
    return str(value or "")


OPTIONS = ("size", "shorter", "layout", "channels", "scale", "mean", "std", "resample")
LAYOUTS = ("nchw", "nhwc")
CHANNELS = ("rgb", "bgr", "grey")


@dataclass(frozen=True)
class Preparation:
    """Prepares images for a model: resized, then ``(pixels / scale - mean) / std``, then laid out.

    Attributes
    ----------
    size
        Height and width.
    shorter
        Scale the shorter side to that many pixels and cut out the middle; ``None`` stretches.
    channels
        ``rgb``, ``bgr`` or ``grey``.
    layout
        ``nchw`` (channels first) or ``nhwc``.

    Examples
    --------
    >>> import numpy as np
    >>> black = Picture("black", np.zeros((4, 4, 3), dtype=np.uint8))
    >>> Preparation((2, 2), mean=(0.5,), std=(0.5,))([black])[0, 0].tolist()
    [[-1.0, -1.0], [-1.0, -1.0]]
    """

    size: tuple[int, int]
    shorter: int | None = None
    channels: str = "rgb"
    layout: str = "nchw"
    scale: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resample: str = "bilinear"

    def __call__(self, pictures: Sequence[Picture]) -> Float32[Array, "images a b c"]:
        """The input of a model for some images, which are decoded one after another."""
        pixels = np.stack([self._brought(picture) for picture in pictures]).astype(np.float32)
        if self.channels == "bgr":
            pixels = pixels[..., ::-1]
        mean, std = (np.array(numbers, dtype=np.float32) for numbers in (self.mean, self.std))
        pixels = (pixels / np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(
            pixels.transpose(0, 3, 1, 2) if self._channels_first else pixels
        )

    def _brought(self, picture: Picture) -> Array:
        return resized(
            picture.pixels(),
            self.size,
            shorter=self.shorter,
            resample=self.resample,
            grey=self.channels == "grey",
        )

    @property
    def _channels_first(self) -> bool:
        return self.layout == "nchw"

    def options(self) -> dict[str, str]:
        """All settings as options of a spelling."""
        return {
            "size": f"{self.size[0]}x{self.size[1]}",
            **({} if self.shorter is None else {"shorter": str(self.shorter)}),
            "layout": self.layout,
            "channels": self.channels,
            "scale": f"{self.scale:.9g}",
            "mean": ",".join(f"{number:.9g}" for number in self.mean),
            "std": ",".join(f"{number:.9g}" for number in self.std),
            "resample": self.resample,
        }


def preparation(
    options: Mapping[str, str], spec: Spec, shape: Sequence[int | str | None]
) -> Preparation:
    """The preparation from options and the shape of a model's input.

    Raises ``SpellingError`` where they disagree or an option cannot be read.

    >>> prepared = preparation({}, Spec("onnx-images", "x.onnx"), [None, 28, 28, 1])
    >>> prepared.layout, prepared.channels, prepared.size
    ('nhwc', 'grey', (28, 28))
    """
    layout = options.get("layout") or _layout_of(shape)
    _one_of("layout", layout, LAYOUTS, spec)
    channels_first = layout == "nchw"
    depth = shape[1] if channels_first else shape[3]
    channels = options.get("channels") or ("grey" if depth == 1 else "rgb")
    _one_of("channels", channels, CHANNELS, spec)
    count = 1 if channels == "grey" else 3
    if isinstance(depth, int) and depth != count:
        raise SpellingError(
            f"{spec.source} takes {depth} channels as {layout}, {channels} has {count}: "
            "name what it takes (channels=grey, rgb or bgr; layout=nchw or nhwc)"
        )
    resample = options.get("resample", "bilinear")
    _one_of("resample", resample, RESAMPLINGS, spec)
    scale = _numbers("scale", options.get("scale", "255"), 1, spec)[0]
    std = _numbers("std", options.get("std", "1"), count, spec)
    if scale == 0 or 0 in std:
        raise SpellingError(f"{spec.kind}: scale and std divide, so neither may be 0")
    shorter = options.get("shorter")
    prepared = Preparation(
        size=_size(options.get("size"), shape[2:] if channels_first else shape[1:3], spec),
        shorter=None if shorter is None else _side("shorter", shorter, spec),
        channels=channels,
        layout=layout,
        scale=scale,
        mean=_numbers("mean", options.get("mean", "0"), count, spec),
        std=std,
        resample=resample,
    )
    if prepared.shorter is not None and prepared.shorter < max(prepared.size):
        raise SpellingError(
            f"{spec.kind}: shorter={shorter} leaves no middle of {prepared.size[0]} x "
            f"{prepared.size[1]}: take {max(prepared.size)} or more"
        )
    return prepared


def _layout_of(shape: Sequence[int | str | None]) -> str:
    return "nhwc" if shape[3] in {1, 3} and shape[1] not in {1, 3} else "nchw"


def _size(text: str | None, fixed: Sequence[int | str | None], spec: Spec) -> tuple[int, int]:
    requested: Sequence[int | None] = (None, None)
    if text is not None:
        sides = [_side("size", side, spec) for side in text.lower().split("x")]
        if len(sides) > 2:
            raise SpellingError(f"{spec.kind}: size={text}: one side, or height x width, is due")
        requested = (sides[0], sides[-1])
    pairs = [(a, b if isinstance(b, int) else None) for a, b in zip(requested, fixed, strict=True)]
    if any(a is not None and b is not None and a != b for a, b in pairs):
        raise SpellingError(f"{spec.source} takes images of {fixed[0]} x {fixed[1]}, not {text}")
    height, width = (b or a for a, b in pairs)
    if height is None or width is None:
        raise SpellingError(
            f"{spec.source} takes images of any size, or does not say of which: name the one that "
            "it was trained with (size=224, or height x width: size=224x320)"
        )
    return height, width


def _one_of(name: str, word: str, words: Sequence[str], spec: Spec) -> None:
    if word not in words:
        raise SpellingError(f"{spec.kind}: {name}={word}: one of {', '.join(words)} is due")


def _side(name: str, text: str, spec: Spec) -> int:
    value = read_whole(text.strip())
    if value is None or not 0 < value <= 10_000:
        raise SpellingError(f"{spec.kind}: {name}={shown(text)}: pixels from 1 to 10000 are due")
    return value


def _numbers(name: str, text: str, channels: int, spec: Spec) -> tuple[float, ...]:
    values = [read_number(part.strip()) for part in text.split(",")]
    numbers = tuple(float(value) for value in values if value is not None)
    if len(values) not in {1, channels} or len(numbers) < len(values):
        alternative = f", or {channels} parted by commas," if channels > 1 else ""
        raise SpellingError(f"{spec.kind}: {name}={shown(text)}: one number{alternative} is due")
    return numbers
