"""What the measures of one space reach within strata of similar use, at each support.

Whatever is tuned is tuned here anew, by its figures within the strata; what is learnt is learnt
from all judgements of the other queries, as for lists over all items.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np

from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, learnt_folds
from anglewise.comparison.scoring import list_key
from anglewise.comparison.split import tuned
from anglewise.comparison.within_strata import QueryStrata, nearest_in_strata, values_in_strata
from anglewise.data_types.drawn import means_over_queries
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.evaluation_metrics.evaluate import ranking_metrics
from anglewise.evaluation_metrics.interface import Metric
from anglewise.judgements.co_use import SUPPORTS, support_of
from anglewise.similarity_measures.adapter import Adapted
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import Family, MeasureSpec


@dataclass(frozen=True, eq=False)
class JudgedInStrata:
    """By what lists within strata are judged.

    Attributes
    ----------
    judgements
        Of several spaces, in their common order.
    asked
        Which query is asked in which stratum.
    supports, among
        At which supports there are values, the first of which decides, and which entries of the
        gains count at each. None for all.
    """

    judgements: Judgements
    asked: QueryStrata
    supports: tuple[int | None, ...]
    among: tuple[Bool[Array, " entries"] | None, ...]

    @classmethod
    def by(
        cls, judgements: Judgements, uses: Float64[Array, " items"], metric: Metric
    ) -> "JudgedInStrata":
        """By these judgements, in strata of so much use, relevant being what the metric reads."""
        asked = QueryStrata.by(judgements, uses, metric)
        made_of = judgements.made_of
        if made_of is None or not made_of.of_users:
            return cls(judgements, asked, (None,), (None,))
        support = support_of(judgements, made_of)
        levels = [s for s in SUPPORTS if s > made_of.min_support and (support >= s).any()]
        among = (None, *(support >= level for level in levels))
        return cls(judgements, asked, (made_of.min_support, *levels), among)


@dataclass(frozen=True, eq=False)
class StrataValues:
    """What measures reach within strata.

    Attributes
    ----------
    keys
        One for each measure, the same for those that rank alike within every stratum; of tuned
        ones in both halves.
    chosen
        For each measure the settings that did best on other queries; none where it is not tuned.
    values
        For each support, from metric to ``measures x reported queries``.
    has
        For each support, which rows have a relevant item.
    """

    keys: tuple[Hashable, ...]
    chosen: tuple[tuple[str, ...], ...]
    values: tuple[Mapping[str, Float64[Array, "m q"]], ...]
    has: tuple[Bool[Array, " rows"], ...]

    def each(self) -> list["StrataValues"]:
        """Each measure by itself."""
        return [
            replace(
                self,
                keys=(key,),
                chosen=(chosen,),
                values=tuple(
                    {metric: own[[place]] for metric, own in table.items()} for table in self.values
                ),
            )
            for place, (key, chosen) in enumerate(zip(self.keys, self.chosen, strict=True))
        ]


def strata_values(
    searched: SearchedSpace,
    measures: Sequence[MeasureSpec],
    judged: JudgedInStrata,
    settings: EvaluationSettings,
) -> StrataValues:
    """Search one space within strata for every measure, and evaluate the lists.

    A value is the mean over the strata in which a query has a relevant item.
    """
    judgements, metrics = judged.judgements, settings.metrics
    tried: dict[str, Measure] = {
        str(fixed): fixed
        for spec in measures
        if not isinstance(spec, Adapted)
        for fixed in (spec.settings(lists=True) if isinstance(spec, Family) else [spec])
    }
    learnt = [spec for spec in measures if isinstance(spec, Adapted)]
    names = [*tried, *map(str, learnt)]
    depth = max(metric.depth for metric in ranking_metrics(metrics))
    k = min(depth, judgements.gains.shape[1])
    digests = {name: sha256() for name in names}

    def lists_of(part: QueryStrata) -> Mapping[str, Neighbours]:
        rows = judgements.judged_rows
        found: dict[str, Neighbours] = {}
        if tried:
            fixed = [*tried.values()]
            found = nearest_in_strata(searched, fixed, part, k, settings, judged_rows=rows)
        for adapted in learnt:
            found[str(adapted)] = _learnt(searched, adapted, part, k, settings, judged_rows=rows)
        for name, its in found.items():
            digests[name].update(list_key(its))
        return found

    each = values_in_strata(
        judged.asked, judgements, lists_of, metrics, lists=len(names), among=judged.among
    )
    deciding = dict(zip(names, each[0][0][str(metrics[0])], strict=True))
    chosen = [_chosen(measure, deciding, judgements, settings) for measure in measures]
    words = [own or (str(measure),) for measure, own in zip(measures, chosen, strict=True)]
    lists = {name: its.digest() for name, its in digests.items()}
    keys = [tuple(dict.fromkeys(lists[word] for word in own)) for own in words]
    return StrataValues(
        tuple(keys),
        tuple(chosen),
        tuple(
            {
                metric: _by_choice(words, dict(zip(names, every, strict=True)), judged, settings)
                for metric, every in table.items()
            }
            for table, _ in each
        ),
        tuple(has for _, has in each),
    )


def _learnt(
    searched: SearchedSpace,
    adapted: Adapted,
    asked: QueryStrata,
    k: int,
    settings: EvaluationSettings,
    *,
    judged_rows: Int64[Array, " q"],
) -> Neighbours:
    """Lists by what was learnt on other queries; empty for queries that are not reported."""
    place = np.searchsorted(judged_rows, asked.rows)
    indices = np.full((len(asked), k), -1, dtype=np.int64)
    scores = np.full((len(asked), k), -np.inf, dtype=np.float32)
    tied = np.zeros(len(asked), dtype=np.int64)
    for fold in learnt_folds(searched, adapted, settings):
        own = np.flatnonzero(np.isin(place, fold.positions))
        if not len(own):
            continue
        found = nearest_in_strata(
            searched, [fold.measure], asked.some(own), k, settings, judged_rows=judged_rows
        )
        its = found[str(adapted)]
        indices[own, : its.k], scores[own, : its.k] = its.indices, its.scores
        tied[own] = its.tied_at_cut
    return Neighbours(str(adapted), indices, scores, tied)


def _chosen(
    measure: MeasureSpec,
    deciding: Mapping[str, Float64[Array, " rows"]],
    judgements: Judgements,
    settings: EvaluationSettings,
) -> tuple[str, ...]:
    """The settings of a tuned measure that did best within strata on other queries."""
    if not isinstance(measure, Family):
        return ()
    rows, split = judgements.judged_rows, settings.split
    tried = [str(fixed) for fixed in measure.settings(lists=True)]
    values = np.stack([deciding[name][rows] for name in tried])
    if split.later is not None:
        return (tried[int(means_over_queries(values[:, ~split.later], None).argmax())],)
    half = split.half(len(rows), settings.seed)
    return tuple(tried[place] for place in tuned(values, half))


def _by_choice(
    words: Sequence[tuple[str, ...]],
    values: Mapping[str, Float64[Array, " rows"]],
    judged: JudgedInStrata,
    settings: EvaluationSettings,
) -> Float64[Array, "m q"]:
    """From values of all settings to those of the measures, for the reported queries."""
    rows, split = judged.judgements.judged_rows, settings.split
    half = split.half(len(rows), settings.seed)
    own = [np.where(half, values[word[0]][rows], values[word[-1]][rows]) for word in words]
    return np.stack(own)[:, split.reported(len(rows))]


def beside(each: Sequence[StrataValues], *, apart: bool) -> StrataValues:
    """The measures of one space, then those of the next.

    Those of several spaces rank alike only within one where these are held ``apart``.
    """
    first = each[0]
    return replace(
        first,
        keys=tuple(
            (number, key) if apart else key for number, own in enumerate(each) for key in own.keys
        ),
        chosen=tuple(words for own in each for words in own.chosen),
        values=tuple(
            {
                metric: np.concatenate([own.values[place][metric] for own in each])
                for metric in table
            }
            for place, table in enumerate(first.values)
        ),
    )


def packed(values: StrataValues) -> tuple[dict[str, Any], dict[str, Array]]:
    """One measure as words and arrays that can be kept; ``unpacked`` makes it again."""
    words: Any = values.keys[0]
    about = {"key": [word.hex() for word in words], "chosen": list(values.chosen[0])}
    metrics = list(values.values[0])
    tables = np.stack([[table[metric][0] for metric in metrics] for table in values.values])
    return about | {"metrics": metrics}, {"within": tables, "has": np.stack(values.has)}


def unpacked(
    about: Mapping[str, Any], arrays: Mapping[str, Array], judged: JudgedInStrata
) -> StrataValues:
    """What was packed; ``ValueError`` where it is of other supports."""
    tables, has = arrays["within"], arrays["has"]
    if len(tables) != len(judged.supports) or len(has) != len(judged.supports):
        raise ValueError
    return StrataValues(
        (tuple(bytes.fromhex(word) for word in about["key"]),),
        (tuple(map(str, about["chosen"])),),
        tuple(dict(zip(about["metrics"], table[:, None, :], strict=True)) for table in tables),
        tuple(own.astype(bool) for own in has),
    )
