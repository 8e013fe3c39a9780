"""Who visited what, as the logs of UCI's MSWeb have it: items, then users with what each opened."""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import Say, counted
from anglewise.errors import ValuesError
from anglewise.io.files import reading
from anglewise.io.interaction_lists import UsedItem, interactions_from, numbered_lines

KIND = re.compile(r"[A-Z],")
"""A line begins with a letter that says what it is."""


def is_msweb(lines: Sequence[str]) -> bool:
    """Whether each line begins with the letter of its kind, and some name items (A) as MSWeb does.

    >>> is_msweb(['I,4,"www"', 'A,1287,1,"Autoroute","/autoroute"', 'C,"1",1', "V,1287,1"])
    True
    >>> is_msweb(["A,B,C"])
    False
    """
    if not lines or not all(KIND.match(line) for line in lines):
        return False
    items = [line.split(",") for line in lines if line.startswith("A,")]
    return bool(items) and all(len(cells) >= 5 and cells[2] == "1" for cells in items)


def read_msweb(path: Path, say: Say) -> Interactions:
    """Lines ``A`` name items, ``C`` begin a user, ``V`` say what that user opened; others are not.

    Titles become metadata of the items. Raises ``ValuesError`` for a line that is none of these,
    or a visit of nobody, by line.
    """
    titles: dict[str, str] = {}
    entries: list[UsedItem] = []
    user: str | None = None
    users = 0
    for number, line in numbered_lines(path):
        with reading(path, "lines of MSWeb"):
            kind, *cells = next(csv.reader([line]))
        if kind == "A" and len(cells) >= 3 and cells[0]:
            titles[cells[0]] = cells[2].strip()
        elif kind == "C" and cells and cells[0]:
            user, users = cells[0], users + 1
        elif kind == "V" and cells and cells[0] and user is not None:
            entries.append(UsedItem(user, cells[0]))
        elif kind not in {"I", "T", "N"}:
            raise ValuesError(
                f'{path}, line {number}: {line[:40]!r}, where A,1287,1,"title" (an item), '
                'C,"10001",10001 (a user) or V,1287,1 (what the user opened) is due'
            )
    found = interactions_from(path, entries)
    idle = users - len(found.user_ids)
    left_out = f"; {counted(idle, 'user')} without a visit left out" if idle > 0 else ""
    say(
        f"{path.name}: MSWeb: users from the lines C, items from the lines V beneath, titles from "
        f"the lines A; every item counts 1{left_out}"
    )
    named = [titles.get(item) or None for item in found.item_ids]
    return replace(found, item_metadata={"title": named}) if any(named) else found
