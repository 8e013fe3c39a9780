"""Matrices of text, whose first numbers would be taken for words, and words that are numbers."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import FileError

VECTORS = np.random.default_rng(0).standard_normal((12, 4))


@pytest.mark.parametrize("form", ["%.18e", "%.3f", "%g"])
def test_a_matrix_as_savetxt_writes_it_loses_no_column_in_silence(tmp_path, form):
    np.savetxt(tmp_path / "x.txt", VECTORS, fmt=form)
    with pytest.raises(FileError, match=r"all its words are decimals.*numpy\.save"):
        aw.read_space(items=tmp_path / "x.txt")


@pytest.mark.parametrize("words", [[str(1990 + k) for k in range(12)], ["a", *["1.5"] * 11]])
def test_numbers_among_words_are_words(tmp_path, words):
    words = [word if k < 2 else f"{word}{k}" for k, word in enumerate(words)]
    rows = zip(words, VECTORS, strict=True)
    lines = [" ".join([word, *map(str, row)]) for word, row in rows]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n")
    assert aw.read_space(items=tmp_path / "x.txt").items.ids.tolist() == words


def test_decimals_that_a_header_counts_are_words(tmp_path):
    lines = ["12 4", *(" ".join([f"{k}.5", *map(str, row)]) for k, row in enumerate(VECTORS))]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n")
    assert aw.read_space(items=tmp_path / "x.txt").items.vectors.shape == (12, 4)
