"""``anglewise judge export``: the judgements of a space in a format of other programs."""

from pathlib import Path
from typing import Annotated, Any, Literal

from anglewise.cli.options import NOTHING_SPECIAL, Always
from anglewise.cli.paths import FILE, READ


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
    from anglewise.cli.talk import Talk
    from anglewise.errors import TooFewError
    from anglewise.io.judgement_export import NO_TEXTS, write_judged
    from anglewise.judgements.combine import chosen
    from anglewise.judgements.store import JudgementStore
    from anglewise.judging.judged_set import store_of
    from anglewise.judging.sample import texts_of

    talk = Talk(always)
    form = format or _format(file)
    path = store_of(space)
    with JudgementStore.open(path, read_only=True) as store:
        rows = chosen(store.rows(direction), judges=_listed(judges), sources=_listed(sources))
    if not rows:
        raise TooFewError(f"{path} holds no such judgements: there is nothing to write")
    shown = form in {"label-studio", "argilla"}
    texts = texts_of(space, talk.say) if shown else NO_TEXTS
    written = write_judged(file, rows, form, combine=combine, texts=texts)
    content: dict[str, Any] = {
        "command": "judge export",
        "store": str(path),
        "file": str(file),
        "format": form,
        "judgements": len(rows),
        "written": written,
    }
    sentence = f"{file} ({form}): {written:,} rows of {len(rows):,} judgements"
    talk.give(content, lambda console: console.print(sentence, soft_wrap=True))
    return 0


def _listed(words: str | None) -> list[str] | None:
    return None if words is None else [word.strip() for word in words.split(",")]


def _format(file: Path) -> str:
    from anglewise.errors import SpellingError

    endings = {".csv": "csv", ".parquet": "parquet", ".tsv": "beir", ".txt": "trec"}
    found = {**endings, ".qrels": "trec", ".qrel": "trec"}.get(file.suffix.lower())
    if found is None:
        raise SpellingError(
            f"{file.name} does not tell a format: add --format trec, beir, csv, parquet, "
            "label-studio or argilla"
        )
    return found
