"""Columns that are no measure: words (BM25), fusions, and runs of other systems."""

from time import sleep
from uuid import uuid4

import numpy as np
import pytest

from anglewise import Embeddings, Run, Space, compare, inspect
from anglewise.errors import IdsError, SpellingError
from anglewise.judgements.records import Judged
from anglewise.web_page.copy import write_copy
from anglewise.web_page.neighbours_view import columns
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.queue import decide, draw_queue
from anglewise.web_page.rankings import nearest, read_ranking
from anglewise.web_page.reports_view import _made
from anglewise.web_page.state import AppState
from anglewise.web_page.view_state import ViewState, parse_measures
from cli_run import anglewise, refused  # noqa: F401 a fixture
from inspect_site import FROM_HERE, films, made_judgements, made_space, site

ITEMS, QUERIES = 60, 30
WORDS = ("heist", "voyage", "paris", "opera", "train", "robot", "storm", "circus")


def texts(rows, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=3, replace=False)) for _ in range(rows)]


def with_texts():
    space = made_space(ITEMS, QUERIES, metadata={"text": texts(ITEMS, 1)})
    asking = space.queries
    queries = Embeddings(asking.vectors, ids=list(asking.ids), metadata={"text": texts(QUERIES, 2)})
    return Space(queries=queries, items=space.items, trained_for="dot")


def a_run(name="mine", items=ITEMS, depth=12, strangers=0):
    rng = np.random.default_rng(5)
    lists = {}
    for q in range(QUERIES - 1):
        ids = [f"f{i}" for i in rng.permutation(items)[:depth]]
        ids[1 : 1 + strangers] = [f"stranger{q}-{i}" for i in range(strangers)]
        lists[f"u{q}"] = {item: float(depth - place) for place, item in enumerate(ids)}
    return Run.from_dict(lists, name)


def opened(runs=(), **about):
    space = with_texts()
    judged = {"queries-items": made_judgements(space, "queries-items")}
    return Inspected(
        space, **{"judgements": judged, "runs": {run.name: run for run in runs}, **about}
    )


def titles_in(page, heading):
    column = page.split(f"<h2><bdi>{heading}</bdi></h2>")[1].split("</section>")[0]
    return [int(part.split('"')[0]) for part in column.split('data-row="')[1:]]


@pytest.mark.parametrize(
    "spelled", ["bm25", "fusion(bm25,cosine)", "mine", "dot", "fusion(dot,cosine)"]
)
def test_a_column_lists_what_compare_ranks(spelled):
    """nDCG by hand over the lists of the page is what the comparison gives."""
    run = a_run()
    inspected = opened([run])
    judgements = inspected.judgements["queries-items"]
    rows = judgements.judged_rows
    ranking = read_ranking(spelled, ["mine"])
    lists = nearest(inspected, [ranking], k=10, direction="queries-items", rows=rows)[spelled]
    own = [] if spelled == "mine" else [spelled]
    result = compare(inspected.space, judgements, own, "nDCG@10", runs=[run] if not own else ())
    shown = {
        (int(row), int(item)): place
        for row, its in zip(rows, lists.indices, strict=True)
        for place, item in enumerate(its)
        if item >= 0
    }
    gains = judgements.gains
    table = {
        (int(r), int(i)): v for r, i, v in zip(gains.rows, gains.indices, gains.values, strict=True)
    }
    by_hand = []
    for row in rows.tolist():
        best = sorted((v for (r, _), v in table.items() if r == row), reverse=True)[:10]
        ideal = sum(v / np.log2(p + 2) for p, v in enumerate(best))
        got = sum(
            table.get((row, item), 0.0) / np.log2(place + 2)
            for (asked, item), place in shown.items()
            if asked == row
        )
        by_hand.append(got / ideal)
    assert result.measures[0].metrics["nDCG@10"].mean == pytest.approx(np.mean(by_hand), abs=1e-12)


def test_the_page_shows_words_fusions_and_runs_beside_measures():
    client = site(opened([a_run()]))
    page = client.get(
        "/?direction=queries-items&query=u3&measure=cosine&measure=bm25"
        "&measure=fusion(bm25,cosine)&measure=mine&k=5"
    ).text
    assert titles_in(page, "mine") == [int(item[1:]) for item, _ in a_run()["u3"][:5]]
    assert len(titles_in(page, "bm25")) == 5
    assert "scores as the run gives them" in page
    assert "1 / (60 + rank), added over bm25 and cosine" in page
    assert '<option value="mine">' in page
    assert '<option value="bm25">' in page


def test_an_item_that_the_space_lacks_leaves_its_place_empty_and_is_counted():
    run = a_run(strangers=2)
    inspected = opened([run])
    view = ViewState("queries-items", "u3", ("mine",), 5)
    (column,) = columns(inspected, view, 3, parse_measures(["mine"], ["mine"]).valid)
    assert [item.rank for item in column.items] == [1, 4, 5]
    assert column.unknown == 2
    page = site(inspected).get("/?direction=queries-items&query=u3&measure=mine&k=5").text
    assert "2 places of items that this space does not hold" in page


def test_pages_after_the_first_go_on_with_the_ranks():
    view = ViewState("queries-items", "u3", ("mine",), 5, start=5)
    (column,) = columns(opened([a_run()]), view, 3, parse_measures(["mine"], ["mine"]).valid)
    assert [item.rank for item in column.items] == [6, 7, 8, 9, 10]
    assert [item.id for item in column.items] == [item for item, _ in a_run()["u3"][5:10]]


def test_a_query_without_a_list_is_said_to_have_none():
    page = site(opened([a_run()])).get(
        f"/?direction=queries-items&query=u{QUERIES - 1}&measure=mine"
    )
    assert "this run has no list for this query" in page.text


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ("weighted(bm25,cosine)", "weighted(...) is made by compare"),
        ("nobody", "nobody"),
    ],
)
def test_what_cannot_stand_in_a_column_says_why(measure, sentence):
    page = site(opened()).get(f"/?direction=queries-items&query=u3&measure={measure}")
    assert page.status_code == 200
    assert sentence in page.text


def test_words_need_texts():
    page = site(films()).get("/?direction=queries-items&query=u3&measure=bm25")
    assert "bm25 ranks texts, and these queries or items have none" in page.text
    assert '<option value="bm25">' not in page.text


def test_a_run_of_another_direction_is_named_in_its_column():
    page = site(opened([a_run()])).get("/?direction=items-items&query=f3&measure=mine").text
    assert "take another direction" in page


def test_pools_hold_what_every_ranking_lists():
    run = a_run()
    rankings = parse_measures(["cosine", "bm25", "mine"], ["mine"]).valid
    queue = draw_queue(opened([run]), "queries-items", rankings, 5)
    pairs = set(queue.pairs)
    for number, row in enumerate(queue.rows.tolist()):
        if f"u{row}" in run.row_of:
            for item, _ in run[f"u{row}"][:5]:
                assert (row, int(item[1:])) in pairs, number
    assert queue.measures == ("cosine", "bm25", "mine")


def judged_pairs(inspected, queue):
    asking, ranked = inspected.space.sides("queries-items")
    rng = np.random.default_rng(0)
    return [
        Judged(
            query_id=str(asking.ids[query]),
            item_id=str(ranked.ids[item]),
            grade=int(rng.integers(0, 3)),
            judge="anna",
            direction="queries-items",
            uuid=str(uuid4()),
            time=1.0 + number,
        )
        for number, (query, item) in enumerate(queue.pairs)
    ]


def test_the_live_decision_counts_runs_and_words():
    inspected = opened([a_run()], judgements={})
    queue = draw_queue(
        inspected, "queries-items", parse_measures(["cosine", "bm25", "mine"], ["mine"]).valid, 5
    )
    said = decide(inspected, queue, judged_pairs(inspected, queue))
    assert set(said["means"]) == {"cosine", "bm25", "mine"}


def test_nothing_is_decided_on_items_that_nobody_here_can_judge():
    inspected = opened([a_run(strangers=2)], judgements={})
    queue = draw_queue(
        inspected, "queries-items", parse_measures(["cosine", "mine"], ["mine"]).valid, 5
    )
    said = decide(inspected, queue, judged_pairs(inspected, queue))
    assert said["state"] == "unknown items"
    assert "mine lists items that this space does not hold" in said["text"].lower()


def test_the_copy_shows_them_too(tmp_path):
    state = AppState(lambda: opened([a_run()]))
    write_copy(
        state,
        tmp_path / "copy",
        direction="queries-items",
        measures=["mine", "bm25"],
        queries=3,
    )
    pages = sorted((tmp_path / "copy").glob("q*.html"))
    assert all("<bdi>mine</bdi>" in page.read_text() for page in pages)


def test_the_report_compares_the_runs():
    client = site(opened([a_run()]))
    assert client.post("/reports/compare-queries-items", headers=FROM_HERE).status_code == 303
    for _ in range(100):
        report = client.get("/reports/compare-queries-items.html", follow_redirects=False)
        if report.status_code == 200:
            break
        sleep(0.1)
    assert "mine" in report.text
    assert "not where judging goes on until it comes" not in report.text  # nothing judged here


def test_a_report_of_what_is_judged_on_the_page_says_that_a_verdict_is_for_one_look(tmp_path):
    """It is made anew with each answer: whoever stops when it says something has no 95%."""
    state = AppState(lambda: opened([], store=tmp_path / "judgements.sqlite"))
    asking, ranked = state.inspected.space.sides("queries-items")
    for query in range(3):
        pair = str(asking.ids[query]), str(ranked.ids[query])
        state.store.opened().add(Judged(*pair, 1.0, judge="anna"))
    for kind in ("compare-queries-items", "remedy-queries-items"):
        html = " ".join(_made(state.inspected, state.store, kind).html.split())
        assert "not where judging goes on until it comes" in html


def test_runs_that_share_nothing_or_are_called_like_a_measure_are_refused():
    space = with_texts()
    stranger = Run.from_dict({"nobody": {"f1": 1.0}}, "mine")
    with pytest.raises(IdsError, match="asks for such as 'nobody'"):
        inspect(space, runs=stranger)
    with pytest.raises(SpellingError, match="as a measure is"):
        inspect(space, runs=a_run().called("bm25"))


def test_the_command_takes_runs(anglewise, tmp_path):  # noqa: F811
    from anglewise import write_space

    write_space(with_texts(), tmp_path / "space")
    lines = [
        f"{query} Q0 {item} {rank} {score} x"
        for query in a_run().queries
        for rank, (item, score) in enumerate(a_run()[query], 1)
    ]
    (tmp_path / "mine.run").write_text("\n".join(lines) + "\n")
    options = ["inspect", tmp_path / "space", "--runs", tmp_path / "mine.run"]
    copy = ["--export", tmp_path / "copy", "--direction", "queries-items", "--export-queries", "2"]
    result = anglewise(*options, *copy, "--measures", "cosine,mine,bm25")
    assert result.code == 0, result
    assert "<bdi>mine</bdi>" in (tmp_path / "copy" / "q0000.html").read_text()
    wrong = anglewise(*options, *copy, "--measures", "cosine,min")
    assert wrong.code == 2
