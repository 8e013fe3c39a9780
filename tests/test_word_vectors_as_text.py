"""Word vectors as text: the header, the marks and blanks in words, and the numbers that are due."""

import numpy as np
import pytest

from anglewise import read_space
from anglewise.errors import FileError, ShapeError, ValuesError

MARK = "\ufeff"
HEADER = "3 2\n"
ROWS = "oak 1 2\nelm 3 4\nash 5 6\n"


def _read(folder, content, name="words.vec"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    items = read_space(path).items
    return items.ids.tolist(), items.vectors.tolist()


@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize("header", ["", HEADER, "3\t2\n", "3 2 \n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n", " \r\n", "\t\n", "\n\n"])
@pytest.mark.parametrize("gap", [" ", "\t", "  "])
def test_marks_headers_and_line_ends_are_no_part_of_words(tmp_path, mark, header, end, gap):
    text = mark + header + ROWS.replace(" ", gap).replace("\n", end)
    assert _read(tmp_path, text) == (["oak", "elm", "ash"], [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize(
    "word",
    [
        "light green",
        "3 musketeers",
        ". . .",
        "New\u00a0York",
        "\u00a0",
        "we\u2028ek",
        "a\u0085b",
        "\u3000",
        "a\x0bb",
        "nan",
        "17",
        "1e5",
        '"',
        "a,b",
        "#",
        "\ufeffx",
        "=1+1",
    ],
)
def test_a_word_may_hold_anything_but_a_last_part_that_is_a_number(tmp_path, header, word):
    ids, vectors = _read(tmp_path, f"{header}oak 1 2\n{word} 3 4\nash 5 6\n")
    assert (ids, vectors) == (["oak", word, "ash"], [[1, 2], [3, 4], [5, 6]])


def test_a_first_word_of_blanks_does_not_change_the_dimension(tmp_path):
    assert _read(tmp_path, "the red oak 1 2\nelm 3 4\n")[0] == ["the red oak", "elm"]


def test_a_blank_may_be_a_word(tmp_path):
    assert _read(tmp_path, HEADER + "oak 1 2\n  3 4\nash 5 6\n")[0] == ["oak", " ", "ash"]


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("row", ["elm 3 4 5", "elm\t3\t4\t5", "light green 3 4 5", "elm 3 4 nan"])
def test_surplus_numbers_are_an_error_with_the_line(tmp_path, header, row):
    line = 3 if header else 2
    with pytest.raises(ShapeError, match=f"line {line}: 3 numbers where 2 are due"):
        _read(tmp_path, f"{header}oak 1 2\n{row}\nash 5 6\n")


@pytest.mark.parametrize("header", ["", HEADER])
def test_missing_numbers_are_an_error_with_the_line(tmp_path, header):
    line = 3 if header else 2
    with pytest.raises(ShapeError, match=f"line {line}: 1 numbers where 2 are due"):
        _read(tmp_path, f"{header}oak 1 2\nelm 3\nash 5 6\n")


@pytest.mark.parametrize("header", ["", HEADER])
def test_a_row_without_a_word_is_an_error_with_the_line(tmp_path, header):
    line = 3 if header else 2
    with pytest.raises(ValuesError, match=f"line {line}: no word stands before the numbers"):
        _read(tmp_path, f"{header}oak 1 2\n 3 4\nash 5 6\n")


def test_a_header_that_names_another_dimension_is_an_error_with_the_line(tmp_path):
    with pytest.raises(ShapeError, match="line 2: 2 numbers where 1 are due, as the header says"):
        _read(tmp_path, "3 1\n" + ROWS)
    with pytest.raises(ShapeError, match="line 2: 2 numbers where 3 are due, as the header says"):
        _read(tmp_path, "3 3\noak 1 2\nelm 3 4\nash 5 6\n" + " " * 9)


@pytest.mark.parametrize("rows", [2, 4])
def test_a_header_that_names_another_number_of_words_is_an_error(tmp_path, rows):
    with pytest.raises(FileError, match=f"holds {rows} vectors and holds 3"):
        _read(tmp_path, f"{rows} 2\n{ROWS}")


def test_words_that_are_not_utf8_are_an_error_with_the_line(tmp_path):
    with pytest.raises(FileError, match=r"line 3: the word is not UTF-8; convert the file"):
        _read(tmp_path, HEADER.encode() + "oak 1 2\n\xe9lm 3 4\nash 5 6\n".encode("latin-1"))


def test_words_of_one_dimension_with_many_blanks_are_text(tmp_path):
    rows = [(f"a word of {'many ' * i}blanks", float(i + 1)) for i in range(30)]
    text = "30 1\n" + "".join(f"{word} {number}\n" for word, number in rows)
    ids, vectors = _read(tmp_path, text)
    assert list(zip(ids, np.ravel(vectors), strict=True)) == rows


def _binary(words, vectors, end=b"\n"):
    rows = (w.encode() + b" " + v.tobytes() + end for w, v in zip(words, vectors, strict=True))
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(rows)


@pytest.mark.parametrize("dimension", [1, 2, 50])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_binary_is_told_from_text(tmp_path, dimension, end):
    vectors = np.random.default_rng(0).normal(size=(40, dimension)).astype("<f4")
    words = [f"w\u00e9{i}" for i in range(40)]
    ids, read = _read(tmp_path, _binary(words, vectors, end), "words.bin")
    assert ids == words
    assert np.array_equal(np.float32(read), vectors)


def test_binary_words_with_blanks_are_refused(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 20)).astype("<f4")
    with pytest.raises(FileError):
        _read(tmp_path, _binary(["oak", "light green", "ash"], vectors), "words.bin")


def test_binary_that_goes_on_behind_its_last_vector_is_refused(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 20)).astype("<f4")
    data = _binary(["oak", "elm", "ash"], vectors).replace(b"3 20", b"2 20", 1)
    with pytest.raises(FileError, match=r"says that it holds 2 vectors .* follow the last one"):
        _read(tmp_path, data, "words.bin")


def test_small_numbers_are_looked_at_where_lines_end_in_carriage_returns(tmp_path):
    text = "oak 1 2\relm 0 0\rash 5 6\r"
    assert _read(tmp_path, text) == (["oak", "elm", "ash"], [[1, 2], [0, 0], [5, 6]])
    with pytest.raises(ValuesError, match="row 1 holds no number above"):
        _read(tmp_path, text.replace("0 0", "3e-42 1e-50"))


@pytest.mark.parametrize("text", ["3 2\roak 1 2\relm 3 4\r", "oak 1 2\relm tree 3 4\nash 5 6\n"])
def test_lines_that_a_carriage_return_may_end_are_not_read_as_one(tmp_path, text):
    with pytest.raises(FileError, match="carriage return"):
        _read(tmp_path, text)
