"""Neighbours that no map of a condition takes out of a list, and maps that try."""

import numpy as np
import pytest

from anglewise import Embeddings, Space, audit, read_interactions
from anglewise.auditing.certified import limits_of
from anglewise.auditing.subject import subject
from anglewise.equivalent_factorisations.certificates import (
    member_certificates,
    top_k_certificates,
    witness,
)
from anglewise.equivalent_factorisations.gauge import random_pair
from anglewise.equivalent_factorisations.maps import MapPair
from anglewise.recommender_models.fit import fit
from gauge_laws import extremal_pair
from real_data import real_data

K = 5


def cosines(x, query=0):
    lengths = np.linalg.norm(x, axis=1)
    scores = x @ x[query] / np.where(lengths > 0, lengths, 1) / lengths[query]
    scores[query] = -np.inf
    return scores


def nearest(x, k=K):
    return np.argsort(-cosines(x), kind="stable")[:k]


def certified(x, k=K):
    scores, members = np.sort(cosines(x))[::-1], nearest(x, k)
    return members, member_certificates(scores[None, :k], scores[k : k + 1])[0]


def clouds(seed):
    """Items of which some stand near the first, so that some of its neighbours are sure."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, int(rng.integers(2, 9))))
    x[1:7] = x[0] + x[1:7] * rng.uniform(0.01, 0.6, (6, 1))
    return x


def against_one(x, member, k, condition, steps=40):
    """The best of many maps found by ascent that should put k others before one member.

    A metric ``M = H H'`` with eigenvalues within a ratio of ``s^2`` climbs on the mean cosine of
    the k that stand nearest among the others, less that of the member.
    """
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    root, reach = np.eye(x.shape[1]), np.log(condition)
    for step in range(steps):
        moved = unit @ root
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        scores = moved @ moved[0]
        scores[[0, member]] = -np.inf
        rivals = np.argsort(-scores)[:k]
        slope = sum(_slope(moved[0], moved[rival]) for rival in rivals) / k
        slope = slope - _slope(moved[0], moved[member])
        values, axes = np.linalg.eigh(slope)
        size = np.abs(values).max()
        if size == 0:
            break
        rate = (1e6 if step == 0 else 1 - step / steps) * reach / size
        root = root @ (axes * np.exp(np.clip(values * rate, -reach, reach) / 2))
        squares, axes = np.linalg.eigh(root @ root.T)
        root = (axes * np.exp(np.clip(np.log(squares) / 2, -reach / 2, reach / 2))) @ axes.T
        yield root


def _slope(x, y):
    c = x @ y
    return (np.outer(x, y) + np.outer(y, x) - c * (np.outer(x, x) + np.outer(y, y))) / 2


def attacks(x, member, condition, rng):
    """Maps of at most this condition: random, of pairs, of the witness, and against this member."""
    for _ in range(4):
        yield random_pair(x.shape[1], condition, rng).items
    outside = np.argsort(-cosines(x))[K]
    yield extremal_pair(x[0], x[member], condition, "low").items
    yield extremal_pair(x[0], x[outside], condition, "high").items
    yield np.asarray(witness(x, 0, k=K, condition=condition).pair.items)
    yield from against_one(x, member, K, condition)


@pytest.mark.parametrize("seed", range(25))
def test_no_map_below_its_limit_takes_a_member_out(seed):
    x, rng = clouds(seed), np.random.default_rng(seed)
    members, limits = certified(x)
    for member, limit in zip(members, limits, strict=True):
        condition = min(float(limit), 100.0) * (1 - 1e-9)
        if condition <= 1:
            continue
        for through in attacks(x, member, condition, rng):
            assert np.linalg.cond(through) <= condition * (1 + 1e-6)
            assert member in nearest(x @ through)


def test_the_attacks_do_take_members_out_further_on():
    """Else they would prove nothing: at four times its limit half of the members can go."""
    gone = []
    for seed in range(15):
        x, rng = clouds(seed), np.random.default_rng(seed)
        for member, limit in zip(*certified(x), strict=True):
            maps = attacks(x, member, 4 * float(limit), rng)
            gone.append(any(member not in nearest(x @ through) for through in maps))
    assert np.mean(gone) > 0.5


def test_a_list_is_sure_when_all_of_its_members_are():
    rng = np.random.default_rng(0)
    scores = np.sort(rng.uniform(-1, 1, size=(50, K + 1)))[:, ::-1]
    limits = member_certificates(scores[:, :K], scores[:, K])
    assert np.array_equal(limits.min(axis=1), limits[:, -1])
    assert np.allclose(limits[:, -1], top_k_certificates(scores[:, K - 1], scores[:, K]))
    assert np.all(np.diff(limits, axis=1) <= 0)


def test_members_that_tie_with_the_first_outside_are_not_sure_and_nobody_outside_takes_none():
    inside = np.array([[1.0, 0.5, 0.5], [0.9, 0.8, 0.7]])
    found = member_certificates(inside, np.array([0.5, -np.inf]))
    assert found.tolist() == [[np.inf, 1.0, 1.0], [np.inf] * 3]


def made(seed=0, items=120, trained_for="dot", **about):
    rng = np.random.default_rng(seed)
    scale = np.array([3.0, 2.0, 1.0, 0.5])
    centres = rng.normal(size=(items // 3, 4)).repeat(3, axis=0) * scale
    Q = centres + 0.05 * rng.normal(size=(items, 4))
    P = rng.normal(size=(80, 4)) * scale
    return Space(queries=Embeddings(P), items=Embeddings(Q), trained_for=trained_for, about=about)


def test_the_audit_counts_members_by_condition_by_rank_and_by_list():
    report = audit(made(), k=K, threads=1)
    for found in report.certificates.values():
        assert found.limits.shape == (found.queries, K) == (len(found.rows), K)
        for i, s in enumerate(found.conditions):
            sure = found.limits > s
            assert found.members_certified[i] == sure.mean()
            assert found.by_rank[i] == tuple(sure.mean(axis=0))
            counts = np.bincount(sure.sum(axis=1), minlength=K + 1)
            assert found.lists_by_members[i] == tuple(counts)
            assert found.top_k_certified[i] == counts[-1] / found.queries
            assert found.members_certified[i] <= found.monte_carlo_low[i] + 0.1
    told = report.to_dict()["certificates"]["members"]
    assert told["certified"] == list(report.certificates["items-items"].members_certified)
    assert len(told["by_rank"]) == 4
    assert {len(row) for row in told["by_rank"]} == {K}


def test_the_witness_says_which_of_its_neighbours_cannot_leave():
    report = audit(made(), k=K, threads=1, witness="7", condition=1.3)
    place = report.certificates["items-items"].rows.tolist().index(7)
    limits = report.certificates["items-items"].limits[place]
    assert report.witness.limits == pytest.approx(limits, rel=1e-6)
    assert limits[0] > 1.3
    left = {row.id for row in report.witness.after}
    for row, limit in zip(report.witness.before, report.witness.limits, strict=True):
        assert limit <= report.witness.condition or row.id in left
    assert len(report.to_dict()["witness"]["limits"]) == K


def biased(space, rng):
    """The space with one column that holds a bias: 1 for all users, a number for each item."""
    P, Q = space.queries.vectors, space.items.vectors
    return (
        np.column_stack([P, np.ones(len(P))]),
        np.column_stack([Q, rng.uniform(0.3, 2, len(Q))]),
    )


def test_where_bias_columns_count_the_condition_is_that_of_the_whole_map():
    """Doubling all but the bias column has condition 1 on what is free, and changes lists."""
    space, rng = made(), np.random.default_rng(1)
    P, Q = biased(space, rng)
    audited = Space(queries=Embeddings(P), items=Embeddings(Q), trained_for="dot")
    report = audit(audited, k=K, threads=1)
    assert report.biases == (4,)
    found = report.certificates["items-items"]
    assert found.members_certified[0] > 0.2
    changed = 0
    for scale in (1 / 3, 1 / 1.5, 1 / 1.1, 1.1, 1.5, 3.0):
        for on_bias in (False, True):
            stretch = np.ones(5)
            stretch[[4] if on_bias else [0, 1, 2, 3]] = scale
            pair = MapPair(np.diag(1 / stretch), np.diag(stretch))
            moved = pair.apply(audited)
            predictions = moved.queries.vectors @ moved.items.vectors.T
            assert np.allclose(P @ Q.T, predictions, rtol=1e-5, atol=1e-5)
            for row, limits in zip(found.rows, found.limits, strict=True):
                order = np.r_[row, np.delete(np.arange(len(Q)), row)]
                before, after = nearest(Q[order]), nearest(moved.items.vectors[order])
                kept = np.isin(before, after)
                assert kept[limits > pair.condition * (1 + 1e-5)].all()
                changed += not kept.all()
    assert changed > 100


def test_a_witness_that_leaves_a_bias_alone_tells_the_condition_of_its_whole_map():
    space, rng = made(), np.random.default_rng(1)
    P, Q = biased(space, rng)
    for about, width in (({}, 5), ({"bias_columns": [4]}, 4)):
        audited = Space(queries=Embeddings(P), items=Embeddings(Q), about=about)
        found = audit(audited, k=K, threads=1, condition=1.7).witness
        moved = found.space.items.vectors[:, :width].astype(np.float64)
        whole = np.linalg.lstsq(Q[:, :width], moved, rcond=None)[0]
        assert found.condition == pytest.approx(np.linalg.cond(whole), rel=1e-4)
        assert found.condition <= 1.7


@pytest.mark.real
def test_on_films_three_in_five_of_the_nearest_are_sure_where_no_list_is():
    films = read_interactions(real_data("ml-100k/interactions.csv.gz"))
    space = fit(films, components=64, objective="product", penalty=1000.0, holdout=0.2).space
    audited = subject(space, 10, 10_000, 0, 1)
    lists = audited.nearest("items-items", ["cosine"], audited.rows("items-items"))["cosine"]
    limits = limits_of(audited, "items-items", lists)
    for s, nearest_share, all_share in ((1.1, 0.60, 0.13), (1.05, 0.89, 0.33)):
        assert np.mean(limits[:, 0] > s) == pytest.approx(nearest_share, abs=0.02)
        assert np.mean(limits > s) == pytest.approx(all_share, abs=0.02)
        assert np.mean(limits.min(axis=1) > s) < 0.01
