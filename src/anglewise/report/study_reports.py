"""The study in the terminal, and its figure."""

import base64
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.core.typing import Array, Float64
from anglewise.errors import MissingExtraError
from anglewise.experiment.claims import Check
from anglewise.experiment.own_data import MovedLists, OwnStudy
from anglewise.experiment.study import Study
from anglewise.report.words import counted, number

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


NAMES = {
    "item-orthonormal": "(1) B = V, item-orthonormal",
    "tied-weights": "(1) D = I, tied-weights",
    "raw-users": "(1) A = V, raw-users",
    "balanced": "(1) balanced",
    "user-orthonormal": "(1) P'P = I, user-orthonormal",
    "data-space": "(1) data-space",
}
WIDTH = 100


def show_study(result: Study, console: Console) -> None:
    """Print the experiment: every claim as it came out, those that failed first of all."""
    size = result.size
    first, second = result.dimensions
    _say(
        console,
        f"{counted(size.users, 'user')}, {counted(len(result.clusters), 'item')}, "
        f"{counted(size.clusters, 'cluster')}, {counted(result.interactions, 'interaction')}, "
        f"seed {result.seed}; objective (1): penalty {size.product_penalty:g}, "
        f"{counted(first, 'dimension')}; (2): penalty {size.factors_penalty:g}, {second}",
    )
    console.print()
    table = _table("item-item cosine", "cluster AUC", "within", "between", "overlap@10")
    for one in result.similarities:
        figures = (one.auc, one.within, one.between, one.overlap)
        cells = (number(value).replace("-0.000", "0.000") for value in figures)
        table.add_row(NAMES.get(one.name, one.name), *cells)
    console.print(table, width=_width(console))
    _say(
        console,
        "AUC: two items of one cluster are more alike than two of different ones. Within, "
        "between: mean cosines. Overlap: with the ten nearest in the balanced gauge. Every (1) "
        "predicts the same.",
    )
    console.print()
    _show_checks(result.checks, console)


def show_own_study(result: OwnStudy, console: Console) -> None:
    """Print what the gauges of one model do to its lists, direction by direction."""
    _say(
        console,
        f"{counted(result.users, 'user')}, {counted(result.items, 'item')}, "
        f"{counted(result.interactions, 'interaction')}; objective (1), "
        f"{counted(result.dimensions, 'dimension')}",
    )
    for way in dict.fromkeys(one.direction for one in result.moved):
        console.print()
        _show_direction([one for one in result.moved if one.direction == way], console)
    _say(
        console,
        "Overlap: the share of each list of ten that the same measure finds in the balanced "
        "gauge. The predictions are the same in all.",
    )
    console.print()
    _show_checks(result.checks, console)


def _show_direction(moved: Sequence[MovedLists], console: Console) -> None:
    measures = list(dict.fromkeys(one.measure for one in moved))
    judged = moved[0].score is not None
    console.print(f"{moved[0].direction}, {counted(moved[0].queries, 'list')}", style="bold")
    headings = [f"overlap\n{name}" for name in measures]
    headings += [f"nDCG@10\n{name}" for name in measures] if judged else []
    table = _table("\ngauge", *headings)
    for gauge in dict.fromkeys(one.gauge for one in moved):
        row = [one for one in moved if one.gauge == gauge]
        cells = [number(one.overlap) for one in row]
        cells += [number(one.score) for one in row if one.score is not None]
        table.add_row(gauge, *cells)
    console.print(table, width=_width(console))


def _show_checks(checks: Iterable[Check], console: Console) -> None:
    told = list(checks)
    failed = [check for check in told if not check.held]
    table = _table("claim", "value", "bound", "")
    for check in told:
        style = "" if check.held else "bold red"
        table.add_row(
            f"{check.figure} {check.name}",
            _short(check.value),
            f"{check.relation} {_short(check.bound)}",
            "held" if check.held else "FAILED",
            style=style,
        )
    console.print(table, width=_width(console))
    held = len(told) - len(failed)
    said = Text(f"{held} of {counted(len(told), 'figure')} held")
    if failed:
        said.append(f", {len(failed)} FAILED", style="bold red")
    console.print(said)


def _table(first: str, *headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _short(value: float) -> str:
    """A figure, in powers of ten where it is tiny.

    >>> _short(0.1573), _short(4.28e-16), _short(0.0), _short(0.97)
    ('0.157', '4e-16', '0', '0.970')
    """
    if value == 0:
        return "0"
    return f"{value:.0e}" if abs(value) < 5e-4 else number(value)


def _say(console: Console, text: str) -> None:
    console.print(Text(text, style="dim"), width=_width(console))


def _width(console: Console) -> int:
    return min(WIDTH, console.width)
