"""The lists side by side: for each measure its neighbours, with all that helps to judge them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.core.judgements import Judgements
from anglewise.core.neighbours import Neighbours
from anglewise.core.typing import Direction
from anglewise.engine.search import search
from anglewise.errors import AnglewiseError
from anglewise.inspect.inspected import Inspected, SideSeen
from anglewise.inspect.looking import Looking
from anglewise.measures.formulas import Measure

BAR = 56
"""Width of the bar of a length, in pixels."""


@dataclass(frozen=True)
class Item:
    """A row of the ranked side as it stands in a list."""

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


@dataclass(frozen=True)
class Column:
    """One measure's list, or why there is none."""

    measure: str
    meaning: str
    items: tuple[Item, ...] = ()
    tied: int = 0
    error: str = ""


@dataclass(frozen=True)
class Asker:
    """Who asks: its name and what is known about it."""

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


def asker(seen: Inspected, direction: Direction, row: int) -> Asker:
    """Who asks."""
    side = seen.asking(direction)
    gains = gains_of(seen.judgements.get(direction), row)
    return Asker(
        row=row,
        id=str(side.embeddings.ids[row]),
        title=side.known.titles([row])[0],
        norm=float(side.embeddings.norms[row]),
        use=_use(side, row),
        use_word=side.use_word,
        about=tuple(side.known.about(row)),
        picture=side.known.picture_column is not None,
        judged=len(gains),
        relevant=sum(gain > 0 for gain in gains.values()),
    )


def columns(seen: Inspected, here: Looking, row: int, measures: Sequence[Measure]) -> list[Column]:
    """The lists of one query under each measure, from place ``here.start`` on.

    A measure that cannot be taken here (a gauge in a space of one side) says why in its column.
    """
    lists = {str(one): _searched(seen, here, row, one) for one in measures}
    found = {name: one for name, one in lists.items() if isinstance(one, Neighbours)}
    shown = {name: _rows(one, here) for name, one in found.items()}
    ranked = seen.ranked(here.direction)
    gains = gains_of(seen.judgements.get(here.direction), row)
    made: list[Column] = []
    for measure in measures:
        name, answer = str(measure), lists[str(measure)]
        if isinstance(answer, str):
            made.append(Column(name, meaning_of(measure), error=answer))
            continue
        elsewhere = {r for other, rows in shown.items() if other != name for r in rows}
        items = listed(
            ranked,
            shown[name],
            answer.scores[0, here.start :].tolist(),
            gains=gains,
            elsewhere=elsewhere if len(found) > 1 else None,
            start=here.start,
        )
        made.append(Column(name, meaning_of(measure), items, int(answer.tied_at_cut[0])))
    return made


def listed(
    ranked: SideSeen,
    rows: Sequence[int],
    scores: Sequence[float],
    *,
    gains: Mapping[int, float],
    elsewhere: set[int] | None = None,
    start: int = 0,
) -> tuple[Item, ...]:
    """Rows of the ranked side with their scores, as items of a list."""
    titles, norms = ranked.known.titles(rows), ranked.embeddings.norms
    picture = ranked.known.picture_column is not None
    return tuple(
        Item(
            row=row,
            id=str(ranked.embeddings.ids[row]),
            title=title,
            rank=start + place + 1,
            score=float(score),
            grade=gains.get(row),
            use=_use(ranked, row),
            norm=float(norms[row]),
            bar=round(BAR * float(norms[row]) / (ranked.longest or 1.0), 1),
            only_here=elsewhere is not None and row not in elsewhere,
            picture=picture,
        )
        for place, (row, title, score) in enumerate(zip(rows, titles, scores, strict=False))
    )


def gains_of(judgements: Judgements | None, row: int) -> dict[int, float]:
    """What was judged for one query: item row to gain."""
    if judgements is None:
        return {}
    table = judgements.gains
    place = slice(table.indptr[row], table.indptr[row + 1])
    pairs = zip(table.indices[place].tolist(), table.values[place].tolist(), strict=True)
    return {int(item): float(gain) for item, gain in pairs}


def meaning_of(measure: Measure) -> str:
    """What a score means, in words."""
    frames = ", ".join(map(str, measure.frames))
    return measure.formula.meaning + (f" (after: {frames})" if frames else "")


def _searched(seen: Inspected, here: Looking, row: int, measure: Measure) -> Neighbours | str:
    ranked = len(seen.ranked(here.direction).embeddings)
    depth = min(here.start + here.k, ranked)
    judged = seen.judgements.get(here.direction)
    try:
        found = search(
            seen.space,
            [measure],
            k=depth,
            direction=here.direction,
            rows=np.array([row], dtype=np.int64),
            exclude=None if judged is None else judged.seen,
        )
    except AnglewiseError as error:
        return str(error)
    return found[str(measure)]


def _rows(found: Neighbours, here: Looking) -> list[int]:
    return [int(row) for row in found.indices[0, here.start :] if row >= 0]


def _use(side: SideSeen, row: int) -> float | None:
    if side.use is None or np.isnan(side.use[row]):
        return None
    return float(side.use[row])
