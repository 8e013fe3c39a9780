"""Damage to files: to any bytes, and to what a format means, so that it passes the first checks."""

import gzip
import zlib
from collections.abc import Callable, Sequence
from random import Random

from fuzz import damage_arrays, damage_json, damage_stores, damage_tables, damage_text
from fuzz.strange import NUMBERS, WORDS

MOST = 200_000
"""Bytes of a file: longer ones find little more and take longer."""
KNOWING: dict[str, Callable[[bytes, Random], bytes]] = {
    ".npy": damage_arrays.npy,
    ".npz": damage_arrays.npz,
    ".safetensors": damage_arrays.safetensors,
    ".parquet": damage_tables.parquet_file,
    ".feather": damage_tables.arrow_file,
    ".arrow": damage_tables.arrow_file,
    ".json": damage_json.whole,
    ".jsonl": damage_json.lines,
    ".sqlite": damage_stores.sqlite_file,
    ".bin": damage_text.word2vec_binary,
}
PIECES = (b"\0", b"\0" * 8, b"\xff" * 8, b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b'"', b",")
PIECES += (b"\t", b"[" * 3000, b"{" * 50, b"\x7f\xff\xff\xff", b"\x80" * 4, b"\x1a", b"PAR1")


def damaged(name: str, data: bytes, rng: Random, others: Sequence[bytes] = ()) -> bytes:
    """A file with something wrong with it; ``others`` are files to splice pieces of."""
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.85:
        return _repacked(name, data, rng, others)
    ending = "." + name.lower().removesuffix(".gz").rpartition(".")[2]
    knowing = KNOWING.get(ending, damage_text.text)
    chance = rng.random()
    try:
        if chance < 0.65:
            changed = knowing(data, rng)
        elif chance < 0.75 and _is_text(data):
            changed = damage_text.text(data, rng)
        else:
            changed = _bytes(data, rng, others)
    except Exception:  # noqa: BLE001 what is damaged already, or cannot be written so
        changed = _bytes(data, rng, others)
    return changed[:MOST]


def _repacked(name: str, data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    try:
        inner = gzip.decompress(data)
    except (OSError, EOFError, ValueError, zlib.error):
        return _bytes(data, rng, others)
    packed = gzip.compress(damaged(name.removesuffix(".gz"), inner, rng, others), 1, mtime=0)
    return packed * 2 if rng.random() < 0.05 else packed


def _bytes(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, length = rng.randrange(len(changed)), rng.randrange(1, 40)
        piece = changed[at : at + length]
        deeds = (
            (at, at + length, b""),
            (at, at, piece),
            (at, at + 1, bytes([changed[at] ^ (1 << rng.randrange(8))])),
            (at, at + 1, bytes([rng.randrange(256)])),
            (at, at, rng.choice(PIECES)),
            (at, len(changed), b""),
            (at, at, rng.choice(NUMBERS + WORDS).encode("utf-8", "surrogatepass")),
            (at, len(changed), _tail(others, rng)),
            (at, at + 8, _whole(rng)),
        )
        start, stop, new = rng.choice(deeds)
        changed[start:stop] = new
        if not changed:
            return b"\n"
    return bytes(changed)


def _tail(others: Sequence[bytes], rng: Random) -> bytes:
    other = rng.choice(others) if others else b""
    return other[rng.randrange(len(other) + 1) :]


def _whole(rng: Random) -> bytes:
    """A whole number as programs write it."""
    value = rng.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1, 255, 65535))
    size = rng.choice((1, 2, 4, 8))
    return (value % 256**size).to_bytes(size, rng.choice(ORDERS))


ORDERS = ("little", "big")


def _is_text(data: bytes) -> bool:
    return b"\0" not in data[:1000]
