"""``anglewise search --shards``: the lists of all queries over items that lie in many files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from anglewise.cli.options import A_COUNT, Vectors
from anglewise.cli.paths import READ

if TYPE_CHECKING:
    from anglewise.cli.console import Talk

_SHARDS = Group("Items in many files", sort_key=51)


@Parameter(name="*", group=_SHARDS)
@dataclass(frozen=True)
class ShardOptions:
    """Items that lie in many files, and who searches them."""

    shards: Annotated[Path | None, READ] = None
    """A folder of parquet files with vectors of items and their ids, in place of a space: with
    --queries and --all. Each file is read by one worker at a time and must fit into its memory."""
    engine: Literal["processes", "ray", "spark"] | None = None
    """Who searches the files: processes of this machine (if not given), Ray, or Apache Spark."""
    workers: Annotated[int | None, A_COUNT] = None
    """How many search at once on this machine; one for each core if not given."""


IN_ONE_SPACE = ShardOptions()
TAKEN = {"queries", "query_ids", "vector_column", "id_column"}
"""Options of vectors that have a meaning beside shards."""


def search_sharded(
    shards: ShardOptions,
    vectors: Vectors,
    others: Mapping[str, Any],
    *,
    measures: str | None,
    k: int | None,
    output: Path | None,
    proof: bool = False,
    talk: "Talk",
) -> int:
    """Write the lists of all queries; ``others`` are options that have no meaning here."""
    from anglewise.cli.all_lists import all_words
    from anglewise.cli.program import version
    from anglewise.distributed.proved_lists import proved_shards
    from anglewise.distributed.search_shards import search_shards
    from anglewise.distributed.sharded_lists import as_neighbours
    from anglewise.errors import FileError, SpellingError
    from anglewise.io.files import arrow
    from anglewise.io.list_parts import lists_table
    from anglewise.io.outputs import check_new_file, new_file
    from anglewise.io.vectors import opened, read_vectors
    from anglewise.report.document import Document, Line
    from anglewise.similarity_measures.measure import DEFAULT_MEASURES
    from anglewise.similarity_measures.measure import measures as read_measures

    own = {name: value for name, value in vars(vectors).items() if name not in TAKEN}
    for name, value in {**others, **own}.items():
        if value:
            option = name if name == "a space" else f"--{name.replace('_', '-')}"
            raise SpellingError(f"{option} has no meaning beside --shards: leave one of them out")
    folder, queries = shards.shards, vectors.queries
    if folder is None or queries is None or output is None:
        raise SpellingError("--shards needs those who ask and a table: --queries FILE --all -o T")
    check_new_file(output)
    if output.absolute().parent.resolve() == folder.resolve():
        raise FileError(f"{output} would lie among the items of {folder}: choose another folder")
    asking = read_vectors(opened(queries), "queries", ids=vectors.query_ids, say=talk.say)
    wanted = read_measures(DEFAULT_MEASURES if measures is None else measures)
    length = 10 if k is None else k
    with talk.progress("searching") as progress:
        options: dict[str, Any] = {
            "k": length,
            "engine": shards.engine or "processes",
            "workers": shards.workers,
            "vector_column": vectors.vector_column,
            "id_column": vectors.id_column,
            "progress": progress,
            "say": talk.say,
        }
        if proof:
            table = proved_shards(folder, asking, wanted, **options)
        else:
            lists = search_shards(folder, asking, wanted, **options)
            found, ids = as_neighbours(list(lists.values()))
            table = lists_table(asking.ids, found, lambda rows: ids[rows].tolist())
    with new_file(output) as file:
        arrow("parquet").write_table(table, file, compression="zstd")
    content = {
        "command": "search",
        "version": version(),
        "output": str(output),
        "asking": len(asking),
        "rows": table.num_rows,
        "k": length,
        "measures": list(map(str, wanted)),
        "engine": shards.engine or "processes",
    }
    words = all_words(table.num_rows, len(asking), length, list(map(str, wanted)), ties=proof)
    talk.give(content, Document([[Line(f"{output}: {words}")]]))
    return 0
