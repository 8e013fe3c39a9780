"""Results as each report shows them, for tests."""

import io

from rich.console import Console

from anglewise import Comparison
from anglewise.report import html_page, plain_text, terminal
from anglewise.report.audit_document import audit_document
from anglewise.report.comparison_document import comparison_document
from anglewise.report.document import Document


def document(result, *more):
    """The document of a comparison or an audit; any other document as it is."""
    if isinstance(result, Document):
        return result
    make = comparison_document if isinstance(result, Comparison) else audit_document
    return make(result, *more)


def page(result, *more):
    return html_page.page(document(result, *more))


def markdown(result, *more):
    return plain_text.markdown(document(result, *more))


def junit(result, *more):
    return plain_text.junit(document(result, *more))


def printed(result, width=100, encoding="utf-8", **settings):
    """What a terminal shows; an error where its encoding lacks a character."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")
    terminal.print_document(document(result), Console(file=file, width=width, **settings))
    file.flush()
    return file.buffer.getvalue().decode(encoding)
