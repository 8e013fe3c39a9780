"""``python -m fuzz.reached``: which functions of the package the inputs to start from enter.

What no input enters, no change of an input will: a new reader needs a good file of its own.
"""

import json
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.targets import TARGETS
from fuzz.watch import OURS, Watch


def entered(names: tuple[str, ...] = ("reader", "command", "spelling")) -> list[str]:
    """Functions as ``room/file.py:name``, and commands as they were typed."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        del argument
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS):
            found.add(f"{code.co_filename[len(OURS) + 1 :]}:{code.co_qualname}")

    with tempfile.TemporaryDirectory() as name:
        home = Path(name).resolve() / "home"
        home.mkdir()
        watch = Watch(home)
        for target in map(TARGETS.__getitem__, names):
            for case in target.seeds():
                threading.setprofile(note)  # both sides of a folder are read at once
                sys.setprofile(note)
                watch.observe(case, target.run, patience=20)
                sys.setprofile(None)
                threading.setprofile(None)  # type: ignore[arg-type]
                if target.name == "command":
                    found.add(" ".join(case.words[: 2 if case.words[0] == "judge" else 1]))
    return sorted(found)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(entered()))
