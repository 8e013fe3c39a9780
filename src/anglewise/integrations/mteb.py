"""MTEB on your own data and with our encoders: ``retrieval_task`` and ``MtebEncoder``.

Both are handed to ``mteb.evaluate``; the predictions that it writes are runs for
``anglewise.read_run``. The extra is ``[mteb]``.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.comparison.ranked_runs import space_of_names
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.libraries import library
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import Say, as_path, quiet
from anglewise.data_types.typing import Array, Float32
from anglewise.encoders.batches import encode_texts
from anglewise.encoders.document_files import beir_files, read_documents
from anglewise.encoders.documents import Documents
from anglewise.encoders.encoder import Encode, Encoder, digest
from anglewise.encoders.load import encoder as read_encoder
from anglewise.errors import FileError, SpellingError, ValuesError
from anglewise.io.files import PathLike, existing_file, existing_folder
from anglewise.io.judgement_rows import qrels_in
from anglewise.io.read import read_judgements
from anglewise.nearest_neighbours.search import search
from anglewise.similarity_measures.formulas import Measure
from anglewise.similarity_measures.measure import measure as read_measure

BLOCK = 256
"""Pairs whose scores are computed in one square block."""


def _mteb(module: str) -> Any:
    return library(module, "mteb", needed_by="task or model of MTEB")


def retrieval_task(
    folder: PathLike,
    name: str,
    *,
    judgements: PathLike | None = None,
    languages: Sequence[str] = ("eng-Latn",),
    say: Say = quiet,
) -> Any:
    """A retrieval task of MTEB from a folder with texts and judgements; nothing is fetched.

    Parameters
    ----------
    folder
        As BEIR lays it out: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv``; ``.gz`` too.
    name
        What the task is called, with a digest of its files behind it: MTEB keeps results by
        that name, and would take those of other data for these.
    judgements
        Another file of graded relevance than that of the folder.
    languages
        Of the texts, as MTEB spells them; a label that changes no score.
    say
        Told what was taken.

    Raises
    ------
    FileError
        Files that are missing or damaged.
    IdsError
        Judgements of which not one names a query and a document.
    ValuesError
        A grade that is no whole number, which MTEB cannot take.
    MissingExtraError
        Without mteb.
    """
    abstasks, datasets = _mteb("mteb.abstasks.retrieval"), _mteb("datasets")
    root = existing_folder(folder)
    corpus_file, query_file = beir_files(root)
    if query_file is None or corpus_file == root:
        raise FileError(f"{root} lacks corpus.jsonl or queries.jsonl: name a folder as BEIR's")
    judged_file = existing_file(qrels_in(root, say) if judgements is None else judgements)
    corpus, queries = read_documents(corpus_file), read_documents(query_file)
    relevant = _relevant(corpus, queries, judged_file, say)
    data = {
        "corpus": datasets.Dataset.from_dict(
            {
                "id": corpus.ids,
                "title": [""] * len(corpus) if corpus.titles is None else corpus.titles,
                "text": corpus.texts,
            }
        ),
        "queries": datasets.Dataset.from_dict(
            {
                "id": [query for query in queries.ids if query in relevant],
                "text": [
                    text
                    for query, text in zip(queries.ids, queries.words, strict=True)
                    if query in relevant
                ],
            }
        ),
        "relevant_docs": relevant,
        "top_ranked": None,
    }
    revision = digest([corpus_file, query_file, judged_file])
    metadata = _mteb("mteb.abstasks.task_metadata").TaskMetadata(
        name=f"{name}-{revision[:8]}",
        description=f"Local data: {as_path(folder).name}",
        dataset={"path": str(root), "revision": revision},
        type="Retrieval",
        category="t2t",
        eval_splits=["test"],
        eval_langs=list(languages),
        main_score="ndcg_at_10",
    )

    def load_data(self: Any, **_options: Any) -> None:
        self.dataset = {"default": {"test": dict(data)}}
        self.data_loaded = True

    members = {"metadata": metadata, "load_data": load_data}
    return type("LocalRetrieval", (abstasks.AbsTaskRetrieval,), members)()


def _relevant(
    corpus: Documents, queries: Documents, file: Path, say: Say
) -> dict[str, dict[str, int]]:
    """Grades by id, of every judged query; documents that the corpus lacks count as missed."""
    space = space_of_names(queries.ids, corpus.ids, ())
    judged = read_judgements(file, space, say=say)
    names = [*space.items.ids.tolist(), *judged.missing_ids]
    table = judged.graded
    grades: dict[str, dict[str, int]] = {}
    for row, column, gain in zip(
        table.rows.tolist(), table.indices.tolist(), table.values.tolist(), strict=True
    ):
        query = str(space.queries.ids[row])
        if gain != int(gain):
            raise ValuesError(
                f"{file}: query {shown(query)!r} has the grade {gain:g}, and MTEB takes whole ones"
            )
        grades.setdefault(query, {})[names[column]] = int(gain)
    return grades


class MtebEncoder:
    """An encoder of ours under a measure, as ``mteb.evaluate`` takes a model.

    MTEB ranks by the scores of the measure. It hands the corpus over in parts, so that a measure
    that is fitted on all of it (a frame, as in ``cosine@centred``) is refused: compare the
    predictions instead.

    Parameters
    ----------
    encoder
        A spelling such as ``use``, an encoder, or a function from texts to vectors.
    measure
        A spelling or a measure.

    Raises
    ------
    SpellingError
        An encoder or measure that is not known, or a measure in a frame.

    Examples
    --------
    >>> model = MtebEncoder(lambda texts: [[len(text), 1.0] for text in texts], "dot")
    >>> model.scores(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0], [3.0, 1.0]])).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, encoder: str | Encode | Encoder, measure: str | Measure) -> None:
        self.encoder = read_encoder(encoder)
        self.measure = read_measure(measure)
        if self.measure.frames:
            raise SpellingError(
                f"{self.measure} is fitted on the whole corpus, and MTEB hands it over in parts: "
                "take a measure without a frame, or compare the predictions"
            )

    @property
    def mteb_model_meta(self) -> Any:
        """What results are filed under; the revision names weights and measure.

        An encoder that does not name its weights is another one at each call, so that MTEB never
        takes results of an earlier one from its cache.
        """
        weights = self.encoder.identity or secrets.token_hex(8)
        parts = f"{self.encoder.spec}\0{weights}\0{self.measure}"
        word = re.sub(r"[^\w.]+", "-", f"{self.encoder.spec}-{self.measure}").strip("-")
        meta: Any = _mteb("mteb.models.model_meta").ModelMeta
        revision = hashlib.sha256(parts.encode()).hexdigest()[:16]
        return meta.create_empty({"name": f"anglewise/{word}", "revision": revision})

    def encode(
        self, inputs: Iterable[Any], *, prompt_type: Any = None, **_options: Any
    ) -> Float32[Array, "texts d"]:
        """Encode the texts of all batches, as questions where MTEB says that they are.

        Raises ``ValuesError`` for batches without texts.
        """
        texts: list[str] = []
        for batch in inputs:
            if "text" not in batch:
                raise ValuesError(
                    f"MTEB handed over {', '.join(map(str, batch))}, and this encoder reads texts: "
                    "take a task of texts"
                )
            texts += batch["text"]
        asking = getattr(prompt_type, "value", prompt_type) == "query"
        return encode_texts(texts, self.encoder, asking=asking)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The score of every vector with every other, as a tensor."""
        return _mteb("torch").from_numpy(self.scores(embeddings1, embeddings2))

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The score of each vector with the one in its place, as a tensor."""
        first, second = _rows(embeddings1), _rows(embeddings2)
        blocks = [
            np.diagonal(self.scores(first[start : start + BLOCK], second[start : start + BLOCK]))
            for start in range(0, len(first), BLOCK)
        ]
        return _mteb("torch").from_numpy(np.concatenate(blocks))

    def scores(self, queries: Any, items: Any) -> Array:
        """The score of every query with every item, larger is nearer."""
        space = Space(queries=Embeddings(_rows(queries)), items=Embeddings(_rows(items)))
        lists = search(space, [self.measure], k=len(space.items))[str(self.measure)]
        scores = np.empty(lists.scores.shape)
        np.put_along_axis(scores, lists.indices, lists.scores, axis=1)
        return scores


def _rows(vectors: Any) -> Array:
    """Vectors as rows, one alone too."""
    return np.atleast_2d(np.asarray(vectors))
