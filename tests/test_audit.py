"""Laws of the audit: what it says, and what it must never say."""

import json
from dataclasses import replace
from functools import cache
from html import escape

import numpy as np
import pytest

from anglewise import Embeddings, Space, measure, read_space, write_space
from anglewise import audit as whole_audit
from anglewise.equivalent_factorisations.canonical import BALANCED
from anglewise.equivalent_factorisations.gap import gauge_gap
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.report.audit_document import audit_document
from anglewise.report.document import Findings
from anglewise.similarity_measures.frames import fit_frames

SPECTRUM = np.array([9.0, 4.0, 2.0, 1.0, 0.5])


def audit(space, **how):
    return whole_audit(space, **{"threads": 1, **how})


@cache
def scrambled_report():
    return audit(space_of(*scrambled(*factors())))


def factors(seed=0, users=80, items=60, spectrum=SPECTRUM):
    rng = np.random.default_rng(seed)
    d = len(spectrum)
    return rng.normal(size=(users, d)) * spectrum, rng.normal(size=(items, d)) * spectrum


def space_of(P, Q, trained_for="dot", **about):
    return Space(queries=Embeddings(P), items=Embeddings(Q), trained_for=trained_for, about=about)


def scrambled(P, Q, seed=1, condition=20.0):
    rng = np.random.default_rng(seed)
    d = P.shape[1]
    turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2)]
    G = turns[0] * np.geomspace(1, condition, d) @ turns[1]
    return P @ G, Q @ np.linalg.inv(G).T


def test_what_weight_decay_leaves_is_pinned():
    space = BALANCED.apply(space_of(*factors()))
    report = audit(space)
    assert report.verdict.cosine == "arbitrary"  # the gauge was chosen by name, and it says so
    assert "balanced was chosen" in report.verdict.reason
    trained = Space(queries=space.queries, items=space.items, trained_for="dot")
    report = audit(trained)
    assert report.verdict.cosine == "pinned-by-training"
    assert report.gauge_gap == pytest.approx(1, abs=1e-4)


def test_weight_decay_that_is_declared_pins_nothing_that_is_measured_elsewhere():
    decay = {"objective": "factors", "penalty": 10.0}
    there = BALANCED.apply(space_of(*factors(), **decay))
    report = audit(there)
    assert report.verdict.cosine == "pinned-by-training"
    assert "gauge gap 1.00, where 1 is P'P = c Q'Q" in report.verdict.reason
    for about, why in (
        (decay, "rows folded in later"),
        ({**decay, "gauge": "balanced"}, "rows folded in later"),
        ({**decay, "gauge": "item-orthonormal"}, "item-orthonormal was chosen after training"),
    ):
        report = audit(space_of(*scrambled(*factors()), **about))
        assert report.verdict.cosine == "unknown"
        assert report.verdict.reason.startswith("declared as trained with weight decay on both")
        measured = f"measured elsewhere: gauge gap {report.gauge_gap:.2f}; "
        assert measured in report.verdict.reason
        assert why in report.verdict.reason
        assert "cosine" not in report.verdict.safe["items-items"]


def test_queries_that_were_folded_in_later_have_no_part_in_where_weight_decay_ends():
    balanced = BALANCED.apply(space_of(*factors()))
    later = np.random.default_rng(1).normal(size=(200, balanced.items.dimension)) * 9
    split = ["train"] * len(balanced.queries) + ["held-out"] * len(later)
    for metadata, cosine in (({"split": split}, "pinned-by-training"), ({}, "unknown")):
        queries = Embeddings(np.concatenate([balanced.queries.vectors, later]), metadata=metadata)
        about = {"objective": "factors", "penalty": 10.0}
        report = audit(Space(queries=queries, items=balanced.items, trained_for="dot", about=about))
        assert report.gauge_gap > 1.05
        assert report.verdict.cosine == cosine
        said = (
            "gauge gap 1.00 with the queries that training saw, where 1 is" in report.verdict.reason
        )
        assert said == bool(metadata)


def test_what_nobody_declared_is_pinned_only_if_nobody_balanced_it():
    balanced = BALANCED.apply(space_of(*factors()))
    plain = Space(queries=balanced.queries, items=balanced.items, trained_for="dot")
    assert audit(plain).verdict.reason.startswith("if nobody balanced it later: measured where ")


def test_a_scrambled_model_is_arbitrary():
    report = scrambled_report()
    assert report.verdict.cosine == "arbitrary"
    assert report.gauge_gap > 5
    assert report.predictions_moved < 1e-12
    assert report.verdict.safe["queries-items"] == ("dot",)
    assert "cosine" not in report.verdict.safe["items-items"]


def test_nobody_is_alarmed_about_a_model_trained_for_cosine():
    rng = np.random.default_rng(0)
    for P, Q in (factors(), scrambled(*factors()), (rng.random((9, 2)), rng.random((12, 2)))):
        report = audit(space_of(P, Q, "cosine"), k=5)
        assert report.verdict.cosine == "determined"
        assert report.certificates == {}
        assert report.witness is None


def test_gauges_with_a_name_that_find_the_same_determine_nothing_where_random_maps_do_not():
    """A flat spectrum: all named gauges are one, and a map of condition 4 still moves the lists."""
    rng = np.random.default_rng(0)
    P, Q = (np.linalg.qr(rng.normal(size=(n, 4)))[0] for n in (50, 40))
    for trained_for in ("dot", "unknown"):
        report = audit(space_of(P * 3, Q, trained_for))
        assert report.verdict.cosine == "pinned-by-training"  # it is balanced
        assert report.agreement["items-items"].least == 1.0
        assert min(report.certificates["items-items"].monte_carlo_overlap) < 0.8
    report = audit(space_of(P * 3, Q, gauge="balanced"))
    assert report.verdict.cosine == "arbitrary"
    assert "under random maps of condition 4, " in report.verdict.reason


def test_what_all_maps_find_is_determined_as_far_as_maps_were_tried():
    """Clusters so tight and far apart that every list is what else is in the cluster."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3), 41, axis=0)
    P, Q = (centres + 1e-4 * rng.normal(size=centres.shape) for _ in range(2))
    report = audit(space_of(P, Q * [1, 1.3, 1.7], "dot"), k=40)
    assert report.verdict.cosine == "determined"
    assert report.verdict.reason.startswith("under all maps that were tried, the gauges with a ")
    assert "cosine" not in report.verdict.safe["items-items"]


def test_columns_that_all_count_as_biases_are_no_predictions_of_nothing():
    users = np.random.default_rng(0).normal(size=(20, 4))
    with pytest.raises(ValuesError, match="all 4 columns count as biases"):
        audit(space_of(users, np.ones((30, 4))), k=3)


def test_what_chance_would_explain_stands_beside_what_maps_between_runs_do():
    """Two runs that have nothing in common: 8 columns take 8 parts of 12 items."""
    one, two = (space_of(*factors(seed, 60, 12, np.ones(8))) for seed in (0, 1))
    text = "".join(
        sentence
        for group in audit_document(audit(one, k=3, runs={"two": two})).body
        for block in group
        if isinstance(block, Findings)
        for sentence in block.sections.get("runs", ())
    )
    assert "of unrelated vectors both would take about 67%" in text
    assert "gauge " not in text
    assert "real" not in text


def test_that_a_measure_is_invariant_is_not_called_safe():
    document = audit_document(scrambled_report())
    sections = {
        title: lines
        for group in document.body
        for block in group
        if isinstance(block, Findings)
        for title, lines in block.sections.items()
    }
    assert "safe" not in sections
    assert sections["invariant"][0].endswith(
        "(do not depend on the gauge; whether they are good: anglewise compare)"
    )
    verdict = scrambled_report().verdict
    assert verdict.invariant == verdict.safe
    told = scrambled_report().to_dict()["verdict"]
    assert told["invariant"] == told["safe"]


def test_pinned_speaks_of_this_optimum_and_not_of_another_training():
    for about in ({"objective": "factors", "penalty": 10.0}, {}):
        there = BALANCED.apply(space_of(*factors()))
        verdict = audit(Space(queries=there.queries, items=there.items, about=about)).verdict
        assert verdict.cosine == "pinned-by-training"
        assert "Another training may end at another optimum" in verdict.reason


def test_what_nobody_declares_stays_unknown():
    report = audit(space_of(*scrambled(*factors()), "unknown"))
    assert report.verdict.cosine == "unknown"
    assert report.reading.basis == "nothing"
    rows = Embeddings(factors()[1])
    assert audit(Space(items=rows)).verdict.cosine == "unknown"
    assert audit(Space(items=rows, trained_for="dot")).verdict.cosine == "unknown"


def test_distance_leaves_the_origin_open():
    Q = factors()[1]
    near, far = Q - Q.mean(axis=0), Q + 20
    about_the_mean = audit(Space(items=Embeddings(near), trained_for="euclidean")).verdict
    assert about_the_mean.cosine == "unknown"
    assert "about another origin it may not" in about_the_mean.reason
    assert audit(Space(items=Embeddings(far), trained_for="euclidean")).verdict.cosine == (
        "arbitrary"
    )


def test_canonical_geometries_do_not_know_how_the_factors_came():
    P, Q = factors()
    one, other = audit(space_of(P, Q)), scrambled_report()
    for way, names in {
        "items-items": ("cosine@balanced", "cosine@data-space", "dot@item-orthonormal"),
        "queries-queries": ("cosine@balanced", "cosine@user-orthonormal"),
        "queries-items": ("dot", "cosine@balanced", "euclidean@item-orthonormal"),
    }.items():
        for a in names:
            for b in names:
                if a != b:
                    mine, theirs = (of.agreement[way].overlap[a][b] for of in (one, other))
                    assert mine == pytest.approx(theirs, abs=0.02), (way, a, b)


def test_no_random_map_breaks_a_certificate():
    report = audit(space_of(*factors(items=200)), k=3)
    for one in report.certificates.values():
        assert one.queries == one.asked_again
        assert list(one.top_k_certified) == sorted(one.top_k_certified, reverse=True)
        for certified, low in zip(one.top_k_certified, one.monte_carlo_low, strict=True):
            assert certified <= low
    assert report.certificates["items-items"].top_k_certified[0] > 0


def test_the_witness_changes_neighbours_and_no_prediction(tmp_path):
    space = space_of(*factors(items=300))
    found = audit(space, witness="7", condition=3.0).witness
    assert found.item.id == "7"
    assert found.overlap <= 0.6
    assert found.condition <= 3.0
    assert found.predictions_moved < 1e-12
    assert found.largest_change < 1e-12
    write_space(found.space, tmp_path / "witness")
    moved = read_space(tmp_path / "witness")
    before = space.queries.vectors @ space.items.vectors.T
    after = moved.queries.vectors @ moved.items.vectors.T
    np.testing.assert_allclose(after, before, atol=1e-5 * np.abs(before).max())


def test_runs_that_differ_by_a_map_only_have_nothing_real_between_them():
    P, Q = factors()
    rng = np.random.default_rng(5)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    noisy = P + rng.normal(size=P.shape), Q + rng.normal(size=Q.shape)
    runs = {
        "turned": space_of(P @ turn, Q @ turn),
        "scrambled": space_of(*scrambled(P, Q)),
        "noisy": space_of(*noisy),
    }
    turned, gauged, real = audit(space_of(P, Q), runs=runs).runs
    assert turned.items.rotation == pytest.approx(1, abs=1e-4)
    assert turned.overlap["given"] > 0.98
    assert turned.predictions < 1e-5
    assert gauged.items.gauge > 0.05
    assert gauged.items.real < 1e-6
    assert gauged.predictions < 1e-5
    assert gauged.overlap["given"] < 0.8
    assert min(gauged.overlap["linear"], gauged.overlap["balanced"], gauged.overlap["dot"]) > 0.98
    assert real.items.real > 0.1
    assert real.predictions > 0.1
    assert real.overlap["balanced"] < 0.95


def test_the_pair_explorer_keeps_within_the_certificate():
    (pair,) = audit(space_of(*factors()), pairs=[("3", "4")]).pairs
    for certified, random in zip(pair.certified, pair.random, strict=True):
        assert certified.low <= random.low <= random.high <= certified.high
        assert certified.low <= pair.cosine <= certified.high
    assert set(pair.gauges) == {"cosine@balanced", "cosine@item-orthonormal", "cosine@data-space"}


def test_a_bias_column_is_named_and_left_alone():
    P, Q = factors()
    P = np.concatenate([P, np.ones((len(P), 1))], axis=1)
    Q = np.concatenate([Q, np.random.default_rng(3).normal(size=(len(Q), 1))], axis=1)
    report = audit(space_of(P, Q))
    assert report.biases == (5,)
    assert any("column 5" in note for note in report.notes)
    np.testing.assert_allclose(report.witness.space.queries.vectors[:, -1], 1.0)


def test_a_faint_direction_is_told():
    report = audit(space_of(*factors(spectrum=np.array([1.0, 0.5, 1e-9]))))
    assert any("ill-conditioned" in note for note in report.notes)


def test_the_same_seed_gives_the_same_bytes():
    space = space_of(*factors(users=50))
    told = [
        json.dumps(audit(space, seed=3, threads=threads, sample=40).to_dict(), allow_nan=False)
        for threads in (1, 2)
    ]
    assert told[0] == told[1]


def test_json_has_the_agreed_keys():
    told = scrambled_report().to_dict()
    assert {"command", "freedom", "gauge_gap", "norms", "overlap@10", "certificates"} <= {*told}
    assert {"hubness", "isotropy", "predictions_moved", "verdict"} <= {*told}
    assert {"s", "top_k_certified", "monte_carlo_overlap"} <= {*told["certificates"]}
    assert {"cosine@balanced", "cosine@data-space", "cosine@item-orthonormal", "dot"} <= {
        *told["overlap@10"]["items-items"]["cosine"]
    }
    assert {"min", "median", "max", "unit"} <= {*told["norms"]["queries"]}
    assert "popularity_spearman" in told["norms"]
    assert told["verdict"]["cosine"] == "arbitrary"
    assert told["verdict"]["reason"]


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"k": 59}, TooFewError, "at most 58"),
        ({"k": 0}, TooFewError, "at least 1"),
        ({"witness": "nobody"}, IdsError, "no item has the id 'nobody'"),
        ({"pairs": [("1", "nobody")]}, IdsError, "no item has the id 'nobody'"),
        ({"condition": 0.5}, ValuesError, "condition is 0.5: a number from 1"),
        ({"runs": {"b": Space(items=Embeddings(np.eye(5)))}}, ShapeError, "predictions"),
    ],
)
def test_bad_requests_are_answered_plainly(how, error, words):
    with pytest.raises(error, match=words):
        audit(space_of(*factors()), **how)


def test_spaces_without_anything_to_audit_are_refused():
    P, Q = factors()
    with pytest.raises(TooFewError, match="neighbours need"):
        audit(space_of(P, Q[:1]))
    with pytest.raises(TooFewError, match="zero vectors"):
        audit(space_of(P, Q * 0))
    with pytest.raises(ValuesError, match="every prediction is 0"):
        audit(space_of(P * [1, 1, 0, 0, 0], Q * [0, 0, 1, 1, 1]))
    with pytest.raises(SpellingError, match="one side"):
        audit(Space(items=Embeddings(Q)), witness="1")


def test_named_biases_are_left_alone_by_every_part_even_where_they_vary():
    P, Q = factors(spectrum=np.array([5.0, 2.0, 1.0]))
    plain = space_of(P[:, :2], Q[:, :2])
    named = space_of(P, Q, bias_columns=[2])
    assert gauge_gap(named).gap == pytest.approx(gauge_gap(plain).gap)
    report = audit(named)
    assert report.biases == (2,)
    assert report.gauge_gap == pytest.approx(gauge_gap(plain).gap)
    np.testing.assert_array_equal(
        report.witness.space.items.vectors[:, -1], named.items.vectors[:, 2]
    )
    maps = fit_frames(measure("cosine@balanced").frames, named, "items-items")
    np.testing.assert_array_equal(maps.ranked.matrix[2], [0.0, 0.0, 1.0])


def test_progress_ends_at_its_total():
    for space in (space_of(*factors()), Space(items=Embeddings(factors()[1]))):
        told = []
        audit(space, progress=lambda done, total, told=told: told.append((done, total)))
        assert told[-1][0] == told[-1][1]


def test_a_notebook_shows_the_verdict_and_what_is_kept():
    result = scrambled_report()
    html = replace(result, notes=("<script>",))._repr_html_()
    assert html.startswith("<p>&lt;script&gt;</p>")
    assert escape(str(result.verdict)) in html
    kept = result.agreement["items-items"].overlap["cosine"]["cosine@item-orthonormal"]
    assert "<td>cosine@item-orthonormal</td><td>" in html
    assert f"<td>{kept:.0%}</td>" in html


def test_no_direction_is_determined_where_no_random_map_was_tried_in_it():
    """Vectors that no gauge with a name moves, as they are balanced, white and in tight groups."""

    def side(seed):
        rng = np.random.default_rng(seed)
        x = np.repeat(rng.standard_normal((50, 12)), 11, axis=0)
        x += 1e-3 * rng.standard_normal(x.shape)
        variances, directions = np.linalg.eigh(x.T @ x)
        return x @ directions @ np.diag(variances**-0.5) @ directions.T * np.sqrt(len(x))

    space = Space(queries=Embeddings(side(1)), items=Embeddings(side(2)), trained_for="dot")
    named = audit(space).agreement["queries-items"]
    assert named.least >= 0.95
    assert audit(space).verdict.cosine != "determined"
