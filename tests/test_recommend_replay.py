"""A replay learns from what came before and judges by what came after."""

from dataclasses import replace

import numpy as np
import pytest

from anglewise import Embeddings, Space, read_interactions, replay
from anglewise.data_types.sparse import Interactions
from anglewise.errors import TooFewError, ValuesError
from anglewise.experiment.catalogue import simulate
from anglewise.recommendation.replay import POPULAR, linear
from anglewise.report.document import Line
from anglewise.report.retrieval_documents import replay_document
from real_data import real_data

DID = simulate(n_users=200, n_items=60, seed=4).interactions
TIMED = replace(DID, times=np.random.default_rng(0).random(len(DID.users)))


def small(before):
    return linear(before, 8, penalty=10.0)


def test_training_sees_nothing_of_what_came_after():
    met = []

    def train(before):
        met.append(before)
        return small(before)

    replay(TIMED, train, at=0.7)
    assert met[0].times.max() < 0.7
    assert len(met[0].users) == (TIMED.times < 0.7).sum()
    assert met[0].shape == TIMED.shape


def test_an_oracle_is_right_and_its_opposite_wrong():
    late = np.zeros(TIMED.shape)
    after = TIMED.times >= 0.8
    late[TIMED.users[after], TIMED.items[after]] = 1

    def oracle(sign):
        eye = np.eye(60)
        return lambda _: Space(queries=Embeddings(sign * (late - 0.5)), items=Embeddings(eye))

    assert replay(TIMED, oracle(1), measures="dot").measures[0].ndcg == pytest.approx(1)
    # lists reach what followed only where hardly anything else is left
    assert replay(TIMED, oracle(-1), measures="dot").measures[0].ndcg < 0.05


def test_figures_are_those_of_the_definition():
    result = replay(TIMED, small, at=0.8, k=5)
    early = TIMED.times < 0.8
    counts = np.bincount(TIMED.items[early], minlength=60)
    judged = np.intersect1d(TIMED.users[early], TIMED.users[~early])
    assert result.users.tolist() == judged.tolist()
    followed = [counts[i] for u, i in zip(TIMED.users, TIMED.items, strict=True)]
    after = ~early & np.isin(TIMED.users, judged)
    assert result.followed == pytest.approx(np.array(followed)[after].mean())
    for one in result.measures:
        assert one.low <= one.ndcg <= one.high
        assert one.ndcg == pytest.approx(one.values.mean())
        assert 0 < one.coverage <= 1
    names = [one.measure for one in result.measures]
    assert names == ["dot", "cosine", POPULAR]


def test_the_most_used_cover_less_and_are_the_most_popular():
    by_name = {one.measure: one for one in replay(TIMED, small, k=5).measures}
    assert by_name[POPULAR].coverage < by_name["cosine"].coverage
    assert by_name[POPULAR].popularity > by_name["dot"].popularity > by_name["cosine"].popularity


def test_a_knob_buys_coverage_with_popularity():
    tried = replay(TIMED, small, measures=["dot", "norm(0,0.5)", "norm(0,1)"], k=5).measures[:3]
    assert tried[0].popularity > tried[1].popularity > tried[2].popularity
    assert tried[0].coverage < tried[2].coverage


def test_items_that_nobody_had_used_count_as_missed():
    fresh = np.where(TIMED.items >= 55, 2.0, TIMED.times)
    result = replay(replace(TIMED, times=fresh), small, at=1.5)
    assert result.unreachable == 1
    assert all(one.ndcg == 0 for one in result.measures)


def test_the_same_seed_gives_the_same_figures():
    assert replay(TIMED, small).to_dict() == replay(TIMED, small).to_dict()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"at": -1}, TooFewError, "nothing happened before"),
        ({"at": 2}, TooFewError, "nothing happened after"),
        ({"share": 0}, ValuesError, "share is 0"),
        ({"train": lambda _: Space(items=Embeddings(np.eye(3)))}, ValuesError, "keep all of them"),
    ],
)
def test_what_cannot_be_replayed_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        replay(TIMED, **{"train": small, **change})
    with pytest.raises(ValuesError, match="needs times"):
        replay(DID, small)


def test_users_who_only_came_or_only_left_are_not_judged():
    times = np.where(TIMED.users < 100, 0.0, 1.0)
    with pytest.raises(TooFewError, match=r"before 0\.5 and something new after"):
        replay(replace(TIMED, times=times), small, at=0.5)


@pytest.mark.real
def test_films_of_a_real_catalogue_follow_what_was_learnt():
    """MovieLens-100K: the model beats the list that is the same for everybody, as it should."""
    did = read_interactions(real_data("ml-100k/interactions.csv.gz"))
    result = replay(did, lambda before: linear(before, 32, penalty=300.0), measures="dot,cosine")
    by_name = {one.measure: one for one in result.measures}
    assert by_name["dot"].coverage > 2 * by_name[POPULAR].coverage
    assert by_name["dot"].ndcg > 0.1


def test_no_interval_of_a_replay_has_no_width():
    """One user, who then uses the one item that is left: all lists are right, of one user."""
    users, items = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 0, 1, 0, 2, 1])
    did = Interactions(
        users, items, np.ones(7), np.arange(3), np.arange(3), np.array([1.0, 2, 1, 2, 1, 2, 9])
    )
    past = replay(did, lambda before: linear(before, 2, penalty=0.1), at=5, measures="dot", k=1)
    for result in past.measures:
        assert result.ndcg == 1
        assert result.low < 0.1
    [legend] = [block for block in replay_document(past).body[-1] if isinstance(block, Line)]
    assert "no difference is tested here" in legend.text
    assert legend.text.endswith("All of it had been used before by somebody.")


PAST = {"b": "xy", "c": "xyz", "d": "yz", "a": "xz"}


def table(folder, *later):
    """Everybody uses some items at 1; then come lines of user, item and time (and weight)."""
    lines = [(user, item, 1, 5) for user, items in PAST.items() for item in items]
    lines += [(*line, 5)[:4] for line in later]
    path = folder / "uses.csv"
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    path.write_text("user_id,item_id,timestamp,rating\n" + text)
    return path


def trained_on(interactions, **options):
    met = []

    def train(before):
        met.append(before)
        return linear(before, 2, penalty=0.1)

    result = replay(interactions, train, at=50, measures="dot", k=1, **options)
    [before] = met
    names = zip(before.user_ids[before.users], before.item_ids[before.items], strict=True)
    return result, {user + item for user, item in names}


def test_what_is_used_again_later_was_used_before_all_the_same(tmp_path):
    """Merged first, the uses of a pair would all stand at its last, and the past be emptied."""
    new = ("a", "y", 99)
    once, pairs = trained_on(read_interactions(table(tmp_path, new)))
    again, same_pairs = trained_on(
        read_interactions(table(tmp_path, new, ("a", "x", 98), ("c", "z", 60), ("b", "x", 70)))
    )
    assert pairs == same_pairs == {user + item for user, items in PAST.items() for item in items}
    assert (once.used_again, again.used_again) == (0, 3)
    assert again.users.tolist() == once.users.tolist()
    due, result = once.to_dict(), again.to_dict()
    assert result | {"used_again": 0} == due


def test_all_may_be_used_again(tmp_path):
    again = [(user, item, 99) for user, items in PAST.items() for item in items]
    result, pairs = trained_on(read_interactions(table(tmp_path, *again, ("a", "y", 99))))
    assert len(pairs) == len(again)
    assert result.users.tolist() == [0]


def test_the_last_weight_before_the_moment_says_whether_a_pair_was_liked_then(tmp_path):
    later = [("a", "y", 99), ("b", "x", 10, 1), ("c", "x", 99, 1), ("d", "z", 9, 1)]
    path = table(tmp_path, *later, ("d", "z", 98, 5))
    result, pairs = trained_on(read_interactions(path, min_weight=4))
    assert pairs == {"by", "cx", "cy", "cz", "dy", "ax", "az"}
    assert result.used_again == 0
    assert result.users.tolist() == [0, 3]  # a took y, and d took to z


def test_users_without_a_past_and_uses_again_are_counted_aloud(tmp_path):
    newcomers = [(f"n{i}", item, 99) for i in range(4) for item in ("new", "x")]
    path = table(tmp_path, ("a", "y", 99), ("b", "x", 99), *newcomers)
    result, _ = trained_on(read_interactions(path))
    assert (result.without_past, result.uses_without_past, result.used_again) == (4, 8, 1)
    assert result.unreachable == 0
    [legend] = [block for block in replay_document(result).body[-1] if isinstance(block, Line)]
    assert legend.text.endswith(
        "what the judged users then took anew had been used by 3. All of it had been used before "
        "by somebody. Not judged: 4 users without a past, with 8 uses after the moment. Not asked "
        "for: 1 later use of items that the same user had used before."
    )


def test_the_earlier_uses_of_a_pair_are_kept_beside_the_last(tmp_path):
    read = read_interactions(table(tmp_path, ("a", "x", 99, 2)))
    assert len(read.users) == 9
    assert read.other_uses.times.tolist() == [1.0]
    assert len(read.every_use().users) == 10
    assert read_interactions(table(tmp_path)).other_uses is None
