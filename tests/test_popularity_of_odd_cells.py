"""A cell of the column ``popularity`` that is no number of use costs that row alone; it is said."""

import io
import warnings

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, audit, compare, compare_spaces, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.breadth import strata_of
from anglewise.geometry.norms import known_uses, popularity, popularity_note
from anglewise.labelling.lint import lint
from anglewise.remedies.remedy import remedy
from anglewise.report.document import Palette
from anglewise.report.pictures import draw_lengths
from cli_run import anglewise

__all__ = ["anglewise"]

ITEMS, QUERIES = 60, 24
RNG = np.random.default_rng(0)
VECTORS, ASKING = RNG.normal(size=(ITEMS, 6)), RNG.normal(size=(QUERIES, 6))
LIKED = (np.arange(QUERIES)[:, None] * 7 + [0, 11, 29]) % ITEMS
GAINS = SparseRows.from_pairs(
    np.repeat(np.arange(QUERIES), 3), LIKED.ravel(), shape=(QUERIES, ITEMS)
)
SOUND = [float(row % 9) for row in range(ITEMS)]
ODD = ["x", "1,000", "1_0", "inf", "nan", -1, float("inf"), -float("inf"), "1" + "0" * 400, [1]]
SAID = "popularity of items: 1 of 60 cells is no finite number of at least 0 "


def space_with(*cells, popularity=None):
    known = [*cells, *SOUND[len(cells) :]] if popularity is None else popularity
    return Space(
        items=Embeddings(
            VECTORS, [f"i{row}" for row in range(ITEMS)], metadata={"popularity": known}
        ),
        queries=Embeddings(ASKING, [f"q{row}" for row in range(QUERIES)]),
        trained_for="dot",
    )


def said(notes):
    return [note for note in notes if "popularity of" in note]


def remedied(space):
    return remedy(space, Judgements(GAINS), candidates="cosine")


@pytest.mark.parametrize("cell", ODD, ids=repr)
def test_a_cell_that_is_no_number_of_use_is_unknown_for_its_row_alone(cell):
    space = space_with(cell)
    used = popularity(space, "items")
    assert used.what == "popularity"
    assert np.isnan(used.values[0])
    assert used.values[1:].tolist() == SOUND[1:]
    assert known_uses(space, "queries-items").tolist() == [0, *SOUND[1:]]
    assert popularity_note(space, "items").startswith(SAID)


@pytest.mark.parametrize("cell", [None, float("nan"), "", "  ", 0, "7", True])
def test_a_number_and_an_empty_cell_are_no_fault(cell):
    assert popularity_note(space_with(cell), "items") is None
    assert popularity(space_with(cell), "items").what == "popularity"


def test_it_is_said_once_wherever_popularity_is_used():
    space, judged = space_with("x"), Judgements(GAINS)
    line = SAID + "('x' of 'i0'), and counts as unknown"
    compared = compare(space, judged, "dot,cosine")
    assert said(compared.notes) == [line]
    assert "most used items" in str(compared)
    assert said(audit(space, sample=20).notes) == [line]
    assert said(remedied(space).notes) == [line]
    assert [one.what for one in lint(space, judged).findings if one.check == "popularity"] == [line]
    both = compare_spaces({"a": space, "b": space_with()}, judged, "dot,cosine")
    assert said(both.notes) == [f"a: {line}"]
    assert said(compare(space_with(), judged, "dot,cosine").notes) == []


def test_a_column_beside_what_training_saw_is_not_used_and_not_named():
    space = space_with("x")
    seen = SparseRows.from_pairs([0], [0], shape=(QUERIES, ITEMS))
    assert (
        popularity_note(Space(items=space.items, queries=space.queries, seen=seen), "items") is None
    )


def test_a_column_without_any_number_is_said_not_to_be_used():
    space = space_with(popularity=["many", "few"] * 30)
    assert popularity(space, "items") is None
    assert popularity_note(space, "items") == (
        "popularity of items: 60 of 60 cells are no finite numbers of at least 0 ('many' of 'i0', "
        "first), so that the column is not used"
    )
    assert len(said(audit(space, sample=20).notes)) == 1


@pytest.mark.parametrize("scale", [1e-300, 1.0, 2.9e307])
def test_strata_are_the_same_at_every_scale_without_a_warning(scale):
    uses = np.array([1.0, 6, 3, 3, 1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert strata_of(uses * scale).tolist() == [2, 0, 1, 1, 2, 2, 2]


def test_huge_numbers_give_the_same_head_middle_and_tail_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge, usual = (
            space_with(popularity=[use * scale for use in SOUND]) for scale in (2.0**1020, 1.0)
        )
        strata = [
            [row.strata for row in compare(space, Judgements(GAINS), "dot,cosine").measures]
            for space in (huge, usual)
        ]
        assert strata[0] == strata[1]
        assert all(len(row) == 3 for row in strata[0])
        by_use = [[part.use for part in remedied(space).strata] for space in (huge, usual)]
        assert by_use[0] == by_use[1]
        audit(huge, sample=20)
        liked = np.argsort(SOUND)[-20:]
        rows = np.repeat(np.arange(QUERIES), 20)
        table = SparseRows.from_pairs(rows, np.tile(liked, QUERIES), shape=(QUERIES, ITEMS))
        [skew] = [
            one for one in lint(huge, Judgements(table)).findings if one.check == "popularity"
        ]
        assert "e+307 against" in skew.what


@pytest.mark.parametrize(
    "used", [[1e308], [1e308, 1e-308], [0.0, 1e308], [0.0, 1e-320, 1e308], [0.0, 1.0, 1e308]]
)
def test_a_chart_against_huge_numbers_is_drawn_without_a_warning(used):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw_lengths(np.linspace(1, 2, len(used)), np.array(used), "popularity", Palette())
        figure.savefig(io.BytesIO(), format="svg")
    assert figure.axes[0].get_xlabel() == "popularity / 1e+100"


@pytest.mark.parametrize("cells", [["x"] + ["3"] * 59, [float("inf")], [-1], [1e308] * 30])
def test_no_command_and_no_page_fails_of_it(cells, tmp_path, anglewise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_space(
        space_with(*cells), tmp_path / "space", judgements={"queries-items": Judgements(GAINS)}
    )
    for words in (
        ["compare", "space", "--breadth", "--html", "c.html"],
        ["audit", "space", "--html", "a.html"],
        ["judge", "lint", "space"],
        ["inspect", "space", "--export", "copy"],
    ):
        run = anglewise(*words, "--quiet")
        assert run.code in {0, 1}
        assert "Warning" not in run.err
