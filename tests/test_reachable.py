"""What trainings like one keep of its lists: simulated, said with a band, and really reached."""

import json
from functools import cache

import numpy as np
import pytest

from anglewise import Embeddings, Space, audit, write_space
from anglewise.auditing.reachable import BANDS, band, gauge_of, law_of, reachable, recipe_of
from anglewise.auditing.subject import subject
from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.maps import predictions_moved, root
from anglewise.equivalent_factorisations.trained_gauges import (
    Start,
    carried,
    redrawn,
    trained_gauge,
)
from anglewise.errors import ShapeError, SpellingError, ValuesError
from anglewise.report.audit_document import audit_document
from anglewise.report.document import Findings
from cli_run import anglewise
from gauge_laws import factors, geometry
from rendered import printed

__all__ = ["anglewise"]

USERS, ITEMS, WIDTH = 90, 70, 5


@cache
def matrix():
    """Users and items of some tastes, so that five directions hold most of it."""
    rng = np.random.default_rng(0)
    taste = rng.gamma(0.4, size=(USERS, 6)) @ rng.gamma(0.4, size=(6, ITEMS))
    return (rng.random((USERS, ITEMS)) < taste / taste.mean() * 0.25).astype(float)


@cache
def descended(seed, users=0.2, items=0.2, steps=4000, decay=0.0):
    """Factors after gradient descent from normal numbers of these scales, and the start."""
    rng = np.random.default_rng(seed)
    P, Q = users * rng.normal(size=(USERS, WIDTH)), items * rng.normal(size=(ITEMS, WIDTH))
    start = space_of(P, Q)
    for _ in range(steps):
        wrong = P @ Q.T - matrix()
        P, Q = P - 0.004 * (wrong @ Q + decay * P), Q - 0.004 * (wrong.T @ P + decay * Q)
    return space_of(P, Q), start


def space_of(P, Q, trained_for="dot", **about):
    return Space(queries=Embeddings(P), items=Embeddings(Q), trained_for=trained_for, about=about)


def place(P, Q):
    return trained_gauge(root(P), root(Q))


@pytest.mark.parametrize("seed", range(4))
def test_the_place_of_factors_is_that_of_the_map_from_the_balanced_gauge(seed):
    P, Q = factors(seed)
    balanced = BALANCED.apply(space_of(P, Q))
    assert np.abs(place(balanced.queries.vectors, balanced.items.vectors).stretch).max() < 1e-5
    rng = np.random.default_rng(seed)
    turn, axes = (np.linalg.qr(rng.normal(size=(6, 6)))[0] for _ in range(2))
    logs = rng.uniform(-0.5, 0.5, size=6)
    found = place(
        balanced.queries.vectors.astype(float) @ (axes * np.exp(logs)) @ axes.T @ turn,
        balanced.items.vectors.astype(float) @ (axes * np.exp(-logs)) @ axes.T @ turn,
    )
    assert np.allclose(np.linalg.eigvalsh(found.stretch), np.sort(logs), atol=1e-5)


def test_what_gradient_flow_conserves_is_read_from_the_place():
    P, Q = factors(1)
    found = place(P, Q)
    given = np.linalg.eigvalsh(P.T @ P - Q.T @ Q)
    assert np.allclose(np.linalg.eigvalsh(found.imbalance), given, rtol=1e-9)
    assert found.mean_imbalance == pytest.approx(given.mean())


@pytest.mark.parametrize("seed", range(4))
def test_another_place_has_the_same_predictions_and_its_own_the_same_cosines(seed):
    P, Q = factors(seed)
    found, rng = place(P, Q), np.random.default_rng(seed)
    for stretch in (redrawn(found, rng), Start(3.0, 1.0).end(found.spectrum, rng)):
        pair = found.pair(stretch)
        assert predictions_moved(root(P), root(Q), pair) < 1e-10
        again = place(P @ pair.queries, Q @ pair.items).stretch
        # but for the signs of the singular vectors
        assert np.allclose(np.abs(again), np.abs(stretch), atol=1e-6)
    own = found.pair(found.stretch)
    assert np.allclose(geometry(Q @ own.items), geometry(Q), atol=1e-9)


def test_directions_without_predictions_have_no_place():
    P, Q = factors(0, rank=3)
    P[:, 0] = np.random.default_rng(0).normal(size=len(P))
    Q[:, 0] = 0
    assert place(P, Q) is None
    report = audit(space_of(P, Q), optimiser="gd", k=5, threads=1)
    assert report.reachable.kept is None
    assert "no gauges to compare" in printed(report, 200)


@pytest.mark.parametrize("scales", [(0.05, 0.05), (0.3, 0.3), (0.4, 0.1)])
def test_gradient_descent_keeps_what_the_law_of_its_start_says(scales):
    expected = Start.of((USERS, ITEMS), scales)
    ends = [gauge_of(descended(seed, *scales)[0], ()) for seed in range(4)]
    assert np.mean([end.mean_imbalance for end in ends]) == pytest.approx(
        expected.mean, abs=expected.spread
    )
    assert np.mean([end.spread for end in ends]) == pytest.approx(expected.spread, rel=0.35)


def test_the_ends_of_a_start_have_its_law():
    start, spectrum = Start(2.0, 0.5), np.array([40.0, 20.0, 10.0, 6.0])
    rng = np.random.default_rng(0)
    P, Q = factors(0, width=4)
    found = place(P, Q)
    ends = []
    for _ in range(200):
        stretch = start.end(spectrum, rng)
        ends.append(type(found)(spectrum, stretch, found.queries, found.items))
    assert np.mean([end.mean_imbalance for end in ends]) == pytest.approx(2.0, abs=0.1)
    assert np.mean([end.spread for end in ends]) == pytest.approx(0.5, rel=0.15)


def test_a_place_carried_to_the_axes_of_another_training_is_what_that_training_did():
    one, two = (descended(seed, 0.3, 0.3)[0] for seed in (0, 1))
    report = audit(one, k=5, trainings={"two": two}, threads=1)
    kept = report.reachable.trainings["two"]
    assert report.runs[0].predictions < 0.02
    assert kept == pytest.approx(report.runs[0].overlap["given"], abs=0.02)
    assert kept < 0.97
    assert "ended in gauges that keep" in str(report.reachable)
    assert report.reachable.low is None
    mine = gauge_of(one, ())
    same = one.items.vectors.astype(float) @ mine.balanced_items()
    assert np.allclose(carried(mine, same.T @ same), mine.stretch, atol=1e-6)


def test_bands_hold_on_trainings_that_were_not_seen():
    inside = []
    for scales in ((0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.3, 0.1)):
        for seed in range(3):
            one, start = descended(seed, *scales)
            two, _ = descended(seed + 3, *scales)
            audited = subject(one, 5, 1000, 0, 1)
            for initial in (None, start):
                recipe = recipe_of(one, "gd", None, None, initial)
                found = reachable(audited, recipe, {"two": two}, {})
                inside.append(found.low <= found.trainings["two"] <= found.high)
    assert np.mean(inside) >= 0.8
    assert len(inside) == 24


def test_a_smaller_start_leaves_less_open():
    kept = [
        audit(descended(0, scale, scale)[0], k=5, optimiser="gd", threads=1).reachable
        for scale in (0.05, 0.2, 0.4)
    ]
    shares = [found.kept for found in kept]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.98
    for found in kept:
        assert 0 <= found.low < found.high <= 1
        assert found.extremes < found.high


def test_the_band_goes_by_what_is_known_of_the_start():
    one, start = descended(0, 0.3, 0.3)
    gauge = gauge_of(one, ())
    expected = Start.of((USERS, ITEMS), (0.3, 0.3))
    assert law_of("gd", gauge, None) == "gd"
    assert law_of("gd", gauge, expected) == "gd, from its start"
    assert law_of("gd", gauge, Start.of((USERS, ITEMS), (3.0, 3.0))) == "gd"
    assert law_of("adam", gauge, Start.of((USERS, ITEMS), (0.01, 0.01))) == "adam, small start"
    assert law_of("bpr", gauge, expected) == "bpr, large start"
    assert {law.split(",")[0] for law in BANDS} == {"gd", "sgd", "adam", "als", "bpr"}
    found = audit(one, k=5, optimiser="gd", initial=start, threads=1).reachable
    assert found.law == "gd, from its start"
    assert found.start.share == pytest.approx(1, abs=0.3)
    other = audit(one, k=5, optimiser="gd", init_scale=(0.01, 0.02), threads=1)
    assert other.reachable.law == "gd"
    assert "not what happened here" in " ".join(printed(other, 200).split())


def test_a_band_covers_a_loss_of_nothing_and_stays_within_all_and_none():
    for law, (least, most) in BANDS.items():
        assert 0 <= least < most
        assert band(1.0, law)[0] > 0.98
        assert band(1.0, law)[1] == 1.0
        assert band(0.0, law)[0] >= 0


def test_the_report_says_it_beside_the_extremes_and_json_has_it(tmp_path):
    one, start = descended(0, 0.3, 0.3)
    write_space(start, tmp_path / "start")
    report = audit(one, k=5, optimiser="gd", initial=start, threads=1)
    assert report.verdict.cosine == "arbitrary"
    assert "Trainings like this one (gd) end in gauges that keep" in report.verdict.reason
    assert "the extremes keep" in report.verdict.reason
    told = json.loads(json.dumps(report.to_dict()))["reachable"]
    assert told["recipe"]["optimiser"] == "gd"
    assert told["recipe"]["init_scale"] == pytest.approx([0.3, 0.3], rel=0.1)
    assert told["direction"] == "items-items"
    assert told["low"] < told["kept"] + 0.05
    kept = report.agreement["items-items"].overlap["cosine"]
    assert told["extremes"] == min(kept["cosine@item-orthonormal"], kept["cosine@data-space"])


def sections(report):
    return {
        title: lines
        for group in audit_document(report).body
        for block in group
        if isinstance(block, Findings)
        for title, lines in block.sections.items()
    }


@pytest.mark.parametrize("low", [1e-6, 3e-6])
def test_where_directions_carry_next_to_nothing_no_trainings_are_simulated(low):
    rng = np.random.default_rng(0)
    widths = np.r_[np.ones(4), np.full(12, low)]  # as after ALS with much weight decay
    space = space_of(rng.normal(size=(60, 16)) * widths, rng.normal(size=(50, 16)) * widths)
    found = audit(space, optimiser="als", runs={"other": space})
    assert found.reachable is not None
    assert found.reachable.law == "als"
    assert found.reachable.kept is found.reachable.low is found.reachable.high is None
    assert "trainings like this one are not simulated" in printed(audit_document(found))


def test_where_nobody_says_how_it_was_trained_nothing_is_said_of_trainings():
    report = audit(descended(0)[0], k=5, threads=1)
    assert report.reachable is None
    assert report.to_dict()["reachable"] is None
    assert "reachable" not in sections(report)
    assert "rainings like" not in report.verdict.reason


def test_what_the_object_of_a_library_told_is_used_and_named():
    one, _ = descended(0)
    P, Q = one.queries.vectors, one.items.vectors
    model = {"library": "implicit", "model": "AlternatingLeastSquares"}
    report = audit(space_of(P, Q, **model), k=5, threads=1)
    assert report.reachable.recipe.optimiser == "als"
    assert "implicit.AlternatingLeastSquares tells" in sections(report)["reachable"][0]
    said = audit(space_of(P, Q, **model), k=5, optimiser="gd", threads=1)
    assert (said.reachable.recipe.optimiser, said.reachable.recipe.told_by) == ("gd", "you")


def test_weight_decay_that_is_said_counts_as_declared():
    one, _ = descended(0, 0.2, 0.2, steps=20_000, decay=0.3)
    report = audit(one, k=5, weight_decay=0.3, threads=1)
    assert report.verdict.cosine == "pinned-by-training"
    assert report.verdict.reason.startswith("declared as trained with weight decay on both sides")
    assert "ends at gauge gap 1 and |P|^2/|Q|^2 = 1; measured" in sections(report)["reachable"][0]
    without, _ = descended(0, 0.4, 0.4)
    report = audit(without, k=5, weight_decay=(0.1, 0.4), threads=1)
    assert report.verdict.cosine == "unknown"
    assert "measured elsewhere" in report.verdict.reason
    assert "|P|^2/|Q|^2 = 4" in sections(report)["reachable"][0]
    report = audit(without, k=5, weight_decay=(0, 0.4), threads=1)
    assert report.verdict.cosine == "arbitrary"
    assert "nothing pulls to the balanced gauge" in sections(report)["reachable"][0]


@pytest.mark.parametrize("named", [False, True])
def test_biases_stay_out_of_the_simulated_maps(named):
    one, _ = descended(0, 0.3, 0.3)
    rng = np.random.default_rng(0)
    P = np.column_stack([one.queries.vectors, np.ones(USERS)])
    Q = np.column_stack([one.items.vectors, rng.normal(size=ITEMS)])
    about = {"bias_columns": [WIDTH]} if named else {}
    found = audit(space_of(P, Q, **about), k=5, optimiser="gd", threads=1).reachable
    plain = audit(one, k=5, optimiser="gd", threads=1).reachable
    if named:
        assert found.kept == pytest.approx(plain.kept, abs=1e-12)
    assert 0.5 < found.kept < 1


@pytest.mark.wrong_kinds
@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"optimiser": "sdg"}, SpellingError, "gd, sgd, adam, als"),
        ({"init_scale": 0.1}, SpellingError, "depends on the optimiser"),
        ({"optimiser": "als", "init_scale": 0.1}, SpellingError, "als forgets"),
        (
            {"optimiser": "gd", "init_scale": 0.0},
            ValuesError,
            "init_scale is 0.0: a positive number is due",
        ),
        (
            {"optimiser": "gd", "init_scale": (0.1, 0.1, 1)},
            ValuesError,
            "init_scale has 3 numbers: one is due, or two",
        ),
        (
            {"optimiser": "gd", "init_scale": float("nan")},
            ValuesError,
            "init_scale is nan: a positive number",
        ),
        (
            {"weight_decay": -1.0},
            ValuesError,
            "weight_decay is -1.0: a number of at least 0 is due",
        ),
        ({"weight_decay": "much"}, ValuesError, "weight_decay is much"),
    ],
)
def test_what_cannot_be_a_way_of_training_is_refused(how, error, words):
    with pytest.raises(error, match=words):
        audit(descended(0)[0], k=5, threads=1, **how)


def test_initial_factors_of_another_model_are_refused_and_so_is_all_of_it_without_a_gauge():
    one, start = descended(0)
    small = space_of(start.queries.vectors[:50], start.items.vectors)
    with pytest.raises(ShapeError, match="the initial factors have 50 queries of 5 columns"):
        audit(one, k=5, optimiser="gd", initial=small, threads=1)
    zeros = space_of(start.queries.vectors * 0, start.items.vectors)
    with pytest.raises(ValuesError, match="all zeros"):
        audit(one, k=5, optimiser="gd", initial=zeros, threads=1)
    with pytest.raises(SpellingError, match="give one"):
        audit(one, k=5, optimiser="gd", initial=start, init_scale=0.1, threads=1)
    unit = space_of(one.queries.vectors, one.items.vectors, "cosine")
    for how in ({"optimiser": "gd"}, {"weight_decay": 0.0}, {"init_scale": 0.1}):
        with pytest.raises(SpellingError, match="declared as trained for cosine"):
            audit(unit, k=5, threads=1, **how)


def test_the_command_takes_one_number_or_two(anglewise, tmp_path):
    one, start = descended(0, 0.3, 0.3)
    for name, space in (("one", one), ("start", start)):
        write_space(space, tmp_path / name)
    where = ["audit", str(tmp_path / "one"), "-k", "5", "--quiet", "--optimiser", "gd"]
    told = anglewise(*where, "--init-scale", "0.3,0.3", "--weight-decay", "0", "--json", "-")
    found = json.loads(told.out)["reachable"]
    assert found["recipe"]["init_scale"] == [0.3, 0.3]
    assert found["recipe"]["weight_decay"] == [0.0, 0.0]
    told = anglewise(*where, "--initial", str(tmp_path / "start"))
    assert "rainings like this one (gd)" in told.out
    for wrong in ("0.1;0.2", "a", "1,2,3", ","):
        told = anglewise(*where, "--init-scale", wrong)
        assert told.code == 2
        assert "a number is due, or two as users,items" in " ".join(told.err.split())
