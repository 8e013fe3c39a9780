"""Targets: every parser of spellings."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from anglewise import AnglewiseError, Embeddings, Space, gauge, measure
from anglewise.cli.judge_files import _grades
from anglewise.cli.remedy import seconds_of
from anglewise.comparison.candidates import canonical, sources
from anglewise.comparison.gates import gate
from anglewise.comparison.rankers import read_ranker
from anglewise.comparison.split import query_split
from anglewise.comparison.variants import variant
from anglewise.data_types.filters import read_filter
from anglewise.data_types.passing import KnownColumns, items_that_pass
from anglewise.encoders.encoder import read_spec
from anglewise.encoders.load import reads_images
from anglewise.evaluation_metrics.evaluate import metric, read_metrics
from anglewise.labelling.sample import order_by_stratum
from anglewise.recommender_models.closed_form import find_split as model_split
from anglewise.recommender_models.normalisation import normalisation
from anglewise.similarity_measures.measure import measures, measures_and_families
from fuzz import spellings
from fuzz.case import Case
from fuzz.strange import changed
from fuzz.target import Target, harmless
from fuzz.watch import BrokenError

_RNG = np.random.default_rng(0)
ASKING = Embeddings(
    _RNG.normal(size=(12, 3)),
    ids=[f"q{i}" for i in range(12)],
    metadata={
        "topic": list("aabbccddeeff"),
        "day": [f"2024-01-{i + 1:02}" for i in range(12)],
        "text": ["wing flow " * i for i in range(12)],
        "traffic": [i % 5 for i in range(12)],
    },
)
SPACE = Space(
    queries=ASKING, items=Embeddings(_RNG.normal(size=(9, 3)), ids=[f"d{i}" for i in range(9)])
)
ROWS = np.arange(12)


def _spec(text: str) -> Any:
    spec = read_spec(text)
    reads_images(text)
    spec.only("size", "pooling")
    spec.number("size")
    spec.one_of("pooling", ("mean", "cls"), "mean")
    return read_spec(str(spec))


def _again(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """What is read is written so that it is read back as the same."""

    def twice(text: str) -> Any:
        found = read(text)
        try:
            back = read(str(found))
        except AnglewiseError as error:
            raise BrokenError("not read back", type(found).__name__, f"{found}: {error}") from error
        if back != found:
            said = f"{found!r} is written {found} and read back as {back!r}"
            raise BrokenError("read back otherwise", type(found).__name__, said)
        return found

    return twice


def _ranker(text: str) -> Any:
    found = read_ranker(text, spellings.RUNS)
    return text.strip() if found is None else found


def _filter(text: str) -> Any:
    """A filter says of itself what is read as the same, and lets some rows pass."""
    found = read_filter(text)
    if str(read_filter(str(found))) != str(found):
        raise BrokenError("read back otherwise", "filter", f"{found!r} is written {found}")
    return items_that_pass(found, KnownColumns.of(ASKING))


PARSERS: dict[str, tuple[Callable[[str], Any], Callable[[Random], str]]] = {
    "measure": (_again(measure), spellings.measure),
    "measures": (measures, spellings.measures),
    "families": (measures_and_families, spellings.measures),
    "gauge": (_again(gauge), spellings.gauge),
    "model gauge": (model_split, spellings.gauge),
    "normalisation": (_again(normalisation), spellings.normalisation),
    "metric": (_again(metric), spellings.metric),
    "metrics": (read_metrics, spellings.metrics),
    "gate": (_again(gate), spellings.gate),
    "candidate": (canonical, spellings.candidate),
    "ranker": (_again(_ranker), spellings.ranker),
    "variant": (variant, spellings.variant),
    "variants": (lambda text: sources({"old": SPACE, "new": SPACE}, text), spellings.variant),
    "split": (lambda text: query_split(text, ASKING, ROWS), spellings.split),
    "strata": (
        lambda text: order_by_stratum(ASKING, ROWS, text.split(","), np.random.default_rng(0)),
        spellings.split,
    ),
    "filter": (_filter, spellings.filter_text),
    "encoder": (_spec, spellings.encoder),
    "seconds": (seconds_of, spellings.seconds),
    "grades": (_grades, spellings.grades),
}


def _run(case: Case) -> str:
    kind, text = case.words
    PARSERS[kind][0](text)
    return f"fine {kind}"


def _seeds() -> Sequence[Case]:
    return [Case("spelling", (kind, "")) for kind in PARSERS]


def _make(case: Case, pool: Sequence[Case], rng: Random) -> Case:
    del pool
    kind, text = case.words
    if text and rng.random() < 0.5:
        new = changed(text, rng)
    else:
        kind = rng.choice(KINDS)
        new = PARSERS[kind][1](rng)
    return Case(case.target, (kind, new)) if harmless((new,)) else case


KINDS = tuple(PARSERS)
SPELLING = Target("spelling", 35, _run, _seeds, _make)
