"""Ids that stand beside vectors under a name that is not a usual one."""

import re
from collections.abc import Callable, Iterable, Sequence

from anglewise.errors import FileError
from anglewise.io.tables import listed, plain

WORDS = (
    "ids?|nos?|numbers?|names?|keys?|codes?|uuids?|guids?|hash|hashes|uris?|urls?|links?|paths?|"
    "files?|filenames?|words?|tokens?|terms?|vocab|vocabulary|asins?|skus?|isbns?|index"
)
"""How the names of ids end."""

ID_LIKE = re.compile(rf"(^|.*[^a-z])({WORDS})$|.*(ids?|nos?|names?|keys?|urls?|paths?)$")
NOT_IDS = re.compile(r".*(class|cluster|categor|group|kind|type|page|author|year).*")
"""What is an id of something else than the row."""


def id_like(name: str) -> bool:
    """Whether an array or a column may hold the ids of rows by its name.

    >>> [id_like(name) for name in ("docnos", "movie_names", "X_keys", "titles", "cluster_id")]
    [True, True, True, False, False]
    """
    small = name.strip().lower()
    return bool(ID_LIKE.match(small) or ID_LIKE.match(plain(name))) and not NOT_IDS.match(small)


def only_candidate(
    path: object, names: Iterable[str], cells: Callable[[str], Sequence[str] | None], remedy: str
) -> str | None:
    """The one name that may be that of the ids, as its cells are one for each row and none repeats.

    ``cells`` gives the ids that stand under a name, or None where there are none. Raises
    ``FileError`` where there are several such names: of these none may be passed over.
    """
    candidates: list[str] = []
    for name in filter(id_like, names):
        ids = cells(name)
        if ids is not None and len(set(ids)) == len(ids):
            candidates.append(name)
    if len(candidates) > 1:
        raise FileError(f"{path}: {listed(candidates)} may each hold the ids of the rows; {remedy}")
    return candidates[0] if candidates else None
