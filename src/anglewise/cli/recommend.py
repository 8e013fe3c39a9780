"""``anglewise recommend``: what to show a user, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anglewise.cli.options import (
    A_COUNT,
    A_SOURCE,
    AS_BROUGHT,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    SeenOptions,
    Source,
    Vectors,
    number,
)
from anglewise.cli.paths import PARQUET, READ
from anglewise.data_types.numbers import COUNT, EXPONENT

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.recommendation.recommender import Recommended, Recommender


def recommend(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    user: str | None = None,
    used: str | None = None,
    everybody: Annotated[bool, Parameter(name="--all", negative=())] = False,
    output: Annotated[Path | None, Parameter(alias="-o"), PARQUET] = None,
    measure: str | None = None,
    popularity: Annotated[float | None, number(EXPONENT)] = None,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    allowed: Annotated[Path | None, READ] = None,
    forbidden: Annotated[Path | None, READ] = None,
    explain: Annotated[bool, Parameter(negative=())] = False,
    reasons: Annotated[int, A_COUNT] = 3,
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Recommend items to one user, known or new, or to all, under one measure, and say why.

    Items that the user used in training are left out, where the space or --seen tells them.

    Parameters
    ----------
    space
        A folder that fit wrote, the saved model of a recommender, or a file with both sides.
    user
        The id of a user of the space.
    used
        Instead, the ids of items that a new user used, parted by commas.
    everybody
        Instead, all users: their lists are written to --output.
    output
        The table of all lists: user, item, rank, score, as compare --runs reads them. What was
        broken off goes on when the same is asked again.
    measure
        dot, cosine, norm(0,0.5), ...; anglewise compare says which suits. Without it the one that
        the vectors were trained for.
    popularity
        Exponent of the item's length that divides its score: 0 as learnt, 1 none of it, more to
        hold popular items back.
    k
        How many items.
    allowed
        A file of item ids, one a line, that alone may be shown.
    forbidden
        A file of item ids, one a line, that may not be shown.
    explain
        Say for each item which of the user's items speak for it.
    reasons
        How many of these.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import measure_for
    from anglewise.cli.program import version
    from anglewise.data_types.text import parted
    from anglewise.errors import SpellingError, TooFewError
    from anglewise.recommendation.recommender import Recommender
    from anglewise.report.retrieval_documents import (
        ShownRecommendations,
        recommendations_document,
    )
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    if (user is not None) + (used is not None) + everybody != 1:
        raise SpellingError("give --user ID, --used ID,ID or --all (one of them): for whom?")
    loaded = read_space(space, **vars(vectors), **vars(seen), say=talk.say)
    recommender = Recommender(loaded, measure_for(loaded, measure, talk.say))
    choices: dict[str, Any] = {
        "allowed": None if allowed is None else _ids(allowed),
        "forbidden": None if forbidden is None else _ids(forbidden),
        "popularity": popularity,
    }
    if used is None and loaded.seen is None:
        talk.say(
            "nothing says which items a user was trained on (--seen FILE): they may stand in "
            "the list"
        )
    if output is not None:
        return _write_all(recommender, k, choices, output, talk)
    items = [] if used is None else parted(used)
    with talk.progress("searching"):
        if user is None:
            recommended = recommender.recommend_for(items, k, **choices)
        else:
            recommended = recommender.recommend(user, k, **choices)
    if recommended.silent:
        raise TooFewError(
            f"user {user!r} has no history, and a zero vector: all items score alike; name some "
            "that were used (--used)"
        )
    why = []
    if explain:
        why = _explained(recommender, recommended, user, items, popularity)
    shown = ShownRecommendations(recommended, why, reasons)
    if len(shown.items) < k:
        talk.say(f"{len(shown.items)} of {k}: no more are left after what was used and the filters")
    content = {
        "command": "recommend",
        "version": version(),
        "user": user,
        "used": items or None,
        "k": k,
        "measure": recommended.measure,
        "meaning": recommended.meaning,
        "items": shown.items,
    }
    talk.give(content, recommendations_document(shown))
    return 0


def _write_all(
    recommender: "Recommender", k: int, choices: dict[str, Any], output: Path, talk: "Talk"
) -> int:
    """Write the lists of all users."""
    import numpy as np

    from anglewise.cli.all_lists import give_all
    from anglewise.data_types.text import counted
    from anglewise.errors import ShapeError
    from anglewise.io.list_parts import AllLists, identity_of, lists_table, spans_of
    from anglewise.recommendation.nearest import at_popularity
    from anglewise.similarity_measures.measure import measure as read_measure

    space = recommender.space
    if space.one_sided:
        raise ShapeError("this space has items alone, no users: search --all lists similar items")
    silent = int(np.count_nonzero(space.queries.zero_rows))
    if silent:
        talk.say(f"{counted(silent, 'user')} with zero vectors: all items score alike, so no list")
    measure, popularity = read_measure(recommender.measure), choices["popularity"]
    if popularity is not None:
        measure = at_popularity(measure, popularity)
    identity = identity_of(space, {"measures": [str(measure)], "k": k, **choices})

    def table_of(span: range) -> Any:
        lists = recommender.recommend(k=k, rows=span, **choices)
        return lists_table(lists.asked, [lists.found], lists.ranked.ids_at)

    spans = spans_of(len(space.queries), min(k, len(space.items)))
    return give_all("recommend", AllLists(spans, table_of, identity), output, talk)


def _explained(
    recommender: "Recommender",
    recommended: "Recommended",
    user: str | None,
    items: list[str],
    popularity: float | None,
) -> list[Any]:
    item_ids = [item.id for item in recommended.lists()[0]]
    if user is None:
        return [recommender.explain_for(items, item, popularity=popularity) for item in item_ids]
    return [recommender.explain(user, item, popularity=popularity) for item in item_ids]


def _ids(path: Path) -> list[str]:
    from anglewise.errors import TooFewError
    from anglewise.io.files import contents, existing_file, reading

    with reading(path, "a text of one id a line"):
        lines = bytes(contents(existing_file(path))).decode("utf-8-sig").splitlines()
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise TooFewError(f"{path} names no id: one a line is due")
    return ids
