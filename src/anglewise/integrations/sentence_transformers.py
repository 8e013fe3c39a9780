"""``SimilarityEvaluator`` for trainers of sentence-transformers: the extra of that name."""

import csv
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from anglewise.comparison.compare import compare
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.split import first_half
from anglewise.data_types.conversion import is_kind
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.libraries import library
from anglewise.data_types.numbers import check_kind, described
from anglewise.data_types.text import counted, listed
from anglewise.errors import FileError, SpellingError, TooFewError, WrongTypeError
from anglewise.evaluation_metrics.evaluate import metric as read_metric
from anglewise.evaluation_metrics.evaluate import read_metrics
from anglewise.similarity_measures.measure import DEFAULT_MEASURES, measures_and_families

Relevant: TypeAlias = Mapping[str, Collection[str] | Mapping[str, float]]
"""For each query the relevant documents, or documents with their grades."""

CHOSEN = "chosen"
FEWEST = 4
"""Judged queries: two of either half."""

_log = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    if name != "SimilarityEvaluator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return evaluator_class()


class JudgedTexts:
    """Queries and documents as texts, and what is relevant, checked before any training.

    Raises ``IdsError`` where nothing that is judged is there, ``TooFewError`` for fewer than four
    judged queries.
    """

    def __init__(
        self,
        queries: Mapping[str, str],
        corpus: Mapping[str, str],
        relevant: Relevant,
        measures: Sequence[str],
        seed: int,
    ) -> None:
        given = {"queries": queries, "corpus": corpus, "relevant_docs": relevant}
        for name, texts in given.items():
            check_kind(texts, Mapping, name, "a dict by id")
        self.queries, self.corpus = dict(queries), dict(corpus)
        self.gains = {query: _gains(documents) for query, documents in relevant.items()}
        self.measures = measures
        no_vectors = np.zeros((max(len(self.queries), len(self.corpus)), 1), dtype=np.float32)
        space = self.space(no_vectors[: len(self.queries)], no_vectors[: len(self.corpus)])
        judged = Judgements.from_dict(self.gains, space)
        rows = judged.judged_rows
        if len(rows) < FEWEST:
            raise TooFewError(
                f"{counted(len(rows), 'judged query')}, to choose a measure on one half and report "
                f"it on the other: at least {FEWEST} are due"
            )
        ids: list[str] = space.queries.ids[rows].tolist()
        half = first_half(len(ids), seed)
        self.halves = [
            {query for query, chooses in zip(ids, half.tolist(), strict=True) if chooses is part}
            for part in (True, False)
        ]
        self.remarks = list(_remarks(self.queries, judged, len(ids)))

    def space(self, queries: Any, items: Any) -> Space:
        """The vectors of both under their ids."""
        return Space(
            queries=Embeddings(queries, ids=list(self.queries)),
            items=Embeddings(items, ids=list(self.corpus)),
        )

    def compared(self, space: Space, half: int, **options: Any) -> Comparison:
        """The measures on one half of the queries: 0 chooses, 1 is reported."""
        gains = {query: of for query, of in self.gains.items() if str(query) in self.halves[half]}
        return compare(space, Judgements.from_dict(gains, space), self.measures, **options)


def _gains(documents: Collection[str] | Mapping[str, float]) -> dict[str, float]:
    """Grades of documents; 1 for each where there are none."""
    if isinstance(documents, Mapping):
        return dict(cast("Mapping[str, float]", documents))
    if isinstance(documents, str) or not is_kind(documents, Collection):
        raise WrongTypeError(
            f"the relevant documents of a query are {described(documents)}: a set of ids is due"
        )
    return dict.fromkeys(documents, 1.0)


def _remarks(queries: Mapping[str, str], judged: Judgements, evaluated: int) -> Iterable[str]:
    """What of the texts and judgements plays no part, or another one than meant."""
    unjudged = len(queries) - evaluated
    if unjudged:
        yield f"{counted(unjudged, 'query')} of {len(queries):,} not judged, so not evaluated"
    unknown = judged.complaints.unknown_queries
    if unknown:
        yield f"relevant_docs judge queries that are not there, such as {listed(unknown)}: left out"
    if judged.missing_ids:
        yield (
            f"{counted(len(judged.missing_ids), 'relevant document')} that the corpus lacks, such "
            f"as {judged.missing_ids[0]!r}: they count as missed"
        )


def figures(reported: Comparison, measures: Sequence[str], chosen: str) -> dict[str, float]:
    """``MEASURE_METRIC`` with ``_low`` and ``_high``, first of the chosen one, in a fixed order."""
    row_of = {row.measure: row for row in reported.measures}
    known: dict[str, float] = {}
    for name, row in {CHOSEN: row_of[chosen], **{name: row_of[name] for name in measures}}.items():
        for metric, estimate in row.metrics.items():
            key = f"{name}_{metric.lower()}"
            known |= {key: estimate.mean, f"{key}_low": estimate.low, f"{key}_high": estimate.high}
    return known


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a CSV, which is made with its header; ``FileError`` under other columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8", newline="") as file:
        file.seek(0)
        header = next(csv.reader(file), None)
        if header not in (None, list(row)):
            raise FileError(
                f"{path} has other columns than this evaluation: give the evaluator another name, "
                "or move the file elsewhere"
            )
        writer = csv.writer(file)
        if header is None:
            writer.writerow(row)
        writer.writerow(row.values())


@cache
def evaluator_class() -> Any:
    """The class ``SimilarityEvaluator``, a ``BaseEvaluator`` of sentence-transformers.

    Raises ``MissingExtraError`` without the library.
    """
    base: Any = library(
        "sentence_transformers.base.evaluation", "sentence-transformers", needed_by="evaluator"
    ).BaseEvaluator

    class SimilarityEvaluator(base):
        """All measures on judged queries, with 95% intervals, whenever a trainer evaluates.

        The measure is chosen on one half of the judged queries, drawn by ``seed``, and everything
        is reported on the other, so that ``chosen_ndcg@10`` is not the luckiest of several. Its
        key is ``primary_metric``. A trainer that keeps the best of many checkpoints by it chooses
        on the reported half: test what it keeps on other queries.

        Parameters
        ----------
        queries, corpus
            Texts by id.
        relevant_docs
            For each query the ids of relevant documents, or these with grades.
        measures
            As :func:`anglewise.compare` takes them.
        metric, metrics
            What chooses and decides, and further ones to report.
        name
            What the keys and the CSV are called after.
        seed
            Draws the halves, and whatever the statistics draw.
        batch_size, show_progress_bar, truncate_dim
            As ``encode`` of the model takes them.
        write_csv
            Whether to add a row to ``Similarity_evaluation_NAME_results.csv`` in the output path.

        Attributes
        ----------
        comparison
            The last comparison on the reported half, with verdict and notes; None before.
        chosen
            The measure that the other half chose for it.
        """

        def __init__(
            self,
            queries: Mapping[str, str],
            corpus: Mapping[str, str],
            relevant_docs: Relevant,
            *,
            measures: Iterable[str] | str = DEFAULT_MEASURES,
            metric: str = "nDCG@10",
            metrics: Iterable[str] | str = (),
            name: str = "",
            seed: int = 0,
            batch_size: int = 32,
            show_progress_bar: bool = False,
            truncate_dim: int | None = None,
            write_csv: bool = True,
        ) -> None:
            super().__init__()
            if any(part in name for part in "/\\\0"):
                raise SpellingError(f"name {name!r} is part of a file's name: leave / and \\ out")
            names = list(map(str, measures_and_families(measures)))
            if not names:
                raise TooFewError("no measure to evaluate: name one, such as cosine")
            self.texts = JudgedTexts(queries, corpus, relevant_docs, names, seed)
            decides = str(read_metric(metric))
            further = list(map(str, read_metrics(metrics)))
            self.options = {"metric": decides, "metrics": further, "seed": seed}
            self.encoding = {
                "batch_size": batch_size,
                "show_progress_bar": show_progress_bar,
                "truncate_dim": truncate_dim,
            }
            self.name, self.write_csv = name, write_csv
            self.primary_metric = "_".join(filter(None, [name, CHOSEN, decides.lower()]))
            self.csv_file = f"Similarity_evaluation_{f'{name}_' * bool(name)}results.csv"
            self.comparison: Comparison | None = None
            self.chosen: str | None = None
            for remark in self.texts.remarks:
                _log.warning("%s", remark)

        def __call__(
            self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
        ) -> dict[str, float]:
            """Encode, compare, and give all figures by their keys."""
            texts = self.texts
            space = texts.space(
                model.encode_query(list(texts.queries.values()), **self.encoding),
                model.encode_document(list(texts.corpus.values()), **self.encoding),
            )
            self.chosen = texts.compared(space, 0, **self.options).measures[0].measure
            self.comparison = texts.compared(space, 1, **self.options)
            known = figures(self.comparison, texts.measures, self.chosen)
            _log.info("chosen on the other half: %s; %s", self.chosen, self.comparison.verdict)
            if output_path is not None and self.write_csv:
                row = {"epoch": epoch, "steps": steps, CHOSEN: self.chosen} | known
                append_row(Path(output_path) / self.csv_file, row)
            undefined = [key for key, value in known.items() if not isfinite(value)]
            if undefined:
                _log.warning("undefined, so left out: %s", listed(undefined))
            known = {key: value for key, value in known.items() if key not in undefined}
            known = self.prefix_name_to_metrics(known, self.name)
            self.store_metrics_in_model_card_data(model, known, epoch, steps)
            return known

        def get_config_dict(self) -> dict[str, Any]:
            """What the model card says of the evaluation."""
            return {"measures": ", ".join(self.texts.measures), **self.options}

    return SimilarityEvaluator
