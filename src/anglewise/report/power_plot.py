"""The power of a validation set as a picture: what so many queries can tell apart."""

from typing import Any

from anglewise.comparison.power import Power
from anglewise.report.picture import picture
from anglewise.report.plots import Palette, literal


def power_picture(plan: Power, kind: str) -> bytes:
    """Draw the detectable difference over queries, with the wanted one and the present number.

    Raises ``MissingExtraError`` without matplotlib, ``SpellingError`` for a kind of file that is
    not drawn.
    """
    return picture(lambda ax: _draw(ax, plan, Palette()), kind, (5.0, 3.2))


def _draw(ax: Any, plan: Power, palette: Palette) -> None:
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
