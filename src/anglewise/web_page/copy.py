"""Write a copy of the page that needs no server: files to open from a disk, read only."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from anglewise.data_types.typing import Direction
from anglewise.errors import FileError
from anglewise.io.destinations import check_only, first_bytes
from anglewise.io.outputs import check_new_folder, new_folder
from anglewise.similarity_measures.measure import measure
from anglewise.web_page.app import static_files
from anglewise.web_page.gauge_paths import path_of_gauges
from anglewise.web_page.metadata import picture
from anglewise.web_page.neighbours_view import ShownItem, columns, describe_query
from anglewise.web_page.picks import rows_that_ask
from anglewise.web_page.rankings import Ranking, read_ranking
from anglewise.web_page.state import AppState
from anglewise.web_page.view_state import ViewState, parse_measures

STOPS = 21
GAUGE_DEPTH = 10
LARGEST_THUMB = 32 * 1024
"""Bytes of a picture that a page of the copy contains at most."""

SCRIPT = ("keys.js", "svg.js", "lines.js", "walking.js", "ranks.js", "list.js", "copy.js")
"""Modules, which do not load from a disk: joined into one classic script, in this order."""

MARK = "copy.json"
"""The file that marks a folder as a copy: no other folder is replaced."""
MARKED = {"direction", "queries"}
"""What stands in it."""
LONGEST_MARK = 1000

STATIC = ("report.css", "page.css", "gauge.css", "icon.svg")
PAGE = re.compile(r"q[0-9]{4,}\.html")
"""What the page of a query is called."""


@dataclass(frozen=True)
class Copied:
    """What was copied: the id of the query of each page."""

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

    Half of the queries are the best known ones, half are drawn at random. Raises ``FileError``
    for a folder that holds anything but a copy, ``SpellingError`` for no measure.
    """
    check_new_folder(folder, may_replace=_is_copy)
    runs = list(app.inspected.runs)
    parsed_measures = [read_ranking(spelling, runs, app.inspected.spaces) for spelling in measures]
    rows = _rows(app, direction, queries)
    names = _file_names(rows)
    with new_folder(folder, may_replace=_is_copy) as into:
        _write_static(into)
        for row in rows:
            page = _page(app, direction, parsed_measures, row, names)
            (into / names[row]).write_text(page, encoding="utf-8", errors="replace")
        (into / "index.html").write_text(
            _index(app, direction, rows, names), encoding="utf-8", errors="replace"
        )
        contents = {"direction": direction, "queries": len(rows)}
        (into / MARK).write_text(json.dumps(contents) + "\n", encoding="utf-8")
    name = app.inspected.asking(direction).name
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
    inspected = app.inspected
    candidates = rows_that_ask(inspected, direction)
    best_known = candidates[
        (-inspected.asking(direction).prominence[candidates]).argsort(kind="stable")
    ]
    shuffled = np.random.default_rng(inspected.seed).permutation(candidates)
    first = [int(row) for row in best_known[: (queries + 1) // 2]]
    others = (int(row) for row in shuffled)
    chosen = set(first)
    return [*first, *[row for row in others if row not in chosen][: queries - len(first)]]


def _file_names(rows: Iterable[int]) -> dict[int, str]:
    """Files are numbered: no id ever becomes part of a path."""
    return {row: f"q{number:04d}.html" for number, row in enumerate(rows)}


def _page(
    app: AppState,
    direction: Direction,
    measures: Sequence[Ranking],
    row: int,
    names: dict[int, str],
) -> str:
    view = ViewState(direction, None, tuple(map(str, measures)))
    lists = columns(app.inspected, view, row, measures)
    one_side = direction != "queries-items"

    def link(item: ShownItem) -> str | None:
        return names.get(item.row) if one_side else None

    def thumb(item: int) -> str | None:
        return _thumb(app, direction, item)

    return app.text(
        "copied.html",
        static="",
        view=view,
        shown_query=describe_query(app.inspected, direction, row),
        columns=lists,
        link=link,
        thumb=thumb,
        path=_path(app, direction, row) if one_side and app.inspected.gauged else None,
        parsed=parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces),
    )


def _thumb(app: AppState, direction: Direction, row: int) -> str | None:
    """A small picture as a ``data:`` address; None for a large one or none."""
    try:
        data, kind = picture(app.inspected.ranked(direction).metadata, row, app.inspected.folder)
    except FileError:
        return None
    is_small = len(data) <= LARGEST_THUMB
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}" if is_small else None


def _path(app: AppState, direction: Direction, row: int) -> dict[str, Any]:
    """The lists at each stop along the path of gauges, for the plot."""
    path = app.once(
        ("path",), lambda: path_of_gauges(app.inspected.space, app.inspected.seed)
    ).result()
    scaling, cosine = path.scaling(direction), measure("cosine").formula
    depth = max(1, min(GAUGE_DEPTH, len(scaling.ranked.rows) - 1))
    stops = [round(stop / (STOPS - 1), 2) for stop in range(STOPS)]
    results = [scaling.nearest(row, t - path.start, cosine, depth, [row]) for t in stops]
    rows = sorted({item for items, _ in results for item in items})
    titles = app.inspected.ranked(direction).metadata.titles(rows)
    name = app.inspected.ranked(direction).name
    return {
        "k": depth,
        "stops": stops,
        "lists": [items for items, _ in results],
        "scores": [[round(score, 3) for score in scores] for _, scores in results],
        "titles": {str(item): title for item, title in zip(rows, titles, strict=True)},
        "ids": {str(item): name(item) for item in rows},
    }


def _index(app: AppState, direction: Direction, rows: Sequence[int], names: dict[int, str]) -> str:
    titles = app.inspected.asking(direction).metadata.titles(rows)
    return app.text(
        "copied_index.html",
        static="",
        direction=direction,
        pages=[(names[row], title) for row, title in zip(rows, titles, strict=True)],
    )


def _write_static(into: Path) -> None:
    for name in STATIC:
        (into / name).write_bytes(static_files()[name][0])
    (into / "copy.js").write_text(script(), encoding="utf-8")


def _is_copy(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but a copy."""
    if not _is_marked(folder / MARK):
        raise FileError(f"{folder} is not empty and holds no copy: choose another name")
    ours = {*STATIC, "copy.js", "index.html", MARK}
    check_only(folder, lambda name: name in ours or PAGE.fullmatch(name) is not None)


def _is_marked(mark: Path) -> bool:
    """Whether a file says what ``write_copy`` says in it."""
    try:
        contents = json.loads(first_bytes(mark, LONGEST_MARK))
    except (ValueError, RecursionError):
        return False
    return isinstance(contents, dict) and set(cast("dict[str, Any]", contents)) == MARKED
