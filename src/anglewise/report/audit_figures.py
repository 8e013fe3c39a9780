"""The figures of an audit: matplotlib pictures with captions and tables."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

import numpy as np

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.certified import CURVE, Certificates
from anglewise.auditing.gauge_overlap import GaugePath
from anglewise.auditing.geometry import Panel
from anglewise.core.typing import Array, Direction, Float64
from anglewise.errors import MissingExtraError
from anglewise.report.audit_text import certificate_table, half_lost
from anglewise.report.document import PAGE, figure, folded, inline, table
from anglewise.report.plots import Palette, literal
from anglewise.report.words import NOTHING, number, percent, ratio, shortened

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


USE = {"seen": "interactions in training", "popularity": "popularity"}
CHOSEN = {"longest": "longest vectors"}
ITEM = 60


def figures(audit: Audit) -> str:
    """All of them; without matplotlib the tables alone, and a sentence that says why."""
    try:
        return "".join(_sections(audit, _drawn))
    except MissingExtraError as missing:
        told = f'<p class="facts">No pictures: {escape(str(missing))}.</p>\n'
        return told + "".join(_sections(audit, _nothing))


def _sections(audit: Audit, drawn: Callable[..., str]) -> Iterator[str]:
    yield _panels(audit, drawn)
    if audit.path:
        yield _path(audit.path, drawn)
    if audit.certificates:
        yield _certificates(audit.certificates, drawn)
    yield _lengths(audit, drawn)


def _drawn(picture: Callable[[], Any], name: str, text: str, caption: str) -> str:
    return figure(inline(picture(), name, text), caption)


def _nothing(*_: object) -> str:
    return ""


def _panels(audit: Audit, drawn: Callable[..., str]) -> str:
    shown = audit.panels
    pictures = "".join(
        drawn(lambda one=one: draw_panel(one), f"panel{i}", _panel_words(one), _panel_title(one))
        for i, one in enumerate(shown.panels)
    )
    last = shown.panels[-1].name
    ramp = '<p class="ramp"><span>cosine -1</span><span class="colours"></span><span>1</span></p>\n'
    told = (
        f"{len(shown.items)} items, the {CHOSEN.get(shown.chosen, shown.chosen)}, each with each, "
        "in the same order in every panel: the order that puts side by side what is alike under "
        f"{last}."
    )
    if audit.certificates:
        told += (
            " The predictions behind all panels are the same; what differs is a choice that "
            "training did not make."
        )
    rows = [
        [
            one.name,
            number(one.mean, 2),
            f"{number(one.low, 2)} to {number(one.high, 2)}",
            _rank(one),
        ]
        for one in shown.panels
    ]
    heads = ["panel", "mean cosine", "middle 90%", f"Spearman with {last}"]
    listed = "".join(f"<li>{escape(shortened(str(one), ITEM))}</li>\n" for one in shown.items)
    return (
        "<h2>One model, several cosines</h2>\n"
        f"<p>{escape(told)}</p>\n"
        + (f'<div class="panels">\n{pictures}</div>\n{ramp}' if pictures else "")
        + table("The cosines of two different items, in each panel", heads, rows)
        + folded("The items, in the order of the panels", f'<ol class="items">\n{listed}</ol>\n')
    )


def _panel_title(panel: Panel) -> str:
    return "as given" if panel.name == "cosine" else panel.name.removeprefix("cosine@")


def _panel_words(panel: Panel) -> str:
    return (
        f"Matrix of cosines, {_panel_title(panel)}: mean {number(panel.mean, 2)}, the middle 90% "
        f"from {number(panel.low, 2)} to {number(panel.high, 2)}"
    )


def _rank(panel: Panel) -> str:
    return NOTHING if panel.spearman is None else number(panel.spearman, 2)


def _path(paths: Mapping[Direction, GaugePath], drawn: Callable[..., str]) -> str:
    first = next(iter(paths.values()))
    judged: dict[Direction, GaugePath] = {
        way: path for way, path in paths.items() if path.score is not None
    }
    kept = "; ".join(
        f"{way}: {', '.join(percent(share) for share in path.overlap)}"
        for way, path in paths.items()
    )
    pictures = drawn(
        lambda: draw_path_overlap(paths, PAGE),
        "path",
        f"What is kept of the given lists from t = 0 to 1. {kept}",
        "Every t predicts the same. How much of the lists of the given vectors is left at each.",
    )
    if judged:
        scores = "; ".join(
            f"{way}: {', '.join(number(score) for score in path.score or ())}"
            for way, path in judged.items()
        )
        pictures += drawn(
            lambda: draw_path_score(judged, PAGE),
            "score",
            f"{first.metric} from t = 0 to 1. {scores}",
            f"{first.metric} of cosine on the judgements of the space: what that choice costs.",
        )
    heads, rows = _path_table(paths)
    asked = ", ".join(f"{path.queries:,} asked in {way}" for way, path in paths.items())
    return (
        "<h2>The path of gauges</h2>\n"
        "<p>Between item-orthonormal (t = 0) and user-orthonormal (t = 1) the spectrum of the "
        "predictions moves from the users to the items, and no prediction changes.</p>\n"
        + _charts(pictures)
        + folded("The numbers of the path", table(f"Cosine lists along it; {asked}", heads, rows))
    )


def _path_table(paths: Mapping[Direction, GaugePath]) -> tuple[list[str], list[list[str]]]:
    powers = sorted({t for path in paths.values() for t in path.powers})
    heads, columns = ["t"], [[f"{t:g}" for t in powers]]

    def column(path: GaugePath, cells: list[str]) -> list[str]:
        at = dict(zip(path.powers, cells, strict=True))
        return [at.get(t, NOTHING) for t in powers]

    for way, path in paths.items():
        heads.append(f"kept ({way})")
        columns.append(column(path, [percent(share) for share in path.overlap]))
        if path.score is not None:
            heads.append(f"{path.metric} ({way})")
            columns.append(column(path, [number(score) for score in path.score]))
    rows = [list(row) for row in zip(*columns, strict=True)]
    given = ["as given"]
    for path in paths.values():
        given.append("100%")
        if path.given_score is not None:
            given.append(number(path.given_score))
    return heads, [*rows, given]


def _certificates(of: Mapping[Direction, Certificates], drawn: Callable[..., str]) -> str:
    pictures = "".join(
        drawn(
            lambda one=one: draw_certificates(one, PAGE),
            f"certified{i}",
            _certified_words(one),
            f"{way}: lists that no map of condition s can change (solid), and what random maps "
            "keep of the lists (dashed, with the least and the most of a single map).",
        )
        for i, (way, one) in enumerate(of.items())
    )
    heads, rows = certificate_table(of)
    asked = "; ".join(
        f"{way}: {one.queries:,} lists certified, {one.asked_again:,} searched again"
        for way, one in of.items()
    )
    return (
        "<h2>What no map can change, and what random ones do</h2>\n"
        "<p>A certificate is about the worst map of a condition, and is loose in many dimensions: "
        f"it is not what typically happens. {escape(half_lost(of))}</p>\n"
        + _charts(pictures)
        + table(asked, heads, rows)
    )


def _certified_words(one: Certificates) -> str:
    told = "; ".join(
        f"s = {s:g}: {percent(sure)} certified, random maps keep {percent(mean)}"
        for s, sure, mean in zip(
            one.conditions, one.top_k_certified, one.monte_carlo_overlap, strict=True
        )
    )
    return f"{one.direction}, by condition of the map. {told}"


def _lengths(audit: Audit, drawn: Callable[..., str]) -> str:
    sides, points = audit.geometry.sides, audit.geometry.points
    heads = ["lengths", "least", "median", "greatest", "zero", "95th over 5th", "Spearman"]
    rows = [
        [
            name,
            *(f"{value:.3g}" for value in (side.norms.min, side.norms.median, side.norms.max)),
            f"{side.norms.zero_rows:,}",
            ratio(side.norms.spread),
            NOTHING if side.popularity_spearman is None else f"{side.popularity_spearman:+z.2f}",
        ]
        for name, side in sides.items()
    ]
    what = USE.get(sides["items"].popularity or "", "length of the text")
    picture, correlation = "", sides["items"].popularity_spearman
    if points is not None and len(points[0]):
        told = "" if correlation is None else f", Spearman {correlation:+z.2f}"
        picture = drawn(
            lambda: draw_lengths(*points, what, PAGE),
            "lengths",
            f"Scatter of the length of items against {what}{told}",
            f"Items: length against {what}{told}. Dot follows the length, cosine drops it.",
        )
    return (
        "<h2>Lengths</h2>\n"
        + _charts(picture)
        + table("Lengths of the vectors, and how they go with use", heads, rows)
    )


def _charts(pictures: str) -> str:
    return f'<div class="charts">\n{pictures}</div>\n' if pictures else ""
