"""Over linked groups intervals hold what they say: thinned from benchmarks/linked_queries.py."""

import importlib
from math import sqrt
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SETS = 100


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("linked_queries")


def reach(bound):
    """Three standard errors of a share over the sets."""
    return 3 * sqrt(bound * (1 - bound) / SETS)


@pytest.mark.parametrize("between", [0.0, 0.4], ids=["items", "classes"])
def test_over_linked_groups_intervals_hold_and_little_is_claimed_falsely(benchmark, between):
    world = benchmark.World("2 to 15", 30, between)
    held, claimed = benchmark.held_and_claimed(world, SETS, "linked")
    assert held.value >= 0.95 - reach(0.95)
    assert claimed.value <= 0.05 + reach(0.05)


def test_queries_alone_do_not_hold_where_classes_vary(benchmark):
    """Else nothing would have to be done about it."""
    held, claimed = benchmark.held_and_claimed(benchmark.World("2 to 15", 30, 0.4), SETS, "queries")
    assert held.value < 0.8
    assert claimed.value > 0.1
