"""The digits of scikit-learn as a space with labels."""

import sys

import numpy as np
import pytest

from anglewise.errors import MissingExtraError
from anglewise.experiment.catalogue import digits


@pytest.fixture(scope="module")
def made():
    return digits()


def test_an_image_is_relevant_to_those_of_its_digit_and_not_to_itself(made):
    space, judgements = made
    kind = np.array(space.items.metadata["title"])
    for row in (0, 17, 1796):
        entries = slice(*judgements.gains.indptr[row : row + 2])
        relevant = judgements.gains.indices[entries][judgements.gains.values[entries] > 0]
        alike = np.flatnonzero(kind == kind[row])
        assert relevant.tolist() == alike[alike != row].tolist()


def test_images_are_no_model(made):
    space, _ = made
    assert space.one_sided
    assert space.trained_for == "unknown"


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"anglewise\[sklearn\]"):
        digits()
