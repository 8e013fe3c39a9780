"""Read spaces; all readers of the package's face."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from anglewise.data_types.embeddings import Embeddings, Seen, Space, TrainedFor, check_trained_for
from anglewise.data_types.representation import Representation
from anglewise.data_types.text import Say, as_path, listed, quiet
from anglewise.errors import ShapeError, SpellingError
from anglewise.io.arrays import Keyed, Side
from anglewise.io.factor_biases import bias_names, with_biases
from anglewise.io.files import PathLike, existing, existing_file
from anglewise.io.interactions import read_interactions, with_seen
from anglewise.io.judgement_files import (
    judgement_kind,
    read_judgements,
    read_labels,
)
from anglewise.io.model_readers import is_spark_folder, read_spark_model
from anglewise.io.pair_files import read_pairs, read_triplets
from anglewise.io.run_files import read_run
from anglewise.io.space_files import is_space_folder
from anglewise.io.space_folder import judgements_of, read_space_folder, stored_directions
from anglewise.io.tables import ID, VECTOR, Role, check_no_columns
from anglewise.io.texts import read_texts
from anglewise.io.vector_formats import OtherFormatError, VectorFormat, read_format
from anglewise.io.vectors import (
    SideFiles,
    both_sides,
    columns_of,
    opened,
    read_vectors,
    texts_of,
)


def read_space(
    path: PathLike | None = None,
    *,
    queries: PathLike | None = None,
    items: PathLike | None = None,
    query_ids: PathLike | None = None,
    item_ids: PathLike | None = None,
    query_texts: PathLike | None = None,
    item_texts: PathLike | None = None,
    trained_for: TrainedFor | None = None,
    vector_column: str | None = None,
    id_column: str | None = None,
    vector_format: str | None = None,
    seen: PathLike | Seen | None = None,
    say: Say = quiet,
) -> Space:
    """Read queries and items that live together, or items alone, from files.

    What the face calls for files: there, in ``stores.space_reader``, every argument and format is
    told, and addresses of stores are taken too. Raises ``AnglewiseError`` with the file, the row
    where there is one, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "als.npz"
    >>> np.savez(file, user_factors=np.eye(2), item_factors=np.ones((3, 2)))
    >>> space = read_space(file)
    >>> space.queries, space.items, space.trained_for
    (Embeddings(2 x 2), Embeddings(3 x 2), 'dot')
    """
    if trained_for is not None:
        check_trained_for(trained_for)
    arguments: dict[Side, tuple[PathLike | None, PathLike | None, PathLike | None]] = {
        "queries": (queries, query_ids, query_texts),
        "items": (items, item_ids, item_texts),
    }
    columns = {VECTOR: vector_column, ID: id_column}
    how = _HowRead(columns, None if vector_format is None else read_format(vector_format))
    space = _without_seen(path, arguments, trained_for, how, say)
    return space if seen is None else with_seen(space, seen, say)


@dataclass(frozen=True)
class _HowRead:
    """What somebody said of files: the columns of vectors and ids, and what the numbers are."""

    columns: Mapping[Role, str | None]
    vector_format: VectorFormat | None


def _without_seen(
    path: PathLike | None,
    arguments: dict[Side, tuple[PathLike | None, PathLike | None, PathLike | None]],
    trained_for: TrainedFor | None,
    how: _HowRead,
    say: Say,
) -> Space:
    """The space as its files have it."""
    columns = how.columns
    given = any(part is not None for side in arguments.values() for part in side)
    if path is not None and is_space_folder(existing(path)):
        if given:
            raise SpellingError(f"{path} is a space with ids and texts of its own: give no others")
        _check_own(how, path)
        return _trained_for(read_space_folder(path), trained_for, path, say)
    if path is not None and is_spark_folder(as_path(path)):
        if given:
            raise SpellingError(f"{path} is a model with ids of its own: give no others")
        _check_own(how, path)
        return _trained_for(read_spark_model(Path(path), say), trained_for, path, say)
    files = _files(path, arguments, say)
    read = frozenset[Role]().union(*(columns_of(side.vectors) for side in files.values()))
    check_no_columns(
        {r: name for r, name in columns.items() if r not in read},
        " and ".join(side.path for side in files.values() if side.vectors),
    )
    sides = _sides(files, how, say)
    item_vectors = files["items"].vectors
    both = item_vectors if item_vectors is files["queries"].vectors else None
    names = bias_names(both) if isinstance(both, Keyed) else []
    if all(_is_factor_model(files[side]) for side in sides):
        names = ["user_factors", "item_factors"]
    space = _together(sides, files, _suggested(names, trained_for, say))
    if isinstance(both, Keyed) and not isinstance(space.items, Representation):
        return with_biases(space, both, say)
    return space


def _sides(files: Mapping[Side, SideFiles], how: _HowRead, say: Say) -> dict[Side, Embeddings]:
    """Both sides; what was said of their numbers may be of one alone, but of one it has to be."""
    sides: dict[Side, Embeddings] = {}
    others: list[OtherFormatError] = []
    for side, file in files.items():
        if file.vectors is None:
            continue
        try:
            sides[side] = _side(side, file, how, say)
        except OtherFormatError as error:
            others.append(error)
            sides[side] = _side(side, file, replace(how, vector_format=None), say)
    if others and len(others) == len(sides):
        raise others[0]
    for error in others:
        say(f"{error}".rpartition(": ")[0] + ": it is read as it is")
    return sides


def _side(side: Side, file: SideFiles, how: _HowRead, say: Say) -> Embeddings:
    return read_vectors(
        file.vectors or Path(),
        side,
        ids=file.ids,
        texts=None if file.texts is None else texts_of(file.texts, side),
        vector_column=how.columns[VECTOR],
        id_column=how.columns[ID],
        vector_format=how.vector_format,
        say=say,
    )


def _check_own(how: _HowRead, path: PathLike) -> None:
    """Raise ``SpellingError`` where something is said of files, and a folder says it itself."""
    check_no_columns(how.columns, path)
    if how.vector_format is not None:
        raise SpellingError(
            f"vector_format={str(how.vector_format)!r} (--vector-format) says how a file is read, "
            f"and {path} says that itself: leave it out"
        )


def _suggested(names: list[str], trained_for: TrainedFor | None, say: Say) -> TrainedFor:
    """What was given; where nothing was, what arrays of such ``names`` are trained for."""
    if trained_for is None:
        if names:
            say(f"{listed(names)}: taken as trained for dot")
        return "dot" if names else "unknown"
    if names and trained_for != "dot":
        say(
            f"{listed(names)} are named as of a model that was trained for dot: {trained_for} is "
            "taken, as given"
        )
    return trained_for


def _files(
    path: PathLike | None,
    arguments: dict[Side, tuple[PathLike | None, PathLike | None, PathLike | None]],
    say: Say,
) -> dict[Side, SideFiles]:
    """What to read for either side: what was found, overruled by what was given."""
    if path is not None and (arguments["queries"][0] or arguments["items"][0]):
        raise SpellingError(f"give either {path}, or items and queries, not both")
    if path is None and arguments["items"][0] is None:
        raise SpellingError("no items: give a folder, or items=... (--items), and queries if any")
    discovered = both_sides(path) if path is not None else None
    files: dict[Side, SideFiles] = {}
    for side in ("queries", "items"):
        vectors, ids, texts = arguments[side]
        side_files = discovered[side] if discovered else SideFiles()
        for given, lies in ((ids, side_files.ids), (texts, side_files.texts)):
            if given is not None and lies is not None and not _same_file(given, lies):
                say(f"{lies}: not used, for {given} is given for the {side}")
        if vectors is not None:
            vectors = as_path(vectors)
            side_files = SideFiles(opened(vectors if vectors.is_dir() else existing_file(vectors)))
        if side_files.vectors is None and (ids or texts):
            raise SpellingError(f"ids or texts of {side} are given, and no {side}")
        files[side] = SideFiles(
            side_files.vectors, ids or side_files.ids, texts or side_files.texts
        )
    return files


def _same_file(first: PathLike, second: PathLike) -> bool:
    try:
        return as_path(first).samefile(second)
    except OSError:  # one is missing, which its reader says
        return False


def _together(
    sides: dict[Side, Embeddings], files: dict[Side, SideFiles], trained_for: TrainedFor
) -> Space:
    paths = {side: files[side].path for side in sides}
    try:
        return Space(
            items=sides["items"],
            queries=sides.get("queries"),
            trained_for=trained_for,
            about={"read_from": paths},
        )
    except ShapeError as error:
        raise ShapeError(f"{' and '.join(paths.values())}: {error}") from error


def _is_factor_model(files: SideFiles) -> bool:
    return isinstance(files.vectors, Keyed) and files.vectors.is_factor_model


def _trained_for(space: Space, trained_for: TrainedFor | None, path: PathLike, say: Say) -> Space:
    """The space with what it was trained for, as given; said where the space says otherwise."""
    if trained_for is None:
        return space
    if space.trained_for not in {"unknown", trained_for}:
        say(
            f"{path} says that it was trained for {space.trained_for}: {trained_for} is taken, as "
            "given"
        )
    return Space(
        items=space.items,
        queries=None if space.one_sided else space.queries,
        trained_for=trained_for,
        seen=space.seen,
        about=space.about,
    )


__all__ = [
    "judgement_kind",
    "judgements_of",
    "read_interactions",
    "read_judgements",
    "read_labels",
    "read_pairs",
    "read_run",
    "read_space",
    "read_texts",
    "read_triplets",
    "stored_directions",
]
