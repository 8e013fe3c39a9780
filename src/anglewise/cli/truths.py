"""``compare --truths co-use,labels.csv``: judgements, and other truths to lay beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anglewise.data_types.text import parted
from anglewise.errors import FileError, SpellingError

if TYPE_CHECKING:
    from anglewise.cli.options import Judging, SeenOptions, Source, Vectors
    from anglewise.cli.protocol_inputs import SplitReader
    from anglewise.comparison.comparison_result import Comparison
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.judgements import Judgements
    from anglewise.data_types.typing import Direction


CO_USE = "co-use"
"""The word for what users used together."""


def compared_by(
    named: Mapping[str, "Judgements"], space: "Space", measures: Any, **options: Any
) -> "Comparison":
    """Compare the measures of a space by each of several truths, or by one alone."""
    from anglewise.comparison.compare import compare
    from anglewise.comparison.truths import by_truths

    if len(named) == 1:
        return compare(space, next(iter(named.values())), measures, **options)
    return by_truths(named, lambda judged: compare(space, judged, measures, **options))


def read_truths(
    words: str | None,
    source: "Source | None",
    vectors: "Vectors",
    direction: "Direction | None",
    judging: "Judging",
    *,
    say: Callable[[str], None],
    seen: "SeenOptions",
    seed: int,
    split: "SplitReader | None" = None,
) -> tuple["Space", dict[str, Any]]:
    """Read a space, and each of the truths by its word, in the order of the words.

    ``co-use`` stands for the judgements of the folder or of ``--qrels``; every other word is a
    table of labels, ``FILE`` or ``FILE:COLUMN``. Of a ``split`` the source is a
    model. Without words it is the judgements alone.

    Raises ``SpellingError`` for no word, one that comes twice, ``co-use`` where the judgements were
    made of something else, or judgements beside truths without it; ``FileError`` as the readers do.
    """
    from anglewise.cli.inputs import judged_space
    from anglewise.comparison.truths import of_use
    from anglewise.data_types.evaluation_rules import evaluated_with
    from anglewise.io.item_sets import read_item_sets
    from anglewise.stores.space_reader import read_space

    def read() -> tuple["Space", Any]:
        return judged_space(
            source, vectors, direction, judging, say, seen=seen, seed=seed, split=split
        )

    if words is None:
        space, judged = read()
        return space, {"": judged}
    names = [name.strip() for name in parted(words)]
    if len(set(names)) < len(names):
        raise SpellingError(
            f"--truths {words!r} names a truth twice: give {CO_USE} and tables of labels, each once"
        )
    files = {name: _file(name) for name in names if name != CO_USE}
    _check_differ(files)
    if CO_USE in names:
        space, judged = read()
        if not of_use(judged):
            raise SpellingError(
                f"{CO_USE} is what users used together, and the judgements here are not made of "
                "it: leave it out and name their table, or fit with --holdout"
            )
    else:
        _check_unused(judging)
        judged = None
        if split is None:
            space = read_space(source, **vars(vectors), **vars(seen), say=say)
        else:
            space, _ = read()
    truths: dict[str, Any] = {}
    for name in names:
        if name == CO_USE:
            truths[name] = judged
            continue
        path, column = files[name]
        short = name.removeprefix(str(path.parent)).lstrip("/")
        known = name if short in truths else short
        truths[known] = evaluated_with(
            read_item_sets(path, space, column=column, seed=seed, say=say),
            space,
            relevant_from=judging.relevant_from,
            not_itself=judging.not_itself,
        )
    return space, truths


def _check_differ(files: Mapping[str, tuple[Path, str | None]]) -> None:
    """Refuse a table named twice by other words: its truth would agree with itself."""
    known: dict[Path, list[tuple[str, str | None]]] = {}
    for name, (path, column) in files.items():
        for other, earlier in known.setdefault(path.resolve(), []):
            if column == earlier or None in {column, earlier}:
                raise SpellingError(
                    f"--truths names one table twice, as {other} and as {name}: give each once, or "
                    "the column of each (FILE:COLUMN)"
                )
        known[path.resolve()].append((name, column))


def _check_unused(judging: "Judging") -> None:
    """Refuse what says how judgements are read, where tables of labels alone are."""
    given = {
        f"--qrels {judging.qrels}": judging.qrels is not None,
        "--label-queries": judging.label_queries is not None,
        "a name of a column of judgements": judging.names_columns,
        "--missing": judging.missing != "count",
    }
    unused = [name for name, is_given in given.items() if is_given]
    if unused:
        raise SpellingError(
            f"{unused[0]} is of {CO_USE}, and --truths does not name it: add it, or leave "
            f"{unused[0].split()[0] if unused[0].startswith('--') else 'it'} out"
        )


def _file(word: str) -> tuple[Path, str | None]:
    """A file, and the column after the colon; ``FileError`` where there is none of this name."""
    if Path(word).exists():
        return Path(word), None
    name, colon, column = word.rpartition(":")
    if colon and column and Path(name).exists():
        return Path(name), column
    raise FileError(
        f"--truths: {name or word} does not exist: give {CO_USE}, or the table of labels as FILE "
        "or FILE:COLUMN"
    )
