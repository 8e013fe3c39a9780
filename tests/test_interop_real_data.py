"""The data that people have: read as it is, with the counts that its makers give."""

import numpy as np
import pytest

from anglewise import (
    Embeddings,
    Space,
    read_interactions,
    read_judgements,
    read_pairs,
    read_space,
    write_space,
)
from anglewise.data_types.columns import titles
from anglewise.errors import IdsError
from anglewise.io.delimited import open_sheet
from anglewise.io.read import judgements_of, read_texts
from real_data import real_data


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "users", "items", "entries"),
    [
        ("ml-100k", 943, 1_682, 100_000),
        ("ml-1m", 6_040, 3_706, 1_000_209),
        ("movietweetings-100k", 16_554, 10_506, 100_000),
    ],
)
def test_interactions_have_the_counts_of_their_makers(name, users, items, entries):
    folder = real_data(name)
    said = []
    found = read_interactions(
        folder / "interactions.csv.gz", item_table=folder / "items.csv", say=said.append
    )
    assert found.shape == (users, items)
    assert len(found.weights) == entries
    assert not any("repeated" in sentence for sentence in said)
    assert found.item_metadata is not None
    assert len(found.item_metadata["title"]) == items
    assert any("users from 'user_id'" in sentence for sentence in said)


@pytest.mark.real
def test_the_threshold_of_ml_1m_keeps_four_and_five_stars():
    found = read_interactions(real_data("ml-1m") / "interactions.csv.gz", min_weight=4)
    assert len(found.weights) == 575_281
    assert set(found.weights) == {4.0, 5.0}


@pytest.mark.real
@pytest.mark.parametrize(
    ("encoder", "dimension", "unit", "zeros"),
    [("use", 512, True, 0), ("paraphrase-L3", 384, False, 0), ("glove50-sum", 50, False, 2)],
)
def test_cranfield_is_read_with_texts_and_judgements(encoder, dimension, unit, zeros):
    folder = real_data("cranfield")
    space = read_space(
        folder / "vectors" / encoder, item_texts=folder, query_texts=folder / "queries.jsonl"
    )
    assert (len(space.queries), len(space.items)) == (225, 1_400)
    assert space.items.dimension == dimension
    assert space.items.is_unit() == unit
    assert len(space.items.zero_rows) == zeros
    names = titles(space.items)
    assert names is not None
    assert names[0].startswith("experimental investigation of the aerodynamics")
    judged = read_judgements(folder / "qrels.tsv", space)
    assert len(judged.gains.values) == 1_837
    assert len(judged.judged_rows) == 225
    assert set(judged.gains.values) <= {0, 1, 2, 3, 4}
    assert judged.complaints.dropped == judged.complaints.duplicates == 0


@pytest.mark.real
def test_cranfield_survives_a_space_folder(tmp_path):
    folder = real_data("cranfield")
    space = read_space(folder / "vectors" / "glove50-sum", item_texts=folder)
    judged = read_judgements(folder / "qrels.tsv", space)
    write_space(space, tmp_path / "s", judgements={"queries-items": judged})
    back = read_space(tmp_path / "s")
    assert np.array_equal(back.items.vectors, space.items.vectors)
    assert titles(back.items) == titles(space.items)
    again = judgements_of(tmp_path / "s", "queries-items", back)
    assert np.array_equal(again.gains.values, judged.gains.values)


@pytest.mark.real
def test_scifact_says_which_judgements_have_no_vectors():
    folder = real_data("scifact")
    space = read_space(folder / "vectors" / "glove50-sum")
    judged = read_judgements(folder, space)  # finds qrels.tsv in the folder
    assert len(judged.judged_rows) == 300
    assert judged.complaints.dropped == 919
    assert judged.complaints.unknown_queries == ("0", "2", "4")
    assert judged.complaints.gains_all_equal


@pytest.mark.real
def test_judgements_of_another_collection_match_nothing():
    space = read_space(real_data("cranfield") / "vectors" / "use")
    with pytest.raises(IdsError, match="'31715818', '13734012', '22942787'"):
        read_judgements(real_data("scifact") / "qrels.tsv", space)


@pytest.mark.real
def test_chunks_of_texts_are_read():
    folder = real_data("chroma-chunking-eval")
    ids = [f"chatlogs-{i}" for i in range(3)]
    texts = read_texts(folder / "corpus.jsonl.gz", ids)
    assert all(len(text) > 100 for text in texts["text"])


@pytest.mark.real
def test_sentence_pairs_are_scored_by_their_own_words():
    path = real_data("stsb-en") / "pairs.csv"
    left, right, scores = (column.to_pylist() for column in open_sheet(path).columns([0, 1, 2]))
    names = sorted({*left, *right})
    pairs = read_pairs(path, Space(items=Embeddings(np.ones((len(names), 1)), names)))
    assert len(pairs.scores) + pairs.complaints.duplicates == len(scores) == 8_628
    assert names[pairs.rows_a[0]] == left[0]
    assert pairs.scores[0] == float(scores[0])
