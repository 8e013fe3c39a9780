"""A run that lacks many lists is judged as if it found nothing, which its verdict supposes."""

import pytest

import anglewise as aw
from anglewise.comparison.gates import check

GAINS = {f"q{row}": {f"d{row}": 1} for row in range(60)}


def compared(lacking):
    good = {query: [f"d{row}", "x"] for row, query in enumerate(GAINS)}
    other = {query: [f"d{row}", "x"] for row, query in enumerate(GAINS) if row >= lacking}
    runs = [aw.Run.from_dict(other, "short"), aw.Run.from_dict(good, "whole")]
    return aw.compare_runs(runs, GAINS)


def test_a_lead_over_a_run_without_lists_is_said_to_suppose_that_it_finds_nothing():
    result = compared(20)
    said = "if short finds nothing for the 20 queries of which it has no list"
    assert result.verdict.decision == "use"
    assert result.verdict.reason.endswith(said)
    assert said in check(result, "whole>=short+0.1").sentence


@pytest.mark.parametrize("lacking", [0, 5])
def test_few_queries_without_a_list_stand_in_a_note_alone(lacking):
    result = compared(lacking)
    assert "no list" not in result.verdict.reason
    assert any("has no list for" in note for note in result.notes) == bool(lacking)
