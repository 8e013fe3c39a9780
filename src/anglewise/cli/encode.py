"""``anglewise encode``: from texts or images to a folder that other commands can use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Group, Parameter

from anglewise.cli.options import A_COUNT, NOTHING_SPECIAL, Always, number, number_or
from anglewise.cli.paths import ENCODER, FOLDER, KEPT, READ
from anglewise.data_types.numbers import CONCURRENCY, COUNT, whole
from anglewise.data_types.text import Say, quiet
from anglewise.errors import SpellingError

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.judgements import Judgements
    from anglewise.encoders.documents import Documents
    from anglewise.report.document import Document


Judge: TypeAlias = "Callable[[Space, Say], Judgements]"
"""Reads the judgements that come with texts, aligned with a space."""


@dataclass(frozen=True)
class EncodedSides:
    """What is encoded, texts or images, and what judges it, if that comes along."""

    documents: Any
    queries: Any = None
    judge: "Judge | None" = None


TABLE = Group("The table", sort_key=10)
KEEPING = Group("Vectors that are kept", sort_key=20)


def encode(
    documents: Annotated[Path, READ],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o"), FOLDER],
    encoder: Annotated[str, ENCODER],
    queries: Annotated[Path | None, READ] = None,
    chunk: Annotated[Literal["auto", "none"] | int, number_or(("auto", "none"), COUNT)] = "auto",
    overlap: Annotated[int | None, number(whole(0))] = None,
    batch: Annotated[int | None, A_COUNT] = None,
    concurrency: Annotated[int | None, number(CONCURRENCY)] = None,
    trained_for: Literal["dot", "cosine", "euclidean", "unknown"] | None = None,
    text_column: Annotated[str | None, Parameter(group=TABLE)] = None,
    image_column: Annotated[str | None, Parameter(group=TABLE)] = None,
    id_column: Annotated[str | None, Parameter(group=TABLE)] = None,
    cache: Annotated[Path | None, Parameter(group=KEEPING, negative=()), KEPT] = None,
    no_cache: Annotated[bool, Parameter(group=KEEPING, negative=())] = False,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Turn texts or images into vectors, and keep with them what made them.

    Writes a folder for anglewise compare and search: vectors, texts and the encoder's name.

    Parameters
    ----------
    documents
        corpus.jsonl of BEIR or a folder that holds it; JSON, CSV, TSV or parquet with ids and
        texts; files of SMART or TREC; each also as .gz; HTML, Markdown, PDF, or a folder of such
        and .txt files; ir-datasets:NAME. For an encoder of images a folder of PNG, JPEG and the
        like, or a table with a column of their paths or bytes.
    output
        The folder to write; one that anglewise wrote before is replaced.
    encoder
        What encodes: use, words:FILE, model2vec:MODEL, onnx:FILE, sentence-transformers:MODEL,
        openai:MODEL or python:MODULE:FUNCTION; of images onnx-images:FILE or
        python-images:MODULE:FUNCTION; with options behind a question mark, such as
        onnx:FILE?pooling=cls or onnx-images:FILE?size=224.
    queries
        The questions, in a file like that of the documents, topics of TREC among them, or the
        images that ask; those of a BEIR folder come along, with its judgements.
    chunk
        auto cuts documents that the encoder would read in part only, none leaves all whole, a
        number cuts every one to that many tokens.
    overlap
        How many tokens a passage shares with the one before; without it an eighth.
    batch
        How many texts or images the encoder is given at once, if its own choice does not suit.
    concurrency
        How many batches are on their way to a server at once; without it 4.
    trained_for
        The measure inside the training loss, if you know better than the encoder says.
    text_column
        Name of the column of texts, if it is not a usual one.
    image_column
        Name of the column of images, if it is not a usual one.
    id_column
        Name of the column of ids in CSV or parquet, if it is not a usual one.
    cache
        The folder in which vectors are kept, so that a run that was stopped goes on where it was;
        without it one among the user's caches.
    no_cache
        Keep no vectors beside the output.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.encoders.batches import default_folder
    from anglewise.encoders.encode import encode as encode_texts
    from anglewise.encoders.images import encode_images, read_images
    from anglewise.encoders.load import encoder as load
    from anglewise.encoders.load import reads_images
    from anglewise.io.space_folder import check_destination, write_space

    talk = Talk(always)
    encode_with: Callable[..., Space]
    if reads_images(encoder):
        if (chunk, overlap, text_column, concurrency) != ("auto", None, None, None):
            raise SpellingError(
                "--chunk, --overlap, --concurrency and --text-column are about texts, and this "
                "encoder reads images: leave them out"
            )
        check_destination(output)  # before the work, not after it
        read = partial(read_images, image_column=image_column, id_column=id_column, say=talk.say)
        encode_with = encode_images
        with talk.progress("reading"):
            sides = EncodedSides(read(documents), queries and read(queries))
    else:
        if image_column is not None:
            raise SpellingError(
                f"--image-column is about images, and {encoder} reads texts: take an encoder of "
                "images, such as onnx-images:FILE, or leave it out"
            )
        settings = {"chunk": chunk, "overlap": overlap, "concurrency": concurrency}
        encode_with = partial(encode_texts, **settings)
        sides = _texts(documents, queries, (text_column, id_column), output, talk)
    with talk.progress("loading the encoder"):
        model = load(encoder)
    with talk.progress("encoding") as progress:
        space = encode_with(
            sides.documents,
            model,
            queries=sides.queries,
            trained_for=trained_for,
            batch=batch,
            cache=None if no_cache else _cache(cache, default_folder(), talk),
            say=talk.say,
            progress=progress,
        )
    judged = None if sides.judge is None else sides.judge(space, quiet)
    write_space(space, output, judgements={} if judged is None else {"queries-items": judged})
    content = {
        "command": "encode",
        "version": version(),
        "output": str(output),
        "encoder": space.about["encoder"],
        "trained_for": space.trained_for,
        "trained_for_given": trained_for is not None,
        "dimensions": space.items.dimension,
        "items": len(space.items),
        "queries": None if space.one_sided else len(space.queries),
        "unit_length": space.items.is_unit(),
        **space.about["encoding"],
        "files": _files(sides.documents, sides.queries),
        "judgements": None
        if judged is None
        else {"source": judged.source, "entries": _entries(judged)},
    }
    talk.give(content, _document(content))
    return 0


def _texts(
    documents: Path,
    queries: Path | None,
    columns: tuple[str | None, str | None],
    output: Path,
    talk: "Talk",
) -> "EncodedSides":
    """Documents, queries and judgements; what cannot be written is refused before the work."""
    from anglewise.encoders.document_files import beir_files, read_documents
    from anglewise.encoders.ir_datasets import dataset_name
    from anglewise.io.space_folder import check_destination

    dataset = dataset_name(documents)
    if queries is not None and dataset_name(queries) is not None:
        raise SpellingError(f"{queries} is given as the first argument: its queries come along")
    own_queries = beir_files(documents)[1] if dataset is None else None
    judge = None
    if own_queries is not None and queries is None:
        judge = _qrels(documents, talk)
    elif own_queries is not None:
        talk.say(f"{own_queries.name} of the folder and its qrels are left: --queries is given")
    queries = queries or own_queries
    # what a data set judges is not known yet
    may_judge = judge is not None or dataset is not None
    check_destination(output, judgements=("queries-items",) if may_judge else ())
    text_column, id_column = columns
    read = partial(read_documents, text_column=text_column, id_column=id_column, say=talk.say)
    with talk.progress("reading"):
        asking = None if queries is None else read(queries)
        if dataset is None:
            sides = EncodedSides(read(documents), asking, judge)
        elif columns != (None, None):
            raise SpellingError("--text-column and --id-column are about tables: leave them out")
        else:
            sides = _dataset(dataset, asking, talk)
            check_destination(output, judgements=("queries-items",) if sides.judge else ())
        if sides.judge is not None:
            sides.judge(_ids_alone(sides.documents, sides.queries), talk.say)
    return sides


def _qrels(folder: Path, talk: "Talk") -> "Judge | None":
    """What reads the judgements of a BEIR folder, if they are in one file; else it is said."""
    from anglewise.errors import FileError
    from anglewise.io.judgement_files import read_judgements
    from anglewise.io.judgement_rows import qrels_in
    from anglewise.io.ownership import check_inside

    if not any(folder.glob("qrels*")):
        return None
    try:
        qrels = qrels_in(folder, talk.say)
    except FileError as error:
        talk.say(f"no judgements are taken into the space: {error} (anglewise compare --qrels)")
        return None
    check_inside(qrels, folder)
    return lambda space, say: read_judgements(qrels, space, say=say)


def _dataset(name: str, asking: "Documents | None", talk: "Talk") -> "EncodedSides":
    """A data set of ir_datasets; without its queries and judgements where others ask."""
    from dataclasses import replace

    from anglewise.data_types.judgements import Judgements
    from anglewise.encoders.ir_datasets import PREFIX, read_dataset

    dataset = read_dataset(name, talk.say)
    gains = dataset.gains
    if asking is not None:
        talk.say(f"queries and judgements of {PREFIX}{name} are left: --queries is given")
        return EncodedSides(dataset.documents, asking)
    if gains is None or dataset.queries is None:
        return EncodedSides(dataset.documents, dataset.queries)

    def judge(space: "Space", say: Say) -> Judgements:
        del say
        return replace(Judgements.from_dict(gains, space), source=PREFIX + name)

    return EncodedSides(dataset.documents, dataset.queries, judge)


def _entries(judged: "Judgements") -> int:
    """All judgements, those of items that the space lacks among them."""
    missing = 0 if judged.missing is None else len(judged.missing.indices)
    return len(judged.gains.indices) + missing


def _ids_alone(documents: "Documents", queries: "Documents") -> "Space":
    """A space of the ids without numbers, to tell before the work whether judgements fit them."""
    import numpy as np

    from anglewise.data_types.embeddings import Embeddings, Space

    items, asking = (
        Embeddings(np.zeros((len(side), 1), np.float32), ids=side.ids)
        for side in (documents, queries)
    )
    return Space(items=items, queries=asking)


def _files(documents: Any, queries: Any) -> dict[str, Any]:
    """What each file was taken for, and what was left; nothing of images."""
    from anglewise.encoders.documents import Documents

    return {
        side: texts.files.to_dict()
        for side, texts in (("documents", documents), ("queries", queries))
        if isinstance(texts, Documents) and texts.files is not None
    }


def _cache(folder: Path | None, default: Path, talk: "Talk") -> Path | None:
    """The folder of the cache; the usual one is made if it must be, and done without if not."""
    if folder is not None:
        return folder
    try:
        default.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from anglewise.encoders.batches import NOT_KEPT

        talk.say(f"{NOT_KEPT}: {default.parent} cannot be made ({error.strerror})")
        return None
    return default


def _document(content: Mapping[str, Any]) -> "Document":
    """What was encoded, by what, and what to type next."""
    from anglewise.data_types.text import counted
    from anglewise.report.document import Document, Line

    sides = counted(content["items"], "item")
    if content["queries"] is not None:
        sides += f", {counted(content['queries'], 'query')}"
    length = "of length one" if content["unit_length"] else "of several lengths"
    judged = content["judgements"]
    command = f"anglewise compare {quote(content['output'])}"
    if judged is None:
        command += " --qrels FILE"
    lines = [
        Line(
            f"{sides}: {counted(content['dimensions'], 'dimension')}, vectors {length}, "
            f"{_training(content)}"
        ),
        Line(f"encoder: {content['encoder']}", unbroken=True),
        *(
            []
            if judged is None
            else [Line(f"with {counted(judged['entries'], 'judgement')} of {judged['source']}")]
        ),
        Line(f"wrote {content['output']}"),
        Line("next: which measure?"),
        Line(f"  {command}", unbroken=True),
    ]
    return Document([lines])


def _training(content: Mapping[str, Any]) -> str:
    """What the vectors were trained for, and who says so: nothing here can test it."""
    if content["trained_for"] == "unknown":
        return "nobody says what they were trained for"
    source = "--trained-for" if content["trained_for_given"] else "the encoder"
    return f"declared as trained for {content['trained_for']} (by {source})"
