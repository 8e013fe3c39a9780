"""A checkpoint of a training is read whole and sound, or refused with one message."""

import json

import numpy as np
import pytest

from anglewise.errors import FileError
from anglewise.recommender_models import training_state
from anglewise.recommender_models.training_state import (
    BEST,
    COUNTED,
    TENSORS,
    State,
    write_checkpoint,
)
from anglewise.recommender_models.training_steps import Adam

PRINT = {"measure": "dot", "interactions": "x"}


class Tensor(np.ndarray):
    """What a checkpoint asks of a tensor."""

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


def tensor(*shape):
    return np.zeros(shape, np.float32).view(Tensor)


@pytest.fixture
def file(tmp_path):
    table = Adam(tensor(4, 2), tensor(4, 2), tensor(4, 2), 3)
    scale = Adam(tensor(1), tensor(1), tensor(1), 3)
    history = [training_state.Epoch(1, 0.5, None)]
    state = State(table, scale, tensor(4, 2), tensor(1), batch=2, history=history)
    write_checkpoint(tmp_path / "c.npz", state, PRINT)
    return tmp_path / "c.npz"


def read(path):
    told, arrays = training_state._read(path)
    training_state._check_checkpoint(path, told, arrays, PRINT)
    return told, arrays


def rewritten(path, told=None, **arrays):
    known, tables = read(path)
    known = {**known, **told} if isinstance(told, dict) else told if told is not None else known
    text = np.frombuffer(json.dumps(known).encode(), np.uint8)
    np.savez(path, **{"about": text, **tables, **arrays})
    return path


def test_what_was_written_is_read(file):
    told, arrays = read(file)
    assert set(arrays) == {*TENSORS, *BEST}
    assert {*COUNTED, "taken", "history"} <= set(told)


@pytest.mark.parametrize(
    "told",
    [
        [],
        1,
        "x",
        {"of": []},
        {"of": None},
        {"taken": [1]},
        {"taken": ["a", "b"]},
        {"taken": None},
        {"batch": "many"},
        {"epoch": -1},
        {"loss": "low"},
        {"history": [{"number": 1}]},
        {"history": {"a": 1}},
        {"history": 3},
    ],
    ids=str,
)
def test_a_strange_description_is_refused(told, file):
    with pytest.raises(FileError, match=r"c\.npz"):
        read(rewritten(file, told))


@pytest.mark.parametrize("name", [*TENSORS, *BEST])
@pytest.mark.parametrize("table", [np.zeros((3, 2), "f4"), np.zeros((4, 2)), np.zeros(1, "i4")])
def test_tables_that_do_not_fit_are_refused(name, table, file):
    with pytest.raises(FileError, match="cannot be read as a checkpoint of a training"):
        read(rewritten(file, **{name: table}))


def test_what_is_no_checkpoint_is_refused(file, monkeypatch):
    whole = file.read_bytes()
    for data in (b"", b"PK", whole[:-30], whole[:50], b"{}"):
        file.write_bytes(data)
        with pytest.raises(FileError, match=r"c\.npz"):
            read(file)
    np.savez(file, other=np.zeros(3))
    with pytest.raises(FileError, match="cannot be read as a checkpoint of a training"):
        read(file)
    np.savez_compressed(file, about=np.zeros(2_000_000, np.uint8))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    with pytest.raises(FileError, match="are allowed"):
        read(file)
