"""``anglewise verify-report``: whether a report says what its inputs give."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.paths import READ

if TYPE_CHECKING:
    from anglewise.report.document import Document
    from anglewise.report.same_report import OtherFigure


def verify_report(report: Annotated[Path, READ], /, *, always: Always = NOTHING_SPECIAL) -> int:
    """Make a report of compare or audit again from its inputs, and hold both against each other.

    Exit code 1 where a figure differs, 2 where that cannot be told: an input is gone or another
    one, or the report was made with what is not run again from a file.

    Parameters
    ----------
    report
        What compare or audit wrote by --json. Its inputs are looked for where the call found them:
        run this in the same folder.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.cli.reported_call import check_inputs, made_again, read_report
    from anglewise.report.same_report import differences

    talk = Talk(always)
    reported = read_report(report)
    check_inputs(report, reported)
    with talk.progress("computing"):
        again = made_again(report, reported)
    found = differences(reported.content, again)
    differing = [one for one in found if not one.in_rounding]
    content = {
        "command": "verify-report",
        "version": version(),
        "report": str(report),
        "of": reported.command,
        "made_by": str(reported.content.get("version")),
        "inputs": len(reported.inputs),
        "holds": not differing,
        "differ": len(differing),
        "differ_in_rounding": len(found) - len(differing),
        "differences": [one.to_dict() for one in differing[:SHOWN]],
    }
    talk.give(content, _document(content, differing))
    return int(bool(differing))


SHOWN = 20
"""So many differences are shown."""


def _document(content: dict[str, Any], differing: "list[OtherFigure]") -> "Document":
    from anglewise.data_types.text import counted
    from anglewise.report.document import Document

    rounding = content["differ_in_rounding"]
    also = f"; {counted(rounding, 'figure')} differ beyond nine digits alone" if rounding else ""
    inputs = counted(content["inputs"], "input")
    if content["holds"]:
        return Document.of(f"{content['report']} holds: {content['of']} of {inputs} says it{also}")
    entries = "1 entry differs" if len(differing) == 1 else f"{len(differing):,} entries differ"
    first = f"{content['report']} does not hold: {entries} from what {content['of']} says{also}"
    lines = [first, *map(str, differing[:SHOWN])]
    if content["made_by"] != content["version"]:
        lines.append(
            f"it was made by anglewise {content['made_by']}, and this is {content['version']}: "
            "figures may have changed between them, as UPGRADING.md says"
        )
    return Document.of(*lines)
