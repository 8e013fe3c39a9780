"""Sentences of comparisons name what they suppose, and stay true where there is little to say."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import anglewise as aw
import planted
from anglewise.comparison.gates import check
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.next_judgements import LeadBounds, Unjudged, unjudged
from anglewise.comparison.stopping import sequential
from anglewise.comparison.verdict import verdict_of
from anglewise.data_types.sparse import SparseRows
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels
from anglewise.report.comparison_document import comparison_document
from anglewise.report.html_page import page
from anglewise.report.plain_text import markdown
from anglewise.similarity_measures.measure import measures
from anglewise.statistics.decision import Tolerance


def verdict(values, names="dot,cosine,euclidean", **settings):
    asked = tuple(measures(names))[: len(values)]
    scores = Scores(
        measures=asked,
        values={"nDCG@10": np.asarray(values, dtype=float)},
        keys=tuple(range(len(asked))),
        resamples=2000,
        rows=np.arange(len(values[0])),
        judged=1,
    )
    return verdict_of(infer(scores, seed=0), Tolerance.read("2%"), **settings)


def drawn(means, queries=60):
    rng = np.random.default_rng(0)
    row = rng.uniform(0.2, 0.6, queries)
    return np.stack([row + mean + 0.05 * rng.standard_normal(queries) for mean in means])


def text_of(html):
    html = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


# the verdict


@pytest.mark.parametrize(("level", "said"), [(0.05, "at 95%"), (0.025, "at 97.5%")])
@pytest.mark.parametrize("means", [(0, 0.3), (0.3, 0), (0, 0), (0, 0.1), (0, 0.03)])
def test_every_bound_of_a_verdict_says_at_which_level_it_holds(means, level, said):
    for baseline in (None, 0, 1):
        told = verdict(drawn(means), baseline=baseline, level=level)
        bounds = len(
            re.findall("at least [.0-9]|by up to|would matter(?!,? is)|ahead by", told.reason)
        )
        assert told.reason.count(said) == min(bounds, 1), told.reason


def test_a_plan_says_how_often_it_settles_and_what_it_supposes():
    told = verdict(drawn((0, 0.01), 20))
    assert told.decision == "cannot-tell"
    assert "(in about four cases of five, where others vary as these do)" in told.reason


def test_from_one_query_nothing_is_planned():
    told = verdict([[0.2], [0.9]])
    assert told.decision == "cannot-tell"
    assert told.plans is None
    assert told.smallest_detectable is None
    assert "judge more queries: how many is not known from one" in told.reason
    now = sequential(aw.compare(*planted.angles_matter(1), "dot,cosine"))
    assert now.about_left is None
    assert "is not known from a single one" in now.reason


def pairs(sign, noise=0.1, count=150, items=400):
    """Pairs of items of their own; grades are cosines, or what runs against them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((items, 6))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    left, right = rng.permutation(items)[: 2 * count].reshape(2, -1)
    grades = sign * (unit[left] * unit[right]).sum(axis=1) + noise * rng.standard_normal(count)
    return aw.Space(items=aw.Embeddings(x)), aw.Pairs(left, right, grades)


def test_nothing_is_to_be_used_where_every_measure_runs_against_the_grades():
    told = aw.compare(*pairs(-1)).verdict
    assert (told.decision, told.measure) == ("cannot-tell", "dot")
    assert told.reason.startswith("every measure runs against the grades, ")
    assert aw.compare(*pairs(1)).verdict.decision in {"use", "better", "cannot-tell"}
    assert "runs against" not in aw.compare(*pairs(1)).verdict.reason


# what further judgements could do


def test_where_no_other_measure_ranks_otherwise_none_is_ahead():
    space, judged = planted.unit_lengths()
    for names in ("dot", "dot,cosine"):
        result = aw.compare(space, judged, names)
        rest = unjudged(result)
        assert not rest.safe
        assert str(rest).endswith("; no other that was compared ranks otherwise than dot")
    alone = sequential(aw.compare(space, judged, "dot"))
    assert alone.reason == "keep dot; there is no other to compare with"


BASE = Unjudged(
    pairs=50,
    judged=40,
    best="dot",
    bounds=(LeadBounds("cosine", 0.02, -0.1, 0.2),),
    chance_best={"dot": 0.999, "cosine": 0.001},
    to_judge=(),
    relevant=30,
)


def test_a_chance_names_what_it_supposes_and_is_never_certain():
    assert str(BASE) == (
        "40 of 50 pairs in the lists are judged; dot is ahead on these queries, and the rest of "
        "them could turn the order round: dot comes out best with a chance of over 99% if those "
        "not judged are relevant as often as the judged ones (30 of 40), each by itself"
    )
    none = str(replace(BASE, relevant=40))
    assert "how likely is not known, as none was judged and found not relevant" in none
    assert "%" not in none


def test_measures_that_are_level_are_not_ahead():
    level = replace(BASE, bounds=(LeadBounds("cosine", 0.0, -0.1, 0.2),))
    assert "dot and cosine are level on these queries, and the rest" in str(level)
    settled = replace(level, judged=50, bounds=(LeadBounds("cosine", 0.0, 0.0, 0.0),))
    assert str(settled).endswith("; dot and cosine are level on these queries")
    result = aw.compare(*planted.angles_matter(8, noise=0.9), "dot,cosine")
    rows = [replace(row, metrics=result.measures[0].metrics) for row in result.measures]
    now = sequential(replace(result, measures=tuple(rows)))
    assert "are level; " in now.reason


# every rendering


def rendered(result, **beside):
    document = comparison_document(result, **beside)
    return {
        "page": text_of(page(document)),
        "markdown": " ".join(markdown(document).replace("\\", "").split()),
    }


def test_page_and_markdown_hold_what_the_terminal_says_of_further_judgements():
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    now, rest = sequential(result), unjudged(result)
    for name, text in rendered(result, sequential=now, unjudged=rest).items():
        for sentence in (f"Sequentially, {now}", *now.notes, str(rest), "to judge next:", "Worth:"):
            assert sentence in text, (name, sentence)


def test_a_page_holds_the_gates():
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    checked = [check(result, spelling) for spelling in ("cosine>=0.9999", "cosine>=0.01")]
    for text in rendered(result, gates=checked).values():
        assert all(gate.sentence in text for gate in checked)


def test_json_holds_what_stands_behind_the_figures_and_the_chances():
    result = aw.compare(*planted.angles_matter(noise=0.9), "dot,cosine")
    assert result.to_dict()["how_to_read"] in rendered(result)["page"]
    rest = unjudged(result)
    assert rest.to_dict()["reason"] == str(rest)


def test_what_the_rule_did_not_test_is_told_apart_from_what_sign_flips_did():
    """The letters and p of the table say by sign flips what the sentence above leaves open."""
    result = aw.compare(*planted.angles_matter(), "dot,cosine,cosine@centred")
    assert result.verdict.decision == "use"
    assert "which of these is the best was not tested by this rule" in str(result.verdict)
    assert "by sign flips" in result.to_dict()["how_to_read"]


@pytest.mark.parametrize("alike", [True, False])
def test_a_share_of_draws_that_is_divided_says_so(alike):
    space, judgements = planted.angles_matter()
    other = "csls(1)" if not alike else "norm(1,1)"
    result = aw.compare(space, judgements, f"cosine,dot,{other}")
    assert any(row.alike for row in result.measures) == alike
    divided = "the share of draws in which it is, divided among those that rank alike;"
    assert (divided in result.to_dict()["how_to_read"]) == alike


def test_a_gate_names_the_level_of_its_interval_and_says_where_there_is_none():
    result = aw.compare(*planted.angles_matter(1), "dot,cosine")
    assert "the 95% interval holds 0, so other queries" in check(result, "cosine>=dot").sentence
    bare = check(replace(result, evidence=None), "cosine>=dot").sentence
    assert bare.endswith("; no interval of it is known")


def test_a_notebook_shows_what_stands_behind_the_figures():
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    text = text_of(result._repr_html_())
    assert "Sign flips assume that a difference might as well have the other sign." in text
    assert "was never judged and counts as not relevant" in text
    assert "<.001" in text
    assert " 0.000 " not in text


def test_draws_are_said_to_know_nothing_of_what_is_not_in_the_sample():
    result = aw.compare(*planted.angles_matter(1), "dot,cosine")
    for text in rendered(result).values():
        assert "draws know nothing of what is not in the sample" in text


def test_correlations_are_no_means_over_queries():
    text = rendered(aw.compare(*pairs(1)))["page"]
    assert "mean over queries" not in text
    assert "query by query" not in text
    assert "Superscripts name the measures that a measure beats, by sign flips at 95%." in text


def test_what_beats_what_is_said_with_the_test_and_intervals_are_said_to_stand_alone():
    texts = rendered(aw.compare(*planted.angles_matter(), "dot,cosine"))
    assert "Beats: the measures that this one beats, by sign flips at 95%." in texts["markdown"]
    assert all("Intervals: 95%, each by itself, over queries." in text for text in texts.values())


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
def test_no_interval_is_shown_where_no_resample_differs(metric):
    """Grades that are cosines: every resample has a correlation of 1, to rounding."""
    exact = aw.compare(*pairs(1, noise=0.0), "cosine,dot", metric)
    plain = exact.to_dict()
    table = {row["measure"]: row["metrics"][metric] for row in plain["measures"]}
    assert (table["cosine"]["low"], table["cosine"]["high"]) == (None, None)
    assert table["dot"]["low"] < table["dot"]["mean"] < table["dot"]["high"]
    assert (plain["verdict"]["estimate"]["low"] is None) == (exact.verdict.measure == "cosine")
    none = "Where no interval stands, no resample differs, so that none is known."
    for text in [*rendered(exact).values(), plain["how_to_read"]]:
        assert none in text
        assert "1.000, 1.000" not in text
        assert "nan" not in text.lower().replace("nano", "")
    for text in rendered(aw.compare(*pairs(1), "cosine,dot", metric)).values():
        assert "no resample differs" not in text
    alone = aw.compare(*pairs(1, noise=0.0), "cosine", metric).verdict
    assert f"{metric} 1.000 (no interval: no resample differs)" in alone.reason
    assert "better than chance" in alone.reason


def test_scores_that_are_the_same_have_no_interval_of_their_difference():
    space, judged = pairs(1)
    unit = aw.Space(
        queries=aw.Embeddings(planted.unit(space.queries.vectors)),
        items=aw.Embeddings(planted.unit(space.items.vectors)),
    )
    result = aw.compare(unit, judged, "cosine,dot")
    versus = result.measures[1].vs_best
    assert versus.difference == 0
    assert np.isnan([versus.low, versus.high]).all()
    assert result.verdict.decision == "cannot-tell"
    assert "no resample differs" in str(result.verdict) + result.to_dict()["how_to_read"]


def test_few_queries_are_too_few_for_sign_flips_and_not_for_the_verdict():
    lists = np.zeros((5, 6))
    lists[np.arange(5), np.arange(5)] = 1
    items = np.vstack([np.hstack([5 * np.eye(5), np.full((5, 1), 4.0)]), np.eye(6)[:5]])
    own = SparseRows.from_pairs(np.arange(5), np.arange(5), shape=(5, 10))
    space = aw.Space(queries=aw.Embeddings(lists), items=aw.Embeddings(items))
    result = aw.compare(space, aw.Judgements(own), "dot,euclidean", "RR@1")
    assert (result.verdict.decision, result.verdict.at_least > 0.1) == ("tie", True)
    assert "5 queries only: too few for sign flips to show anything at 95%" in result.notes


def test_queries_that_are_answers_to_each_other_are_said_to_depend():
    """By labels items ask and are ranked; a class that asks as one group depends on no other."""
    rng = np.random.default_rng(0)
    names = [f"i{row}" for row in range(90)]
    classes = [str(row % 9) for row in range(90)]
    vectors = aw.Embeddings(rng.normal(size=(90, 4)), ids=names, metadata={"class": classes})
    space = aw.Space(items=vectors)
    judged = from_labels(space, Labels(dict(zip(names, classes, strict=True))))
    result = aw.compare(space, judged, "dot,cosine")
    said = (
        "90 of 90 queries are relevant to other queries too: intervals and tests take each query "
        "as independent of the others, and may claim too much; what is relevant links them into "
        "9 groups: too few to tell by"
    )
    assert said in result.notes
    assert said in result.to_dict()["notes"]
    assert said in sequential(result).notes
    grouped = aw.compare(space, judged, "dot,cosine", split="group(class)")
    assert not any("relevant to other queries too" in note for note in grouped.notes)
    twos = [str(row // 2) for row in range(90)]
    few = from_labels(space, Labels(dict(zip(names, twos, strict=True))), queries=4)
    alone = aw.compare(space, few, "dot,cosine")
    assert not any("relevant to other queries too" in note for note in alone.notes)


def test_pairs_that_share_items_are_said_to_depend():
    space, judged = pairs(1)
    assert not any("share an item" in note for note in aw.compare(space, judged).notes)
    again = replace(judged, rows_a=judged.rows_a % 40, rows_b=40 + judged.rows_b % 40)
    notes = aw.compare(space, again).notes
    assert any(
        note.startswith("150 of 150 pairs share an item with another pair: intervals and tests")
        for note in notes
    )
    anchors, near, far = np.arange(90).reshape(3, -1)
    apart = aw.compare(space, aw.Triplets(anchors, near, far))
    one = aw.compare(space, aw.Triplets(np.zeros(30, np.int64), near, far))
    assert not any("share an item" in note for note in apart.notes)
    assert any(note.startswith("30 of 30 triplets share an item") for note in one.notes)


def test_a_measure_that_finds_fewer_neighbours_than_it_was_told_says_so():
    space, judged = planted.angles_matter(8)
    said = "csls(9) looks at 9 neighbours of each item among those that ask, and there are 8"
    assert any(note.startswith(said) for note in aw.compare(space, judged, "dot,csls(9)").notes)
    assert not any("looks at" in note for note in aw.compare(space, judged, "dot,csls(8)").notes)


def test_figures_beside_a_verdict_say_that_nothing_of_them_was_tested():
    """Coverage, Gini, head to tail: bare figures, which invite comparison."""
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    said = "no interval of them is given, and no difference between them was tested"
    assert said in markdown(comparison_document(result, breadth=True))
    assert said not in markdown(comparison_document(result))
