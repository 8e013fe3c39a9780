"""Does a collection answer as the measure ranks? Asked, and held against the exact lists."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from anglewise.data_types.conversion import check_direction
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.numbers import COUNT, SEED, SHARE, check_kind
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Direction
from anglewise.errors import ShapeError, SpellingError, StoreError, ValuesError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure
from anglewise.stores.address import Address
from anglewise.stores.diagnosis import LookedAt, reasons, way_of_vectors
from anglewise.stores.exact_lists import ExactLists, StoreLists, queries_to_ask, reaches
from anglewise.stores.lost_lengths import by_dot, has_lost_lengths, lost_lengths
from anglewise.stores.manifest import Fingerprint, Manifest, manifest_of
from anglewise.stores.reductions import Reduction, reductions, way_named
from anglewise.stores.vector_store import VectorStore, open_store

if TYPE_CHECKING:
    from anglewise.stores.export import Export

K = 10


@dataclass(frozen=True)
class Verification:
    """How the lists of a collection agree with the exact ones.

    Attributes
    ----------
    recall, recall_low
        The mean share of the exact lists that is listed, up to ties, and the lower end of its 95%
        interval over queries; both weighed by traffic where judgements say how queries were drawn.
    worst
        The id of the query with the lowest recall, and that recall.
    never_listed
        Ids of items that are due in some list and stand in none.
    metrics
        What becomes of the metric that matters: ``exact`` and ``store``; empty without judgements.
    notes
        What these figures suppose of the judgements.
    reasons
        Why it is not exact, as far as was found.
    finding
        Where the collection has lost the lengths that training gave: that, and what becomes of the
        metric that matters; else empty.
    drifted
        Whether ids or vectors are others than when the export was measured; None where there is no
        manifest.
    min_recall, passed
        The gate, and whether the recall on these queries reaches it; None where nobody set one.
    """

    address: str
    measure: str
    direction: str
    way: str
    k: int
    queries: int
    recall: float
    recall_low: float
    worst: tuple[str, float]
    never_listed: tuple[str, ...] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict[str, Mapping[str, float]]
    )
    reasons: tuple[str, ...] = ()
    finding: str = ""
    drifted: bool | None = None
    effort: Mapping[str, int] = field(default_factory=dict[str, int])
    oversample: int = 1
    min_recall: float | None = None
    passed: bool | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON: the recall is ``recall@10`` for lists of ten."""
        content = asdict(self)
        recall, low = content.pop("recall"), content.pop("recall_low")
        worst = {"query": self.worst[0], "recall": self.worst[1]}
        return {
            f"recall@{self.k}": recall,
            f"recall@{self.k}_low": low,
            **content,
            "worst": worst,
            "never_listed": list(self.never_listed),
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }


def verify(
    address: "str | Address | VectorStore",
    space: Space,
    measure: str | Measure | None = None,
    *,
    direction: Direction | None = None,
    judgements: Judgements | None = None,
    metric: str = "nDCG@10",
    k: int = K,
    min_recall: float | None = None,
    seed: int = 0,
) -> Verification:
    """Ask a collection with the queries of a space, and hold its lists against the exact ones.

    Parameters
    ----------
    address
        The collection.
    space
        The items that it is to hold, and the queries that ask.
    measure, direction
        What it is to rank by; by default as its manifest says.
    judgements
        Their queries ask, and ``metric`` is computed of both lists; else up to 200 queries are
        drawn.
    k
        How long the lists are.
    min_recall
        The gate: the recall on these queries must reach it.

    Raises
    ------
    SpellingError
        No measure is named, and no manifest names one.
    ValuesError
        Judgements of pairs that were drawn by lot.
    StoreError
        The store cannot be reached, or is empty.
    """
    check_kind(space, Space, "the space", "a Space")
    COUNT.check("k", k)
    SEED.check("seed", seed)
    if direction is not None:
        check_direction(direction)
    if judgements is not None:
        check_kind(judgements, Judgements, "the judgements", "Judgements")
        if judgements.by_lot:
            raise ValuesError(
                "pairs of these judgements were drawn by lot from other lists, and give no figure "
                "of what a store lists: leave them out"
            )
    if min_recall is not None:
        SHARE.check("min_recall", min_recall)
    asked = StoreQuestion(space, measure, direction, judgements, metric, k, min_recall, seed)
    if isinstance(address, VectorStore):
        return _verify(address, asked)
    with open_store(address) as store:
        return _verify(store, asked)


@dataclass(frozen=True, eq=False)
class StoreQuestion:
    """What a collection is asked, and what it is to answer."""

    space: Space
    measure: str | Measure | None
    direction: Direction | None
    judgements: Judgements | None
    metric: str
    k: int
    min_recall: float | None
    seed: int


def _verify(store: VectorStore, asked: StoreQuestion) -> Verification:
    if store.unasked:
        raise StoreError(f"{store.address}: {store.unasked}")
    manifest, about = manifest_of(store), store.described()
    if not about.count:
        raise StoreError(f"{store.address} is empty")
    exact, way = due_lists(store, asked, manifest)
    effort = {} if manifest is None else dict(manifest.effort)
    oversample = 1 if manifest is None else manifest.oversample
    check_dimension(store, about.dimension, exact, way)
    lists = exact.asked(store, way, effort, oversample).first(by_score=oversample > 1)
    recall, low = lists.bounds(asked.seed)
    asking, ranked = asked.space.sides(exact.direction)
    worst = int(lists.recall.argmin())
    names = tuple(str(ranked.ids[row]) for row in lists.never_listed().tolist())
    looked = LookedAt.of(store, exact, way)
    why = reasons(store, exact, way, effort, recall, looked=looked)
    drifted = None
    if manifest is not None:
        drifted = not Fingerprint.of(store.rows()).same(manifest.fingerprint)
    return Verification(
        address=str(store.address),
        measure=str(exact.measure),
        direction=exact.direction,
        way=way.name,
        k=exact.k,
        queries=len(exact.rows),
        recall=recall,
        recall_low=low,
        worst=(str(asking.ids[exact.rows[worst]]), float(lists.recall[worst])),
        never_listed=names,
        metrics=_metrics(exact, lists, asked),
        reasons=tuple(why),
        finding=_finding(looked, exact, lists, asked),
        drifted=drifted,
        effort=effort,
        oversample=oversample,
        min_recall=asked.min_recall,
        passed=None if asked.min_recall is None else reaches(recall, asked.min_recall),
        notes=_notes(asked, exact),
    )


def due_lists(
    store: VectorStore, asked: StoreQuestion, manifest: Manifest | None
) -> tuple[ExactLists, Reduction]:
    """The exact lists that are due, and the way in which the collection was to be filled."""
    spelling = asked.measure if asked.measure is not None or manifest is None else manifest.measure
    if spelling is None:
        raise SpellingError(
            f"{store.address} has no manifest that says what it ranks by: name the measure"
        )
    named, judgements = read_measure(spelling), asked.judgements
    if manifest is not None and str(named) != manifest.measure:
        raise SpellingError(
            f"{store.address} was exported for {manifest.measure}, and {named} is asked for: name "
            "that, or export anew"
        )
    own = judgements.direction if judgements is not None else None
    stated = asked.direction or own or (manifest.direction if manifest is not None else None)
    chosen: Any = stated or ("items-items" if asked.space.one_sided else "queries-items")
    if manifest is not None and chosen != manifest.direction:
        raise SpellingError(
            f"{store.address} was exported for {manifest.direction}, and {chosen} is asked for"
        )
    judged = None if judgements is None else judgements.judged_rows.tolist()
    rows = queries_to_ask(asked.space, chosen, judged, asked.seed)
    exact = ExactLists.of(asked.space, named, chosen, rows, asked.k, judgements=judgements)
    ways = reductions(named, asked.space, chosen)
    if manifest is not None:
        return exact, way_named(manifest.way, ways)
    return exact, way_of_vectors(store, exact, ways)


def check_dimension(store: VectorStore, dimension: int, exact: ExactLists, way: Reduction) -> None:
    """Refuse a collection of vectors that the queries are not of."""
    if way.queries.columns != dimension:
        raise ShapeError(
            f"{store.address} holds vectors of {dimension} numbers, and {exact.measure} asks "
            f"with {way.queries.columns} ({way.name}): it was filled by another model or measure"
        )


def _finding(looked: LookedAt, exact: ExactLists, lists: StoreLists, asked: StoreQuestion) -> str:
    """That lengths are gone, and what it costs by the judgements, where there are any."""
    if not has_lost_lengths(looked, exact):
        return ""
    dot = exact
    if not by_dot(exact) and asked.judgements is not None:
        dot = ExactLists.of(exact.space, read_measure("dot"), exact.direction, exact.rows, exact.k)
    return lost_lengths(looked, exact, _metrics(dot, lists, asked))


def _metrics(
    exact: ExactLists, lists: StoreLists, asked: StoreQuestion
) -> dict[str, dict[str, float]]:
    if asked.judgements is None:
        return {}
    wanted = read_metric(asked.metric)
    if wanted.depth is not None and wanted.depth > exact.k:
        raise SpellingError(f"{wanted} reads {wanted.depth} places, the lists have {exact.k}: -k")
    both = {"exact": exact.exact, "store": lists.neighbours()}
    values = evaluate(both, asked.judgements, exact.rows, [wanted])[str(wanted)]
    means = means_over_queries(values, asked.judgements.weights(exact.rows))
    return {str(wanted): {"exact": float(means[0]), "store": float(means[1])}}


def _notes(asked: StoreQuestion, exact: ExactLists) -> tuple[str, ...]:
    """How queries were drawn, and who graded, where the figures of both lists hang on it."""
    drawn = (exact.draw_words,) if exact.draw_words else ()
    graded = "" if asked.judgements is None else asked.judgements.complaints.machine_words
    if not graded:
        return drawn
    metric = read_metric(asked.metric)
    words = f"{metric} of both lists holds as far as its grades do, which nothing here tests"
    return (*drawn, f"{graded}: {words}")


def in_words(result: "Verification | Export") -> str:
    """The recall in one sentence."""
    return (
        f"recall@{result.k} {result.recall:.3f} (at least {result.recall_low:.3f} at 95%) on "
        f"{counted(result.queries, 'query', 'queries')}"
    )
