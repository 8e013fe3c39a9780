"""From options to spaces, judgements, questions and the encoder that reads them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from anglewise.cli.options import AS_BROUGHT, Judging, SeenOptions, Source, Vectors
from anglewise.cli.paths import named_source
from anglewise.cli.protocol_inputs import SplitReader
from anglewise.comparison.candidates import FORBIDDEN, check_space_name
from anglewise.comparison.compare import NO_RULES
from anglewise.comparison.ranked_runs import space_of_names
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.pairs import Pairs, Triplets
from anglewise.data_types.run import Run
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Array, Direction, Float32
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.documents import as_utf8, clean, documents_of
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import encoder, encoder_of
from anglewise.errors import FileError, ShapeError, SpellingError, TooFewError
from anglewise.io.delimited import open_sheet
from anglewise.io.files import contents, existing_file, reading, suffix
from anglewise.io.judgement_files import judged_ids
from anglewise.io.read import judgement_kind, read_judgements, read_pairs, read_triplets
from anglewise.io.run_files import name_of, read_run
from anglewise.io.tables import Role, need
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure
from anglewise.stores.address import Address
from anglewise.stores.space_reader import read_space


def most_neighbours(space: Space, direction: Direction) -> int:
    """The length of the longest list: all rows of the ranked side but the one that asks."""
    asking, ranked = space.sides(direction)
    return len(ranked) - (asking is ranked)


def at_most(wanted: int, there: int, what: str, say: Say) -> int:
    """A number that was asked for, or the number that there is, which is then said."""
    if wanted > there:
        say(f"{there:,} of {wanted:,} {what}: there are no more")
    return min(wanted, there)


def direction_of(direction: Direction | None, space: Space) -> Direction:
    """The direction asked for; else items-items where items are all there is."""
    if direction is not None:
        return direction
    return "items-items" if space.one_sided else "queries-items"


def judged_by(
    qrels: Path | None, space: Space, direction: Direction | None, say: Say
) -> Judgements | None:
    """The judgements of a file, in the direction asked for; None where no file is named."""
    if qrels is None:
        return None
    return read_judgements(qrels, space, direction=direction_of(direction, space), say=say)


def say_unused(seen: SeenOptions, direction: str, say: Say) -> None:
    """Say where no user asks, so that what users were trained on changes no list."""
    if seen.seen is not None and direction != "queries-items":
        say(f"{seen.seen.name}: no user asks here ({direction}), so it takes nothing off the lists")


def reader_options(judging: Judging) -> dict[str, Any]:
    """What a reader of judgements is told beside their file."""
    return {name: value for name, value in vars(judging).items() if name != "qrels"}


Judged: TypeAlias = Judgements | Pairs | Triplets


def judged_space(
    source: Source | None,
    vectors: Vectors,
    direction: Direction | None,
    judging: Judging,
    say: Say,
    *,
    seen: SeenOptions = AS_BROUGHT,
    seed: int = 0,
    split: SplitReader | None = None,
) -> tuple[Space, Judged]:
    """Read a space, and judgements from the file given, from the one beside it, or its folder.

    Of a ``split``, ``source`` is a model that was trained on it, and it has the judgements.

    Raises ``SpellingError`` when judgements are given twice, ``FileError`` when there are none.
    """
    if split is not None and isinstance(source, Path):
        return split.read(source, say)
    source_is_judgements = source is not None and vectors.items is not None
    if source_is_judgements and isinstance(source, Address):
        raise SpellingError(
            f"beside --items, what comes first stands for the judgements, and {source} is a "
            "store: leave --items out"
        )
    if source_is_judgements and judging.qrels is not None:
        raise SpellingError(
            f"beside --items, {source} stands for the judgements, and --qrels {judging.qrels} "
            "does too: give one of them"
        )
    space = read_space(
        None if source_is_judgements else source, **vars(vectors), **vars(seen), say=say
    )
    chosen_direction = direction_of(direction, space)
    folder = None if isinstance(source, Address) else source
    path = folder if source_is_judgements else judging.qrels
    if path is None:
        if folder is None or not folder.is_dir():
            raise FileError(
                "no judgements: give --qrels FILE, or before --items a file of graded pairs, "
                "triplets or labels"
            )
        path = folder
    else:
        judgements = _pairs_or_triplets(
            path, space, judging, say, unnamed_pairs=source_is_judgements
        )
        if judgements is not None:
            if judging.has_rules:
                raise SpellingError(NO_RULES)
            if direction is not None:
                raise SpellingError(
                    f"--direction {direction}: {path} holds pairs or triplets, which name both "
                    "sides themselves: leave it out"
                )
            return space, judgements
    judged = read_judgements(
        path,
        space,
        direction=chosen_direction,
        **reader_options(judging),
        seed=seed,
        say=say,
    )
    if direction not in {None, judged.direction}:
        raise SpellingError(
            f"--direction {direction}: {path} says which items belong together, so it judges "
            f"{judged.direction}: leave it out"
        )
    return space, judged


def _pairs_or_triplets(
    path: Path, space: Space, judging: Judging, say: Say, *, unnamed_pairs: bool
) -> Pairs | Triplets | None:
    """Read these where the names of the columns promise them, or nothing and pairs are due."""
    if judging.label_queries is not None or judging.names_columns:
        return None
    kind = judgement_kind(path)
    if kind == "triplets":
        return read_triplets(path, space, say=say)
    if kind == "pairs" or (kind == "judgements" and unnamed_pairs):
        return read_pairs(path, space, say=say)
    return None


ONLY = "space"
"""What a single space is called whose folder cannot name it."""


def judged_spaces(
    source: Source | None,
    words: Sequence[str | Source],
    vectors: Vectors,
    direction: Direction | None,
    judging: Judging,
    *,
    seen: SeenOptions = AS_BROUGHT,
    say: Callable[[str], None],
    seed: int,
    split: SplitReader | None = None,
) -> tuple[dict[str, Space], dict[str, Judgements]]:
    """Read every space and, aligned with each, the judgements.

    Without any words it is the one space that the other options give. Raises ``SpellingError``
    for spaces that are given twice over, for two of one name, and for judgements that are pairs.
    """
    if words:
        _check_alone(source, vectors)
    named = _named(words) if words else {_own_name(source): source}
    spaces: dict[str, Space] = {}
    judged: dict[str, Judgements] = {}
    for name, path in named.items():
        spaces[name], judgements = judged_space(
            path,
            vectors,
            direction,
            judging,
            _by_name(say, name, named),
            seen=seen,
            seed=seed,
            split=split,
        )
        if not isinstance(judgements, Judgements):
            raise SpellingError(
                "several spaces are compared by graded relevance or labels, and these are pairs "
                "or triplets: compare the spaces one by one"
            )
        if judging.label_queries is None or not judged:  # those drawn ask in every space
            judged[name] = judgements
    return spaces, judged


def read_spaces(
    source: Source | None, words: Sequence[str], vectors: Vectors, say: Say
) -> tuple[dict[str, Space], Source | None]:
    """Every space by its name, and the folder or file of the first.

    Without any words it is the one space that the other options give. Raises ``SpellingError``
    for spaces that are given twice over, and for two of one name.
    """
    if not words:
        return {_own_name(source): read_space(source, **vars(vectors), say=say)}, source
    _check_alone(source, vectors)
    named = _named(words)
    for name in named:
        check_space_name(name)
    spaces = {
        name: read_space(path, **vars(vectors), say=_by_name(say, name, named))
        for name, path in named.items()
    }
    return spaces, next(iter(named.values()))


def read_runs(words: Sequence[str], say: Say) -> list[Run]:
    """Read ``bm25=FILE`` or ``FILE``, called by its name without the ending.

    Raises ``SpellingError`` for two of one name.
    """
    runs: list[Run] = []
    for word in words:
        name, named, path = word.partition("=")
        file = Path(path if named else word)
        runs.append(read_run(file, name if named else name_of(file), say))
    names = [run.name for run in runs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SpellingError(
            f"two of the runs are called {twice[0]!r}: name them, as in first={twice[0]}.run"
        )
    return runs


def run_names(words: Sequence[str]) -> list[str]:
    """What the runs will be called, before they are read."""
    return [
        name if named else name_of(Path(word))
        for word in words
        for name, named, _ in [word.partition("=")]
    ]


def judged_names(
    runs: Sequence[Run], direction: Direction | None, judging: Judging, say: Say, seed: int
) -> tuple[Space, Judgements]:
    """The names that runs and judgements hold, where there are no vectors, and the judgements.

    Raises ``FileError`` without a file of judgements, ``SpellingError`` for what needs a space.
    """
    if judging.qrels is None:
        raise FileError("no judgements: beside --runs give --qrels FILE")
    if direction not in {None, "queries-items"}:
        raise SpellingError(
            f"--direction {direction}: runs are lists of items for queries, queries-items: leave "
            "it out, or give the space too"
        )
    if judging.label_queries is not None:
        raise SpellingError("--label-queries is of labelled items of a space: give the space too")
    if judging.missing == "drop":
        raise SpellingError(
            "--missing drop leaves out what a space lacks, and here is none: leave it out, or give "
            "the space too"
        )
    queries, items = judged_ids(
        judging.qrels, judging.query_column, judging.item_column, judging.gain_column
    )
    space = space_of_names(queries, items, runs)
    judged = read_judgements(
        judging.qrels,
        space,
        query_column=judging.query_column,
        item_column=judging.item_column,
        gain_column=judging.gain_column,
        missing=judging.missing,
        relevant_from=judging.relevant_from,
        not_itself=judging.not_itself,
        seed=seed,
        say=say,
    )
    return space, judged


def _check_alone(source: Source | None, vectors: Vectors) -> None:
    options = {
        str(source): source,
        "--items": vectors.items,
        "--queries": vectors.queries,
        "--item-ids": vectors.item_ids,
        "--query-ids": vectors.query_ids,
    }
    clashing = [name for name, value in options.items() if value is not None]
    if clashing:
        raise SpellingError(
            f"beside --spaces {', '.join(clashing)} cannot be given: every space is a folder or a "
            "file with its ids in it or beside it"
        )


def _named(words: Sequence[str | Source]) -> dict[str, Source]:
    """``new=FOLDER`` or ``FOLDER``, called by the last part of its path; likewise an address."""
    pairs = [_pair(word) for word in words]
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SpellingError(
            f"two of the spaces are called {twice[0]!r}: name them, as in old=FOLDER new=FOLDER"
        )
    return dict(pairs)


def _pair(word: str | Source) -> tuple[str, Source]:
    name, folder = named_source(word) if isinstance(word, str) else ("", word)
    if name or isinstance(folder, Address):
        return name or label_of(folder), folder
    return folder.resolve().name if folder.name in {"", ".."} else folder.name, folder


def label_of(source: Source) -> str:
    """What to call a source of vectors: the name of its file or folder, or of its collection."""
    return source.label if isinstance(source, Address) else source.absolute().name


def _own_name(source: Source | None) -> str:
    own = source.label if isinstance(source, Address) else "" if source is None else source.name
    name = own.strip()
    return ONLY if not name or any(c in FORBIDDEN for c in name) else name


def _by_name(
    say: Callable[[str], None], name: str, named: Mapping[str, Source | None]
) -> Callable[[str], None]:
    """Say of which space it is, where there are several."""
    return say if len(named) == 1 else lambda sentence: say(f"{name}: {sentence}")


QUESTION = Role("questions", "text", "question query text sentence prompt title")


def questions_in(path: Path, column: str | None = None) -> list[str]:
    r"""Questions of a ``.txt`` file, one a line, of ``queries.jsonl`` or of a column of a table.

    Empty ones are left out. Raises ``FileError`` or ``SpellingError`` where there is no telling
    which column holds them, ``TooFewError`` where there are none.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "questions.txt"
    >>> _ = file.write_text("Where is my card?\n\nWho pays?\n")
    >>> questions_in(file)
    ['Where is my card?', 'Who pays?']
    """
    if suffix(path) in {".jsonl", ".ndjson"}:
        return read_documents(path, text_column=column).split_empty()[0].words
    if suffix(path) == ".txt":
        with reading(path, "a text in UTF-8"):
            texts = bytes(contents(existing_file(path))).decode("utf-8-sig").splitlines()
    else:
        table = open_sheet(path)
        names = table.names or ()
        [cells] = table.columns([need(names, QUESTION, column, path)])
        texts = ["" if cell is None else str(cell) for cell in cells.to_pylist()]
    return documents_of(texts).split_empty()[0].words


def encoder_for(space: Space, named: str | None) -> Encoder:
    """The encoder that was named, else the one that the space names."""
    return encoder_of(space) if named is None else encoder(named)


def questions(space: Space, texts: Sequence[str], model: Encoder) -> Float32[Array, "texts d"]:
    """Texts encoded as questions to a space; ``ShapeError`` if they cannot ask it."""
    cleaned = [clean(as_utf8(text)) for text in texts]
    if not all(text.strip() for text in cleaned):
        raise TooFewError("a text that is empty asks nothing: write some words")
    vectors = encode_texts(cleaned, model, asking=True)
    dimension = space.items.dimension
    if vectors.shape[1] != dimension:
        raise ShapeError(
            f"{model.spec} gives {vectors.shape[1]} numbers, the space has {dimension}: take the "
            "encoder that made the space"
        )
    return vectors


def question(space: Space, text: str, model: Encoder) -> Embeddings:
    """One text as what asks a space."""
    return Embeddings(questions(space, [text], model), ids=["text"])


def measure_for(space: Space, named: str | None, say: Callable[[str], None]) -> Measure:
    """The measure that was named, else the one of the training, else cosine; said if not named."""
    if named is not None:
        return measure(named)
    trained = space.trained_for
    chosen = "cosine" if trained == "unknown" else trained
    why = (
        "nobody says which"
        if trained == "unknown"
        else "the vectors are declared as trained for it"
    )
    say(f"measure: {chosen}, as {why}; which one suits, anglewise compare says (--measure)")
    return measure(chosen)
