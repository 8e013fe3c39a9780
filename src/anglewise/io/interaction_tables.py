"""Who used what as a table of a row for each use: which columns are what, and what rows weigh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say
from anglewise.errors import FileError, SpellingError
from anglewise.io.event_kinds import weights_of_events
from anglewise.io.interaction_formats import OTHERWISE
from anglewise.io.interaction_matrices import looks_wide
from anglewise.io.moments import times_of
from anglewise.io.nameless_tables import check_plain_table, doubt_about
from anglewise.io.tables import (
    EVENT,
    ITEM,
    TIME,
    USER,
    WEIGHT,
    Role,
    Sheet,
    check_distinct_columns,
    find,
    names_of,
    need,
    numbered,
    numbers_of,
    plain,
)
from anglewise.io.unread_columns import check_no_grade, remark


@dataclass(frozen=True, eq=False)
class TableOptions:
    """What was said about a table: names of columns, their order, what events are worth.

    ``form`` is the format that was named, and ``absent`` what cells of nothing hold. Where rows are
    not ``weighed``, since any use counts, nothing is asked about what they are worth.
    """

    roles: Mapping[Role, str | None]
    order: Sequence[Role | None] | None = None
    worth: Mapping[str, float] | None = None
    form: str | None = None
    absent: Sequence[float] | None = None
    weighed: bool = True


def read_uses(sheet: Sheet, options: TableOptions, say: Say) -> Interactions:
    """The rows of a table as interactions, in their order; pairs may repeat.

    Says in one line which columns are taken for what, and which are not read. Raises
    ``FileError`` and ``SpellingError`` where columns cannot be told, and ``ValuesError`` for cells
    that are empty or no numbers.
    """
    roles, worth = options.roles, options.worth
    positions = _positions(sheet, options)
    if not options.weighed:
        positions.pop(EVENT, None)
    if worth is not None and EVENT not in positions:
        raise SpellingError(
            f"event (--event) says what kinds of events are worth, and no column of {sheet.path} "
            "is known to hold kinds: name it, event_column=... (--event-column)"
        )
    is_weighed = WEIGHT in positions or EVENT in positions
    if options.weighed and sheet.names is not None and not is_weighed:
        check_no_grade(sheet, WEIGHT, positions.values())
    columns = dict(zip(positions, sheet.columns(list(positions.values())), strict=True))
    weights, said = None, ""
    if EVENT in positions:
        weights, said = weights_of_events(sheet, columns[EVENT], positions[EVENT], worth)
    if weights is not None and WEIGHT in positions:
        if roles[WEIGHT] is not None:
            raise SpellingError(
                f"{sheet.path}: both event and weight (--event, --weight) say what a row weighs: "
                "give one of them"
            )
        said += f"; {sheet.name(positions[WEIGHT])} is not read"
        del columns[WEIGHT]
    parts = [
        f"{role.meaning} from {sheet.name(positions[role])}"
        for role in columns
        if role is not EVENT
    ]
    if WEIGHT not in columns and weights is None:
        said = f"; every row counts 1{said}"
    said += doubt_about(sheet) if options.order is None else ""
    in_order = " (no header: in this order)" * (sheet.names is None)
    say(f"{sheet.path.name}: {', '.join(parts)}{in_order}{said}{remark(sheet, positions)}")
    users, user_ids = numbered(names_of(sheet, columns[USER], positions[USER]))
    items, item_ids = numbered(names_of(sheet, columns[ITEM], positions[ITEM]))
    _check_one_header(sheet, positions, user_ids, item_ids)
    if weights is None:
        weights = np.ones(len(users))
        if WEIGHT in columns:
            weights = numbers_of(sheet, columns[WEIGHT], positions[WEIGHT])
    times = _times(sheet, roles, positions, columns, say) if TIME in columns else None
    return Interactions(users, items, weights, user_ids, item_ids, times)


def _check_one_header(
    sheet: Sheet, positions: Mapping[Role, int], user_ids: Any, item_ids: Any
) -> None:
    """Refuse files put behind each other with the first line of each, which would name a user."""
    if sheet.names is None:
        return
    user, item = (sheet.names[positions[role]] for role in (USER, ITEM))
    if user in user_ids and item in item_ids:
        raise FileError(
            f"{sheet.path} names its columns again among its rows ({user!r} is a user and {item!r} "
            "an item): leave out all lines of names but the first"
        )


def _times(
    sheet: Sheet,
    roles: Mapping[Role, str | None],
    positions: Mapping[Role, int],
    columns: Mapping[Role, Any],
    say: Say,
) -> Any:
    try:
        return times_of(sheet, columns[TIME], positions[TIME])
    except FileError as error:
        if roles[TIME] is not None:
            raise
        say(f"{error}; left out, since nobody asked for it")
        return None


def _positions(sheet: Sheet, options: TableOptions) -> dict[Role, int]:
    """Where each role stands; without a header in the order user, item, weight, time."""
    roles = options.roles
    if options.order is not None:
        return _in_order(sheet, roles, options.order)
    if sheet.names is None:
        if any(roles.values()):
            raise SpellingError(
                f"{sheet.path} has no header: add one, then name its columns; or name them in "
                "their order (--format user,item,weight,time)"
            )
        if not 2 <= sheet.width <= len(IN_ORDER):
            raise FileError(
                f"{sheet.path} has no header and {sheet.width} columns: user, item and, if "
                "you like, weight and time are due in this order; or add a header; "
                f"{OTHERWISE}"
            )
        check_plain_table(sheet)
        return dict(zip(IN_ORDER, range(sheet.width), strict=False))
    positions: dict[Role, int] = {}
    for role in (USER, ITEM):
        try:
            positions[role] = need(sheet.names, role, roles[role], sheet.path)
        except FileError as error:
            raise FileError(f"{error}{_hint(sheet, positions)}") from error
    for role in (WEIGHT, TIME, EVENT):
        position = find(sheet.names, role, roles[role], sheet.path)
        if position is not None and (roles[role] is not None or position not in positions.values()):
            positions[role] = position
    named_roles = {role for role, name in roles.items() if name is not None}
    check_distinct_columns(sheet.names, positions, named_roles, sheet.path)
    return positions


IN_ORDER = (USER, ITEM, WEIGHT, TIME)
"""What the columns of a table without a header are."""


def _hint(sheet: Sheet, positions: Mapping[Role, int]) -> str:
    """What else a table without a column of users or items may be."""
    if looks_wide(sheet):
        return "; or, if each column is an item and each row a user, --format wide"
    if USER in positions:
        return ""
    return f"; or, if the first line is data and names no columns: {OTHERWISE}"


def _in_order(
    sheet: Sheet, roles: Mapping[Role, str | None], order: Sequence[Role | None]
) -> dict[Role, int]:
    given = [role.option for role, name in roles.items() if name is not None]
    if given:
        raise SpellingError(
            f"--format names the columns of {sheet.path} in their order: leave out "
            f"{', '.join(given)}"
        )
    if sheet.names is not None:
        raise SpellingError(
            f"{sheet.path} has names of columns: name the roles by them (--user, --item, …) in "
            "place of --format"
        )
    if len(order) != sheet.width:
        raise SpellingError(
            f"--format names {len(order)} columns, and {sheet.path} has {sheet.width}: name each, "
            "with - for one that is not read"
        )
    positions = {role: i for i, role in enumerate(order) if role is not None}
    for role in (USER, ITEM):
        first = str(sheet.columns([positions[role]])[0][0].as_py())
        if plain(first) in role.names.split():
            raise SpellingError(
                f"{sheet.path} begins with {first!r}, which names a column: --format is for tables "
                "without a header, so leave it out"
            )
    return positions
