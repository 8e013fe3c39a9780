"""Behind the signatures of other libraries stand the same lists."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix

from anglewise import Embeddings, Recommender, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import ShapeError, SpellingError, WrongTypeError
from anglewise.recommendation.adapters import LikeImplicit, RectoolsRanker

RNG = np.random.default_rng(3)
USED = RNG.random((25, 40)) < 0.3
USED[:, :2] = False
SEEN = SparseRows.from_pairs(*np.nonzero(USED), shape=USED.shape)
ITEMS = RNG.standard_normal((40, 5))
SPACE = Space(
    queries=Embeddings(USED @ ITEMS), items=Embeddings(ITEMS), trained_for="dot", seen=SEEN
)
SCORES = (SPACE.queries.vectors.astype(float) @ SPACE.items.vectors.T).astype(np.float32)
LIKED = csr_matrix(USED.astype(np.float32))
MODEL = LikeImplicit(Recommender(SPACE))
RANKER = RectoolsRanker(Recommender(SPACE))


def expected(user, allowed, k):
    order = sorted(allowed, key=lambda item: (-SCORES[user, item], item))
    return order[:k]


def test_arrays_come_as_implicit_gives_them():
    ids, scores = MODEL.recommend(np.arange(25), LIKED, N=6)
    assert ids.shape == scores.shape == (25, 6)
    assert ids.dtype == np.int32
    assert scores.dtype == np.float32
    for user in range(25):
        assert ids[user].tolist() == expected(user, np.flatnonzero(~USED[user]), 6)


def test_one_user_gets_one_dimension():
    ids, scores = MODEL.recommend(4, LIKED[4], N=3)
    assert ids.shape == scores.shape == (3,)
    assert ids.tolist() == expected(4, np.flatnonzero(~USED[4]), 3)


def test_what_the_matrix_says_is_left_out_and_not_what_the_space_saw():
    other = csr_matrix(([1.0], ([0], [7])), shape=(1, 40))
    ids, _ = MODEL.recommend(2, other, N=39)
    assert set(ids) == set(range(40)) - {7}
    ids, _ = MODEL.recommend(2, None, N=40, filter_already_liked_items=False)
    assert set(ids) == set(range(40))


def test_items_and_filter_items_are_rows():
    some = [3, 9, 11, 20]
    ids, scores = MODEL.recommend(5, LIKED[5], N=4, items=some)
    left = [item for item in some if not USED[5, item]]
    assert ids[: len(left)].tolist() == expected(5, left, 4)
    assert (ids[len(left) :] == -1).all()
    assert (scores[len(left) :] == -np.inf).all()
    ids, _ = MODEL.recommend(5, LIKED[5], N=40, filter_items=some)
    assert not set(ids) & set(some)


def test_recalculated_users_are_folded_in():
    ids, scores = MODEL.recommend([7], LIKED[[7]], N=5, recalculate_user=True)
    known, same = MODEL.recommend([7], LIKED[[7]], N=5)
    assert np.array_equal(ids, known)
    np.testing.assert_allclose(scores, same, rtol=1e-4)
    moved, _ = MODEL.recommend([7], LIKED[[8]], N=5, recalculate_user=True)
    assert set(moved[0]) <= set(np.flatnonzero(~USED[8]))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: MODEL.recommend([0, 1], LIKED[0], N=3), ShapeError),
        (lambda: MODEL.recommend(0, None, N=3), WrongTypeError),
        (lambda: MODEL.recommend(0, LIKED[0].toarray(), N=3), WrongTypeError),
        (lambda: MODEL.recommend(99, LIKED[0], N=3), ShapeError),
        (lambda: MODEL.recommend(0, LIKED[0], items=[1], filter_items=[2]), SpellingError),
        (lambda: MODEL.recommend(0, LIKED[0], items=[40]), ShapeError),
        (lambda: RANKER.rank([0, 1], k=3, filter_pairs_csr=LIKED[0]), ShapeError),
    ],
)
def test_what_does_not_fit_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_a_matrix_of_any_format_is_taken():
    for other in (coo_matrix(LIKED[0]), LIKED[0].tocsc(), LIKED[0].tolil()):
        ids, _ = MODEL.recommend(0, other, N=3)
        assert ids.tolist() == MODEL.recommend(0, LIKED[0], N=3)[0].tolist()


def test_a_matrix_that_repeats_and_disorders_its_cells_is_read():
    untidy = csr_matrix(([1.0, 1, 1], [9, 3, 9], [0, 3]), shape=(1, 40))
    ids, _ = MODEL.recommend(0, untidy, N=40)
    assert set(ids[ids >= 0]) == set(range(40)) - {3, 9}
    tidy = csr_matrix(([1.0, 1], [3, 9], [0, 2]), shape=(1, 40))
    _, scores = MODEL.recommend(0, untidy, N=5, recalculate_user=True)
    assert np.array_equal(scores, MODEL.recommend(0, tidy, N=5, recalculate_user=True)[1])


def test_a_ranker_gives_three_columns_best_first():
    subjects, objects, scores = RANKER.rank([6, 2], k=4, filter_pairs_csr=LIKED[[6, 2]])
    assert subjects.tolist() == [6] * 4 + [2] * 4
    assert objects[:4].tolist() == expected(6, np.flatnonzero(~USED[6]), 4)
    np.testing.assert_allclose(scores[4:], SCORES[2, objects[4:]], rtol=1e-6)


def test_a_ranker_shows_whom_the_whitelist_allows_and_all_of_them_without_k():
    some = np.array([0, 3, 9, 11, 20])
    subjects, objects, _ = RANKER.rank([1], sorted_object_whitelist=some)
    assert subjects.tolist() == [1] * 5
    assert objects.tolist() == expected(1, some, 5)
    hidden = RANKER.rank([1], filter_pairs_csr=LIKED[[1]], sorted_object_whitelist=some)[1]
    assert hidden.tolist() == expected(1, [i for i in some if not USED[1, i]], 5)


def test_distances_are_negated_in_a_ranker():
    _, _, scores = RectoolsRanker(Recommender(SPACE, "euclidean")).rank([0], k=3)
    assert (scores <= 0).all()
    assert (np.diff(scores) <= 0).all()
