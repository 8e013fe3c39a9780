"""One chart as a file: the same content gives the same bytes."""

import io
from collections.abc import Callable
from typing import Any

from anglewise.errors import MissingExtraError, SpellingError

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
