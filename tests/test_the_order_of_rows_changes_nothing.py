"""Rows in another order, and the same ids: the same bytes."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import sparse

from anglewise import Embeddings, Judgements, Pairs, Space, Triplets, audit, compare, remedy
from anglewise.comparison.filtered import filtered
from anglewise.data_types.mapped import mapped_by
from anglewise.data_types.rows_by_id import in_order, judgements_by_ids, space_by_ids
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.used_together import UsedTogether
from anglewise.judgements.co_use import co_use

QUERIES, ITEMS, DIMENSION = 60, 90, 8
MEASURES = "dot,cosine,euclidean,norm(0,*),cosine@centred"


@cache
def _data():
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((QUERIES, DIMENSION))
    items = rng.standard_normal((ITEMS, DIMENSION)) * rng.uniform(0.3, 3, (ITEMS, 1))
    gains = {
        f"q{q}": {f"d{i}": int(rng.integers(3)) for i in rng.choice(ITEMS, 8, replace=False)}
        for q in range(QUERIES)
    }
    for q, row in enumerate(queries @ items.T):
        gains[f"q{q}"] |= {f"d{i}": 2 for i in np.argsort(-row)[:2]}
    topics = [f"t{n}" for n in rng.integers(9, size=QUERIES)]
    uses = rng.zipf(1.8, ITEMS).clip(max=50).tolist()
    return queries, items, gains, topics, uses


def _space(order, *, one_sided=False):
    """The space with rows in another order, or in that of the data."""
    queries, items, _, topics, uses = _data()
    rng = np.random.default_rng(order)
    own = [np.arange(n) if order is None else rng.permutation(n) for n in (QUERIES, ITEMS)]
    asked = Embeddings(
        queries[own[0]],
        ids=[f"q{row}" for row in own[0]],
        metadata={"topic": [topics[row] for row in own[0]], "day": own[0].tolist()},
    )
    ranked = Embeddings(
        items[own[1]],
        ids=[f"d{row}" for row in own[1]],
        metadata={"popularity": [uses[row] for row in own[1]]},
    )
    return Space(items=ranked, queries=None if one_sided else asked, trained_for="dot")


def _bytes(result):
    return json.dumps(result.to_dict(), sort_keys=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": "R@20,RR@5,bpref@20"},
        {"split": "group(topic)"},
        {"split": "clusters(6)"},
        {"split": "time(day)"},
        {"slices": "topic"},
        {"metric": "DCG(sampled)@5"},
        {"baseline": "cosine", "where": "popularity >= 1"},
    ],
)
def test_a_comparison_goes_by_ids(options):
    given = list[str]()
    for space in map(_space, (None, 1, 2)):
        judged = Judgements.from_dict(_data()[2], space)
        given.append(_bytes(compare(space, judged, measures=MEASURES, **options)))
    assert given[0] == given[1] == given[2]


def test_graded_pairs_and_triplets_go_by_ids():
    rng = np.random.default_rng(1)
    rows = [rng.integers(ITEMS, size=150) for _ in range(3)]
    grades = rng.integers(5, size=150).astype(float)
    given = []
    for order in (None, 1):
        space = _space(order, one_sided=True)
        own = np.arange(150) if order is None else rng.permutation(150)
        a, b, c = (space.items.id_order[rank] for rank in _ranks(space, rows, own))
        pairs = Pairs(a, b, grades[own])
        given.append(
            [
                _bytes(compare(space, pairs, measures=MEASURES)),
                _bytes(compare(space, pairs, measures=MEASURES, metric="pearson")),
                _bytes(compare(space, Triplets(a, b, c), measures=MEASURES)),
            ]
        )
    assert given[0] == given[1]


def _ranks(space, rows, own):
    """The places in the order of ids of items that are named by their numbers."""
    place = {name: place for place, name in enumerate(space.items.ids[space.items.id_order])}
    return [np.array([place[f"d{row}"] for row in column[own]]) for column in rows]


def test_values_of_queries_stay_with_their_ids():
    tables = []
    for order in (None, 3):
        space = _space(order)
        result = compare(space, Judgements.from_dict(_data()[2], space), measures=MEASURES)
        values = result.values()
        rows = zip(*(values[name] for name in values), strict=True)
        tables.append(sorted(map(str, rows)))
    assert tables[0] == tables[1]


def test_remedies_are_screened_and_decided_by_ids():
    given = []
    for order in (None, 4):
        space = _space(order)
        judged = Judgements.from_dict(_data()[2], space)
        result = remedy(space, judged, candidates="cosine,norm(0,0.5),cosine@centred", seed=1)
        content = result.to_dict()
        given.append({name: content[name] for name in ("verdict", "metric", "queries")})
    assert given[0] == given[1]


WORDS = "wing flow lift drag heat shock layer edge panel jet nose cone sweep stall spin"
MORE = 130
"""Rows beyond those of a comparison: of 200 rows and more the audit looks for two models."""


def _audited(order, *, one_sided=False, turned=0):
    """A space with all that an audit reads, its judgements, and another training of it."""
    rng = np.random.default_rng(5)
    sizes = (QUERIES + MORE, ITEMS + MORE)
    sides = [rng.standard_normal((n, DIMENSION)) * np.linspace(3, 0.3, DIMENSION) for n in sizes]
    sides[1][7] = 0
    texts = [[" ".join(rng.choice(WORDS.split(), 8)) for _ in range(n)] for n in sizes]
    used = rng.random(sizes) < 0.05
    gains = {
        f"q{q}": {f"d{i}": int(rng.integers(3)) for i in rng.choice(sizes[1], 5, replace=False)}
        for q in range(40)
    }
    between = {
        f"d{i}": {f"d{j}": 1 for j in rng.choice(sizes[1], 4, replace=False) if j != i}
        for i in range(25)
    }
    turn = np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))[0] * (1 + turned)
    if turned:
        sides = [sides[0] @ np.linalg.inv(turn).T, sides[1] @ turn]
    mixed = np.random.default_rng(order)
    own = [np.arange(n) if order is None else mixed.permutation(n) for n in sizes]
    asked, ranked = (
        Embeddings(
            vectors[rows],
            ids=[f"{letter}{row}" for row in rows],
            metadata={"text": [words[row] for row in rows], "title": [f"T{row}" for row in rows]},
        )
        for vectors, rows, words, letter in zip(sides, own, texts, "qd", strict=True)
    )
    seen = sparse.csr_array(used[np.ix_(*own)].astype(float))
    space = Space(
        items=ranked,
        queries=None if one_sided else asked,
        trained_for="unknown" if one_sided else "dot",
        seen=None if one_sided else seen,
    )
    named = {"items-items": between} if one_sided else {"queries-items": gains}
    judged = {
        direction: Judgements.from_dict(some, space, direction=direction)
        for direction, some in named.items()
    }
    return space, judged


@pytest.mark.parametrize("options", [{}, {"sample": 40, "seed": 3}, {"condition": 5.0, "k": 4}])
def test_an_audit_goes_by_ids(options):
    given = []
    for order in (None, 1, 2):
        space, judged = _audited(order)
        other, _ = _audited(None if order is None else order + 7, turned=1)
        found = audit(
            space,
            judgements=judged,
            qrels=judged["queries-items"],
            trainings={"other": other},
            optimiser="gd",
            initial=other,
            pairs=[("d3", "d4")],
            **options,
        )
        given.append(_bytes(found))
    assert given[0] == given[1] == given[2]


def test_an_audit_of_one_side_goes_by_ids():
    given = []
    for order in (None, 1):
        space, judged = _audited(order, one_sided=True)
        found = audit(space, judgements=judged, qrels=judged["items-items"], sample=50)
        given.append(_bytes(found))
    assert given[0] == given[1]


def _passages(order):
    """Items that are passages of documents, which are judged, in an order of their own."""
    queries, items, _, topics, uses = _data()
    rng = np.random.default_rng(order)
    asked, ranked = rng.permutation(QUERIES), rng.permutation(ITEMS)
    known = {"document": [f"doc{row // 3}" for row in ranked], "use": [uses[row] for row in ranked]}
    return Space(
        queries=Embeddings(
            queries[asked], [f"q{row}" for row in asked], {"topic": [topics[row] for row in asked]}
        ),
        items=Embeddings(items[ranked], [f"d{row}" for row in ranked], known),
    )


def _of_documents():
    rng = np.random.default_rng(3)
    return {
        f"q{q}": {f"doc{i}": int(rng.integers(3)) for i in rng.choice(30, 4, replace=False)}
        for q in range(QUERIES)
    }


@pytest.mark.parametrize("kind", ["documents", "missing", "labels", "filter"])
def test_judgements_that_are_moved_by_ids_say_the_same(kind):
    space = _passages(9)
    gains = _of_documents() if kind == "documents" else _data()[2]
    if kind == "missing":
        gains = {query: {**some, "gone": 1, "lost": 0} for query, some in gains.items()}
    judged = Judgements.from_dict(gains, space)
    if kind == "labels":
        rows = np.random.default_rng(0).random(ITEMS) < 0.7
        judged = replace(judged, judged_items=rows)
    if kind == "filter":
        judged = filtered(judged, space, "use >= 2", "count")[0]
    moved = judgements_by_ids(judged, space)
    there = space_by_ids(space)
    assert in_order(there.items)
    assert not np.array_equal(moved.gains.indices, judged.gains.indices)
    options = {"measures": "dot,cosine", "metrics": "nDCG@10,R@20,bpref@20"}
    assert _bytes(compare(there, moved, **options)) == _bytes(compare(space, judged, **options))
    assert judgements_by_ids(moved, there) is moved


def test_chances_and_times_move_with_the_pairs_and_queries_that_they_are_of():
    space = _passages(9)
    gains = {query: {**some, "gone": 1} for query, some in _data()[2].items()}
    judged = Judgements.from_dict(gains, space)
    table = judged.graded
    chances = replace(table, values=np.random.default_rng(0).uniform(0.1, 1, len(table.values)))
    times = np.arange(QUERIES, dtype=float)
    judged = replace(judged, chances=chances, judged_at=times)
    moved, there = judgements_by_ids(judged, space), space_by_ids(space)

    def told(labels, sides):
        names = [*sides.items.ids, *labels.missing_ids]
        columns = (labels.graded.values, labels.chances.values)
        return {
            (sides.queries.ids[row], names[item], labels.judged_at[row]): (gain, chance)
            for row, item, gain, chance in zip(
                labels.graded.rows, labels.graded.indices, *columns, strict=True
            )
        }

    assert told(moved, there) == told(judged, space)


def test_judgements_of_another_space_are_left_for_whoever_refuses_them():
    other = Judgements(sparse.csr_array(np.eye(4)))
    assert judgements_by_ids(other, _passages(9)) is other


@pytest.mark.parametrize("use", [None, np.arange(3.0)])
def test_sets_that_judgements_were_made_of_move_with_their_items(use):
    space = Space(items=Embeddings(np.eye(3), ids=["c", "a", "b"]))
    table = SparseRows.from_pairs([0, 0, 1, 1], [0, 1, 0, 2], shape=(2, 3))
    made = co_use(UsedTogether(table, of_users=use is None, use=use), noun="user")
    moved = judgements_by_ids(made, space)
    assert moved.made_of is not None
    assert moved.made_of.made(moved.gains)
    assert moved.made_of.uses.tolist() == [1.0, 1.0, 2.0]
    if use is not None:
        assert moved.made_of.use.tolist() == [1.0, 2.0, 0.0]


def test_vectors_beyond_the_memory_stay_on_disk_when_rows_go_by_ids(monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "1kB")
    vectors = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    space = Space(items=Embeddings(vectors, ids=[f"{99 - row}" for row in range(40)]))
    moved = space_by_ids(space).items.vectors
    np.testing.assert_array_equal(moved, vectors[::-1])
    assert mapped_by(moved) is not None
