"""Judgements read from files and aligned with a space: qrels, tables, labels, stores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.conversion import check_direction, is_frame
from anglewise.data_types.drawn import CHANCE, CONTEXT, origins_in
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import (
    Judgements,
    Missing,
    merged_judgements,
)
from anglewise.data_types.memory import room
from anglewise.data_types.numbers import COUNT, SEED, check_columns, check_flag, check_kind, shown
from anglewise.data_types.parts import Parts, documents_of, judged_parts, parts_of
from anglewise.data_types.text import Say, as_path, counted, quiet
from anglewise.data_types.typing import Array, Direction, Float64
from anglewise.errors import FileError, IdsError, SpellingError
from anglewise.io.delimited import open_sheet, unguarded_sheet
from anglewise.io.destinations import is_sqlite
from anglewise.io.files import PathLike, existing, existing_file
from anglewise.io.ids import Aligned, align
from anglewise.io.judged_spans import judged_spans, spans_in
from anglewise.io.judgement_rows import OWN, graded_columns, qrels_in
from anglewise.io.judgements_beside import stored_judgements
from anglewise.io.ownership import check_inside
from anglewise.io.tables import (
    ANCHOR,
    DOCUMENT,
    FAR,
    GAIN,
    ID,
    ITEM,
    LABEL,
    LEFT,
    NEAR,
    QUERY,
    RIGHT,
    USER,
    Role,
    Sheet,
    check_names,
    check_no_columns,
    find,
    listed,
    names_of,
    numbers_of,
    plain,
)
from anglewise.io.unread_columns import check_no_grade
from anglewise.judgements.combine import combined
from anglewise.judgements.records import SPANS_OF, Labels, check_levels
from anglewise.judgements.same_label import PAIR_BYTES, from_labels


def read_labels(path: PathLike, *, say: Say = quiet) -> Labels:
    r"""Read the class of each item from a table of ``id,label``.

    Raises ``FileError`` if the columns cannot be told, or if an id comes with two labels, and
    ``ValuesError`` for an empty label, truth values, and floats whose last digits are lost.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = file.write_text("id,label\na,fruit\nb,tool\n")
    >>> dict(read_labels(file).of)
    {'a': 'fruit', 'b': 'tool'}
    """
    sheet = open_sheet(path)
    names = sheet.names or ()
    label, name = (find(names, role, None, sheet.path) for role in (LABEL, ID))
    if label is None or name is None:
        raise FileError(
            f"{sheet.path}: columns called id and label are due, it has "
            f"{listed(names) or 'no header'}"
        )
    classes = _classes(sheet, name, [label], say)
    return Labels({item: path[0] for item, path in classes.items()})


def read_classes(
    path: PathLike, levels: Sequence[str], *, say: Say = quiet
) -> dict[str, tuple[str, ...]]:
    r"""Read the classes of each item from columns of a table, the coarsest first.

    Raises ``SpellingError`` for a column that is not there, else as :func:`read_labels` does.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = file.write_text("id,sport,kind\na,run,shoe\nb,run,cap\n")
    >>> read_classes(file, ["sport", "kind"])
    {'a': ('run', 'shoe'), 'b': ('run', 'cap')}
    """
    sheet = open_sheet(path)
    names = list(sheet.names or ())
    found = (find(names, role, None, sheet.path) for role in (ID, ITEM))
    name = next((position for position in found if position is not None), None)
    if name is None:
        raise FileError(
            f"{sheet.path}: cannot tell which column holds the ids among "
            f"{listed(names) or 'none, for it has no header'}; call it id"
        )
    check_names(names, sheet.path)
    check_levels(levels, names[:name] + names[name + 1 :])
    return _classes(sheet, name, [names.index(level) for level in levels], say)


def _classes(
    sheet: Sheet, name: int, levels: Sequence[int], say: Say
) -> dict[str, tuple[str, ...]]:
    """The classes of each item; every id and class is a text or a number, and none is empty."""
    of_levels = listed([sheet.name(position) for position in levels])
    say(f"{sheet.path.name}: ids from {sheet.name(name)}, labels from {of_levels}")
    ids, *columns = (_ids(sheet, position).to_pylist() for position in (name, *levels))
    classes: dict[str, tuple[str, ...]] = {}
    for row, (item, *labels) in enumerate(zip(ids, *columns, strict=True)):
        before = classes.setdefault(item, tuple(labels))
        for label, label_before in zip(labels, before, strict=True):
            if label != label_before:
                raise FileError(
                    f"{sheet.path}, {sheet.location(row)}: {shown(item)!r} has the label "
                    f"{shown(label)!r} here and {shown(label_before)!r} before: keep one"
                )
    return classes


Kind: TypeAlias = Literal["judgements", "pairs", "triplets", "labels"]


def judgement_kind(path: PathLike) -> Kind:
    r"""Tell what kind of judgements a file holds, by the names of its columns.

    Pairs are called ``id_a,id_b,score`` or the like, triplets ``anchor,near,far``, labels
    ``id,label``; everything else is graded relevance.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "pairs.csv"
    >>> _ = file.write_text("word1,word2,score\ncat,dog,7.5\n")
    >>> judgement_kind(file)
    'pairs'
    """
    if as_path(path).is_dir() or is_sqlite(Path(path)):
        return "judgements"
    return _kind(open_sheet(path, comments=True))


def read_judgements(
    path: PathLike | Any,
    space: Space,
    *,
    direction: Direction = "queries-items",
    query_column: str | None = None,
    item_column: str | None = None,
    gain_column: str | None = None,
    label_queries: int | None = None,
    missing: Missing = "count",
    relevant_from: float | None = None,
    not_itself: bool = False,
    seed: int = 0,
    say: Say = quiet,
) -> Judgements:
    r"""Read graded relevance and line it up with the rows of a space by id.

    Reads TREC qrels (four columns parted by blanks), BEIR's tsv and folders, tables with
    ``query_id,item_id,gain`` under these or other usual names (CSV, TSV, parquet, feather; without
    a gain every pair counts as 1), labels (``id,label``: items of one class are relevant to each
    other, ``items-items`` whatever ``direction`` says; with ``label_queries`` so many of them ask,
    drawn by ``seed``), a store of judgements (SQLite), and the folder of a space: what was judged
    in the store beside it (``judgements.sqlite``), and where nothing was in this direction, what
    was stored with the space; ``SPACE/judgements`` names the latter alone. Instead of a path, a
    pandas or Polars frame or an Arrow table is taken.

    Columns ``probability`` and ``context`` say how pairs and queries were drawn, as ``judge
    sample`` writes them. Columns ``document``, ``start`` and ``end`` say which characters were
    judged; the passages of the space that stand there find these grades, however they were cut.

    Of a pair that comes more than once the highest gain is kept. Items that the space does not
    hold count as missed where they are relevant, as in trec_eval, unless ``missing`` is
    ``"drop"``; entries of queries that it does not hold, and judgements of an item against itself,
    are dropped. ``complaints`` counts what was dropped and what was merged. In TREC qrels, lines
    that begin with ``#`` are comments. ``relevant_from`` and ``not_itself`` are those of
    :class:`Judgements`.

    Where the items are passages (a column ``document`` of their metadata names what they were cut
    from), the file may name either passages or documents; of the latter ``parts`` tells the
    passages.

    Raises
    ------
    FileError, ValuesError, SpellingError
        Unreadable, a gain that is no number (by line), columns that cannot be told.
    IdsError
        Not one entry matches; the message shows three ids of either side. Or the file names both
        passages and documents.

    Examples
    --------
    >>> import tempfile
    >>> from anglewise.data_types.embeddings import Embeddings
    >>> file = Path(tempfile.mkdtemp()) / "qrels.txt"
    >>> _ = file.write_text("q1 0 a 2\nq1 0 b 0\nq2 0 zz 1\n")
    >>> queries, items = Embeddings([[1.0]], ["q1"]), Embeddings([[1.0], [2.0]], ["a", "b"])
    >>> space = Space(queries=queries, items=items)
    >>> judged = read_judgements(file, space)
    >>> judged.gains.values.tolist(), judged.complaints.dropped, judged.complaints.unknown_queries
    ([2.0, 0.0], 1, ('q2',))
    """
    check_kind(space, Space, "the space", "a Space")
    check_direction(direction)
    check_columns(query_column=query_column, item_column=item_column, gain_column=gain_column)
    check_flag(not_itself, "not_itself")
    SEED.check("seed", seed)
    if label_queries is not None:
        COUNT.check("label_queries", label_queries)
    named_columns = {QUERY: query_column, DOCUMENT: item_column, GAIN: gain_column}
    judged = _read(path, space, direction, named_columns, label_queries, seed=seed, say=say)
    return evaluated_with(
        judged, space, missing=missing, relevant_from=relevant_from, not_itself=not_itself
    )


def _read(
    path: PathLike | Any,
    space: Space,
    direction: Direction,
    named_columns: Mapping[Role, str | None],
    label_queries: int | None,
    *,
    seed: int,
    say: Say,
) -> Judgements:
    """All that is judged, wherever it stands."""
    if not is_frame(path):
        path = existing(path)
        stored = stored_judgements(path, space, direction, say)
        if stored is not None:
            check_no_labels(path, label_queries)
            check_no_columns(named_columns, path)
            return stored
        if path.is_dir():
            folder, path = path, qrels_in(path, say)
            check_inside(path, folder)
    sheet = unguarded_sheet(open_sheet(path, comments=True))
    if sheet.comments:
        say(f"{sheet.path.name}: {counted(sheet.comments, 'line')} of comments, which begin with #")
    kind = "judgements" if any(named_columns.values()) else _kind(sheet)
    if kind == "labels":
        fit = room() // PAIR_BYTES
        labels = read_labels(sheet.path, say=say)
        return from_labels(space, labels, queries=label_queries, seed=seed, most=fit)
    check_no_labels(sheet.path, label_queries)
    if kind != "judgements":
        raise FileError(f"{sheet.path} holds {kind}, not graded relevance: take read_{kind}")
    positions = _graded_positions(sheet, named_columns, say)
    spans = spans_in(sheet) if direction == SPANS_OF else {}
    if spans:
        return _by_spans(sheet, positions, spans, space, say)
    sides, parts = _judged_sides(sheet, positions[1], space, direction)
    aligned = _aligned(sheet, positions[:2], sides)
    gains = np.ones(len(aligned.entries))
    if len(positions) > 2:
        gains = _numbers(sheet, positions[2])[aligned.entries]
    rows, columns = aligned.rows
    judged = merged_judgements(
        rows,
        columns,
        gains,
        shape=(len(sides[0]), len(sides[1])),
        missing_ids=aligned.missing_ids,
        same_side=sides[0] is sides[1],
        direction=direction,
        source=str(sheet.path),
        complaints=aligned.complaints,
    )
    judged = _as_drawn(judged, sheet, positions, aligned, say)
    return replace(judged, parts=parts, of_users=_of_users(sheet, positions[0]))


def _of_users(sheet: Sheet, position: int) -> bool:
    """Whether a file calls those who ask users."""
    return sheet.names is not None and plain(sheet.names[position]) in USER.names.split()


def _by_spans(
    sheet: Sheet, positions: Sequence[int], spans: Mapping[str, int], space: Space, say: Say
) -> Judgements:
    """Judgements of characters of documents, as the passages of a space find theirs."""
    say(f"{sheet.path.name}: characters from {listed([sheet.name(p) for p in spans.values()])}")
    queries, items = (_ids(sheet, position).to_pylist() for position in positions[:2])
    gains = np.ones(len(queries)) if len(positions) < 3 else _numbers(sheet, positions[2])
    entries = list(zip(queries, items, gains.tolist(), strict=True))
    best = judged_spans(sheet, entries, spans, _origins(sheet, positions)[1])
    found = combined(best, space, SPANS_OF, name=str(sheet.path))
    return replace(
        found,
        source=str(sheet.path),
        complaints=replace(found.complaints, duplicates=len(queries) - len(best)),
        judged_at=None,
        of_users=_of_users(sheet, positions[0]),
    )


def _origins(
    sheet: Sheet, positions: Sequence[int]
) -> tuple[list[int], list[tuple[float | None, Mapping[str, Any]]]]:
    """The columns that say how pairs and queries were drawn, and what they say of each row."""
    at = [find(sheet.names or (), OWN[name], None, sheet.path) for name in (CHANCE, CONTEXT)]
    at = [None if position in positions else position for position in at]
    there = [position for position in at if position is not None]
    if not there:
        return [], []
    cells: list[list[Any] | None] = [
        None if position is None else sheet.columns([position])[0].to_pylist() for position in at
    ]
    origins = origins_in(cells[0], cells[1], lambda row: f"{sheet.path}, {sheet.location(row)}")
    return there, list(origins)


def _as_drawn(
    judged: Judgements, sheet: Sheet, positions: Sequence[int], aligned: Aligned, say: Say
) -> Judgements:
    """The same with what columns say about how pairs and queries were drawn, where some do."""
    at, origins = _origins(sheet, positions)
    if not at:
        return judged
    rows, columns = aligned.rows
    entries: list[int] = aligned.entries.tolist()
    by_lot = judged.drawn_as(rows, columns, [origins[entry] for entry in entries])
    if by_lot.by_lot or by_lot.drawn is not None:
        names = [sheet.name(position) for position in at]
        say(f"{sheet.path.name}: how pairs and queries were drawn from {' and '.join(names)}")
    return by_lot


def judged_ids(
    path: PathLike, query_column: str | None, item_column: str | None, gain_column: str | None
) -> tuple[list[str], list[str]]:
    """The ids of the queries and items that a file of graded relevance names, each once.

    Raises ``FileError`` for what holds labels, pairs or triplets, or no table.
    """
    path = existing_file(path)
    if is_sqlite(path):
        raise FileError(f"{path} is a store of judgements, which belongs to a space: give that too")
    sheet = unguarded_sheet(open_sheet(path, comments=True))
    named_columns = {QUERY: query_column, DOCUMENT: item_column, GAIN: gain_column}
    kind = "judgements" if any(named_columns.values()) else _kind(sheet)
    if kind != "judgements":
        raise FileError(f"{path} holds {kind}, not graded relevance, which judges runs")
    positions = _graded_positions(sheet, named_columns, quiet)[:2]
    queries, items = (_ids(sheet, position).unique().to_pylist() for position in positions)
    return queries, items


def _ids(sheet: Sheet, position: int) -> Any:
    """A column as ids; ``ValuesError`` names line and column of an empty one."""
    return names_of(sheet, sheet.columns([position])[0], position)


def _numbers(sheet: Sheet, position: int) -> Float64[Array, " rows"]:
    """A column as numbers; ``ValuesError`` names line and column of what is none."""
    return numbers_of(sheet, sheet.columns([position])[0], position)


def _judged_sides(
    sheet: Sheet, position: int, space: Space, direction: Direction
) -> tuple[tuple[Embeddings, Embeddings], Parts | None]:
    """The side that asks and what is judged: items, or the documents that they are passages of."""
    asking, ranked = space.sides(direction)
    if direction != "queries-items" or asking is ranked:
        return (asking, ranked), None
    names = _ids(sheet, position).unique().to_pylist()
    parts = judged_parts(names, ranked, f"{sheet.path}: {sheet.name(position)}")
    return (asking, ranked if parts is None else documents_of(ranked, parts)), parts


def _aligned(sheet: Sheet, positions: list[int], sides: tuple[Embeddings, Embeddings]) -> Aligned:
    try:
        return align(sheet, positions, sides, with_missing=True)
    except IdsError as error:
        parts = parts_of(sides[1])
        if parts is None:
            raise
        examples = ", ".join(repr(shown(name)) for name in parts.documents[:3])
        raise IdsError(f"{error}; the items are passages of the documents {examples}") from error


def check_no_labels(path: Path, label_queries: int | None) -> None:
    """Raise ``SpellingError`` where labelled items are to be drawn, and a path holds none."""
    if label_queries is not None:
        raise SpellingError(
            f"label_queries={label_queries} (--label-queries) draws from labels, and {path} holds "
            "none: leave it out"
        )


def _kind(sheet: Sheet) -> Kind:
    if sheet.names is None:
        return "judgements"

    def has(*roles: Role) -> bool:
        return all(find(sheet.names or (), role, None, sheet.path) is not None for role in roles)

    if has(ANCHOR, NEAR, FAR):
        return "triplets"
    if has(QUERY, DOCUMENT):
        return "judgements"
    if has(LEFT, RIGHT):
        return "pairs"
    return "labels" if has(ID, LABEL) else "judgements"


def _graded_positions(
    sheet: Sheet, named_columns: Mapping[Role, str | None], say: Say
) -> list[int]:
    """Where query, item and, if there is one, gain stand."""
    if sheet.names is None:
        positions = {4: [0, 2, 3], 3: [0, 1, 2], 2: [0, 1]}.get(sheet.width)
        if positions is None or any(named_columns.values()):
            raise FileError(
                f"{sheet.path} has no header and {sheet.width} columns: qrels have four (query, "
                "0, item, gain); name the columns in a first line"
            )
    else:
        positions = list(graded_columns(sheet.path, sheet.names, named_columns).values())
    if len(positions) == 2 and sheet.names is not None:
        check_no_grade(sheet, GAIN, positions, OWN.values())
    remarks = [] if len(positions) > 2 else ["no gains: every pair counts as 1"]
    say_columns(sheet, named_columns, positions, say, remarks)
    return positions


def say_columns(
    sheet: Sheet,
    roles: Iterable[Role],
    positions: Sequence[int],
    say: Say,
    remarks: Sequence[str] = (),
) -> None:
    """Say which columns are taken for which roles."""
    words = [
        f"{role.meaning} from {sheet.name(p)}" for role, p in zip(roles, positions, strict=False)
    ]
    say(f"{sheet.path.name}: {', '.join([*words, *remarks])}")
