"""Read the judgements of a space with their rows, and record judgements into a store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anglewise.data_types.embeddings import Space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements, Missing
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError
from anglewise.io.destinations import is_sqlite
from anglewise.io.judgement_files import check_no_labels
from anglewise.io.judgement_formats import read_judged
from anglewise.io.judgement_rows import Assumed, Reject
from anglewise.io.judgements_beside import of_store, passages_in
from anglewise.io.read import judgement_kind, read_judgements
from anglewise.io.space_files import is_space_folder
from anglewise.io.tables import DOCUMENT, GAIN, QUERY, Role, check_no_columns
from anglewise.judgements.combine import combined
from anglewise.judgements.placed import with_spans
from anglewise.judgements.records import SPANS_OF, Judged
from anglewise.judgements.store import JudgementStore
from anglewise.judgements.store_files import store_in

UNSAID = "by people, as far as is said"
"""Who judged the rows of a file that names judges and no sources."""


@dataclass(frozen=True, eq=False)
class JudgedSet:
    """Judgements of a space with their rows, and the rows of the file that were refused.

    Rows and rejects are empty where the source does not tell them.
    """

    judgements: Judgements
    rows: tuple[Judged, ...] = ()
    rejects: tuple[Reject, ...] = ()


def read_set(
    path: Path,
    space: Space,
    direction: Direction,
    *,
    query_column: str | None = None,
    item_column: str | None = None,
    gain_column: str | None = None,
    label_queries: int | None = None,
    missing: Missing = "count",
    relevant_from: float | None = None,
    not_itself: bool = False,
    seed: int = 0,
    say: Say,
) -> JudgedSet:
    """Read judgements as ``read_judgements`` does, but collect bad rows, and keep all rows.

    Raises ``FileError`` for pairs and triplets, and where the path holds no judgements.
    """
    columns = {QUERY: query_column, DOCUMENT: item_column, GAIN: gain_column}
    read = _read_set(path, space, direction, columns, label_queries, seed=seed, say=say)
    judged = evaluated_with(
        read.judgements,
        space,
        missing=missing,
        relevant_from=relevant_from,
        not_itself=not_itself,
    )
    return replace(read, judgements=judged)


def _read_set(
    path: Path,
    space: Space,
    direction: Direction,
    columns: Mapping[Role, str | None],
    label_queries: int | None,
    *,
    seed: int,
    say: Say,
) -> JudgedSet:
    """All that is judged, with its rows where they can be known."""
    store = store_in(path) if path.is_dir() else path
    if is_sqlite(store):
        with JudgementStore.open(store, read_only=True) as opened:
            rows = tuple(opened.rows(direction))
            if rows or store == path:
                check_no_labels(store, label_queries)
                check_no_columns(columns, store)
                return JudgedSet(of_store(opened, space, direction), rows)
    if path.is_file() and (any(columns.values()) or _is_graded(path)):
        result = read_judged(path, assumed=Assumed(path.name, direction), columns=columns)
        check_no_labels(path, label_queries)
        rows = tuple(row for row in result.judged if row.direction == direction)
        people = UNSAID if "source" in result.lacking else "by people"
        judged = combined(rows, space, direction, name=str(path), people=people)
        if all(row.judge == path.name for row in rows):  # assumed, as the file names no judge
            judged = replace(judged, source=f"{path}: nothing says who judged")
        return JudgedSet(judged, rows, result.rejects)
    judged = read_judgements(
        path,
        space,
        direction=direction,
        query_column=columns.get(QUERY),
        item_column=columns.get(DOCUMENT),
        gain_column=columns.get(GAIN),
        label_queries=label_queries,
        seed=seed,
        say=say,
    )
    return JudgedSet(judged)


def _is_graded(path: Path) -> bool:
    """Whether a file holds rows of query, item and grade; True where it is too broken to tell."""
    try:
        return judgement_kind(path) == "judgements"
    except AnglewiseError:
        return True


def known_judgements(
    file: Path | None, folder: Path | None, space: Space, direction: Direction, say: Say
) -> Judgements | None:
    """Judgements of a file, else of the store beside a space; None without a store or rows in it.

    >>> import numpy as np
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> alone = Space(items=Embeddings(np.eye(2)))
    >>> known_judgements(None, None, alone, "items-items", print) is None
    True
    """
    if file is not None:
        return read_judgements(file, space, direction=direction, say=say)
    path = None if folder is None else store_in(folder)
    if path is None or not path.is_file():
        return None
    with JudgementStore.open(path, read_only=True) as store:
        if not any(True for _ in store.rows(direction)):
            return None
        return of_store(store, space, direction)


@dataclass(frozen=True)
class Located:
    """Judgements to record, and where those of passages that came by id alone were looked up.

    ``count`` of them now say which characters of which document were judged, as they stand in
    ``folder``.
    """

    judged: Sequence[Judged]
    count: int = 0
    folder: Path | None = None


def located_in(space: Path, file: Path, judged: Sequence[Judged], *, of_store: bool) -> Located:
    """Have judgements of passages say which characters were judged, where a space tells.

    Those of a store belong to the space beside it, others to that in whose store they are
    recorded.
    """
    folder = space
    if of_store:
        folder = file.parent
        if store_in(folder) != file:
            return Located(judged)
    by_id = sum(row.document is None and row.direction == SPANS_OF for row in judged)
    items = passages_in(folder) if by_id and is_space_folder(folder) else None
    if items is None:
        return Located(judged)
    placed = with_spans(judged, items)
    count = sum(new is not old for new, old in zip(placed, judged, strict=True))
    return Located(placed, count, folder)


@dataclass(frozen=True)
class Recorded:
    """How many judgements were added, and how many were in the store with the same grade.

    ``replaced`` says how many grades of each judge stood, and stand no longer for what was added.
    """

    added: int
    already: int
    replaced: Mapping[str, int]

    @property
    def in_place(self) -> str:
        """What was replaced in words, the judges who lost most first; empty where nothing was.

        >>> Recorded(5, 0, {"ben": 1, "anna": 3}).in_place
        '4 in place of grades that stood (anna 3, ben 1)'
        """
        if not self.replaced:
            return ""
        judges = sorted(self.replaced.items(), key=lambda entry: (-entry[1], entry[0]))
        words = [f"{shown(judge)} {count:,}" for judge, count in judges[:MOST_JUDGES]]
        words += [f"{len(judges) - MOST_JUDGES:,} more"] if len(judges) > MOST_JUDGES else []
        total = sum(self.replaced.values())
        return f"{total:,} in place of grades that stood ({', '.join(words)})"


MOST_JUDGES = 5
"""Judges that a message names."""


def record(
    store: JudgementStore,
    judgements: Sequence[Judged],
    may_replace: Callable[[Mapping[str, int]], None] | None = None,
) -> Recorded:
    """Record the judgements that the store does not hold yet: all, or none where one is refused.

    The store holds a judgement when it has its uuid, or when the same judge's latest grade of the
    pair is the same. So a file may be imported twice, or by several at once. ``may_replace`` is
    asked as in ``JudgementStore.add_new``.

    >>> import tempfile
    >>> rows = [Judged("q", "d", 2, judge="anna")]
    >>> with JudgementStore.open(Path(tempfile.mkdtemp()) / "judgements.sqlite") as store:
    ...     record(store, rows), record(store, [Judged("q", "d", 2, judge="anna")])
    (Recorded(added=1, already=0, replaced={}), Recorded(added=0, already=1, replaced={}))
    """
    replaced = dict[str, int]()

    def note(counts: Mapping[str, int]) -> None:
        replaced.update(counts)
        if may_replace is not None:
            may_replace(counts)

    added = store.add_new(judgements, note)
    return Recorded(added, len(judgements) - added, replaced)


def store_of(path: Path) -> Path:
    """The path of a store: that of a space's folder, or the path itself where it names a store.

    Raises ``FileError`` for what is neither a folder nor a store, and for a link out of a folder.

    >>> store_of(Path("elsewhere.sqlite")).name
    'elsewhere.sqlite'
    """
    if path.is_dir():
        return store_in(path)
    if path.suffix in {".sqlite", ".sqlite3", ".db"}:
        return path
    raise FileError(
        f"{path} is neither the folder of a space nor a store of judgements: name a folder, or "
        "a file that ends in .sqlite"
    )
