"""Options that several commands share, and options that are numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal, TypeAlias

from cyclopts import Group, Parameter, Token

from anglewise.cli.paths import (
    ENCODER,
    HTML,
    JSON,
    KEPT,
    MARKDOWN,
    PARQUET,
    READ,
    RUNS,
    SPACE_READ,
    XML,
)
from anglewise.data_types.numbers import COUNT, FINITE, POSITIVE, SEED, Bounds, shown
from anglewise.errors import SpellingError
from anglewise.stores.address import Address, is_address, read_address


def number(bounds: Bounds, **settings: Any) -> Parameter:
    """An option that is one number within bounds; words of the type alone pass as they are."""
    return Parameter(converter=_Reader(bounds), **settings)


class _Reader:
    """Reads what was typed, or stands in the settings; the message says what is due.

    Blanks around it mean nothing, in every option that is a number.
    """

    def __init__(self, bounds: Bounds, words: Sequence[str] = ()) -> None:
        self.bounds = bounds
        self.words = tuple(words)

    def __call__(self, type_: Any, tokens: Sequence[Token]) -> Any:
        """One token becomes one number."""
        del type_
        text = tokens[0].value
        word = text.strip()
        if word in self.words:
            return word
        try:
            return self.bounds.read(word)
        except SpellingError as error:
            words = f"{', '.join(self.words)} or " if self.words else ""
            raise ValueError(f"{shown(text)!r} came, {words}{error}") from None


def number_or(words: Sequence[str], bounds: Bounds) -> Parameter:
    """An option that is one of some words, or one number within bounds."""
    return Parameter(converter=_Reader(bounds, words))


def _tolerance(_type: Any, tokens: Sequence[Token]) -> str:
    from anglewise.statistics.decision import Tolerance

    try:
        return str(Tolerance.read(tokens[0].value))
    except SpellingError as error:
        raise ValueError(str(error)) from None


def _whole(_type: Any, value: str, delimiter: str | None = None) -> list[str]:
    """A variable of the environment as one value, whatever blanks it holds."""
    del delimiter
    return [value]


def _source(_type: Any, tokens: Sequence[Token]) -> "Source":
    """An address of a store as such: a path would make one slash of its two."""
    text = tokens[0].value
    try:
        return read_address(text) if is_address(text) else Path(text)
    except SpellingError as error:
        raise ValueError(str(error)) from None


Source: TypeAlias = Path | Address
"""Where vectors lie: a file, a folder, or a collection of a store."""
A_SOURCE = Parameter(converter=_source, n_tokens=1, accepts_keys=False)
A_COUNT = number(COUNT)
A_FILTER = Parameter(name="--where", negative=(), show_default=False, env_var_split=_whole)
A_TOLERANCE = Parameter(converter=_tolerance)
A_SEED = number(SEED)


_ALWAYS = Group("Always", sort_key=99)
_HISTORY = Group("Runs over time", sort_key=80)
_JUDGING = Group("Judgements from a file", sort_key=60)
_RERANKING = Group("Reranking", sort_key=57)
_RESULTS = Group("Results", sort_key=70)
_SPACES = Group("Model against model", sort_key=55)
TABLE = Group("The table", sort_key=10)
_SPLIT = Group("A split, and models trained on it", sort_key=52)
_VECTORS = Group("Vectors from files", sort_key=50)


@Parameter(name="*", group=_ALWAYS)
@dataclass(frozen=True)
class Always:
    """What every command takes."""

    json: Annotated[str | None, Parameter(allow_leading_hyphen=True), JSON] = None
    """Write the result as JSON to this file; - writes it, and nothing else, to standard output."""
    seed: Annotated[int, A_SEED] = 0
    """Whatever is drawn is drawn from this seed: the same seed gives the same bytes."""
    quiet: Annotated[bool, Parameter(negative=())] = False
    """No progress and no remarks: results and errors only."""


NOTHING_SPECIAL = Always()


@Parameter(name="*", group=_VECTORS)
@dataclass(frozen=True)
class Vectors:
    """A space given by files instead of a folder."""

    items: Annotated[Source | None, A_SOURCE, READ] = None
    """Vectors of the items: .npy, .parquet, .npz, .safetensors, word2vec, CSV, dumps in JSON, ...,
    or the address of a store."""
    item_ids: Annotated[Path | None, READ] = None
    """Ids of the items, one a line, in the order of the vectors."""
    queries: Annotated[Path | None, READ] = None
    """Vectors of the queries; without them the items ask each other."""
    query_ids: Annotated[Path | None, READ] = None
    """Ids of the queries, one a line, in the order of the vectors."""
    item_texts: Annotated[Path | None, READ] = None
    """Titles or texts of the items: corpus.jsonl(.gz) of BEIR, or a CSV or parquet with ids."""
    query_texts: Annotated[Path | None, READ] = None
    """Titles or texts of the queries: queries.jsonl of BEIR, or a CSV or parquet with ids."""
    vector_column: str | None = None
    """Name of the column or array of vectors, if it is not a usual one."""
    id_column: str | None = None
    """Name of the column of ids, if it is not a usual one."""
    vector_format: str | None = None
    """What vectors of eight bits a number are: bits (packed), int8(scale=S,offset=O) or numbers; or
    what a dump is, if the guess is wrong: table, copy, openai, qdrant, pinecone, weaviate, milvus,
    chroma."""
    trained_for: Literal["dot", "cosine", "euclidean", "unknown"] | None = None
    """The measure inside the training loss, if you know it."""


@Parameter(name="*", group=_VECTORS)
@dataclass(frozen=True)
class SeenOptions:
    """What users were trained on."""

    seen: Annotated[Path | None, READ] = None
    """What users were trained on, in place of what the space brings: who used what, as fit reads
    it, or a sparse .npz, row for row. Where users ask for items they are not shown these."""


@Parameter(name="*", group=TABLE)
@dataclass(frozen=True)
class InteractionOptions:
    """How a table of who used what is read."""

    min_weight: Annotated[float | None, number(FINITE)] = None
    """Keep interactions that weigh at least this: ratings of 4 and 5 as signs of liking, say."""
    user: str | None = None
    """Name of the column of users, if it is not a usual one."""
    item: str | None = None
    """Name of the column of items, if it is not a usual one."""
    weight: str | None = None
    """Name of the column of weights or ratings, if it is not a usual one."""
    time: str | None = None
    """Name of the column of times, if it is not a usual one."""
    event: str | None = None
    """What events are worth by their kind, as in view=1,cart=3,purchase=5: 0 leaves a kind out, a
    negative weight is a dislike, and of a repeated pair the event that weighs most counts."""
    event_column: str | None = None
    """Name of the column of kinds of events, if it is not a usual one."""
    format: str | None = None
    """What the file does not say: baskets (a line is a basket of items), adjacency (a user, then
    items), wide (a row a user, a column an item), libsvm, netflix, msweb, matrix-market or mat; or
    the columns of a table without a header in their order, such as user,time,item,-."""
    absent: str | None = None
    """For wide tables: numbers that say that nothing was rated, such as 99."""


@Parameter(name="*", group=_JUDGING)
@dataclass(frozen=True)
class Judging:
    """What says which neighbours are right, where it does not lie in the folder."""

    qrels: Annotated[Path | None, READ] = None
    """Judgements: TREC qrels, BEIR tsv, a table of query_id,item_id,gain, pairs, triplets or
    labels; without it those in the folder."""
    query_column: str | None = None
    """Name of the column of queries, if it is not a usual one."""
    item_column: str | None = None
    """Name of the column of items, if it is not a usual one."""
    gain_column: str | None = None
    """Name of the column of gains, if it is not a usual one."""
    label_queries: Annotated[int | None, A_COUNT] = None
    """Of labelled items let so many ask, drawn at random; without it all of them."""
    missing: Literal["count", "drop"] = "count"
    """Judged items that the space does not hold: count those that are relevant as missed, as
    trec_eval does, or drop them."""
    relevant_from: Annotated[float | None, number(POSITIVE)] = None
    """The lowest grade that R, P, RR, AP, bpref and infAP take for relevant, such as 2; without it
    all above 0."""
    not_itself: Annotated[bool, Parameter(negative=())] = False
    """Where queries are items too: leave the item of a query's own id out of its list."""

    @property
    def names_columns(self) -> bool:
        """Whether any column was named, so that the file holds graded relevance."""
        return any((self.query_column, self.item_column, self.gain_column))

    @property
    def has_rules(self) -> bool:
        """Whether anything was said about how graded relevance is evaluated."""
        return self.missing != "count" or self.relevant_from is not None or self.not_itself


@Parameter(name="*", group=_RESULTS)
@dataclass(frozen=True)
class Results:
    """What a comparison writes and what it must hold."""

    html: Annotated[Path | None, HTML] = None
    """Write a page with charts, and the neighbours of disputed queries side by side."""
    markdown: Annotated[Path | None, MARKDOWN] = None
    """Write the table as Markdown."""
    run_out: Annotated[Path | None, RUNS] = None
    """Write the ranked lists as TREC runs: a folder, one file in it for each measure."""
    gate: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    """A condition such as cosine>=dot-0.01, or cosine>=last-0.01 beside --history: exit with 1
    unless it holds. May come several times."""
    per_query: Annotated[Path | None, PARQUET] = None
    """Write the values behind the means as parquet: a row for each query, a column for each
    measure, by the metric that decides."""
    junit: Annotated[Path | None, XML] = None
    """Write the gates as JUnit XML, one test case each."""
    sequential: Annotated[bool, Parameter(negative=())] = False
    """Say whether judging may stop, by a sequential sign-flip test that holds however often one
    looks; it takes the differences of equally good measures to be symmetric about 0."""
    breadth: Annotated[bool, Parameter(negative=())] = False
    """Show how much of what is ranked each measure lists, how it does from head to tail, and what
    a vector and the search took; seconds then stand in the JSON too, other ones in every run."""
    unjudged: Annotated[bool, Parameter(negative=())] = False
    """Say how far what nobody judged could move the verdict, and name 20 pairs to judge first."""


@Parameter(name="*", group=_SPACES)
@dataclass(frozen=True)
class Several:
    """Several spaces against each other."""

    spaces: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = ()
    """Folders or files of several models, the one in use first; NAME=FOLDER names one. Each of
    the measures in each of them is a candidate."""
    variants: str | None = None
    """Cheaper vectors of these as further candidates, parted by commas: :128 for the first 128
    columns, int8, binary, binary(items), :128+int8; int8+rescore(100) ranks the 100 nearest by the
    vectors as given; of one space alone as new+int8."""
    runs: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = ()
    """Ranked lists of other systems as further candidates: TREC runs, tables with the columns
    query_id, item_id, score, or JSON {query: {item: score}}; NAME=FILE names one. Without any
    vectors the runs alone are compared, by --qrels."""


@Parameter(name="*", group=_SPLIT)
@dataclass(frozen=True)
class SplitOptions:
    """A split by which models are judged, and trainings of one model."""

    protocol: Annotated[Path | None, READ] = None
    """A folder that anglewise holdout wrote: its users, items, what trained and what is to be found
    are those of --model, of --spaces or of --trainings. A file of it that changed is refused, as
    are rows that are not those of its training, and ids that it does not hold."""
    model: Annotated[Path | None, READ] = None
    """The model that was trained on the split: a file or a folder of both sides, such as the .npz
    of implicit; without ids its rows are those of train.npz."""
    trainings: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = ()
    """Trainings of one model, such as by other seeds, beside the one that is compared, or two or
    more by themselves: folders or files, NAME=FOLDER names one. Every figure is the mean over all
    of them, and its interval covers other queries and other trainings like these."""


@Parameter(name="*", group=_RERANKING)
@dataclass(frozen=True)
class RerankerOptions:
    """What reranks."""

    reranker: Annotated[str | None, ENCODER] = None
    """What reranks for rerank(cosine,100) among the measures: onnx:FOLDER,
    sentence-transformers:MODEL, rerank:MODEL?url=ADDRESS, or python:MODULE:FUNCTION of a query and
    a list of texts."""
    reranker_cache: Annotated[Path | None, KEPT] = None
    """A file that keeps its scores, so that a run that was stopped goes on where it was; without
    it one among the user's caches."""


@Parameter(name="*", group=_HISTORY)
@dataclass(frozen=True)
class HistoryOptions:
    """What a run leaves for later ones."""

    history: Annotated[Path | None, KEPT] = None
    """A parquet file to which the run adds a row for each measure and metric; gates may name
    last, the last run in it, or last(LABEL)."""
    label: str | None = None
    """What to call the run in the history, such as a commit or a version."""
    at: str | None = None
    """When the run was, in ISO 8601; without it no time is written, so that the same run gives the
    same bytes."""


def given_options(*parts: Vectors | SeenOptions | Judging) -> list[str]:
    """What was given of some options, as it is typed again for another command.

    >>> given_options(Vectors(items=Path("my vectors.npy"), item_ids=Path("ids.txt")))
    ["--items 'my vectors.npy'", '--item-ids ids.txt']
    """
    words: list[str] = []
    for part in parts:
        for field in fields(part):
            value, option = getattr(part, field.name), f"--{field.name.replace('_', '-')}"
            if value != field.default:
                words.append(option if value is True else f"{option} {quote(str(value))}")
    return words


NO_FILES = Vectors()
AS_BROUGHT = SeenOptions()
FROM_FOLDER = Judging()
TO_TERMINAL = Results()
ONE_SPACE = Several()
NO_SPLIT = SplitOptions()
NO_RERANKER = RerankerOptions()
NO_HISTORY = HistoryOptions()
USUAL_COLUMNS = InteractionOptions()
