"""Where items are used alike, ties cost neither memory nor time beyond a bound, and are named."""

import tracemalloc

import numpy as np
import pytest

from anglewise import Space
from anglewise.data_types.sparse import Interactions
from anglewise.errors import TooFewError
from anglewise.experiment.own_data import _GaugedModel, _predictions_moved, study_on
from anglewise.judgements.constructed import co_consumption
from anglewise.recommender_models.fit import fit


def all_used_by_all(users, items):
    rows, columns = np.divmod(np.arange(users * items), items)
    return Interactions(rows, columns, np.ones(users * items), np.arange(users), np.arange(items))


def test_items_that_nothing_tells_apart_are_not_judged():
    alike = all_used_by_all(6, 1_500)
    with pytest.raises(TooFewError, match=r"tells too few items apart.*1,500 items.*2,000,000"):
        co_consumption(alike, np.ones(6, dtype=bool))


def test_lists_end_before_the_last_is_made(monkeypatch):
    from anglewise.judgements import constructed

    made = []
    monkeypatch.setattr(constructed, "FEW_PAIRS", 1_000)
    monkeypatch.setattr(constructed, "LONGEST", 0)
    monkeypatch.setattr(constructed, "BLOCK_ENTRIES", 3_000)
    graded = constructed._graded

    def counted(use, block, *others):
        made.append(block)
        return graded(use, block, *others)

    monkeypatch.setattr(constructed, "_graded", counted)
    with pytest.raises(TooFewError):
        co_consumption(all_used_by_all(6, 300), np.ones(6, dtype=bool))
    assert len(made) == 1


def test_short_lists_that_tie_are_judged_as_before():
    judged = co_consumption(all_used_by_all(6, 40), np.ones(6, dtype=bool))
    assert len(judged.gains.indices) == 40 * 39


def test_a_fit_says_why_similar_items_are_not_judged():
    fitted = fit(all_used_by_all(30, 1_500), components=2, penalty=1.0)
    assert "items-items" not in fitted.judgements
    assert any("tells too few items apart" in note for note in fitted.notes)


def test_a_model_of_one_dimension_is_refused_before_anything_is_searched():
    fitted = fit(all_used_by_all(30, 40), components=2, penalty=1.0)
    with pytest.raises(TooFewError, match=r"one dimension.*nothing to study"):
        study_on(fitted.space, fitted.model, fitted.judgements)


def test_predictions_are_compared_in_blocks_of_a_bounded_size():
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((4_096, 2)), rng.standard_normal((6_000, 2))
    space = Space(queries=users, items=items)
    first, second = (_GaugedModel("any", users * s, items / s, space) for s in (1.0, 4.0))
    tracemalloc.start()
    assert _predictions_moved(first, second) == 0.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 128e6
