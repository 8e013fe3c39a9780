"""Numbers and words that programs stumble over."""

from random import Random
from typing import Any

NUMBERS = (
    *("0", "1", "-1", "2", "3", "0.5", "-0", "-0.5", "1.", ".5", "1e5", "1e-400", "1e308", "1e309"),
    *("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999999999", "9" * 5000, "-" + "9" * 400),
    *("0" * 5000 + "1", "1" + "0" * 310, "2147483648", "4294967296", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775809", "18446744073709551616", "1_000", "0x10"),
    *("\u0663", "\uff11", "\u00b2", "\u0967.\u096b", "\u2212", "\u22121", "1,5", "1 000", "+1"),
    *("1/2", "true", "None", "", " ", " 1 ", "1\x00", "1\n", "1e", "e1", "--1", "1.2.3", "0.1e1e1"),
    *("1_0_0", "_1", "1j", "1970-01-01", "2024-02-30T25:61", "9999-12-31T23:59:59Z", "00001-1-1"),
)
WORDS = (
    *(
        "",
        " ",
        "a",
        "b",
        "q1",
        "\x00",
        "a\x00b",
        "\n",
        "a\nb",
        "\r",
        "a\rb",
        "\t",
        "a\tb",
        '"',
        "'",
    ),
    *('"a', 'a"b', '""', ",", ";", "::", "\ufeff", "\ufeffa", "\u202eevil\u202c", "\u2028", "\x85"),
    *("\x1b[31mred", "\x1b]0;title\x07", "\x9b1m", "\ud800", "\udcff", "a\udcffb", "\U0001f600"),
    *("e\u0301", "\u00df", "\u0130", "I", "i\u0307", "\u01c6", "x" * 5000, "\\", "\\n", "%s", "%n"),
    *("{0}", "{{7*7}}", "${HOME}", "$(id)", "`id`", "<script>alert(1)</script>", "[bold]x[/bold]"),
    *("[/]", "[link=x]", "=1+1", "@a", "#", "-", "--", "-1", "nan", "null", "None", "true", "NA"),
    *("id", "vector", "query_id", "item_id", "gain", "label", "title", "text", "CON", "a/b", "."),
)
NAMES = (
    *("id", "vector", "vectors", "embedding", "emb", "ids", "user_id", "item_id", "rating", "time"),
    *("timestamp", "query_id", "query-id", "corpus-id", "score", "gain", "label", "id_a", "id_b"),
    *("anchor", "near", "far", "title", "text", "document", "start", "end", "image", "probability"),
    *("judge", "source", "direction", "uuid", "context", "note", "grade", "_id", "split", "seen"),
    *("row", "value", "bytes", "path", "Id", "ID ", "", "user_factors", "item_factors", "factors"),
)


def number(rng: Random) -> str:
    """A number as somebody may write it."""
    if rng.random() < 0.4:
        return rng.choice(("0", "1", "2", "3", "0.5", "10", "1.5", "-1", "100", "0.01"))
    return rng.choice(NUMBERS)


def word(rng: Random) -> str:
    """A word as somebody may write it."""
    return rng.choice(WORDS if rng.random() < 0.7 else NUMBERS)


def value(rng: Random) -> Any:
    """What JSON may hold where something else is due."""
    kind = rng.randrange(12)
    if kind < 3:
        return word(rng)
    if kind < 6:
        return rng.choice((0, 1, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, 1e308, -0.0))
    return rng.choice(
        (
            *(None, True, False, [], {}, [[]], {"": None}, [None], ["a", 1], {"a": {"b": []}}),
            *(float("nan"), float("inf"), -float("inf"), [1, 2, 3], [0.5, "x"], [[1, 2], [3]]),
            *({"values": 1}, [True], "1", "0.5", [1e999], {"id": 1}),
        )
    )


def changed(text: str, rng: Random) -> str:
    """A text with a few letters gone, doubled, changed or put in."""
    letters = list(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(letters) + 1)
        deed = rng.randrange(7)
        if deed == 0:
            del letters[at : at + rng.choice((1, 1, 2, 5))]
        elif deed == 1:
            letters[at:at] = letters[at : at + rng.randrange(1, 9)]
        elif deed == 2:
            letters[at : at + 1] = rng.choice("()@,:+-.*[]=<>?&% \t\n\x00\u0663\u00b7'\"0aZ{}")
        elif deed == 3:
            letters[at:at] = word(rng)[:50]
        elif deed == 4:
            letters[at:at] = number(rng)
        elif deed == 5:
            letters = list("".join(letters).upper())
        else:
            piece = letters[at : at + rng.randrange(1, 4)]
            letters[at:at] = piece * rng.choice((2, 10, 100, 1000, 10_000))
    return "".join(letters)[:60_000]
