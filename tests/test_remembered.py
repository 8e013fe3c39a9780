"""What was fitted on a space is cached, and never more than so many bytes of it."""

import gc

import numpy as np
import pytest

from anglewise import Embeddings, Space, measure
from anglewise.similarity_measures import formulas, frames
from anglewise.similarity_measures.formulas import fitted
from anglewise.similarity_measures.frames import Affine, Maps, SpaceCache, fit_frames, weight


def a_space(rows=30, d=4):
    return Space(items=Embeddings(np.random.default_rng(0).standard_normal((rows, d))))


def square(d):
    one = Affine(np.zeros(d), np.eye(d))
    return Maps(one, one)


def test_what_is_learnt_is_learnt_once():
    known, space, calls = SpaceCache(), a_space(), []
    learn = lambda: calls.append(1) or square(2)  # noqa: E731
    assert known.get(space, "a", learn) is known.get(space, "a", learn)
    assert len(calls) == 1


def test_the_least_recently_used_goes_first_when_the_room_is_full():
    known, space = SpaceCache(room=3 * weight(square(40))), a_space()
    for key in ("a", "b", "c", "a", "d"):
        known.get(space, key, lambda: square(40))
    assert list(known.spaces[space]) == ["c", "a", "d"]


def test_the_last_is_kept_whatever_it_weighs():
    known, space = SpaceCache(room=1), a_space()
    for key in "ab":
        known.get(space, key, lambda: square(40))
    assert list(known.spaces[space]) == ["b"]


def test_it_is_gone_with_its_space():
    known, space = SpaceCache(), a_space()
    known.get(space, "a", lambda: square(2))
    del space
    gc.collect()
    assert not known.spaces


def test_an_array_on_both_sides_weighs_once():
    assert weight(square(40)) < weight(Maps(square(40).asking, square(40).ranked)) < 40_000


@pytest.mark.parametrize("kind", ["frames", "formulas"])
def test_no_number_of_spellings_is_remembered_beyond_the_room(kind, monkeypatch):
    known = SpaceCache(room=40_000)
    monkeypatch.setattr(frames if kind == "frames" else formulas, "_FITTED", known)
    space = a_space(rows=60, d=32)
    for i in range(1, 30):
        if kind == "frames":
            fit_frames(measure(f"dot@without-top({i})").frames, space, "items-items")
        else:
            fitted(measure(f"csls({i})"), space)
    kept = known.spaces[space].values()
    assert 1 < len(kept) < 12
    assert sum(size for _, size in kept) <= 40_000
