"""Neighbours under several measures, side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from anglewise.comparison.ranked_runs import RunCandidate
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import shown
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError
from anglewise.similarity_measures.formulas import Measure, frames_in
from anglewise.web_page.limits import BusyError
from anglewise.web_page.open_space import Inspected, InspectedSide, short_name
from anglewise.web_page.picks import PICKS, pick, picks
from anglewise.web_page.rankings import (
    Ranking,
    SpaceRanking,
    has_words,
    meaning,
    nearest,
    numbered_in_space,
    usual_rankings,
)
from anglewise.web_page.state import AppState, in_words
from anglewise.web_page.view_state import ParsedMeasures, ViewState, parse_measures

BAR = 56
"""Width of the bar of a length, in pixels."""


@dataclass(frozen=True)
class ShownItem:
    """A row of the ranked side as it stands in a list.

    Of an item that only another space holds, ``holder`` is that space, and ``row`` a number behind
    all rows.
    """

    row: int
    id: str
    title: str
    rank: int
    score: float
    grade: float | None
    use: float | None
    norm: float
    bar: float
    only_here: bool
    picture: bool
    probability: float | None = None
    holder: str = ""
    chance: str = ""
    """What share of random pairs scores less, in words."""


@dataclass(frozen=True)
class Column:
    """One list, of a measure, a ranker or a run, or why there is none."""

    measure: str
    meaning: str
    items: tuple[ShownItem, ...] = ()
    tied: int = 0
    error: str = ""
    unknown: int = 0


@dataclass(frozen=True)
class ViewedQuery:
    """A query as it is shown above its lists: its id, and what is known about it."""

    row: int
    id: str
    title: str
    norm: float
    use: float | None
    use_word: str
    about: tuple[tuple[str, str], ...]
    picture: bool
    judged: int
    relevant: int


def describe_query(inspected: Inspected, direction: Direction, row: int) -> ViewedQuery:
    """What is shown of a query."""
    side = inspected.asking(direction)
    gains = gains_of(inspected.judgements.get(direction), row)
    return ViewedQuery(
        row=row,
        id=side.name(row),
        title=side.metadata.titles([row])[0],
        norm=float(side.embeddings.norms[row]),
        use=_use(side, row),
        use_word=side.use_word,
        about=tuple(side.metadata.about(row)),
        picture=side.metadata.picture_column is not None,
        judged=len(gains),
        relevant=sum(gain > 0 for gain in gains.values()),
    )


def columns(
    inspected: Inspected, view: ViewState, row: int, measures: Sequence[Ranking]
) -> list[Column]:
    """The lists of one query under each measure, from rank ``view.start + 1`` on.

    The column of a measure that cannot be used here (a gauge in a space of one side) says why.
    Items of a run that the space does not hold are counted; their places stay empty. What only
    another space holds is shown as that space has it.
    """
    results = {str(measure): _searched(inspected, view, row, measure) for measure in measures}
    neighbours = {name: lists for name, lists in results.items() if isinstance(lists, Neighbours)}
    rows_of = {name: _places(lists, view) for name, lists in neighbours.items()}
    ranked = inspected.ranked(view.direction)
    gains = gains_of(inspected.judgements.get(view.direction), row)
    shown_columns: list[Column] = []
    for measure in measures:
        name, result = str(measure), results[str(measure)]
        meaning = meaning_of(measure, inspected, view.direction)
        if isinstance(result, str):
            shown_columns.append(Column(name, meaning, error=result))
            continue
        elsewhere = {row for other, rows in rows_of.items() if other != name for row in rows}
        items = listed(
            ranked,
            list(rows_of[name]),
            [float(result.scores[0, place]) for place in rows_of[name].values()],
            gains=gains,
            elsewhere=elsewhere if len(neighbours) > 1 else None,
            ranks=[place + 1 for place in rows_of[name].values()],
            lengths=_lengths(inspected, view.direction, measure),
            holder=lambda number: inspected.holder(view.direction, number),
            chance=by_chance(inspected, view.direction, measure),
        )
        places = int((result.scores[0, view.start :] > -np.inf).sum())
        tied = int(result.tied_at_cut[0])
        unknown = places - len(items)
        error = "" if places or view.start else _no_list(measure)
        shown_columns.append(Column(name, meaning, items, tied, error, unknown))
    return shown_columns


def _no_list(ranking: Ranking) -> str:
    """Why a list is empty from its first place on."""
    if isinstance(ranking, RunCandidate):
        return "this run has no list for this query"
    if isinstance(ranking, SpaceRanking):
        return f"{ranking.name} does not hold this query, or nothing that this page holds"
    return "nothing is found: no item shares a word with this query, or none may be listed"


def listed(
    ranked: InspectedSide,
    rows: Sequence[int],
    scores: Sequence[float],
    *,
    gains: Mapping[int, float],
    elsewhere: set[int] | None = None,
    ranks: Sequence[int] | None = None,
    lengths: Embeddings | None = None,
    holder: Callable[[int], tuple[str, InspectedSide, int]] | None = None,
    chance: Callable[[float], str] = lambda _score: "",
) -> tuple[ShownItem, ...]:
    """Rows of the ranked side with their scores, as the items of a list; ranks count from 1.

    ``lengths`` are the items of another space whose lengths are shown, by id; ``holder`` says which
    space holds an item whose number stands behind all rows, and where; ``chance`` how a score
    compares with those of random pairs.
    """
    ranks = range(1, len(rows) + 1) if ranks is None else ranks
    longest = ranked.longest if lengths is None else float(lengths.norms.max())
    size = len(ranked.embeddings)
    own = iter(ranked.metadata.titles([row for row in rows if row < size]))
    picture = ranked.metadata.picture_column is not None
    items: list[ShownItem] = []
    for rank, row, score in zip(ranks, rows, scores, strict=False):
        called, side, there = "", ranked, row
        if row >= size and holder is not None:
            called, side, there = holder(row)
        norm = float(side.embeddings.norms[there])
        if lengths is not None:
            norm = float(lengths.norms[lengths.row_of[str(side.embeddings.ids[there])]])
        items.append(
            ShownItem(
                row=row,
                id=side.name(there),
                title=side.metadata.titles([there])[0] if called else next(own),
                rank=rank,
                score=float(score),
                grade=gains.get(row),
                use=_use(side, there),
                norm=norm,
                bar=round(BAR * norm / (longest or 1.0), 1),
                only_here=elsewhere is not None and row not in elsewhere,
                picture=picture and not called,
                holder=called,
                chance=chance(score),
            )
        )
    return tuple(items)


def by_chance(
    inspected: Inspected, direction: Direction, ranking: Ranking
) -> Callable[[float], str]:
    """How a score compares with random pairs of this space, in words; none for other lists."""
    pairs = inspected.random_pairs(direction, ranking) if isinstance(ranking, Measure) else None
    if pairs is None:
        return lambda _score: ""
    return lambda score: pairs.above(pairs.share_below(str(ranking), score))


def _lengths(inspected: Inspected, direction: Direction, ranking: Ranking) -> Embeddings | None:
    """The items whose lengths a column shows, where they are those of another space."""
    if not isinstance(ranking, SpaceRanking):
        return None
    return inspected.competing(direction).sides[ranking.name][1]


def gains_of(judgements: Judgements | None, row: int) -> dict[int, float]:
    """The gains of one query's judged items, by item row."""
    if judgements is None:
        return {}
    table = judgements.gains
    entries = slice(table.indptr[row], table.indptr[row + 1])
    pairs = zip(table.indices[entries].tolist(), table.values[entries].tolist(), strict=True)
    return {int(item): float(gain) for item, gain in pairs}


def meaning_of(measure: Ranking, inspected: Inspected, direction: Direction) -> str:
    """What a score of this measure means here, in words."""
    space = inspected.space
    if isinstance(measure, SpaceRanking):
        space, measure = inspected.spaces[measure.name], measure.measure
    if not isinstance(measure, Measure):
        return meaning(measure)
    frames = ", ".join(map(str, frames_in(measure, space, direction)))
    return measure.formula.meaning + (f" (after: {frames})" if frames else "")


def _searched(
    inspected: Inspected, view: ViewState, row: int, measure: Ranking
) -> Neighbours | str:
    ranked = len(inspected.ranked(view.direction).embeddings)
    depth = min(view.start + view.k, ranked)
    asking = np.array([row], dtype=np.int64)
    try:
        if isinstance(measure, SpaceRanking):
            return numbered_in_space(inspected, measure, view.direction, asking, depth)
        results = nearest(inspected, [measure], k=depth, direction=view.direction, rows=asking)
    except AnglewiseError as error:
        return in_words(error)
    return results[str(measure)]


def _places(neighbours: Neighbours, view: ViewState) -> dict[int, int]:
    """Of each row that stands on this page the place in the list, from 0 on."""
    rows = neighbours.indices[0, view.start :].tolist()
    return {row: view.start + place for place, row in enumerate(rows) if row >= 0}


def _use(side: InspectedSide, row: int) -> float | None:
    if side.use is None or np.isnan(side.use[row]):
        return None
    return float(side.use[row])


LISTED = 20
"""Measures in several spaces that are suggested."""
SUGGESTED = (
    "dot",
    "cosine",
    "euclidean",
    "norm(0,0.5)",
    "cosine@centred",
    "cosine@without-top(3)",
    "manhattan",
)
GAUGED = ("cosine@balanced", "cosine@item-orthonormal", "cosine@data-space")
BY_WORDS = ("bm25", "fusion(bm25,cosine)")
FIRST_PICK = "popular"
"""How the query is picked where the address names none: one that people know."""


def neighbours(app: AppState, request: Request) -> Response:
    """The page with the lists of the query that the address names."""
    view, notes = app.read_view(request)
    parsed = parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces)
    row = _row(app, view, parsed, notes)
    lists, shown_query = [], None
    if row is None:
        view = replace(view, query=short_name(view.query or ""))
    else:
        shown_query = describe_query(app.inspected, view.direction, row)
        view = replace(view, query=shown_query.id)
        lists = app.searched(
            ("lists", view, row), lambda: columns(app.inspected, view, row, parsed.valid)
        )

    def link(item: ShownItem) -> str:
        return "" if item.holder else "/" + _view_of(view, item.id).address()

    return app.page(
        "neighbours.html",
        view=view,
        notes=notes,
        parsed=parsed,
        shown_query=shown_query,
        columns=lists,
        link=link,
        picks=_picks(app, view, parsed),
        suggested=(
            *(usual_rankings(app.inspected, LISTED) if app.inspected.others else ()),
            *app.inspected.runs,
            *SUGGESTED,
            *(BY_WORDS if has_words(app.inspected, view.direction) else ()),
            *(GAUGED if app.inspected.gauged else ()),
        ),
        status=200 if not (row is None and view.query is not None) else 404,
    )


def find(app: AppState, request: Request) -> Response:
    """Find queries by a text: go to the query if it is an id, else show the matches."""
    view, notes = app.read_view(request)
    text = request.query_params.get("text", "")[:500].strip()
    side = app.inspected.asking(view.direction)
    row = side.row(text)
    if row is not None:
        return RedirectResponse(_home(request) + view.asking(side.name(row)).address(), 303)
    with app.busy.working():
        rows = side.metadata.find(text) if text else []
    asked = _asked(app, view, text) if text else QuestionShown()
    titles = side.metadata.titles(rows)
    matches = [(side.name(row), title) for row, title in zip(rows, titles, strict=True)]
    return app.page(
        "found.html",
        view=view,
        notes=notes,
        text=text,
        matches=matches,
        home=_home(request),
        answered=asked.answered,
        unasked=asked.unasked,
        link=asked.link,
        asking_view=asked.view or view,
    )


@dataclass(frozen=True)
class QuestionShown:
    """What the page shows of a text that asks as a question: its answer, or why there is none."""

    unasked: str = ""
    answered: object = None
    link: Callable[[ShownItem], str] | None = None
    view: ViewState | None = None


def _asked(app: AppState, view: ViewState, text: str) -> QuestionShown:
    from anglewise.web_page.questions import answer, can_be_asked, model_of

    inspected = app.inspected
    if not can_be_asked(inspected):
        return QuestionShown(
            "the space does not say which encoder made its vectors: name it "
            "(anglewise inspect --encoder SPEC), and a text is answered here"
        )
    measures = parse_measures(view.spelled, inspected.runs, inspected.spaces).valid

    def work() -> object:
        model = app.needed(("encoder",), lambda: model_of(inspected))
        return answer(inspected, model, text, measures, view.k)

    try:
        answered = app.searched(("question", text, view.spelled, view.k), work)
    except BusyError:
        raise
    except AnglewiseError as error:
        return QuestionShown(in_words(error))
    asking_view = replace(view.towards(inspected.directions[0]), start=0)

    def link(item: ShownItem) -> str:
        return "/" + _view_of(asking_view, item.id).address()

    return QuestionShown("", answered, link, asking_view)


def picked(app: AppState, request: Request) -> Response:
    """Go to another query: at random, or where measures disagree, and so on."""
    view, _ = app.read_view(request)
    how = request.path_params["how"]
    if how not in PICKS:
        return app.page("message.html", 404, title="No such way", message=", ".join(PICKS))
    side = app.inspected.asking(view.direction)
    current = side.row(view.query or "")
    measures, direction = (
        parse_measures(view.spelled, app.inspected.runs, app.inspected.spaces).valid,
        view.direction,
    )
    try:
        row = app.searched(
            ("pick", how, direction, view.spelled, current),
            lambda: pick(app.inspected, how, direction, measures, current),
        )
    except BusyError:
        raise
    except AnglewiseError as error:
        return app.page("message.html", 200, title="Nothing to pick", message=in_words(error))
    return RedirectResponse(_home(request) + view.asking(side.name(row)).address(), 303)


def _home(request: Request) -> str:
    """The page from which a query is searched, and on which it is then shown."""
    return "/gauge" if request.url.path.startswith("/gauge/") else "/"


def _view_of(view: ViewState, name: str) -> ViewState:
    """The view in which a neighbour is the query."""
    asks_itself = view.direction != "queries-items"
    return view.asking(name) if asks_itself else view.towards("items-items", name)


def _row(app: AppState, view: ViewState, parsed: ParsedMeasures, notes: list[str]) -> int | None:
    if view.query is None:
        return pick(app.inspected, FIRST_PICK, view.direction, parsed.valid, None)
    row = app.inspected.asking(view.direction).row(view.query)
    if row is None:
        notes.append(
            f"nobody here has the id {shown(view.query)!r}: search above, or pick somebody at "
            "random"
        )
    return row


def _picks(app: AppState, view: ViewState, parsed: ParsedMeasures) -> list[tuple[str, str]]:
    """The ways to pick a query that can be used in this view."""
    unavailable = {
        "disagree": len(parsed.valid) < 2,
        "worst": view.direction not in app.inspected.judgements or not parsed.valid,
    }
    words = picks(app.inspected, view.direction)
    return [(name, text) for name, text in words.items() if not unavailable.get(name, False)]
