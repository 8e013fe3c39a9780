"""What is said of the settings of a collection, and their picture."""

from typing import Any

from anglewise.data_types.text import counted
from anglewise.report.document import (
    Block,
    Document,
    DrawnPicture,
    Line,
    Palette,
    Pictures,
    Table,
)
from anglewise.report.pictures import ON_PAPER, literal, new_figure, picture_file
from anglewise.report.words import number
from anglewise.stores.tune import TunedSetting, Tuning, in_words

SIZE = (5.0, 3.4)
"""Inches."""


def tuning_document(result: Tuning) -> Document:
    """The setting to take, all that were measured, and what was measured how."""
    headline, reason = _verdict(result)
    table = _table(result)
    how = [Line(sentence, "dim") for sentence in _how(result)]

    def chapters() -> list[Block]:
        text = "; ".join(
            f"{_named(one)}: {one.recall:.3f}, {one.milliseconds:.2f} ms" for one in result.settings
        )
        picture = DrawnPicture(
            "settings",
            lambda palette: _figure(result, palette),
            text,
            "Recall and median time of a query; the line joins what nothing beats in both.",
        )
        return [Pictures([picture]), table, *how]

    return Document(
        [[table], how],
        headline=headline,
        reason=reason,
        facts=[result.address, result.measure, result.index],
        notes=[f"{note[0].upper()}{note[1:]}." for note in result.notes],
        question="Which setting of this index keeps the lists, and what does it cost?",
        chapters=chapters,
    )


def _verdict(result: Tuning) -> tuple[str, str]:
    floor = f"An exact scan by anglewise takes {result.scan_milliseconds:.2f} ms here."
    chosen = result.chosen
    if chosen is None:
        best = max(result.settings, key=lambda one: one.recall)
        return (
            "Nothing to take",
            (
                f"no setting reaches a recall@{result.k} of {result.min_recall:g}; the best, "
                f"{_named(best)}, is at {best.recall:.3f}. anglewise verify looks for the reason. "
                f"{floor}"
            ),
        )
    words = f"{_measures(result, chosen)}."
    if chosen.recall_low < result.min_recall:
        words += (
            f" On other queries like these it may be below {result.min_recall:g}: at least "
            f"{chosen.recall_low:.3f} is shown at 95%, for all settings together."
        )
    own = result.as_it_is
    if chosen.build and own is not None:
        words += f" Without building anew: {_named(own)}, {_measures(result, own)}."
    elif chosen.build:
        words += " The collection as it is reaches it with no effort that was tried."
    return f"Take {_named(chosen)}", f"{words} {floor}"


def _measures(result: Tuning, one: TunedSetting) -> str:
    return (
        f"recall@{result.k} {one.recall:.3f} (at least {one.recall_low:.3f} at 95%), "
        f"{one.milliseconds:.2f} ms a query"
    )


def _named(one: TunedSetting) -> str:
    effort = in_words(one.effort, one.oversample)
    return f"{effort}, built with {in_words(one.build)}" if one.build else effort


def _table(result: Tuning) -> Table:
    heads = ["effort", f"recall@{result.k}", "at least", "ms, median", "ms, 95%", "MB", "best"]
    with_builds = any(one.build for one in result.settings)
    rows: list[list[str]] = []
    for one in result.settings:
        row = [
            in_words(one.effort, one.oversample),
            number(one.recall),
            number(one.recall_low),
            number(one.milliseconds, 2),
            number(one.slow, 2),
            "-" if one.stored_bytes is None else f"{one.stored_bytes / 1e6:.1f}",
            "*" if one.on_front else "",
        ]
        if with_builds:
            row.insert(1, in_words(one.build) if one.build else "as it is")
        rows.append(row)
    if with_builds:
        heads.insert(1, "built with")
    return Table.of(heads, rows)


def _how(result: Tuning) -> list[str]:
    asked = counted(result.queries, "query", "queries")
    timed = counted(result.timed, "query", "queries")
    vectors = (
        f"{result.count:,} vectors of {result.dimension} numbers, {result.index}; lists of "
        f"{asked} against the exact ones of {result.measure}, up to ties."
    )
    times = (
        f"Times: {timed} asked one at a time, {counted(result.runs, 'run')} in turn, on this "
        "machine and by its Python client; what else ran meanwhile is in them. No difference in "
        "time was tested."
    )
    if any(one.oversample > 1 for one in result.settings):
        times += " What re-ranking takes, in your program, is not in them."
    star = (
        "* nothing else measured is as good in recall, median and megabytes and better in one. The "
        "setting to take was chosen for its time among those that reach the recall."
    )
    return [vectors, times, star]


def tuning_picture(result: Tuning, ending: str) -> bytes:
    """Draw recall against the median time, with the front, the scan and the setting to take.

    Raises ``MissingExtraError`` without matplotlib, ``SpellingError`` for an ending that is not
    drawn.
    """
    return picture_file(lambda ax: _draw(ax, result, ON_PAPER), ending, SIZE)


def _figure(result: Tuning, palette: Palette) -> Any:
    figure = new_figure(SIZE)
    _draw(figure.add_subplot(), result, palette)
    return figure


def _draw(ax: Any, result: Tuning, palette: Palette) -> None:
    one_build = [one for one in result.settings if not one.build]
    others = [one for one in result.settings if one.build]
    for some, colour, name in (
        (one_build, palette.accent, "as it is"),
        (others, palette.faint, "built anew"),
    ):
        points = [one.recall for one in some], [one.milliseconds for one in some]
        if some:
            ax.plot(*points, "o", color=colour, ms=4, label=name)
    front = sorted(
        one
        for one in {(s.recall, s.milliseconds) for s in result.settings}
        if not any(
            other != one and other[0] >= one[0] and other[1] <= one[1]
            for other in {(s.recall, s.milliseconds) for s in result.settings}
        )
    )
    ax.plot(*zip(*front, strict=True), color=palette.ink, lw=1, drawstyle="steps-pre")
    ax.axhline(result.scan_milliseconds, color=palette.faint, ls="--", lw=1, label="exact scan")
    ax.axvline(result.min_recall, color=palette.ink, ls=":", lw=1)
    if result.chosen is not None:
        at = (result.chosen.recall, result.chosen.milliseconds)
        ax.annotate(literal(_named(result.chosen)), at, fontsize=8, ha="right", va="bottom")
        ax.plot(*at, "o", mfc="none", mec=palette.ink, ms=9)
    ax.set(yscale="log")
    ax.set_xlabel(f"recall@{result.k}")
    ax.set_ylabel("ms a query, median")
    ax.legend(fontsize=8, frameon=False)
