"""Pictures of a comparison, with matplotlib: the extra ``[plot]``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anglewise.comparison.comparison_result import Comparison, Difference
from anglewise.errors import MissingExtraError


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
