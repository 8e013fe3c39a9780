"""A copy of the page that needs no server: files that open from a disk, read only."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.typing import Direction
from anglewise.errors import FileError
from anglewise.io.outputs import check_new_folder, new_folder
from anglewise.measures.formulas import Measure
from anglewise.measures.measure import measure
from anglewise.page.app import static_files
from anglewise.page.gauge_paths import path_of_gauges
from anglewise.page.metadata import picture
from anglewise.page.neighbours_view import ShownItem, asker, columns
from anglewise.page.queue import awake
from anglewise.page.state import AppState, ViewState, parse_measures

STOPS = 21
GAUGE_DEPTH = 10
LARGEST_THUMB = 32 * 1024
"""Bytes of a picture that a page of the copy carries in it."""

SCRIPT = ("keys.js", "svg.js", "lines.js", "walking.js", "ranks.js", "list.js", "copy.js")
"""Modules do not load from a disk, so these become one classic script, in this order."""

MARK = "copy.json"
"""Tells a copy from any other folder, so that only a copy is ever replaced."""


@dataclass(frozen=True)
class Copied:
    """What a copy holds: the query of each of its pages."""

    direction: Direction
    names: tuple[str, ...]


def write_copy(
    app: AppState,
    folder: Path,
    *,
    direction: Direction,
    measures: Sequence[str],
    queries: int = 100,
) -> Copied:
    """Write the pages of some queries into a new folder, or in place of an older copy.

    Those are the best known ones, and as many drawn at random. Raises ``FileError`` for a folder
    that is not empty and no copy, ``SpellingError`` for a measure that does not parse.
    """
    check_new_folder(folder, may_replace=_is_copy)
    shown = [measure(one) for one in measures]
    rows = _rows(app, direction, queries)
    names = _file_names(rows)
    with new_folder(folder, may_replace=_is_copy) as into:
        _write_static(into)
        for row in rows:
            page = _page(app, direction, shown, row, names)
            (into / names[row]).write_text(page, encoding="utf-8", errors="replace")
        (into / "index.html").write_text(
            _index(app, direction, rows, names), encoding="utf-8", errors="replace"
        )
        about = {"direction": direction, "queries": len(rows)}
        (into / MARK).write_text(json.dumps(about) + "\n", encoding="utf-8")
    name = app.seen.asking(direction).name
    return Copied(direction, tuple(name(row) for row in rows))


def script() -> str:
    """The modules of the page that a copy needs, as one classic script.

    >>> "import " in script(), script().startswith("(() => {")
    (False, True)
    """
    parts = (static_files()[name][0].decode("utf-8") for name in SCRIPT)
    plain = (re.sub(r"^import .*;\n", "", part, flags=re.MULTILINE) for part in parts)
    body = "".join(re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in plain)
    return "(() => {\n" + body + "})();\n"


def _rows(app: AppState, direction: Direction, queries: int) -> list[int]:
    seen = app.seen
    there = awake(seen, direction)
    known = there[(-seen.asking(direction).fame[there]).argsort(kind="stable")]
    drawn = np.random.default_rng(seen.seed).permutation(there)
    half = [int(row) for row in known[: (queries + 1) // 2]]
    others = (int(row) for row in drawn)
    taken = set(half)
    return [*half, *[row for row in others if row not in taken][: queries - len(half)]]


def _file_names(rows: Iterable[int]) -> dict[int, str]:
    """Files are numbered: no id ever becomes part of a path."""
    return {row: f"q{place:04d}.html" for place, row in enumerate(rows)}


def _page(
    app: AppState,
    direction: Direction,
    measures: Sequence[Measure],
    row: int,
    names: dict[int, str],
) -> str:
    here = ViewState(direction, None, tuple(map(str, measures)))
    lists = columns(app.seen, here, row, measures)
    same = direction != "queries-items"

    def link(item: ShownItem) -> str | None:
        return names.get(item.row) if same else None

    def thumb(item: int) -> str | None:
        return _thumb(app, direction, item)

    return app.text(
        "copied.html",
        static="",
        here=here,
        who=asker(app.seen, direction, row),
        columns=lists,
        link=link,
        thumb=thumb,
        path=_path(app, direction, row) if same and app.seen.gauged else None,
        typed=parse_measures(here.spelled),
    )


def _thumb(app: AppState, direction: Direction, row: int) -> str | None:
    """A small picture as part of the page; nothing for what is large or no picture."""
    try:
        data, kind = picture(app.seen.ranked(direction).known, row, app.seen.folder)
    except FileError:
        return None
    small = len(data) <= LARGEST_THUMB
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}" if small else None


def _path(app: AppState, direction: Direction, row: int) -> dict[str, Any]:
    """The lists along the gauges, for the picture."""
    path = app.once(("path",), lambda: path_of_gauges(app.seen.space, app.seen.seed)).result()
    scaling, cosine = path.scaling(direction), measure("cosine").formula
    depth = max(1, min(GAUGE_DEPTH, len(scaling.ranked.rows) - 1))
    stops = [round(place / (STOPS - 1), 2) for place in range(STOPS)]
    found = [scaling.nearest(row, t - path.start, cosine, depth, [row]) for t in stops]
    rows = sorted({item for items, _ in found for item in items})
    titles = app.seen.ranked(direction).known.titles(rows)
    name = app.seen.ranked(direction).name
    return {
        "k": depth,
        "stops": stops,
        "lists": [items for items, _ in found],
        "scores": [[round(score, 3) for score in scores] for _, scores in found],
        "titles": {str(item): title for item, title in zip(rows, titles, strict=True)},
        "ids": {str(item): name(item) for item in rows},
    }


def _index(app: AppState, direction: Direction, rows: Sequence[int], names: dict[int, str]) -> str:
    titles = app.seen.asking(direction).known.titles(rows)
    return app.text(
        "copied_index.html",
        static="",
        direction=direction,
        pages=[(names[row], title) for row, title in zip(rows, titles, strict=True)],
    )


def _write_static(into: Path) -> None:
    for name in ("report.css", "page.css", "gauge.css", "icon.svg"):
        (into / name).write_bytes(static_files()[name][0])
    (into / "copy.js").write_text(script(), encoding="utf-8")


def _is_copy(folder: Path) -> None:
    if not (folder / MARK).is_file():
        raise FileError(f"{folder} is not empty and holds no copy: choose another name")
