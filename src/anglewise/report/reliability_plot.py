"""The reliability of probabilities as a picture: what was said against what was so."""

import io
from typing import Any

from anglewise.errors import MissingExtraError, SpellingError
from anglewise.rag import Relevance
from anglewise.report.plots import Palette

KINDS = {".svg", ".png", ".pdf"}


def reliability_picture(learned: Relevance, kind: str) -> bytes:
    """Draw predicted against observed shares with their intervals; the same gives the same bytes.

    The area of a point grows with its passages. Raises ``MissingExtraError`` without matplotlib,
    ``SpellingError`` for a kind of file that is not drawn.
    """
    if kind not in KINDS:
        raise SpellingError(f"pictures end in {', '.join(sorted(KINDS))}: {kind or 'nothing'} came")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'anglewise[plot]'") from None
    figure: Any = Figure(figsize=(4.2, 4.2), layout="constrained")
    _draw(figure.add_subplot(), learned, Palette())
    drawn = io.BytesIO()
    still: Any = {"svg.hashsalt": "anglewise", "pdf.compression": 6}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[kind]
    with mpl.rc_context(still):
        figure.savefig(drawn, format=kind[1:], dpi=200, metadata=undated)
    return drawn.getvalue()


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
        f"{learned.measure}: expected calibration error {learned.reliability.expected_error:.3f}",
        fontsize=9,
    )
