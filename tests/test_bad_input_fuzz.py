"""Cut or corrupt any good file anywhere: our own error, or a sound result; never anything else."""

import contextlib
import shutil

import numpy as np
import pytest

import good_files
from anglewise import (
    AnglewiseError,
    Embeddings,
    Space,
    read_interactions,
    read_judgements,
    read_pairs,
    read_space,
    read_triplets,
    write_space,
)
from anglewise.io.read import judgements_of, read_labels

SPACE = Space(
    queries=Embeddings(np.eye(3), ["q1", "q2", "q3"]), items=Embeddings(np.eye(3), ["a", "b", "c"])
)
SPACE_OF_ITEMS = Space(items=SPACE.items)

TRIES = 15


def _damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut off the end, flip some bits, put in zeros, or repeat a piece."""
    place = int(rng.integers(0, len(data)))
    kind = rng.integers(0, 4)
    if kind == 0:
        return data[:place]
    changed = bytearray(data)
    if kind == 1:
        for where in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[where] ^= 1 << int(rng.integers(0, 8))
    elif kind == 2:
        changed[place : place + 8] = bytes(8)
    else:
        changed[place:place] = data[place : place + 16]
    return bytes(changed)


def _sound(space: Space) -> None:
    assert np.isfinite(space.items.vectors).all()
    assert len(set(space.items.ids)) == len(space.items)
    for name in space.items.metadata or ():
        with contextlib.suppress(AnglewiseError):
            list(space.items.metadata[name])


def _fuzz(path, read, seed):
    """Damage every file of a path in turn."""
    rng = np.random.default_rng(seed)
    files = [f for f in sorted(path.rglob("*")) if f.is_file()] if path.is_dir() else [path]
    for file in files:
        whole = file.read_bytes()
        for _ in range(TRIES):
            file.write_bytes(_damaged(whole, rng))
            with contextlib.suppress(AnglewiseError):
                read(path)
            file.unlink()  # an old map of the file must not see the next one
        file.write_bytes(whole)
    read(path)


@pytest.mark.parametrize("maker", good_files.NAMED + good_files.NAMELESS, ids=lambda m: m.__name__)
def test_damaged_vectors(maker, tmp_path):
    _fuzz(maker(tmp_path), lambda path: _sound(read_space(path)), seed=1)


@pytest.mark.parametrize(
    "maker", [*good_files.INTERACTIONS, good_files.sparse_matrix], ids=lambda m: m.__name__
)
def test_damaged_interactions(maker, tmp_path):
    def read(path):
        found = read_interactions(path)
        assert np.isfinite(found.weights).all()
        assert found.rows().shape == found.shape

    _fuzz(maker(tmp_path), read, seed=2)


@pytest.mark.parametrize("maker", good_files.JUDGEMENTS, ids=lambda m: m.__name__)
def test_damaged_judgements(maker, tmp_path):
    def read(path):
        assert np.isfinite(read_judgements(path, SPACE).gains.values).all()

    _fuzz(maker(tmp_path), read, seed=3)


@pytest.mark.parametrize("maker", good_files.GRADED_PAIRS, ids=lambda m: m.__name__)
def test_damaged_pairs(maker, tmp_path):
    def read(path):
        assert np.isfinite(read_pairs(path, SPACE_OF_ITEMS).scores).all()

    _fuzz(maker(tmp_path), read, seed=6)


@pytest.mark.parametrize("maker", good_files.TRIPLETS, ids=lambda m: m.__name__)
def test_damaged_triplets(maker, tmp_path):
    def read(path):
        assert read_triplets(path, SPACE_OF_ITEMS).far.max() < len(SPACE_OF_ITEMS.items)

    _fuzz(maker(tmp_path), read, seed=7)


@pytest.mark.parametrize("maker", good_files.LABELS, ids=lambda m: m.__name__)
def test_damaged_labels(maker, tmp_path):
    def read(path):
        assert read_labels(path).of

    _fuzz(maker(tmp_path), read, seed=8)


def test_damaged_spaces(tmp_path):
    judged = read_judgements(good_files.trec(tmp_path), SPACE)
    write_space(SPACE, tmp_path / "s", judgements={"queries-items": judged})

    def read(path):
        _sound(read_space(path))
        judgements_of(path, "queries-items", SPACE)

    _fuzz(tmp_path / "s", read, seed=4)


def test_damage_to_the_numbers_of_a_space_never_goes_unnoticed(tmp_path):
    write_space(SPACE, tmp_path / "s")
    rng = np.random.default_rng(5)
    for name in ("items.parquet", "queries.parquet"):
        whole = (tmp_path / "s" / name).read_bytes()
        for _ in range(TRIES):
            damaged = _damaged(whole, rng)
            (tmp_path / "s" / name).write_bytes(damaged)
            if damaged != whole:
                with pytest.raises(AnglewiseError, match=name):
                    read_space(tmp_path / "s")
        (tmp_path / "s" / name).write_bytes(whole)
    shutil.rmtree(tmp_path / "s")
