"""Sentences that are true of some data only are printed for these alone."""

import re
from dataclasses import replace

import numpy as np
import pytest

import anglewise as aw
import planted
from anglewise.comparison.floors import Floor, unbeaten, with_floors
from anglewise.comparison.gates import check
from anglewise.comparison.inference import Scores, infer
from anglewise.comparison.legend import unjudged_words
from anglewise.comparison.looks import Looks
from anglewise.comparison.next_judgements import unjudged
from anglewise.comparison.power import Planned, Power
from anglewise.comparison.verdict import verdict_of
from anglewise.comparison.without_vectors import WithoutVectors
from anglewise.data_types.drawn import QueryDraw
from anglewise.data_types.pairs import Pairs
from anglewise.data_types.sparse import SparseRows
from anglewise.labelling.lint import lint
from anglewise.rag.prompt import NOTHING
from anglewise.rag.relevance import relevance_of
from anglewise.rag.thresholds import ScoredQuestions
from anglewise.remedies.remedy_result import cost_words
from anglewise.report.check_documents import power_document, unjudged_document
from anglewise.report.comparison_document import comparison_document
from anglewise.report.pictures import power_picture
from anglewise.report.retrieval_documents import PRICE_LEGEND, relevance_document
from anglewise.report.terminal import print_document
from anglewise.similarity_measures.measure import measures
from anglewise.statistics.decision import Tolerance
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.picks import picks
from inspect_site import made_space, one_sided, site
from rendered import junit, markdown, printed


def scores_of(values, names="dot,cosine,euclidean", **settings):
    asked = tuple(measures(names))[: len(values)]
    return Scores(
        measures=asked,
        values={"nDCG@10": np.asarray(values, dtype=float)},
        keys=tuple(range(len(asked))),
        resamples=2000,
        rows=np.arange(len(values[0])),
        judged=1,
        **settings,
    )


@pytest.mark.parametrize(
    ("metric", "ending"),
    [
        ("nDCG@5", "was never judged and counts as not relevant."),
        ("DCG(sampled)@5", "was never judged and counts as not relevant."),
        ("bpref@5", "was never judged; bpref@5 passes over it."),
        ("infAP@5", "was never judged; infAP@5 passes over it."),
        ("nDCG(condensed)@5", "was never judged; nDCG(condensed)@5 passes over it."),
        ("Judged@5", "was never judged."),
    ],
)
def test_what_nobody_judged_counts_as_the_metric_has_it(metric, ending):
    space, judged = planted.angles_matter()
    [words] = unjudged_words(aw.compare(space, judged, "dot,cosine", metric))
    assert words.endswith(ending)


def test_pairs_that_were_drawn_stand_for_those_that_were_not():
    space, rng = planted.angles_matter()[0], np.random.default_rng(0)
    queries, items = len(space.queries), len(space.items)
    rows, columns = np.nonzero(rng.random((queries, items)) < 0.5)  # any pair might have come
    gains = SparseRows.from_pairs(rows, columns, (rows == columns) + 0.0, shape=(queries, items))
    drawn = aw.Judgements(gains, chances=replace(gains, values=np.full(len(rows), 0.5)))
    [words] = unjudged_words(aw.compare(space, drawn, "dot,cosine", "DCG(sampled)@5"))
    assert words.endswith("by their chances, in lists that had a part in the draw.")


def test_bounds_of_several_measures_are_said_to_hold_each_by_itself():
    rng = np.random.default_rng(0)
    row = rng.uniform(0.2, 0.6, 2000)
    noise = 0.01 * rng.standard_normal((3, 2000))
    means = np.array([[0.0], [0.0005], [0.0003]])
    two, three = (
        verdict_of(infer(scores_of((row + noise + means)[:some]), seed=0), Tolerance.read("2%"))
        for some in (2, 3)
    )
    assert (two.decision, three.decision) == ("tie", "tie")
    assert "would matter: at most cosine by" in two.reason
    assert "each at 95%" not in two.reason
    assert three.reason.endswith(", each at 95%")


def test_a_floor_that_only_another_measure_beats_is_named():
    """Dot finds nothing, cosine everything, and random lists something."""
    queries, items = 150, 12
    space, judged = planted.angles_matter(queries)
    own = SparseRows.from_pairs(
        np.arange(queries), np.arange(queries) % items, shape=(queries, items)
    )
    values = np.zeros((2, queries))
    values[1] = 1
    scores = scores_of(values, found={})
    result = aw.compare(space, judged, "dot,cosine", baseline="dot")
    known = WithoutVectors(aw.Judgements(own), items, None, None, None)
    for name, said in (("cosine", False), ("dot", True)):
        verdict = replace(result.verdict, measure=name, reason="so it is")
        shown = with_floors(replace(result, verdict=verdict), known, scores, seed=0)
        [floor] = shown.floors
        assert floor.beaten
        figure = f"random (nDCG@10 {floor.mean:.3f})"
        words = f"at 95% cosine is shown to beat {figure}, and {name} is not"
        assert (words in shown.verdict.reason) == said


def test_the_chance_that_a_plan_settles_it_is_not_rounded_to_certainty(capsys):
    from rich.console import Console

    curve = (Planned(50, 0.1, None), Planned(100, 0.05, 0.9991), Planned(200, 0.03, 1.0))
    plan = Power("nDCG@10", 50, "cosine", "dot", curve, 0.01, 100)
    print_document(power_document(plan), Console(width=200))
    shown = capsys.readouterr().out
    assert shown.count(">99%") == 2
    assert "100%" not in shown


def test_a_picture_of_a_plan_counts_what_was_planned():
    plan = Power("nDCG@10", 50, "cosine", "dot", (Planned(50, 0.1, None),), 0.01, 100)
    for noun, words in (("query", b"judged queries"), ("group", b"judged groups")):
        assert words in power_picture(replace(plan, noun=noun), ".svg")
    assert b"that is seen" not in power_picture(plan, ".svg")


def test_twins_of_two_lengths_are_told_apart_by_measures_that_keep_them():
    vectors = np.random.default_rng(0).standard_normal((30, 5))
    own = SparseRows.from_pairs([0, 1], [4, 5], shape=(6, 30))
    for factor, said in ((1.0, "no measure of vectors"), (2.0, "no measure that drops their")):
        vectors[7] = factor * vectors[4]
        space = aw.Space(queries=aw.Embeddings(vectors[:6]), items=aw.Embeddings(vectors))
        [twins] = [one for one in lint(space, aw.Judgements(own)).findings if one.check == "twins"]
        assert ("the same vector" in twins.what) == (factor == 1)
        assert twins.do.startswith(said)


def test_shares_of_lint_are_not_rounded_to_certainty():
    rng = np.random.default_rng(0)
    space = aw.Space(
        queries=aw.Embeddings(rng.standard_normal((60, 5))),
        items=aw.Embeddings(rng.standard_normal((90, 5))),
    )
    found = aw.search(space, "dot", k=1)["dot"].indices[0, 0]
    some = SparseRows.from_pairs(
        np.append(np.arange(60), 0), np.append((np.arange(60) * 7 + 3) % 90, found), shape=(60, 90)
    )
    [finding] = [
        one
        for one in lint(space, aw.Judgements(some), measures="dot,cosine", k=10).findings
        if one.check == "unjudged"
    ]
    assert "100%" not in finding.what or max(finding.numbers["unjudged"].values()) == 1


def test_few_pairs_have_no_interval_by_the_bootstrap_in_a_gate_and_a_note_says_so():
    rng = np.random.default_rng(0)
    space = aw.Space(items=aw.Embeddings(rng.standard_normal((80, 4))))
    rows = np.arange(80).reshape(2, 40)
    few, enough = (
        aw.compare(space, Pairs(rows[0, :n], rows[1, :n], rng.random(n)), "dot,cosine")
        for n in (12, 40)
    )
    said = "intervals are by the bootstrap, which says nothing of 12 pairs: 20 are due"
    assert said in few.notes
    assert check(few, "cosine>=dot-2").sentence.endswith("no interval of it is known")
    assert not any("by the bootstrap" in note for note in enough.notes)
    assert "[" in check(enough, "cosine>=dot-2").sentence


def test_other_judgements_not_queries_might_decide_a_gate_on_pairs():
    rng = np.random.default_rng(0)
    space = aw.Space(items=aw.Embeddings(rng.standard_normal((80, 4))))
    rows = np.arange(80).reshape(2, 40)
    result = aw.compare(space, Pairs(rows[0], rows[1], rng.random(40)), "dot,cosine")
    assert "so other judgements might decide otherwise" in check(result, "cosine>=dot").sentence


def test_an_inner_product_ranks_as_a_remedy_does_or_does_not():
    rng = np.random.default_rng(0)
    vectors = aw.Embeddings(rng.standard_normal((30, 4)))
    own = SparseRows.from_pairs(np.arange(30), np.arange(30), shape=(30, 30))
    space = aw.Space(queries=vectors, items=vectors)
    found = aw.remedy(space, aw.Judgements(own), "cosine@centred, manhattan")
    words = {one.candidate: cost_words(one) for one in found.candidates}
    assert words["cosine@centred"].endswith("product of prepared vectors ranks as it does")
    assert words["manhattan"].endswith("product of prepared vectors does not rank as it does")


def test_bins_of_calibration_are_said_to_stand_alone_and_few_questions_to_be_as_sure():
    rng = np.random.default_rng(0)
    questions = np.repeat(np.arange(12), 8)
    relevant = np.tile(np.arange(8) == 0, 12)
    scores = rng.random(96) + relevant
    learned = relevance_of(ScoredQuestions(questions, scores, relevant), "cosine")
    words = " ".join(markdown(relevance_document(learned, None, 50)).split())
    assert "intervals: 95%, each by itself, over questions" in words
    assert "with 95% confidence at least 77.9% of questions like these" in words
    assert "keep one; 12 questions show no more" in words


def test_a_price_list_is_of_the_questions_that_find_a_relevant_passage():
    """Those whose relevant passages are out of reach keep none, whatever the threshold is."""
    words = " ".join(PRICE_LEGEND.split())
    assert "the share that keeps a relevant passage, of all questions like these that find" in words
    assert "shares of the held-out questions that find one" in words


def test_a_level_is_of_each_floor_by_itself_where_there_are_several():
    def floor(name, **known):
        return Floor(name, 0.3, 0.2, 0.4, **known)

    better = [floor("bm25", beaten=False, beats_all=True)]
    assert unbeaten(better, "R@5") == "at 95% bm25 (R@5 0.300) is better than every measure here"
    better.append(floor("item-kNN", beaten=False, beats_all=True))
    assert unbeaten(better, "R@5").endswith("are better than every measure here, each by itself")


def test_where_all_is_judged_nothing_is_left_to_move_a_lead():
    space, judged = planted.angles_matter(40)
    result = aw.compare(space, judged, "dot,cosine", "nDCG@2")
    lists = np.concatenate([list_.indices for list_ in result.evidence.found.values()], axis=1)
    rows = np.repeat(np.arange(40), lists.shape[1])
    listed = zip(rows.tolist(), lists.ravel().tolist(), strict=True)
    own = zip(judged.gains.rows.tolist(), judged.gains.indices.tolist(), strict=True)
    pairs = dict.fromkeys(listed, 0.0) | dict.fromkeys(own, 1.0)
    columns = [np.array(column) for column in zip(*pairs, strict=True)]
    every = SparseRows.from_pairs(*columns, list(pairs.values()), shape=judged.gains.shape)
    for labels, left in ((judged, True), (aw.Judgements(every), False)):
        rest = unjudged(aw.compare(space, labels, "dot,cosine", "nDCG@2"))
        words = markdown(unjudged_document(rest))
        assert "lead over dot: +" in words.replace("\\", "")
        assert ("whatever the rest of them says in grades" in words) == left


def test_junit_names_the_level_of_intervals():
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    assert '<property name="intervals" value="95%, each by itself"/>' in junit(result)


def test_a_language_model_is_not_told_that_the_documents_hold_nothing():
    """A threshold turns away questions whose passage is there."""
    assert "was found in the documents" not in NOTHING
    assert NOTHING.startswith("No passage was found that seems relevant enough to the question.")


@pytest.mark.parametrize("level", [0.05, 0.025])
def test_every_interval_of_a_verdict_has_its_level_in_the_sentence(level):
    """Once where it is that of the bounds, beside theirs where these have one of their own."""
    rng = np.random.default_rng(0)
    row = rng.uniform(0.2, 0.6, 60)
    own = f"at {100 * (1 - level):.4g}%"
    for means in ((0, 0.3), (0.3, 0), (0, 0), (0, 0.1), (0, 0.03)):
        noise = 0.05 * rng.standard_normal((2, 60))
        for baseline in (0, 1):
            values = row + noise + np.array(means)[:, None]
            inference = infer(scores_of(values, "dot,cosine"), seed=0)
            said = verdict_of(inference, Tolerance.read("2%"), baseline=baseline, level=level)
            intervals = said.reason.count("]")
            beside = said.reason.count("] at 95%")
            assert said.reason.count(own) >= 1, said.reason
            assert level == 0.05 or beside == intervals, said.reason
            assert said.reason.count("at 95%") == max(beside, int(level == 0.05)), said.reason


def test_a_verdict_on_one_measure_says_the_level_of_its_interval():
    rng = np.random.default_rng(0)
    inference = infer(scores_of(rng.uniform(0.2, 0.6, (1, 60))), seed=0)
    reason = verdict_of(inference, Tolerance.read("2%")).reason
    assert "] at 95%; there is no other to compare with" in reason


def test_the_share_that_nobody_judged_is_weighed_as_the_means_are():
    """Each of 40 queries has its own item judged alone, the first 20 of them others too."""
    size, rows = 40, np.arange(40)
    x = np.random.default_rng(0).standard_normal((size, 8))
    space = aw.Space(queries=aw.Embeddings(x + 0.1), items=aw.Embeddings(x))
    every, items = np.divmod(np.arange(size * size), size)
    kept = (every < 20) | (every == items)
    grades = (every == items).astype(float)
    judged = SparseRows.from_pairs(every[kept], items[kept], grades[kept], shape=(size, size))
    chances, traffic = np.full(size, 0.5), np.where(rows < 20, 9.0, 1.0)
    drawn = QueryDraw(chances, traffic, frozenset(["one"]), size, 18.0, 0.5)
    for how, share, words in (
        (None, 0.45, "Of what is ranked, 45% was never judged"),
        (drawn, 0.09, "Of what is ranked, weighed by traffic, 9% was never judged"),
    ):
        result = aw.compare(space, aw.Judgements(judged, drawn=how), "dot,cosine")
        shares = [row.unjudged_share for row in result.measures]
        assert shares == pytest.approx([share, share])
        [said] = unjudged_words(result)
        assert said.startswith(words)


@pytest.mark.parametrize(
    ("trained_for", "words"),
    [
        ("dot", "declared as trained on inner products, which"),
        ("cosine", "declared as trained for cosine, which"),
        ("euclidean", "declared as trained for distance, which"),
    ],
)
def test_an_audit_calls_declared_what_somebody_declared(trained_for, words):
    space = replace(planted.recommender()[0], trained_for=trained_for)
    reason = aw.audit(space, k=5).verdict.reason
    assert reason.startswith(words)
    assert "it was trained" not in reason


def test_copies_of_other_lengths_are_said_to_have_one_direction():
    vectors = np.random.default_rng(0).standard_normal((60, 5))
    vectors[7] = 2 * vectors[4]
    text = printed(aw.audit(aw.Space(items=aw.Embeddings(vectors)), k=5))
    assert "pairs in lists with one direction up to rounding: 1" in text
    assert "repeat another" not in text


def test_random_maps_are_counted_where_their_least_and_most_stand():
    assert "  5 random maps keep" in printed(aw.audit(planted.recommender()[0], k=5))


def test_a_gate_says_the_level_of_its_interval_once():
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    for spelling in ("cosine>=dot", "dot>=cosine-1", "dot>=cosine", "cosine>=0.9"):
        assert check(result, spelling).sentence.count("95%") == 1


def test_looks_make_the_best_look_better_on_average():
    assert "better than it is, on average, and" in str(Looks(7, 3, 3))


def test_a_page_picks_by_length_where_nobody_knows_what_is_used_and_says_so():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, 3))
    bare = Inspected(aw.Space(items=aw.Embeddings(vectors)))
    used = {"popularity": rng.integers(1, 9, 600).tolist()}
    known = Inspected(aw.Space(items=aw.Embeddings(vectors, metadata=used)))
    assert picks(bare, "items-items")["popular"] == "Longest"
    assert picks(bare, "items-items")["rare"] == "Shortest"
    texts = {"text": ["word " * (row + 1) for row in range(600)]}
    worded = Inspected(aw.Space(items=aw.Embeddings(vectors, metadata=texts)))
    assert picks(worded, "items-items")["popular"] == "Longest text"
    assert picks(worded, "items-items")["rare"] == "Shortest text"
    assert picks(known, "items-items")["popular"] == "Popular"
    assert picks(known, "items-items")["disagree"] == "Measures disagree most (of 500)"
    assert picks(known, "items-items")["worst"] == "Worst nDCG"


@pytest.mark.parametrize("address", ["/?direction=items-items", "/gauge"])
def test_the_help_on_keys_has_the_words_of_the_links(address):
    """A made space of several lengths without use: p and o pick by length."""
    page = site(Inspected(made_space())).get(address, follow_redirects=True).text
    keys = dict(re.findall(r"<dt><kbd>(\w)</kbd></dt><dd>([^<]*)</dd>", page))
    links = dict(re.findall(r'data-pick="(\w+)">([^<]*)</a>', page))
    assert keys["p"] == links["popular"].lower() == "longest"
    assert keys["o"] == links["rare"].lower() == "shortest"
    assert ("d" in keys, "w" in keys) == ("disagree" in links, "worst" in links)


def test_a_page_calls_declared_what_a_space_was_trained_for():
    page = site(Inspected(made_space())).get("/", follow_redirects=True).text
    assert "declared as trained for dot" in page
    page = site(Inspected(one_sided("abcd"))).get("/", follow_redirects=True).text
    assert "nobody says what it was trained for" in page


def test_the_path_of_gauges_weighs_its_ndcg_by_traffic():
    space, _ = planted.recommender(80)
    items = np.arange(len(space.items))
    own = SparseRows.from_pairs(items, (items + 1) % len(items), shape=(len(items),) * 2)
    among = aw.Judgements(own, "items-items")
    size = len(items)
    traffic = np.where(items < 8, 50.0, 1.0)
    drawn = QueryDraw(np.full(size, 0.5), traffic, frozenset(["one"]), size, 100.0, 0.5)
    plain, weighed = (
        aw.audit(space, k=5, judgements={"items-items": replace(among, drawn=how)})
        .path["items-items"]
        .given_score
        for how in (None, drawn)
    )
    compared = aw.compare(space, replace(among, drawn=drawn), "cosine", "nDCG@5")
    assert weighed == pytest.approx(compared.measures[0].metrics["nDCG@5"].mean)
    assert abs(weighed - plain) > 1e-6


def test_how_far_judging_could_move_a_lead_is_told_of_lists_as_they_are_tuned_now():
    """More judgements may tune a measure otherwise: no lead of it is safe whatever they say."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8))
    items = aw.Embeddings(x * rng.uniform(0.2, 5, (60, 1)))
    space = aw.Space(queries=aw.Embeddings(x + 0.3), items=items)
    own = aw.Judgements(SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60)))
    fixed = unjudged(aw.compare(space, own, "dot,cosine"))
    assert fixed.tuned == ()
    assert "as tuned now" not in str(fixed)
    tuned = unjudged(aw.compare(space, own, "dot,norm(0,*)"))
    assert tuned.to_dict()["tuned"] == ["norm(0,*)"]
    assert "all this is of norm(0,*) as tuned now: tuned by more judgements, it may" in str(tuned)
    lines = [line.text for group in unjudged_document(tuned).body[:2] for line in group]
    assert lines[1].startswith("lead over dot: ")
    assert lines[1].endswith("in grades up to 1, with the lists as tuned now")
    certain = replace(tuned, bounds=tuple(replace(b, low=0.1) for b in tuned.bounds))
    assert not certain.safe
    assert replace(certain, tuned=()).safe


def test_what_is_said_of_slices_names_what_it_supposes():
    """Their headlines alone stand in the table, without what the sentence of each supposes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8))
    columns = {"kind": ["a", "b"] * 30, "user": [str(i // 3) for i in range(60)]}
    space = aw.Space(
        queries=aw.Embeddings(x + 0.3, metadata=columns),
        items=aw.Embeddings(x * rng.uniform(0.2, 5, (60, 1))),
    )
    own = aw.Judgements(SparseRows.from_pairs(np.arange(60), np.arange(60), shape=(60, 60)))
    for settings, words in (
        ({}, "holds at 95% together."),
        ({"largest_difference": 0.3}, "if no query of a kind not seen differs by more than 0.3."),
        ({"split": "group(user)"}, "has more queries there than the largest seen."),
        ({"split": "group(user)", "largest_group": 9}, "group(user) has more than 9 queries."),
    ):
        result = aw.compare(space, own, "dot,cosine", slices="kind", **settings)
        assert words in " ".join(markdown(comparison_document(result)).split()).replace("\\", "")


@pytest.mark.parametrize(
    ("tolerance", "share"),
    [(Tolerance(0.1, 0.005), "10% of its own mean"), (Tolerance(0.0, 0.0495), "0.0495")],
)
def test_a_lead_that_matters_is_not_said_to_be_at_least_less_than_what_matters(tolerance, share):
    """It is held against the share of a mean that may be lower than here, or is rounded down."""
    rng = np.random.default_rng(0)
    contradicted = 0
    for _ in range(300):
        low = rng.uniform(0, 1, 30) * rng.uniform(0.2, 1)
        scores = scores_of(
            [low, np.clip(low + rng.uniform(0.1, 0.3) + rng.normal(0, 0.05, 30), 0, 1)]
        )
        verdict = verdict_of(infer(scores, seed=0), tolerance)
        if verdict.decision != "use":
            continue
        least = float(re.search(r"by at least ([\d.]+)", verdict.reason)[1])
        matters = re.search(r"where ([\d.]+)(?: \(10%\))? matters", verdict.reason)
        if matters is None:
            contradicted += 1
            assert f" and by more than {share}, which matters, at 95%" in verdict.reason
        else:
            assert least >= float(matters[1])
        if contradicted == 2:
            break
    assert contradicted == 2


def test_what_may_matter_is_not_said_to_be_at_most_less_than_what_matters():
    """A share of the other's own mean matters, which may be lower than that of the one kept."""
    rng = np.random.default_rng(2)
    contradicted = 0
    for _ in range(300):
        kept = rng.uniform(0.5, 1, 60) * rng.uniform(0.2, 1)
        other = np.clip(kept - rng.uniform(0, 0.05) + rng.normal(0, 0.01, 60), 0, 1)
        verdict = verdict_of(infer(scores_of([kept, other]), seed=0), Tolerance(0.05, 0.005))
        most = re.search(r"better by up to ([\d.]+) at 95%, ", verdict.reason)
        if most is None:
            continue
        matters = re.search(r"where ([\d.]+)(?: \(5%\))? matters", verdict.reason)
        if matters is None:
            contradicted += 1
            assert "which may be more than 5% of its own mean, and so matter;" in verdict.reason
            break
        assert float(most[1]) >= float(matters[1])
    assert contradicted


def test_a_gate_shows_on_which_side_of_its_level_a_figure_lies():
    """Rounded to the level itself, a figure that fails would read as one that holds."""
    result = aw.compare(*planted.angles_matter(), "dot,cosine")
    mean = next(r for r in result.measures if r.measure == "dot").metrics[result.metric].mean
    level = round(mean, 3) if round(mean, 3) > mean else round(mean, 3) + 0.001
    near = level - 0.0001
    row = next(r for r in result.measures if r.measure == "dot")
    figure = replace(row.metrics[result.metric], mean=near)
    rows = tuple(
        replace(r, metrics={result.metric: figure}) if r.measure == "dot" else r
        for r in result.measures
    )
    checked = check(replace(result, measures=rows), f"dot>={level:.3f}")
    assert not checked.passed
    shown = re.search(r"of dot is ([\d.]+)", checked.sentence)
    assert float(shown[1]) < level
    assert len(shown[1]) > len(f"{level:.3f}")
