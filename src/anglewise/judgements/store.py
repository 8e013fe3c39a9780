"""The store of judgements: one SQLite file beside the space, to which rows are only ever added."""

import atexit
import json
import os
import sqlite3
import threading
import time
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from anglewise.data_types.conversion import check_direction
from anglewise.data_types.numbers import NOT_NEGATIVE, check_flag, check_kind, shown
from anglewise.data_types.text import as_path
from anglewise.data_types.typing import Direction
from anglewise.errors import AnglewiseError, FileError, IdsError, WrongTypeError
from anglewise.judgements.connection import LATEST, check_content, connect, copy_log, roll_back
from anglewise.judgements.folder_lock import FolderLock, judging_in
from anglewise.judgements.records import (
    Judged,
    check_text,
    new_uuid,
    recalled,
)
from anglewise.judgements.store_checks import bounded
from anglewise.judgements.store_errors import DAMAGED, WRITTEN_OVER, store_errors
from anglewise.judgements.store_files import StoreFiles
from anglewise.judgements.store_rows import (
    CHOSEN,
    CURRENT,
    GONE,
    NAMES,
    TAKEN_BACK,
    add_rows,
    check_none_lost,
    readable_rows,
    row_of,
    several,
    within_room,
)

if TYPE_CHECKING:
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.judgements import Judgements

PATIENCE = 10.0
"""Seconds to wait for another program that is writing."""

PAUSE = 1.0
"""Seconds after which an answer does not lie in the ``-wal`` alone any more."""


@dataclass(frozen=True)
class StoreCounts:
    """How many judgements count (in all, by direction, judge, source), and how many do not."""

    standing: int
    replaced: int
    taken_back: int
    by_direction: dict[str, int]
    by_judge: dict[str, int]
    by_source: dict[str, int]


_LEFT_OPEN: "weakref.WeakSet[JudgementStore]" = weakref.WeakSet()
"""The stores that nobody closed yet: a page is ended by Ctrl-C."""


@atexit.register
def _close_all() -> None:
    for store in list(_LEFT_OPEN):
        store.__del__()


class JudgementStore:
    """Judgements in one SQLite file, safe from crashes, full disks and several writers.

    Open it with ``JudgementStore.open``. When ``add`` returns, the judgement is on the disk.
    No row is ever changed or removed. A judge who judges a pair again adds a row, and of each
    judge and pair the row counts that arrived last, whatever the clocks say. ``retract`` adds a
    row that takes one back; then the judge's earlier row on the pair, if there is one, counts
    again. Several threads may share one store, several processes one file.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "judgements.sqlite"
    >>> with JudgementStore.open(file) as store:
    ...     store.add(Judged("q1", "d7", 2, judge="anna"))
    ...     store.add(Judged("q1", "d7", 0, judge="ben"))
    ...     [(row.judge, row.grade) for row in store.rows()]
    [('anna', 2.0), ('ben', 0.0)]
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        files: StoreFiles,
        folder: FolderLock | None = None,
    ) -> None:
        self.path = path
        self._connection = connection
        self._files = files
        self._one_at_a_time = threading.Lock()
        self._folder = folder
        self._copying: threading.Timer | None = None
        _LEFT_OPEN.add(self)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, read_only: bool = False, patience: float = PATIENCE
    ) -> "JudgementStore":
        """Open a store, and make a missing one unless ``read_only``.

        Raises ``FileError`` for a file that is no store, that another program or a newer version
        wrote, that stays locked for ``patience`` seconds, that is damaged, that has a second name
        (a hard link) or is mounted as a single file, or that may not be opened.
        """
        path = as_path(path, "a store of judgements")
        check_flag(read_only, "read_only")
        NOT_NEGATIVE.check("patience", patience)
        # while it is open for writing, nobody may replace the folder
        folder = None if read_only else judging_in(path.parent, patience)
        return cls(path, *connect(path, read_only=read_only, patience=patience), folder)

    def __enter__(self) -> "JudgementStore":  # noqa: PYI034 the type checks of the tests know no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        """A store that is open is of this process alone."""
        raise WrongTypeError(
            f"{self.path} is open here, and an open store can be neither pickled nor copied: hand "
            "on its path, and open it there (JudgementStore.open)"
        )

    def close(self) -> None:
        """Close the file; judgements that were added are on the disk already.

        Raises ``FileError`` where somebody removed or replaced the files and some were lost with
        them; those that can still be read are saved in a file that it names.
        """
        with self._one_at_a_time, store_errors(self.path):
            if not self._files.is_open:
                return
            latest = self._files.latest
            if self._copying is not None:
                self._copying.cancel()
            try:
                sound, may_lose = self._is_sound(), self._files.may_lose
                rows = readable_rows(self._connection) if may_lose else []
                self._files.close(self._connection, sound=sound)
                if may_lose:
                    check_none_lost(self.path, rows, None if latest is None else latest[1])
            finally:
                if self._folder is not None:
                    self._folder.close()

    def __del__(self) -> None:
        """Close what was never closed, SQLite's handles before ours."""
        with suppress(Exception):
            try:
                self.close()
            except FileError as error:  # there is nobody whom it could be told otherwise
                warnings.warn(str(error), RuntimeWarning, stacklevel=2)

    @property
    def stands(self) -> bool:
        """Whether the files are those that were opened, so that answers can be recorded."""
        try:
            self._files.check()
        except FileError:
            return False
        return True

    def add(self, judgement: Judged) -> None:
        """Record one judgement; it is on the disk when this returns.

        Nothing is added if its uuid is recorded already with the same content, times aside: so a
        sender may try again.

        Raises
        ------
        IdsError
            The uuid is recorded with other content.
        FileError
            The disk is full, or the file locked or read-only: nothing was recorded. Or the file
            was removed or replaced since it was opened: the judgement is not in it.
        """
        self.add_many([judgement])

    def add_many(self, judgements: Iterable[Judged]) -> None:
        """Record many judgements: all of them, or none where one is refused."""
        rows = [row_of(judgement) for judgement in several(judgements)]
        with self._transaction() as connection:
            add_rows(self.path, connection, rows)

    def add_new(
        self,
        judgements: Iterable[Judged],
        may_replace: Callable[[Mapping[str, int]], None] | None = None,
    ) -> int:
        """Record those that the store does not hold yet, all or none of them; return their number.

        The store holds a judgement when it has its uuid, or when the same judge's latest grade of
        the pair is the same. All is one transaction, so that judgements that several programs add
        at the same time are recorded once. ``may_replace`` is asked before it ends, with how many
        of each judge's grades count no longer for what was added; it raises to record nothing.
        """
        rows = [(judgement, row_of(judgement)) for judgement in several(judgements)]
        added = list[list[Any]]()
        with self._transaction() as connection:
            with bounded(self.path, connection):
                current = list(within_room(connection.execute(CURRENT, [None, None])))
                taken_back = list(within_room(connection.execute(TAKEN_BACK, [None, None])))
            known_uuids = {row[NAMES.index("uuid")] for row in (*current, *taken_back)}
            of_current = (self._judged(row) for row in current)
            latest_grades = {(*row.pair, row.judge): row.grade for row in of_current}
            stood, replaced = set(latest_grades), set[tuple[Any, ...]]()
            for judgement, row in rows:
                judge_and_pair = (*judgement.pair, judgement.judge)
                if (
                    judgement.uuid not in known_uuids
                    and latest_grades.get(judge_and_pair) != judgement.grade
                ):
                    latest_grades[judge_and_pair] = judgement.grade
                    added.append(row)
                    replaced |= {judge_and_pair} & stood
            add_rows(self.path, connection, added)
            if may_replace is not None:
                may_replace(Counter(judge for *_, judge in replaced))
        return len(added)

    def retract(self, uuid: str, *, judge: str, own: bool = False) -> None:
        """Take a judgement back, in the name of ``judge``; a second time changes nothing.

        Raises ``IdsError`` if no judgement has this uuid; with ``own``, if it is another judge's.
        """
        check_text("uuid", uuid)
        check_flag(own, "own")
        check_text("judge", judge)
        with self._transaction() as connection:
            recorded = connection.execute(
                "SELECT takes_back, judge FROM judgements WHERE uuid = ?", [uuid]
            ).fetchone()
            if recorded is None or recorded[0] is not None:
                raise IdsError(f"{self.path} holds no judgement {shown(uuid)!r} to take back")
            if own and recorded[1] != judge:
                raise IdsError(
                    f"judgement {uuid} is not by {shown(judge)}: only who gave it takes it back"
                )
            connection.execute(
                "INSERT INTO judgements (uuid, takes_back, judge, time) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (takes_back) DO NOTHING",
                [new_uuid(), uuid, judge, time.time()],
            )

    def rows(
        self,
        direction: Direction | None = None,
        judge: str | None = None,
        *,
        retracted: bool = False,
    ) -> Iterator[Judged]:
        """The judgements that count, in the order in which they came.

        With ``retracted``, those that were taken back instead.
        """
        check_flag(retracted, "retracted")
        if direction is not None:
            check_direction(direction)
        if judge is not None:
            check_text("judge", judge)
        query = TAKEN_BACK if retracted else CURRENT
        return (self._judged(row) for row in self._fetched(query, direction, judge))

    def judgements(
        self,
        space: "Space",
        direction: Direction = "queries-items",
        *,
        judges: Collection[str] | None = None,
        sources: Collection[str] | None = None,
        combine: str = "adjudicated",
    ) -> "Judgements":
        """The judgements that count, for a space, combined into one grade a pair.

        See ``anglewise.judgements.combine.combined`` for the parameters and errors.
        """
        from anglewise.data_types.embeddings import Space
        from anglewise.judgements.combine import combined

        check_kind(space, Space, "the space", "a Space")
        return combined(
            self.rows(direction),
            space,
            direction,
            judges=judges,
            sources=sources,
            combine=combine,
            name=str(self.path),
        )

    def counts(self) -> StoreCounts:
        """Count the judgements that count, were replaced, and were taken back."""
        tallies: list[dict[str, int]] = [{}, {}, {}]
        standing = 0
        for row in self._fetched(CURRENT, None, None):
            standing += 1
            for tally, name in zip(tallies, ("direction", "judge", "source"), strict=True):
                value = row[NAMES.index(name)]
                tally[value] = tally.get(value, 0) + 1
        [[total, taken_back]] = self._fetched(
            f"SELECT count(*), coalesce(sum({GONE}), 0) FROM judgements "  # noqa: S608 constants
            f"WHERE {CHOSEN}",
            None,
            None,
        )
        by_direction, by_judge, by_source = tallies
        replaced = total - taken_back - standing
        return StoreCounts(standing, replaced, taken_back, by_direction, by_judge, by_source)

    def _judged(self, row: Any) -> Judged:
        fields: dict[str, Any] = dict(zip(NAMES, row, strict=False))
        try:
            plain = fields["context"] == "{}"
            fields["context"] = {} if plain else json.loads(fields["context"])
            return recalled(fields)
        except (AnglewiseError, TypeError, ValueError, RecursionError) as error:
            raise FileError(f"{self.path}: {DAMAGED.format(error)}") from error

    def _fetched(self, query: str, direction: str | None, judge: str | None) -> list[Any]:
        self._files.check_process()
        with (
            self._one_at_a_time,
            store_errors(self.path),
            bounded(self.path, self._connection),
        ):
            return list(within_room(self._connection.execute(query, [direction, judge])))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._one_at_a_time, store_errors(self.path):
            self._files.check_process()
            connection = self._connection
            self._begin()
            try:
                self._files.check()
                if self._files.is_written_over:
                    self._check_content()
                yield connection
                latest = connection.execute(LATEST).fetchone()
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                self._save_log()
                raise
            self._files.check()  # before the caller learns that it is recorded
            self._files.remember(latest)
            if self._copying is None:
                self._copying = threading.Timer(
                    PAUSE, _if_there, [weakref.WeakMethod(self._copy_log)]
                )
                self._copying.daemon = True
                self._copying.start()

    def _copy_log(self) -> None:
        """Copy what was recorded from the ``-wal`` into the store, if both are as they were."""
        with self._one_at_a_time, suppress(FileError):
            self._copying = None
            if self._files.is_open:
                self._files.check()
                if not self._files.is_written_over:
                    copy_log(self._connection)
                    self._files.remember(self._files.latest)

    def _save_log(self) -> None:
        """Copy into the store what lies in a ``-wal`` that was removed, while it can be read."""
        if self._files.log_is_gone() and not self._files.is_written_over:
            copy_log(self._connection)
            self._files.remember(self._files.latest)

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # locked, or the disk
            raise
        except sqlite3.DatabaseError as error:
            if self._files.is_written_over:
                raise FileError(f"{self.path} {WRITTEN_OVER}") from error
            raise

    def _check_content(self) -> None:
        """Check, amid a transaction, a store into which somebody wrote since this one did.

        Mostly another program copied there what lay in the ``-wal``. But whoever restores a copy
        in its place mixes that with what the ``-wal`` holds.
        """
        connection, latest = self._connection, self._files.latest
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA shrink_memory")  # forgets the pages that were read before
        self._begin()
        try:
            check_content(self.path, connection, latest)
        except sqlite3.OperationalError:
            raise
        except (FileError, sqlite3.DatabaseError) as error:
            raise FileError(f"{self.path} {WRITTEN_OVER}") from error
        self._files.remember(latest)

    def _is_sound(self) -> bool:
        """Whether SQLite may copy the ``-wal`` into the store, and remove it, when it is closed.

        Where it may not, the next one to open the store finds the ``-wal``, with what others wrote
        into it. One that was removed can be copied by who has it open alone, if nobody wrote into
        the store since.
        """
        try:
            self._files.check_process()
            if self._files.log_is_gone(or_empty=True):
                return not self._files.is_written_over
            self._files.check()
            if self._files.is_written_over:
                self._connection.execute("BEGIN")
                try:
                    self._check_content()
                finally:
                    roll_back(self._connection)
        except (FileError, sqlite3.Error):
            return False
        return True


def _if_there(work: "weakref.WeakMethod[Callable[[], None]]") -> None:
    """Do what a store has to do after a while, on a thread for which nobody has to wait."""
    method = work()
    if method is not None:
        method()
