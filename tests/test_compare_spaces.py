"""Model against model: laws of aligning several spaces and of what is made of them."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import (
    AnglewiseError,
    Embeddings,
    Judgements,
    Pairs,
    Space,
    compare,
    compare_spaces,
    search,
)
from anglewise.comparison.candidates import canonical, sources
from anglewise.comparison.variants import Binary, Cut, Int8, Variant, variant
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import IdsError, ShapeError, SpellingError, TooFewError, ValuesError

QUERIES, ITEMS, WIDTH = 70, 90, 16
MEASURES = "dot,cosine,euclidean"


def made(noise, *, seed=0, queries=QUERIES, width=WIDTH):
    """Items of different lengths, queries near the item of their number."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((ITEMS, width))
    q = x[:queries] + noise * np.random.default_rng(seed).standard_normal((queries, width))
    return Space(
        queries=Embeddings(q, ids=[f"q{i}" for i in range(queries)]),
        items=Embeddings(
            x * rng.uniform(0.4, 2.5, (ITEMS, 1)), ids=[f"d{i}" for i in range(ITEMS)]
        ),
    )


def judged(space, pairs):
    rows = [(space.queries.row_of[q], space.items.row_of[d], gain) for q, d, gain in pairs]
    shape = (len(space.queries), len(space.items))
    return Judgements(SparseRows.from_pairs(*np.array(rows).T, shape=shape), source="made")


PAIRS = [
    pair
    for i in range(QUERIES)
    for pair in ((f"q{i}", f"d{i}", 2.0), (f"q{i}", f"d{(7 * i + 1) % ITEMS}", 1.0))
]


@pytest.fixture(scope="module")
def old():
    return made(0.9)


@pytest.fixture(scope="module")
def new():
    return made(0.5, seed=1)


@pytest.fixture(scope="module")
def between(old, new):
    return compare_spaces({"old": old, "new": new}, judged(old, PAIRS), MEASURES, metrics="R@20")


def shuffled(space, seed):
    """The same space in another order of rows."""
    rng = np.random.default_rng(seed)
    return Space(
        queries=space.queries.take(rng.permutation(len(space.queries))),
        items=space.items.take(rng.permutation(len(space.items))),
    )


def row(result, name):
    return next(one for one in result.measures if one.measure == name)


@pytest.mark.parametrize("measures", ["cosine", MEASURES, "norm(0,*)"])
def test_a_space_ties_with_itself_in_every_measure(old, measures):
    result = compare_spaces({"a": old, "b": old}, judged(old, PAIRS), measures, metrics="R@20")
    assert result.verdict.measure.startswith("a: ")
    assert result.verdict.measure.replace("a: ", "b: ") in result.verdict.tied_with
    for one in result.measures:
        space, measure = one.measure.split(": ")
        twin = row(result, f"{'ab'[space == 'a']}: {measure}")
        assert one.metrics == twin.metrics
        assert one.may_be_best == twin.may_be_best
    asked = compare_spaces(
        {"a": old, "b": old}, judged(old, PAIRS), measures, baseline=result.verdict.measure
    )
    twin = row(asked, result.verdict.measure.replace("a: ", "b: ")).vs_baseline
    assert (twin.difference, twin.p) == (0, 1)
    assert twin.low == pytest.approx(-twin.high)
    assert asked.verdict.keep == result.verdict.measure


@pytest.mark.parametrize("queries", [1, 2, 5])
def test_too_few_queries_for_any_test_never_choose_between_a_space_and_itself(old, queries):
    few = judged(old, PAIRS[: 2 * queries])
    verdict = compare_spaces({"a": old, "b": old}, few, "cosine").verdict
    assert verdict.decision != "use"


def test_the_order_of_rows_changes_nothing(old, new, between):
    mixed = {"old": shuffled(old, 3), "new": shuffled(new, 4)}
    result = compare_spaces(mixed, judged(mixed["old"], PAIRS), MEASURES, metrics="R@20")
    assert result.to_dict() == between.to_dict()


def test_items_that_were_judged_for_every_query_are_so_in_every_space(old, new):
    whole = replace(judged(old, PAIRS), judged_items=np.arange(ITEMS) < ITEMS // 2)
    every = replace(whole, judged_items=np.ones(ITEMS, dtype=bool))
    shares = [
        [one.unjudged_share for one in compare_spaces({"old": old, "new": new}, each).measures]
        for each in (judged(old, PAIRS), whole, every)
    ]
    assert min(shares[0]) > max(shares[1]) > min(shares[1]) > max(shares[2]) == 0


def test_one_space_is_compared_as_compare_does(old):
    judgements = judged(old, PAIRS)
    alone, several = compare(old, judgements), compare_spaces({"it": old}, judgements)
    for one in alone.measures:
        assert row(several, f"it: {one.measure}").metrics[alone.metric].mean == pytest.approx(
            one.metrics[alone.metric].mean, abs=1e-12
        )
    assert several.verdict.decision == alone.verdict.decision


def test_the_better_model_wins_and_rows_are_named_by_space_and_measure(between):
    assert between.verdict.decision == "use"
    assert between.verdict.measure.startswith("new: ")
    assert {one.measure for one in between.measures} == {
        f"{space}: {measure}" for space in ("old", "new") for measure in MEASURES.split(",")
    }
    assert between.to_dict()["spaces"][0] == {
        "space": "old",
        "made_of": None,
        "dimension": WIDTH,
        "queries": QUERIES,
        "items": ITEMS,
        "bytes_a_vector": 4 * WIDTH,
    }


def test_compare_of_one_space_says_nothing_of_spaces(old):
    assert "spaces" not in compare(old, judged(old, PAIRS)).to_dict()


def test_the_family_of_tests_grows_with_the_candidates(old, new):
    spaces, judgements = {"old": old, "new": new}, judged(old, PAIRS)
    few = compare_spaces(spaces, judgements, "cosine", baseline="old: cosine")
    many = compare_spaces(
        spaces, judgements, "dot,cosine", variants="binary", baseline="old: cosine"
    )
    one, other = (row(x, "new: cosine").vs_baseline for x in (few, many))
    assert one.difference == other.difference
    assert len(few.measures) == 2
    assert len(many.measures) == 8
    assert other.p_adjusted > one.p_adjusted


def test_only_shared_queries_count_and_the_others_are_said(old, new):
    fewer = Space(queries=new.queries.take(np.arange(10, QUERIES)), items=new.items)
    result = compare_spaces({"old": old, "new": fewer}, judged(old, PAIRS), "cosine")
    assert result.queries == QUERIES - 10
    assert result.judged == 2 * (QUERIES - 10)
    assert "10 judged queries missing in one of the spaces ('q0', 'q1' and 'q2')" in result.notes[0]
    kept = judged(old, PAIRS[20:])
    same = compare_spaces({"old": old, "new": new}, kept, "cosine")
    assert [one.metrics for one in same.measures] == [one.metrics for one in result.measures]


def test_a_relevant_item_that_a_space_lacks_counts_against_it(new):
    fewer = Space(queries=new.queries, items=new.items.take(np.arange(30, ITEMS)))
    result = compare_spaces({"all": new, "some": fewer}, judged(new, PAIRS), "cosine")
    assert result.items == ITEMS
    assert "some lacks 30 of 90 items ('d0', 'd1' and 'd10')" in result.notes[0]
    values = result.evidence.values["nDCG@10"]
    lost = [i for i, name in enumerate(result.evidence.space.queries.ids) if int(name[1:]) < 30]
    assert (values[1][lost] < values[0][lost]).all()


def test_judgements_of_an_item_that_the_first_space_lacks_come_from_its_own(new):
    fewer = Space(queries=new.queries, items=new.items.take(np.arange(30, ITEMS)))
    known = set(fewer.items.ids)
    parts = {
        "some": judged(fewer, [pair for pair in PAIRS if pair[1] in known]),
        "all": judged(new, PAIRS),
    }
    result = compare_spaces({"some": fewer, "all": new}, parts, "cosine")
    turned = compare_spaces({"all": new, "some": fewer}, judged(new, PAIRS), "cosine")
    assert result.judged == len(PAIRS)
    assert [one.metrics for one in result.measures] == [one.metrics for one in turned.measures]


def test_rows_without_ids_are_told_by_their_number_and_that_is_said(old):
    bare = Space(queries=Embeddings(old.queries.vectors), items=Embeddings(old.items.vectors))
    numbers = [(q[1:], d[1:], gain) for q, d, gain in PAIRS]
    named = Space(
        queries=Embeddings(old.queries.vectors, ids=range(QUERIES)),
        items=Embeddings(old.items.vectors, ids=range(ITEMS)),
    )
    result = compare_spaces({"bare": bare, "named": named}, judged(bare, numbers), "cosine")
    assert result.notes[0].startswith("bare came without ids")
    assert len({one.metrics["nDCG@10"] for one in result.measures}) == 1


def test_what_one_space_leaves_out_all_leave_out(old, new):
    hidden = SparseRows.from_pairs(np.arange(QUERIES), np.arange(QUERIES), shape=(QUERIES, ITEMS))
    trained = Space(queries=old.queries, items=old.items, seen=hidden)
    result = compare_spaces({"old": trained, "new": new}, judged(old, PAIRS), "cosine")
    for found in result.evidence.found.values():
        queries, items = result.evidence.space.queries.ids, result.evidence.space.items.ids
        for place, listed in zip(result.evidence.rows, found.indices, strict=True):
            assert queries[place].replace("q", "d") not in items[listed]


def test_items_ask_items_in_several_spaces(old, new):
    pairs = [(f"d{i}", f"d{(i + 3) % ITEMS}") for i in range(ITEMS)]
    rows = [(old.items.row_of[a], old.items.row_of[b]) for a, b in pairs]
    near = Judgements(SparseRows.from_pairs(*np.array(rows).T, shape=(ITEMS, ITEMS)), "items-items")
    spaces = {"old": Space(items=old.items), "new": Space(items=new.items.take(np.arange(80)))}
    result = compare_spaces(spaces, near, "cosine")
    assert (result.direction, result.queries, result.items) == ("items-items", 80, ITEMS)
    found = result.evidence.found["new: cosine"]
    assert all(
        asks not in shown for asks, shown in zip(result.evidence.rows, found.indices, strict=True)
    )


def test_lists_are_those_of_a_search_in_the_space(new, between):
    hits = search(new, "cosine", k=20)["cosine"]
    found = between.evidence.found["new: cosine"]
    space = between.evidence.space
    for place, listed in zip(between.evidence.rows, found.indices, strict=True):
        asks = new.queries.row_of[space.queries.ids[place]]
        assert space.items.ids[listed].tolist() == new.items.ids[hits.indices[asks]].tolist()


def test_titles_come_from_whichever_space_has_them(old, new):
    about = Embeddings(
        new.items.vectors, ids=new.items.ids, metadata={"title": [f"T{i}" for i in range(ITEMS)]}
    )
    spaces = {"old": old, "new": Space(queries=new.queries, items=about)}
    items = compare_spaces(spaces, judged(old, PAIRS), "cosine").evidence.space.items
    assert items.metadata["title"][items.row_of["d7"]] == "T7"


@pytest.mark.parametrize("side", ["queries", "items"])
def test_spaces_with_nothing_in_common_are_refused_with_three_ids(old, new, side):
    other = Embeddings(
        getattr(new, side).vectors, ids=[f"x{i}" for i in range(len(getattr(new, side)))]
    )
    strange = Space(**{"queries": new.queries, "items": new.items, side: other})
    letter = side[0] if side == "queries" else "d"
    with pytest.raises(
        IdsError, match=f"{side} in common.*'{letter}0', '{letter}1', .*'x0', 'x1', "
    ):
        compare_spaces({"old": old, "new": strange}, judged(old, PAIRS), "cosine")


def test_the_same_pair_judged_twice_must_have_one_gain(old, new):
    otherwise = [(q, d, 3.0 if q == "q5" else gain) for q, d, gain in PAIRS]
    with pytest.raises(ValuesError, match=r"2 pairs .*'q5'"):
        compare_spaces(
            {"old": old, "new": new},
            {"old": judged(old, PAIRS), "new": judged(new, otherwise)},
            "cosine",
        )


def test_what_cannot_be_compared_is_refused(old, new):
    spaces, judgements = {"old": old, "new": new}, judged(old, PAIRS)

    def refused(kind, match, given=spaces, by=judgements, measures="cosine", **settings):
        with pytest.raises(kind, match=match):
            compare_spaces(given, by, measures, **settings)

    two = np.array([0, 1])
    refused(SpellingError, "several spaces", by=Pairs(two, two, np.array([0.0, 1.0])))
    refused(SpellingError, "judgements are given for third", by={"third": judgements})
    refused(
        SpellingError,
        "another|direction",
        by={
            "old": judgements,
            "new": Judgements(SparseRows.from_pairs([0], [1], shape=(ITEMS, ITEMS)), "items-items"),
        },
    )
    refused(ShapeError, "judgements of old", given={"old": made(1, queries=9), "new": new})
    refused(TooFewError, "no space", given={})
    refused(TooFewError, "no measure", measures=())
    refused(SpellingError, "may not be called 'a: b'", given={"a: b": old})
    refused(SpellingError, "not among what is compared", baseline="old: dot")
    refused(SpellingError, "no variant", variants="int4")
    refused(ShapeError, r"\[:17\] of 16 columns", variants=":17")
    refused(SpellingError, "spearman", metric="spearman")
    nothing = Judgements(SparseRows.from_pairs([], [], shape=(QUERIES, ITEMS)))
    refused(TooFewError, "no query is judged", by=nothing)


def test_a_cut_to_full_width_is_the_identity(old):
    assert np.array_equal(Cut(WIDTH)(old.items.vectors), old.items.vectors)
    result = compare_spaces(
        {"it": old}, judged(old, PAIRS), "cosine", variants=f":{WIDTH}", baseline="it: cosine"
    )
    apart = row(result, f"it[:{WIDTH}]: cosine").vs_baseline
    assert (apart.difference, apart.p) == (0, 1)
    assert (result.verdict.keep, result.verdict.measure) == ("it: cosine", "it: cosine")
    assert result.verdict.decision in {"tie", "cannot-tell"}


def test_a_cut_is_the_space_of_its_columns(old):
    narrow = Space(
        queries=old.queries.with_vectors(old.queries.vectors[:, :5]),
        items=old.items.with_vectors(old.items.vectors[:, :5]),
    )
    result = compare_spaces(
        {"it": old, "narrow": narrow}, judged(old, PAIRS), MEASURES, variants="it[:5]"
    )
    for measure in MEASURES.split(","):
        assert (
            row(result, f"it[:5]: {measure}").metrics == row(result, f"narrow: {measure}").metrics
        )


def test_eight_bits_round_to_half_a_step_of_each_vector(old):
    x = old.items.vectors.astype(np.float64)
    rounded = Int8()(old.items.vectors)
    step = np.abs(x).max(axis=1, keepdims=True) / 127
    assert (np.abs(rounded - x) <= step / 2 * (1 + 1e-5)).all()
    codes = rounded / step
    assert np.allclose(codes, np.rint(codes), atol=1e-4)
    assert np.abs(np.rint(codes)).max() == 127


def test_eight_bits_feel_no_scale_and_leave_zero_vectors_zero(old):
    x = old.items.vectors
    assert np.allclose(Int8()(4 * x), 4 * Int8()(x), rtol=1e-6)
    assert not Int8()(np.zeros((2, 3), np.float32)).any()


def test_binary_scores_count_the_bits_that_differ(old):
    made_ = variant("binary").of(old)
    q, x = made_.queries.vectors, made_.items.vectors
    bits = [np.packbits(side > 0, axis=1) for side in (old.queries.vectors, old.items.vectors)]
    differ = np.unpackbits(bits[0][:, None] ^ bits[1][None], axis=2).sum(axis=2)
    assert np.array_equal(q @ x.T, WIDTH - 2.0 * differ)


def test_measures_of_bits_rank_alike_and_count_as_one(old):
    result = compare_spaces({"it": old}, judged(old, PAIRS), MEASURES, variants="binary")
    assert set(row(result, "it·binary: dot").alike) == {
        "it·binary: cosine",
        "it·binary: euclidean",
    }
    assert row(result, "it: dot").alike == ()
    assert result.notes[-1] == "bytes a vector: it 64 and it·binary 2"


@pytest.mark.parametrize("spelling", ["[:128]", "·int8", "[:128]·int8", "[:64]·binary", ""])
def test_variants_are_written_as_they_are_read(spelling):
    if spelling:
        assert str(variant(spelling)) == spelling
        assert variant(str(variant(spelling))) == variant(spelling)
    assert variant(Variant((Cut(3), Binary()))) == Variant((Cut(3), Binary()))


@pytest.mark.parametrize("spelling", ["int8", "+int8", "·int8", " Int8 "])
def test_variants_can_be_typed(spelling):
    assert variant(spelling) == Variant((Int8(),))


@pytest.mark.parametrize("spelling", ["", "int4", "[:]", ":-1", "[:3", "int8+", "128"])
def test_what_is_no_variant_is_refused(spelling):
    if spelling == "int8+":
        assert variant(spelling) == Variant((Int8(),))
        return
    with pytest.raises(SpellingError, match="is no variant"):
        variant(spelling)


def test_a_variant_may_be_made_of_one_space_alone(old, new):
    spaces = {"a": old, "a-b": new}
    names = [str(one) for one in sources(spaces, "a+int8,a-b[:4]+binary,int8,:3")]
    assert names == ["a", "a·int8", "a[:3]", "a-b", "a-b[:4]·binary", "a-b·int8", "a-b[:3]"]


def test_candidates_are_found_whatever_the_blanks(between):
    assert canonical("new :COSINE") == "new: cosine"
    for one in between.measures:
        assert canonical(one.measure) == one.measure


def test_progress_of_all_searches_goes_from_nothing_to_the_end(old, new):
    steps = []
    compare_spaces(
        {"old": old, "new": new},
        judged(old, PAIRS),
        "cosine",
        progress=lambda done, total: steps.append(done / total),
    )
    assert steps == sorted(steps)
    assert steps[-1] == 1


def test_gains_that_are_all_equal_are_said(old, new):
    plain = judged(old, [(q, d, 1.0) for q, d, _ in PAIRS])
    result = compare_spaces({"old": old, "new": new}, plain, "cosine")
    assert any("all gains are 1" in note for note in result.notes)
    assert not replace(result, notes=()).notes


def test_every_refusal_is_one_of_ours():
    with pytest.raises(AnglewiseError):
        compare_spaces({"": made(1)}, judged(made(1), PAIRS), "cosine")


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"tolerance": np.nan}, {"seed": -1}])
def test_settings_are_checked_as_in_compare(old, wrong):
    (name,) = wrong
    for refusing in (
        lambda: compare(old, judged(old, PAIRS), "cosine", **wrong),
        lambda: compare_spaces({"old": old}, judged(old, PAIRS), "cosine", **wrong),
    ):
        with pytest.raises(AnglewiseError, match=name):
            refusing()


def test_a_space_has_the_same_figures_alone_and_by_name():
    """Ids in the order of the rows, for ties fall by rows."""
    space = made(0.9)
    names = [f"{i:03}" for i in range(ITEMS)]
    space = Space(
        queries=Embeddings(space.queries.vectors, ids=names[:QUERIES]),
        items=Embeddings(space.items.vectors, ids=names),
    )
    rows = [(i, (7 * i) % ITEMS, 1.0) for i in range(QUERIES)]
    labels = Judgements(SparseRows.from_pairs(*np.array(rows).T, shape=(QUERIES, ITEMS)))
    asked = {"measures": f"{MEASURES},norm(0,*)", "metrics": "R@20", "seed": 3}
    alone, named = compare(space, labels, **asked), compare_spaces({"a": space}, labels, **asked)
    for mine, other in zip(alone.measures, named.measures, strict=True):
        assert f"a: {mine.measure}" == other.measure
        assert (mine.metrics, mine.vs_best, mine.settings) == (
            other.metrics, other.vs_best, other.settings,
        )  # fmt: skip
        assert mine.unjudged_share == other.unjudged_share
    assert alone.verdict.needed_queries == named.verdict.needed_queries
