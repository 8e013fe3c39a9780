"""Verdicts and gates name, after *if*, what they take for granted against what is seen."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Pairs, Space, compare, search
from anglewise.comparison.gates import check
from anglewise.comparison.power import power
from anglewise.data_types.drawn import NO_NAME, QueryDraw
from anglewise.data_types.sparse import SparseRows
from anglewise.report.comparison_document import comparison_document
from anglewise.report.plain_text import markdown

SIZE = 60
ROWS = np.arange(SIZE)
RELEVANT = "that are relevant to each other tell as much as independent ones"
COPIES = "copies of a question tell as much as independent ones"
LOT = "the draw of pairs to be judged favours no measure"
DRAWN = "queries were as likely to be drawn as they are asked"
SHARED = "pairs that share an item tell as much as independent ones"


def space(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SIZE, 8))
    return Space(
        queries=Embeddings(x + 0.5 * rng.standard_normal(x.shape)),
        items=Embeddings(x * rng.lognormal(0, 1, (SIZE, 1))),
    )


def judged(**settings):
    own = SparseRows.from_pairs(ROWS, ROWS, shape=(SIZE, SIZE))
    return replace(Judgements(own), **settings)


def said(made, judgements, **settings):
    """The verdict, its page, and a gate, all of one comparison."""
    result = compare(made, judgements, "dot,cosine", **settings)
    gate = check(result, "cosine>=dot").sentence
    page = " ".join(markdown(comparison_document(result)).split())
    plan = str(power(result))
    return result.verdict.reason, result.to_dict()["verdict"]["reason"], page, gate, plan


def by_label():
    """Items ask each other; those of one of six labels are relevant to one another."""
    a, b = np.nonzero((ROWS[:, None] % 6 == ROWS % 6) & (ROWS[:, None] != ROWS))
    gains = SparseRows.from_pairs(a, b, shape=(SIZE, SIZE))
    return Space(items=space().items), Judgements(gains, direction="items-items")


def copied():
    """Every question is there twice."""
    made = space()
    x = made.queries.vectors[ROWS // 2]
    own = SparseRows.from_pairs(ROWS, ROWS // 2, shape=(SIZE, SIZE))
    return Space(queries=Embeddings(x), items=made.items), Judgements(own)


def by_lot():
    each = SparseRows.from_pairs(ROWS, ROWS, np.full(SIZE, 0.5), shape=(SIZE, SIZE))
    return space(), judged(chances=each)


def of_no_known_chance():
    drawn = QueryDraw(np.full(SIZE, 0.5), 1.0 + ROWS, frozenset({NO_NAME}))
    return space(), judged(drawn=drawn)


@pytest.mark.parametrize(
    ("made", "words"),
    [(by_label, RELEVANT), (copied, COPIES), (by_lot, LOT), (of_no_known_chance, DRAWN)],
    ids=["items that ask each other", "copies", "pairs by lot", "queries of no known chance"],
)
def test_the_verdict_and_gates_carry_what_the_notes_doubt(made, words):
    for sentence in said(*made()):
        supposed = sentence.rpartition(" if ")[2]
        assert words in supposed, sentence


def test_nothing_is_supposed_of_plain_queries():
    for sentence in said(space(), judged()):
        for words in (RELEVANT, COPIES, LOT, DRAWN):
            assert words not in sentence


def test_metrics_that_weigh_by_chances_suppose_no_favour_of_the_draw():
    made, rng = space(), np.random.default_rng(3)
    lists = search(made, ["dot", "cosine"], k=10)
    near = np.concatenate([its.indices for its in lists.values()], axis=1)
    pairs = np.array([(row, item) for row in ROWS for item in np.unique(near[row])])
    some = pairs[rng.random(len(pairs)) < 0.5].T
    graded = SparseRows.from_pairs(*some, (some[0] == some[1]) * 1.0, shape=(SIZE, SIZE))
    judgements = Judgements(graded, chances=replace(graded, values=np.full(some.shape[1], 0.5)))
    assert judgements.by_lot
    for metric, told in (("DCG(sampled)@10", False), ("nDCG@10", True)):
        result = compare(made, judgements, "dot,cosine", metric=metric)
        assert (LOT in result.verdict.reason) == told


def test_graded_pairs_that_share_items_suppose_that_they_are_independent():
    rng = np.random.default_rng(2)
    a, b = rng.integers(20, size=200), rng.integers(20, 40, size=200)
    x = space().items.vectors
    pairs = Pairs(a, b, (x[a] * x[b]).sum(axis=1) + rng.normal(size=200))
    result = compare(Space(items=Embeddings(x)), pairs, "dot,cosine")
    assert SHARED in result.verdict.reason.rpartition("; if ")[2]
    assert SHARED in check(result, "dot>=cosine").sentence
    alone = Pairs(ROWS[::2], ROWS[1::2], rng.normal(size=SIZE // 2))
    lonely = compare(Space(items=Embeddings(x)), alone, "dot,cosine")
    assert SHARED not in lonely.verdict.reason
