"""``anglewise migrate``: let mapped old vectors stand in for items encoded by a new model."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.options import A_COUNT, A_SOURCE, NOTHING_SPECIAL, Always, Source, number
from anglewise.cli.paths import FOLDER, READ, TRANSFORM
from anglewise.data_types.numbers import COUNT


def migrate(
    old: Annotated[Source, A_SOURCE, READ],
    new: Annotated[Source, A_SOURCE, READ],
    /,
    *,
    queries: Annotated[Path | None, READ] = None,
    pairs: Annotated[int | None, A_COUNT] = None,
    qrels: Annotated[Path | None, READ] = None,
    metric: str | None = None,
    measure: Literal["cosine", "dot"] = "cosine",
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    output: Annotated[Path | None, Parameter(alias="-o"), FOLDER] = None,
    transform: Annotated[Path | None, TRANSFORM] = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say what is lost where mapped old vectors stand in for items encoded by a new model.

    Some items are encoded by both models. A map is learnt from them, and what lists of mapped old
    vectors would lose against lists of items encoded anew is foretold, with an interval.

    Parameters
    ----------
    old
        All items by the old model: a folder or a file, as for anglewise compare, or the address
        of a store.
    new
        Some or all of them by the new model, with the same ids, and queries by it.
    queries
        The queries by the new model, where new is a store, or a file of items alone.
    pairs
        Learn from so many items that both hold, drawn by --seed; by default from all. Where new
        holds all items, what was foretold is measured beside.
    qrels
        Judgements of the new queries: what becomes of --metric is foretold too.
    metric
        What matters, by the judgements; nDCG@10 if not given.
    measure
        What lists are made by.
    k
        How long the lists are.
    output
        Write the mapped space: a folder with all old items mapped, and the new queries.
    transform
        Write the map: an .npz that NumPy alone reads.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.data_types.judgements import Judgements
    from anglewise.io.read import read_judgements
    from anglewise.io.space_folder import write_space
    from anglewise.report.migration_document import migration_document
    from anglewise.stores.address import Address
    from anglewise.stores.migrate import foretell, judged_space
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    before = read_space(old, say=talk.say)
    alone = queries is not None and not isinstance(new, Address)
    where: dict[str, Any] = {"items": new} if alone else {"path": new}
    after = read_space(**where, queries=queries, say=talk.say)
    judged: Judgements | None = None
    if qrels is not None:
        due = judged_space(before, after)
        judged = read_judgements(qrels, due, direction="queries-items", say=talk.say)
    with talk.progress("learning"):
        result = foretell(
            before,
            after,
            pairs=pairs,
            judgements=judged,
            metric=metric or "nDCG@10",
            measure=measure,
            k=k,
            seed=always.seed,
        )
    if output is not None:
        write_space(result.mapped, output)
        talk.say(f"wrote {output}")
    if transform is not None:
        about = {"map": result.map_name, "measure": measure, "pairs": result.pairs}
        result.map.save(transform, about)
        talk.say(f"wrote {transform}")
    content = {"command": "migrate", "version": version(), **result.to_dict()}
    talk.give(content, migration_document(result))
    return 0
