"""Plots of comparisons, power and reliability, with matplotlib: the extra ``[plot]``."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anglewise.comparison.comparison_result import Comparison, Difference
from anglewise.comparison.next_judgements import Power
from anglewise.errors import MissingExtraError, SpellingError
from anglewise.rag.relevance import Relevance

KINDS = {".svg", ".png", ".pdf"}


def picture(draw: Callable[[Any], None], kind: str, size: tuple[float, float]) -> bytes:
    """Draw on a pair of axes of a size in inches and give the file's bytes.

    Raises ``MissingExtraError`` without matplotlib, ``SpellingError`` for a kind of file that is
    not drawn.
    """
    if kind not in KINDS:
        raise SpellingError(f"pictures end in {', '.join(sorted(KINDS))}: {kind or 'nothing'} came")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'anglewise[plot]'") from None
    figure: Any = Figure(figsize=size, layout="constrained")
    draw(figure.add_subplot())
    drawn = io.BytesIO()
    still: Any = {"svg.hashsalt": "anglewise", "pdf.compression": 6}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[kind]
    with mpl.rc_context(still):
        figure.savefig(drawn, format=kind[1:], dpi=200, metadata=undated)
    return drawn.getvalue()


def literal(text: str) -> str:
    r"""Text for matplotlib, which would take what stands between two dollars for a formula.

    >>> literal("recall@$x^$")
    'recall@\\$x^\\$'
    """
    return text.replace("$", r"\$")


Kind: TypeAlias = Literal["means", "differences"]


@dataclass(frozen=True)
class Palette:
    """The colours of a picture; apart in lightness too, for eyes and printers without hue."""

    ink: str = "#1f2328"
    faint: str = "#8b949e"
    accent: str = "#0b62c1"
    band: str = "#d5e5f7"
    page: str = "white"


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
            Bar(one.measure, e.mean, e.low, e.high, one.may_be_best)
            for one in result.measures
            for e in (one.metrics[result.metric],)
        ]
        differences = [
            Bar(one.measure, d.difference, d.low, d.high, one.may_be_best)
            for one in result.measures
            for d in (one.vs_best or Difference(0.0, 0.0, 0.0, 1.0, 1.0),)
        ]
        return cls(result.metric, means, differences, result.tolerance)

    def plot(
        self,
        ax: Any = None,
        *,
        kind: Kind = "means",
        palette: Palette = Palette(),
    ) -> "ComparisonDisplay":
        """Draw the means, or the differences to the best, with their intervals.

        Without ``ax`` a figure is made. Measures that may be the best are drawn full, the others
        hollow. Raises ``MissingExtraError`` without matplotlib.
        """
        bars = self.means if kind == "means" else self.differences
        if ax is None:
            ax = _figure(len(bars)).add_subplot()
        if kind == "differences":
            ax.axvspan(-self.tolerance, self.tolerance, color=palette.band, lw=0)
            ax.axvline(0, color=palette.faint, lw=1)
            ax.set_xlabel(f"{literal(self.metric)}, difference to the best; shaded: the tolerance")
        else:
            ax.set_xlabel(f"{literal(self.metric)}, mean and 95% interval")
        for place, bar in enumerate(bars):
            colour = palette.accent if bar.may_be_best else palette.faint
            ax.plot([bar.low, bar.high], [place, place], color=colour, lw=2.2)
            inside = colour if bar.may_be_best else palette.page
            ax.plot(bar.mean, place, "o", color=colour, ms=8, mfc=inside, mew=2)
        _tidy(ax, [bar.measure for bar in bars], palette)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _figure(rows: int) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'anglewise[plot]'") from None
    return Figure(figsize=(6.4, 0.9 + 0.34 * max(rows, 2)), layout="constrained")


def _tidy(ax: Any, names: Sequence[str], palette: Palette) -> None:
    ax.set_yticks(range(len(names)), labels=[literal(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(colors=palette.ink, length=0)
    ax.xaxis.label.set_color(palette.ink)
    ax.grid(visible=True, axis="x", color=palette.faint, alpha=0.3, lw=0.8)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def power_picture(plan: Power, kind: str) -> bytes:
    """Draw the detectable difference over queries, with the wanted one and the present number.

    Raises ``MissingExtraError`` without matplotlib, ``SpellingError`` for a kind of file that is
    not drawn.
    """
    return picture(lambda ax: _draw_power(ax, plan, Palette()), kind, (5.0, 3.2))


def _draw_power(ax: Any, plan: Power, palette: Palette) -> None:
    queries = [one.queries for one in plan.curve]
    ax.plot(queries, [one.detectable for one in plan.curve], color=palette.accent, lw=2, marker="o")
    ax.axhline(plan.wanted, color=palette.ink, lw=1, ls=":")
    ax.axvline(plan.queries, color=palette.faint, lw=1, ls="--")
    ax.annotate(f" {plan.wanted:g} wanted", (queries[0], plan.wanted), va="bottom", fontsize=8)
    ax.annotate(" now", (plan.queries, ax.get_ylim()[1]), va="top", fontsize=8)
    ax.set(xscale="log", ylim=(0, None))
    ax.set_xticks(queries, [f"{count:,}" for count in queries])
    ax.minorticks_off()
    ax.set_xlabel("judged queries")
    ax.set_ylabel(f"difference in {literal(plan.metric)} that is seen")
    ax.set_title(literal(f"{plan.best} against {plan.rival}"), fontsize=9)


def reliability_picture(learned: Relevance, kind: str) -> bytes:
    """Draw predicted against observed shares with their intervals; the same gives the same bytes.

    The area of a point grows with its passages. Raises ``MissingExtraError`` without matplotlib,
    ``SpellingError`` for a kind of file that is not drawn.
    """
    return picture(lambda ax: _draw_reliability(ax, learned, Palette()), kind, (4.2, 4.2))


def _draw_reliability(ax: Any, learned: Relevance, palette: Palette) -> None:
    bins = learned.reliability.bins
    ax.plot([0, 1], [0, 1], color=palette.faint, lw=1, ls="--")
    for one in bins:
        x, seen = one.predicted, one.observed
        ax.plot([x, x], [seen.low, seen.high], color=palette.accent, lw=2)
        size = 20 + 180 * (seen.of / learned.pairs) ** 0.5
        ax.scatter(x, seen.value, s=size, color=palette.accent, zorder=3)
    ax.axvline(learned.threshold, color=palette.ink, lw=1, ls=":")
    ax.annotate(" threshold", (learned.threshold, 0.97), fontsize=8, color=palette.ink)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set_xlabel("probability of relevance, predicted")
    ax.set_ylabel("share judged relevant")
    ax.set_title(
        f"{literal(str(learned.measure))}: expected calibration error "
        f"{learned.reliability.expected_error:.3f}",
        fontsize=9,
    )
