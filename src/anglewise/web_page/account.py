"""Find out whether a connection within this machine comes from a program of another account.

A browser sends the cookie of a page to every port of its machine. So another account could learn
the token through a port of its own: the token alone does not keep other accounts out.
"""

import ipaddress
import os
import sys
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Where Linux lists connections, each with its account."""

LOCAL, REMOTE, ACCOUNT, SOCKET = 1, 2, 7, 9
"""Columns of these tables."""

ROOT = "0"


def is_another_account(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether a connection comes from another account of this machine, root aside.

    One whose program has closed its end counts as another's, and so does one that comes to an
    address of this machine alone from an address that others reach, where the system does not list
    it. Otherwise False where the system does not say: only Linux does, and only for connections
    that begin on this machine.
    """
    client, server = (_unmapped(client[0]), client[1]), (_unmapped(server[0]), server[1])
    loopback = is_loopback(client[0]), is_loopback(server[0])
    if sys.platform == "win32" or None in loopback or not any(loopback):
        return False
    ends = zip(_table_forms(*client), _table_forms(*server), strict=True)
    spellings = {end for end in ends if all(end)}
    for table in TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if (fields[LOCAL], fields[REMOTE]) in spellings:
                ours = fields[ACCOUNT] in {ROOT, str(os.geteuid())}
                return not ours or fields[SOCKET] == "0"
    return sys.platform == "linux" and not loopback[0]


def is_loopback(host: str) -> bool | None:
    """Whether only this machine reaches an address; None for what is no address.

    >>> [is_loopback(host) for host in ("127.0.0.2", "::1", "::ffff:127.0.0.1", "192.0.2.1", "me")]
    [True, True, True, False, None]
    """
    try:
        return ipaddress.ip_address(_unmapped(host)).is_loopback
    except ValueError:
        return None


def _unmapped(host: str) -> str:
    """The IPv4 address that an IPv6 address stands for; any other host as it is.

    A program reaches a server at such an address from IPv4 too, and is then listed so.
    """
    try:
        mapped = ipaddress.IPv6Address(host).ipv4_mapped
    except ValueError:
        return host
    return host if mapped is None else str(mapped)


def _table_forms(host: str, port: int) -> tuple[str, str]:
    """An end of a connection as the tables write it: plain, and for IPv4 also mapped to IPv6.

    >>> sys.byteorder != "little" or _table_forms("127.0.0.1", 80)[0] == "0100007F:0050"
    True
    """
    address = ipaddress.ip_address(host)
    mapped = ipaddress.ip_address(f"::ffff:{host}") if address.version == 4 else None
    within = "" if mapped is None else f"{_words(mapped)}:{port:04X}"
    return f"{_words(address)}:{port:04X}", within


def _words(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    packed = address.packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
