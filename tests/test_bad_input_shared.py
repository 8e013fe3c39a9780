"""What every reader of every format refuses alike, with one line that names the file.

A format whose maker stands in one of the lists of ``good_files.py`` is held to all of this.
"""

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
)
from anglewise.io.read import read_labels

SPACE = Space(
    queries=Embeddings(np.eye(3), ["q1", "q2", "q3"]), items=Embeddings(np.eye(3), ["a", "b", "c"])
)
ITEMS = Space(items=SPACE.items)
VECTORS = [
    (maker, read_space)
    for maker in [
        *good_files.NAMED,
        *good_files.NAMELESS,
        *good_files.MODELS,
        *good_files.TOKENS,
        good_files.sparse_matrix,
    ]
]
INTERACTIONS = [
    (maker, read_interactions) for maker in [*good_files.INTERACTIONS, good_files.sparse_matrix]
]
JUDGEMENTS = [(maker, lambda p: read_judgements(p, SPACE)) for maker in good_files.JUDGEMENTS]
PAIRS = [(maker, lambda p: read_pairs(p, ITEMS)) for maker in good_files.GRADED_PAIRS]
TRIPLETS = [(maker, lambda p: read_triplets(p, ITEMS)) for maker in good_files.TRIPLETS]
LABELS = [(maker, read_labels) for maker in good_files.LABELS]
NUMBERS = [*VECTORS, *INTERACTIONS, *JUDGEMENTS, *PAIRS]
FORMATS = [*NUMBERS, *TRIPLETS, *LABELS]
HOLD_NO_TEXT = {
    good_files.npy_half,
    good_files.npy_big_endian,
    good_files.parquet_fixed,
    good_files.parquet_lists,
    good_files.parquet_packed,
    good_files.parquet_tokens,
    good_files.feather_file,
    good_files.arrow_stream,
    good_files.saved_dataset,
    good_files.safetensors,
    good_files.word2vec_binary,
    good_files.word2vec_binary_without_line_ends,
    good_files.word2vec_binary_packed,
    good_files.spark_model,
    good_files.sparse_matrix,
    good_files.interactions_parquet,
    good_files.qrels_parquet,
}
"""Formats whose typed columns take nothing else than numbers."""


def every(formats):
    return pytest.mark.parametrize(
        ("maker", "read"), [pytest.param(*one, id=one[0].__name__) for one in formats]
    )


def files_of(path):
    """The files that hold a format: one, or those of its folder that are read."""
    return [f for f in sorted(path.rglob("*")) if f.is_file()] if path.is_dir() else [path]


def refused(read, path):
    """Our own error, in one line, with the name of the file or its folder."""
    with pytest.raises(AnglewiseError) as raised:
        read(path)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 1000
    assert path.name in text
    return text


def put(monkeypatch, value):
    """Let one of the numbers that the makers write be this."""
    vectors = good_files.X.astype("U8" if isinstance(value, str) else np.float32)
    vectors[1, 1] = value
    query, item, _ = good_files.QRELS[1]
    left, right, _ = good_files.PAIRS[1]
    monkeypatch.setattr(good_files, "X", vectors)
    monkeypatch.setattr(good_files, "RATINGS", [*good_files.RATINGS[:4], value])
    monkeypatch.setattr(good_files, "QRELS", [*good_files.QRELS, (query, item, value)])
    monkeypatch.setattr(good_files, "PAIRS", [*good_files.PAIRS, (left, right, value)])


@every(FORMATS)
def test_good_files_are_read_without_a_word(maker, read, tmp_path):
    read(maker(tmp_path))


@every(FORMATS)
def test_a_missing_file(maker, read, tmp_path):
    path = maker(tmp_path)
    path.rename(tmp_path / "elsewhere")
    assert "does not exist" in refused(read, path)


@every(FORMATS)
def test_an_empty_file(maker, read, tmp_path):
    path = maker(tmp_path)
    if path.is_dir():
        for file in files_of(path):
            file.write_bytes(b"")
        refused(read, path)
    else:
        path.write_bytes(b"")
        assert "is empty" in refused(read, path)


@every(FORMATS)
def test_a_file_of_blank_lines(maker, read, tmp_path):
    path = maker(tmp_path)
    for file in files_of(path):
        file.write_bytes(b"\n\n\n")
    refused(read, path)


@every(FORMATS)
def test_a_folder_where_a_file_is_due(maker, read, tmp_path):
    path = maker(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.mkdir()
    refused(read, path)


@every(FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off(maker, read, share, tmp_path):
    """A text may end well where it was cut; what has lengths inside, or is packed, may not."""
    path = maker(tmp_path)
    contents = {file: file.read_bytes() for file in files_of(path)}
    for file, content in contents.items():
        file.write_bytes(content[: int(share * len(content))])
    if any(b"\0" in content for content in contents.values()):
        refused(read, path)
        return
    try:
        read(path)
    except AnglewiseError:
        refused(read, path)


@every(NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_finite_number(maker, read, value, tmp_path, monkeypatch):
    put(monkeypatch, value)
    refused(read, maker(tmp_path))


@every([one for one in NUMBERS if one[0] not in HOLD_NO_TEXT])
def test_text_where_a_number_is_due(maker, read, tmp_path, monkeypatch):
    put(monkeypatch, "four")
    refused(read, maker(tmp_path))
