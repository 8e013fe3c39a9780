"""``anglewise export``: fill a vector store that ranks as a measure does, and measure that."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from anglewise.cli.memory_option import ANY_MEMORY, MemoryOptions, check_plan
from anglewise.cli.options import NO_FILES, NOTHING_SPECIAL, Always, Vectors, number
from anglewise.cli.paths import READ, TO_STORE, TRANSFORM
from anglewise.data_types.numbers import COUNT, SHARE


def export(
    space: Annotated[Path | None, READ] = None,
    /,
    *,
    measure: str,
    to: Annotated[str, TO_STORE],
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    qrels: Annotated[Path | None, READ] = None,
    index: Literal["graph", "scan"] = "graph",
    min_recall: Annotated[float, number(SHARE)] = 0.98,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    transform: Annotated[Path | None, TRANSFORM] = None,
    replace: Annotated[bool, Parameter(negative=())] = False,
    resume: Annotated[bool, Parameter(negative=())] = False,
    no_metadata: Annotated[bool, Parameter(negative=())] = False,
    keep: Literal["length", "vector", "nothing"] = "length",
    vectors: Vectors = NO_FILES,
    memory: MemoryOptions = ANY_MEMORY,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Fill a vector store that ranks as a measure does, and measure that before it takes its name.

    Vectors are prepared so that a metric of the store ranks as the measure does. Which preparation
    and which effort of its search keep the lists is measured; where none does, nothing is changed.

    Parameters
    ----------
    space
        A folder that fit wrote, a BEIR folder, or a file that holds both sides.
    measure
        What the store is to rank by: dot, cosine@data-space, norm(0,0.5), csls(10), ...
    to
        The address: faiss:///path/index.faiss, lancedb:///folder/table,
        qdrant://host:6333/collection, postgresql://host/database/table, chroma:///folder/collection,
        duckdb:///path/file.duckdb/table, sqlite-vec:///path/file.sqlite/table,
        usearch:///path/index.usearch, hnswlib:///path/index.bin, milvus://host:19530/collection;
        files for a server by elasticsearch:///folder/index.
    direction
        Who asks and who is ranked, and so written; without it queries-items where there are
        queries, else items-items.
    qrels
        Judgements whose queries measure it; without them up to 200 queries of the space are drawn.
    index
        graph, the store's graph index, or scan, none: exact and slow.
    min_recall
        The recall that the lists must reach on these queries.
    k
        How long the lists are that are compared.
    transform
        Write what is to be done to a query: an .npz that NumPy alone reads, or .json.
    replace
        Take the place of a collection that is there, once the new one is measured.
    resume
        Go on with an export of the same content that was ended in the middle.
    no_metadata
        Leave out what is known of the items.
    keep
        What goes along of the vectors as they were: their length, the vector, or nothing.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import direction_of, judged_by
    from anglewise.cli.program import version
    from anglewise.errors import FileError
    from anglewise.report.store_documents import export_document
    from anglewise.similarity_measures.measure import measure as read_measure
    from anglewise.stores.address import read_address
    from anglewise.stores.exact_lists import DRAWN
    from anglewise.stores.export import export as exported
    from anglewise.stores.space_reader import read_space
    from anglewise.stores.verify import in_words

    talk = Talk(always)
    address, named = read_address(to), read_measure(measure)
    loaded = read_space(space, **vars(vectors), say=talk.say)
    chosen = direction_of(direction, loaded)
    check_plan(memory, loaded, chosen, measures=1, k=k, asking=DRAWN)
    judged = judged_by(qrels, loaded, chosen, talk.say)
    with talk.progress("writing"):
        result = exported(
            loaded,
            named,
            address,
            direction=chosen,
            judgements=judged,
            index=index,
            min_recall=min_recall,
            k=k,
            replace=replace,
            resume=resume,
            metadata=not no_metadata,
            keep=keep,
            seed=always.seed,
            say=talk.say,
        )
    if transform is not None:
        about = {"measure": result.measure, "way": result.way, "metric": result.metric}
        try:
            result.transform.save(transform, about)
        except FileError as error:  # a full disk: the collection stands, and needs it
            raise FileError(
                f"{result.address} is filled and proven, and what is to be done to a query could "
                f"not be kept: {error}; then export again (--replace)"
            ) from error
        talk.say(f"wrote {transform}")
    content = {"command": "export", "version": version(), **result.to_dict()}
    done = (
        f"filled: {in_words(result)}"
        if result.proven
        else "written for a server that was not asked"
    )
    talk.give(content, export_document(result), f"{result.address} is {done}")
    return 0
