"""The recipes of docs/how-to/stores.md as they stand there, and what they have to be able to do."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from anglewise.stores.query_transform import QueryTransform
from real_data import is_required

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "stores.md"
D, R = 6, 4
_rng = np.random.default_rng(0)
OFFSET, SCALE, MATRIX = _rng.normal(size=D), _rng.uniform(0, 3, D), _rng.normal(size=(D, R))
SCALE[2] = 0
TRANSFORMS = {
    "nothing": QueryTransform(np.zeros(D)),
    "offset": QueryTransform(OFFSET),
    "scale": QueryTransform(np.zeros(D), scale=SCALE),
    "matrix": QueryTransform(np.zeros(D), matrix=MATRIX),
    "unit": QueryTransform(np.zeros(D), unit=True),
    "appended": QueryTransform(np.zeros(D), appended=(1.0, 0.0)),
    "offset, scale": QueryTransform(OFFSET, scale=SCALE, unit=True),
    "all": QueryTransform(OFFSET, SCALE, MATRIX, unit=True, appended=(1.0, -0.5)),
}
"""Every kind of frame, alone and together."""
QUERIES = np.concatenate(
    [_rng.normal(size=(5, D)), 1e6 * _rng.normal(size=(1, D)), np.zeros((1, D))]
)


def recipe(language):
    """The block of code under "Queries in your program"."""
    section = PAGE.read_text().partition("### Queries in your program")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return block


def node():
    """Node's program; without it others skip, and the project's own checks fail."""
    path = shutil.which("node")
    if path is None:
        if is_required("node"):
            pytest.fail("node is missing: apt-get install nodejs")
        pytest.skip("node is not on this machine")
    return path
