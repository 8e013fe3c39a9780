"""``anglewise judge import``, ``export``, ``agreement``: recorded judgements."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.options import (
    NOTHING_SPECIAL,
    Always,
    number,
)
from anglewise.cli.paths import CSV, FILE, READ, REJECTS, STORE, rejects_beside
from anglewise.data_types.numbers import read_number, shown, whole
from anglewise.data_types.text import counted

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.io.judgement_rows import JudgedFile
    from anglewise.report.document import Document


def judge_import(
    space: Annotated[Path, STORE],
    file: Annotated[Path, READ],
    /,
    *,
    format: Literal["trec", "beir", "csv", "parquet", "label-studio", "argilla", "store"]  # noqa: A002
    | None = None,
    judge: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    source: Literal["human", "interaction", "label", "generated"] | None = None,
    grades: str | None = None,
    question: str | None = None,
    query_column: str | None = None,
    item_column: str | None = None,
    gain_column: str | None = None,
    strict: Annotated[bool, Parameter(negative=())] = False,
    rejects: Annotated[Path | None, REJECTS] = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Record the judgements of a file in the store of a space; name every bad row.

    Good rows are recorded together, or none where the store refuses; a file may come twice.

    Parameters
    ----------
    space
        The folder of a space, whose judgements lie in judgements.sqlite, or a .sqlite file.
    file
        TREC qrels, BEIR tsv, CSV or parquet with a row for each judge and pair, the JSON export
        of Label Studio, records of Argilla, or another store; the text formats also as .gz.
    format
        The format, where name and content do not tell it.
    judge
        Who judged, where the file does not say; without it the name of the file, unless grades
        stand under that name of which it would take the place.
    direction
        Who asks and who is ranked, where the file does not say: queries-items if not given.
    source
        Where the grades come from, where the file does not say: human if not given.
    grades
        What words mean, such as relevant=1,irrelevant=0.
    question
        The question of Argilla that holds the grade; without it relevance, or the only one.
    query_column
        Name of the column of queries, if it is not a usual one.
    item_column
        Name of the column of items, if it is not a usual one.
    gain_column
        Name of the column of grades, if it is not a usual one.
    strict
        Record nothing if any row is bad.
    rejects
        Where bad rows go, with reasons, in place of what is there; without it beside the file, as
        FILE.rejects.csv, or under the next free name where that file holds anything else.
    """
    from anglewise.cli.console import Talk
    from anglewise.io.judgement_formats import (
        REJECT_COLUMNS,
        read_judged,
        rejects_table,
        write_rejects,
    )
    from anglewise.io.judgement_rows import Assumed, count_refused
    from anglewise.io.tables import DOCUMENT, GAIN, QUERY
    from anglewise.judgements.store import JudgementStore
    from anglewise.labelling.judged_set import located_in, record, store_of

    talk = Talk(always)
    path = store_of(space)
    assumed = Assumed(
        judge=judge or file.name,
        direction=direction or "queries-items",
        source=source or "human",
        grades=_grades(grades),
    )
    with talk.progress("reading"):
        result = read_judged(
            file,
            form=format,
            assumed=assumed,
            columns={QUERY: query_column, DOCUMENT: item_column, GAIN: gain_column},
            question=question,
            strict=strict,
        )
    _check_words(result, assumed.grades, file, talk)
    _say_known(result, {"judge": judge, "direction": direction, "source": source}, file, talk)
    rejects_file = None
    if result.rejects:
        rejects_file = rejects or _rejects_file(file, rejects_table(result.rejects), talk)

    def before_the_end(replaced: Mapping[str, int]) -> None:
        if judge is None and "judge" in result.lacking:
            _check_same_judge(file, replaced.get(file.name, 0), path)
        if rejects_file is not None:
            write_rejects(rejects_file, result.rejects)

    located = located_in(space, file, result.judged, of_store=result.form == "store")
    if located.count:
        named = counted(located.count, "judgement names a passage", "judgements name passages")
        talk.say(
            f"{named} by id alone: recorded with the characters at which these stand in "
            f"{located.folder}"
        )
    with JudgementStore.open(path) as store:
        recorded = record(store, located.judged, before_the_end)
        standing = store.counts().standing
    content: dict[str, Any] = {
        "command": "judge import",
        "file": str(file),
        "format": result.form,
        "store": str(path),
        "recorded": recorded.added,
        "replaced": recorded.replaced,
        "there_already": recorded.already,
        "repeated": result.repeated,
        "set_aside": dict(result.skipped),
        "refused": count_refused(result.rejects),
        "rejects": None if rejects_file is None else str(rejects_file),
        "first_refused": [
            {name: getattr(reject, name) for name in REJECT_COLUMNS}
            for reject in result.rejects[:5]
        ],
        "standing": standing,
        "located": located.count,
    }
    done = f"{counted(recorded.added, 'judgement')} recorded in {path}"
    talk.give(content, _import_document(content, recorded.in_place), done)
    return 0


def _check_same_judge(file: Path, replaced: int, store: Path) -> None:
    """Refuse to let one person's grades stand for another's who sent a file of the same name."""
    from anglewise.errors import SpellingError

    if replaced:
        judge = shown(file.name)
        raise SpellingError(
            f"{file} does not say who judged, and by its name would take the place of {replaced:,} "
            f"other grades that stand in {store} under {judge!r}: name who it was (--judge NAME), "
            f"or say that it is the same person (--judge {shlex.quote(judge)})"
        )


def _rejects_file(file: Path, table: str, talk: "Talk") -> Path:
    """The first name beside a file under which nothing lies but this very table.

    Somebody may have mended rows in an earlier one.
    """
    usual = next(rejects_beside(file))
    free = next(path for path in rejects_beside(file) if _holds(path, table))
    if free != usual:
        talk.say(f"{usual} is there already and stays as it is")
    return free


def _holds(path: Path, text: str) -> bool:
    """Whether nothing is at a path, or a file of this text."""
    if not os.path.lexists(path):
        return True
    written = text.encode()
    if not path.is_file() or path.is_symlink() or path.stat().st_size != len(written):
        return False
    return path.read_bytes() == written


def _grades(words: str | None) -> dict[str, float]:
    from anglewise.data_types.text import check_distinct
    from anglewise.errors import SpellingError

    meanings: list[tuple[str, float]] = []
    for word in words.split(",") if words else ():
        name, _, grade = word.rpartition("=")
        number = read_number(grade.strip())
        if number is None or not name.strip():
            raise SpellingError(
                f"--grades {shown(words)}: words and what they mean are due, as in "
                "relevant=1,spam=0"
            )
        meanings.append((name.strip().lower(), float(number)))
    check_distinct([name for name, _ in meanings], "--grades")
    return dict(meanings)


def _check_words(read: "JudgedFile", grades: Mapping[str, float], file: Path, talk: "Talk") -> None:
    """Refuse words of which no row has any; say which ones no row has."""
    from anglewise.errors import SpellingError

    unused = [shown(word) for word in grades if word not in read.words]
    if grades and len(unused) == len(grades):
        raise SpellingError(
            f"--grades says what {', '.join(unused)} means, and no grade of {file} is such a word: "
            "leave it out, or mend the words"
        )
    if unused:
        talk.say(f"--grades: no grade of {file.name} is {', '.join(unused)}")


def _say_known(
    read: "JudgedFile", assumed: "dict[str, str | None]", file: Path, talk: "Talk"
) -> None:
    """Say what was given for rows that do not say it, where every row does."""
    for name, value in assumed.items():
        if value is not None and name not in read.lacking:
            talk.say(f"--{name} {shown(value)}: not used, as every row of {file.name} says its own")
    if assumed["judge"] is None and "judge" in read.lacking:
        talk.say(
            f"{file.name} does not say of every row who judged: there the name of the file is the "
            "judge (--judge NAME says who it was)"
        )


def _import_document(content: Mapping[str, Any], in_place: str) -> "Document":
    """What was recorded of a file, what was refused and why, and what the store holds now."""
    from anglewise.report.document import Document, Line

    parts = [
        f"{content['recorded']:,} recorded",
        *([in_place] if in_place else []),
        *([f"{content['there_already']:,} there already"] if content["there_already"] else []),
        *([f"{content['repeated']:,} repeated in the file"] if content["repeated"] else []),
        *(f"{count:,} {why}" for why, count in content["set_aside"].items()),
        *([f"{content['refused']:,} refused"] if content["refused"] else []),
    ]
    lines = [f"{content['file']} ({content['format']}): {', '.join(parts)}"]
    refused = [
        f"  {reject['row']}: {reject['reason']}; {reject['remedy']}"
        for reject in content["first_refused"]
    ]
    further = content["refused"] - len(content["first_refused"])
    if further > 0:
        refused.append(f"  and {further:,} more")
    last = [f"refused rows, with reasons: {content['rejects']}"] if content["rejects"] else []
    standing = counted(content["standing"], "judgement stands", "judgements stand")
    last.append(f"{content['store']}: {standing}")
    return Document(
        [
            [
                *(Line(line, unbroken=True) for line in lines),
                *(Line(line, "warning", unbroken=True) for line in refused),
                *(Line(line, unbroken=True) for line in last),
            ]
        ]
    )


def judge_export(
    space: Annotated[Path, READ],
    file: Annotated[Path, FILE],
    /,
    *,
    format: Literal["trec", "beir", "csv", "parquet", "label-studio", "argilla"] | None = None,  # noqa: A002
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    judges: str | None = None,
    sources: str | None = None,
    combine: Literal["adjudicated", "majority", "mean"] = "adjudicated",
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Write the judgements that stand in a format of other programs.

    csv, parquet, label-studio and argilla keep every judge's row and all that is known of it;
    judge import reads them back unchanged. trec and beir hold one grade for each pair.

    Parameters
    ----------
    space
        The folder of a space, whose judgements lie in judgements.sqlite, or a .sqlite file.
    file
        The file to write.
    format
        Without it what the name says: .csv, .parquet, .tsv for beir, .txt and .qrels for trec.
    direction
        Only judgements of this direction.
    judges
        Only judgements of these, parted by commas.
    sources
        Only judgements from these, parted by commas: human, interaction, label, generated.
    combine
        How several judges of a pair make one grade, for trec and beir: adjudicated is the
        adjudicator's, else the majority's.
    """
    from anglewise.cli.console import Talk
    from anglewise.errors import TooFewError
    from anglewise.io.judgement_export import NO_TEXTS, left_out_by, without, write_judged
    from anglewise.io.output_checks import check_ending
    from anglewise.judgements.combine import chosen
    from anglewise.judgements.store import JudgementStore
    from anglewise.labelling.judged_set import store_of
    from anglewise.labelling.sample import texts_of
    from anglewise.report.document import Document

    talk = Talk(always)
    form = format or _format(file)
    check_ending(file, ENDINGS[form], f"judgements as {form}")
    path = store_of(space)
    with JudgementStore.open(path, read_only=True) as store:
        rows = chosen(store.rows(direction), judges=_listed(judges), sources=_listed(sources))
    if not rows:
        raise TooFewError(f"{path} holds no such judgements: there is nothing to write")
    shown = form in {"label-studio", "argilla"}
    texts = texts_of(space, talk.say) if shown else NO_TEXTS
    written = write_judged(file, rows, form, combine=combine, texts=texts)
    lost = left_out_by(form, rows)
    content: dict[str, Any] = {
        "command": "judge export",
        "store": str(path),
        "file": str(file),
        "format": form,
        "judgements": len(rows),
        "written": written,
        "left_out": lost,
    }
    lines = [f"{file} ({form}): {written:,} rows of {len(rows):,} judgements"]
    if lost:
        lines.append(
            f"{form} has no place for {' and '.join(lost)}: compare by this file "
            f"{' and '.join(without(lost))}; by the store, or by an export as csv or parquet, it "
            "does"
        )
    talk.give(content, Document.of(*lines))
    return 0


ENDINGS = {
    "csv": (".csv", ".txt"),
    "parquet": (".parquet",),
    "beir": (".tsv", ".txt"),
    "trec": (".txt", ".tsv", ".qrels", ".qrel"),
    "label-studio": (".json", ".txt"),
    "argilla": (".json", ".txt"),
}
"""What a file of each format may be called."""


def _listed(words: str | None) -> list[str] | None:
    return None if words is None else [word.strip() for word in words.split(",")]


FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".tsv": "beir",
    ".txt": "trec",
    ".qrels": "trec",
    ".qrel": "trec",
}
"""Formats of judgements by the ending of a file."""


def _format(file: Path) -> str:
    from anglewise.errors import SpellingError

    form = FORMATS.get(file.suffix.lower())
    if form is None:
        raise SpellingError(
            f"{file.name} does not tell a format: add --format trec, beir, csv, parquet, "
            "label-studio or argilla"
        )
    return form


def judge_agreement(
    space: Annotated[Path, READ],
    /,
    *,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    judges: str | None = None,
    sources: str | None = None,
    resamples: Annotated[int, number(whole(1, 100_000, example="2000"))] = 2_000,
    disputes: Annotated[Path | None, CSV] = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say how far judges agree beyond chance, and on which pairs they do not.

    To settle disputes: write them with --disputes, fill in the column grade, and record them with
    judge import SPACE FILE --judge adjudicator. From then on these grades stand.

    Parameters
    ----------
    space
        The folder of a space, whose judgements lie in judgements.sqlite; a .sqlite file, or any
        file of judgements with a column of judges.
    direction
        Only judgements of this direction.
    judges
        Only judgements of these, parted by commas.
    sources
        Only judgements from these, parted by commas: human, interaction, label, generated.
    resamples
        Of the queries, for the intervals.
    disputes
        Write the pairs that nobody decided yet as a CSV with an empty column for the grade.
    """
    from anglewise.cli.console import Talk
    from anglewise.io.judgement_export import write_disputes
    from anglewise.io.judgement_formats import read_judged
    from anglewise.io.judgement_rows import count_refused
    from anglewise.io.pairs_to_judge import check_no_grades
    from anglewise.judgements.combine import chosen
    from anglewise.labelling.agreement import agreement
    from anglewise.labelling.judged_set import store_of
    from anglewise.labelling.sample import texts_of
    from anglewise.report.check_documents import agreement_document

    talk = Talk(always)
    if disputes is not None:
        check_no_grades(disputes)
    file = read_judged(store_of(space) if space.is_dir() else space)
    if file.rejects:
        talk.say(f"{count_refused(file.rejects):,} rows refused: anglewise judge import names them")
    rows = chosen(
        (row for row in file.judged if direction in {None, row.direction}),
        judges=_listed(judges),
        sources=_listed(sources),
    )
    with talk.progress("resampling"):
        result = agreement(rows, resamples=resamples, seed=always.seed)
    if disputes is not None:
        undecided = [dispute for dispute in result.disputes if dispute.decided is None]
        write_disputes(disputes, undecided, texts_of(space, talk.say))
        talk.say(f"wrote {disputes}: {len(undecided):,} pairs to decide")
    talk.give(result.to_dict(), agreement_document(result))
    return 0
