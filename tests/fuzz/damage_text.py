"""Damage to tables and lists written as text."""

import re
from random import Random

from fuzz.strange import NAMES, changed, number, word

MARKS = (",", ";", "\t", "::", " ", "|")


def text(data: bytes, rng: Random) -> bytes:
    """Cells, columns, lines, marks between them, line ends, encodings."""
    whole = data.decode("utf-8", "surrogateescape")
    for _ in range(rng.choice((1, 1, 2, 3))):
        whole = rng.choice(DEEDS)(whole, rng)
    return _encoded(whole, rng)


def word2vec_binary(data: bytes, rng: Random) -> bytes:
    """The sizes that the first line promises, and words."""
    head, end, rest = data.partition(b"\n")
    parts = head.decode("utf-8", "replace").split(" ")
    at = rng.randrange(len(parts))
    parts[at] = number(rng) if rng.random() < 0.7 else word(rng)
    return " ".join(parts).encode("utf-8", "surrogatepass") + end + rest


def _cell(whole: str, rng: Random) -> str:
    lines = whole.split("\n")
    row = rng.randrange(len(lines))
    mark = _mark(lines[row], rng)
    cells = lines[row].split(mark)
    at = rng.randrange(len(cells))
    deed = rng.random()
    if deed < 0.45:
        cells[at] = number(rng)
    elif deed < 0.75:
        cells[at] = word(rng)
    elif deed < 0.9:
        cells[at] = changed(cells[at], rng)
    else:
        cells[at : at + 1] = [] if rng.random() < 0.5 else [cells[at]] * 2
    lines[row] = mark.join(cells)
    return "\n".join(lines)


def _header(whole: str, rng: Random) -> str:
    head, end, rest = whole.partition("\n")
    mark = _mark(head, rng)
    names = head.split(mark)
    at = rng.randrange(len(names))
    names[at] = rng.choice((rng.choice(NAMES), rng.choice(names), word(rng)))
    return mark.join(names) + end + rest


def _column(whole: str, rng: Random) -> str:
    """One column gone, doubled, moved to the end, or all its cells the same."""
    lines = whole.split("\n")
    mark = _mark(lines[0], rng)
    rows = [line.split(mark) for line in lines]
    at, deed, fill = rng.randrange(len(rows[0])), rng.randrange(4), number(rng)
    for cells in rows:
        if at >= len(cells):
            continue
        if deed == 0:
            del cells[at]
        elif deed == 1:
            cells.insert(at, cells[at])
        elif deed == 2:
            cells.append(cells.pop(at))
        elif cells is not rows[0]:
            cells[at] = fill
    return "\n".join(mark.join(cells) for cells in rows)


def _line(whole: str, rng: Random) -> str:
    lines = whole.split("\n")
    at, deed = rng.randrange(len(lines)), rng.randrange(6)
    if deed == 0:
        del lines[at]
    elif deed == 1:
        lines.insert(at, lines[at])
    elif deed == 2:
        lines.insert(at, word(rng))
    elif deed == 3:
        lines = lines[: at + 1]
    elif deed == 4:
        rng.shuffle(lines)
    else:
        lines = [lines[at]] * rng.choice((2, 30, 300))
    return "\n".join(lines)


def _marks(whole: str, rng: Random) -> str:
    return whole.replace(_mark(whole.split("\n", 1)[0], rng), rng.choice((*MARKS, '"', "")))


def _line_ends(whole: str, rng: Random) -> str:
    return whole.replace("\n", rng.choice(("\r\n", "\r", "\n\n", "\n\r", "\u2028", "\x85", "\x0b")))


def _quoted(whole: str, rng: Random) -> str:
    lines = whole.split("\n")
    at = rng.randrange(len(lines))
    mark = _mark(lines[at], rng)
    cells = lines[at].split(mark)
    place = rng.randrange(len(cells))
    cells[place] = rng.choice(('"{}"', '"{}', '{}"', '"{}""', '"{}\n{}"')).replace(
        "{}", cells[place]
    )
    lines[at] = mark.join(cells)
    return "\n".join(lines)


def _numbers(whole: str, rng: Random) -> str:
    """One of the numbers, wherever it stands."""
    places = list(re.finditer(r"-?\d+(?:\.\d+)?", whole))
    if not places:
        return whole + number(rng)
    found = rng.choice(places)
    return whole[: found.start()] + number(rng) + whole[found.end() :]


def _empty(whole: str, rng: Random) -> str:
    """What is left where next to nothing is."""
    head = whole.split("\n", 1)[0]
    return rng.choice(("", "\n", head, head + "\n", " ", "\ufeff", "\ufeff" + head, "\x00"))


DEEDS = (_cell, _cell, _cell, _cell, _header, _header, _column, _column, _line, _line, _marks)
DEEDS += (_line_ends, _quoted, _numbers, _numbers, changed, _empty)


def _mark(line: str, rng: Random) -> str:
    there = [mark for mark in MARKS if mark in line]
    return rng.choice(there) if there else ","


def _encoded(whole: str, rng: Random) -> bytes:
    deed = rng.random()
    if deed < 0.88:
        return whole.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")
    if deed < 0.92:
        return whole.encode("utf-8-sig", "surrogatepass")
    return whole.encode(rng.choice(("latin-1", "utf-16", "utf-32", "cp1252")), "replace")
