"""Reports about the open space, made on request, with links to the neighbours behind figures."""

from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, TooFewError
from anglewise.judgements.records import Judged
from anglewise.similarity_measures.measure import DEFAULT_MEASURES
from anglewise.web_page.answers import Store, judgements_now
from anglewise.web_page.metadata import TITLE, plain
from anglewise.web_page.open_space import Inspected, short_name
from anglewise.web_page.picks import DEPTH
from anglewise.web_page.rankings import runs_of
from anglewise.web_page.state import AppState
from anglewise.web_page.view_state import ViewState, parse_measures

if TYPE_CHECKING:
    from anglewise.comparison.comparison_result import Comparison

INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-top-navigation"
"""The policy for reports: styles are inside them, and no script could run."""

WORST = 5
BUDGET = 120.0
"""Seconds that remedies may take, since somebody waits; the command may take longer."""

KINDS = {
    "audit": ("Audit", "Is the cosine real?"),
    "compare": ("Comparison", "Which measure should be used?"),
    "remedy": ("Remedies", "What should be used instead of cosine?"),
}
"""For each kind of report its title and the question that it answers."""


WHILE_JUDGED = (
    "what was judged on this page counts as it stands now: a verdict at 95% is for queries fixed "
    "beforehand, not where judging goes on until it comes; the page for judging says when to stop"
)


@dataclass(frozen=True)
class ReportSource:
    """Queries behind a figure: what they have in common, and a title and an address for each."""

    words: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """A report as HTML, its verdict in a sentence, and the queries behind its figures."""

    title: str
    verdict: str
    html: str
    sources: tuple[ReportSource, ...]


@dataclass(frozen=True)
class ReportStatus:
    """Whether a report is ``done``, ``working``, ``failed``, or ``none`` (could be made)."""

    kind: str
    title: str
    question: str
    state: str
    report: Report | None = None
    error: str = ""


def reports(app: AppState, request: Request) -> Response:
    """The page of all reports that are or could be made."""
    del request
    statuses = [_status(app, kind) for kind in _kinds(app)]
    working = any(status.state == "working" for status in statuses)
    return app.page("reports.html", statuses=statuses, working=working)


def make(app: AppState, request: Request) -> Response:
    """Start to make a report in the background."""
    kind = request.path_params["kind"]
    if kind not in _kinds(app):
        return app.page("message.html", 404, title="No such report", message=kind[:40])
    inspected, store = app.inspected, app.store
    app.once(_key(app, kind), lambda: _made(inspected, store, kind))
    return RedirectResponse("/reports", 303)


def report(app: AppState, request: Request) -> Response:
    """One report, under a policy that lets it run nothing."""
    future = app.lookup(_key(app, request.path_params["kind"]))
    if future is None or not future.done() or future.exception() is not None:
        return RedirectResponse("/reports", 303)
    html = cast("Report", future.result()).html
    return Response(html, media_type="text/html", headers={"content-security-policy": INERT})


def _key(app: AppState, kind: str) -> tuple[object, ...]:
    """The key of a report: what was judged meanwhile asks for a new one."""
    return ("report", kind, frozenset(row.uuid for rows in _judged(app).values() for row in rows))


def _judged(app: AppState) -> dict[Direction, list[Judged]]:
    """What the store holds of each direction; nothing where it cannot be read, as a report says."""
    try:
        return {name: app.store.standing(name) for name in app.inspected.directions}
    except AnglewiseError:
        return {}


def _kinds(app: AppState) -> list[str]:
    judged, held_out = _judged(app), app.inspected.judgements
    directions = [name for name in app.inspected.directions if judged.get(name) or name in held_out]
    return [
        "audit",
        *(f"{name}-{direction}" for name in ("compare", "remedy") for direction in directions),
    ]


def _status(app: AppState, kind: str) -> ReportStatus:
    name, _, direction = kind.partition("-")
    label, question = KINDS[name]
    title = f"{label}, {direction.replace('-', ' → ')}" if direction else label
    future: Future[Report] | None = app.lookup(_key(app, kind))
    if future is None:
        return ReportStatus(kind, title, question, "none")
    if not future.done():
        return ReportStatus(kind, title, question, "working")
    error = future.exception()
    if error is not None:
        reason = str(error) if isinstance(error, AnglewiseError) else "a fault of anglewise"
        return ReportStatus(kind, title, question, "failed", error=reason)
    return ReportStatus(kind, title, question, "done", future.result())


def _made(opened: Inspected, store: Store, kind: str) -> Report:
    """Make a report of what is judged by now; ``FileError`` where the store cannot be read."""
    inspected = replace(opened, judgements=judgements_now(opened, store))
    if kind == "audit":
        return _audit(inspected)
    direction: Direction = next(
        direction for direction in inspected.directions if kind.endswith(direction)
    )
    if direction not in inspected.judgements:
        raise TooFewError(
            "documents are judged here, and the page shows their passages: anglewise compare "
            "judges these by their documents"
        )
    notes = (WHILE_JUDGED,) if store.standing(direction) else ()
    return (
        _remedies(inspected, direction, notes)
        if kind.startswith("remedy")
        else _comparison(inspected, direction, notes)
    )


def _audit(inspected: Inspected) -> Report:
    from anglewise.auditing.audit import audit
    from anglewise.report.audit_document import audit_document
    from anglewise.report.audit_lights import helped
    from anglewise.report.html_page import page

    result = audit(inspected.space, judgements=inspected.judgements, seed=inspected.seed)
    sources: list[ReportSource] = []
    if result.witness is not None:
        item = result.witness.item
        address = f"/gauge{ViewState('items-items', short_name(item.id)).address(worst='2')}"
        sources.append(ReportSource("the witness", ((plain(str(item), TITLE), address),)))
    judged = "" if inspected.judgements else None
    result = replace(result, findings=helped(result.findings, inspected.typed, judged))
    document = audit_document(result)
    return Report("Audit", document.headline, page(document), tuple(sources))


def _comparison(inspected: Inspected, direction: Direction, notes: tuple[str, ...]) -> Report:
    from anglewise.comparison.compare import compare
    from anglewise.comparison.compare_spaces import compare_spaces
    from anglewise.report.comparison_document import comparison_document
    from anglewise.report.html_page import page

    runs, judgements = runs_of(inspected, direction), inspected.judgements[direction]
    if inspected.others:
        result = compare_spaces(inspected.spaces, judgements, runs=runs, seed=inspected.seed)
    else:
        result = compare(
            inspected.space, judgements, DEFAULT_MEASURES, runs=runs, seed=inspected.seed
        )
    result = replace(result, notes=(*result.notes, *notes))
    # the rows of several spaces are those of all their ids, and not those of this page
    sources = [] if inspected.others else _sources(inspected, result, direction)
    document = comparison_document(result)
    return Report(f"Comparison, {direction}", document.headline, page(document), tuple(sources))


def _remedies(inspected: Inspected, direction: Direction, notes: tuple[str, ...]) -> Report:
    from anglewise.remedies.remedy import remedy
    from anglewise.report.html_page import page
    from anglewise.report.remedy_document import remedy_document

    judgements = inspected.judgements[direction]
    result = remedy(inspected.space, judgements, budget_seconds=BUDGET, seed=inspected.seed)
    result = replace(result, notes=(*result.notes, *notes))
    sources = _sources(inspected, result.comparison, direction)
    document = remedy_document(result)
    return Report(f"Remedies, {direction}", document.headline, page(document), tuple(sources))


def _sources(
    inspected: Inspected, result: "Comparison", direction: Direction
) -> list[ReportSource]:
    """For each measure but the best, the queries on which it loses most to the best."""
    if result.evidence is None or len(result.measures) < 2:
        return []
    evidence, best = result.evidence, result.measures[0].measure
    values = dict(zip(evidence.measures, evidence.values[result.metric], strict=True))
    side = inspected.asking(direction)
    sources: list[ReportSource] = []
    for other in result.measures[1:]:
        if len(parse_measures((best, other.measure), inspected.runs, inspected.spaces).valid) < 2:
            continue  # of a space that was made anew, which this page does not show
        losses = values[best] - values[other.measure]
        worst = np.argsort(-losses, kind="stable")[:WORST]
        rows = [int(evidence.rows[i]) for i in worst if losses[i] > 0]
        titles = side.metadata.titles(rows)
        links = tuple(
            (title, "/" + _address(direction, side.name(row), best, other.measure))
            for title, row in zip(titles, rows, strict=True)
        )
        if links:
            sources.append(ReportSource(f"where {other.measure} falls behind {best} most", links))
    return sources


def _address(direction: Direction, query: str, best: str, other: str) -> str:
    return ViewState(direction, query, (best, other), DEPTH).address()
