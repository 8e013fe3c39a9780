"""``anglewise judge from-interactions``: what users did as judgements."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from anglewise.cli.numbers import A_COUNT, number
from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.paths import READ, STORE
from anglewise.core.numbers import FINITE


def judge_from_interactions(
    space: Annotated[Path, STORE],
    interactions: Annotated[Path, READ],
    /,
    *,
    direction: Literal["queries-items", "items-items"] = "queries-items",
    graded: Annotated[bool, Parameter(negative=())] = False,
    min_weight: Annotated[float | None, number(FINITE)] = None,
    min_support: Annotated[int, A_COUNT] = 5,
    user: str | None = None,
    item: str | None = None,
    weight: str | None = None,
    time: str | None = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Record what users did as judgements in the store of a space.

    What training saw is left out. Bring what users did after the training, or users that it did
    not see; otherwise the model is asked for what it was shown.

    Parameters
    ----------
    space
        The folder of a space whose queries are the users.
    interactions
        Who used what: CSV, TSV, parquet, RecBole .inter, MovieLens files, scipy .npz.
    direction
        queries-items: what a user did is relevant. items-items: what is used together.
    graded
        The weight is the grade; otherwise 1.
    min_weight
        Leave out what weighs less.
    min_support
        For items-items: so many users must have used both.
    user
        Name of the column of users, if it is not a usual one.
    item
        Name of the column of items, if it is not a usual one.
    weight
        Name of the column of weights, if it is not a usual one.
    time
        Name of the column of times, if it is not a usual one.
    """
    import time as clock

    from anglewise.cli.judge_made import keep
    from anglewise.cli.talk import Talk
    from anglewise.io.read import read_interactions, read_space
    from anglewise.judging.generated import from_interactions

    talk = Talk(always)
    with talk.progress("reading"):
        there = read_space(space, say=talk.say)
        did = read_interactions(
            interactions,
            user=user,
            item=item,
            weight=weight,
            time=time,
            min_weight=min_weight,
            say=talk.say,
        )
        made = from_interactions(
            there,
            did,
            direction=direction,
            graded=graded,
            min_support=min_support,
            judge=interactions.name,
            now=clock.time(),
        )
    keep("from-interactions", space, made.judged, made.remarks, talk)
    return 0
