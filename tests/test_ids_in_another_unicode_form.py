"""Ids that look alike and differ in their Unicode form: whoever finds none says why."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.auditing.subject import Names
from anglewise.comparison.notes import judged_notes
from anglewise.errors import IdsError
from anglewise.io.judgement_files import read_judgements
from anglewise.io.texts import read_texts
from cli_run import anglewise, refused  # noqa: F401 a fixture

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
WORDS = "differ in their Unicode form (NFC and NFD)"


def space_of(*names):
    x = np.random.default_rng(0).standard_normal((len(names), 3))
    return aw.Space(queries=aw.Embeddings(x, names), items=aw.Embeddings(x, names))


@pytest.fixture
def space():
    return space_of(COMPOSED, "tea", "water")


def test_a_name_asked_for(space):
    with pytest.raises(IdsError, match="NFC and NFD"):
        space.items.rows_of([DECOMPOSED], "item")
    with pytest.raises(IdsError, match="NFC and NFD"):
        space_of(DECOMPOSED).items.rows_of([COMPOSED], "item")
    with pytest.raises(IdsError, match="NFC and NFD"):
        Names(space.items).row(DECOMPOSED)
    with pytest.raises(IdsError) as other:
        space.items.rows_of(["caf\u00e8"], "item")
    assert WORDS not in str(other.value)


@pytest.mark.parametrize("lines", [[DECOMPOSED], [DECOMPOSED, "tea"]])
def test_qrels(space, tmp_path, lines):
    path = tmp_path / "qrels.tsv"
    path.write_text("".join(f"{name}\t0\t{name}\t1\n" for name in lines))
    if len(lines) == 1:
        with pytest.raises(IdsError, match="NFC and NFD"):
            read_judgements(path, space)
        with pytest.raises(IdsError, match="NFC and NFD"):
            aw.Judgements.from_pairs([(DECOMPOSED, DECOMPOSED)], space)
        return
    judged = read_judgements(path, space)
    assert WORDS in judged.complaints.other_form
    assert any(WORDS in note for note in judged_notes(judged))


def test_titles_and_what_was_seen(tmp_path, space):
    table, sentences = tmp_path / "items.csv", []
    table.write_text(f"item_id,title\n{DECOMPOSED},coffee\n")
    with pytest.raises(IdsError, match="NFC and NFD"):
        read_texts(table, space.items.ids)
    table.write_text(f"item_id,title\n{DECOMPOSED},coffee\ntea,Tea\n")
    read_texts(table, space.items.ids, say=sentences.append)
    assert WORDS in sentences[-1]


def test_the_command_line(anglewise, tmp_path):  # noqa: F811
    vectors, ids = tmp_path / "x.npy", tmp_path / "ids.txt"
    np.save(vectors, np.random.default_rng(0).standard_normal((3, 4)))
    ids.write_text(f"{COMPOSED}\ntea\nwater\n")
    call = ["search", "--items", vectors, "--item-ids", ids, "--k", "2", "--query"]
    assert refused(anglewise(*call, DECOMPOSED), WORDS)
    assert json.loads(anglewise(*call, COMPOSED, "--json", "-").out)
