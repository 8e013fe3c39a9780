"""Passages: what every way of cutting must hold to."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise.encoders.documents import Documents, as_utf8
from anglewise.encoders.encode import chunks, encode
from anglewise.encoders.encoder import count_words
from anglewise.errors import ValuesError

WORDS = st.sampled_from(["one", "two.", "three!", "x" * 30, "日本語。", "\n\n", "e.g.", 'end."'])
TEXTS = st.lists(WORDS, min_size=1, max_size=80).map(" ".join).filter(str.strip)


def letters(texts):
    """Tokens of at most three characters, one more for each text: worse than additive."""
    return [0 if not t.strip() else 1 + sum(-(-len(w) // 3) for w in t.split()) for t in texts]


def thirsty(texts):
    """Words together make more tokens than one by one."""
    return [len(t.split()) + (len(t.split()) > 3) for t in texts]


@settings(max_examples=50)
@given(TEXTS, st.integers(3, 40), st.integers(0, 100))
def test_pieces_fit_and_cover_every_character_in_order(text, size, share):
    overlap = share * (size - 1) // 100
    for tokens in (count_words, letters, thirsty):
        found = chunks(text, size, overlap, tokens)
        assert max(tokens([text[a:b] for a, b in found])) <= size
        covered = np.zeros(len(text), dtype=bool)
        for start, end in found:
            covered[start:end] = True
            assert text[start:end] == text[start:end].strip()
        assert all(covered[i] or text[i].isspace() for i in range(len(text)))
        ends = [end for _, end in found]
        starts = [start for start, _ in found]
        assert ends == sorted(set(ends))  # every piece brings something new
        assert starts == sorted(set(starts))


@given(TEXTS, st.integers(4, 30))
def test_without_overlap_nothing_comes_twice(text, size):
    found = chunks(text, size, 0, count_words)
    assert all(end <= start for (_, end), (start, _) in pairwise(found))


@given(TEXTS, st.integers(6, 30))
def test_overlap_is_no_longer_than_asked(text, size):
    overlap = size // 3
    found = chunks(text, size, overlap, count_words)
    for (_, end), (start, _) in pairwise(found):
        assert count_words([text[start:end]])[0] <= overlap


def test_a_text_that_fits_stays_whole():
    assert chunks("  Two words. ", 5, 2, count_words) == [(2, 12)]
    assert chunks("   ", 5, 0, count_words) == []


def test_pieces_end_with_sentences_where_that_leaves_them_half_full():
    text = " ".join(f"This is sentence number {i}." for i in range(40))
    for start, end in chunks(text, 23, 0, count_words):
        assert re.fullmatch(r"(This is sentence number \d+\.\s?)+", text[start:end])
        assert end - start > 50


def test_a_word_beyond_the_window_is_cut_between_characters():
    def characters(texts):
        return [len(t.replace(" ", "")) for t in texts]

    found = chunks("ab " + "x" * 95 + " cd", 10, 0, characters)
    assert sum(end - start for start, end in found) >= 99
    assert max(end - start for start, end in found) <= 11


def test_text_without_blanks_is_cut_at_its_own_stops():
    text = "日本語の文です。" * 10

    def characters(texts):
        return [len(t) for t in texts]

    found = chunks(text, 20, 0, characters)
    assert all(text[start:end].endswith("。") for start, end in found)


def test_passages_that_would_fill_the_memory_are_refused_before_they_are_cut(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "10MB")
    text = " ".join(f"word{number % 997}" for number in range(6_000))
    texts = [" ".join(["one"] * 2_000) + f" {number}" for number in range(20)]

    def never(_):
        raise AssertionError("nothing is encoded")

    for documents, size in (([text], 1_000), (texts, 100)):  # of one text, and of many together
        with pytest.raises(ValuesError) as refused:
            encode(documents, never, chunk=size, overlap=size - 1)
        assert "10 MB are allowed" in str(refused.value)
        assert "smaller overlap" in str(refused.value)


def test_few_passages_are_cut_out_at_once_to_be_counted():
    text, most = " ".join(["word"] * 4_000), 0

    def counting(texts):
        nonlocal most
        most = max(most, sum(map(len, texts)))
        return count_words(texts)

    chunks(text, 2_000, 1_999, counting)  # 20 million characters in all
    assert most < 6e6


@pytest.mark.parametrize(
    ("name", "title", "about"),
    [
        ("d", "", {"body": ["x" * 500_000]}),
        ("d" * 500_000, "", {}),
        ("d", "x" * 40_000 + "\U0001f600", {}),
    ],
    ids=["field", "id", "title of wide letters"],
)
def test_what_passages_carry_of_their_document_is_counted(name, title, about, monkeypatch):
    """A field of half a million letters beside a text of a thousand passages takes gigabytes."""
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50MB")
    documents = Documents([name], [" ".join(["word"] * 4000)], [title], about)

    def encoder(_):
        raise AssertionError("nothing is encoded")

    with pytest.raises(ValuesError, match="are allowed: take a smaller overlap or fewer"):
        encode(documents, encoder, chunk=10)


def test_letters_of_another_encoding_ask_nothing():
    with pytest.raises(ValuesError, match="no text in UTF-8"):
        as_utf8("caf\udce9 words")
    assert as_utf8("café") == "café"
