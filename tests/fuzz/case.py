"""One input: what is asked, and the files that it speaks of. It can be kept as a small file."""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """An input of one target.

    Attributes
    ----------
    words
        Spellings, or the words of a command; what they mean is for the target to say.
    files
        By their paths in the folder in which the target runs.
    """

    target: str
    words: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def size(self) -> int:
        """Letters of the words and bytes of the files."""
        return sum(map(len, self.words)) + sum(map(len, self.files.values()))

    def write_files(self, folder: Path) -> None:
        """Put the files where the target looks for them."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def as_text(case: Case, why: str) -> str:
    """A case as JSON, with the reason why it is kept; paths of this machine are left out."""
    why = re.sub(r"(?:/[\w.-]+)+/((?:src|tests|site-packages)/)", r"\1", why)
    files = {name: _packed(data) for name, data in case.files.items()}
    told = {"target": case.target, "why": why, "words": list(case.words), "files": files}
    return json.dumps(told, indent=1) + "\n"


def read_case(path: Path) -> Case:
    """What :func:`as_text` wrote."""
    told = json.loads(path.read_text(encoding="utf-8"))
    files = {name: _unpacked(one) for name, one in told["files"].items()}
    return Case(told["target"], tuple(told["words"]), files)


def _packed(data: bytes) -> dict[str, str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and len(text) < 3000:
        return {"text": text}
    return {"zlib": base64.b64encode(zlib.compress(data, 9)).decode()}


def _unpacked(one: Mapping[str, str]) -> bytes:
    if "text" in one:
        return one["text"].encode()
    return zlib.decompress(base64.b64decode(one["zlib"]))
