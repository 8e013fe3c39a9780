"""Findings about a set of judgements: ids, repetitions, grades, leaks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
from anglewise.core.numbers import shown
from anglewise.io.texts import column, columns_of
from anglewise.judgements.records import Judged

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or to be known, before any number.

    Attributes
    ----------
    severity
        ``error``: numbers on this set would be wrong; ``warning``: they may mislead; ``note``.
    check
        Which look found it.
    what
        What was found, as a sentence.
    do
        What to do about it; empty where nothing is to be done.
    numbers
        The same for machines.
    """

    severity: Severity
    check: str
    what: str
    do: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, eq=False)
class LintSubject:
    """Judgements lined up with their space, and, where they are known, their rows."""

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
    """A whole look at a set of judgements: findings, the worst first, and which looks were made."""

    direction: str
    source: str
    queries: int
    judged: int
    findings: tuple[Finding, ...]
    checks: tuple[str, ...]

    def worst(self) -> Severity | None:
        """How bad the worst finding is; ``None`` where nothing was found."""
        return self.findings[0].severity if self.findings else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "command": "judge lint",
            "direction": self.direction,
            "source": self.source,
            "queries": self.queries,
            "judged": self.judged,
            "findings": [{**vars(one), "numbers": dict(one.numbers)} for one in self.findings],
            "counts": {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES},
            "checks": list(self.checks),
        }


def quoted(names: Sequence[Any], most: int = 3) -> str:
    """Some ids in a sentence.

    >>> quoted(["a", "b", "c", "d"])
    "'a', 'b', 'c' and 1 more"
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(shown(name)) for name in names[:most]) + more


def unknown_ids(subject: LintSubject) -> list[Finding]:
    """Judgements of queries or items that the space does not hold, or of a thing against itself."""
    found = subject.judgements.complaints
    if not found.dropped:
        return []
    total = found.dropped + len(subject.judgements.gains.indices)
    unknown = [
        f"{side} such as {quoted(names)}"
        for side, names in (("queries", found.unknown_queries), ("items", found.unknown_items))
        if names
    ]
    return [
        Finding(
            "error" if 2 * found.dropped > total else "warning",
            "unknown ids",
            f"{found.dropped:,} of {total:,} judgements are of no use: "
            + (" and ".join(unknown) + " are not in the space" if unknown else "each of itself"),
            "take the space that these judgements belong to, or mend the ids",
            {"dropped": found.dropped, "of": total},
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
                f"{count:,} pairs come more than once: the highest grade counts",
                "merge them, or import them with a column of judges (anglewise judge import)",
                {"repeated": count},
            )
        )
    by_pair: dict[tuple[str, ...], set[float]] = {}
    judges: Counter[tuple[str, ...]] = Counter()
    for row in subject.rows:
        by_pair.setdefault(row.pair, set()).add(row.grade)
        judges[row.pair] += 1
    differ = [pair for pair, odd_grades in by_pair.items() if len(odd_grades) > 1]
    if differ:
        several = sum(count > 1 for count in judges.values())
        findings.append(
            Finding(
                "warning",
                "contradictions",
                f"judges differ on {len(differ):,} of {several:,} pairs that several judged, such "
                f"as {quoted(differ[0][1:])}",
                "see them with anglewise judge agreement, and let somebody decide",
                {"differ": len(differ), "judged_by_several": several},
            )
        )
    return findings


def odd_grades(subject: LintSubject) -> list[Finding]:
    """Sets of one grade, and queries for which nothing is relevant."""
    table = subject.judgements.gains
    judged = subject.judgements.judged_rows
    kinds = np.unique(table.values)
    whole_items = subject.judgements.judged_items is not None
    findings: list[Finding] = []
    if len(kinds) == 1 and kinds[0] <= 0:
        findings.append(
            Finding("error", "grades", "nothing is relevant: every grade is 0", "judge on")
        )
        return findings
    if len(kinds) == 1 and not whole_items:
        findings.append(
            Finding(
                "warning",
                "grades",
                f"every grade is {kinds[0]:g}: no item was found not relevant, so one that nobody "
                "looked at counts the same as one that is wrong",
                "record zeros too",
                {"grade": float(kinds[0])},
            )
        )
    relevant = np.bincount(table.rows, weights=table.values > 0, minlength=table.shape[0])
    empty = judged[relevant[judged] == 0]
    if len(empty):
        findings.append(
            Finding(
                "warning",
                "queries without relevant items",
                f"{len(empty):,} of {len(judged):,} queries have no relevant item, such as "
                f"{quoted(subject.asking.ids[empty].tolist())}: every measure gets 0 on them",
                "judge more of their items, or leave them out",
                {"queries": len(empty), "of": len(judged)},
            )
        )
    return findings


def generated_judgements(subject: LintSubject) -> list[Finding]:
    """Judgements that no person made, apart from those that people made."""
    by_source = Counter(row.source for row in subject.rows)
    if not by_source["generated"]:
        return []
    people = by_source["human"]
    return [
        Finding(
            "note" if people else "warning",
            "generated judgements",
            f"{by_source['generated']:,} of {len(subject.rows):,} judgements were generated, "
            f"{people:,} are by people",
            "let people judge some of the same pairs: anglewise judge agreement tells how far the "
            "model can be trusted",
            dict(by_source),
        )
    ]


WORDS = ("text", "title", "question", "query", "body", "content", "sentence", "name")


def leaked_words(subject: LintSubject) -> list[Finding]:
    """Queries whose words are those of the item they ask for."""
    asking, ranked = subject.asking, subject.ranked
    if asking is ranked:
        return []
    asked, answers = _words(asking), _words(ranked)
    table = subject.judgements.gains
    relevant = np.flatnonzero(table.values > 0)
    pairs = zip(table.rows[relevant].tolist(), table.indices[relevant].tolist(), strict=True)
    same = [(q, i) for q, i in pairs if asked.get(q, set()) & answers.get(i, set())]
    if not same:
        return []
    share = len({q for q, _ in same}) / max(len(subject.judgements.judged_rows), 1)
    query, item = same[0]
    return [
        Finding(
            "error" if share > 0.1 else "warning",
            "leaked words",
            f"{len({q for q, _ in same}):,} queries have the words of an item that is relevant to "
            f"them, such as {shown(asking.ids[query])!r} and {shown(ranked.ids[item])!r}: any "
            "measure finds these",
            "ask in other words, or leave these queries out",
            {"queries": len({q for q, _ in same}), "share": share},
        )
    ]


def trained_on(subject: LintSubject) -> list[Finding]:
    """Judged pairs that the training saw, and that are left out of the ranking."""
    judgements = subject.judgements
    if judgements.direction != "queries-items":
        return []
    tables = [one for one in (subject.space.seen, judgements.seen) if one is not None]
    if not tables:
        return []
    wide = judgements.gains.shape[1]
    keys = judgements.gains.rows * wide + judgements.gains.indices
    known = np.concatenate([one.rows * wide + one.indices for one in tables])
    inside = np.isin(keys, known)
    relevant = int((inside & (judgements.gains.values > 0)).sum())
    if not inside.any():
        return []
    where = np.flatnonzero(inside)[0]
    pair = (
        subject.asking.ids[judgements.gains.rows[where]],
        subject.ranked.ids[judgements.gains.indices[where]],
    )
    return [
        Finding(
            "error" if relevant else "warning",
            "training among the judged",
            f"{int(inside.sum()):,} judged pairs ({relevant:,} relevant) were used in training, "
            f"such as {quoted(pair)}: they are left out of the ranking, so nobody can find them",
            "judge what training did not see: hold out before fitting (anglewise fit --holdout)",
            {"pairs": int(inside.sum()), "relevant": relevant},
        )
    ]


def _words(side: Embeddings) -> dict[int, set[str]]:
    """For each row the texts that are known of it, without case and blanks."""
    known = {name.lower(): name for name in columns_of(side)}
    found: dict[int, set[str]] = {}
    for name in WORDS:
        for row, cell in enumerate(column(side, known[name]) if name in known else []):
            plain = " ".join(str(cell or "").casefold().split())
            if plain:
                found.setdefault(row, set()).add(plain)
    return found
