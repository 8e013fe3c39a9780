"""Findings about a set of judgements: ids, repetitions, grades, leaks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import counted, counted_are
from anglewise.judgements.records import Judged

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a set of judgements, or that its user should know.

    Attributes
    ----------
    severity
        ``error``: results on this set would be wrong; ``warning``: they may mislead; ``note``.
    check
        The name of the check that found it.
    what
        What was found, as a sentence.
    do
        What to do about it; empty where nothing is to be done.
    numbers
        The numbers of the sentence, for programs.
    """

    severity: Severity
    check: str
    what: str
    do: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, eq=False)
class LintSubject:
    """A space with its judgements, and the rows behind them where they are known."""

    space: Space
    judgements: Judgements
    rows: tuple[Judged, ...] = ()

    @property
    def asking(self) -> Embeddings:
        """The side that asks."""
        return self.space.sides(self.judgements.direction)[0]

    @property
    def ranked(self) -> Embeddings:
        """The side that is ranked."""
        return self.space.sides(self.judgements.direction)[1]


@dataclass(frozen=True, eq=False)
class Lint:
    """The result of ``lint``: findings, the worst first, and the names of all checks."""

    direction: str
    source: str
    queries: int
    judged: int
    findings: tuple[Finding, ...]
    checks: tuple[str, ...]

    def worst(self) -> Severity | None:
        """The severity of the worst finding; ``None`` where nothing was found."""
        return self.findings[0].severity if self.findings else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "command": "judge lint",
            "direction": self.direction,
            "source": self.source,
            "queries": self.queries,
            "judged": self.judged,
            "findings": [
                {**vars(finding), "numbers": dict(finding.numbers)} for finding in self.findings
            ],
            "counts": {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES},
            "checks": list(self.checks),
        }


def quoted(names: Sequence[Any], most: int = 3) -> str:
    """The first ids quoted, and how many more there are.

    >>> quoted(["a", "b", "c", "d"])
    "'a', 'b', 'c' and 1 more"
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(shown(name)) for name in names[:most]) + more


def unknown_ids(subject: LintSubject) -> list[Finding]:
    """Judgements of queries or items that the space does not hold, or of an item for itself."""
    complaints, missing = subject.judgements.complaints, subject.judgements.missing
    unranked = complaints.dropped + (0 if missing is None else len(missing.indices))
    if not unranked:
        return []
    total = complaints.dropped + len(subject.judgements.graded.indices)
    examples = [
        f"{side} such as {quoted(names)}"
        for side, names in (
            ("queries", complaints.unknown_queries),
            ("items", complaints.unknown_items),
        )
        if names
    ]
    return [
        Finding(
            "error" if 2 * unranked > total else "warning",
            "unknown ids",
            f"{unranked:,} of {counted(total, 'judgement')} {'is' if unranked == 1 else 'are'} of "
            "what no list can hold: "
            + (" and ".join(examples) + " are not in the space" if examples else "each of itself")
            + ("" if missing is None else "; the relevant among these items count as missed")
            + complaints.other_form,
            "take the space that these judgements belong to, or mend the ids",
            {"dropped": unranked, "of": total},
        )
    ]


def repetitions(subject: LintSubject) -> list[Finding]:
    """Pairs that come twice, and those whose judges differ."""
    findings: list[Finding] = []
    if subject.judgements.complaints.duplicates:
        count = subject.judgements.complaints.duplicates
        findings.append(
            Finding(
                "warning",
                "repetitions",
                f"{counted_are(count, 'pair', 'come')} more than once: the highest grade counts",
                "merge them, or import them with a column of judges (anglewise judge import)",
                {"repeated": count},
            )
        )
    by_pair: dict[tuple[Any, ...], set[float]] = {}
    judges: Counter[tuple[Any, ...]] = Counter()
    for row in subject.rows:
        by_pair.setdefault(row.pair, set()).add(row.grade)
        judges[row.pair] += 1
    disputed = [pair for pair, odd_grades in by_pair.items() if len(odd_grades) > 1]
    if disputed:
        shared = sum(count > 1 for count in judges.values())
        findings.append(
            Finding(
                "warning",
                "contradictions",
                f"judges differ on {len(disputed):,} of {counted(shared, 'pair')} that several "
                f"judged, such as {quoted([*map(str, disputed[0][1:])])}",
                "see them with anglewise judge agreement, and let somebody decide",
                {"differ": len(disputed), "judged_by_several": shared},
            )
        )
    return findings


def odd_grades(subject: LintSubject) -> list[Finding]:
    """Sets in which all grades are the same, and queries without a relevant item."""
    table = subject.judgements.graded
    judged = subject.judgements.judged_rows
    values = np.unique(table.values)
    whole_items = subject.judgements.judged_items is not None
    findings: list[Finding] = []
    if values[-1] <= 0:
        highest = "every grade is" if len(values) == 1 else "the highest grade is"
        finding = f"nothing is relevant: {highest} {values[-1]:g}"
        findings.append(Finding("error", "grades", finding, "judge on"))
        return findings
    if len(values) == 1 and not whole_items:
        findings.append(
            Finding(
                "warning",
                "grades",
                f"every grade is {values[0]:g}: no item was found not relevant, so one that nobody "
                "looked at counts the same as one that is wrong",
                "record zeros too",
                {"grade": float(values[0])},
            )
        )
    relevant = np.bincount(table.rows, weights=table.values > 0, minlength=table.shape[0])
    without_relevant = judged[relevant[judged] == 0]
    if len(without_relevant):
        findings.append(
            Finding(
                "warning",
                "queries without relevant items",
                f"{len(without_relevant):,} of {counted(len(judged), 'query')} "
                f"{'has' if len(without_relevant) == 1 else 'have'} no relevant item, such as "
                f"{quoted(subject.asking.ids[without_relevant].tolist())}: every measure gets 0 "
                "there",
                "judge more of their items, or leave them out",
                {"queries": len(without_relevant), "of": len(judged)},
            )
        )
    return findings


def generated_judgements(subject: LintSubject) -> list[Finding]:
    """Judgements that a model generated."""
    by_source = Counter(row.source for row in subject.rows)
    if not by_source["generated"]:
        return []
    by_people = by_source["human"]
    return [
        Finding(
            "note" if by_people else "warning",
            "generated judgements",
            f"{by_source['generated']:,} of {counted(len(subject.rows), 'judgement')} "
            f"{'was' if by_source['generated'] == 1 else 'were'} generated; {by_people:,} of the "
            "others by people, or nothing says by whom",
            "let people judge some of the same pairs: anglewise judge agreement tells how far the "
            "model agrees with them",
            dict(by_source),
        )
    ]


WORDS = ("text", "title", "question", "query", "body", "content", "sentence", "name")


def leaked_words(subject: LintSubject) -> list[Finding]:
    """Queries that have the same text as an item that is relevant to them."""
    asking, ranked = subject.asking, subject.ranked
    if asking is ranked:
        return []
    query_words, item_words = _words(asking), _words(ranked)
    table = subject.judgements.gains
    relevant = np.flatnonzero(table.values > 0)
    pairs = zip(table.rows[relevant].tolist(), table.indices[relevant].tolist(), strict=True)
    leaked = [
        (query, item)
        for query, item in pairs
        if query_words.get(query, set()) & item_words.get(item, set())
    ]
    if not leaked:
        return []
    count = len({query for query, _ in leaked})
    share = count / max(len(subject.judgements.judged_rows), 1)
    query, item = leaked[0]
    return [
        Finding(
            "error" if share > 0.1 else "warning",
            "leaked words",
            f"{counted_are(count, 'query', 'have')} the words of an item that is relevant there, "
            f"such as {shown(asking.ids[query])!r} and {shown(ranked.ids[item])!r}: that "
            "may be easier to find than what people ask",
            "ask in other words, or leave these queries out",
            {"queries": count, "share": share},
        )
    ]


def trained_on(subject: LintSubject) -> list[Finding]:
    """Judged pairs that were used in training, and so are left out of the ranking."""
    judgements = subject.judgements
    if judgements.direction != "queries-items" or judgements.parts is not None:
        return []
    tables = [table for table in (subject.space.seen, judgements.seen) if table is not None]
    if not tables:
        return []
    width = judgements.gains.shape[1]
    keys = judgements.gains.rows * width + judgements.gains.indices
    trained_keys = np.concatenate([table.rows * width + table.indices for table in tables])
    trained = np.isin(keys, trained_keys)
    relevant = int((trained & (judgements.gains.values > 0)).sum())
    if not trained.any():
        return []
    first = np.flatnonzero(trained)[0]
    pair = (
        subject.asking.ids[judgements.gains.rows[first]],
        subject.ranked.ids[judgements.gains.indices[first]],
    )
    return [
        Finding(
            "error" if relevant else "warning",
            "training among the judged",
            f"{counted(int(trained.sum()), 'judged pair')} ({relevant:,} relevant) "
            f"{'was' if trained.sum() == 1 else 'were'} used in training, such as {quoted(pair)}: "
            "what was is left out of the ranking, so nobody can find it",
            "judge what training did not see: hold out before fitting (anglewise fit --holdout)",
            {"pairs": int(trained.sum()), "relevant": relevant},
        )
    ]


def _words(side: Embeddings) -> dict[int, set[str]]:
    """The texts of each row that has any, in lower case, blanks made one."""
    names = {name.lower(): name for name in side.metadata_columns}
    words: dict[int, set[str]] = {}
    for name in WORDS:
        for row, cell in enumerate(column(side, names[name]) if name in names else []):
            plain = " ".join(str(cell or "").casefold().split())
            if plain:
                words.setdefault(row, set()).add(plain)
    return words
