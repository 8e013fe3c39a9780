"""What `make check-types` checks at every call: kinds, and sizes of arrays that belong together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from jaxtyping import Float64, TypeCheckError

from anglewise.statistics.planning import inclusion_chances
from typechecker import check, checked, names_sizes

Row = Float64[np.ndarray, " n"]


@checked(typechecker=check)
def added(one: Row, other: Row, *, times: float = 1) -> Row:
    return (one + other if times else one[:1]) * times


@checked(typechecker=check)
@dataclass(frozen=True)
class Two:
    one: Row
    other: Row | None = None


@checked(typechecker=check)
def counted(to: int) -> Iterator[int]:
    yield from range(to)


def test_what_suits_its_annotations_passes():
    assert added(np.ones(3), np.ones(3), times=2).tolist() == [4, 4, 4]
    assert Two(np.ones(2)).other is None
    assert list(counted(2)) == [0, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: added(np.ones(3), np.ones(4)),
        lambda: added(np.ones(3), np.ones(3, np.float32)),
        lambda: added(np.ones(3), np.ones(3), times="2"),
        lambda: added(np.ones(3), np.ones(3), times=0),  # a result of another size
        lambda: Two(np.ones(3), np.ones(4)),
        lambda: Two([1.0]),
        lambda: list(counted("2")),
    ],
)
def test_what_does_not_is_refused(call):
    with pytest.raises(TypeCheckError):
        call()


def test_make_check_types_checks_the_package(request):
    if not request.config.getoption("--jaxtyping-packages"):
        pytest.skip("run by make check-types")
    for wrong in ((np.ones(1, int), 1), (np.ones(1), "four")):
        with pytest.raises(TypeCheckError):
            inclusion_chances(*wrong)


def test_names_that_only_a_type_checker_knows_are_anything():
    @checked(typechecker=check)
    def length(row: "Row", _of: "Unknown | None" = None) -> "int":
        return len(row)

    assert length(np.ones(3), 4) == 3
    assert length.__annotations__["row"] == "Row"
    with pytest.raises(TypeCheckError):
        length([1.0])


def test_sizes_of_one_call_say_nothing_of_the_next():
    for count in (2, 3):
        assert added(np.ones(count), np.ones(count)).shape == (count,)


def test_arrays_are_found_however_deep_they_stand():
    assert names_sizes(Callable[[dict[str, Row | None]], int])
    assert not names_sizes(Callable[[int], dict[str, float]])
