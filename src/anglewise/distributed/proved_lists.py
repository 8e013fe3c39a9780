"""Complete lists as a table that says what proves them: search, over one space or many files."""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.text import Say, quiet
from anglewise.data_types.typing import Array, Direction, Int64, Shaped
from anglewise.distributed.search_shards import search_shards, unfitted
from anglewise.distributed.shards import ShardFolder
from anglewise.io.files import PathLike, arrow
from anglewise.nearest_neighbours.complete_lists import CompleteLists, Found, complete_lists
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measures as read_measures

MARK = b"anglewise.lists"
"""Where a table says what its lists are of."""
COLUMNS = ("measure", "query_id", "item_id", "rank", "score", "next_score")


def proved_table(
    asked: Sequence[str],
    found: Sequence[CompleteLists],
    ids_at: Callable[[Shaped[Array, " some"]], Sequence[str]],
    about: dict[str, Any],
) -> Any:
    """A row for each listed item, with the highest score that its list leaves out.

    ``ids_at`` names listed items; ``about`` says what the lists are of.
    """
    pa = arrow()
    names = pa.array(list(asked), pa.string())
    tables: list[Any] = []
    for lists in found:
        queries = lists.queries
        columns = {
            "measure": pa.array([lists.measure] * len(queries), pa.string()),
            "query_id": names.take(pa.array(queries)),
            "item_id": pa.array(list(ids_at(lists.items)), pa.string()),
            "rank": pa.array(lists.ranks.astype(np.int32)),
            "score": pa.array(lists.scores),
            "next_score": pa.array(lists.next_score[queries]),
        }
        tables.append(pa.table(columns))
    text = json.dumps({**about, "anglewise": version("anglewise")}, sort_keys=True)
    return pa.concat_tables(tables).replace_schema_metadata({MARK: text.encode()})


def proved_lists(
    space: Space,
    measures: Sequence[str | Measure] | str,
    *,
    k: int = 10,
    direction: Direction = "queries-items",
    rows: Int64[Array, " some"] | None = None,
) -> Any:
    """The complete lists of some of those who ask, as a table of Arrow that proves them.

    Every item that scores as the ``k``-th or better is listed, with ties; ``next_score`` is the
    highest score of any other item, in float64. :mod:`lists_check` checks such a table.

    Raises ``SpellingError`` for measures that are fitted on all items.

    >>> space = Space(items=Embeddings([[2.0], [1.0], [1.0], [0.5]]), queries=Embeddings([[1.0]]))
    >>> table = proved_lists(space, "dot", k=2)
    >>> table["item_id"].to_pylist(), table["next_score"].to_pylist()
    (['0', '1', '2'], [0.5, 0.5, 0.5])
    """
    names = list(map(str, unfitted(read_measures(measures))))
    asking, ranked = space.sides(direction)
    rows = np.arange(len(asking), dtype=np.int64) if rows is None else rows

    def ask(own: Sequence[str], who: Int64[Array, " some"], many: int) -> dict[str, Found]:
        found = search(space, list(own), k=many, direction=direction, rows=rows[who])
        return {
            name: Found(lists.indices, lists.scores, lists.tied_at_cut)
            for name, lists in found.items()
        }

    found = complete_lists(ask, names, queries=len(rows), items=len(ranked), k=k)
    about = _about(names, k, direction, len(asking), len(ranked))
    return proved_table(asking.ids_at(rows), found, ranked.ids_at, about)


def proved_shards(
    folder: PathLike,
    queries: Embeddings,
    measures: Sequence[str | Measure] | str,
    *,
    k: int = 10,
    vector_column: str | None = None,
    id_column: str | None = None,
    say: Say = quiet,
    **options: Any,
) -> Any:
    """The same table over items that lie in many files; see :func:`search_shards`.

    ``options`` are those of the engine: ``engine``, ``workers``, ``progress``.
    """
    names = list(map(str, unfitted(read_measures(measures))))
    columns: dict[str, Any] = {"vector_column": vector_column, "id_column": id_column}
    rows = ShardFolder.of(folder, **columns).rows

    def ask(own: Sequence[str], who: Int64[Array, " some"], many: int) -> dict[str, Found]:
        some = queries if len(who) == len(queries) else queries.take(who)
        heard = say if some is queries else quiet
        found = search_shards(folder, some, list(own), k=many, say=heard, **columns, **options)
        return {
            name: Found(lists.ids, lists.scores, lists.tied_at_cut) for name, lists in found.items()
        }

    found = complete_lists(ask, names, queries=len(queries), items=rows, k=k)
    about = _about(names, k, "queries-items", len(queries), rows)
    asked = queries.ids_at(np.arange(len(queries)))
    return proved_table(asked, found, lambda ids: ids.tolist(), about)


def _about(names: list[str], k: int, direction: str, asking: int, items: int) -> dict[str, Any]:
    return {"measures": names, "k": k, "direction": direction, "asking": asking, "items": items}
