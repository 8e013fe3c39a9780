"""Whatever a parameter of the public face is given, it is used as it is or refused by ourselves.

Each parameter of each public function, class and method is given odd values, one at a time. What
comes is a result, or one of our errors; nothing that NumPy or Python says of our inner parts.
"""

import datetime as dt
import inspect
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

import anglewise as aw
from anglewise.recommender_models.normalisation import normalisation
from memory_store import MemoryStore

ODD = {
    "none": None,
    "a truth value": True,
    "below zero": -1,
    "a fraction": 2.5,
    "not a number": float("nan"),
    "an endless number": float("inf"),
    "a huge number": 1e300,
    "thousands of digits": 10**5000,
    "a number of NumPy": np.float32(2),
    "a span of time": np.timedelta64(3, "D"),
    "a day": dt.date(2024, 1, 1),
    "a complex number": 1j,
    "a word": "nosuchword",
    "half a letter": "\ud800",
    "bytes": b"x",
    "a list": [3.5],
    "a list of none": [None],
    "an array": np.arange(3),
    "an array of text": np.array(["a", None], dtype=object),
    "a dict": {"a": 1},
    "a set": {1},
    "an object": object(),
    "a matrix": sparse.csr_array(np.eye(3)),
}
LISTS = {"q1": {"i1": 2.0, "i2": 1.0}}
CALLED_BACK = {"location", "say", "progress", "clock", "report", "may_replace"}
"""Functions of the caller's own, which are called when there is something to say."""
OF_SCIKIT_LEARN = {"X", "y"}
"""Tables that scikit-learn checks, in its own words, as of every estimator."""
RESULTS = {"AnglewiseError", "Audit", "Comparison", "Measure", "Remedy", "Study", "__version__"}
"""Names that nobody calls: what functions return and raise."""
HEAVY = {"inspect": {"port", "store", "name"}, "study": {"size"}, "audit": {"pairs"}}
"""Parameters that other tests hold, as a good value among the odd ones starts long work."""

rng = np.random.default_rng(0)
ITEMS = aw.Embeddings(
    rng.normal(size=(12, 3)),
    ids=[f"i{row}" for row in range(12)],
    metadata={"title": [f"T{row}" for row in range(12)]},
)
QUERIES = aw.Embeddings(rng.normal(size=(9, 3)), ids=[f"q{row}" for row in range(9)])
SEEN = sparse.csr_array((rng.random((9, 12)) < 0.2).astype(float))
SPACE = aw.Space(items=ITEMS, queries=QUERIES, trained_for="dot", seen=SEEN)
JUDGED = aw.Judgements.from_pairs(
    [(f"q{row}", f"i{(3 * row + n) % 12}", n) for row in range(9) for n in range(3)], SPACE
)


def encode(texts):
    return np.eye(3)[: len(texts)]


def found_by(vector, k):
    scores = ITEMS.vectors @ vector
    return [(str(i), scores[i]) for i in np.argsort(-scores)[:k]]


def calls(folder):
    """From a name to a function and arguments with which it works."""
    import pandas as pd

    judged = pd.DataFrame({"query_id": ["q1"], "item_id": ["i1"], "gain": [1.0]})
    used = pd.DataFrame({"user_id": list("aabbcc"), "item_id": list("xyxzyx"), "time": range(6)})
    interactions = aw.read_interactions(used)
    store = aw.JudgementStore.open(folder / "judgements.sqlite")
    store.add(aw.Judged("q1", "i1", 1.0, judge="ann"))
    uuid = next(store.rows()).uuid
    aw.write_space(SPACE, folder / "space")
    index = aw.Index(ITEMS, "cosine")
    index.save(folder / "index")
    lists = aw.search(SPACE, "dot", k=3)["dot"]
    compared = aw.compare(SPACE, JUDGED, "dot,cosine")
    maps = aw.Adapter(np.eye(3), np.eye(3), {})
    recommender = aw.Recommender(SPACE)
    model = aw.LinearEmbedding(2, penalty=1.0).fit(SEEN)
    rule = aw.TableNormaliser("l2").fit(SEEN)
    more = aw.Embeddings(np.eye(3)[:1], ids=["n"], metadata={"title": ["N"]})
    sets_file = folder / "sets.csv"
    sets_file.write_text("id,label\ni1,a\ni2,a\n")
    run_file = folder / "a.run"
    run_file.write_text("q1 Q0 i1 1 2.0 tag\n")
    pair = {"space": SPACE, "judgements": JUDGED}
    aw.holdout(interactions, folder / "split")
    (folder / "items").mkdir()
    (folder / "uses").mkdir()
    used.to_parquet(folder / "uses" / "a.parquet")
    shard = pd.DataFrame({"id": ITEMS.ids, "vector": ITEMS.vectors.tolist()})
    shard.to_parquet(folder / "items" / "a.parquet")
    factors = {side: getattr(interactions, f"{side}_ids") for side in ("user", "item")}
    trained = aw.Space(
        queries=aw.Embeddings(np.eye(3), factors["user"]),
        items=aw.Embeddings(np.eye(3), factors["item"]),
    )
    filled = MemoryStore().filled([str(name) for name in ITEMS.ids], ITEMS.vectors)
    rows = np.arange(3)
    many = aw.Embeddings(rng.normal(size=(60, 3)))
    of_many = aw.Space(items=many, queries=QUERIES)

    def add(items):
        aw.Index(ITEMS, "cosine").add(items)

    def remove(ids):
        aw.Index(ITEMS, "cosine").remove(ids)

    def fit_linear(n_components=2, objective="product", penalty=1.0, gauge="balanced", seed=0):
        return aw.LinearEmbedding(
            n_components, objective=objective, penalty=penalty, gauge=gauge, random_state=seed
        ).fit(SEEN)

    return {
        "Adapter": (aw.Adapter, {"queries": np.eye(3), "items": np.eye(3), "about": {}}),
        "Adapter.apply": (maps.apply, {"space": SPACE}),
        "Comparison.per_query": (compared.per_query, {}),
        "Comparison.values": (compared.values, {}),
        "Embeddings": (aw.Embeddings, {"vectors": np.eye(3)}),
        "Embeddings.is_unit": (ITEMS.is_unit, {}),
        "Embeddings.rows_of": (ITEMS.rows_of, {"ids": ["i1"]}),
        "Embeddings.take": (ITEMS.take, {"rows": rows}),
        "Embeddings.with_vectors": (ITEMS.with_vectors, {"vectors": ITEMS.vectors}),
        "Encoder": (aw.Encoder, {"spec": "mine", "documents": encode}),
        "Index": (aw.Index, {"of": ITEMS, "measure": "cosine"}),
        "Index.add": (add, {"items": more}),
        "Index.load": (aw.Index.load, {"folder": folder / "index"}),
        "Index.nearest": (index.nearest, {"vector": np.ones(3)}),
        "Index.similar_items": (index.similar_items, {"ids": ["i1"], "k": 2}),
        "Index.remove": (remove, {"ids": ["i1"]}),
        "Index.search": (index.search, {"vectors": np.eye(3)}),
        "Index.vectors": (index.vectors, {"ids": ["i1"]}),
        "JudgementStore.add": (store.add, {"judgement": aw.Judged("q", "i", 1.0, judge="ann")}),
        "JudgementStore.add_many": (store.add_many, {"judgements": []}),
        "JudgementStore.add_new": (store.add_new, {"judgements": []}),
        "JudgementStore.judgements": (store.judgements, {"space": SPACE}),
        "JudgementStore.open": (aw.JudgementStore.open, {"path": folder / "other.sqlite"}),
        "JudgementStore.retract": (store.retract, {"uuid": uuid, "judge": "ann"}),
        "JudgementStore.rows": (store.rows, {}),
        "Judged": (aw.Judged, {"query_id": "q", "item_id": "i", "grade": 1.0, "judge": "ann"}),
        "Judgements": (aw.Judgements, {"gains": JUDGED.gains}),
        "Judgements.from_dict": (
            aw.Judgements.from_dict,
            {"gains": {"q1": {"i1": 1}}, "space": SPACE},
        ),
        "Judgements.from_frame": (aw.Judgements.from_frame, {"frame": judged, "space": SPACE}),
        "Judgements.from_pairs": (
            aw.Judgements.from_pairs,
            {"pairs": [("q1", "i1")], "space": SPACE},
        ),
        "Judgements.less": (JUDGED.less, {"dropped": 1}),
        "Judgements.where": (JUDGED.where, {"chosen": np.ones(27, dtype=bool)}),
        "LinearEmbedding": (fit_linear, {}),
        "LinearEmbedding.recommend": (model.recommend, {"X": SEEN, "k": 2}),
        "LinearEmbedding.similar_items": (model.similar_items, {"rows": [1], "k": 2}),
        "Neighbours": (
            aw.Neighbours,
            {
                "measure": "dot",
                "indices": np.zeros((2, 3), dtype=np.int64),
                "scores": np.zeros((2, 3)),
                "tied_at_cut": np.zeros(2, dtype=np.int64),
            },
        ),
        "Neighbours.take": (lists.take, {"lists": rows}),
        "Neighbours.to_frame": (lists.to_frame, {"space": SPACE}),
        "Pairs": (aw.Pairs, {"rows_a": rows, "rows_b": rows, "scores": np.ones(3)}),
        "Recommender": (aw.Recommender, {"space": SPACE}),
        "Recommender.explain": (recommender.explain, {"user": "q1", "item": "i2"}),
        "Recommender.explain_for": (recommender.explain_for, {"items": ["i1"], "item": "i2"}),
        "Recommender.rank": (recommender.rank, {"users": rows, "k": 3}),
        "Recommender.recommend": (recommender.recommend, {"users": "q1"}),
        "Recommender.recommend_for": (recommender.recommend_for, {"items": ["i1"]}),
        "Recommender.similar_items": (recommender.similar_items, {"items": "i1"}),
        "Recommender.similar_users": (recommender.similar_users, {"users": "q1"}),
        "Space": (aw.Space, {"items": ITEMS, "queries": QUERIES}),
        "Space.sides": (SPACE.sides, {"direction": "items-items"}),
        "TableNormaliser": (lambda rule="l2": normalisation(rule), {}),
        "TableNormaliser.transform": (rule.transform, {"X": SEEN}),
        "Triplets": (aw.Triplets, {"anchors": rows, "near": rows, "far": rows}),
        "adapter": (aw.adapter, pair),
        "audit": (aw.audit, {"space": SPACE, "k": 3}),
        "compare": (aw.compare, {**pair, "measures": "dot"}),
        "compare_spaces": (
            aw.compare_spaces,
            {"spaces": {"a": SPACE}, "judgements": JUDGED, "measures": "dot"},
        ),
        "encode": (aw.encode, {"documents": ["a", "b"], "encoder": encode}),
        "encode_images": (
            aw.encode_images,
            {"images": [np.zeros((2, 2), np.uint8)], "encoder": encode},
        ),
        "Reranker": (aw.Reranker, {"spec": "mine", "scores": lambda _, texts: [0.0] * len(texts)}),
        "SparseVectors": (aw.SparseVectors, {"rows": SEEN}),
        "TokenVectors": (aw.TokenVectors, {"tokens": [np.eye(3)]}),
        "Run.from_dict": (aw.Run.from_dict, {"lists": LISTS, "name": "run"}),
        "Run.from_columns": (
            aw.Run.from_columns,
            {"name": "run", "queries": ["q1"], "items": ["i1"], "scores": [1.0]},
        ),
        "Run.from_frame": (
            aw.Run.from_frame,
            {"frame": {"query_id": ["q1"], "item_id": ["i1"], "score": [1]}, "name": "run"},
        ),
        "ask_retriever": (
            aw.ask_retriever,
            {"retriever": lambda _: ["i1"], "queries": {"q1": "a text"}, "name": "run"},
        ),
        "compare_runs": (
            aw.compare_runs,
            {"runs": [aw.Run.from_dict(LISTS, "run")], "judgements": {"q1": {"i1": 1}}},
        ),
        "read_item_sets": (aw.read_item_sets, {"path": sets_file, "space": SPACE}),
        "read_run": (aw.read_run, {"path": run_file}),
        "by_protocol": (aw.by_protocol, {"protocol": folder / "split", "model": trained}),
        "compare_trainings": (
            aw.compare_trainings,
            {"trainings": {"a": SPACE, "b": SPACE}, "judgements": JUDGED, "measures": "dot"},
        ),
        "export": (
            aw.export,
            {"space": SPACE, "measure": "dot", "to": f"faiss://{folder}/x.index"},
        ),
        "holdout": (aw.holdout, {"interactions": interactions, "path": folder / "other split"}),
        "migrate": (aw.migrate, {"old": many, "new": of_many, "k": 3}),
        "to_atlas": (aw.to_atlas, {"space": SPACE, "k": 3}),
        "tune": (
            aw.tune,
            {"address": filled, "space": SPACE, "measure": "dot", "k": 3, "runs": 1},
        ),
        "probe": (aw.probe, {"target": found_by, "dimension": 3}),
        "read_protocol": (aw.read_protocol, {"path": folder / "split"}),
        "verify": (aw.verify, {"address": filled, "space": SPACE, "measure": "dot"}),
        "encoder": (aw.encoder, {"which": encode}),
        "fit_ease": (aw.fit_ease, {"X": SEEN, "penalty": 1.0}),
        "from_model": (aw.from_model, {"model": model}),
        "gauge": (aw.gauge, {"spelling": "balanced"}),
        "inspect": (aw.inspect, {"space": SPACE}),
        "measure": (aw.measure, {"spelling": "dot"}),
        "read_interactions": (aw.read_interactions, {"path": used}),
        "read_judgements": (aw.read_judgements, {"path": judged, "space": SPACE}),
        "read_pairs": (
            aw.read_pairs,
            {"path": pd.DataFrame({"id_a": ["q1"], "id_b": ["i2"], "score": [1]}), "space": SPACE},
        ),
        "read_space": (aw.read_space, {"path": folder / "space"}),
        "read_triplets": (
            aw.read_triplets,
            {
                "path": pd.DataFrame({"anchor": ["q1"], "near": ["i2"], "far": ["i3"]}),
                "space": SPACE,
            },
        ),
        "remedy": (aw.remedy, {**pair, "candidates": "cosine@centred", "budget_seconds": 1.0}),
        "replay": (aw.replay, {"interactions": interactions, "at": 3}),
        "random_pairs": (aw.random_pairs, {"space": SPACE, "measures": "dot", "pairs": 50}),
        "search": (aw.search, {"space": SPACE, "measures": "dot", "k": 3}),
        "fit_shards": (
            aw.fit_shards,
            {"folder": folder / "uses", "components": 2, "penalty": 1.0, "workers": 1},
        ),
        "search_shards": (
            aw.search_shards,
            {
                "folder": folder / "items",
                "queries": QUERIES,
                "measures": "dot",
                "k": 3,
                "workers": 1,
            },
        ),
        "study": (aw.study, {}),
        "write_space": (aw.write_space, {"space": SPACE, "path": folder / "written"}),
    }


def refusals(name, function, good):
    """What comes instead of a result or an error of ours, for each parameter and odd value."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in CALLED_BACK | HEAVY.get(name, set()):
            continue
        if parameter.name in OF_SCIKIT_LEARN or parameter.kind is parameter.VAR_KEYWORD:
            continue
        for kind, value in ODD.items():
            try:
                function(**{**good, parameter.name: value})
            except aw.AnglewiseError:
                continue
            except Exception as error:  # noqa: BLE001 whatever comes is looked at
                yield f"{name}({parameter.name}={kind}): {error!r:.150}"


def main():
    """Print what is wrong, and the names that are called."""
    table = calls(Path("made").resolve())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrong = [line for name, call in table.items() for line in refusals(name, *call)]
    called = {name.partition(".")[0] for name in table} | {"TrainedEmbedding"}  # has Settings
    sys.stdout.write(
        json.dumps({"wrong": wrong, "not called": sorted({*aw.__all__} - RESULTS - called)})
    )


def test_each_parameter_takes_a_value_or_refuses_it_in_our_words(tmp_path):
    """In a process without the type checks of the tests, which would be first to refuse."""
    (tmp_path / "made").mkdir()
    run = subprocess.run(
        [sys.executable, __file__], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout.splitlines()[-1]) == {"wrong": [], "not called": []}


if __name__ == "__main__":
    main()
