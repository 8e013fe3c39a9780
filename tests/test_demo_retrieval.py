"""The bundled retrieval set is whole, judged, and speaks of guides that can be found."""

import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from anglewise.experiment.catalogue import retrieval

BUNDLE = Path(str(files("anglewise.experiment") / "retrieval"))
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def made():
    return retrieval()


def lines(name):
    return [json.loads(line) for line in (BUNDLE / name).read_text().splitlines()]


def test_sixty_questions_or_more_and_each_has_an_answer(made):
    _, judgements = made
    best = np.maximum.reduceat(judgements.gains.values, judgements.gains.indptr[:-1])
    assert len(judgements.judged_rows) == judgements.gains.shape[0] >= 60
    assert best.min() >= 2


def test_grades_run_from_zero_to_three_and_zeros_are_kept(made):
    _, judgements = made
    grades, counts = np.unique(judgements.gains.values, return_counts=True)
    assert grades.tolist() == [0, 1, 2, 3]
    assert counts.min() > 50


def test_judgements_fit_the_texts_and_the_vectors(made):
    space, judgements = made
    complaints = judgements.complaints
    assert not complaints.dropped
    assert not complaints.duplicates
    assert not complaints.unknown_items
    assert not complaints.unknown_queries
    assert space.items.ids.tolist() == [line["_id"] for line in lines("corpus.jsonl")]
    assert space.queries.ids.tolist() == [line["_id"] for line in lines("queries.jsonl")]


def test_lengths_differ_so_that_measures_can(made):
    space, _ = made
    assert space.items.norms.max() > 1.5 * space.items.norms.min()
    assert not len(space.items.zero_rows)


def test_sections_are_of_guides_of_which_the_site_says_where_they_went():
    pages = {line["_id"].partition("#")[0] for line in lines("corpus.jsonl")}
    gone = (DOCS / "index.md").read_text().partition("\n## Where earlier pages went\n")[2]
    assert pages <= set(re.findall(r"^\| `([a-z-]+)` \| \[", gone, re.MULTILINE))
    assert len(pages) >= 10


@pytest.mark.parametrize(
    "phrase",
    [
        "only one measure may be the best",
        "the comparison is fair",
        "would show again on other queries",
        "larger than 1.96",
        "is a BCa bootstrap interval",
        "is often fairly good",
        "cosine is harmless",
    ],
)
def test_no_passage_claims_what_the_guides_no_longer_do(phrase):
    assert not [line["_id"] for line in lines("corpus.jsonl") if phrase in line["text"]]


def test_the_script_that_made_the_vectors_writes_where_they_lie():
    script = (DOCS.parent / "examples" / "make_demo_vectors.py").read_text()
    [folders] = re.findall(r"^BUNDLE = ROOT(.*)$", script, re.MULTILINE)
    parts = re.findall(r'"([^"]+)"', folders)
    assert DOCS.parent.joinpath(*parts).resolve() == BUNDLE.resolve()


def test_questions_are_not_the_titles():
    titles = {line["title"].lower() for line in lines("corpus.jsonl")}
    assert not titles & {line["text"].lower().rstrip("?") for line in lines("queries.jsonl")}


def test_the_bundle_is_small():
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) < 500_000
