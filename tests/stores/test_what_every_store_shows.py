"""What each store shows of numbers, lengths, equal vectors, and NaN that another program wrote."""

import re

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import StoreError
from stores.test_every_store import metrics_of, space, written
from stores.test_planted_faults import distance, filled, named_as_numbers

SQUARED = ("the squared distance", "smaller")
ROOT = ("the distance", "smaller")
IP, LESS_IP = ("the inner product", "larger"), ("1 - the inner product", "smaller")
COSINE, LESS_COSINE = ("the cosine", "larger"), ("1 - the cosine", "smaller")
SUM = ("the sum of absolute differences", "smaller")
NEGATED = ("the inner product, negated", "smaller")
SHOWN = {
    "faiss": {"dot": IP, "squared-euclidean": SQUARED, "manhattan": SUM},
    "qdrant": {"dot": IP, "cosine": COSINE, "euclidean": ROOT, "manhattan": SUM},
    "qdrant-edge": {"dot": IP, "cosine": COSINE, "euclidean": ROOT, "manhattan": SUM},
    "lancedb": {"dot": LESS_IP, "cosine": LESS_COSINE, "squared-euclidean": SQUARED},
    "postgresql": {"dot": NEGATED, "cosine": LESS_COSINE, "euclidean": ROOT},
    "usearch": {"dot": LESS_IP, "cosine": LESS_COSINE, "squared-euclidean": SQUARED},
    "hnswlib": {"dot": LESS_IP, "cosine": LESS_COSINE, "squared-euclidean": SQUARED},
    "chroma": {"dot": LESS_IP, "cosine": LESS_COSINE, "squared-euclidean": SQUARED},
    "sqlite-vec": {"cosine": LESS_COSINE, "euclidean": ROOT, "manhattan": SUM},
    "duckdb": {"dot": NEGATED, "cosine": LESS_COSINE, "euclidean": ROOT},
    "milvus": {"dot": IP, "cosine": COSINE, "squared-euclidean": SQUARED},
    "zvec": {"dot": IP, "cosine": LESS_COSINE, "squared-euclidean": SQUARED},
}
"""What each metric of each store is shown as, and which numbers are nearer."""
LOSES_LENGTHS = {"qdrant", "qdrant-edge", "hnswlib"}
"""Stores that normalise what they rank by cosine."""


def test_the_number_that_a_store_shows_is_put_into_words(place):
    """Is higher better, is it a distance or a similarity, what does .65 mean?"""
    found = {}
    due = SHOWN[place.kind]
    for metric in due:
        address = written(place(metric[:4]), metric, space(300).items.vectors, index="graph")
        told = aw.probe(address)
        found[metric] = (told.shown_as, told.nearer)
    assert found == due
    lacks = {"manhattan"} if place.kind == "postgresql" else set()  # that of the wheel is too old
    assert set(metrics_of(place)) - lacks == set(due)


def test_whether_lengths_are_lost_under_cosine_is_told(place):
    if "cosine" not in metrics_of(place):
        pytest.skip("no cosine")
    address = written(place("films"), "cosine", space(300).items.vectors, index="graph")
    told = aw.probe(address, scratch=True).normalises
    assert told.startswith("on write" if place.kind in LOSES_LENGTHS else "no: lengths came back")


def test_how_a_store_orders_equal_vectors_is_told(place):
    address = written(place("films"), metrics_of(place)[0], space(100).items.vectors, index="graph")
    told = aw.probe(address, scratch=True).ties
    ours = "as they were written|the last written first|by their ids, as|in an order of its own"
    assert re.match(ours, told)


def test_nan_that_another_program_wrote_is_refused_by_the_store_or_named(place):
    """A row of NaN is first in every list of some stores, and in none of others."""
    made = named_as_numbers()
    x = made.items.vectors.astype(np.float32)
    x[3, 3] = np.nan
    try:
        address = filled(place, distance(place), [*map(str, range(600))], x)
    except StoreError:
        assert place.kind in {"lancedb", "postgresql", "qdrant", "chroma"}
        return
    if place.kind == "duckdb":  # which takes it, and then computes no distance at all
        with pytest.raises(StoreError, match="can not contain NULL"):
            aw.verify(address, made, "euclidean")
        return
    told = aw.verify(address, made, "euclidean")
    due = "1 vector of 600 holds NaN or infinite numbers, such as '3'"
    assert any(due in why for why in told.reasons), told.reasons
