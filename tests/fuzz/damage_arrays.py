"""Damage to arrays of NumPy and of safetensors."""

import io
import json
import zipfile
from random import Random

import numpy as np

from fuzz import damage_json
from fuzz.strange import NAMES, word

KINDS = ("<f4", ">f4", "<f8", "<f2", "<i4", "<i8", "|b1", "<u8", "|i1", "<c16", "<M8[s]", "<U3")
KINDS += ("|S4", "|O", "<m8[D]", ">i2", "<f16", "<V3", "<U0", "|S0")
SHAPES = ((), (0,), (5,), (15,), (0, 3), (3, 0), (5, 3, 1), (1, 5, 3), (15, 1), (1, 15), (1, 1))
SHAPES += ((2**40, 3), (5, 2**40), (2**63, 0), (-1, 3), (10**30, 10**30), (3, 5), (5, 2), (1,) * 40)
NUMBERS = (np.nan, np.inf, -np.inf, 0.0, 1e38, 3.4e38, 1e-45, 1e300, -1.0, 2.0**63)


def npy(data: bytes, rng: Random) -> bytes:
    """Its header or its numbers."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    deed = rng.random()
    if deed < 0.4:
        return _with_header(data, rng)
    if deed < 0.7:
        return _saved(_numbers(array, rng))
    return _saved(_reshaped(array, rng))


def npz(data: bytes, rng: Random) -> bytes:
    """Its members: damaged, renamed, gone, doubled, packed otherwise."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = [(info.filename, packed.read(info)) for info in packed.infolist()]
    at = rng.randrange(len(members))
    name, inner = members[at]
    deed = rng.random()
    if deed < 0.6:
        members[at] = (name, npy(inner, rng))
    elif deed < 0.75:
        new = rng.choice((*NAMES, word(rng), "../out", "/out", "vectors", members[0][0][:-4]))
        members[at] = (new.replace("\x00", "") + rng.choice((".npy", ".npy", "")), inner)
    elif deed < 0.85:
        del members[at]
    else:
        members.append((name if rng.random() < 0.5 else "more.npy", npy(inner, rng)))
    target = io.BytesIO()
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(target, "w", how) as packed:
        for member, held in members:
            packed.writestr(zipfile.ZipInfo(member.encode("utf-8", "replace").decode()), held)
    return target.getvalue()


def safetensors(data: bytes, rng: Random) -> bytes:
    """Its header: shapes, offsets, kinds, and its length."""
    size = int.from_bytes(data[:8], "little")
    head = damage_json.whole(data[8 : 8 + size], rng)
    if rng.random() < 0.3:
        about = json.loads(data[8 : 8 + size])
        one = about[rng.choice(list(about))]
        kinds = ("F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F32", "X", "C64")
        one["dtype"] = rng.choice(kinds)
        one["shape"] = list(rng.choice(SHAPES))
        head = json.dumps(about).encode()
    length = len(head) if rng.random() < 0.9 else rng.choice((0, 1, size, 2**31, 2**63, 2**64 - 1))
    return length.to_bytes(8, "little") + head + data[8 + size :]


def _with_header(data: bytes, rng: Random) -> bytes:
    version = rng.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x04\x00", b"\x00\x00"))
    wide = 2 if version == b"\x01\x00" else 4
    start = 10 + int.from_bytes(data[8:10], "little")
    kind = repr(rng.choice(KINDS))
    if rng.random() < 0.1:
        kind = rng.choice(
            ("[('a', '<f4'), ('b', '<i4')]", "('<f4', (3,))", "{}", "None", "'<f4,f4'")
        )
    shape = (
        repr(rng.choice(SHAPES)) if rng.random() < 0.8 else rng.choice(("3", "(3.5,)", "('a',)"))
    )
    order = rng.choice(("True", "False", "False", "None"))
    head = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.05:
        head = "(" * 300 + head
    text = head.encode() + b"\n"
    return data[:6] + version + len(text).to_bytes(wide, "little") + text + data[start:]


def _numbers(array: np.ndarray, rng: Random) -> np.ndarray:
    changed = array.copy()
    if not changed.size or changed.dtype.kind not in "fiu":
        return _reshaped(array, rng)
    with np.errstate(all="ignore"):
        new = rng.choice(NUMBERS if changed.dtype.kind == "f" else (0, -1, 2**31 - 1, 127))
        flat = changed.reshape(-1)
        many = rng.random() < 0.2
        flat[... if many else rng.randrange(flat.size)] = np.array(new).astype(changed.dtype)
    return changed


def _reshaped(array: np.ndarray, rng: Random) -> np.ndarray:
    deed = rng.randrange(6)
    if deed == 0:
        return array[: rng.randrange(len(array) + 1)] if array.ndim else array
    if deed == 1:
        return array.reshape(-1)
    if deed == 2:
        return array[..., None]
    if deed == 3:
        return array.T
    with np.errstate(all="ignore"):
        kinds = ("f2", "f4", "f8", "i1", "i4", "i8", "u1", "?", "c8", "U4", "S3", "M8[s]")
        return array.astype(rng.choice(kinds))


def _saved(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.save(target, array, allow_pickle=False)
    return target.getvalue()
