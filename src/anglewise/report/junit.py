"""Gates as JUnit's XML, which every build server shows: one test case a gate."""

from collections.abc import Sequence
from html import escape

from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.gates import Checked
from anglewise.report.lines import headline


def junit(result: Comparison, checked: Sequence[Checked]) -> str:
    """The gates of a comparison as XML; the same bytes every time.

    A gate that fails is a failure with its sentence, one that had no earlier run to be held
    against is skipped.
    """
    failed = sum(not one.passed for one in checked)
    skipped = sum(one.figure is None for one in checked)
    counts = f'tests="{len(checked)}" failures="{failed}" errors="0" time="0"'
    facts = {
        "signature": result.signature,
        "verdict": f"{headline(result)}: {result.verdict.reason}",
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="anglewise" {counts}>',
        f'  <testsuite name="compare by {_text(result.metric)}" {counts} skipped="{skipped}">',
        "    <properties>",
        *(
            f'      <property name="{name}" value="{_text(value)}"/>'
            for name, value in facts.items()
        ),
        "    </properties>",
        *(line for one in checked for line in _case(one)),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(one: Checked) -> list[str]:
    said = _text(one.sentence)
    if not one.passed:
        inside = f'<failure type="gate" message="{said}">{said}</failure>'
    elif one.figure is None:
        inside = f'<skipped message="{said}"/>'
    else:
        inside = f"<system-out>{said}</system-out>"
    return [
        f'    <testcase classname="anglewise.compare" name="{_text(str(one.gate))}" time="0">',
        f"      {inside}",
        "    </testcase>",
    ]


def _text(words: str) -> str:
    """Escaped, without the control characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() else " " for c in words))
