"""The first page: what this space is, its lights, what judgements say of measures, what to do."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError
from anglewise.similarity_measures.measure import DEFAULT_MEASURES
from anglewise.web_page import neighbours_view
from anglewise.web_page.answers import judgements_now
from anglewise.web_page.attention import NobodyAsksError
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.rankings import runs_of
from anglewise.web_page.state import AppState, in_words

if TYPE_CHECKING:
    from anglewise.auditing.findings import Light

ASKING = 1_000
"""Rows of a side that ask in the audit of this page: its report, and the command, ask more."""
PARTS = {"lights": "What was looked at", "verdicts": "Which measure"}
"""What is computed after the page has opened, one after the other."""


@dataclass(frozen=True)
class Lights:
    """The audit in a few lines.

    Attributes
    ----------
    verdict, reason
        Of the cosine.
    bad
        Findings that are not well, the worst first, with a command that helps.
    well
        The names of the others.
    """

    verdict: str
    reason: str
    bad: tuple["Light", ...]
    well: tuple[str, ...]
    asking: int = ASKING


@dataclass(frozen=True)
class DirectionVerdict:
    """What the judgements of a direction allow to say; ``error`` where they allow nothing."""

    direction: str
    headline: str
    reason: str
    error: str = ""


def first_page(app: AppState, request: Request) -> Response:
    """The overview; an address that asks for a view gets the neighbours, as it always did."""
    if request.query_params:
        return neighbours_view.neighbours(app, request)
    return app.page(
        "overview.html",
        facts=facts(app.inspected),
        judged=judged(app),
        parts=PARTS,
        command=f"anglewise audit {app.inspected.typed}",
    )


def part(app: AppState, request: Request) -> Response:
    """A part of the overview once it is computed; 202 until then.

    Who asks for it starts it, and keeps it going: where nobody asks any more it ends at its next
    step.
    """
    name = request.path_params["part"]
    if name not in PARTS:
        return app.page("message.html", 404, title="No such part", message=name[:40])
    key = ("overview", name, id(app.inspected), _state_of(app))
    work: dict[str, Callable[[Callable[[], None]], object]] = {
        "lights": lambda alive: lights(app, alive),
        "verdicts": lambda alive: verdicts(app, alive),
    }
    future: Future[object] = app.while_asked(key, work[name])
    if not future.done():
        return HTMLResponse("", 202)
    error = future.exception()
    if error is not None:
        app.forget(key)
        reason = in_words(error) if isinstance(error, AnglewiseError) else "a fault of anglewise"
        return app.page("overview_failed.html", why=reason)
    return app.page(f"overview_{name}.html", shown=future.result())


def _state_of(app: AppState) -> object:
    """What was judged meanwhile asks for verdicts anew."""
    try:
        standing = (app.store.standing(name) for name in app.inspected.directions)
        return frozenset(row.uuid for rows in standing for row in rows)
    except AnglewiseError:
        return None


def facts(inspected: Inspected) -> list[tuple[str, str]]:
    """What this space is, by what is at hand without a search."""
    space = inspected.space
    items = counted(len(space.items), "item")
    sides = [items] if space.one_sided else [counted(len(space.queries), "query", "queries"), items]
    trained = (
        "nobody says: --trained-for says it"
        if space.trained_for == "unknown"
        else {
            "dot": "inner products",
            "cosine": "cosine",
            "euclidean": "distance",
        }[space.trained_for]
    )
    found = [
        ("vectors", f"{' and '.join(sides)} of {space.items.dimension} dimensions"),
        ("trained for", trained),
    ]
    made = next((str(space.about[key]) for key in ("encoder", "model") if space.about.get(key)), "")
    if made:
        found.append(("made by", made[:200]))
    norms = space.items.norms
    low, high = float(norms.min()), float(norms.max())
    same = (
        "1 to within 0.001"
        if abs(low - 1) < 1e-3 and abs(high - 1) < 1e-3
        else f"{low:.3g} to {high:.3g}"
    )
    zeros = len(space.items.zero_rows)
    found.append(
        ("lengths of items", same + (f"; {counted(zeros, 'zero vector')}" if zeros else ""))
    )
    if space.seen is not None:
        found.append(("who used what", f"{counted(len(space.seen.indices), 'interaction')} known"))
    return found


def judged(app: AppState) -> list[tuple[str, str]]:
    """How much is judged, by direction: what lies beside the space, and on this page."""
    try:
        known = judgements_now(app.inspected, app.store)
    except AnglewiseError as error:
        return [("", in_words(error))]
    return [
        (direction, f"{counted(len(judgements.judged_rows), 'query', 'queries')} judged")
        for direction, judgements in known.items()
    ]


def sentence(words: str) -> str:
    """With a capital at the beginning, unless its first word is a name.

    >>> sentence("ways of judging disagree"), sentence("nDCG@10 0.64")
    ('Ways of judging disagree', 'nDCG@10 0.64')
    """
    first = words.partition(" ")[0]
    return words[:1].upper() + words[1:] if first.islower() else words


def lights(app: AppState, alive: Callable[[], None]) -> Lights:
    """Audit a sample; ``alive`` raises where nobody waits for it any more."""
    from anglewise.auditing.audit import audit
    from anglewise.report.audit_lights import helped

    inspected = app.inspected
    judgements = judgements_now(inspected, app.store)
    result = audit(
        inspected.space,
        judgements=judgements,
        sample=ASKING,
        seed=inspected.seed,
        progress=lambda _done, _all: alive(),
    )
    findings = helped(result.findings, inspected.typed, "" if judgements else None)
    return Lights(
        f"Cosine is {result.verdict.cosine}",
        sentence(result.verdict.reason),
        tuple(light for light in findings if light.state != "ok"),
        tuple(light.name for light in findings if light.state == "ok"),
    )


def verdicts(app: AppState, alive: Callable[[], None]) -> Sequence[DirectionVerdict]:
    """Compare the usual measures in every direction that is judged."""
    inspected = app.inspected
    found: list[DirectionVerdict] = []
    for direction, judgements in judgements_now(inspected, app.store).items():
        alive()
        found.append(_verdict(inspected, direction, judgements, alive))
    return found


def _verdict(
    inspected: Inspected, direction: Direction, judgements: Judgements, alive: Callable[[], None]
) -> DirectionVerdict:
    from anglewise.comparison.compare import compare
    from anglewise.comparison.compare_spaces import compare_spaces
    from anglewise.report.comparison_document import comparison_document

    runs, seed = runs_of(inspected, direction), inspected.seed

    def step(_done: int, _all: int) -> None:
        alive()

    try:
        if inspected.others:
            result = compare_spaces(
                inspected.spaces, judgements, runs=runs, seed=seed, progress=step
            )
        else:
            result = compare(
                inspected.space, judgements, DEFAULT_MEASURES, runs=runs, seed=seed, progress=step
            )
    except NobodyAsksError:
        raise
    except AnglewiseError as error:
        return DirectionVerdict(direction, "", "", in_words(error))
    document = comparison_document(result)
    return DirectionVerdict(direction, document.headline, sentence(document.reason))
