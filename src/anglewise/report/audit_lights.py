"""The findings of an audit as people read them: in five lines, in plain words, on the page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.findings import STATES, Light, LightGate
from anglewise.data_types.text import listed, shortened
from anglewise.report.document import Findings, Group, Line

Amount: TypeAlias = Literal["brief", "plain", "details"]
"""How much of an audit is printed."""

LINE = 100
WORST = 3
"""Findings and notes that have room where little is printed."""


def counts(lights: Sequence[Light]) -> str:
    """How many findings are of each state.

    >>> counts([Light("ids", "ok", ""), Light("zeros", "look", "")])
    '0 fix, 1 look, 0 unknown, 1 ok'
    """
    return ", ".join(f"{sum(light.state == state for light in lights)} {state}" for state in STATES)


def light_sections(audit: Audit) -> dict[str, list[str]]:
    """Under each state its findings, each with what helps; those that are well share a line."""
    sections: dict[str, list[str]] = {}
    for light in audit.findings:
        if light.state == "ok":
            continue
        lines = sections.setdefault(light.state, [])
        lines.append(f"{light.name}: {light.what}")
        if light.do:
            lines.append(f"  try: {light.do}")
    well = [light.name for light in audit.findings if light.state == "ok"]
    if well:
        sections["ok"] = [listed(well)]
    return sections


NO_JUDGEMENTS = " --qrels FILE"
"""What stands in a command where judgements are due of which nothing is known."""
HOW_TO_JUDGE = (
    "--qrels FILE: judgements; none yet? judge in anglewise inspect, or anglewise holdout --help"
)


def named(command: str, space: str, judged: str | None = None) -> str:
    """A command with the space that is meant, and its judgements.

    ``judged`` is what names them: nothing where they lie in the space; None where there are none.

    >>> named("anglewise compare SPACE --qrels FILE --measures dot", "films/")
    'anglewise compare films/ --qrels FILE --measures dot'
    >>> named("anglewise compare SPACE --qrels FILE --measures dot", "films/", "")
    'anglewise compare films/ --measures dot'
    """
    words = command.replace("SPACE", space)
    return words if judged is None else words.replace(NO_JUDGEMENTS, f" {judged}".rstrip())


def helped(lights: Iterable[Light], space: str, judged: str | None = None) -> tuple[Light, ...]:
    """The findings with commands that name the space and its judgements, as ``named`` does."""
    return tuple(replace(light, do=named(light.do, space, judged)) for light in lights)


def lights_group(audit: Audit) -> Group:
    """The findings, the worst first, under how many there are of each state."""
    return [
        Line(f"looked at: {counts(audit.findings)}", "strong"),
        Findings(light_sections(audit)),
    ]


def gate_group(gate: LightGate | None) -> list[Group]:
    """What the gate says, if there is one."""
    return [] if gate is None else [[Line(str(gate), "use" if gate.passed else "failed")]]


def brief_lines(audit: Audit, facts: Sequence[str], gate: LightGate | None) -> Iterator[Line]:
    """Five lines at most: what it is, the verdict, and the worst findings, or the gate."""
    yield Line(" · ".join(facts), "dim", most_lines=1)
    yield Line(
        f"cosine is {audit.verdict.cosine}; looked at: {counts(audit.findings)}",
        "strong",
        most_lines=1,
    )
    room = WORST - (gate is not None)
    bad = [light for light in audit.findings if light.state != "ok"]
    for light in bad[:room]:
        text = f"{light.state} {light.name}: {light.what}"
        yield Line(shortened(text, LINE), light.state)
    if gate is not None:
        yield Line(shortened(str(gate), LINE), "use" if gate.passed else "failed")


def plain_body(
    audit: Audit, asked: Mapping[str, Sequence[str]], space: str, gate: LightGate | None
) -> list[Group]:
    """Plain words: the findings and what helps, what was asked for, where the figures are."""
    body: list[Group] = [lights_group(audit)]
    if asked:
        body.append([Findings(asked)])
    hints = [Line(f"every figure: anglewise audit {space} --details; pictures: --html FILE", "dim")]
    if any(NO_JUDGEMENTS in light.do for light in audit.findings):
        hints.insert(0, Line(HOW_TO_JUDGE, "dim"))
    return [*body, *gate_group(gate), hints]


def few_notes(notes: Sequence[str]) -> list[str]:
    """The first notes, and how many more there are."""
    more = len(notes) - WORST
    if more <= 0:
        return [*notes]
    return [*notes[:WORST], f"{more} more: --details"]
