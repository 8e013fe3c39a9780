"""``anglewise demo``: the main job on generated data, by the very commands that it shows."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.path_checks import check_outputs
from anglewise.cli.paths import DEMO, DEMO_MARK

if TYPE_CHECKING:
    from anglewise.cli.console import Talk

USERS, FILMS, COMPONENTS = 4_000, 600, 32
MEASURES = "dot,cosine,euclidean,norm(0,0.5),cosine@centred"
OWN_DATA = """\
Pages with charts, and with neighbours side by side: {pages}

For your own data:
  anglewise fit ratings.csv.gz -o movies/              who used what: learn, then compare
  anglewise compare movies/
  anglewise compare movies/ --direction items-items
  anglewise compare --queries q.npy --query-ids q.txt --items d.npy --item-ids d.txt \\
      --qrels qrels.tsv                                vectors of any model, and judgements
  anglewise compare pairs.csv --items vectors.npy --item-ids ids.txt
  anglewise search movies/ --direction items-items --query ID
  anglewise audit movies/                              how much of the cosine nobody chose
  anglewise remedy movies/ --budget 10m                what to use instead
  anglewise inspect movies/                            look, and judge
"""
TO_LOOK_AT = (
    "The films as a page: what was looked at and what judgements allow to say, the gauge slider "
    "(every prediction stays, the lists change), each film beside its neighbours, and under "
    '"Reports" the audit and the verdict.'
)


def demo(
    *,
    output: Annotated[Path, Parameter(alias="-o"), DEMO] = Path("demo"),
    open_page: Annotated[bool, Parameter(name="--open", negative=())] = False,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Do the main job on generated data, and show what to type for your own.

    Three sets, no download: a simulated catalogue of films and their viewers, handwritten digits,
    and questions about the guides of anglewise with graded judgements.

    Parameters
    ----------
    output
        The folder for what is made: inputs, spaces, pages, JSON.
    open_page
        Then open the page of the films, until Ctrl-C. Where no person is at a terminal, what opens
        it is printed instead.
    """
    from io import StringIO

    from anglewise.cli.console import STDOUT, Talk
    from anglewise.cli.program import version
    from anglewise.io.outputs import filled_folder, write_text
    from anglewise.report.document import Document
    from anglewise.report.plain_text import as_json

    result = Talk(always)  # which finds standard output closed before anything is made
    with filled_folder(output):
        for name in ("films", "digits", "guides"):
            check_outputs(output / name)
        mark = {"command": "demo", "version": version()}
        write_text(output / DEMO_MARK.name, as_json(mark))
        silent = redirect_stdout(StringIO()) if always.json == STDOUT else nullcontext(sys.stdout)
        with silent:
            talk = Talk(always)
            comparisons = [*_films(output, talk), *_digits(output, talk), *_guides(output, talk)]
    content = {
        "command": "demo",
        "version": version(),
        "output": str(output),
        "comparisons": {name: _read(output / f"{name}.json") for name in comparisons},
    }
    pages = ", ".join(str(output / f"{name}.html") for name in (*comparisons, AUDIT))
    result.give(content, Document.of(*OWN_DATA.format(pages=pages).splitlines()))
    if open_page and always.json != STDOUT:
        _open(output / "films", result)
    return 0


AUDIT = "films-audit"
"""The files of the audit."""


def _open(films: Path, talk: "Talk") -> None:
    """Serve the page to whoever sits at the terminal; else say what does."""
    from anglewise.errors import MissingExtraError

    words = ["inspect", str(films)]
    talk.out.print()
    talk.out.print(TO_LOOK_AT)
    if not _somebody_is_there():
        talk.out.print(f"To open it: anglewise {join(words)}", soft_wrap=True)
        return
    try:
        _run(words, talk)
    except MissingExtraError as missing:
        talk.out.print(f"not opened: {missing}")


def _somebody_is_there() -> bool:
    """Whether a person can read what is printed and end what waits."""
    return "CI" not in os.environ and all(
        stream is not None and not stream.closed and stream.isatty()
        for stream in (sys.stdin, sys.stdout)
    )


def _films(output: Path, talk: "Talk") -> list[str]:
    from anglewise.experiment.catalogue import simulate

    _chapter(f"{USERS:,} viewers of {FILMS:,} films, simulated", talk)
    films = simulate(USERS, FILMS, seed=talk.always.seed).interactions
    ratings, table = output / "ratings.csv.gz", output / "films.csv"
    names = zip(films.user_ids[films.users], films.item_ids[films.items], strict=True)
    _write_csv(ratings, ["user_id", "item_id"], names)
    metadata = films.item_metadata or {}
    _write_csv(table, ["item_id", *metadata], zip(films.item_ids, *metadata.values(), strict=True))
    space = output / "films"
    size = ["--components", str(COMPONENTS)]
    _run(["fit", str(ratings), "-o", str(space), *size, "--item-table", str(table)], talk)
    directions = {"films-recommend": "queries-items", "films-similar": "items-items"}
    for name, direction in directions.items():
        _compare(name, [str(space), "--direction", direction], output, talk)
    _run(["audit", str(space), *_files(AUDIT, output)], talk)
    return list(directions)


def _digits(output: Path, talk: "Talk") -> list[str]:
    from anglewise.errors import MissingExtraError
    from anglewise.experiment.catalogue import digits
    from anglewise.io.space_folder import write_space

    _chapter("1,797 handwritten digits: the same digit is relevant", talk)
    try:
        space, judgements = digits()
    except MissingExtraError as missing:
        talk.out.print(f"left out: {missing}")
        return []
    write_space(space, output / "digits", judgements={judgements.direction: judgements})
    _compare("digits", [str(output / "digits"), "--direction", judgements.direction], output, talk)
    return ["digits"]


def _guides(output: Path, talk: "Talk") -> list[str]:
    from anglewise.experiment.catalogue import retrieval
    from anglewise.io.space_folder import write_space

    _chapter("Questions about the guides of anglewise, with graded judgements", talk)
    space, judgements = retrieval()
    write_space(space, output / "guides", judgements={judgements.direction: judgements})
    _compare("guides", [str(output / "guides")], output, talk)
    return ["guides"]


def _compare(name: str, space: Sequence[str], output: Path, talk: "Talk") -> None:
    _run(["compare", *space, "--measures", MEASURES, *_files(name, output)], talk)


def _files(name: str, output: Path) -> list[str]:
    return ["--html", str(output / f"{name}.html"), "--json", str(output / f"{name}.json")]


def _run(tokens: Sequence[str], talk: "Talk") -> None:
    """Show a command, then run it as it stands."""
    from anglewise.cli.program import run

    if talk.always.seed:
        tokens = [*tokens, "--seed", str(talk.always.seed)]
    talk.out.print(f"$ anglewise {join(tokens)}", style="bold", soft_wrap=True)
    run([*tokens, *(["--quiet"] if talk.always.quiet else [])])
    talk.out.print()


def _chapter(title: str, talk: "Talk") -> None:
    talk.out.rule(title, align="left", characters="=" if talk.out.encoding == "ascii" else "─")
    talk.out.print()


def _write_csv(path: Path, heading: Sequence[str], rows: Any) -> None:
    import csv
    import gzip
    from io import StringIO

    from anglewise.io.outputs import new_file

    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([heading, *rows])
    content = text.getvalue().encode()
    with new_file(path) as file:  # without the time of day, so that the same seed gives same bytes
        file.write(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _read(path: Path) -> Any:
    import json

    return json.loads(path.read_text("utf-8"))
