"""What ``about`` says of a space is computed with, so that it is checked where a space is made."""

import json

import numpy as np
import pytest

from anglewise import Embeddings, Space, read_space, write_space
from anglewise.errors import FileError, ValuesError

X = np.random.default_rng(0).normal(size=(20, 8))
WRONG = [
    {"bias_columns": [-1]},
    {"bias_columns": ["x"]},
    {"bias_columns": 7},
    {"bias_columns": [7.0]},
    {"bias_columns": [True]},
    {"bias_columns": [7, 7]},
    {"bias_columns": None},
    {"bias_columns": np.array([3, 7])},
    {"objective": "factors", "penalty": "x"},
    {"objective": "factors", "penalty": True},
    {"objective": "factors", "penalty": float("nan")},
    {"objective": "factors", "penalty": float("inf")},
    {"objective": "factors", "penalty": 10**400},
    {"objective": "factors", "penalty": -1.0},
    {"gauge": ["a"]},
]
RIGHT = [
    {"bias_columns": [7]},
    {"bias_columns": (6, np.int64(7))},
    {"bias_columns": []},
    {"objective": "factors", "penalty": 10, "gauge": "balanced"},
    {"penalty": None, "gauge": None, "model": ["any"]},
]


@pytest.mark.parametrize("about", WRONG, ids=str)
def test_what_cannot_be_computed_with_is_refused(about):
    name = list(about)[-1]
    with pytest.raises(ValuesError, match=rf"about\['{name}'\] is .* is due"):
        Space(items=Embeddings(X), about=about)


@pytest.mark.parametrize("about", RIGHT, ids=str)
def test_what_can_be_is_written_and_read_again(about, tmp_path):
    write_space(Space(items=Embeddings(X), about=about), tmp_path / "space")
    kept = read_space(tmp_path / "space").about
    assert {
        name: json.loads(json.dumps(list(v) if name == "bias_columns" else v, default=int))
        for name, v in about.items()
    } == kept


def test_a_column_that_is_not_there_is_not_written(tmp_path):
    write_space(Space(items=Embeddings(X)), tmp_path / "space")
    with pytest.raises(ValuesError, match="names column 99 of 8"):
        write_space(Space(items=Embeddings(X), about={"bias_columns": [99]}), tmp_path / "space")
    assert read_space(tmp_path / "space").about == {}


@pytest.mark.parametrize("about", [{"bias_columns": [7, 7]}, {"bias_columns": [8]}, WRONG[-1]])
def test_a_folder_that_says_so_is_damaged(about, tmp_path):
    write_space(Space(items=Embeddings(X)), tmp_path / "space")
    path = tmp_path / "space" / "space.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"about": about}))
    with pytest.raises(FileError, match=rf"damaged at about\.{next(iter(about))}"):
        read_space(tmp_path / "space")
