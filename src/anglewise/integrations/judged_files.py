"""A space and what judges it, from paths or as they are."""

from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Direction
from anglewise.errors import FileError
from anglewise.io.files import PathLike, is_folder
from anglewise.io.read import (
    judgement_kind,
    read_judgements,
    read_pairs,
    read_space,
    read_triplets,
)


def read_judged(
    space: Space | PathLike,
    judgements: Judgements | Pairs | Triplets | PathLike | None = None,
    direction: Direction | None = None,
    *,
    say: Say = quiet,
) -> tuple[Space, Judgements | Pairs | Triplets]:
    """Read a space, and the judgements from their file or from the folder of the space.

    Spaces and judgements that are there already are taken as they are. Without a direction it is
    ``queries-items``, or ``items-items`` where items are all there is. Raises what their readers
    raise, ``FileError`` where nothing is judged.
    """
    folder = None if isinstance(space, Space) or not is_folder(as_path(space)) else space
    loaded = space if isinstance(space, Space) else read_space(space, say=say)
    if isinstance(judgements, Judgements | Pairs | Triplets):
        return loaded, judgements
    source = folder if judgements is None else judgements
    if source is None:
        raise FileError("no judgements: name their file, or a space whose folder holds them")
    kind = judgement_kind(source)
    if kind == "pairs":
        return loaded, read_pairs(source, loaded, say=say)
    if kind == "triplets":
        return loaded, read_triplets(source, loaded, say=say)
    chosen = direction or ("items-items" if loaded.one_sided else "queries-items")
    return loaded, read_judgements(source, loaded, direction=chosen, say=say)
