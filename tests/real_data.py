"""Where the real data lies: beside the project, never in it; and what may not be missing."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


def is_required(name: str) -> bool:
    """Whether tests that lack ``name`` fail instead of being skipped.

    ``TESTS_REQUIRE`` names what the project's own checks have, comma-separated: ``real-data`` and
    ``node``. A public checkout cannot have the data, whatever its ``CI`` says.
    """
    return name in os.environ.get("TESTS_REQUIRE", "").split(",")


def real_data(name: str) -> Path:
    """The path of a folder or file of real data; without it the test skips or fails."""
    path = SHARED / name
    if not path.exists():
        if is_required("real-data"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{name} is not on this machine")
    return path
