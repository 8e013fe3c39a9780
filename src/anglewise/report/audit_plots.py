"""Pictures of an audit, with matplotlib: the extra ``[plot]``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from anglewise.auditing.certified import CURVE, Certificates
from anglewise.auditing.gauge_overlap import GaugePath
from anglewise.auditing.geometry import Panel
from anglewise.core.typing import Array, Direction, Float64
from anglewise.errors import MissingExtraError
from anglewise.report.plots import Palette, literal

STYLES = {"items-items": "o-", "queries-queries": "s--"}
"""Apart without colour too."""
POINTS = 500
"""How many points a page draws; of more every second, third, ..."""
WIDE = 30
"""Positive numbers whose ends are this far apart stand on a logarithmic axis."""


def draw_panel(panel: Panel) -> Any:
    """A matrix of cosines from -1 (blue) through 0 (white) to 1 (red)."""
    drawn = _figure(2.0, 2.0)
    ax = drawn.add_axes((0, 0, 1, 1))
    ax.imshow(panel.cosines, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    ax.set_axis_off()
    return drawn


def draw_path_overlap(paths: Mapping[Direction, GaugePath], palette: Palette) -> Any:
    """What is left of the given lists at each step of the path of gauges."""
    drawn = _figure(4.6, 3.0)
    ax = drawn.add_subplot()
    for way, path in paths.items():
        ax.plot(path.powers, path.overlap, STYLES[way], color=_ink(way, palette), ms=5, label=way)
    ax.set_ylim(0, 1.05)
    _path_axis(ax, "kept of the given lists", palette)
    return drawn


def draw_path_score(paths: Mapping[Direction, GaugePath], palette: Palette) -> Any:
    """The metric at each step, where somebody judged; dotted, that of the given vectors."""
    drawn = _figure(4.6, 3.0)
    ax = drawn.add_subplot()
    for way, path in paths.items():
        if path.score is None or path.given_score is None:
            continue
        ink = _ink(way, palette)
        ax.plot(path.powers, path.score, STYLES[way], color=ink, ms=5, label=way)
        ax.axhline(path.given_score, color=ink, lw=1, ls=":")
    metric = next(iter(paths.values())).metric
    _path_axis(ax, f"{literal(metric)}; dotted: as given", palette)
    return drawn


def draw_certificates(one: Certificates, palette: Palette) -> Any:
    """The worst case, and the band of random maps far above it."""
    drawn = _figure(4.6, 3.0)
    ax = drawn.add_subplot()
    s = np.asarray(one.conditions) - 1  # 1 leaves everything: the distance from it is drawn
    ax.fill_between(s, one.monte_carlo_low, one.monte_carlo_high, color=palette.band, lw=0)
    ax.plot(s, one.monte_carlo_overlap, "s--", color=palette.ink, ms=4, label="kept by random maps")
    curve = np.asarray(CURVE) - 1
    ax.plot(curve, one.curve, "-", color=palette.accent, lw=2, label="certified: worst case")
    ax.set_xscale("log")
    ticks = (1.001, 1.01, *one.conditions[::2], one.conditions[-1])
    ax.set_xticks([x - 1 for x in ticks], labels=[f"{x:g}" for x in ticks])
    ax.minorticks_off()
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlabel("condition s of the map")
    ax.set_title(one.direction, fontsize=10, color=palette.ink)
    _tidy(ax, palette)
    return drawn


def draw_lengths(
    lengths: Float64[Array, " some"], used: Float64[Array, " some"], what: str, palette: Palette
) -> Any:
    """Length against popularity, without the zero vectors."""
    long = np.flatnonzero(lengths)
    some = long[:: -(-len(long) // POINTS)]
    x, y = used[some], lengths[some]
    drawn = _figure(4.6, 3.0)
    ax = drawn.add_subplot()
    ax.plot(x, y, "o", color=palette.accent, ms=3, alpha=0.6, mew=0)
    _spread(ax.xaxis, ax.set_xscale, x)
    _spread(ax.yaxis, ax.set_yscale, y)
    ax.set_xlabel(literal(what))
    ax.set_ylabel("length")
    _tidy(ax, palette, legend=False)
    return drawn


def _spread(axis: Any, set_scale: Callable[..., None], values: Float64[Array, " some"]) -> None:
    """Powers of ten at equal distances where the values run over many; 0 has its place too."""
    positive = values[values > 0]
    if values.min() < 0 or not len(positive) or positive.max() < WIDE * positive.min():
        return
    if len(positive) == len(values):
        set_scale("log")
    else:
        set_scale("symlog", linthresh=float(positive.min()))
    axis.set_major_formatter("{x:g}")


def _ink(way: Direction, palette: Palette) -> str:
    return palette.accent if way == "items-items" else palette.ink


def _path_axis(ax: Any, what: str, palette: Palette) -> None:
    ticks = {0.0: "0\nitem-orthonormal", 0.5: "0.5\nbalanced", 1.0: "1\nuser-orthonormal"}
    ax.set_xticks([*ticks], labels=[*ticks.values()])
    ax.set_xticks(np.arange(11) / 10, minor=True)
    ax.set_xlim(-0.08, 1.08)
    ax.set_title(what, fontsize=10, color=palette.ink)
    _tidy(ax, palette)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'anglewise[plot]'") from None
    return Figure(figsize=(width, height), layout=None if width == height else "constrained")


def _tidy(ax: Any, palette: Palette, *, legend: bool = True) -> None:
    ax.tick_params(which="both", colors=palette.ink, length=0)
    ax.xaxis.label.set_color(palette.ink)
    ax.yaxis.label.set_color(palette.ink)
    ax.grid(visible=True, color=palette.faint, alpha=0.3, lw=0.8)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if legend:
        ax.legend(frameon=False, labelcolor=palette.ink, loc="best", fontsize=9)
