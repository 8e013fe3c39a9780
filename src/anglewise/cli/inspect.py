"""``anglewise inspect``: the page of neighbours under several measures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from anglewise.cli.options import (
    A_COUNT,
    A_SOURCE,
    AS_BROUGHT,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    SeenOptions,
    Source,
    Vectors,
    number,
)
from anglewise.cli.paths import ENCODER_OF_SPACE, FOLDER, PARQUET, READ, SPACE_READ, STORE
from anglewise.data_types.numbers import whole
from anglewise.data_types.text import parted, percent

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.data_types.judgements import Judgements
    from anglewise.data_types.typing import Direction
    from anglewise.rag.relevance import Relevance
    from anglewise.web_page.open_space import Inspected

A_PORT = number(whole(1, 65535, example="8000"))


def inspect(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    others: Annotated[tuple[str, ...], Parameter(show_default=False), SPACE_READ] = (),
    /,
    *,
    host: str = "127.0.0.1",
    port: Annotated[int | None, A_PORT] = None,
    store: Annotated[Path | None, STORE] = None,
    queue: Annotated[Path | None, READ] = None,
    export: Annotated[Path | None, FOLDER] = None,
    atlas: Annotated[Path | None, PARQUET] = None,
    measures: str = "dot,cosine,euclidean",
    runs: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, negative=(), show_default=False),
        SPACE_READ,
    ] = (),
    export_queries: Annotated[int, A_COUNT] = 100,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    open_browser: Annotated[bool, Parameter(name="--open")] = True,
    encoder: Annotated[str | None, ENCODER_OF_SPACE] = None,
    relevance: Annotated[Path | None, READ] = None,
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Open a page on this machine: neighbours side by side, the gauge slider, judging by keyboard.

    Parameters
    ----------
    space
        A folder that fit wrote, a BEIR folder, or a file that holds both sides. Judgements in it
        are shown.
    others
        Further spaces of the same items, side by side with the first and judged together with it,
        so that nobody sees which one found an item; NAME=FOLDER names one.
    host
        Where to listen. The printed address holds a random token, without which nobody enters.
    port
        Which port; without it the next free one from 8765 on.
    store
        The file of judgements; without it judgements.sqlite in the folder of the space, and
        NAME.judgements.sqlite beside any other file or folder called NAME.
    queue
        Pairs to judge, in this order: the table that judge sample wrote, .csv or .parquet.
    export
        Write a copy into this folder that opens from a disk, read only, and end.
    atlas
        Write a map of the items for embedding-atlas into this .parquet, and end: where each lies,
        its length, use, hubness, cluster and neighbours, and how much the measures disagree.
    measures
        Which measures the copy shows, parted by commas: bm25, fusions and runs by name too. In a
        map those that may disagree.
    runs
        Ranked lists of other systems: each may stand in a column, and what they list is judged.
    export_queries
        How many queries the copy holds: the best known ones and as many at random.
    direction
        Who asks, in the copy and in the queue. Without it a queue is read as judge sample writes
        it; a copy takes items-items where titles of queries are not known, a map the items;
        queries-queries maps the queries.
    open_browser
        Open the browser; --no-open does not.
    encoder
        What encodes a question typed into the search box, where the space does not name it.
    relevance
        What anglewise calibrate learned: what a typed question finds has a probability of
        relevance, and the context that would be sent holds what is relevant enough.
    """
    from concurrent.futures import ThreadPoolExecutor

    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.report.document import Document

    talk = Talk(always)
    if atlas is not None:
        return _map(space, vectors, seen, atlas, direction, measures=measures, talk=talk)

    def read() -> "Inspected":
        from anglewise.web_page.open_space import queue_of

        inspected = _read(space, vectors, always.seed, store, talk, seen=seen, runs=runs)
        if others:
            inspected = _beside(inspected, others, talk)
        learned = None if relevance is None else _learned(relevance, inspected, talk)
        inspected = replace(inspected, encoder=encoder, relevance=learned)
        if queue is None:
            return inspected
        given = queue_of(queue, inspected.space, direction, inspected.others)
        return replace(inspected, queue=given)

    with ThreadPoolExecutor(1) as pool:
        first = [pool.submit(read)]  # while the server is imported
        from anglewise.web_page.app import served

        if export is not None:
            inspected = first.pop().result()
            return _export(inspected, export, direction, measures, export_queries, talk=talk)
        server = served(lambda: first.pop().result() if first else read(), host=host, port=port)
    content = {"command": "inspect", "version": version(), "address": server.address}
    try:
        talk.give(content, Document.of(server.address))
        talk.out.file.flush()
        talk.say("Ctrl-C stops it")
        if open_browser:
            server.open_browser()
        by = server.run()
        talk.say("stopped" if by in {None, "SIGINT"} else f"stopped by {by}")
    except KeyboardInterrupt:
        talk.say("stopped")
    return 0


def _map(
    source: Source | None,
    vectors: Vectors,
    seen: SeenOptions,
    path: Path,
    direction: "Direction | None",
    *,
    measures: str,
    talk: "Talk",
) -> int:
    """Write a map for embedding-atlas, and say how to open it."""
    from anglewise.cli.program import version
    from anglewise.integrations.atlas import to_atlas
    from anglewise.report.document import Document
    from anglewise.stores.space_reader import read_space

    side: Direction = direction or "items-items"
    with talk.progress("reading", then="mapping") as progress:
        space = read_space(source, **vars(vectors), **vars(seen), say=talk.say)
        made = to_atlas(
            space,
            path,
            measures=measures,
            direction=side,
            seed=talk.always.seed,
            progress=progress,
            say=talk.say,
        )
    title = " --text title" if "title" in made.columns else ""
    command = f"embedding-atlas {path} --x x --y y{title} --neighbors neighbors"
    content = {
        "command": "inspect",
        "version": version(),
        "atlas": str(path),
        "direction": side,
        "rows": len(made),
        "columns": list(made.columns),
        "use": made.use,
        "explained": made.explained,
    }
    talk.say(f"the two directions of the map hold {percent(made.explained)} of the variance")
    talk.give(content, Document.of(command))
    return 0


def _beside(inspected: "Inspected", words: Sequence[str], talk: "Talk") -> "Inspected":
    """The same with further spaces; refused where ids do not name the same in all."""
    from anglewise.cli.inputs import read_spaces
    from anglewise.io.files import check_unchanged, noting_reads
    from anglewise.web_page.rankings import with_others

    with noting_reads() as files:
        others, _ = read_spaces(None, words, NO_FILES, talk.say)
    for file, before in files.items():
        check_unchanged(file, before)
    beside = with_others(inspected, others)
    return replace(beside, files={**inspected.files, **files})


def _learned(path: Path, inspected: "Inspected", talk: "Talk") -> "Relevance":
    """What was learned of relevance; refused where it was learned of other items."""
    from anglewise.cli.context import read_relevance, unsaid

    learned = read_relevance(path)
    if learned.origin is not None:
        learned.origin.check_items(inspected.space.items)
    for sentence in unsaid(learned):
        talk.say(f"note: {path} {sentence}")
    return learned


def _export(
    inspected: "Inspected",
    folder: Path,
    direction: "Direction | None",
    measures: str,
    queries: int,
    *,
    talk: "Talk",
) -> int:
    from anglewise.cli.program import version
    from anglewise.report.document import Document
    from anglewise.web_page.copy import write_copy
    from anglewise.web_page.rankings import read_ranking
    from anglewise.web_page.state import AppState

    names = [
        str(read_ranking(word, list(inspected.runs), inspected.spaces)) for word in parted(measures)
    ]
    state = AppState(lambda: inspected)
    shown_direction = direction or (
        "queries-items" if inspected.queries.metadata.titled else "items-items"
    )
    copy = write_copy(state, folder, direction=shown_direction, measures=names, queries=queries)
    content = {
        "command": "inspect",
        "version": version(),
        "export": str(folder),
        "direction": copy.direction,
        "queries": len(copy.names),
    }
    talk.give(content, Document.of(str(folder / "index.html")))
    return 0


def _read(
    source: Source | None,
    vectors: Vectors,
    seed: int,
    store: Path | None,
    talk: "Talk",
    *,
    seen: SeenOptions = AS_BROUGHT,
    runs: Sequence[str] = (),
) -> "Inspected":
    """The space with the judgements that lie in its folder, if it is one of ours, and the runs."""
    from anglewise.cli.inputs import label_of, read_runs
    from anglewise.cli.path_checks import BESIDE_STORE
    from anglewise.io.files import check_unchanged, noting_reads
    from anglewise.io.output_checks import check_name_fits
    from anglewise.io.ownership import check_whose_store
    from anglewise.io.read import judgements_of, stored_directions
    from anglewise.io.space_files import is_space_folder
    from anglewise.judgements.store_files import STORE_NAME, store_in
    from anglewise.stores.space_reader import read_space
    from anglewise.web_page.answers import with_stored
    from anglewise.web_page.metadata import with_own_columns
    from anglewise.web_page.open_space import Inspected
    from anglewise.web_page.rankings import fitting, named_runs

    judged: dict[Direction, Judgements] = {}
    path = source if isinstance(source, Path) else None
    with noting_reads() as files:
        read = read_space(source, **vars(vectors), **vars(seen), say=talk.say)
        loaded = with_own_columns(read, files)
        if path is not None and is_space_folder(path):
            for direction in stored_directions(path):
                stored = judgements_of(path, direction, loaded)
                if stored.parts is None:
                    judged[direction] = stored
                else:
                    talk.say("judgements in the folder are of documents: the page shows passages")
        lists = named_runs(read_runs(runs, talk.say))
    for file, before in files.items():
        check_unchanged(file, before)
    if path is None or not is_space_folder(path):
        given = next((p for p in (source, vectors.items) if p is not None), Path("space"))
        name = Path(label_of(given)) if not isinstance(given, Path) else given
        if store is None:  # one for each: rows of other vectors bear the same ids
            store = store_in(name.absolute().parent, f"{name.name}.{STORE_NAME}")
            check_whose_store(store)
            check_name_fits(store, BESIDE_STORE)
            if Path(STORE_NAME).exists():
                talk.say(f"{STORE_NAME} here is not used: --store {STORE_NAME} takes it")
        opened = Inspected(loaded, {}, name.name, None, seed, store, None, files, lists)
        return with_stored(fitting(opened), talk.say)
    folder = path.resolve()
    if store is None:
        store = store_in(folder)
        check_whose_store(store)
    opened = Inspected(loaded, judged, folder.name, folder, seed, store, None, files, lists)
    return with_stored(fitting(opened), talk.say)
