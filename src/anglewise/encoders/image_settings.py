"""``preprocessor_config.json``: how the images of a model from the hub are prepared."""

import json
from pathlib import Path
from typing import Any, cast

from anglewise.encoders.picture import RESAMPLINGS
from anglewise.io.files import reading

SETTINGS = "preprocessor_config.json"


def settings_beside(model: Path) -> dict[str, str]:
    """What a ``preprocessor_config.json`` beside the model says, as options; empty if none is."""
    for folder in (model.parent, model.parent.parent):
        file = folder / SETTINGS
        if file.is_file():
            with reading(file, "settings of an image model"):
                return _options_of(json.loads(file.read_text(encoding="utf-8")))
    return {}


def _options_of(said: Any) -> dict[str, str]:
    """The keys that image processors of the hub write, as ours."""
    told = cast("dict[str, Any]", said)
    cropped = bool(told.get("do_center_crop"))
    size = _sides(told.get("crop_size" if cropped else "size"))
    found: dict[str, str] = {"size": size} if size else {}
    if cropped:
        found["shorter"] = _sides(told.get("size")).partition("x")[0]
    if told.get("do_rescale", True):
        found["scale"] = repr(1 / float(told.get("rescale_factor", 1 / 255)))
    if told.get("do_normalize", True):
        for name in ("mean", "std"):
            if f"image_{name}" in told:
                found[name] = ",".join(str(float(one)) for one in told[f"image_{name}"])
    if isinstance(told.get("resample"), int) and told["resample"] < len(RESAMPLINGS):
        found["resample"] = RESAMPLINGS[told["resample"]]
    return found


def _sides(said: Any) -> str:
    if isinstance(said, dict):
        sides = cast("dict[str, Any]", said)
        edge = sides.get("shortest_edge")
        return f"{sides['height']}x{sides['width']}" if "height" in sides else str(edge or "")
    return str(said or "")
