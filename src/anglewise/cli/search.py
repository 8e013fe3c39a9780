"""``anglewise search``: the neighbours of a query, a text or an image under several measures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.memory_option import ANY_MEMORY, MemoryOptions, check_plan
from anglewise.cli.options import (
    A_FILTER,
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
from anglewise.cli.paths import ENCODER_OF_SPACE, PARQUET, READ
from anglewise.cli.proved_lists import NO_PROOF, ProofOptions, check_proof
from anglewise.cli.sharded_search import IN_ONE_SPACE, ShardOptions, search_sharded
from anglewise.data_types.numbers import COUNT

if TYPE_CHECKING:
    from anglewise.data_types.embeddings import Embeddings, Space
    from anglewise.data_types.text import Say
    from anglewise.data_types.typing import Direction
    from anglewise.io.list_parts import AllLists
    from anglewise.similarity_measures.formulas import Measure

USUAL = 10
"""How many are listed where nobody says."""


def search(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    query: str | None = None,
    text: str | None = None,
    image: Annotated[Path | None, READ] = None,
    everybody: Annotated[bool, Parameter(name="--all", negative=())] = False,
    output: Annotated[Path | None, Parameter(alias="-o"), PARQUET] = None,
    encoder: Annotated[str | None, ENCODER_OF_SPACE] = None,
    measures: str | None = None,
    k: Annotated[int | None, number(COUNT, name=["-k", "--k"])] = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    where: Annotated[tuple[str, ...], A_FILTER] = (),
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    shards: ShardOptions = IN_ONE_SPACE,
    proof: ProofOptions = NO_PROOF,
    memory: MemoryOptions = ANY_MEMORY,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Show the neighbours of one query, a text or an image under several measures, or of all.

    Parameters
    ----------
    space
        A folder that fit wrote, a BEIR folder, or a file that holds both sides.
    query
        The id of who asks: a query, or in items-items an item.
    text
        Words that ask instead, encoded as questions are by the encoder that made the space.
    image
        A file of an image that asks instead, encoded by the encoder that made the space.
    everybody
        Instead, all queries, or in items-items all items: their lists are written to --output.
    output
        The table of all lists: query, item, rank, score, and the measure where there are several.
        What was broken off goes on when the same is asked again.
    encoder
        What encodes the text or image, where the space does not name it: use, model2vec:MODEL, ...
    measures
        Which, parted by commas; dot, cosine, euclidean if not given, or maxsim of lists of token
        vectors. Others are manhattan, norm(0,0.5), cosine@centred.
    k
        How many neighbours; without it 10, or all of fewer.
    direction
        Who asks and who is ranked; without it queries-items where there are queries, else
        items-items.
    where
        What the metadata of a listed item must be: tenant = a, year >= 2020, language in en, de,
        year is missing, or items.tenant = queries.tenant. May come several times: all must hold.
    """
    import numpy as np

    from anglewise.cli.all_lists import give_all
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.data_types.filters import read_filter
    from anglewise.nearest_neighbours.represented import check_rank, usual_measures
    from anglewise.nearest_neighbours.search import search as nearest
    from anglewise.nearest_neighbours.search import search_vectors
    from anglewise.report.retrieval_documents import QueryNeighbours, neighbours_document
    from anglewise.similarity_measures.biases import biases_note
    from anglewise.similarity_measures.measure import measures as read_measures
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    others = {"direction": direction, "where": where, "seen": seen.seen}
    if proof.check_proof is not None:
        asks = {"query": query, "text": text, "image": image, "all": everybody, "k": k}
        asks |= {"measures": measures, "output": output, "encoder": encoder}
        return check_proof(proof, space, shards, vectors, {**others, **asks}, talk=talk)
    _check_who_asks(query, text, image, everybody=everybody, encoder=encoder)
    if measures is not None:
        read_measures(measures)
    if shards.shards is not None:
        return search_sharded(
            *(shards, vectors, {**others, "a space": space}),
            measures=measures,
            k=k,
            output=output,
            proof=proof.proof,
            talk=talk,
        )
    loaded = read_space(space, **vars(vectors), **vars(seen), say=talk.say)
    chosen_direction = direction or ("items-items" if loaded.one_sided else "queries-items")
    asking, ranked = loaded.sides(chosen_direction)
    row = 0 if query is None else _row(asking, query, chosen_direction)
    parsed_measures = read_measures(usual_measures(ranked) if measures is None else measures)
    check_rank(ranked, parsed_measures)
    items, listed = len(ranked), ""
    if where and not everybody:
        items, listed = _passing(where, ranked, asking if query else None, row)
    k = _list_length(k, items, len(ranked), talk.say)
    _check_memory(memory, loaded, chosen_direction, parsed_measures, k=k, everybody=everybody)
    if (left_out := biases_note(parsed_measures, loaded, chosen_direction)) is not None:
        talk.say(left_out)
    if seen.seen is not None:
        of_rows = query is not None or everybody
        _say_unused(seen, chosen_direction if of_rows else "a text or an image", talk.say)
    if output is not None:
        lists = _all_lists(loaded, parsed_measures, chosen_direction, where, k, proof=proof.proof)
        return give_all("search", lists, output, talk)
    question = None if query is not None else _question(loaded, text, image, encoder)
    with talk.progress("searching") as progress:
        if question is None:
            rows = np.array([row], dtype=np.int64)
            neighbours = nearest(
                loaded,
                parsed_measures,
                k=k,
                direction=chosen_direction,
                rows=rows,
                where=where or None,
                progress=progress,
            )
        else:
            neighbours = search_vectors(
                loaded,
                question,
                parsed_measures,
                k=k,
                direction=chosen_direction,
                where=where or None,
                progress=progress,
            )
    shown = QueryNeighbours(
        loaded,
        chosen_direction,
        row,
        parsed_measures,
        neighbours,
        text if image is None else str(image),
        "text" if image is None else "image",
        listed,
    )
    content = {
        "command": "search",
        "version": version(),
        "direction": chosen_direction,
        "k": k,
        **({"where": str(read_filter(where))} if where else {}),
        "query": shown.query,
        "measures": shown.lists,
    }
    talk.give(content, neighbours_document(shown))
    return 0


def _check_who_asks(
    query: str | None,
    text: str | None,
    image: Path | None,
    *,
    everybody: bool,
    encoder: str | None,
) -> None:
    from anglewise.errors import SpellingError

    if sum(value is not None for value in (query, text, image)) + everybody != 1:
        raise SpellingError(
            'give --query ID, --text "...", --image FILE or --all (one of them): who asks?'
        )
    if (query is not None or everybody) and encoder is not None:
        raise SpellingError("--encoder encodes --text or --image: give one")


def _check_memory(
    memory: MemoryOptions,
    space: "Space",
    direction: "Direction",
    measures: "list[Measure]",
    *,
    k: int,
    everybody: bool,
) -> None:
    from anglewise.io.list_parts import spans_of

    asking, count = len(space.sides(direction)[0]), len(measures)
    asking = len(spans_of(asking, k * count)[0]) if everybody else 1
    check_plan(memory, space, direction, measures=count, k=k, asking=asking)


def _say_unused(seen: SeenOptions, asking: str, say: "Say") -> None:
    from anglewise.cli.inputs import say_unused

    say_unused(seen, asking, say)


def _all_lists(
    space: "Space",
    measures: "list[Measure]",
    direction: "Direction",
    where: tuple[str, ...],
    k: int,
    *,
    proof: bool,
) -> "AllLists":
    """The lists of all who ask."""
    import numpy as np

    from anglewise.io.list_parts import AllLists, identity_of, lists_table, spans_of
    from anglewise.nearest_neighbours.search import search as nearest

    asking, ranked = space.sides(direction)
    names = list(map(str, measures))
    settings: dict[str, Any] = {
        "measures": names,
        "k": k,
        "direction": direction,
        "where": list(where),
    }

    if proof:
        settings["proof"] = True

    def table_of(span: range) -> Any:
        rows = np.arange(span.start, span.stop)
        if proof:
            from anglewise.distributed.proved_lists import proved_lists

            return proved_lists(space, measures, k=k, direction=direction, rows=rows)
        found = nearest(space, measures, k=k, direction=direction, rows=rows, where=where or None)
        return lists_table(asking.ids_at(rows), [found[name] for name in names], ranked.ids_at)

    spans = spans_of(len(asking), k * len(names))
    return AllLists(spans, table_of, identity_of(space, settings))


def _passing(
    where: tuple[str, ...],
    ranked: "Embeddings",
    asking: "Embeddings | None",
    row: int,
) -> tuple[int, str]:
    """How many items pass the filter, and a sentence that says so."""
    from anglewise.data_types.allowed import allowed_items
    from anglewise.data_types.filters import in_words, read_filter
    from anglewise.data_types.passing import KnownColumns, some_that_pass
    from anglewise.errors import TooFewError

    if asking is None:
        passing = int(some_that_pass(where, KnownColumns.of(ranked)).sum())
    else:
        passing = int(allowed_items(where, ranked, asking).mask(row).sum())
        if not passing:
            raise TooFewError(
                f"no item passes the filter {in_words(read_filter(where))} for "
                f"{asking.ids[row]!r}: nothing is left to list"
            )
    words = in_words(read_filter(where))
    return passing, f"listed are items that pass {words}: {passing:,} of {len(ranked):,}"


def _list_length(wanted: int | None, items: int, among: int, say: "Say") -> int:
    """What was asked for; else ten, or all items where fewer may be listed, which is said."""
    from anglewise.data_types.text import counted

    if wanted is not None:
        return wanted
    if items < USUAL:
        those = "the space has" if items == among else "the filter leaves"
        say(f"{those} {counted(items, 'item')}, and all are listed: -k asks for fewer")
    return min(USUAL, items)


def _question(
    space: "Space", text: str | None, image: Path | None, encoder: str | None
) -> "Embeddings":
    """What a text or an image asks with."""
    from anglewise.cli.inputs import encoder_for, question

    model = encoder_for(space, encoder)
    if text is not None:
        return question(space, text, model)
    from anglewise.encoders.images import image_question

    return image_question(space, image, model)


def _row(asking: "Embeddings", query: str, direction: str) -> int:
    from difflib import get_close_matches

    from anglewise.data_types.columns import titles
    from anglewise.data_types.text import other_form
    from anglewise.errors import IdsError

    row = asking.row_of.get(query)
    if row is not None:
        return row
    texts = titles(asking) or []
    with_title = [i for i, title in enumerate(texts) if query.lower() in title.lower()]
    similar = get_close_matches(query, [str(i) for i in asking.ids[:100_000]], n=3)
    in_other_form = other_form([query], asking.row_of)
    if in_other_form:
        hint = in_other_form.removeprefix("; ")
    elif with_title:
        hint = "by title: " + ", ".join(
            f"{asking.ids[i]!r} is {texts[i]!r}" for i in with_title[:3]
        )
    elif similar:
        hint = f"did you mean {', '.join(map(repr, similar))}?"
    else:
        hint = f"ids are such as {', '.join(repr(str(i)) for i in asking.ids[:3])}"
    kind = "query" if direction.startswith("queries") else "item"
    raise IdsError(f"no {kind} has the id {query!r}; {hint}")
