"""A comparison as flat numbers and texts, as trackers of experiments take them."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from math import isfinite
from typing import Any

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.legend import how_to_read
from anglewise.data_types.text import listed
from anglewise.errors import SpellingError

LONGEST_TEXT = 4000
"""Characters of a text: MLflow takes 5,000 of a tag and 6,000 of a parameter."""


def numbers(comparison: Comparison) -> tuple[dict[str, float], list[str]]:
    """``METRIC/MEASURE/mean``, ``low`` and ``high`` of all, and the names of what is undefined.

    NaN is no number: it stands in no dict, and its name in the list. Raises ``SpellingError``
    where two candidates would have one name.
    """
    known: dict[str, float] = {}
    undefined: list[str] = []
    for name, value in _named(comparison):
        if isfinite(value):
            known[name] = value
        else:
            undefined.append(name)
    return known, undefined


def settings(comparison: Comparison) -> dict[str, str]:
    """What was compared and how: the same for each run of one evaluation."""
    given = {
        "version": version("anglewise"),
        "metric": comparison.metric,
        "direction": comparison.direction,
        "split": comparison.split,
        "measures": ", ".join(sorted(row.measure for row in comparison.measures)),
        "baseline": comparison.baseline,
        "tolerance": comparison.tolerance_given,
        "queries": comparison.queries,
        "items": comparison.items,
        "judged": comparison.judged,
        "seed": comparison.seed,
        "signature": comparison.signature,
    }
    return _as_texts({name: value for name, value in given.items() if value is not None})


def outcome(comparison: Comparison, undefined: Iterable[str]) -> dict[str, str]:
    """What came out, in words: the verdict, what is to be read before it, what has no number."""
    left_out = ", ".join(undefined)
    said = {
        "decision": comparison.verdict.decision,
        "measure": comparison.verdict.measure,
        "verdict": str(comparison.verdict),
        "notes": "\n".join([*comparison.notes, *comparison.floor_notes]),
        "how_to_read": how_to_read(comparison),
        "undefined": left_out,
    }
    return _as_texts({name: text for name, text in said.items() if text})


def _named(comparison: Comparison) -> Iterator[tuple[str, float]]:
    """Every number under its flat name."""
    word_of = _words([row.measure for row in comparison.measures])
    for row in comparison.measures:
        for metric, estimate in row.metrics.items():
            yield from _interval(f"{_word(metric)}/{word_of[row.measure]}", estimate)
    of_floors = _words([floor.name for floor in comparison.floors])
    for floor in comparison.floors:
        yield from _interval(f"{_word(comparison.metric)}/floors/{of_floors[floor.name]}", floor)
    verdict = comparison.verdict
    if verdict.estimate is not None:
        yield from _interval("verdict", verdict.estimate)
    if verdict.at_least is not None:
        yield "verdict/at_least", verdict.at_least


def _interval(name: str, estimate: Any) -> Iterator[tuple[str, float]]:
    for part in ("mean", "low", "high"):
        yield f"{name}/{part}", float(getattr(estimate, part))


def _words(names: list[str]) -> dict[str, str]:
    """The words by which names are tracked, each another one."""
    words = {name: _word(name) for name in names}
    for word in words.values():
        alike = [name for name in words if words[name] == word]
        if len(alike) > 1:
            raise SpellingError(
                f"{listed(alike)} would all be tracked as {word!r}: call one of them otherwise"
            )
    return words


def _word(name: str) -> str:
    """A name of letters, digits, ``_``, ``.`` and ``-``, which every tracker takes.

    >>> _word("norm(0,0.5)@centred"), _word("new: cosine"), _word("nDCG@10")
    ('norm_0_0.5_at_centred', 'new_cosine', 'nDCG_at_10')
    """
    spelled = name.replace("@", "_at_").replace("*", "tuned")
    word = re.sub(r"(?:_|[^\w.-])+", "_", spelled).strip("_")
    return word if word.strip(".") else "_"


def _as_texts(values: dict[str, Any]) -> dict[str, str]:
    """Texts under names of ours, so that they fall on no setting of the run around them."""
    return {f"anglewise_{name}": _short(str(value)) for name, value in values.items()}


def _short(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}… ({len(text) - LONGEST_TEXT:,} more characters)"
