"""``anglewise replay``: how measures would have recommended, judged by what happened then."""

from pathlib import Path
from typing import Annotated

from anglewise.cli.options import (
    A_COUNT,
    NOTHING_SPECIAL,
    USUAL_COLUMNS,
    Always,
    InteractionOptions,
    number,
)
from anglewise.cli.paths import READ
from anglewise.data_types.numbers import COUNT, FINITE, NOT_NEGATIVE, SHARE


def replay(
    interactions: Annotated[Path, READ],
    /,
    *,
    at: Annotated[float | None, number(FINITE)] = None,
    share: Annotated[float, number(SHARE)] = 0.2,
    measures: str = "dot,cosine",
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    components: Annotated[int, A_COUNT] = 64,
    penalty: Annotated[float, number(NOT_NEGATIVE)] = 1000.0,
    columns: InteractionOptions = USUAL_COLUMNS,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Replay the past: learn from what happened before a moment, recommend, look what followed.

    Beside nDCG it says how much of the catalogue is shown to anybody, and how popular that is.

    Parameters
    ----------
    interactions
        Who used what and when: a table as for anglewise fit, with times.
    at
        The moment, in the unit of the times; if not given, so that --share of all happens after.
    share
        The share of the interactions that happen at the moment or later.
    measures
        Which, parted by commas.
    k
        How long the lists are.
    components
        Dimensions of the embeddings.
    penalty
        Weight of the penalty of the closed form, in squared units of the table.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.sparse import Interactions
    from anglewise.io.read import read_interactions
    from anglewise.recommendation.replay import linear
    from anglewise.recommendation.replay import replay as replayed
    from anglewise.report.retrieval_documents import replay_document

    talk = Talk(always)
    with talk.progress("reading"):
        table = read_interactions(
            interactions,
            **vars(columns),
            say=talk.say,
        )
    if table.other_uses is not None:
        talk.say("of repeated pairs here the last before the moment is kept, and the last after it")
    spaces: list[Space] = []

    def train(before: Interactions) -> Space:
        spaces.append(linear(before, components, penalty=penalty))
        return spaces[0]

    with talk.progress("replaying"):
        result = replayed(
            table,
            train,
            at=at,
            share=share,
            measures=measures,
            k=k,
            seed=always.seed,
        )
    dimension = spaces[0].items.dimension
    if dimension < components:
        talk.say(f"{dimension} of {components:,} dimensions are left: the table has no more")
    content = {
        "command": "replay",
        "version": version(),
        "seed": always.seed,
        "components": dimension,
        "penalty": penalty,
        **result.to_dict(),
    }
    talk.give(content, replay_document(result))
    return 0
