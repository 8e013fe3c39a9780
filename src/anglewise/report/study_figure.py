"""The figure of the study: true clusters, then the item-item cosine as each choice makes it."""

import io
from typing import Any, Literal

import numpy as np

from anglewise.errors import MissingExtraError
from anglewise.study import Study
from anglewise.typing import Array, Float64

PANELS = {
    "item-orthonormal": "(1), B = V\nitem-orthonormal",
    "tied-weights": "(1), D = I\ntied weights",
    "raw-users": "(1), A = V\nraw users",
    "balanced": "(1), P'P = Q'Q\nbalanced",
    "data-space": "(1), data space\ncolumns of XAB'",
    "objective (2)": "(2)\nno choice left",
}
MOST_ITEMS = 500
"""More would be finer than what paper or screen shows; every second, third, ... item is drawn."""


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
    every = -(-len(result.clusters) // MOST_ITEMS)
    if kind == "svg":
        every *= 2
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
    return drawn.getvalue()


def _panel(ax: Any, values: Float64[Array, "p p"], title: str, clusters: Array) -> None:
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    for edge in np.flatnonzero(np.diff(clusters)) + 0.5:
        ax.axhline(edge, color="black", lw=0.3)
        ax.axvline(edge, color="black", lw=0.3)
    ax.set_title(title, fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])
