"""Items of one class are relevant to each other."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anglewise import Embeddings, Neighbours, Space, read_judgements
from anglewise.errors import IdsError, TooFewError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.judgements import same_label as module
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels
from real_data import real_data


def a_space(items):
    return Space(items=Embeddings(np.ones((items, 1))))


def labels_of(classes):
    return Labels({str(row): str(one) for row, one in enumerate(classes) if one >= 0})


@settings(max_examples=60, deadline=None)
@given(classes=st.lists(st.integers(-1, 4), min_size=6, max_size=40))
def test_relevant_are_all_others_of_the_class_and_never_the_item_itself(classes):
    classes = np.array([0, 0, *classes])
    due = (classes[:, None] == classes) & (classes >= 0)[:, None]
    np.fill_diagonal(due, val=False)
    judged = from_labels(a_space(len(classes)), labels_of(classes))
    assert judged.direction == "items-items"
    assert np.array_equal(judged.gains.ones().toarray() > 0, due)
    assert all((np.diff(judged.gains.row(i)) > 0).all() for i in range(len(classes)))
    assert np.array_equal(judged.judged_items, classes >= 0)


def test_two_sided_spaces_label_their_items():
    space = Space(queries=Embeddings(np.ones((2, 1))), items=Embeddings(np.ones((3, 1))))
    assert from_labels(space, labels_of([1, 1, 0])).gains.shape == (3, 3)


def test_labels_of_other_ids_are_said_to_be_so_where_a_few_match_by_chance():
    """Rows are numbered from 0, and one of the labelled ids happens to be such a number."""
    labels = Labels({str(4 + 10 * one): "ab"[one % 2] for one in range(5)})
    with pytest.raises(IdsError, match=r"4 of 5 labelled ids \('14', .* are not .*--item-ids"):
        from_labels(a_space(6), labels)
    known = Labels({"0": "a", "1": "b", "99": "a"})
    with pytest.raises(TooFewError, match="labels that repeat are due"):
        from_labels(a_space(6), known)


def test_a_sample_of_queries_asks_for_the_same_as_all_of_them():
    classes = np.arange(30) % 4
    everyone = from_labels(a_space(30), labels_of(classes))
    some = from_labels(a_space(30), labels_of(classes), queries=7, seed=3)
    assert len(some.judged_rows) == 7
    for row in some.judged_rows:
        assert np.array_equal(some.gains.row(row), everyone.gains.row(row))
    assert "7 of 30 items ask (seed 3)" in some.source
    again = from_labels(a_space(30), labels_of(classes), queries=7, seed=3)
    other = from_labels(a_space(30), labels_of(classes), queries=7, seed=4)
    assert np.array_equal(some.judged_rows, again.judged_rows)
    assert not np.array_equal(some.judged_rows, other.judged_rows)


def test_too_many_pairs_ask_for_a_sample_that_fits(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 500)
    space, labels = a_space(100), labels_of(np.arange(100) % 2)
    with pytest.raises(ValuesError, match=r"4,900 pairs .*queries=10"):
        from_labels(space, labels)
    assert len(from_labels(space, labels, queries=10).gains.values) == 490


def test_many_items_of_small_classes_need_no_square_table():
    items = 200_000
    judged = from_labels(a_space(items), labels_of(np.arange(items) // 4))
    assert len(judged.gains.values) == 3 * items


def test_labels_that_match_nothing_or_in_part_are_named():
    with pytest.raises(IdsError, match=r"'x'.*'0', '1'"):
        from_labels(a_space(2), Labels({"x": "a"}))
    judged = from_labels(a_space(2), Labels({"0": "a", "1": "a", "x": "a", "y": "b"}))
    assert judged.complaints.unknown_items == ("x", "y")
    assert judged.complaints.dropped == 2


def test_classes_of_one_item_each_leave_nothing_to_judge():
    with pytest.raises(TooFewError, match="no two of one class"):
        from_labels(a_space(3), labels_of([0, 1, 2]))
    with pytest.raises(TooFewError, match="at least one"):
        from_labels(a_space(2), labels_of([0, 0]), queries=0)


def test_a_labelled_item_of_another_class_was_judged_and_an_unlabelled_one_was_not():
    judged = from_labels(a_space(4), labels_of([0, -1, 1, 0]))
    lists = np.array([[2, 3, 1, -1]])
    found = Neighbours("dot", lists, np.zeros((1, 4), np.float32), np.zeros(1, np.int64))
    values = evaluate({"dot": found}, judged, np.array([0]), "Judged@2,Judged@4,P@2")
    assert [one.item() for one in values.values()] == [1, 2 / 3, 1 / 2]


@pytest.mark.real
def test_real_intents_fit_without_a_sample():
    with (real_data("banking77") / "texts.csv").open(newline="", encoding="utf-8") as file:
        of = {str(row): line["label"] for row, line in enumerate(csv.DictReader(file))}
    judged = from_labels(a_space(len(of)), Labels(of))
    sizes = np.unique(list(of.values()), return_counts=True)[1]
    assert len(judged.gains.values) == (sizes * (sizes - 1)).sum()
    assert len(judged.judged_rows) == len(of)


def test_pairs_that_fill_the_memory_allowed_ask_for_a_sample_that_fits(monkeypatch, tmp_path):
    space, file = a_space(100), tmp_path / "labels.csv"
    file.write_text("\n".join(["id,label", *(f"{i},{'ab'[i % 2]}" for i in range(100))]))
    monkeypatch.setenv("ANGLEWISE_MEMORY", "50kB")
    due = r"4,900 pairs .* 500 fit.*queries=10.*ANGLEWISE_MEMORY=0.98MB"
    with pytest.raises(ValuesError, match=due):
        read_judgements(file, space)
    assert len(read_judgements(file, space, label_queries=10).gains.values) == 490
    monkeypatch.setenv("ANGLEWISE_MEMORY", "0.98MB")
    assert len(read_judgements(file, space).gains.values) == 4900
