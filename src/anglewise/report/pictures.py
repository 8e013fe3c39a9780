"""Pictures of comparisons, audits, power and reliability, with matplotlib: the extra ``[plot]``."""

import io
import os.path
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from anglewise.comparison.comparison_result import Comparison, Difference
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.errors import MissingExtraError, SpellingError
from anglewise.report.document import Palette
from anglewise.report.words import interval

if TYPE_CHECKING:
    from anglewise.auditing.certified import Certificates
    from anglewise.auditing.gauge_overlap import GaugePath
    from anglewise.auditing.geometry import Panel
    from anglewise.comparison.power import Power
    from anglewise.rag.relevance import Relevance

ON_PAPER = Palette()
ENDINGS = {".svg", ".png", ".pdf"}
CHART = (4.6, 3.0)
"""Inches."""


def new_figure(size: tuple[float, float], layout: str | None = "constrained") -> Any:
    """An empty figure of a size in inches; raises ``MissingExtraError`` without matplotlib."""
    _, figure = _matplotlib()
    return figure(figsize=size, layout=layout)


_one_drawing = threading.RLock()
"""Held while matplotlib is imported or has our settings, since all threads share one set."""
RC_FILE = "matplotlibrc"


def _matplotlib() -> tuple[Any, Any]:
    """Import matplotlib and its figures, without settings of the current folder.

    It reads ``./matplotlibrc``, which may be a stranger's, before the user's own. Settings run
    LaTeX, may be a pipe that never ends, and are quoted raw where they are wrong.
    """
    with _one_drawing, nullcontext() if "matplotlib" in sys.modules else _hiding(RC_FILE):
        try:
            import matplotlib as mpl
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtraError(
                "pictures need matplotlib: pip install 'anglewise[plot]'"
            ) from None
    return mpl, Figure


@contextmanager
def _hiding(name: str) -> Generator[None, None, None]:
    """Let no file of the current folder by this name exist for who asks."""
    exists = os.path.exists

    def elsewhere(path: Any) -> bool:
        return path != name and exists(path)

    os.path.exists = elsewhere
    try:
        yield
    finally:
        os.path.exists = exists


@contextmanager
def drawing(still: Mapping[str, Any] | None = None) -> Generator[None, None, None]:
    """Draw by the defaults of matplotlib alone, so that the same call gives the same picture.

    ``still`` is what else keeps the bytes the same every time.
    """
    mpl, _ = _matplotlib()
    with _one_drawing, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": "anglewise", **(still or {})})
        yield


def picture_file(draw: Callable[[Any], None], ending: str, size: tuple[float, float]) -> bytes:
    """Draw on a pair of axes of a size in inches and give the file's bytes."""
    if ending not in ENDINGS:
        endings = ", ".join(sorted(ENDINGS))
        raise SpellingError(f"pictures end in {endings}: {ending or 'nothing'} came")
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[ending]
    with drawing({"pdf.compression": 6}):
        figure = new_figure(size)
        draw(figure.add_subplot())
        return saved_figure(figure, format=ending[1:], dpi=200, metadata=undated)


def saved_figure(figure: Any, **settings: Any) -> bytes:
    """The bytes of a file of a figure, which are the same every time within ``drawing``."""
    written = io.BytesIO()
    figure.savefig(written, **settings)
    return written.getvalue()


def literal(text: str) -> str:
    r"""Text for matplotlib, which would take what stands between two dollars for a formula.

    >>> literal("recall@$x^$")
    'recall@\\$x^\\$'
    """
    return text.replace("$", r"\$")


def _tidy(ax: Any, palette: Palette, *, grid: Literal["both", "x"] = "both") -> None:
    ax.tick_params(which="both", colors=palette.ink, length=0)
    ax.xaxis.label.set_color(palette.ink)
    ax.yaxis.label.set_color(palette.ink)
    ax.grid(visible=True, axis=grid, color=palette.faint, alpha=0.3, lw=0.8)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


Kind: TypeAlias = Literal["means", "differences"]


@dataclass(frozen=True)
class Bar:
    """One interval of a picture."""

    measure: str
    mean: float
    low: float
    high: float
    may_be_best: bool


class ComparisonDisplay:
    """Intervals of the measures of a comparison, best on top, after scikit-learn's Display habit.

    Attributes ``ax_`` and ``figure_`` exist once :meth:`plot` was called.

    >>> from anglewise.comparison.comparison_result import Estimate, MeasureResult, Verdict
    >>> row = MeasureResult("dot", {"nDCG@10": Estimate(0.4, 0.3, 0.5)}, None, 1.0, True)
    >>> verdict = Verdict("use", "dot", (), None, None, "")
    >>> result = Comparison(None, "nDCG@10", 10, 9, 9, 9, 0, (row,), verdict, "")
    >>> display = ComparisonDisplay.from_result(result).plot()
    >>> display.ax_.get_xlabel()
    'nDCG@10, mean and 95% interval'
    """

    ax_: Any
    figure_: Any

    def __init__(
        self, metric: str, means: Sequence[Bar], differences: Sequence[Bar], tolerance: float
    ) -> None:
        self.metric = metric
        self.means = tuple(means)
        self.differences = tuple(differences)
        self.tolerance = tolerance

    @classmethod
    def from_result(cls, result: Comparison) -> "ComparisonDisplay":
        """Take what is to be drawn from a comparison."""
        means = [
            Bar(row.measure, e.mean, e.low, e.high, row.may_be_best)
            for row in result.measures
            for e in (row.metrics[result.metric],)
        ]
        differences = [
            Bar(row.measure, d.difference, d.low, d.high, row.may_be_best)
            for row in result.measures
            for d in (row.vs_best or Difference(0.0, 0.0, 0.0, 1.0, 1.0),)
        ]
        return cls(result.metric, means, differences, result.tolerance)

    def plot(
        self, ax: Any = None, *, kind: Kind = "means", palette: Palette = ON_PAPER
    ) -> "ComparisonDisplay":
        """Draw the means, or the differences to the best, with their intervals.

        Without ``ax`` a figure is made. Measures that may be the best are drawn full, the others
        hollow. Raises ``MissingExtraError`` without matplotlib.
        """
        bars = self.means if kind == "means" else self.differences
        if ax is None:
            ax = new_figure((6.4, 0.9 + 0.34 * max(len(bars), 2))).add_subplot()
        if kind == "differences":
            ax.axvspan(-self.tolerance, self.tolerance, color=palette.band, lw=0)
            ax.axvline(0, color=palette.faint, lw=1)
            ax.set_xlabel(f"{literal(self.metric)}, difference to the best; shaded: the tolerance")
        else:
            ax.set_xlabel(f"{literal(self.metric)}, mean and 95% interval")
        for position, bar in enumerate(bars):
            colour = palette.accent if bar.may_be_best else palette.faint
            ax.plot([bar.low, bar.high], [position, position], color=colour, lw=2.2)
            inside = colour if bar.may_be_best else palette.page
            ax.plot(bar.mean, position, "o", color=colour, ms=8, mfc=inside, mew=2)
        ax.set_yticks(range(len(bars)), labels=[literal(bar.measure) for bar in bars])
        ax.set_ylim(len(bars) - 0.4, -0.6)
        _tidy(ax, palette, grid="x")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def power_picture(plan: "Power", ending: str) -> bytes:
    """Draw the detectable difference over queries, with the wanted one and the present number.

    Raises ``MissingExtraError`` without matplotlib, ``SpellingError`` for an ending that is not
    drawn.
    """
    return picture_file(lambda ax: _draw_power(ax, plan, ON_PAPER), ending, (5.0, 3.2))


def _draw_power(ax: Any, plan: "Power", palette: Palette) -> None:
    queries = [point.queries for point in plan.curve]
    detectable = [point.detectable for point in plan.curve]
    ax.plot(queries, detectable, color=palette.accent, lw=2, marker="o")
    ax.axhline(plan.wanted, color=palette.ink, lw=1, ls=":")
    ax.axvline(plan.queries, color=palette.faint, lw=1, ls="--")
    ax.annotate(f" {plan.wanted:g} wanted", (queries[0], plan.wanted), va="bottom", fontsize=8)
    ax.annotate(" now", (plan.queries, ax.get_ylim()[1]), va="top", fontsize=8)
    ax.set(xscale="log", ylim=(0, None))
    ax.set_xticks(queries, [f"{count:,}" for count in queries])
    ax.minorticks_off()
    ax.set_xlabel(f"judged {counted(2, plan.noun).split()[1]}")
    ax.set_ylabel(f"lead in {literal(plan.metric)} shown in about 4 sets of 5")
    ax.set_title(literal(f"{plan.best} against {plan.rival}"), fontsize=9)


def reliability_picture(learned: "Relevance", ending: str) -> bytes:
    """Draw predicted against observed shares with their intervals; the same gives the same bytes.

    The area of a point grows with its passages. Raises ``MissingExtraError`` without matplotlib,
    ``SpellingError`` for an ending that is not drawn.
    """
    return picture_file(lambda ax: _draw_reliability(ax, learned, ON_PAPER), ending, (4.2, 4.2))


def _draw_reliability(ax: Any, learned: "Relevance", palette: Palette) -> None:
    ax.plot([0, 1], [0, 1], color=palette.faint, lw=1, ls="--")
    for group in learned.reliability.bins:
        x, observed = group.predicted, group.observed
        ax.plot([x, x], [observed.low, observed.high], color=palette.accent, lw=2)
        size = 20 + 180 * (observed.of / learned.pairs) ** 0.5
        ax.scatter(x, observed.value, s=size, color=palette.accent, zorder=3)
    ax.axvline(learned.threshold, color=palette.ink, lw=1, ls=":")
    ax.annotate(" threshold", (learned.threshold, 0.97), fontsize=8, color=palette.ink)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set_xlabel("probability of relevance, predicted")
    ax.set_ylabel("share judged relevant")
    ends = learned.reliability.expected_error_interval
    of_error = "" if ends is None else f" {interval(*ends)}"
    if learned.drawn_unequally:
        of_error += ", each question counted alike"
    ax.set_title(
        f"{literal(str(learned.measure))}: expected calibration error\n"
        f"{learned.reliability.expected_error:.3f}{of_error}",
        fontsize=9,
    )


STYLES = {"items-items": "o-", "queries-queries": "s--"}
"""Apart without colour too."""
POINTS = 500
"""How many points a page draws; of more every second, third, ..."""
LARGE_RATIO = 30
"""Positive numbers whose ends are this far apart stand on a logarithmic axis."""


def draw_panel(panel: "Panel") -> Any:
    """A matrix of cosines from -1 (blue) through 0 (white) to 1 (red)."""
    figure = new_figure((2.0, 2.0), layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.imshow(panel.cosines, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    ax.set_axis_off()
    return figure


def draw_path_overlap(paths: "Mapping[Direction, GaugePath]", palette: Palette) -> Any:
    """What is left of the given lists at each step of the path of gauges."""
    figure = new_figure(CHART)
    ax = figure.add_subplot()
    for direction, path in paths.items():
        ink = _ink(direction, palette)
        ax.plot(path.powers, path.overlap, STYLES[direction], color=ink, ms=5, label=direction)
    ax.set_ylim(0, 1.05)
    _path_axis(ax, "kept of the given lists", palette)
    return figure


def draw_path_score(paths: "Mapping[Direction, GaugePath]", palette: Palette) -> Any:
    """The metric at each step, where somebody judged; dotted, that of the given vectors."""
    figure = new_figure(CHART)
    ax = figure.add_subplot()
    for direction, path in paths.items():
        if path.score is None or path.given_score is None:
            continue
        ink = _ink(direction, palette)
        ax.plot(path.powers, path.score, STYLES[direction], color=ink, ms=5, label=direction)
        ax.axhline(path.given_score, color=ink, lw=1, ls=":")
    metric = next(iter(paths.values())).metric
    _path_axis(ax, f"{literal(metric)}; dotted: as given", palette)
    return figure


def draw_certificates(certificates: "Certificates", palette: Palette) -> Any:
    """The worst case, and the band of random maps far above it."""
    from anglewise.auditing.certified import CURVE

    figure = new_figure(CHART)
    ax = figure.add_subplot()
    conditions = certificates.conditions
    s = np.asarray(conditions) - 1  # 1 leaves everything: the distance from it is drawn
    low, high = certificates.monte_carlo_low, certificates.monte_carlo_high
    ax.fill_between(s, low, high, color=palette.band, lw=0)
    overlap = certificates.monte_carlo_overlap
    ax.plot(s, overlap, "s--", color=palette.ink, ms=4, label="kept by random maps")
    label = "cannot leave: worst case"
    ax.plot(np.asarray(CURVE) - 1, certificates.curve, "-", color=palette.accent, lw=2, label=label)
    ax.set_xscale("log")
    ticks = (1.001, 1.01, *conditions[::2], conditions[-1])
    ax.set_xticks([x - 1 for x in ticks], labels=[f"{x:g}" for x in ticks])
    ax.minorticks_off()
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlabel("condition s of the map")
    ax.set_title(certificates.direction, fontsize=10, color=palette.ink)
    _tidy(ax, palette)
    _legend(ax, palette)
    return figure


LARGEST_DRAWN, UNIT_OF_HUGE = 1e200, 1e100
"""Beyond this, and this many times the least, the margin of an axis would end at infinity."""


def draw_lengths(
    lengths: Float64[Array, " some"], used: Float64[Array, " some"], what: str, palette: Palette
) -> Any:
    """Length against popularity, without the zero vectors."""
    nonzero = np.flatnonzero(lengths)
    drawn = nonzero[:: -(-len(nonzero) // POINTS)]
    x, y = used[drawn], lengths[drawn]
    if x.max(initial=0) > LARGEST_DRAWN:
        x, what = x / UNIT_OF_HUGE, f"{what} / {UNIT_OF_HUGE:.0e}"
    figure = new_figure(CHART)
    ax = figure.add_subplot()
    ax.plot(x, y, "o", color=palette.accent, ms=3, alpha=0.6, mew=0)
    _spread(ax.xaxis, ax.set_xscale, x)
    _spread(ax.yaxis, ax.set_yscale, y)
    ax.set_xlabel(literal(what))
    ax.set_ylabel("length")
    _tidy(ax, palette)
    return figure


def _spread(axis: Any, set_scale: Callable[..., None], values: Float64[Array, " some"]) -> None:
    """Powers of ten at equal distances where the values run over many; 0 has its place too."""
    positive = values[values > 0]
    if values.min() < 0 or not len(positive) or positive.max() < LARGE_RATIO * positive.min():
        return
    if len(positive) == len(values):
        set_scale("log")
    else:
        least = max(float(positive.min()), float(positive.max()) / LARGEST_DRAWN)
        set_scale("symlog", linthresh=least)
    axis.set_major_formatter("{x:g}")


def _ink(direction: Direction, palette: Palette) -> str:
    return palette.accent if direction == "items-items" else palette.ink


def _path_axis(ax: Any, what: str, palette: Palette) -> None:
    ticks = {0.0: "0\nitem-orthonormal", 0.5: "0.5\nbalanced", 1.0: "1\nuser-orthonormal"}
    ax.set_xticks([*ticks], labels=[*ticks.values()])
    ax.set_xticks(np.arange(11) / 10, minor=True)
    ax.set_xlim(-0.08, 1.08)
    ax.set_title(what, fontsize=10, color=palette.ink)
    _tidy(ax, palette)
    _legend(ax, palette)


def _legend(ax: Any, palette: Palette) -> None:
    ax.legend(frameon=False, labelcolor=palette.ink, loc="best", fontsize=9)
