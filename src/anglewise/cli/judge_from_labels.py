"""``anglewise judge from-labels``: classes as judgements, graded where they form a hierarchy."""

from pathlib import Path
from typing import Annotated

from anglewise.cli.numbers import A_COUNT
from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.paths import READ, STORE


def judge_from_labels(
    space: Annotated[Path, STORE],
    labels: Annotated[Path | None, READ] = None,
    /,
    *,
    label: str = "label",
    hierarchy: str | None = None,
    queries: Annotated[int, A_COUNT] = 200,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Record items of one class as relevant to each other in the store of a space.

    With a hierarchy, items of one fine class have a higher grade than those that share only a
    coarser one.

    Parameters
    ----------
    space
        The folder of a space, whose items ask each other.
    labels
        A table with the id of each item and its classes; without it the columns of the space.
    label
        Name of the column of the finest classes.
    hierarchy
        Names of columns of coarser classes, parted by commas, the coarsest first.
    queries
        So many items ask, drawn by the seed.
    """
    import time as clock

    from anglewise.cli.judge_made import keep
    from anglewise.cli.talk import Talk
    from anglewise.errors import SpellingError
    from anglewise.io.read import read_space, read_texts
    from anglewise.io.tables import ID, ITEM
    from anglewise.io.texts import column, columns_of
    from anglewise.judging.generated import from_classes

    talk = Talk(always)
    with talk.progress("reading"):
        there = read_space(space, say=talk.say)
        ids = there.items.ids.tolist()
        if labels is None:
            table = {name: column(there.items, name) for name in columns_of(there.items)}
        else:
            table = read_texts(labels, ids, id_roles=(ID, ITEM), say=talk.say)
        levels = [*(name.strip() for name in (hierarchy or "").split(",") if hierarchy), label]
        missing = [name for name in levels if name not in table]
        if missing:
            raise SpellingError(
                f"no column {missing[0]!r} among {', '.join(table) or 'none'}: name those of the "
                "classes (--label, --hierarchy)"
            )
        paths = zip(ids, *(table[name] for name in levels), strict=True)
        classes = {
            name: tuple(str(one) for one in path)
            for name, *path in paths
            if all(one not in (None, "") for one in path)
        }
        made = from_classes(
            there,
            classes,
            queries=queries,
            judge=f"classes by {', '.join(levels)}",
            seed=always.seed,
            now=clock.time(),
        )
    keep("from-labels", space, made.judged, made.remarks, talk)
    return 0
