"""The candidates: those named, the sensible ones by default, their size in a store."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from math import floor, log10
from typing import Any, cast

import numpy as np

from anglewise.comparison.rankers import Ranker, read_ranker
from anglewise.data_types.embeddings import BIAS_COLUMNS, Space
from anglewise.data_types.numbers import as_list, check_kind
from anglewise.data_types.text import check_number, named, parted
from anglewise.data_types.typing import Direction
from anglewise.errors import SpellingError
from anglewise.recommender_models.normalisation import normalisation
from anglewise.remedies.builders import ClosedForm, Ease, RawData, TrainedBuilder, weighed
from anglewise.remedies.fused_candidates import FUSIONS, has_words
from anglewise.remedies.training_data import Needs, SpaceBuilder, Training
from anglewise.similarity_measures.adapter import Adapted
from anglewise.similarity_measures.formulas import Measure, fitted, maps_in
from anglewise.similarity_measures.measure import (
    FORMULAS,
    Family,
    MeasureSpec,
    Prepared,
    measures_and_families,
    prepare,
)
from anglewise.similarity_measures.measure import measure as read_measure

BUILDERS: Mapping[str, Callable[..., SpaceBuilder]] = {
    "product": partial(ClosedForm, "product"),
    "factors": partial(ClosedForm, "factors"),
    "ease": Ease,
    "raw-data": RawData,
    "trained-cosine": partial(TrainedBuilder, "cosine"),
    "trained-dot": partial(TrainedBuilder, "dot"),
    "trained-euclidean": partial(TrainedBuilder, "euclidean"),
}
EXAMPLE = "cosine@centred or product(1000): dot"
_NAME = re.compile(r"[a-z0-9-]*")


@dataclass(frozen=True)
class RemedyCandidate:
    """A measure, and what builds the space it is taken in; None is the space as it came.

    A fusion of lists stands in the place of a measure.

    >>> str(RemedyCandidate(None, measures_and_families("cosine@centred")[0]))
    'cosine@centred'
    """

    builder: SpaceBuilder | None
    measure: MeasureSpec | Ranker

    def __str__(self) -> str:
        return str(self.measure) if self.builder is None else f"{self.builder}: {self.measure}"

    @property
    def needs(self) -> Needs:
        """What it takes beside the vectors."""
        if self.builder is not None:
            return "interactions"
        if isinstance(self.measure, Ranker):
            return "judgements" if self.measure.kind == "weighted" else "nothing"
        return "nothing" if isinstance(self.measure, Measure) else "judgements"

    @property
    def screens(self) -> bool:
        """Whether a few queries tell what it is worth: not where it learns from many of them."""
        return not isinstance(self.measure, Adapted)

    @property
    def simplicity(self) -> tuple[int | str, ...]:
        """Sorts what needs no new space first, then by builder and by measure."""
        if self.builder is None:
            return (-1, "", *self.measure.simplicity)
        return (self.builder.place, str(self.builder), *self.measure.simplicity)


def read_candidates(
    candidates: Iterable[str | MeasureSpec | SpaceBuilder | RemedyCandidate] | str,
    direction: Direction,
) -> list[RemedyCandidate]:
    """Read candidates, each kept once; a builder alone stands for all its measures.

    Raises ``SpellingError`` for what is neither, with the nearest known word.

    >>> read = read_candidates("cosine, product(10), factors(3): dot", "queries-items")
    >>> list(map(str, read))
    ['cosine', 'product(10): dot', 'product(10): cosine', 'factors(3): dot']
    """
    due = "a list of spellings, measures or builders is due"
    words = (
        parted(candidates)
        if isinstance(candidates, str)
        else as_list(candidates, "candidates", due)
    )
    check_number(len(words), "candidate")
    read = list(dict.fromkeys(candidate for word in words for candidate in _read(word, direction)))
    check_number(len(read), "candidate")
    return read


def _read(
    word: str | MeasureSpec | SpaceBuilder | RemedyCandidate, direction: Direction
) -> list[RemedyCandidate]:
    if isinstance(word, RemedyCandidate):
        return [word]
    if isinstance(word, Measure | Family | Adapted | Ranker):
        return [RemedyCandidate(None, word)]
    if not isinstance(word, str):
        if not hasattr(word, "measures"):
            check_kind(word, str, "a candidate", "a spelling, a measure or a builder")
        return _all_of(word, direction)
    made, colon, by = word.rpartition(":")
    if colon:
        (measure,) = measures_and_families([by])
        return [RemedyCandidate(_builder(made), measure)]
    if _first_name(word.replace("+", "·").split("·")[-1]) in BUILDERS:
        return _all_of(_builder(word), direction)
    ranker = read_ranker(word)
    if ranker is not None and ranker.kind in {"fusion", "weighted"}:
        specs: list[MeasureSpec | Ranker] = [ranker]
    else:
        _check_known(word)
        specs = [*measures_and_families([word])]
    return [RemedyCandidate(None, spec) for spec in specs]


def _all_of(builder: SpaceBuilder, direction: Direction) -> list[RemedyCandidate]:
    measures = measures_and_families(builder.measures(direction))
    return [RemedyCandidate(builder, measure) for measure in measures]


def _builder(word: str) -> SpaceBuilder:
    """One by its name, on a table weighed first where a normalisation stands before it."""
    *rules, name = word.replace("+", "·").split("·")
    builder = named(name.replace("(*)", ""), BUILDERS, kind="candidate", example=EXAMPLE)
    if not rules:
        return builder
    if len(rules) > 1 or not hasattr(builder, "before"):
        raise SpellingError(
            f"{word.strip()!r}: one normalisation may stand before product, factors, ease or "
            "raw-data, as in bm25·product(1000)"
        )
    return replace(cast("Any", builder), before=normalisation(rules[0]))


def _check_known(word: str) -> None:
    name, names = _first_name(word), [*FORMULAS, *BUILDERS]
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise SpellingError(
        f"no candidate is called {word.strip()!r}: {hint}known are the measures "
        f"{', '.join(FORMULAS)}, made again {', '.join(BUILDERS)}, and {FUSIONS[0]}; write "
        f"{EXAMPLE}"
    )


def _first_name(word: str) -> str:
    name = _NAME.match("".join(word.lower().split()))
    return name[0] if name else ""


BASELINES = ("cosine", "dot")
"""What everything must beat: the space as it is."""
REMEASURED = (
    "euclidean",
    "norm(0,*)",
    "cosine@centred",
    "cosine@standardised",
    "cosine@whitened",
    "cosine@whitened(0.1)",
    "cosine@without-top(1)",
    "cosine@without-top(2)",
    "cosine@without-top(3)",
    "dot@centred",
    "csls(10)",
    "local-scaling(10)",
    "mutual-proximity",
)
LEARNT = ("cosine@adapted",)
"""From judgements, of which there must be many."""
BETWEEN_TWINS = ("cosine@data-space", "cosine@balanced", "csls(10)@data-space")
"""Between items, or between users, of two sides trained together."""
AS_THEY_ARE: tuple[SpaceBuilder, ...] = (
    *(ClosedForm("product", penalty) for penalty in (10, 100, 1000, 10_000)),
    *(ClosedForm("factors", penalty) for penalty in (3, 10, 30)),
    Ease(),
    RawData(),
)
TRAINED: tuple[SpaceBuilder, ...] = (
    TrainedBuilder("cosine"),
    TrainedBuilder("dot"),
    TrainedBuilder("euclidean"),
)
"""Where PyTorch is installed."""
WEIGHED_FIRST = ("tf-idf", "bm25", "standardised", "propensity")
PENALTY = 1000.0
"""Of a table of ones; a table of other numbers gets one in proportion to their squares."""
PROBES = 16


def baselines() -> list[RemedyCandidate]:
    """Raw cosine and raw dot."""
    return [RemedyCandidate(None, measure) for measure in measures_and_families(BASELINES)]


def sensible_candidates(
    space: Space, training: Training | None, direction: Direction, *, enough: bool
) -> list[RemedyCandidate]:
    """All that can be done with this space in this direction.

    ``enough`` says whether there are judgements to learn a map from.
    """
    words: list[str | SpaceBuilder] = [*REMEASURED]
    if enough:
        words += LEARNT
    if direction != "queries-items" and not space.one_sided:
        words += BETWEEN_TWINS
    if has_words(space, direction):
        words += FUSIONS
    if training is not None:
        words += AS_THEY_ARE
        words += TRAINED if find_spec("torch") else ()
        words += filter(None, (_weighed_first(word, training) for word in WEIGHED_FIRST))
    return read_candidates(words, direction)


def _weighed_first(word: str, training: Training) -> SpaceBuilder | None:
    """The closed form on a weighed table, its penalty in proportion to the squares there.

    None where weighing leaves nothing, as of items that everybody used.

    The sum of squares is that of products with random directions, so that a table which is not
    sparse is not formed.
    """
    rule = normalisation(word)
    table = weighed(training, rule)[1]
    probes = np.random.default_rng(training.seed).standard_normal((table.shape[1], PROBES))
    squares = float(np.square(table @ probes).sum()) / PROBES
    if not squares > 0:
        return None
    penalty = rounded(PENALTY * squares / len(training.learned.indices))
    return ClosedForm("product", penalty, before=rule)


def rounded(penalty: float) -> float:
    """The nearest of 1, 2, 5, 10, ... below, so that it can be typed.

    >>> rounded(3.7), rounded(1234), rounded(0.051)
    (2.0, 1000.0, 0.05)
    """
    decade = 10.0 ** floor(log10(penalty))
    steps = (0.5, 1, 2, 5)  # the power may be above the penalty by rounding
    return float(f"{max(step * decade for step in steps if step * decade <= penalty):g}")


def size(space: Space, measure: Measure, direction: Direction) -> tuple[int, bool]:
    """The columns of prepared vectors, and whether their inner product ranks as the measure does.

    >>> from anglewise.data_types.embeddings import Embeddings
    >>> space = Space(items=Embeddings([[1.0, 0, 2], [0, 2, 1], [1, 1, 0], [2, 0, 1]]))
    >>> names = ("dot", "cosine@without-top(1)", "euclidean", "manhattan")
    >>> [size(space, read_measure(name), "items-items") for name in names]
    [(3, True), (2, True), (4, True), (3, False)]
    """
    maps = maps_in(measure, space, direction, new_vectors=False)
    columns = space.items.dimension if maps is None else maps.ranked.columns
    if not fitted(measure, space, direction, new_vectors=False).formula.inner:
        return columns, False
    return columns + prepare(measure, space, direction, new_vectors=False).bias, True


def prepared(space: Space, measure: Measure, direction: Direction) -> tuple[Space, Measure]:
    """A space in which a simpler measure ranks as this one does here, and that measure.

    Where the measure is an inner product, what it does to the vectors is done, and ``dot`` is
    left. Where one set of vectors would have to be two, as for ``csls`` between items, or where no
    inner product ranks alike, the vectors stay and the measure with them.
    """
    about = {**space.about, "prepared_for": str(measure)}
    ready = _ready(space, measure, direction)
    if ready is None:
        left, items, queries = measure, space.items, None if space.one_sided else space.queries
    else:
        asking, ranked = space.sides(direction)
        about[BIAS_COLUMNS] = []  # no column is what it was
        left, items = read_measure("dot"), ranked.with_vectors(np.concatenate([*ready.items()]))
        queries = None
        if asking is not ranked:
            queries = asking.with_vectors(ready.queries(asking.vectors))
    made = Space(
        items=items,
        queries=queries,
        seen=space.seen if queries is not None else None,
        about={**about, "index": {"measure": str(left)}},
    )
    return made, left


def _ready(space: Space, measure: Measure, direction: Direction) -> Prepared | None:
    if not fitted(measure, space, direction).formula.inner:
        return None
    ready = prepare(measure, space, direction)
    if direction == "queries-items" and not space.one_sided:
        return ready
    asking, ranked = ready.maps.asking, ready.maps.ranked
    alike = np.array_equal(asking.offset, ranked.offset) and asking.scale is ranked.scale
    alike = alike and (
        asking.matrix is ranked.matrix
        or (
            asking.matrix is not None
            and ranked.matrix is not None
            and np.array_equal(asking.matrix, ranked.matrix)
        )
    )
    return ready if alike and not ready.bias else None
