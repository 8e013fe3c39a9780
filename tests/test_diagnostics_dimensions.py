"""Columns that are dead, constant, faint or too strong."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import Embeddings
from anglewise.equivalent_factorisations.gauge import constant_columns
from anglewise.equivalent_factorisations.maps import root
from anglewise.geometry.dimensions import dimensions


def of(x):
    return dimensions(Embeddings(x))


@given(seed=st.integers(0, 999))
def test_columns_are_found_wherever_they_stand(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 9))
    zero, constant, faint, strong = rng.choice(9, size=4, replace=False)
    x[:, zero], x[:, constant] = 0, -0.1
    x[:, faint] *= 1e-9
    x[:, strong] *= 20
    found = of(x)
    assert (found.zero, found.constant, found.faint) == ((zero,), (constant,), (faint,))
    assert [column for column, _ in found.dominating] == [strong]
    assert found.largest == strong
    assert found.largest_share == pytest.approx(
        np.square(x[:, strong]).sum() / np.square(x).sum(), rel=1e-5
    )


def test_healthy_columns_are_left_in_peace():
    found = of(np.random.default_rng(0).normal(size=(5000, 30)) * np.linspace(1, 2, 30))
    assert (found.zero, found.constant, found.faint, found.dominating) == ((), (), (), ())


def test_one_bit_of_variation_on_a_large_offset_is_faint():
    x = np.random.default_rng(1).normal(size=(500, 2)).astype(np.float32)
    x[:, 1] = 1000
    x[0, 1] = np.nextafter(np.float32(1000), np.float32(2000))
    assert of(x).faint == (1,)
    assert of(x).constant == ()


@given(seed=st.integers(0, 99))
def test_constant_columns_are_those_that_a_gauge_must_not_mix(seed):
    x = np.random.default_rng(seed).integers(-1, 2, size=(3, 5)).astype(np.float32)
    assert of(x).constant == constant_columns(root(x), root(np.eye(5)))


def test_a_million_rows_need_no_copy_of_the_whole():
    x = np.broadcast_to(np.float32([[0.5, 0.25]]), (1_000_000, 2))
    assert of(x).constant == (0, 1)


def test_a_column_must_be_constant_from_the_first_row_to_the_last():
    x = np.ones((9000, 3))
    x[:3, 0], x[5000, 1] = 2, 2
    assert of(x).constant == (2,)


@pytest.mark.parametrize("x", [np.zeros((4, 3)), np.ones((1, 1)), np.ones((2, 2))])
def test_few_rows_and_zeros_say_nothing_and_are_json(x):
    found = of(x)
    assert found.constant == found.dominating == ()
    assert (found.largest is None) == (not x.any())
    json.dumps(asdict(found), allow_nan=False)
