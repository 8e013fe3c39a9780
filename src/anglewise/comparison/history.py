"""Earlier runs of a comparison: what a run leaves, and what a candidate had in the last of them."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from math import isfinite
from typing import Any

import numpy as np

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.evidence import Evidence
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.pairs import Pairs
from anglewise.data_types.text import listed
from anglewise.data_types.typing import Array, Float64
from anglewise.errors import SpellingError
from anglewise.io.runs import HistoryTable
from anglewise.statistics.decision import RULE

PAIRS_AT_ONCE = 100_000
NO_SPACE = -1
MOST_LISTED = 10  # labels, or candidates, that a message names


@dataclass(frozen=True, eq=False)
class Past:
    """A candidate in an earlier run; ``values`` by query, where the file has kept them.

    ``name`` is what that run called it, ``mean`` NaN where it is undefined.
    """

    run: int
    label: str | None
    name: str
    mean: float
    queries: int | None
    judgements: str | None
    values: Mapping[str, float] | None
    rule: int

    @property
    def run_words(self) -> str:
        """The run as a sentence names it."""
        return f"run {self.run}" + ("" if self.label is None else f" ({self.label})")


@dataclass(frozen=True)
class SpacePlace:
    """A space of a run: its name (the only one has none), its place, whether somebody named it.

    ``place`` is None where the run did not note it, -1 for what is in no space.
    """

    name: str
    place: int | None
    named: bool


@dataclass(frozen=True, eq=False)
class History:
    """Earlier runs, oldest first, as ``read_history`` gives them, and how this run is called.

    ``label`` is that of this run; ``named`` are the spaces of this run to which somebody gave
    their names, the others are called after their folders.
    """

    table: HistoryTable | None = None
    label: str | None = None
    named: Collection[str] = ()

    def last(self, now: Comparison, name: str, label: str | None = None) -> Past | None:
        """The newest run of a candidate by the same metric that kept its gates.

        Runs whose gates failed are passed over: or else what failed once would be the standard.
        Where no run calls the candidate by its name, it is known again by its space: the only one
        of a run is the first one of several, and one that is called after its folder is known by
        its place. None before the first run that kept its gates.

        Raises ``SpellingError`` for a label or a candidate that no such run has, and where it
        cannot be known which candidate of a run this one is.
        """
        self.check_label(label)
        if self.table is None or not self._has_standard:
            return None
        values: dict[str, str | int] = {"metric": now.metric, "direction": now.direction or ""}
        if label is not None:
            values["label"] = label
        row = self.table.last(values | {"measure": name})
        if row is not None and (row["place"] == NO_SPACE) != (name in now.runs):
            row = None  # a run and a measure, called alike
        elif row is None and name not in now.runs:
            row = self._known_again(now, name, values)
        if row is None:
            labelled = "" if label is None else f" labelled {shown(label)}"
            raise SpellingError(
                f"{self.table.path} has no run{labelled} of {name} by {now.by} that kept its "
                f"gates: {self._contents()}; name one of these, or leave the gate out of one run, "
                "which adds the candidate"
            )
        values_then = row["values"]
        return Past(
            run=row["run"],
            label=row["label"] or None,
            name=row["measure"],
            mean=float("nan") if row["mean"] is None else row["mean"],
            queries=row["queries"],
            judgements=row["judgements"] or None,
            values=None
            if values_then is None
            else dict(zip(row["query_ids"], values_then, strict=True)),
            rule=row["rule"] or 1,
        )

    def check_label(self, label: str | None) -> None:
        """Raise ``SpellingError`` for a label that no run has that kept its gates.

        Before the first run the only label that can be meant is that of this run.
        """
        if label is None:
            return
        if self.table is None or not self._has_standard:
            if label != self.label:
                raise SpellingError(
                    f"the history has no run yet that kept its gates, so none labelled "
                    f"{shown(label)}: begin with --label {shown(label)}, or leave the gate out of "
                    "the first run"
                )
        elif not self.table.rows({"label": label}, ["run"]):
            raise SpellingError(
                f"{self.table.path} has no run labelled {shown(label)} that kept its gates: "
                f"{self._contents()}; name one of these labels, or add a run with --label "
                f"{shown(label)} first"
            )

    @property
    def runs(self) -> int:
        """How many runs there are, those whose gates failed too."""
        return 0 if self.table is None else self.table.runs

    @property
    def _has_standard(self) -> bool:
        return self.table is not None and bool(self.table.rows({}, ["run"]))

    def _known_again(
        self, now: Comparison, name: str, values: Mapping[str, str | int]
    ) -> Mapping[str, Any] | None:
        """The newest row of a candidate under another name."""
        table = self.table
        if table is None:
            return None
        runs: dict[int, dict[str, SpacePlace]] = {}
        for row in table.rows(values, ["run", "measure", "place", "named"]):
            run, candidate, place = row["run"], row["measure"], row["place"]
            if run is not None and candidate is not None and place != NO_SPACE:
                space_place = SpacePlace(name_parts(candidate)[0], place, bool(row["named"]))
                runs.setdefault(run, {})[candidate] = space_place
        spaces = spaces_of(now, self.named)
        for run, candidates in reversed(runs.items()):
            try:
                then = name_then(name, spaces, candidates)
            except LookupError as ambiguous:
                raise SpellingError(
                    f"which candidate of run {run} in {table.path} is {name} cannot be known: it "
                    f"had {_several(candidates)}, and {ambiguous}; call the spaces as that run "
                    "did, as in --spaces NAME=FOLDER, or hold it against another run"
                ) from None
            if then is not None:
                return table.last({**values, "measure": then, "run": run})
        return None

    def _contents(self) -> str:
        """What the history has, of runs that kept their gates."""
        if self.table is None:
            return "it is empty"
        columns = ["label", "measure", "metric", "direction"]
        rows = self.table.rows({}, columns)
        labels = list(dict.fromkeys(row["label"] for row in rows if row["label"]))
        by_metric: dict[str, dict[str, None]] = {}
        for row in rows:
            metric = f"{row['metric']} ({row['direction']})" if row["direction"] else row["metric"]
            by_metric.setdefault(metric, {})[str(row["measure"])] = None
        words = [f"{_several(names)} by {metric}" for metric, names in by_metric.items()]
        labelled = f"the labels {_several(labels)}" if labels else "no labels"
        return f"it has {labelled}, and {'; '.join(words[:MOST_LISTED])}"


NOTHING_YET = History()


def _several(names: Iterable[str]) -> str:
    """Names as a list, of many the last ones."""
    names = list(map(shown, names))
    rest = len(names) - MOST_LISTED
    return listed(names) if rest <= 0 else f"{listed(names[rest:])} (and {rest:,} older)"


def name_parts(candidate: str) -> tuple[str, str, str]:
    """The space of a candidate, its variant, and the measure; blank where there is none.

    >>> name_parts("new[:8]·int8: norm(0,0.5)"), name_parts("cosine")
    (('new', '[:8]·int8', 'norm(0,0.5)'), ('', '', 'cosine'))
    """
    source, _, measure = candidate.rpartition(": ")
    space = re.split(r"[\[·]", source, maxsplit=1)[0]
    return space, source[len(space) :], measure


def spaces_of(now: Comparison, named: Collection[str]) -> dict[str, SpacePlace]:
    """The spaces of a comparison by name; the only one is called nothing and stands first."""
    names = [facts.space for facts in now.spaces if facts.made_of is None] or [""]
    return {name: SpacePlace(name, place, name in named) for place, name in enumerate(names)}


def name_then(
    name: str, spaces: Mapping[str, SpacePlace], candidates: Mapping[str, SpacePlace]
) -> str | None:
    """What an earlier run called a candidate; None if it had none like it.

    ``spaces`` are those of now, ``candidates`` the spaces of that run's candidates. A name that
    that run had too is that of the same space. Else spaces are the same that stood at the same
    place, unless both names were given by somebody; the only space stands first.

    Raises ``LookupError``, with the reason, where it cannot be known.

    >>> then = {"cosine": SpacePlace("", 0, False)}
    >>> spaces = {"old": SpacePlace("old", 0, True), "new": SpacePlace("new", 1, True)}
    >>> name_then("old: cosine", spaces, then), name_then("new: cosine", spaces, then)
    ('cosine', None)
    """
    space, variant, measure = name_parts(name)
    alike = {
        entry.name: candidate
        for candidate, entry in candidates.items()
        if name_parts(candidate)[1:] == (variant, measure)
    }
    places = {entry.name: entry for entry in candidates.values()}
    if space in places or not alike:
        return alike.get(space)
    wanted = spaces[space]
    if len(places) > 1 and any(entry.place is None for entry in places.values()):
        raise LookupError("that run did not note which of its spaces came first")
    for entry in places.values():
        if (
            (entry.place or 0) == wanted.place
            and not (entry.named and wanted.named)
            and entry.name in alike
        ):
            if entry.name in spaces:
                raise LookupError(f"{entry.name}, which stood in its place, is another space now")
            return alike[entry.name]
    return None


@dataclass(frozen=True, eq=False)
class Identity:
    """By what the values of a run are known again: its queries, and what was judged.

    ``queries`` is None for pairs and triplets: their values are what each pair adds to a
    correlation, and mean nothing in another run.
    """

    evidence: Evidence
    queries: list[str] | None
    judgements: str

    def values(self, name: str, metric: str) -> Float64[Array, " q"]:
        """The values of a candidate, in the order of the queries."""
        return self.evidence.values[metric][self.evidence.measures.index(name)]


def identity(comparison: Comparison) -> Identity | None:
    """The queries of a comparison and a digest of what is judged; None without evidence."""
    evidence = comparison.evidence
    if evidence is None:
        return None
    judged = evidence.judgements
    if isinstance(judged, Judgements):
        asking, ranked = evidence.space.sides(judged.direction)
        queries = asking.ids[evidence.rows].tolist()
        names = np.array([*ranked.ids.tolist(), *judged.missing_ids], dtype=object)
        digest = _digest(judged, asking.ids, names, comparison.within)
        return Identity(evidence, queries, digest)
    items = evidence.space.items.ids
    if isinstance(judged, Pairs):
        columns = [evidence.space.queries.ids[judged.rows_a], items[judged.rows_b], judged.scores]
    else:
        columns = [items[judged.anchors], items[judged.near], items[judged.far]]
    lines = zip(*(column.tolist() for column in columns), strict=True)
    text = "".join(sorted("\t".join(map(str, line)) + "\n" for line in lines))
    return Identity(evidence, None, sha256(text.encode()).hexdigest()[:12])


def _digest(judged: Judgements, queries: Array, items: Array, within: str) -> str:
    """Twelve letters for what is judged and how it is read, whatever the order of rows."""
    gains = judged.graded
    queries, by_query = _in_order(queries, gains.rows)
    items, by_item = _in_order(items, gains.indices)
    order = np.lexsort((by_item, by_query))
    digest = sha256()
    for start in range(0, len(order), PAIRS_AT_ONCE):
        some = order[start : start + PAIRS_AT_ONCE]
        columns = queries[by_query[some]], items[by_item[some]], gains.values[some]
        pairs = zip(*(column.tolist() for column in columns), strict=True)
        digest.update("".join(f"{q}\t{item}\t{gain:g}\n" for q, item, gain in pairs).encode())
    weighs = [] if judged.drawn is None else [judged.drawn.chances[judged.judged_rows]]
    weighs += [] if judged.chances is None else [judged.chances.values]
    for chances in weighs:
        digest.update(b"by chance" + np.sort(chances.round(9)).tobytes())
    if judged.relevant_from is not None:
        digest.update(f"relevant from {judged.relevant_from:g}\n".encode())
    if judged.not_itself:
        digest.update(b"not itself\n")
    if judged.allowed is not None:
        digest.update(f"where {judged.allowed.where}\n".encode("utf-8", "replace"))
    if within:
        digest.update(f"within {within}\n".encode())
    return digest.hexdigest()[:12]


def _in_order(ids: Array, rows: Array) -> tuple[Array, Array]:
    """The ids of some rows, as text in order, and the number of each row among them."""
    present = np.unique(rows)
    names, numbers = np.unique(ids[present].astype(str), return_inverse=True)
    return names, numbers[np.searchsorted(present, rows)]


def rows_of(
    comparison: Comparison,
    *,
    label: str | None = None,
    at: datetime | None = None,
    gates_held: bool | None = None,
    named: Collection[str] = (),
) -> list[dict[str, Any]]:
    """One row a measure and metric, for ``append_history``; what is undefined is null.

    ``at`` is written only where it is given, so that the same comparison gives the same bytes;
    ``gates_held`` is None for a run without gates that were checked. ``named`` are the spaces to
    which somebody gave their names.
    """
    own = identity(comparison)
    spaces = spaces_of(comparison, named)
    rows: list[dict[str, Any]] = []
    for row in comparison.measures:
        in_space = row.measure not in comparison.runs
        space = (
            spaces[name_parts(row.measure)[0]] if in_space else SpacePlace("", NO_SPACE, named=True)
        )
        for metric, estimate in row.metrics.items():
            values = _values(own, row.measure, metric)
            rows.append(
                {
                    "at": at,
                    "label": label or "",
                    "version": version("anglewise"),
                    "signature": comparison.signature,
                    "direction": comparison.direction or "",
                    "metric": metric,
                    "measure": row.measure,
                    "mean": or_null(estimate.mean),
                    "low": or_null(estimate.low),
                    "high": or_null(estimate.high),
                    "queries": comparison.queries,
                    "judged": comparison.judged,
                    "judgements": "" if own is None else own.judgements,
                    "decision": comparison.verdict.decision,
                    "gates_held": gates_held,
                    "query_ids": None if own is None or values is None else own.queries,
                    "values": values,
                    "rule": RULE,
                    "place": space.place,
                    "named": space.named,
                    "kept": row.measure == comparison.verdict.keep,
                }
            )
    return rows


def or_null(value: float | None) -> float | None:
    """A figure, or None where it is undefined."""
    return value if value is not None and isfinite(value) else None


def _values(own: Identity | None, name: str, metric: str) -> Sequence[float] | None:
    """The values of each query, to be paired with those of later runs; None if one is undefined."""
    if own is None or own.queries is None:
        return None
    values = own.values(name, metric)
    return values.tolist() if np.isfinite(values).all() else None
