"""Lengths and gains may come in any unit: what has no unit says the same in each."""

from dataclasses import asdict

import numpy as np
import pytest

from anglewise import Judgements, Space, audit, compare
from anglewise.comparison.next_judgements import unjudged
from anglewise.equivalent_factorisations.canonical import gauge
from anglewise.equivalent_factorisations.gap import side_alignment
from anglewise.equivalent_factorisations.maps import (
    MapPair,
    predictions_moved,
    root,
    side_by_side,
)
from anglewise.errors import ValuesError
from anglewise.geometry.isotropy import conditioning, effective_rank, isoscore, mean_cosine

POWERS = (-100, -40, 60, 100)
"""Lengths by these powers of two are held by float32 with all their digits."""
SCALES = [10.0**exponent for exponent in (-150, -100, -23, -7, 20, 77, 100, 150)]
LENGTHS = {"min", "median", "max", "mean", "largest", "smallest"}
"""What an audit says in the unit of the vectors."""


def vectors(rows, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 5)) * rng.lognormal(size=(rows, 1))


QUERIES, ITEMS = vectors(40, 0), vectors(120, 1)


def figures(result, path=""):
    """Every number and word of a result by its path, without those in the unit of the vectors."""
    if isinstance(result, dict):
        for key, value in result.items():
            in_unit = key in LENGTHS and path.startswith(("/norms", "/conditioning"))
            if not in_unit:
                yield from figures(value, f"{path}/{key}")
    elif isinstance(result, list | tuple):
        for key, value in enumerate(result):
            yield from figures(value, f"{path}/{key}")
    else:
        yield path, result


def same(result, due):
    assert result.keys() == due.keys()
    for path, value in due.items():
        if isinstance(value, float):
            assert result[path] == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True), path
        else:
            assert result[path] == value, path


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("sides", [1, 2])
def test_an_audit_has_no_unit_but_for_lengths(power, sides):
    def audited(scale):
        queries = QUERIES * scale if sides == 2 else None
        # a gauge moves lengths from side to side: distances in it are in a unit of their own
        space = Space(queries=queries, items=ITEMS * scale, trained_for="cosine")
        return dict(figures(audit(space).to_dict()))

    same(audited(2.0**power), audited(1.0))


@pytest.mark.parametrize("scale", [1e-150, 1e-47, 1e39, 1e150])
def test_lengths_that_float32_does_not_hold_are_refused(scale):
    with pytest.raises(ValuesError, match="float32"):
        audit(Space(queries=QUERIES * scale, items=ITEMS * scale))


@pytest.mark.parametrize("scale", [1e-37, 1e36])
def test_lengths_whose_products_float32_does_not_hold_are_named(scale):
    with pytest.raises(ValuesError, match="float32"):
        audit(Space(queries=QUERIES * scale, items=ITEMS * scale, trained_for="dot"))


def judged(space, unit):
    grades = {
        str(query): {
            str(item): grade * unit
            for item, grade in zip(
                np.random.default_rng(query).choice(len(ITEMS), 4, replace=False).tolist(),
                (0.0, 1.0, 2.0, 3.0),
                strict=True,
            )
        }
        for query in range(len(QUERIES))
    }
    return Judgements.from_dict(grades, space)


@pytest.mark.parametrize("power", [-1000, -500, -76, -23, 66, 298])
def test_a_comparison_and_what_to_judge_next_have_no_unit_of_gains(power):
    space = Space(queries=QUERIES, items=ITEMS)

    def compared(unit):
        result = compare(space, judged(space, unit), measures=["dot", "cosine", "euclidean"])
        rest = unjudged(result, 5).to_dict()
        del rest["highest_gain"], rest["reason"]
        return dict(figures(result.to_dict())), dict(figures(rest))

    for result, due in zip(compared(2.0**power), compared(1.0), strict=True):
        same(result, due)


@pytest.mark.parametrize("power", POWERS)
def test_a_comparison_has_no_unit_of_lengths(power):
    def compared(scale):
        space = Space(queries=QUERIES * scale, items=ITEMS * scale)
        result = compare(space, judged(space, 1.0), measures=["dot", "cosine", "euclidean"])
        return dict(figures(result.to_dict()))

    same(compared(2.0**power), compared(1.0))


PAIR = MapPair(np.diag([2.0, 1, 1, 1, 1]), np.diag([1.0, 1, 1, 1, 1]))
"""Maps that do not keep every prediction."""
OF_NUMBERS = {
    "conditioning": lambda unit: [
        value for name, value in asdict(conditioning(ITEMS * unit)).items() if name not in LENGTHS
    ],
    "mean cosine": lambda unit: mean_cosine(ITEMS * unit),
    "isoscore": lambda unit: isoscore(np.abs(ITEMS[0]) * unit),
    "effective rank": lambda unit: effective_rank(np.abs(ITEMS[0]) * unit),
    "root": lambda unit: np.linalg.svd(root(ITEMS * unit).matrix / unit, compute_uv=False),
    "root of few": lambda unit: np.linalg.svd(root(ITEMS[:3] * unit).matrix / unit)[1],
    "predictions moved": lambda unit: predictions_moved(
        root(QUERIES * unit), root(ITEMS * unit), PAIR
    ),
    "predictions moved, one side": lambda unit: predictions_moved(
        root(QUERIES), root(ITEMS * unit), PAIR
    ),
    "balanced": lambda unit: gauge("balanced").pair(root(QUERIES * unit), root(ITEMS)).condition,
    "alignment": lambda unit: (
        side_alignment(
            side_by_side(ITEMS[:, :2] * unit, ITEMS[:, 2:] * unit),
            2,
            len(ITEMS),
            (ITEMS[:, :2].mean(axis=0) * unit, ITEMS[:, 2:].mean(axis=0) * unit),
        ).linear.residual
    ),
}


@pytest.mark.parametrize("name", OF_NUMBERS)
@pytest.mark.parametrize("unit", SCALES)
def test_figures_of_float64_have_no_unit(name, unit):
    assert OF_NUMBERS[name](unit) == pytest.approx(OF_NUMBERS[name](1.0), rel=1e-6, abs=1e-12)
