"""The figure of the study: true clusters, then the item-item cosine as each choice makes it."""

import base64
import io
import re
from typing import Any, Literal

import numpy as np

from anglewise.core.typing import Array, Float64
from anglewise.errors import MissingExtraError
from anglewise.experiment.study import Study

PANELS = {
    "item-orthonormal": "(1), B = V\nitem-orthonormal",
    "tied-weights": "(1), D = I\ntied weights",
    "raw-users": "(1), A = V\nraw users",
    "balanced": "(1), P'P = Q'Q\nbalanced",
    "data-space": "(1), data space\ncolumns of XAB'",
    "objective (2)": "(2)\nno choice left",
}
MOST_ITEMS = {"png": 500, "svg": 100}
"""Of more, every second, third, ... is drawn: a screen shows no more, a page wants a light SVG."""
SHADES = 32
"""Colours of a panel in the SVG: nobody sees more there, and it is a tenth of the size."""


def study_figure(result: Study, kind: Literal["png", "svg"]) -> bytes:
    """Draw it; the same study gives the same bytes.

    Items by cluster, within it the popular ones first. Raises ``MissingExtraError`` without
    matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'anglewise[plot]'") from None
    every = -(-len(result.clusters) // MOST_ITEMS[kind])
    figure: Any = Figure(figsize=(14.4, 2.9), layout="constrained")
    axes = figure.subplots(1, len(PANELS) + 1)
    clusters = result.clusters[::every]
    _panel(axes[0], np.where(clusters[:, None] == clusters, 1.0, 0.0), "true clusters\n", clusters)
    for ax, (name, title) in zip(axes[1:], PANELS.items(), strict=True):
        _panel(ax, result.cosines[name][::every, ::every], title, clusters)
        area = next(one.auc for one in result.similarities if one.name == name)
        ax.set_xlabel(f"cluster AUC {area:.3f}", fontsize=8)
    figure.colorbar(axes[-1].images[0], ax=axes[-1], shrink=0.8, label="cosine")
    drawn = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type")) if kind == "svg" else {}
    title = {"Title": "Item-item cosine after one training, under choices that nobody made"}
    still: Any = {"svg.hashsalt": "anglewise", "svg.fonttype": "none"}
    with mpl.rc_context(still):
        figure.savefig(drawn, format=kind, dpi=200, metadata={**nothing, **title})
    return _light(drawn.getvalue()) if kind == "svg" else drawn.getvalue()


def _light(svg: bytes) -> bytes:
    """The same picture with few shades in its panels, and without what no reader sees."""
    from PIL import Image

    def fewer(match: re.Match[bytes]) -> bytes:
        panel = Image.open(io.BytesIO(base64.b64decode(match[1])))
        packed = io.BytesIO()
        panel.convert("RGB").quantize(SHADES).save(packed, format="png", optimize=True)
        return b"base64," + base64.b64encode(packed.getvalue())

    svg = re.sub(rb"base64,\s*([^\"]+)", fewer, svg)
    return re.sub(rb"\n\s*", b"\n", re.sub(rb"<!--.*?-->", b"", svg, flags=re.DOTALL))


def _panel(ax: Any, values: Float64[Array, "p p"], title: str, clusters: Array) -> None:
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    edges = np.flatnonzero(np.diff(clusters)) + 0.5
    across = np.tile([-0.5, len(clusters) - 0.5, np.nan], len(edges))
    along = np.repeat(edges, 3)
    ax.autoscale(False)
    ax.plot(across, along, along, across, color="black", lw=0.3)
    ax.set_title(title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])
