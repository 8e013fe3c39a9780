"""Examples of a page that need a library: those of one section, run where the library is."""

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "gates.md"


def differences(section, names):
    """What the examples below a title print otherwise than the page shows; nothing if nothing."""
    text = PAGE.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    code = "\n".join(re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    example = doctest.DocTestParser().get_doctest(code, dict(names), section, str(PAGE), 0)
    assert example.examples
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    return "".join(report)
