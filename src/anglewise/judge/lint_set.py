"""Faults of the set itself: ids, repetitions, grades, who judged."""

from collections import Counter

import numpy as np

from anglewise.judge.finding import Finding, Looked, quoted


def ids(looked: Looked) -> list[Finding]:
    """Judgements of queries or items that the space does not hold, or of a thing against itself."""
    found = looked.judgements.complaints
    if not found.dropped:
        return []
    total = found.dropped + len(looked.judgements.gains.indices)
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


def repetitions(looked: Looked) -> list[Finding]:
    """Pairs that come twice, and those whose judges differ."""
    findings: list[Finding] = []
    if looked.judgements.complaints.duplicates:
        count = looked.judgements.complaints.duplicates
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
    for row in looked.rows:
        by_pair.setdefault(row.pair, set()).add(row.grade)
        judges[row.pair] += 1
    differ = [pair for pair, grades in by_pair.items() if len(grades) > 1]
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


def grades(looked: Looked) -> list[Finding]:
    """Sets of one grade, and queries for which nothing is relevant."""
    table = looked.judgements.gains
    judged = looked.judgements.judged_rows
    kinds = np.unique(table.values)
    whole_items = looked.judgements.judged_items is not None
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
                f"{quoted(looked.asking.ids[empty].tolist())}: every measure gets 0 on them",
                "judge more of their items, or leave them out",
                {"queries": len(empty), "of": len(judged)},
            )
        )
    return findings


def sources(looked: Looked) -> list[Finding]:
    """Judgements that no person made, apart from those that people made."""
    by_source = Counter(row.source for row in looked.rows)
    if not by_source["generated"]:
        return []
    people = by_source["human"]
    return [
        Finding(
            "note" if people else "warning",
            "generated judgements",
            f"{by_source['generated']:,} of {len(looked.rows):,} judgements were generated, "
            f"{people:,} are by people",
            "let people judge some of the same pairs: anglewise judge agreement tells how far the "
            "model can be trusted",
            dict(by_source),
        )
    ]
