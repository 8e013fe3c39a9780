"""The slider: the lists are those of the gauges, and the predictions stay."""

import re
import time

import numpy as np
import pytest

from anglewise import Embeddings, Space, measure, search
from anglewise.auditing.gauge_overlap import gauge_path
from anglewise.auditing.subject import subject
from anglewise.web_page import gauge_paths
from anglewise.web_page.gauge_paths import path_of_gauges, path_of_witness
from anglewise.web_page.open_space import Inspected
from inspect_site import films, made_judgements, made_space, one_sided, site

FORMULAS = ("cosine", "euclidean", "dot")
WAYS = ("items-items", "queries-items", "queries-queries")


@pytest.mark.parametrize("way", WAYS)
def test_the_slider_shows_what_a_search_in_that_gauge_finds(way):
    space = made_space()
    wanted = {(f, t): f"{f}@power({t})" for f in FORMULAS for t in (0, 0.2, 0.5, 0.77, 1)}
    found = search(space, wanted.values(), k=8, direction=way, rows=np.array([4]), use_seen=False)
    scaling = path_of_gauges(space).scaling(way)
    hidden = [] if way == "queries-items" else [4]
    for (formula, t), there in zip(wanted, found.values(), strict=True):
        rows, scores = scaling.nearest(4, t - 0.5, measure(formula).formula, 8, hidden)
        assert rows == there.indices[0].tolist(), (formula, t)
        np.testing.assert_allclose(scores, there.scores[0], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("t", [0, 0.3, 1])
def test_predictions_stay_on_the_whole_path(t):
    watched = path_of_gauges(made_space()).predictions
    assert watched.change(t - 0.5) < 1e-12
    assert watched.count == 30 * 60


def test_a_map_that_is_no_gauge_would_be_seen():
    watched = path_of_gauges(made_space()).predictions
    object.__setattr__(watched, "items", watched.items * 1.01)
    assert watched.change(0.0) > 0.005


def test_bias_columns_stay_where_they_are():
    rng = np.random.default_rng(0)
    users = np.column_stack([rng.normal(size=(40, 4)), np.ones(40)])
    items = np.column_stack([rng.normal(size=(50, 4)), rng.normal(size=50)])
    space = Space(queries=Embeddings(users), items=Embeddings(items), trained_for="dot")
    path = path_of_gauges(space)
    for t in (0.0, 1.0):
        found = search(
            space, f"cosine@power({t:g})", k=6, direction="items-items", rows=np.array([7])
        )
        (there,) = found.values()
        rows, _ = path.scaling("items-items").nearest(7, t - 0.5, measure("cosine").formula, 6, [7])
        assert rows == there.indices[0].tolist()
    witnessed, found = path_of_witness(space, 7, 2.0, 5)
    cosine = measure("cosine").formula
    assert (
        witnessed.scaling("items-items").nearest(7, 1.0, cosine, 5, [7])[0] == found.after.tolist()
    )
    assert witnessed.predictions.change(1.0) < 1e-12


def test_the_witness_is_reached_at_the_end_of_its_path():
    space = made_space()
    path, found = path_of_witness(space, 3, 2.0, 10)
    cosine, scaling = measure("cosine").formula, path.scaling("items-items")
    assert scaling.nearest(3, 0.0, cosine, 10, [3])[0] == found.before.tolist()
    assert scaling.nearest(3, 1.0, cosine, 10, [3])[0] == found.after.tolist()
    assert path.predictions.change(1.0) < 1e-12


def test_equal_scores_stand_in_the_order_of_ids():
    items = Embeddings([[1.0, 0.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]], ids=["a", "z", "c", "b"])
    space = Space(queries=Embeddings([[1.0, 2.0], [0.5, -1.0]]), items=items, trained_for="dot")
    rows, _ = (
        path_of_gauges(space)
        .scaling("items-items")
        .nearest(0, 0.1, measure("cosine").formula, 3, [0])
    )
    assert [str(items.ids[row]) for row in rows] == ["b", "c", "z"]


def test_the_page_tells_the_list_and_that_nothing_moved():
    client = site(films())
    text = client.get("/gauge?query=f3&t=1").text
    assert "1e-" in text
    assert text.count("<li data-row=") == 10
    found = client.get("/gauge/at?query=f3&t=1").json()
    assert [item["row"] for item in found["items"]] == [
        int(row) for row in re.findall(r'<li data-row="(\d+)"', text)
    ]
    assert found["stay"] == sum(not item["new"] for item in found["items"])
    path = client.get("/gauge/path?query=f3").json()
    assert path["lists"][-1] == [item["row"] for item in found["items"]]
    assert len(path["stops"]) == len(path["lists"]) == 21


def quality(client, address):
    for _ in range(200):
        found = client.get(address).json()
        if found["state"] != "working":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{address} is still working")


def test_quality_is_computed_in_the_background():
    found = quality(site(films()), "/gauge/quality?direction=items-items")
    assert found["state"] == "done"
    assert len(found["score"]) == 11


def test_quality_is_that_of_the_lists_shown():
    """Without a direction the page shows items beside items, and so does its curve."""
    space = made_space()
    judged = {way: made_judgements(space, way) for way in ("queries-items", "items-items")}
    client = site(films(judgements=judged))
    for address in ("?query=f3", "?direction=items-items&query=f3", ""):
        found = quality(client, f"/gauge/quality{address}")
        assert found["direction"] == "items-items", address
        path = gauge_path(subject(space, 10, 500, 0, None), "items-items", judged["items-items"])
        assert found["score"] == pytest.approx(path.score)
        assert "data-quality-told" in client.get(f"/gauge{address}").text
    assert quality(client, "/gauge/quality?direction=queries-items")["direction"] == "queries-items"


def test_where_the_lists_shown_were_not_judged_no_curve_is_drawn_and_the_page_says_why():
    space = made_space()
    client = site(films(judgements={"queries-items": made_judgements(space, "queries-items")}))
    why = (
        "no curve: nothing was judged for items → items; what was judged is queries → items, of "
        "other lists"
    )
    assert quality(client, "/gauge/quality?query=f3") == {"state": "none", "why": why, "notes": []}
    for address in ("/gauge?query=f3", "/gauge?direction=items-items"):
        text = client.get(address).text
        assert why in text
        assert "data-quality-told" not in text
    assert "no curve" not in client.get("/gauge?direction=queries-items").text
    bare = site(films(judgements={}))
    why = "no curve: nothing was judged for items → items"
    assert quality(bare, "/gauge/quality") == {"state": "none", "why": why, "notes": []}


@pytest.mark.parametrize(
    "asked",
    ["t=2", "t=x", "t=nan", "worst=3000", "worst=x", "formula=evil", "query=gone", "t=inf"],
)
def test_what_cannot_be_asked_of_the_slider_is_told(asked):
    answer = site(films()).get(f"/gauge?{asked}")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_a_space_without_gauge_says_so():
    client = site(Inspected(one_sided("abcd")))
    answer = client.get("/gauge")
    assert answer.status_code == 400
    assert "one side" in answer.text
    assert 'href="/gauge"' not in client.get("/").text


def test_few_paths_are_kept_as_each_is_as_large_as_the_vectors():
    client = site(films())
    app = client.app.app.state.app
    app.once(("deck",), list)
    for query in ("f1", "f2", "f3", "f4"):
        asked = f"/gauge/at?direction=items-items&query={query}&worst=2&t=0.5"
        assert client.get(asked).status_code == 200
    kept = [row for row in range(60) if app.lookup(("path", row, 2.0)) is not None]
    assert kept == [3, 4]
    assert app.lookup(("deck",)) is not None


def test_lengths_that_are_remembered_have_a_bound(monkeypatch):
    monkeypatch.setattr(gauge_paths, "REMEMBERED_BYTES", 4 * 50 * 3)
    side = gauge_paths.Coordinates(np.ones((50, 2), dtype=np.float32), np.log([2.0, 1.0]))
    for at in np.linspace(0, 1, 20):
        side.lengths(float(at))
    assert 1 <= len(side._lengths) <= 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-30, 1e-20, 1e10, 1e19, 1e30, 1e37])
@pytest.mark.parametrize("way", WAYS)
def test_a_factor_of_all_vectors_changes_no_list(factor, way):
    space = made_space()
    larger = Space(
        queries=Embeddings(space.queries.vectors * np.float32(factor), space.queries.ids),
        items=Embeddings(space.items.vectors * np.float32(factor), space.items.ids),
        trained_for="dot",
    )
    for paths in zip(
        *((path_of_gauges(s), path_of_witness(s, 3, 2.0, 5)[0]) for s in (space, larger)),
        strict=True,
    ):
        before, after = (path.scaling(way) for path in paths)
        for name in FORMULAS:
            for t in (0, 0.4, 0.5, 1):
                # at other powers the two sides grow by factors of their own
                power, formula = t - paths[0].start, measure(name).formula
                if name == "euclidean" and way == "queries-items" and power:
                    continue
                due = before.nearest(4, power, formula, 8, [4])[0]
                assert after.nearest(4, power, formula, 8, [4])[0] == due, (name, t)
