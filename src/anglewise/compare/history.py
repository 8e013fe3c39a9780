"""What earlier runs measured: rows for the file of the history, and the run to be held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.compare.result import Comparison
from anglewise.core.judgements import Judgements
from anglewise.core.sparse import SparseRows
from anglewise.core.typing import Array, Float64
from anglewise.io.history_files import HistoryTable

PAIRS_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Past:
    """A candidate in an earlier run; ``values`` by query, where the file has kept them."""

    run: int
    label: str | None
    mean: float
    queries: int
    judgements: str | None
    values: Mapping[str, float] | None

    @property
    def run_words(self) -> str:
        """The run as a sentence names it."""
        return f"run {self.run}" + ("" if self.label is None else f" ({self.label})")


@dataclass(frozen=True, eq=False)
class History:
    """Earlier runs, oldest first, as ``read_history`` gives them."""

    table: HistoryTable | None = None

    def last(self, now: Comparison, name: str, label: str | None = None) -> Past | None:
        """The newest run of a candidate by the same metric that kept its gates, if there is one.

        Runs whose gates failed are passed over: or else what failed once would be the standard.
        """
        if self.table is None:
            return None
        row = self.table.last(
            {"measure": name, "metric": now.metric, "direction": now.direction or ""}
            | ({} if label is None else {"label": label})
        )
        if row is None:
            return None
        values = row["values"]
        return Past(
            run=row["run"],
            label=row["label"] or None,
            mean=row["mean"],
            queries=row["queries"],
            judgements=row["judgements"] or None,
            values=None if values is None else dict(zip(row["query_ids"], values, strict=True)),
        )


NOTHING_YET = History()


@dataclass(frozen=True, eq=False)
class Identity:
    """By what the values of a run are known again: its queries, and what was judged."""

    comparison: Comparison
    queries: list[str]
    judgements: str

    def values(self, name: str, metric: str) -> list[float]:
        """The values of a candidate, in the order of the queries."""
        return self._rows[metric][self._places[name]].tolist()

    @cached_property
    def _places(self) -> dict[str, int]:
        evidence = self.comparison.evidence
        return {} if evidence is None else {n: i for i, n in enumerate(evidence.measures)}

    @cached_property
    def _rows(self) -> Mapping[str, Float64[Array, "m q"]]:
        evidence = self.comparison.evidence
        return {} if evidence is None else evidence.values


def identity(comparison: Comparison) -> Identity | None:
    """The queries of a comparison and a digest of what is judged; None for pairs and triplets.

    Their values are what each pair adds to a correlation, and mean nothing in another run.
    """
    evidence = comparison.evidence
    if evidence is None or not isinstance(evidence.judgements, Judgements):
        return None
    judged = evidence.judgements
    asking, ranked = evidence.space.sides(judged.direction)
    return Identity(
        comparison,
        asking.ids[evidence.rows].tolist(),
        _digest(judged.gains, asking.ids, ranked.ids),
    )


def _digest(gains: SparseRows, queries: Array, items: Array) -> str:
    """Twelve letters for what is judged, whatever the order of rows."""
    queries, by_query = _in_order(queries, gains.rows)
    items, by_item = _in_order(items, gains.indices)
    order = np.lexsort((by_item, by_query))
    found = sha256()
    for start in range(0, len(order), PAIRS_AT_ONCE):
        some = order[start : start + PAIRS_AT_ONCE]
        columns = queries[by_query[some]], items[by_item[some]], gains.values[some]
        pairs = zip(*(column.tolist() for column in columns), strict=True)
        found.update("".join(f"{q}\t{item}\t{gain:g}\n" for q, item, gain in pairs).encode())
    return found.hexdigest()[:12]


def _in_order(ids: Array, rows: Array) -> tuple[Array, Array]:
    """The ids of some rows, as text in order, and where each row stands among them."""
    there = np.unique(rows)
    names, places = np.unique(ids[there].astype(str), return_inverse=True)
    return names, places[np.searchsorted(there, rows)]


def rows_of(
    comparison: Comparison,
    *,
    label: str | None = None,
    at: datetime | None = None,
    gates_held: bool | None = None,
) -> list[dict[str, Any]]:
    """One row a measure and metric, for ``append_history``.

    ``at`` is written only where it is given, so that the same comparison gives the same bytes;
    ``gates_held`` is None for a run without gates.
    """
    known = identity(comparison)
    return [
        {
            "at": at,
            "label": label or "",
            "version": version("anglewise"),
            "signature": comparison.signature,
            "direction": comparison.direction or "",
            "metric": metric,
            "measure": one.measure,
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "queries": comparison.queries,
            "judged": comparison.judged,
            "judgements": "" if known is None else known.judgements,
            "decision": comparison.verdict.decision,
            "gates_held": gates_held,
            "query_ids": None if known is None else known.queries,
            "values": None if known is None else known.values(one.measure, metric),
        }
        for one in comparison.measures
        for metric, estimate in one.metrics.items()
    ]
