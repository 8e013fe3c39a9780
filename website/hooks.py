"""What mkdocs does beside its own: pages made from the code, links to files of the repository."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from reference import commands_page, python_page

MADE = {"reference/commands.md": commands_page, "reference/python.md": python_page}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the code."""
    for name, make in MADE.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Let links to files that are no part of the site go to the repository."""
    deep = page.file.src_uri.count("/") + 1
    return re.sub(rf"\]\((?:\.\./){{{deep}}}([\w./-]+)", rf"]({config.extra['source']}\1", markdown)
