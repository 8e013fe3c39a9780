"""What a look at a set of judgements finds, and all findings together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.judgements import Judgements
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
class Looked:
    """What is looked at: judgements lined up with their space, and, where known, their rows."""

    space: Space
    judgements: Judgements
    rows: tuple[Judged, ...] = ()

    @property
    def asking(self) -> Embeddings:
        """Who asks."""
        return self.space.sides(self.judgements.direction)[0]

    @property
    def ranked(self) -> Embeddings:
        """Who is ranked."""
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
    return ", ".join(repr(str(name)[:40]) for name in names[:most]) + more
