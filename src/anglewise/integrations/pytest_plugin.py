"""Gates as tests: the marker ``anglewise`` and the fixture ``anglewise_gate`` for pytest.

pytest loads this file wherever anglewise is installed, so that nothing heavy is imported before a
test asks for it.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from anglewise.comparison.comparison_result import Comparison
    from anglewise.comparison.gates import Checked

MARKER = "anglewise"
USE = '@pytest.mark.anglewise("cosine>=dot-0.01", space="FOLDER", judgements="qrels.tsv")'
FILES = ("space", "judgements", "history")
"""Options that name files; else they are those of ``anglewise.compare``."""


def pytest_configure(config: pytest.Config) -> None:
    """Say which marker there is."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*gates, space, judgements=None, history=None, **options): fail unless these "
        "gates hold, such as cosine>=dot-0.01; files by paths from the root of the tests, further "
        "options as anglewise.compare takes them",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Hold the gates of a test before its body runs: a failing gate is a failing test."""
    for mark in reversed(list(item.iter_markers(MARKER))):
        _hold(item, mark)


@pytest.fixture
def anglewise_gate(request: pytest.FixtureRequest) -> Callable[..., "list[Checked]"]:
    """Fail unless gates hold: ``anglewise_gate(comparison, "cosine>=dot-0.01", history=None)``.

    The history is a file, by a path from the root of the tests. Gives back what was checked.
    """

    def hold(
        comparison: "Comparison", *gates: str, history: str | Path | None = None
    ) -> "list[Checked]":
        names = _names(gates)
        return _evaluated(
            names, lambda: _checked(comparison, names, _file(request.node, history)), request.node
        )

    return hold


def _hold(item: pytest.Item, mark: pytest.Mark) -> None:
    """Compare what a marker names, and hold its gates."""
    options = dict(mark.kwargs)
    given = options.pop("gate", ())
    further = cast("Sequence[Any]", given) if isinstance(given, list | tuple) else [given]
    names = _names((*mark.args, *further))
    files = {name: _file(item, options.pop(name, None)) for name in FILES}

    def checked() -> "list[Checked]":
        comparison = _compared(files["space"], files["judgements"], options)
        return _checked(comparison, names, files["history"])

    _evaluated(names, checked, item)


def _evaluated(
    gates: Sequence[str], work: "Callable[[], list[Checked]]", item: pytest.Item
) -> "list[Checked]":
    """What was checked; the test fails unless all of it could be, and holds."""
    from anglewise.errors import AnglewiseError, one_line

    try:
        checked = work()
    except (AnglewiseError, OSError, MemoryError) as error:
        gates_shown = " and ".join(map(one_line, gates))
        pytest.fail(f"gate {gates_shown} cannot be evaluated: {error}", pytrace=False)
    sentences = [one_line(check.sentence) for check in checked]
    item.user_properties += [(MARKER, sentence) for sentence in sentences]
    if not all(check.passed and check.checked for check in checked):
        pytest.fail("\n".join(sentences), pytrace=False)
    item.add_report_section("call", MARKER, "\n".join(sentences))
    return checked


def _compared(space: Any, judgements: Any, options: dict[str, Any]) -> "Comparison":
    from anglewise.comparison.compare import compare
    from anglewise.errors import SpellingError
    from anglewise.integrations.judged_files import read_judged

    known = [name for name in signature(compare).parameters if name not in FILES]
    for name in options:
        if name not in known:
            raise SpellingError(
                f"the marker {MARKER} has no option {name!r}: there are {', '.join(FILES)}, "
                f"{', '.join(known)}"
            )
    if space is None:
        raise SpellingError(f"no space is named: write {USE}")
    read = read_judged(space, judgements, options.get("direction"))
    return compare(*read, **options)


def _checked(
    comparison: "Comparison", gates: Sequence[str], history: Path | None
) -> "list[Checked]":
    from anglewise.comparison.gates import Last, check, gate
    from anglewise.comparison.history import NOTHING_YET, History
    from anglewise.data_types.text import check_number
    from anglewise.errors import SpellingError
    from anglewise.io.runs import read_history

    runs = [row.measure for row in comparison.measures]
    conditions = tuple(dict.fromkeys(gate(name, runs) for name in gates))
    check_number(len(conditions), "gate")
    for condition in conditions:
        if history is None and isinstance(condition.right, Last):
            raise SpellingError(f"the gate {condition} asks for an earlier run: name history=FILE")
    earlier = NOTHING_YET if history is None else History(read_history(history))
    return [check(comparison, condition, earlier) for condition in conditions]


def _names(gates: Sequence[Any]) -> list[str]:
    """The gates as texts; the test fails where there is none, for nothing would be held."""
    for gate in gates:
        if not isinstance(gate, str):
            pytest.fail(f"a gate is {type(gate).__name__}: write {USE}", pytrace=False)
    if not gates:
        pytest.fail(f"no gate is named, so that nothing can hold: write {USE}", pytrace=False)
    return list(gates)


def _file(item: pytest.Item, path: Any) -> Any:
    """A path from the root of the tests; anything else as it is."""
    return item.config.rootpath / path if isinstance(path, str | Path) else path
