"""Tables read from files: names and roles of columns, cells as ids, rows, numbers and times."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.numbers import EXACT, shown
from anglewise.data_types.row_ids import CONTROL
from anglewise.data_types.text import order_of_ids
from anglewise.data_types.typing import Array, Float64, Int64, Shaped
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.files import PathLike, arrow, reading
from anglewise.io.truth_values import truth_values


@dataclass(frozen=True)
class Role:
    """What a column is for, the option that names it, and names it usually goes by.

    ``names`` are parted by blanks, the best first, and are compared without case, underscores
    and hyphens.
    """

    meaning: str
    option: str
    names: str


USER = Role(
    "users",
    "user",
    "userid user uid username useridx customerid customer visitorid reviewerid "
    "memberid accountid playerid sessionid session",
)
ITEM = Role(
    "items",
    "item",
    "itemid item iid movieid movie productid product asin parentasin sku stockcode "
    "bookid isbn artistid trackid songid businessid gameid appid animeid articleid "
    "newsid videoid contentid itemidx",
)
WEIGHT = Role(
    "weights",
    "weight",
    "rating weight score count value overall stars plays playcount listens quantity "
    "interactions interaction label liked like feedback preference",
)
TIME = Role(
    "times",
    "time",
    "timestamp time datetime date unixtime unixreviewtime ts createdat eventtime "
    "reviewdate invoicedate",
)
EVENT = Role(
    "kinds of events",
    "event_column",
    "event eventtype eventname action actiontype behavior behaviour behaviortype behaviourtype "
    "interactiontype activitytype",
)
QUERY = Role(
    "queries",
    "query_column",
    "queryid query qid topicid topic questionid question userid user",
)
DOCUMENT = Role(
    "items",
    "item_column",
    "itemid item corpusid docid docno documentid document doc did passageid pid "
    "movieid productid asin neighbourid neighborid",
)
GAIN = Role(
    "gains",
    "gain_column",
    "gain relevance rel score grade label judgement judgment relevancy rating qrel",
)
ID = Role(
    "ids",
    "id_column",
    "id docid itemid queryid userid corpusid passageid productid movieid uid key name "
    "word token asin sku url path filename",
)
VECTOR = Role(
    "vectors",
    "vector_column",
    "vector embedding emb embeddings vectors values vec denseembedding densevector "
    "features factors openai data",
)
LEFT = Role(
    "left side",
    "query_column",
    "ida id1 a left itema item1 first worda word1 sentence1",
)
RIGHT = Role(
    "right side",
    "item_column",
    "idb id2 b right itemb item2 second wordb word2 sentence2",
)
LIKENESS = Role(
    "scores",
    "gain_column",
    "score similarity gain rating relatedness label simlex999 human",
)
ANCHOR = Role("anchors", "anchor", "anchor anchorid query queryid reference")
NEAR = Role("near ones", "near", "near nearid positive positiveid pos closer")
FAR = Role("far ones", "far", "far farid negative negativeid neg further")
LABEL = Role("labels", "label_column", "label class category group cluster")


def plain(name: str) -> str:
    """A column name as it is compared, without the type that RecBole writes behind it.

    >>> plain("User-ID"), plain("item_id:token")
    ('userid', 'itemid')
    """
    return re.sub(r"[\W_]", "", re.sub(r":(token|float)(_seq)?$", "", name.strip()).lower())


def find(names: Sequence[str], role: Role, column_name: str | None, path: Path) -> int | None:
    """The position of the column with a role: the one given, else the best-known name, else none.

    Raises ``SpellingError`` when the given name is not there.

    >>> find(["uid", "movieId"], ITEM, None, Path("ratings.csv"))
    1
    """
    if column_name is not None:
        for candidates in (names, [re.sub(r":\w+$", "", name) for name in names]):
            if column_name in candidates:
                return only(list(candidates), column_name, path)
        raise SpellingError(
            f"{path} has no column {column_name!r} for the {role.meaning}: "
            f"its columns are {listed(names)}"
        )
    plain_names = [plain(name) for name in names]
    position = next(
        (plain_names.index(name) for name in role.names.split() if name in plain_names), None
    )
    return None if position is None else only(names, names[position], path)


def only(names: Sequence[str], name: str, path: Path) -> int:
    """Where the one column of a name stands; ``FileError`` where there are several."""
    if names.count(name) > 1:
        raise FileError(
            f"{path} has {names.count(name)} columns called {name!r}, of which none can be meant "
            "alone: give each column a name of its own"
        )
    return names.index(name)


def check_names(names: Sequence[str], path: Path) -> None:
    """Refuse columns of one name, of which the first would be taken for all.

    Columns without a name, as spreadsheets write behind the last one, are let through.
    """
    for name, count in Counter(names).items():
        if count > 1 and name:
            only(names, name, path)


def check_no_columns(named: Mapping[Role, str | None], path: PathLike) -> None:
    """Raise ``SpellingError`` where a column is named, and nothing is read from columns.

    >>> check_no_columns({ID: None}, Path("movies"))
    """
    for role, column_name in named.items():
        if column_name is not None:
            raise SpellingError(
                f"{role.option}={shown(column_name)!r} (--{role.option.replace('_', '-')}) names "
                f"the column of the {role.meaning}, and of {path} none is read: leave it out"
            )


def need(names: Sequence[str], role: Role, column_name: str | None, path: Path) -> int:
    """As ``find``, but ``FileError`` where there is none."""
    position = find(names, role, column_name, path)
    if position is None:
        raise FileError(
            f"{path}: cannot tell which column holds the {role.meaning} among {listed(names)}; "
            f"name it: {role.option}=... (--{role.option.replace('_', '-')})"
        )
    return position


def check_distinct_columns(
    names: Sequence[str], positions: Mapping[Role, int], named_roles: Collection[Role], path: Path
) -> None:
    """Raise ``SpellingError`` where an option names a column that is also something else."""
    for role, other in permutations(positions, 2):
        if positions[role] == positions[other] and role in named_roles:
            raise SpellingError(
                f"{path}: {names[positions[role]]!r} cannot hold both the {role.meaning} and the "
                f"{other.meaning}: name another column"
            )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a sentence, not too many.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> listed(["a", "b"], most=2)
    'a, b'
    """
    shown = ", ".join(str(name)[:40] for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table whose columns are read when asked for.

    Attributes
    ----------
    names
        The names of the columns; ``None`` where the file has no header.
    kinds
        The Arrow type of each column.
    columns
        Reads some columns by position into a list of pyarrow arrays, text as text.
    location
        Where a row stands in the file, in words.
    comments
        How many lines were passed over as comments.
    blocks
        How many rows there are, and what reads a column by its name, some rows at a time.
    """

    path: Path
    names: tuple[str, ...] | None
    kinds: tuple[Any, ...]
    columns: Callable[[Sequence[int]], list[Any]]
    location: Callable[[int], str]
    comments: int = 0
    blocks: tuple[int, Callable[[str], Iterator[Any]]] | None = None

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.kinds)

    def name(self, position: int) -> str:
        """What to call a column in a message."""
        return f"column {position + 1}" if self.names is None else repr(self.names[position])


def names_of(sheet: Sheet, column: Any, position: int) -> Any:
    """A column as ids: text, none missing.

    Whole numbers stored as floats (a table that once had gaps) are written as whole numbers.
    Raises ``ValuesError`` naming the row of an empty id, or a column of truth values, or of floats
    so large that they no longer tell neighbouring numbers apart.
    """
    pa = arrow()
    pc = arrow("compute")

    with reading(sheet.path, "ids"):
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        column = _stored(column)
        _check_names_something(sheet, column, position)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
            if pc.all(pc.equal(column, pc.floor(column))).as_py():
                column = pc.cast(column, pa.int64())
        if is_bytes(column.type):
            column = _text_of_bytes(sheet, column, position)
        text = pc.cast(column, pa.string()) if column.type != pa.string() else column
        # Arrow imports pandas, for half a second, to make one Python value its own: so none here.
        worded = pc.cast(pc.utf8_length(pc.utf8_trim_whitespace(text)), pa.bool_())
        if pc.all(worded, skip_nulls=False, min_count=0).as_py():
            return text
        first = pc.index(pc.fill_null(worded, False), False).as_py()
    raise ValuesError(
        f"{sheet.path}, {sheet.location(first)}: the id in {sheet.name(position)} is empty; "
        "give every row one, or drop the row"
    )


def is_bytes(kind: Any) -> bool:
    """Whether an Arrow type is bytes, of one length or not."""
    types = arrow("types")
    tests = types.is_binary, types.is_large_binary, types.is_fixed_size_binary
    return any(test(kind) for test in (*tests, types.is_binary_view))


def _stored(column: Any) -> Any:
    """A column without the meaning that a file gives its type; UUIDs as they are written."""
    pa = arrow()
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    storage = pa.chunked_array([chunk.storage for chunk in chunks], column.type.storage_type)
    if column.type.extension_name != "arrow.uuid":
        return storage
    cells: list[bytes | None] = storage.to_pylist()
    names = [None if cell is None else str(UUID(bytes=cell)) for cell in cells]
    return pa.chunked_array([pa.array(names, pa.string())])


def _text_of_bytes(sheet: Sheet, column: Any, position: int) -> Any:
    pa, pc = arrow(), arrow("compute")
    faults = (pa.ArrowInvalid, UnicodeDecodeError)
    try:
        text = pc.cast(pc.cast(column, pa.binary()), pa.string())
        if not pc.any(pc.match_substring_regex(text, CONTROL.pattern)).as_py():
            return text
    except faults:
        pass
    raise ValuesError(
        f"{sheet.path}: {sheet.name(position)} holds bytes that are no text in UTF-8 (UUIDs or "
        "hashes?), and ids are text or whole numbers: write them as text"
    )


EXACT_IN = {"halffloat": 2.0**11, "float": 2.0**24}
"""From where on narrower floats than float64 leave numbers out, so that two ids become one."""


def _check_names_something(sheet: Sheet, column: Any, position: int) -> None:
    pa, pc = arrow(), arrow("compute")
    if pa.types.is_boolean(column.type):
        raise ValuesError(
            f"{sheet.path}: {sheet.name(position)} holds true and false, and ids are text or whole "
            "numbers: name the column of the ids"
        )
    if pa.types.is_temporal(column.type):
        raise ValuesError(
            f"{sheet.path}: {sheet.name(position)} holds times ({column.type}), which are written "
            "in several ways, and ids are text or whole numbers: write them as text"
        )
    if pa.types.is_floating(column.type):
        largest = pc.max(pc.abs(pc.cast(column, pa.float64()))).as_py()
        if largest is not None and largest >= EXACT_IN.get(str(column.type), EXACT):
            raise ValuesError(
                f"{sheet.path}: {sheet.name(position)} holds {largest:g}, and ids as floats "
                "of this size have lost their last digits: write them as text or whole numbers"
            )


def numbered(names: Any) -> tuple[Int64[Array, " entries"], Shaped[Array, " kinds"]]:
    """Number a column of ids: ``(number of each entry, the ids in order)``.

    Ids that are all whole numbers are ordered as numbers, others as text, so that the numbering
    does not depend on the order of the rows.

    >>> import pyarrow as pa
    >>> numbered(pa.array(["10", "9", "10"]))
    (array([1, 0, 1]), array(['9', '10'], dtype=object))
    """
    pa = arrow()

    chunks = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    encoded = chunks.dictionary_encode()
    kinds = encoded.dictionary.to_pylist()
    order = np.array(order_of_ids(kinds), dtype=np.int64)
    rank = np.empty(len(kinds), dtype=np.int64)
    rank[order] = np.arange(len(kinds))
    return rank[np.asarray(encoded.indices)], np.array(kinds, dtype=object)[order]


def rows_of(names: Any, side: Embeddings) -> Int64[Array, " entries"]:
    """The row of each id on a side of a space, ``-1`` where it has none."""
    pa = arrow()

    chunks = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    encoded = chunks.dictionary_encode()
    rows = [side.row_of.get(name, -1) for name in encoded.dictionary.to_pylist()]
    return np.array(rows, dtype=np.int64)[np.asarray(encoded.indices)]


def numbers_of(sheet: Sheet, column: Any, position: int) -> Float64[Array, " rows"]:
    """A column as finite numbers, true as 1 and false as 0.

    Raises ``ValuesError`` naming the first row that holds none.
    """
    pa = arrow()
    pc = arrow("compute")

    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = truth_values(column)
            if not pa.types.is_boolean(column.type):
                column = pc.cast(pc.utf8_trim_whitespace(column), pa.float64())
        except pa.ArrowInvalid:
            refused = _first_refused(pc.utf8_trim_whitespace(column))
            raise _not_a_number(sheet, position, refused, column[refused].as_py()) from None
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    try:
        values = np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)
    except pa.ArrowException as error:
        raise FileError(
            f"{sheet.path}: {sheet.name(position)} holds {column.type}, numbers are due"
        ) from error
    refused = np.flatnonzero(~np.isfinite(values))
    if len(refused):
        raise _not_a_number(sheet, position, int(refused[0]), column[int(refused[0])].as_py())
    return values


def _first_refused(column: Any) -> int:
    """The row of the first text that Arrow reads no number from; Python reads more as numbers."""
    pa, pc = arrow(), arrow("compute")
    first, last = 0, len(column)
    while last - first > 1:
        middle = (first + last) // 2
        try:
            pc.cast(column[first:middle], pa.float64())
            first = middle
        except pa.ArrowInvalid:
            last = middle
    return first


def is_number(text: str) -> bool:
    """Whether a cell reads as a number.

    >>> [is_number(text) for text in ("1e3", "nan", "1_0", "rating")]
    [True, True, False, False]
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")


def _not_a_number(sheet: Sheet, position: int, row: int, value: object) -> ValuesError:
    shown = "nothing" if value is None else repr(str(value)[:40])
    remedy = "mend or drop the row"
    if isinstance(value, str) and DECIMAL_COMMA.fullmatch(value):
        remedy = "write decimals with a point and thousands without a sign"
    return ValuesError(
        f"{sheet.path}, {sheet.location(row)}: {shown} in {sheet.name(position)}, "
        f"where a finite number is due; {remedy}"
    )
