"""The reports of this space, made when asked for, with links to the neighbours behind them."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.core.typing import Direction
from anglewise.errors import AnglewiseError
from anglewise.measures.measure import DEFAULT_MEASURES
from anglewise.page.metadata import TITLE, plain
from anglewise.page.open_space import Inspected, short_name
from anglewise.page.queue import DEPTH
from anglewise.page.state import AppState, ViewState, parse_measures

if TYPE_CHECKING:
    from anglewise.comparison.comparison_result import Comparison

INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-top-navigation"
"""Reports carry their style inside and have no script; none could run."""

WORST = 5
BUDGET = 120.0
"""Seconds for remedies: somebody waits, and the command takes longer where that is wanted."""

SHELVES = {
    "audit": ("Audit", "Is the cosine real?"),
    "compare": ("Comparison", "Which measure should be used?"),
    "remedy": ("Remedies", "What should be used instead of cosine?"),
}
"""For each kind of report what it is and what it answers."""


@dataclass(frozen=True)
class ReportSources:
    """Queries behind a figure: what is said of them, and where their neighbours are."""

    words: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """A report as HTML, its sentence, and the neighbours behind its figures."""

    title: str
    verdict: str
    html: str
    behind: tuple[ReportSources, ...]


@dataclass(frozen=True)
class ReportCache:
    """A report that is there, in the making, failed, or could be made."""

    kind: str
    title: str
    question: str
    state: str
    report: Report | None = None
    error: str = ""


def reports(app: AppState, request: Request) -> Response:
    """What there is and what could be made."""
    del request
    shelves = [_shelf(app, kind) for kind in _kinds(app.seen)]
    working = any(one.state == "working" for one in shelves)
    return app.page("reports.html", shelves=shelves, working=working)


def make(app: AppState, request: Request) -> Response:
    """Begin to make a report, in the background."""
    kind = request.path_params["kind"]
    if kind not in _kinds(app.seen):
        return app.page("message.html", 404, title="No such report", message=kind[:40])
    seen = app.seen
    app.once(("report", kind), lambda: _made(seen, kind))
    return RedirectResponse("/reports", 303)


def report(app: AppState, request: Request) -> Response:
    """One report, which can do nothing but be read."""
    found = app.known(("report", request.path_params["kind"]))
    if found is None or not found.done() or found.exception() is not None:
        return RedirectResponse("/reports", 303)
    made = cast("Report", found.result())
    return Response(made.html, media_type="text/html", headers={"content-security-policy": INERT})


def _kinds(seen: Inspected) -> list[str]:
    judged = [way for way in seen.directions if way in seen.judgements]
    return ["audit", *(f"{name}-{way}" for name in ("compare", "remedy") for way in judged)]


def _shelf(app: AppState, kind: str) -> ReportCache:
    name, _, way = kind.partition("-")
    what, question = SHELVES[name]
    title = f"{what}, {way.replace('-', ' → ')}" if way else what
    found: Future[Report] | None = app.known(("report", kind))
    if found is None:
        return ReportCache(kind, title, question, "none")
    if not found.done():
        return ReportCache(kind, title, question, "working")
    error = found.exception()
    if error is not None:
        why = str(error) if isinstance(error, AnglewiseError) else "a fault of anglewise"
        return ReportCache(kind, title, question, "failed", error=why)
    return ReportCache(kind, title, question, "done", found.result())


def _made(seen: Inspected, kind: str) -> Report:
    if kind == "audit":
        return _audit(seen)
    way: Direction = next(one for one in seen.directions if kind.endswith(one))
    return _remedies(seen, way) if kind.startswith("remedy") else _comparison(seen, way)


def _audit(seen: Inspected) -> Report:
    from anglewise.auditing.audit import audit
    from anglewise.report.audit_document import audit_document
    from anglewise.report.html_page import page

    result = audit(seen.space, judgements=seen.judgements, seed=seen.seed)
    behind: list[ReportSources] = []
    if result.witness is not None:
        item = result.witness.item
        where = f"/gauge{ViewState('items-items', short_name(item.id)).address(worst='2')}"
        behind.append(ReportSources("the witness", ((plain(str(item), TITLE), where),)))
    document = audit_document(result)
    return Report("Audit", document.headline, page(document), tuple(behind))


def _comparison(seen: Inspected, way: Direction) -> Report:
    from anglewise.comparison.compare import compare
    from anglewise.report.comparison_document import comparison_document
    from anglewise.report.html_page import page

    result = compare(
        seen.space, seen.judgements[way], parse_measures(DEFAULT_MEASURES).known, seed=seen.seed
    )
    behind = _behind(seen, result, way)
    document = comparison_document(result)
    return Report(f"Comparison, {way}", document.headline, page(document), tuple(behind))


def _remedies(seen: Inspected, way: Direction) -> Report:
    from anglewise.remedies.remedy import remedy
    from anglewise.report.html_page import page
    from anglewise.report.remedy_document import remedy_document

    judged = seen.judgements[way]
    result = remedy(seen.space, judged, budget_seconds=BUDGET, seed=seen.seed)
    behind = _behind(seen, result.comparison, way)
    document = remedy_document(result)
    return Report(f"Remedies, {way}", document.headline, page(document), tuple(behind))


def _behind(seen: Inspected, result: "Comparison", way: Direction) -> list[ReportSources]:
    """For each measure but the best, the queries on which it falls behind most."""
    if result.evidence is None or len(result.measures) < 2:
        return []
    evidence, best = result.evidence, result.measures[0].measure
    values = dict(zip(evidence.measures, evidence.values[result.metric], strict=True))
    side = seen.asking(way)
    made: list[ReportSources] = []
    for one in result.measures[1:]:
        if len(parse_measures((best, one.measure)).known) < 2:
            continue  # found in a space made again, which this page does not show
        behind = values[best] - values[one.measure]
        worst = np.argsort(-behind, kind="stable")[:WORST]
        rows = [int(evidence.rows[place]) for place in worst if behind[place] > 0]
        titles = side.known.titles(rows)
        links = tuple(
            (title, "/" + _address(way, side.name(row), best, one.measure))
            for title, row in zip(titles, rows, strict=True)
        )
        if links:
            made.append(ReportSources(f"where {one.measure} falls behind {best} most", links))
    return made


def _address(way: Direction, query: str, best: str, other: str) -> str:
    return ViewState(way, query, (best, other), DEPTH).address()
