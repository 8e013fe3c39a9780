"""Ids that lie beside the vectors in an npz are those of the rows, or are refused by name."""

import numpy as np
import pytest

from anglewise import read_space
from anglewise.data_types.row_ids import as_ids
from anglewise.errors import FileError, IdsError, ShapeError

ITEMS = np.eye(6, 3, dtype=np.float32) + 1
QUERIES = np.eye(4, 3, dtype=np.float32) + 1
NUMBERS = np.array([15, 3, 0, 8, 1, 2])
NAMES = [str(number) for number in NUMBERS]


def space(folder, *, said=None, file=None, **arrays):
    np.savez(folder / "both.npz", **{"items": ITEMS, "queries": QUERIES} | arrays)
    say = (lambda _: None) if said is None else said.append
    return read_space(folder / "both.npz", item_ids=file, say=say)


@pytest.mark.parametrize(
    "word",
    ["item", "items", "doc", "document", "docs", "corpus", "passage", "product", "movie"],
)
def test_every_word_for_the_items_names_their_ids_too(word, tmp_path):
    assert space(tmp_path, **{f"{word}_ids": NUMBERS}).items.ids.tolist() == NAMES
    assert space(tmp_path, **{f"{word}_id": NUMBERS}).items.ids.tolist() == NAMES


@pytest.mark.parametrize("word", ["query", "queries", "user", "question"])
def test_every_word_for_the_queries_names_their_ids_too(word, tmp_path):
    read = space(tmp_path, **{f"{word}_ids": np.array(list("dacb"))})
    assert read.queries.ids.tolist() == list("dacb")


@pytest.mark.parametrize(
    "ids", [NUMBERS, NUMBERS.astype(float), NUMBERS.astype("S"), NUMBERS.astype(str)[:, None]]
)
def test_numbers_and_bytes_are_spelled_as_at_every_other_door(ids, tmp_path):
    assert space(tmp_path, item_ids=ids).items.ids.tolist() == as_ids(ids) == NAMES


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        (NUMBERS[:-1], ShapeError, "are 5 for 6 vectors"),
        (np.arange(7), ShapeError, "are 7 for 6 vectors"),
        (NUMBERS.astype(str).astype(object), FileError, "are pickled Python objects"),
        (2.0**53 + np.arange(6) * 2, IdsError, "rounded"),
        (np.float32(2.0**24) + np.arange(6, dtype=np.float32) * 2, IdsError, "rounded"),
        (np.array([1, 2, np.nan, 4, 5, 6]), IdsError, "row 2 is missing"),
        (NUMBERS > 2, IdsError, "names nothing"),
        (NUMBERS * 1j, IdsError, "names nothing"),
        (NUMBERS.astype("M8[D]"), IdsError, "written in several ways"),
        (np.array([(i,) for i in range(6)], dtype=[("a", "i4")]), IdsError, "which is no text"),
        (np.array([bytes([i]) for i in range(6)], "V1"), IdsError, "which is no text"),
    ],
)
def test_ids_that_name_no_rows_are_refused_by_name(ids, error, words, tmp_path):
    with pytest.raises(error, match=f"'doc_ids'.*{words}"):
        space(tmp_path, doc_ids=ids)


def test_ids_in_a_file_of_their_own_stand_in_place_of_such(tmp_path):
    said = []
    (tmp_path / "ids.txt").write_text("\n".join(NAMES) + "\n")
    ids = NUMBERS.astype(object)
    read = space(tmp_path, file=tmp_path / "ids.txt", doc_ids=ids, said=said)
    assert read.items.ids.tolist() == NAMES
    assert any("'doc_ids' are pickled" in line and "ids.txt names the ids" in line for line in said)


def test_of_two_arrays_of_ids_the_one_called_as_the_vectors_are_is_theirs(tmp_path):
    of_documents = {"document_ids": np.zeros(6), "passage_ids": NUMBERS}
    np.savez(tmp_path / "passages.npz", passages=ITEMS, **of_documents)
    assert read_space(tmp_path / "passages.npz").items.ids.tolist() == NAMES
    with pytest.raises(FileError, match="document_ids, passage_ids could each be the ids"):
        space(tmp_path, **of_documents)


def test_ids_of_no_side_are_those_of_the_side_they_fit(tmp_path):
    read = space(tmp_path, ids=NUMBERS)
    assert (read.items.ids.tolist(), read.queries.ids.tolist()) == (NAMES, list("0123"))
    with pytest.raises(FileError, match="'ids' could name the rows of each of"):
        space(tmp_path, ids=NUMBERS, queries=ITEMS)


def test_other_arrays_that_are_pickled_are_named(tmp_path):
    said = []
    space(tmp_path, item_titles=np.array(NAMES, dtype=object), said=said)
    assert "both.npz: 'item_titles' holds pickled Python objects, and is not read" in said
