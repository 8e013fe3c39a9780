"""What a training draws, is told and refuses: all that needs no PyTorch."""

import itertools
import sys

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

from anglewise.data_types.sparse import Interactions, SparseRows
from anglewise.errors import MissingExtraError, ShapeError, SpellingError, TooFewError, ValuesError
from anglewise.recommender_models.fit import fit
from anglewise.recommender_models.training import Trainer, keep_aside, train, used_cells
from anglewise.recommender_models.training_state import Settings, TrainedFactors, fingerprint
from anglewise.recommender_models.training_steps import make_step, sampler
from cli_run import anglewise, refused

__all__ = ["anglewise"]

POPULARITY = np.array([40, 20, 10, 5, 2, 0])


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture
def used():
    """50 users who used 2 to 8 of 30 items."""
    rng = np.random.default_rng(0)
    counts = rng.integers(2, 9, 50)
    items = np.concatenate([rng.choice(30, n, replace=False) for n in counts])
    return SparseRows.from_pairs(np.repeat(np.arange(50), counts), items, shape=(50, 30))


@pytest.mark.parametrize("beta", [0, 0.75, 1])
@pytest.mark.parametrize("log_q", [True, False])
def test_the_drawn_items_stand_for_the_whole_catalogue(beta, log_q):
    """Over all possible draws, the weighted sums of exponentials have the mean of the whole."""
    drawing = sampler(POPULARITY, 3, beta, log_q=log_q)
    exponentials = np.exp(np.linspace(-2, 3, 6))
    mean = 0.0
    for there in itertools.product([False, True], repeat=6):
        chance = np.where(there, drawing.chance, 1 - drawing.chance).prod()
        mean += chance * (np.exp(drawing.log_weight) * exponentials)[list(there)].sum()
    taste = np.maximum(POPULARITY, 1.0) ** beta
    whole = np.ones(6) if log_q else taste / taste.mean()
    assert mean == pytest.approx((whole * exponentials).sum(), rel=1e-6)


def test_as_many_are_drawn_as_were_asked_for_and_popular_ones_first():
    drawing = sampler(POPULARITY, 4, 1, log_q=True)
    assert drawing.chance.sum() == pytest.approx(4)
    assert drawing.chance.max() == 1
    assert (np.diff(drawing.chance) <= 0).all()
    assert drawing.chance.min() > 0
    rng = np.random.default_rng(0)
    drawn = np.bincount(np.concatenate([drawing.draw(rng) for _ in range(4000)]), minlength=6)
    assert drawn / 4000 == pytest.approx(drawing.chance, abs=0.03)


def test_a_small_catalogue_is_there_as_a_whole():
    drawing = sampler(POPULARITY, 6, 1, log_q=True)
    assert drawing.takes_all
    assert not drawing.log_weight.any()
    assert drawing.draw(np.random.default_rng(0)).tolist() == list(range(6))


@pytest.mark.parametrize("negatives", [10, 30])
def test_a_step_shows_a_part_and_asks_for_the_rest(used, negatives):
    rng = np.random.default_rng(0)
    drawing = sampler(np.bincount(used.indices, minlength=30), negatives, 0.75, log_q=True)
    step = make_step(used, drawing, 0.5, rng)
    shown = set(zip(step.shown_users, step.items[step.shown_items], strict=True))
    found = set(zip(step.found_users, step.items[step.found_items], strict=True))
    assert not shown & found
    assert shown | found == set(zip(used.rows, used.indices, strict=True))
    assert {user for user, _ in shown} == {user for user, _ in found} == set(range(50))
    drawn = step.items[step.drawn]
    own = {(user, drawn[place]) for user, place in zip(step.own_users, step.own_drawn, strict=True)}
    assert own == {(user, item) for user, item in shown | found if item in drawn}
    assert step.weights.sum() == pytest.approx(1)
    weights = np.bincount(step.found_users, step.weights)
    assert weights == pytest.approx(np.full(50, 1 / 50))


def test_users_kept_aside_are_asked_and_do_not_teach(used):
    aside, training = keep_aside(used, 0.2, seed=3)
    assert len(training) == 40
    assert len(aside.visible.counts) == 10
    hidden = aside.judgements.gains
    assert (aside.visible.counts + hidden.counts).sum() == used.counts.sum() - (
        used.counts[training].sum()
    )
    assert keep_aside(used, 0.0, seed=3)[1].tolist() == list(range(50))


def test_users_of_fewer_than_two_items_neither_teach_nor_ask():
    used = SparseRows.from_pairs([0, 0, 2, 3, 3], [0, 1, 1, 0, 2], shape=(4, 3))
    aside, training = keep_aside(used, 0.5, seed=0)
    assert training.tolist() in ([0], [3])
    assert aside.judgements.gains.shape == (1, 3)


def test_a_validation_without_positives_is_refused():
    alone = SparseRows.from_pairs([0, 0, 1], [0, 1, 1], shape=(2, 2))
    with pytest.raises(TooFewError, match="validation split has no positives"):
        keep_aside(alone, 0.1, seed=0)
    with pytest.raises(TooFewError, match="no user used two items"):
        keep_aside(SparseRows.from_pairs([0, 1], [0, 1], shape=(2, 2)), 0.1, seed=0)


def factors(measure):
    items = np.array([[0.6, 0.8], [1, 0], [0, 1]], dtype=np.float32)
    return TrainedFactors(items, np.array([True, True, False]), (), {"trained_for": measure})


def test_users_stand_where_what_they_used_puts_them():
    used = np.array([[1.0, 1, 1], [0, 0, 1], [0, 5, 0]])  # nobody in training used the last item
    both = np.array([1.6, 0.8])
    due = {"cosine": both / np.linalg.norm(both), "dot": both / 2**0.5, "euclidean": both / 2}
    for measure, first in due.items():
        placed = factors(measure).fold_in(used)
        assert placed == pytest.approx(np.array([first, [0, 0], [1, 0]]))


def test_columns_of_another_table_are_refused():
    with pytest.raises(ShapeError, match="2 columns came, the model knows 3"):
        factors("dot").fold_in(np.ones((1, 2)))


@pytest.mark.parametrize(
    "told",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"epochs": 0},
        {"batch": 0},
        {"shown": 1.0},
        {"validation": 1.0},
        {"popularity": -1.0},
        {"learning_rate": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused_by_name(told):
    with pytest.raises(ValuesError, match=next(iter(told))):
        Settings(**told)
    with pytest.raises(SpellingError, match="manhattan"):
        Settings("manhattan")


def test_a_fingerprint_tells_tables_and_settings_apart(used):
    print_of = fingerprint(used, Settings())
    assert print_of == fingerprint(used, Settings(epochs=3, patience=1, device="cuda"))
    assert print_of != fingerprint(used, Settings(seed=1))
    assert print_of != fingerprint(used.take(np.arange(49)), Settings())


@pytest.mark.usefixtures("no_torch")
def test_without_pytorch_the_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[train\]'"):
        train(np.ones((3, 3)))


@pytest.mark.usefixtures("no_torch")
def test_what_a_trained_objective_does_not_have_is_refused(used):
    did = Interactions(
        used.rows, used.indices, np.ones(len(used.indices)), np.arange(50), np.arange(30)
    )
    for options in ({"penalty": 1.0}, {"gauge": "balanced"}, {"normalise": "l2"}):
        with pytest.raises(SpellingError, match=f"'cosine' has no {next(iter(options))}"):
            fit(did, objective="cosine", **options)
    with pytest.raises(SpellingError, match="'product' has no trainer"):
        fit(did, trainer=Trainer())


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "used.csv"
    path.write_text("user_id,item_id\n" + "".join(f"u{i // 3},i{i % 7}\n" for i in range(90)))
    return path


@pytest.mark.usefixtures("no_torch")
def test_the_command_names_the_extra_and_what_an_objective_lacks(anglewise, table):
    out = table.parent / "space"
    assert refused(anglewise("fit", table, "-o", out, "--objective", "cosine"), "anglewise[train]")
    run = anglewise("fit", table, "-o", out, "--learning-rate", "0.1")
    assert refused(run, "'product' has no learning rate")
    run = anglewise("fit", table, "-o", out, "--objective", "dot", "--penalty", "3")
    assert refused(run, "'dot' has no penalty")
    run = anglewise("fit", table, "-o", out, "--objective", "cosine", "--temperatur", "1")
    assert refused(run, "--temperatur")
    run = anglewise("fit", table.parent / "none.csv", "-o", out, "--objective", "cosine")
    assert refused(run, "none.csv")
    assert not out.exists()


def test_what_must_be_found_counts_by_its_weight_and_each_user_alike(used):
    rng = np.random.default_rng(3)
    weighed = SparseRows(
        used.indptr, used.indices, rng.uniform(0.1, 5, len(used.indices)), used.shape
    )
    drawing = sampler(np.bincount(used.indices, minlength=30), 30, 0.75, log_q=True)
    plain, own = (make_step(one, drawing, 0.5, np.random.default_rng(0)) for one in (used, weighed))
    assert np.array_equal(plain.found_items, own.found_items)  # weights draw nothing
    shares = np.bincount(own.found_users, own.weights, minlength=own.users)
    assert shares == pytest.approx(np.full(own.users, 1 / own.users), rel=1e-5)
    of_pair = dict(
        zip(zip(weighed.rows, weighed.indices, strict=True), weighed.values, strict=True)
    )
    for user in range(own.users):
        mine = own.found_users == user
        items = own.items[own.found_items[mine]]
        cells = np.array([of_pair[user, item] for item in items])
        assert own.weights[mine] == pytest.approx(cells / cells.sum() / own.users, rel=1e-5)
        assert plain.weights[mine] == pytest.approx(1 / mine.sum() / own.users)


def test_weights_are_read_as_they_stand_and_only_where_they_are_asked_for():
    table = np.array([[0.0, 2.0, 0.5], [3.0, 0.0, 0.0]])
    assert used_cells(table).values.tolist() == [1.0, 1.0, 1.0]
    for X in (table, csr_array(table), coo_array(table)):
        assert used_cells(X, weighted=True).values.tolist() == [2.0, 0.5, 3.0]
    with pytest.raises(ValuesError, match="weighed by numbers above zero"):
        used_cells(-table, weighted=True)


def test_weights_are_part_of_what_a_checkpoint_is_of(used):
    other = SparseRows(used.indptr, used.indices, used.values * 2, used.shape)
    assert fingerprint(used, Settings()) == fingerprint(other, Settings())
    weighed = Settings(weighted=True)
    assert fingerprint(used, weighed) != fingerprint(other, weighed)
    assert fingerprint(used, weighed) != fingerprint(used, Settings())
    assert "weighted" not in Settings().to_dict()


def test_weights_of_one_user_are_shares_so_that_a_confidence_of_1_alone_has_a_meaning():
    rows = np.array([0, 0, 1, 1])
    did = Interactions(rows, np.array([0, 1, 0, 1]), np.ones(4), np.arange(2), np.arange(2))
    with pytest.raises(SpellingError, match="a confidence of 2 is one of 1: give 1"):
        fit(did, objective="cosine", confidence=2.0)
