"""The reliability of probabilities as a picture: what was said against what was so."""

from typing import Any

from anglewise.rag.relevance import Relevance
from anglewise.report.picture import picture
from anglewise.report.plots import Palette, literal


def reliability_picture(learned: Relevance, kind: str) -> bytes:
    """Draw predicted against observed shares with their intervals; the same gives the same bytes.

    The area of a point grows with its passages. Raises ``MissingExtraError`` without matplotlib,
    ``SpellingError`` for a kind of file that is not drawn.
    """
    return picture(lambda ax: _draw(ax, learned, Palette()), kind, (4.2, 4.2))


def _draw(ax: Any, learned: Relevance, palette: Palette) -> None:
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
