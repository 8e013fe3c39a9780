"""Verdicts of slices and of other ways say under what they hold, as the one above them does."""

import numpy as np

import anglewise as aw
from anglewise.auditing.gauge_overlap import gauge_path
from anglewise.auditing.subject import subject
from anglewise.cli.all_lists import all_words
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.judgements.co_use import co_use
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels
from anglewise.report.audit_chapters import _path
from anglewise.report.comparison_document import comparison_document
from anglewise.report.html_page import page
from anglewise.report.plain_text import markdown
from anglewise.report.remedy_document import remedy_document

IF = "that are relevant to each other tell as much as independent ones"


def written(result):
    return " ".join(markdown(comparison_document(result)).split())


def test_ways_of_judging_hold_under_the_same_supposition():
    rng = np.random.default_rng(0)
    sets = SparseRows.from_pairs(*np.nonzero(rng.random((60, 250)) < 0.08), shape=(60, 250))
    items = aw.Embeddings(rng.normal(size=(250, 6)) * rng.uniform(0.2, 5, (250, 1)))
    words = written(aw.compare(aw.Space(items=items), co_use(UsedTogether(sets)), "dot,cosine"))
    assert f"Each verdict holds at 95% by itself, if queries {IF}." in words


def test_slices_hold_under_the_same_supposition():
    rng = np.random.default_rng(0)
    names = [f"i{row}" for row in range(90)]
    classes = [str(row % 9) for row in range(90)]
    columns = {"tongue": [("en", "de")[row % 2] for row in range(90)]}
    vectors = aw.Embeddings(rng.normal(size=(90, 4)), ids=names, metadata=columns)
    space = aw.Space(items=vectors)
    judged = from_labels(space, Labels(dict(zip(names, classes, strict=True))))
    words = written(aw.compare(space, judged, "dot,cosine", slices=["queries:tongue"]))
    assert f"holds at 95% together, if queries {IF}." in words


def test_a_table_of_all_lists_says_whose_lists_it_holds():
    assert all_words(60, 4, 5, ["dot", "cosine", "euclidean"]).startswith("60 rows: of each of 4")
    assert "or fewer" in all_words(59, 4, 5, ["dot", "cosine", "euclidean"])


def test_a_report_within_strata_says_whose_figures_stand_beside_its_lists():
    rng = np.random.default_rng(0)
    sets = SparseRows.from_pairs(*np.nonzero(rng.random((60, 250)) < 0.08), shape=(60, 250))
    items = aw.Embeddings(rng.normal(size=(250, 6)) * rng.uniform(0.2, 5, (250, 1)))
    result = aw.compare(aw.Space(items=items), co_use(UsedTogether(sets)), "dot,cosine")
    words = " ".join(page(comparison_document(result)).split())
    assert "Lists are over all items. The nDCG@10 beside a list is not of it" in words
    sure = words.partition("What this set can see")[2][:600]
    assert f"if differences vary as they do here and if queries {IF}" in sure
    assert "(2% of the measure that leads)" in sure


def test_what_stands_in_the_table_of_remedies_is_not_said_to_be_left_out():
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(90, 6))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    own = SparseRows.from_pairs(np.arange(90), np.arange(90), shape=(90, 90))
    space = aw.Space(queries=aw.Embeddings(unit + 0.3), items=aw.Embeddings(unit))
    found = aw.remedy(space, aw.Judgements(own), "dot,cosine@centred,csls(5)", finalists=1)
    document = remedy_document(found)
    shown = {row.measure for row in found.comparison.measures}
    assert "cosine" in shown & set(found.left_out)  # the one in use, which ranks as dot does
    assert not any(line.startswith("cosine:") for line in document.left_out)
    words = " ".join(markdown(document).split())
    assert "so that its figures and these do not compare" in words


def test_quality_along_the_gauge_says_where_use_judged_it_over_all_items():
    rng = np.random.default_rng(0)
    sets = SparseRows.from_pairs(*np.nonzero(rng.random((60, 120)) < 0.1), shape=(60, 120))
    space = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(60, 6))),
        items=aw.Embeddings(rng.normal(size=(120, 6))),
    )
    asked = subject(space, 10, 50, 0, None)
    names = [f"i{row}" for row in range(120)]
    labels = Labels(dict(zip(names, [str(row % 9) for row in range(120)], strict=True)))
    named = aw.Space(items=aw.Embeddings(space.items.vectors, names))
    judged = {True: co_use(UsedTogether(sets)), False: from_labels(named, labels)}
    for by_use, judgements in judged.items():
        path = gauge_path(asked, "items-items", judgements)
        assert path.by_use == by_use
        words = " ".join(str(block) for block in _path({"items-items": path}))
        assert ("how much items are used decides much" in words) == by_use
