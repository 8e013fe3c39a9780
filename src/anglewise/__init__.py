"""Tells whether the similarities of embeddings mean anything, and which measure to use.

This is the face: names only, each resolved when it is first used, so that
``import anglewise`` costs nothing and no extra is imported before it is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anglewise.auditing.audit import audit
    from anglewise.auditing.audit_result import Audit
    from anglewise.comparison.compare import compare
    from anglewise.comparison.compare_runs import compare_runs
    from anglewise.comparison.compare_spaces import compare_spaces
    from anglewise.comparison.compare_trainings import compare_trainings
    from anglewise.comparison.comparison_result import Comparison
    from anglewise.data_types.embeddings import Embeddings, Space
    from anglewise.data_types.judgements import Judgements
    from anglewise.data_types.neighbours import Neighbours
    from anglewise.data_types.pairs import Pairs, Triplets
    from anglewise.data_types.run import Run
    from anglewise.data_types.sparse_vectors import SparseVectors
    from anglewise.data_types.token_vectors import TokenVectors
    from anglewise.distributed.fit_shards import fit_shards
    from anglewise.distributed.search_shards import search_shards
    from anglewise.encoders.encode import encode
    from anglewise.encoders.encoder import Encoder
    from anglewise.encoders.images import encode_images
    from anglewise.encoders.load import encoder
    from anglewise.encoders.reranker import Reranker
    from anglewise.equivalent_factorisations.canonical import gauge
    from anglewise.errors import AnglewiseError
    from anglewise.evaluation_metrics.random_pairs import random_pairs
    from anglewise.experiment.study import Study, study
    from anglewise.integrations.atlas import to_atlas
    from anglewise.io.holdout_folder import holdout, read_protocol
    from anglewise.io.item_sets import read_item_sets
    from anglewise.io.models_in_memory import from_model
    from anglewise.io.read import (
        read_interactions,
        read_judgements,
        read_pairs,
        read_run,
        read_triplets,
    )
    from anglewise.io.space_folder import write_space
    from anglewise.judgements.records import Judged
    from anglewise.judgements.store import JudgementStore
    from anglewise.nearest_neighbours.index import Index
    from anglewise.nearest_neighbours.search import search
    from anglewise.rag.ask_retriever import ask_retriever
    from anglewise.recommendation.protocol import by_protocol
    from anglewise.recommendation.recommender import Recommender
    from anglewise.recommendation.replay import replay
    from anglewise.recommender_models.ease import fit_ease
    from anglewise.recommender_models.estimators import (
        LinearEmbedding,
        TableNormaliser,
        TrainedEmbedding,
    )
    from anglewise.remedies.remedy import remedy
    from anglewise.remedies.remedy_result import Remedy
    from anglewise.similarity_measures.adapter import Adapter, adapter
    from anglewise.similarity_measures.formulas import Measure
    from anglewise.similarity_measures.measure import measure
    from anglewise.stores.export import export
    from anglewise.stores.migrate import migrate
    from anglewise.stores.probe import probe
    from anglewise.stores.space_reader import read_space
    from anglewise.stores.tune import tune
    from anglewise.stores.verify import verify
    from anglewise.web_page.app import inspect

    __version__: str

_HOMES = {
    "Adapter": "anglewise.similarity_measures.adapter",
    "AnglewiseError": "anglewise.errors",
    "Audit": "anglewise.auditing.audit_result",
    "Comparison": "anglewise.comparison.comparison_result",
    "Embeddings": "anglewise.data_types.embeddings",
    "Encoder": "anglewise.encoders.encoder",
    "Index": "anglewise.nearest_neighbours.index",
    "Judged": "anglewise.judgements.records",
    "JudgementStore": "anglewise.judgements.store",
    "Judgements": "anglewise.data_types.judgements",
    "LinearEmbedding": "anglewise.recommender_models.estimators",
    "Measure": "anglewise.similarity_measures.formulas",
    "Neighbours": "anglewise.data_types.neighbours",
    "Pairs": "anglewise.data_types.pairs",
    "Recommender": "anglewise.recommendation.recommender",
    "Remedy": "anglewise.remedies.remedy_result",
    "Reranker": "anglewise.encoders.reranker",
    "Run": "anglewise.data_types.run",
    "Space": "anglewise.data_types.embeddings",
    "SparseVectors": "anglewise.data_types.sparse_vectors",
    "Study": "anglewise.experiment.study",
    "TableNormaliser": "anglewise.recommender_models.estimators",
    "TokenVectors": "anglewise.data_types.token_vectors",
    "TrainedEmbedding": "anglewise.recommender_models.estimators",
    "Triplets": "anglewise.data_types.pairs",
    "adapter": "anglewise.similarity_measures.adapter",
    "ask_retriever": "anglewise.rag.ask_retriever",
    "audit": "anglewise.auditing.audit",
    "by_protocol": "anglewise.recommendation.protocol",
    "compare": "anglewise.comparison.compare",
    "compare_runs": "anglewise.comparison.compare_runs",
    "compare_spaces": "anglewise.comparison.compare_spaces",
    "compare_trainings": "anglewise.comparison.compare_trainings",
    "encode": "anglewise.encoders.encode",
    "encode_images": "anglewise.encoders.images",
    "encoder": "anglewise.encoders.load",
    "export": "anglewise.stores.export",
    "fit_ease": "anglewise.recommender_models.ease",
    "fit_shards": "anglewise.distributed.fit_shards",
    "from_model": "anglewise.io.models_in_memory",
    "gauge": "anglewise.equivalent_factorisations.canonical",
    "holdout": "anglewise.io.holdout_folder",
    "inspect": "anglewise.web_page.app",
    "measure": "anglewise.similarity_measures.measure",
    "migrate": "anglewise.stores.migrate",
    "probe": "anglewise.stores.probe",
    "random_pairs": "anglewise.evaluation_metrics.random_pairs",
    "read_interactions": "anglewise.io.read",
    "read_item_sets": "anglewise.io.item_sets",
    "read_judgements": "anglewise.io.read",
    "read_pairs": "anglewise.io.read",
    "read_protocol": "anglewise.io.holdout_folder",
    "read_run": "anglewise.io.read",
    "read_space": "anglewise.stores.space_reader",
    "read_triplets": "anglewise.io.read",
    "remedy": "anglewise.remedies.remedy",
    "replay": "anglewise.recommendation.replay",
    "search": "anglewise.nearest_neighbours.search",
    "search_shards": "anglewise.distributed.search_shards",
    "study": "anglewise.experiment.study",
    "to_atlas": "anglewise.integrations.atlas",
    "tune": "anglewise.stores.tune",
    "verify": "anglewise.stores.verify",
    "write_space": "anglewise.io.space_folder",
}

__all__ = [
    "Adapter",
    "AnglewiseError",
    "Audit",
    "Comparison",
    "Embeddings",
    "Encoder",
    "Index",
    "Judged",
    "JudgementStore",
    "Judgements",
    "LinearEmbedding",
    "Measure",
    "Neighbours",
    "Pairs",
    "Recommender",
    "Remedy",
    "Reranker",
    "Run",
    "Space",
    "SparseVectors",
    "Study",
    "TableNormaliser",
    "TokenVectors",
    "TrainedEmbedding",
    "Triplets",
    "__version__",
    "adapter",
    "ask_retriever",
    "audit",
    "by_protocol",
    "compare",
    "compare_runs",
    "compare_spaces",
    "compare_trainings",
    "encode",
    "encode_images",
    "encoder",
    "export",
    "fit_ease",
    "fit_shards",
    "from_model",
    "gauge",
    "holdout",
    "inspect",
    "measure",
    "migrate",
    "probe",
    "random_pairs",
    "read_interactions",
    "read_item_sets",
    "read_judgements",
    "read_pairs",
    "read_protocol",
    "read_run",
    "read_space",
    "read_triplets",
    "remedy",
    "replay",
    "search",
    "search_shards",
    "study",
    "to_atlas",
    "tune",
    "verify",
    "write_space",
]


if not TYPE_CHECKING:  # a type checker that sees this takes any name for one of ours

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("importlib.metadata").version("anglewise")
        if name not in _HOMES:
            raise AttributeError(f"module 'anglewise' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
