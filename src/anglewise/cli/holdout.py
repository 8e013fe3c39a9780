"""``anglewise holdout``: a split that any library trains on, and that judges its model."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.options import (
    A_COUNT,
    NOTHING_SPECIAL,
    USUAL_COLUMNS,
    Always,
    InteractionOptions,
    number,
)
from anglewise.cli.paths import FOLDER, READ
from anglewise.data_types.numbers import FINITE, SHARE

if TYPE_CHECKING:
    from anglewise.report.document import Document


def holdout(
    interactions: Annotated[Path, READ],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o"), FOLDER],
    how: Literal["last", "time", "users"] = "last",
    share: Annotated[float | None, number(SHARE)] = None,
    at: Annotated[float | None, number(FINITE)] = None,
    split: Literal["random", "time", "last"] | None = None,
    k_core: Annotated[int | None, A_COUNT] = None,
    graded: Annotated[bool, Parameter(negative=())] = False,
    tables: Literal["parquet", "csv"] = "parquet",
    columns: InteractionOptions = USUAL_COLUMNS,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Split who used what into what a model of any library trains on and what judges it.

    Writes a folder with train, fold-in and test, as tables and as sparse matrices, the ids of
    their rows, and a manifest with checksums, for anglewise compare --protocol.

    Parameters
    ----------
    interactions
        Who used what: a table as for anglewise fit.
    output
        The folder to write; a split that lies there is replaced.
    how
        last: of every user the last item is to be found, by time. time: what happened before a
        moment trains, and what its users newly use after it is to be found. users: some users are
        held out of the training, and folded in by a part of what they used.
    share
        Of the users that are held out, or of the interactions after the moment: 0.2 if not given.
    at
        The moment, in the unit of the times; if not given, so that --share of all happens after.
    split
        What of held-out users is to be found: half of it, drawn at random (if not given), the
        later half by time, or the last item alone.
    k_core
        Before that, leave out users and items with fewer interactions, until all have so many.
    graded
        Weights say how relevant what is to be found is; else all of it is alike.
    tables
        The form of the tables. csv leaves it to its reader to guess what is a number.
    """
    from anglewise.cli.console import Talk
    from anglewise.io.archives import archive_of
    from anglewise.io.holdout_folder import check_split_destination, file_checksum
    from anglewise.io.holdout_folder import holdout as split_and_write
    from anglewise.io.read import read_interactions

    talk = Talk(always)
    check_split_destination(output)
    with talk.progress("reading"):
        table = read_interactions(interactions, **vars(columns), say=talk.say)
    archive = archive_of(interactions)
    name = interactions.name
    if archive is not None:
        name = interactions.relative_to(archive.parent).as_posix()
    manifest = split_and_write(
        table,
        output,
        how,
        share=share,
        at=at,
        split=split,
        k_core=k_core,
        graded=graded,
        tables=tables,
        about={
            "source": {"file": name, "sha256": file_checksum(archive or interactions)},
            "min_weight": columns.min_weight,
        },
        seed=always.seed,
    )
    content = {"command": "holdout", "output": str(output), **manifest}
    talk.give(content, _document(content))
    return 0


def _document(content: Mapping[str, Any]) -> "Document":
    """What was split, what trains, what judges, and what to type next."""
    from anglewise.data_types.text import counted
    from anglewise.report.document import Document, Line

    read, counts, folder = content["read"], content["counts"], content["output"]

    def size(of: Mapping[str, int]) -> str:
        items = f"{counted(of['items'], 'item')}, " if "items" in of else ""
        return (
            f"{counted(of['users'], 'user')}, {items}{counted(of['interactions'], 'interaction')}"
        )

    core = "" if content["k_core"] is None else f", of which the {content['k_core']}-core is split"
    lines = [Line(f"read: {size(read)}{core}"), Line(f"train: {size(counts['train'])}")]
    if counts["fold_in"]["users"]:
        lines.append(Line(f"fold-in: {size(counts['fold_in'])}"))
    lines.append(Line(f"test: {size(counts['test'])} ({content['sentence']})"))
    unknown = counts["test"]["not_in_training"]
    if unknown:
        lines.append(
            Line(
                f"note: {unknown:,} of what is to be found are of items that the training does not "
                "hold, so that no model can find them: they count as missed"
            )
        )
    lines += [
        Line(f"note: {counted(users, 'user')} not judged: {reason}")
        for reason, users in content["not_judged"].items()
    ]
    lines.append(Line(f"wrote {folder}"))
    lines.append(Line("next: train on it, row by row of train.npz, and ask which measure"))
    command = f"anglewise compare --protocol {quote(folder)} --model MODEL"
    lines.append(Line(f"  {command}", unbroken=True))
    return Document([lines])
