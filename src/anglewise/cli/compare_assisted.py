"""``anglewise compare --assisted``: a machine's grades, corrected by people's."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anglewise.cli.options import (
    AS_BROUGHT,
    FROM_FOLDER,
    Judging,
    Results,
    SeenOptions,
    Source,
    Vectors,
)
from anglewise.errors import FileError, SpellingError

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.data_types.typing import Direction

METRIC = re.compile(r"(?:dcg\(sampled\)|p)@([1-9][0-9]{0,5})")
PAGES = ("html", "markdown")
"""Results that can be written of it."""
RULES = ("qrels", "relevant_from")
"""What may be said about judgements beside it."""


def refuse_beside(others: Mapping[str, Any], results: Results, judging: Judging) -> None:
    """Refuse options that mean nothing here; ``others`` by their names as typed."""
    plain = vars(Results())
    for name, value in vars(results).items():
        if value != plain[name] and name not in PAGES:
            others = {**others, f"--{name.replace('_', '-')}": value}
    usual = vars(FROM_FOLDER)
    for name, value in vars(judging).items():
        if value != usual[name] and name not in RULES:
            others = {**others, f"--{name.replace('_', '-')}": value}
    for name, value in others.items():
        if value is not None and value is not False and value != ():
            raise SpellingError(
                f"{name.replace('_', '-')} has no meaning beside --assisted, which gives intervals "
                "of differences in discounted gain and precision: leave one of them out"
            )


def depth_in(metric: str | None) -> int | None:
    """The depth of a metric that is linear in the grades; ``SpellingError`` for any other."""
    from anglewise.comparison.assisted_result import NO_NDCG

    if metric is None:
        return None
    match = METRIC.fullmatch(metric.strip().lower())
    if match is None:
        raise SpellingError(
            f"--metric {metric!r} beside --assisted: DCG(sampled)@10 or P@10 is due, at any depth "
            f"that was drawn; {NO_NDCG}"
        )
    return int(match[1])


def compare_assisted_command(
    source: Source | None,
    measures: str | None,
    metric: str | None,
    direction: "Direction | None",
    baseline: str | None,
    *,
    spaces: Sequence[str] = (),
    vectors: Vectors,
    seen: SeenOptions,
    judging: Judging,
    results: Results,
    talk: "Talk",
) -> int:
    """Compare, write and print."""
    from anglewise.cli.inputs import direction_of, read_spaces
    from anglewise.comparison.assisted import compare_assisted
    from anglewise.judgements.store_files import store_in
    from anglewise.labelling.judged_set import read_set
    from anglewise.report.assisted_document import assisted_document
    from anglewise.report.plain_text import markdown
    from anglewise.stores.space_reader import read_space

    depth = depth_in(metric)
    if judging.qrels is None and not spaces and not isinstance(source, Path):
        raise FileError("no judgements: give the folder of a space with a store, or --qrels STORE")
    if spaces and seen != AS_BROUGHT:
        raise SpellingError(
            "seen is of one space, and several are compared: leave --seen out; folders bring theirs"
        )
    with talk.progress("reading"):
        if spaces:
            loaded, source = read_spaces(source, spaces, vectors, talk.say)
        else:
            loaded = {"": read_space(source, **vars(vectors), **vars(seen), say=talk.say)}
    first = next(iter(loaded.values()))
    path = judging.qrels
    if path is None and isinstance(source, Path):
        path = store_in(source)
    if path is None or not path.exists():
        raise FileError(
            f"{path} is not there: --assisted reads grades of a machine and of people from a "
            "store (judge grade, judge import)"
        )
    with talk.progress("reading"):
        chosen = direction_of(direction, first)
        rows = read_set(path, first, chosen, say=talk.say).rows
    if not rows:
        raise FileError(
            f"{path} does not say who judged: --assisted reads a store, or a table of judge export"
        )
    with talk.progress("searching"):
        result = compare_assisted(
            loaded if spaces else first,
            rows,
            measures,
            direction=chosen,
            depth=depth,
            baseline=baseline,
            relevant_from=judging.relevant_from,
            seed=talk.always.seed,
        )
    document = assisted_document(result)
    talk.write_page(results.html, document)
    if results.markdown is not None:
        talk.write(results.markdown, markdown(document))
    talk.give(result.to_dict(), document)
    return 0
