"""From pixels to what an image model takes: size, channels, scale, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.core.numbers import read_number, read_whole, shown
from anglewise.core.typing import Array, Float32
from anglewise.encoders.picture import RESAMPLINGS, Picture, resized
from anglewise.encoders.spelling import Spec
from anglewise.errors import SpellingError

OPTIONS = ("size", "shorter", "layout", "channels", "scale", "mean", "std", "resample")
LAYOUTS = ("nchw", "nhwc")
CHANNELS = ("rgb", "bgr", "grey")


@dataclass(frozen=True)
class Preparation:
    """``(pixels / scale - mean) / std``, resized before, in the order of axes that is due.

    Attributes
    ----------
    size
        Height and width.
    shorter
        Scale the shorter side to so many pixels and cut out the middle; ``None`` stretches.
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
        """All that a model is given at once; images are decoded one after another."""
        pixels = np.stack([self._brought(picture) for picture in pictures]).astype(np.float32)
        if self.channels == "bgr":
            pixels = pixels[..., ::-1]
        mean, std = (np.array(one, dtype=np.float32) for one in (self.mean, self.std))
        pixels = (pixels / np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if self._first else pixels)

    def _brought(self, picture: Picture) -> Array:
        return resized(
            picture.pixels(),
            self.size,
            shorter=self.shorter,
            resample=self.resample,
            grey=self.channels == "grey",
        )

    @property
    def _first(self) -> bool:
        return self.layout == "nchw"

    def options(self) -> dict[str, str]:
        """As options of a spelling, none left out."""
        return {
            "size": f"{self.size[0]}x{self.size[1]}",
            **({} if self.shorter is None else {"shorter": str(self.shorter)}),
            "layout": self.layout,
            "channels": self.channels,
            "scale": f"{self.scale:.9g}",
            "mean": ",".join(f"{one:.9g}" for one in self.mean),
            "std": ",".join(f"{one:.9g}" for one in self.std),
            "resample": self.resample,
        }


def preparation(
    options: Mapping[str, str], spec: Spec, shape: Sequence[int | str | None]
) -> Preparation:
    """What options and the shape of a model's input say; ``SpellingError`` where they disagree.

    >>> prepared = preparation({}, Spec("onnx-images", "x.onnx"), [None, 28, 28, 1])
    >>> prepared.layout, prepared.channels, prepared.size
    ('nhwc', 'grey', (28, 28))
    """
    layout = options.get("layout") or _layout_of(shape)
    _one_of("layout", layout, LAYOUTS, spec)
    first = layout == "nchw"
    depth = shape[1] if first else shape[3]
    channels = options.get("channels") or ("grey" if depth == 1 else "rgb")
    _one_of("channels", channels, CHANNELS, spec)
    due = 1 if channels == "grey" else 3
    if isinstance(depth, int) and depth != due:
        raise SpellingError(
            f"{spec.place} takes {depth} channels as {layout}, {channels} has {due}: "
            "name what it takes (channels=grey, rgb or bgr; layout=nchw or nhwc)"
        )
    resample = options.get("resample", "bilinear")
    _one_of("resample", resample, RESAMPLINGS, spec)
    scale = _numbers("scale", options.get("scale", "255"), 1, spec)[0]
    std = _numbers("std", options.get("std", "1"), due, spec)
    if scale == 0 or 0 in std:
        raise SpellingError(f"{spec.kind}: scale and std divide, so neither may be 0")
    shorter = options.get("shorter")
    found = Preparation(
        size=_size(options.get("size"), shape[2:] if first else shape[1:3], spec),
        shorter=None if shorter is None else _whole("shorter", shorter, spec),
        channels=channels,
        layout=layout,
        scale=scale,
        mean=_numbers("mean", options.get("mean", "0"), due, spec),
        std=std,
        resample=resample,
    )
    if found.shorter is not None and found.shorter < max(found.size):
        raise SpellingError(
            f"{spec.kind}: shorter={shorter} leaves no middle of {found.size[0]} x "
            f"{found.size[1]}: take {max(found.size)} or more"
        )
    return found


def _layout_of(shape: Sequence[int | str | None]) -> str:
    return "nhwc" if shape[3] in {1, 3} and shape[1] not in {1, 3} else "nchw"


def _size(given: str | None, fixed: Sequence[int | str | None], spec: Spec) -> tuple[int, int]:
    asked: Sequence[int | None] = (None, None)
    if given is not None:
        sides = [_whole("size", side, spec) for side in given.lower().split("x")]
        if len(sides) > 2:
            raise SpellingError(f"{spec.kind}: size={given}: one side, or height x width, is due")
        asked = (sides[0], sides[-1])
    pairs = [(a, b if isinstance(b, int) else None) for a, b in zip(asked, fixed, strict=True)]
    if any(a is not None and b is not None and a != b for a, b in pairs):
        raise SpellingError(f"{spec.place} takes images of {fixed[0]} x {fixed[1]}, not {given}")
    height, width = (b or a for a, b in pairs)
    if height is None or width is None:
        raise SpellingError(
            f"{spec.place} takes images of any size, or does not say of which: name the one that "
            "it was trained with (size=224, or height x width: size=224x320)"
        )
    return height, width


def _one_of(name: str, word: str, words: Sequence[str], spec: Spec) -> None:
    if word not in words:
        raise SpellingError(f"{spec.kind}: {name}={word}: one of {', '.join(words)} is due")


def _whole(name: str, text: str, spec: Spec) -> int:
    value = read_whole(text.strip())
    if value is None or not 0 < value <= 10_000:
        raise SpellingError(f"{spec.kind}: {name}={shown(text)}: pixels from 1 to 10000 are due")
    return value


def _numbers(name: str, text: str, channels: int, spec: Spec) -> tuple[float, ...]:
    read = [read_number(part.strip()) for part in text.split(",")]
    found = tuple(float(one) for one in read if one is not None)
    if len(read) not in {1, channels} or len(found) < len(read):
        many = f", or {channels} parted by commas," if channels > 1 else ""
        raise SpellingError(f"{spec.kind}: {name}={shown(text)}: one number{many} is due")
    return found
