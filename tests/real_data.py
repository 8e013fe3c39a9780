"""Where the real data lies: beside the project, never in it."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


def real_data(name: str) -> Path:
    """The path of a folder or file of real data; without it others skip.

    Where ``ANGLEWISE_REAL_DATA`` is ``required``, as in the project's own checks, they fail: a
    public checkout cannot have the data, whatever its ``CI`` says.
    """
    path = SHARED / name
    if not path.exists():
        if os.environ.get("ANGLEWISE_REAL_DATA") == "required":
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{name} is not on this machine")
    return path
