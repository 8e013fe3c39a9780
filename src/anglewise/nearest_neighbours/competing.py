"""The lists of everything that competes, spaces and runs alike, with the items of all together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import shown
from anglewise.data_types.run import Run
from anglewise.data_types.same_texts import check_same_texts, texts_untold
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted, first_repeated
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.errors import IdsError, SpellingError
from anglewise.nearest_neighbours.represented import check_rank, measures_of
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measures as read_measures

NOWHERE = -1


def by_name(space: Space | Mapping[str, Space]) -> dict[str, Space]:
    """Spaces by their names; one alone needs none."""
    return {"": space} if isinstance(space, Space) else dict(space)


@dataclass(frozen=True, eq=False)
class Competing:
    """Spaces, told apart by name, and runs: every list that somebody may compare.

    Queries have the rows of the first space. Items are numbered through: those of the first space
    by their rows, behind them what other spaces and runs hold besides.

    Attributes
    ----------
    spaces
        From name to space, the first one before the others; at least one.
    runs
        Ranked lists of other systems, by ids.
    measures
        What is searched in every space that holds what it ranks.

    Raises
    ------
    SpellingError
        Two candidates of one name, a measure that ranks none of the spaces, a space that none of
        them ranks.
    IdsError
        Spaces without a query or an item in common, a run that shares none with them.
    ValuesError
        Spaces in which one id bears two texts.
    """

    spaces: Mapping[str, Space]
    direction: Direction
    measures: tuple[Measure, ...]
    runs: tuple[Run, ...] = ()

    @staticmethod
    def of(
        spaces: Mapping[str, Space],
        measures: Iterable[str | Measure] | str,
        direction: Direction,
        runs: Iterable[Run] = (),
    ) -> "Competing":
        """Everything that competes, checked.

        >>> x = Embeddings(np.eye(2), ["a", "b"])
        >>> run = Run.from_dict({"q": ["b", "c"]}, "bm25")
        >>> space = Space(queries=Embeddings([[1.0, 0.0]], ["q"]), items=x)
        >>> both = Competing.of({"space": space}, "dot", "queries-items", [run])
        >>> both.names, both.item_ids.tolist()
        (('dot', 'bm25'), ['a', 'b', 'c'])
        >>> found = both.lists(np.array([0]), 2, None)
        >>> {name: lists.indices.tolist() for name, lists in found.items()}
        {'dot': [[0, 1]], 'bm25': [[1, 2]]}
        """
        read = tuple(read_measures(measures))
        competing = Competing(dict(spaces), direction, read, tuple(runs))
        check_same_texts(spaces)
        _check_measures(spaces, read)
        twice = first_repeated(competing.names)
        if twice is not None:
            raise SpellingError(
                f"two candidates are called {shown(twice)!r}: call the run otherwise, as in "
                f"other={twice}.run"
            )
        competing.check_in_common()
        return competing

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All candidates: ``cosine``, of several spaces ``new: cosine``, and the runs."""
        own = [
            str(measure) if len(self.spaces) == 1 else f"{name}: {measure}"
            for name, space in self.spaces.items()
            for measure in measures_of(space.items, self.measures)
        ]
        return (*own, *(run.name for run in self.runs))

    @cached_property
    def sides(self) -> Mapping[str, tuple[Embeddings, Embeddings]]:
        """Of each space those who ask, and what is ranked."""
        return {name: space.sides(self.direction) for name, space in self.spaces.items()}

    @property
    def asking(self) -> Embeddings:
        """Those who ask, as the first space has them."""
        return next(iter(self.sides.values()))[0]

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        """The number of every item by its id."""
        numbers: dict[str, int] = {}
        for _, ranked in self.sides.values():
            for name in ranked.ids.tolist():
                numbers.setdefault(name, len(numbers))
        for run in self.runs:
            for name in run.items.tolist():
                numbers.setdefault(name, len(numbers))
        return numbers

    @cached_property
    def item_ids(self) -> Array:
        """The id of every item by its number."""
        return np.array(list(self.number_of), dtype=object)

    @cached_property
    def rows(self) -> Mapping[str, Int64[Array, " queries"]]:
        """Of each space the row of every query of the first one; -1 where it has none."""
        ids = self.asking.ids.tolist()
        return {
            name: np.array([asks.row_of.get(one, NOWHERE) for one in ids], dtype=np.int64)
            for name, (asks, _) in self.sides.items()
        }

    @cached_property
    def can_ask(self) -> Int64[Array, " some"]:
        """The rows of queries that every space holds, with a vector that is not zero."""
        able = np.ones(len(self.asking), dtype=bool)
        for name, (asks, _) in self.sides.items():
            at = self.rows[name]
            able &= (at != NOWHERE) & (asks.norms[at] > 0)
        return np.flatnonzero(able).astype(np.int64)

    @cached_property
    def names_alone(self) -> Space:
        """All that competes, without vectors: earlier judgements are read in its rows.

        Where there is but one space, that space.
        """
        if len(self.spaces) == 1 and not self.runs:
            return next(iter(self.spaces.values()))
        items = _blank(self.item_ids)
        if self.direction == "queries-queries":
            return Space(queries=items, items=_blank(self.asking.ids[:1]))
        if self.direction == "items-items":
            return Space(items=items)
        return Space(queries=_blank(self.asking.ids), items=items)

    @property
    def shape(self) -> tuple[int, int]:
        """Of tables of queries and items, in the rows of ``names_alone``."""
        asking, ranked = self.names_alone.sides(self.direction)
        return len(asking), len(ranked)

    def check_in_common(self) -> None:
        """Raise ``IdsError`` where spaces or runs have no query, or no item, in common."""
        first, others = next(iter(self.spaces)), [*self.spaces][1:]
        ranked = self.sides[first][1]
        for name in others:
            asks, theirs = self.sides[name]
            for side, ours, given in (
                ("queries", self.asking, asks),
                ("items", ranked, theirs),
            ):
                if not any(one in ours.row_of for one in given.ids.tolist()):
                    raise IdsError(
                        f"the spaces have none of their {side} in common: {first} holds "
                        f"{_some(ours.ids)}, {name} holds {_some(given.ids)}; take the same "
                        f"{side} for every space, with the same ids"
                    )
        for run in self.runs:
            if not any(one in self.asking.row_of for one in run.queries.tolist()):
                raise IdsError(
                    f"the run {run.name!r} has lists of queries such as {_some(run.queries)}, and "
                    f"the space holds such as {_some(self.asking.ids)}: none is the same; name "
                    "the queries alike"
                )
            every = [side for _, side in self.sides.values()]
            if not any(one in side.row_of for side in every for one in run.items.tolist()):
                raise IdsError(
                    f"the run {run.name!r} names items such as {_some(run.items)}, and the space "
                    f"holds such as {_some(ranked.ids)}: none is the same; name the items alike"
                )

    def lists(
        self,
        rows: Int64[Array, " q"],
        depth: int,
        judged: Judgements | None,
        *,
        threads: int | None = None,
    ) -> dict[str, Neighbours]:
        """The first places of every candidate for some queries, items by their numbers.

        What one space hides, as it was used in training, and what judgements hide, all leave out.
        """
        hidden = self._hidden(judged)
        found: dict[str, Neighbours] = {}
        several = len(self.spaces) > 1
        for name, space in self.spaces.items():
            fitting = measures_of(space.items, self.measures)
            own = self._of_space(name, fitting, rows, depth, hidden, threads=threads)
            for measure, lists in own.items():
                called = f"{name}: {measure}" if several else measure
                found[called] = replace(lists, measure=called)
        for run in self.runs:
            found[run.name] = self._of_run(run, rows, depth, hidden)
        return found

    def asked(
        self, queries: Int64[Array, " q"], depth: int, names: Sequence[str] | None = None
    ) -> dict[str, Neighbours]:
        """The lists of queries that every space is to hold, of all that competes, or some by name.

        Raises ``IdsError`` for queries that one of several spaces lacks.
        """
        for name, own in self.rows.items():
            lacking = queries[own[queries] == NOWHERE]
            if len(lacking):
                raise IdsError(
                    f"{name} lacks {counted(len(lacking), 'query')} of those that the machine "
                    f"graded pairs of, such as {shown(str(self.asking.ids[lacking[0]]))!r}: draw "
                    "the pool from all spaces (judge sample --spaces), which asks what all hold"
                )
        lists = self.lists(queries, depth, None)
        return lists if names is None else {name: lists[name] for name in names}

    def of_space(
        self,
        name: str,
        measures: Sequence[Measure],
        rows: Int64[Array, " q"],
        depth: int,
        judged: Judgements | None = None,
    ) -> dict[str, Neighbours]:
        """The lists of one space by measures; those of queries that it lacks are empty (-1)."""
        return self._of_space(name, measures, rows, depth, self._hidden(judged))

    def _of_space(
        self,
        name: str,
        measures: Sequence[Measure],
        rows: Int64[Array, " q"],
        depth: int,
        hidden: Int64[Array, " pairs"],
        *,
        threads: int | None = None,
    ) -> dict[str, Neighbours]:
        ranked, own_rows = self.sides[name][1], self.rows[name][rows]
        held = own_rows != NOWHERE
        depth = min(depth, len(ranked) - (self.direction != "queries-items"))
        found = search(
            self.spaces[name],
            measures,
            k=depth,
            direction=self.direction,
            rows=own_rows[held],
            exclude=self._hidden_in(name, hidden),
            threads=threads,
        )
        lists: dict[str, Neighbours] = {}
        for measure, own in found.items():
            indices = np.full((len(rows), depth), NOWHERE, dtype=np.int64)
            scores = np.full((len(rows), depth), -np.inf)
            tied = np.zeros(len(rows), dtype=np.int64)
            indices[held] = np.where(own.indices < 0, NOWHERE, self._numbers[name][own.indices])
            scores[held], tied[held] = own.scores, own.tied_at_cut
            lists[measure] = Neighbours(measure, indices, scores, tied)
        return lists

    @cached_property
    def _numbers(self) -> Mapping[str, Int64[Array, " items"]]:
        """Of each space the numbers of its items."""
        return {
            name: np.array([self.number_of[one] for one in ranked.ids.tolist()], dtype=np.int64)
            for name, (_, ranked) in self.sides.items()
        }

    @cached_property
    def _seen(self) -> Int64[Array, " pairs"]:
        """What some space hides, each pair of a query and an item as one number."""
        keys = [np.empty(0, dtype=np.int64)]
        for name, space in self.spaces.items():
            if space.seen is None or self.direction != "queries-items":
                continue
            asks, _ = self.sides[name]
            first = [self.asking.row_of.get(one, NOWHERE) for one in asks.ids.tolist()]
            rows = np.array(first, dtype=np.int64)[space.seen.rows]
            items = self._numbers[name][space.seen.indices]
            keys.append((rows * len(self.item_ids) + items)[rows >= 0])
        return np.unique(np.concatenate(keys))

    def _hidden(self, judged: Judgements | None) -> Int64[Array, " pairs"]:
        """The pairs that no list may hold, each as one number, ascending."""
        if judged is None or judged.seen is None:
            return self._seen
        keys = judged.seen.rows * len(self.item_ids) + judged.seen.indices
        return np.union1d(self._seen, keys)

    def _hidden_in(self, name: str, hidden: Int64[Array, " pairs"]) -> SparseRows | None:
        """Hidden pairs in the rows of one space; what it lacks is left away."""
        if not len(hidden):
            return None
        asks, ranked = self.sides[name]
        own = np.full(len(self.item_ids), NOWHERE, dtype=np.int64)
        own[self._numbers[name]] = np.arange(len(ranked))
        rows = self.rows[name][hidden // len(self.item_ids)]
        items = own[hidden % len(self.item_ids)]
        both = (rows >= 0) & (items >= 0)
        return SparseRows.from_pairs(rows[both], items[both], shape=(len(asks), len(ranked)))

    def _of_run(
        self,
        run: Run,
        rows: Int64[Array, " q"],
        depth: int,
        hidden: Int64[Array, " pairs"],
    ) -> Neighbours:
        """The first places of a run that may be shown; what asks is not its own neighbour."""
        indices = np.full((len(rows), depth), NOWHERE, dtype=np.int64)
        scores = np.full((len(rows), depth), -np.inf)
        number_of = np.array([self.number_of[one] for one in run.items.tolist()], dtype=np.int64)
        for place, row in enumerate(rows.tolist()):
            number = run.row_of.get(str(self.asking.ids[row]))
            if number is None:
                continue
            listed_at = slice(int(run.starts[number]), int(run.starts[number + 1]))
            items = number_of[run.entries[listed_at]]
            shown_to = ~np.isin(row * len(self.item_ids) + items, hidden)
            if self.direction != "queries-items":
                shown_to &= items != row
            kept = np.flatnonzero(shown_to)[:depth]
            indices[place, : len(kept)] = items[kept]
            scores[place, : len(kept)] = run.scores[listed_at][kept]
        return Neighbours(run.name, indices, scores, np.zeros(len(rows), dtype=np.int64))

    def notes(self, queries: Int64[Array, " q"], depth: int) -> tuple[str, ...]:
        """What a reader should know of a pool of some queries before judging it."""
        notes: list[str] = []
        left_out = len(self.asking) - len(self.can_ask)
        if len(self.spaces) > 1 and left_out:
            notes.append(
                f"{left_out:,} of {len(self.asking):,} queries of {next(iter(self.spaces))} are "
                "not in every space with a vector that is not zero: they are not drawn, as "
                "compare leaves them out too"
            )
        asked = self.asking.ids[queries].tolist()
        for run in self.runs:
            without = sum(one not in run.row_of for one in asked)
            if without:
                notes.append(
                    f"{run.name} has no list for {counted(without, 'query')} of {len(asked):,} "
                    "drawn: nothing of it is pooled for them"
                )
            held = [run.row_of[one] for one in asked if one in run.row_of]
            short = sum(int(run.starts[at + 1] - run.starts[at]) < depth for at in held)
            if short:
                notes.append(
                    f"{run.name} ends before {depth} places for {counted(short, 'query')} of "
                    f"{len(asked):,} drawn"
                )
        return (*notes, *texts_untold(self.spaces))


def _blank(ids: Array) -> Embeddings:
    return Embeddings(np.zeros((len(ids), 1), np.float32), ids=ids.tolist())


def _check_measures(spaces: Mapping[str, Space], measures: Sequence[Measure]) -> None:
    fits = {name: measures_of(space.items, measures) for name, space in spaces.items()}
    for measure in measures:
        if not any(measure in own for own in fits.values()):
            check_rank(next(iter(spaces.values())).items, [measure])
    for name, own in fits.items():
        if not own:
            check_rank(spaces[name].items, measures)


def _some(names: Array) -> str:
    return ", ".join(repr(shown(name)) for name in names[:3].tolist())
