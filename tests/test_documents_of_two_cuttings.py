"""Spaces that cut the same documents otherwise: what their judged passages say of a document."""

import pytest

import anglewise as aw
from anglewise.comparison.cut_otherwise import in_one_cutting
from anglewise.errors import SpellingError

ENDS = {"two": [10, 20], "four": [5, 10, 15, 20]}


def _space(ends):
    starts = [0, *ends[:-1]]
    names = [f"d#{number}" for number in range(len(ends))]
    about = {"document": ["d"] * len(ends), "start": starts, "end": ends}
    items = aw.Embeddings([[1.0, float(n)] for n in range(len(ends))], names, about)
    return aw.Space(queries=aw.Embeddings([[1.0, 2.0]], ["q"]), items=items)


SPACES = {name: _space(ends) for name, ends in ENDS.items()}


def _of_documents(**grades):
    judged = {
        name: aw.Judgements.from_dict({"q": some}, SPACES[name]) for name, some in grades.items()
    }
    found = in_one_cutting(SPACES, judged).judged
    return {
        name: dict(zip(one.graded.indices.tolist(), one.graded.values.tolist(), strict=True))
        for name, one in found.items()
    }


def test_a_document_is_irrelevant_where_each_of_its_passages_was_judged_so():
    every = {f"d#{n}": 0.0 for n in range(4)}
    assert _of_documents(two={"d#0": 0.0, "d#1": 0.0}, four=every) == {
        "two": {0: 0.0},
        "four": {0: 0.0},
    }


def test_a_document_of_which_some_passages_were_not_judged_is_not_called_irrelevant():
    few = {f"d#{n}": 0.0 for n in range(3)}
    assert _of_documents(two={"d#0": 0.0}, four=few) == {"two": {}, "four": {}}


def test_a_document_is_as_relevant_as_its_best_passage_in_any_cutting():
    found = _of_documents(two={"d#0": 0.0, "d#1": 0.0}, four={"d#0": 1.0, "d#3": 2.0})
    assert found == {"two": {0: 2.0}, "four": {0: 2.0}}


def test_passages_that_are_left_out_of_lists_are_refused():
    judged = {name: aw.Judgements.from_dict({"q": {"d#0": 1.0}}, SPACES[name]) for name in SPACES}
    hides = aw.Judgements.from_dict({"q": {"d#1": 1.0}}, SPACES["four"]).gains
    judged["four"] = aw.Judgements(judged["four"].gains, seen=hides)
    with pytest.raises(SpellingError, match="four leaves passages out of the lists"):
        in_one_cutting(SPACES, judged)
