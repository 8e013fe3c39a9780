"""What the README and the guides show of the terminal is what the terminal shows.

Every ```console block is run, command by command, from top to bottom of its page, in a folder
that holds links to real data under the names that the pages use. ``...`` on a line of its own
stands for any number of lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from real_data import real_data

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

LINKS = {
    "ratings.csv.gz": "ml-1m/interactions.csv.gz",
    "movies.csv": "ml-1m/items.csv",
    "q.npy": "cranfield/vectors/paraphrase-L3/queries.npy",
    "q.txt": "cranfield/vectors/paraphrase-L3/queries.txt",
    "d.npy": "cranfield/vectors/paraphrase-L3/items.npy",
    "d.txt": "cranfield/vectors/paraphrase-L3/items.txt",
    "qrels.tsv": "cranfield/qrels.tsv",
    "corpus.jsonl.gz": "cranfield/corpus.jsonl.gz",
    "queries.jsonl": "cranfield/queries.jsonl",
}


def steps(page: Path) -> list[tuple[str, str]]:
    """The commands of a page, each with what it should print."""
    found = []
    for block in BLOCK.findall(page.read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.strip()
            found.append((command, output))
    return found


def matches(shown: str, printed: str) -> bool:
    tidy = [
        "\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (shown, printed)
    ]
    pattern = re.escape(tidy[0]).replace(re.escape("\n...\n"), r"\n(?:.*\n)*?")
    pattern = re.sub(r"\\\n\\\.\\\.\\\.$", r"(?:\\n.*)*", pattern)
    return re.fullmatch(pattern, tidy[1]) is not None


@pytest.mark.parametrize("page", [p for p in PAGES if steps(p)], ids=lambda p: p.name)
def test_pages_show_what_the_commands_print(page, tmp_path):
    for name, target in LINKS.items():
        (tmp_path / name).symlink_to(real_data(target))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONWARNINGS": "error"}
    for command, shown in steps(page):
        run = subprocess.run(  # noqa: S602 the pages' own commands, with pipes and quotes
            command,
            shell=True,
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert matches(shown, run.stdout), f"$ {command}\n{run.stdout}"


def test_a_wrong_line_is_noticed_and_dots_stand_for_lines():
    assert matches("a\n...\nd\n", "a\nb\nc\nd")
    assert matches("a\n...", "a\nb\nc")
    assert not matches("a\n...\nd\n", "a\nb\nc\ne")
    assert not matches("use dot", "use cosine")
