"""``anglewise judge sample --double``: the part of a machine's pairs that people grade too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anglewise.cli.options import Vectors
from anglewise.errors import FileError

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.data_types.typing import Direction
    from anglewise.labelling.double_draw import DoubleDraw
    from anglewise.report.document import Document


def sample_double_command(
    space: Path | None,
    output: Path,
    count: int,
    measures: str,
    depth: int,
    *,
    spaces: Sequence[str] = (),
    machine: str | None,
    direction: "Direction | None",
    vectors: Vectors,
    talk: "Talk",
) -> int:
    """Draw the pairs, write them for people, and print what was drawn."""
    from anglewise.cli.inputs import at_most, direction_of, most_neighbours, read_spaces
    from anglewise.io.pairs_to_judge import check_queue, write_queue
    from anglewise.judgements.store import JudgementStore
    from anglewise.judgements.store_files import store_in
    from anglewise.labelling.double_draw import sample_double
    from anglewise.labelling.sample import words_of_all
    from anglewise.nearest_neighbours.competing import Competing

    check_queue(output)
    with talk.progress("reading"):
        loaded, first = read_spaces(space, spaces, vectors, talk.say)
    store = store_in(first) if isinstance(first, Path) else None
    if store is None or not store.is_file():
        raise FileError(
            f"{store or 'no folder was named, and its store'} is not there: --double draws from "
            "what a machine graded (judge grade SPACE POOL) in the store of the (first) space"
        )
    with talk.progress("reading"):
        chosen = direction_of(direction, next(iter(loaded.values())))
        with JudgementStore.open(store, read_only=True) as opened:
            rows = list(opened.rows(chosen))
    longest = max(most_neighbours(one, chosen) for one in loaded.values())
    depth = at_most(depth, longest, "items of each list (--depth)", talk.say)
    with talk.progress("searching"):
        drawn = sample_double(
            loaded if len(loaded) > 1 else next(iter(loaded.values())),
            rows,
            measures,
            count=count,
            direction=chosen,
            depth=depth,
            machine=machine,
            seed=talk.always.seed,
        )
    at_most(count, int(drawn.frame.differ.sum()), "pairs on which measures differ", talk.say)
    words = words_of_all(Competing(loaded, chosen, ()))
    pairs: list[int] = drawn.chosen.tolist()
    names = [drawn.frame.names[pair] for pair in pairs]
    write_queue(
        output,
        [
            {
                "query_id": query,
                "item_id": item,
                "probability": float(drawn.chances[pair]),
                "query": words[0].get(query),
                "item": words[1].get(item),
                "context": drawn.context,
            }
            for pair, (query, item) in zip(pairs, names, strict=True)
        ],
    )
    content = _content(drawn, output, talk.always.seed)
    content["spaces"] = list(loaded) if spaces else []
    talk.give(content, _document(content))
    return 0


def _content(drawn: "DoubleDraw", output: Path, seed: int) -> dict[str, Any]:
    import numpy as np

    possible = drawn.frame.differ
    return {
        "command": "judge sample",
        "file": str(output),
        "double": True,
        "direction": drawn.direction,
        "machine": drawn.judge,
        "measures": list(drawn.frame.pool.measures),
        "depth": drawn.depth,
        "pairs": len(drawn),
        "expected": float(drawn.chances.sum()),
        "queries": drawn.frame.pool.queries,
        "pool": len(drawn.frame),
        "differing": int(possible.sum()),
        "not_graded_by_machine": int(np.isnan(drawn.machine[possible]).sum()),
        "lowest_chance": float(drawn.chances[possible].min()),
        "seed": seed,
    }


def _document(content: Mapping[str, Any]) -> "Document":
    from anglewise.report.document import Document

    first = (
        f"{content['file']}: {content['pairs']:,} of {content['differing']:,} pairs on which "
        f"{', '.join(content['measures'])} differ, in {content['queries']:,} queries that "
        f"{content['machine']} graded; each drawn with a chance of {content['lowest_chance']:.2g} "
        "or more"
    )
    lines = [first]
    if content["not_graded_by_machine"]:
        lines.append(
            f"{content['not_graded_by_machine']:,} of these pairs have no grade by the machine, "
            "which counts as its mean one: grade them first (judge grade) to do better"
        )
    lines.append(
        "all of them are to be graded by people, who should not see the machine's grades; keep "
        "the columns probability and context"
    )
    several = " ".join(content["spaces"])
    lines += [
        "next: fill in the column grade, then",
        "  anglewise judge import SPACE FILE",
        f"  anglewise compare {f'--spaces {several}' if several else 'SPACE'} --assisted",
    ]
    return Document.of(*lines)
