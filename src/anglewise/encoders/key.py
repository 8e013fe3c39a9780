"""Where a server is, and the key that it gets: checked before anything is sent, told to nobody."""

import os
import re
from urllib.parse import urlsplit

from anglewise.errors import SpellingError

USUAL = "OPENAI_API_KEY"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def checked_address(url: str) -> str:
    """The address of a server without its last slash; ``SpellingError`` for what is none.

    What may hold a secret is not repeated: a password, or what stands behind ``?`` or ``#``.

    >>> checked_address("http://localhost:8080/v1/")
    'http://localhost:8080/v1'
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
        _ = parts.port
    except ValueError:  # brackets that are not closed, a port that is no number
        raise SpellingError("the url of the server is none: http://HOST/… is due") from None
    if "@" in parts.netloc:
        raise SpellingError("the url of the server holds a password: give the key by its variable")
    if parts.query or parts.fragment:
        raise SpellingError(
            f"the url of the server ({url.partition('?')[0].partition('#')[0]}) goes on behind ? "
            "or #: give it without, and the key by its variable"
        )
    if not good:
        raise SpellingError(f"url={url}: http://… or https://… is due")
    return url.rstrip("/")


def key_of(named: str | None) -> str | None:
    """The key in a variable, the usual one if none is named.

    Raises ``SpellingError``, without the key, for a variable that is named and not there.
    """
    if named is None:
        return os.environ.get(USUAL)
    if not NAME.fullmatch(named):
        raise SpellingError(
            f"a key is given by the name of an environment variable, such as {USUAL}: what came is "
            "no such name, and is not repeated here in case it is the key itself"
        )
    if named not in os.environ:
        raise SpellingError(f"key={named}: there is no such environment variable")
    return os.environ[named]


def bearer(key: str | None) -> dict[str, str]:
    """The header that holds a key; ``SpellingError``, without it, if no header can.

    >>> bearer(" 123-secret "), bearer(None)
    ({'Authorization': 'Bearer 123-secret'}, {})
    """
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise SpellingError("the key holds characters that no key has: set its variable again")
    return {"Authorization": f"Bearer {key}"} if key else {}
