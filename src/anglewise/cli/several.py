"""From options to several spaces and what each is judged by."""

from collections.abc import Callable, Sequence
from pathlib import Path

from anglewise.cli.judged import judged_space
from anglewise.cli.options import Judging, Vectors
from anglewise.comparison.candidates import FORBIDDEN
from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.errors import SpellingError

ONLY = "space"
"""What a single space is called whose folder cannot name it."""


def judged_spaces(
    source: Path | None,
    words: Sequence[str],
    vectors: Vectors,
    direction: Direction | None,
    judging: Judging,
    *,
    say: Callable[[str], None],
    seed: int,
) -> tuple[dict[str, Space], dict[str, Judgements]]:
    """Read every space and, aligned with each, the judgements.

    Without any words it is the one space that the other options give. Raises ``SpellingError``
    for spaces that are given twice over, for two of one name, and for judgements that are pairs.
    """
    if words:
        _check_alone(source, vectors)
    named = _named(words) if words else {_own_name(source): source}
    spaces: dict[str, Space] = {}
    judged: dict[str, Judgements] = {}
    for name, path in named.items():
        spaces[name], found = judged_space(
            path, vectors, direction, judging, _by_name(say, name, named), seed=seed
        )
        if not isinstance(found, Judgements):
            raise SpellingError(
                "several spaces are compared by graded relevance or labels, and these are pairs "
                "or triplets: compare the spaces one by one"
            )
        if judging.label_queries is None or not judged:  # those drawn ask in every space
            judged[name] = found
    return spaces, judged


def _check_alone(source: Path | None, vectors: Vectors) -> None:
    given = {
        str(source): source,
        "--items": vectors.items,
        "--queries": vectors.queries,
        "--item-ids": vectors.item_ids,
        "--query-ids": vectors.query_ids,
    }
    also = [name for name, value in given.items() if value is not None]
    if also:
        raise SpellingError(
            f"beside --spaces {', '.join(also)} cannot be given: every space is a folder or a "
            "file with its ids in it or beside it"
        )


def _named(words: Sequence[str]) -> dict[str, Path]:
    """``new=FOLDER`` or ``FOLDER``, called by the last part of its path."""
    pairs = [_pair(word) for word in words]
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SpellingError(
            f"two of the spaces are called {twice[0]!r}: name them, as in old=FOLDER new=FOLDER"
        )
    return dict(pairs)


def _pair(word: str) -> tuple[str, Path]:
    name, named, path = word.partition("=")
    if named:
        return name, Path(path)
    whole = Path(word)
    return whole.resolve().name if whole.name in {"", ".."} else whole.name, whole


def _own_name(source: Path | None) -> str:
    name = "" if source is None else source.name.strip()
    return ONLY if not name or any(c in FORBIDDEN for c in name) else name


def _by_name(
    say: Callable[[str], None], name: str, named: dict[str, Path | None] | dict[str, Path]
) -> Callable[[str], None]:
    """Say of which space it is, where there are several."""
    return say if len(named) == 1 else lambda sentence: say(f"{name}: {sentence}")
