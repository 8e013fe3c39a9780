"""Readers of runs, shards, reports, what models declare, and what migrations and remedies keep."""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from anglewise import AnglewiseError, Embeddings, Index, Space, write_space
from anglewise.cli.reported_call import read_report
from anglewise.distributed.interaction_shards import InteractionFolder
from anglewise.distributed.shards import LookAtIds, ShardFolder, check_ids
from anglewise.encoders.declared import read_declared
from anglewise.integrations.agent_tools import TOOLS, answer
from anglewise.integrations.readable_folder import ReadableFolder
from anglewise.io.judgement_files import read_classes
from anglewise.io.run_files import read_run
from anglewise.labelling.grading_prompt import read_instructions
from anglewise.remedies.result_cache import open_cache
from anglewise.stores.vector_map import VectorMap
from fuzz.target import harmless
from fuzz.watch import BrokenError

Options = Mapping[str, str]
Files = dict[str, bytes]


def _need(holds: object, kind: str, place: str) -> None:
    if not holds:
        raise BrokenError(kind, place, kind)


def _run(path: Path, options: Options) -> str:
    found = read_run(path, options.get("name"), say=str)
    lists = [found[query] for query in found.queries]
    scores = np.array([score for one in lists for _, score in one])
    _need(np.isfinite(scores).all(), "scores that are not finite", "read_run")
    for one in lists:
        _need(len({item for item, _ in one}) == len(one), "items that repeat", "read_run")
    return f"{len(lists)}"


def _shards(path: Path, options: Options) -> str:
    given: Any = dict(options)
    found = ShardFolder.of(path, say=str, **given)
    by_number = check_ids(found, [LookAtIds(found)(one) for one in found.shards], say=str)
    count = 0
    for one in found.shards:
        side, ids = found.read(one, by_number=by_number)
        _need(np.isfinite(side.vectors).all(), "vectors that are not finite", "shards")
        _need(len(side) == len(ids) == one.rows, "other lengths", "shards")
        count += len(side)
    _need(count == found.rows, "rows that are lost", "shards")
    return f"{len(found.shards)} {by_number}"


def _use_shards(path: Path, options: Options) -> str:
    found = InteractionFolder.of(path, say=str, **options)
    read = [found.read(one) for one in found.shards]
    _need(all(np.isfinite(one.weights).all() for one in read), "weights", "interaction shards")
    return f"{len(read)}"


def _report(path: Path, options: Options) -> str:
    del options
    found = read_report(path)
    said = [*found.words, *(word.partition("=")[2] for word in found.words)]
    risky = ("python:", "http:", "https:", "openai:", "--html", "--json", "--history")
    _need(not any(word.startswith(risky) for word in said), "a call that acts", "read_report")
    return found.command


def _declared(path: Path, options: Options) -> str:
    del options
    found = read_declared(path)
    _need(found.dimension is None or found.dimension > 0, "a dimension", "read_declared")
    return f"{found.similarity} {found.pooling} {len(found.disagree)} {len(str(found))}"


def _map(path: Path, options: Options) -> str:
    del options
    found = VectorMap.load(path)
    return f"{found(np.ones((2, len(found.offset)))).shape}"


def _instructions(path: Path, options: Options) -> str:
    del options
    return str(read_instructions(path).highest)


def _classes(path: Path, options: Options) -> str:
    found = read_classes(path, options["levels"].split(","), say=str)
    _need(len({len(one) for one in found.values()}) <= 1, "classes of other depths", "classes")
    return f"{len(found)}"


def _results(path: Path, options: Options) -> str:
    """What a remedy kept is taken as it was kept, or not at all."""
    del options
    found = open_cache(path).get(KEY)
    if found is not None:
        said, arrays = found
        _need(said == SAID and set(arrays) == {"values"}, "other results", "result_cache")
        _need((arrays["values"] == np.arange(4.0)).all(), "other values", "result_cache")
    return str(found is None)


def _tool(path: Path, options: Options) -> str:
    """What an agent asks of a folder: a name and arguments in JSON, read from a file beside it."""
    del options
    try:
        asked: Any = json.loads((path.parent / "asked.json").read_bytes())
        name, given = str(asked["name"]), dict(asked["arguments"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "no question"
    if name not in TOOLS or name in NETWORK or not harmless([str(one) for one in given.values()]):
        return "another question"
    said = answer(name, given, ReadableFolder.at(path))
    text = json.dumps(said, allow_nan=False)
    _need(len(text) < LONGEST_ANSWER, "an answer without bound", "agent_tools")
    return f"{name} {sorted(said)}"


def _index(path: Path, options: Options) -> str:
    found = Index.load(path, options.get("measure"))
    with contextlib.suppress(AnglewiseError):
        hits = found.search(np.ones((1, found.dimension)), 3)[0]
        scores = [hit.score for hit in hits]
        _need(np.isfinite(scores).all(), "scores that are not finite", "Index")
        _need(scores == sorted(scores, reverse=True), "lists out of order", "Index")
    return f"{found.measure} {len(found)}"


NETWORK = {"probe", "verify"}
"""Tools that ask other machines."""
LONGEST_ANSWER = 200_000
KEY, SAID = "ab" * 16, {"measure": "cosine"}
READERS: dict[str, Callable[[Path, Options], str]] = {
    "run": _run,
    "shards": _shards,
    "interaction shards": _use_shards,
    "report": _report,
    "declared": _declared,
    "vector map": _map,
    "instructions": _instructions,
    "classes": _classes,
    "results": _results,
    "tool": _tool,
    "index": _index,
}

CLASSES = b"id,sport,kind\na,run,shoe\nb,ski,cap\n"
TREC = "q1 Q0 a 1 2.5 tag\nq1 Q0 b 2 2.5 tag\nq2 Q0 c 1 -1e3 tag\n"
NAMED = "query_id,item_id,score,rank\nq1,a,2.5,1\nq1,b,1,2\nq2,c,0.5,1\n"
LISTS = {"q1": {"a": 2.5, "b": 1.0}, "q2": {"c": 0.5}}
REPORT = {
    "command": "compare",
    "version": "0.2.0",
    "call": {
        "words": ["space", "--measures=dot,cosine", "--metric=R@3", "--seed=0"],
        "inputs": {"space/items.npy": "sha256:ab", "space/space.json": None},
    },
    "verdict": {"decision": "tie", "measure": None},
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]
MODEL: dict[str, Any] = {
    "m/modules.json": MODULES,
    "m/config_sentence_transformers.json": {
        "similarity_fn_name": "cosine",
        "prompts": {"query": "query: ", "document": ""},
    },
    "m/sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "m/1_Pooling/config.json": {"word_embedding_dimension": 3, "pooling_mode_mean_tokens": True},
    "m/config.json": {"hidden_size": 3, "max_position_embeddings": 512},
}
CARD = {"name": "x/y", "embed_dim": [3, 2], "max_tokens": 64, "similarity_fn_name": "dot"}


def seeds() -> list[tuple[str, str, Files, tuple[str, ...]]]:
    """Good inputs: the kind, the path, the files and the options of each."""
    model = {name: _json(one) for name, one in MODEL.items()}
    files: list[tuple[str, str, Files, tuple[str, ...]]] = [
        *[("run", "a.run", {"a.run": TREC.encode()}, ())] * 2,
        ("run", "a.csv", {"a.csv": NAMED.encode()}, ("name=bm25",)),
        ("run", "a.json", {"a.json": _json(LISTS)}, ()),
        ("run", "a.json", {"a.json": _json({"default": {"test": LISTS}})}, ()),
        ("run", "a.parquet", {"a.parquet": _table(NAMED)}, ()),
        *[("shards", "s", _vector_shards(), ())] * 2,
        ("shards", "s", _vector_shards(named=False), ("vector_column=vector",)),
        ("interaction shards", "u", _used_shards(), ()),
        *[("report", "r.json", {"r.json": _json(REPORT)}, ())] * 2,
        *[("declared", "m", model, ())] * 3,
        ("declared", "model_meta.json", {"model_meta.json": _json(CARD)}, ()),
        ("vector map", "m.npz", {"m.npz": _vector_map()}, ()),
        ("instructions", "i.txt", {"i.txt": b"Is {document} about {query}? Say 0 to 3."}, ()),
        (
            "classes",
            "c.csv",
            {"c.csv": CLASSES},
            ("levels=sport,kind",),
        ),
        *[("results", "kept", _kept(), ())] * 2,
        *[("index", "i", _kept_index(), ())] * 2,
        *[("tool", "root", {"asked.json": _json(one), **_root()}, ()) for one in ASKED],
    ]
    return files


ASKED = (
    {"name": "audit", "arguments": {"space": "space", "k": 2, "seed": 1}},
    {"name": "compare", "arguments": {"space": "space", "judgements": "qrels.txt"}},
    {"name": "search", "arguments": {"space": "space", "query": "q1", "measures": "dot,cosine"}},
    {"name": "search", "arguments": {"space": "x.parquet", "query": "d1"}},
)


def _kept_index() -> Files:
    rows = np.random.default_rng(0).standard_normal((9, 3))
    items = Embeddings(rows, [f"d{i}" for i in range(9)], {"title": [f"T{i}" for i in range(9)]})
    with tempfile.TemporaryDirectory() as name:
        Index(items, "cosine@centred").save(Path(name) / "i")
        found = [one for one in (Path(name) / "i").rglob("*") if one.is_file()]
        return {f"i/{one.relative_to(Path(name) / 'i')}": one.read_bytes() for one in found}


def _root() -> Files:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 3))
    items = Embeddings(x, [f"d{i}" for i in range(12)], {"title": [f"T{i}" for i in range(12)]})
    space = Space(queries=Embeddings(x[:8] + 0.1, [f"q{i}" for i in range(8)]), items=items)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "space"
        write_space(space, folder)
        found = {f"root/space/{one.name}": one.read_bytes() for one in folder.iterdir()}
    table = _parquet(
        {"id": items.ids.tolist(), "vector": pa.FixedSizeListArray.from_arrays(x.ravel(), 3)}
    )
    lines = "".join(f"q{i} 0 d{i} 1\n" for i in range(8))
    return {**found, "root/x.parquet": table, "root/qrels.txt": lines.encode()}


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _table(text: str) -> bytes:
    head, *rows = [line.split(",") for line in text.strip().split("\n")]
    columns = dict(zip(head, zip(*rows, strict=True), strict=True))
    numbers = {name: list(map(float, columns[name])) for name in ("score", "rank")}
    return _parquet({name: list(one) for name, one in columns.items()} | numbers)


def _parquet(columns: Mapping[str, Any]) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), target)
    return target.getvalue()


def _vector_shards(*, named: bool = True) -> Files:
    found: Files = {}
    for number in range(3):
        rows = [[float(row), 1.0] for row in range(3 if number < 2 else 0)]
        vectors = pa.array(rows, pa.list_(pa.float32(), 2))
        ids = pa.array([f"d{number}{row}" for row in range(len(rows))], pa.string())
        names = {"id": ids} if named else {}
        found[f"s/{number}.parquet"] = _parquet({**names, "vector": vectors})
    return found


def _used_shards() -> Files:
    return {
        f"u/{number}.parquet": _parquet(
            {
                "user_id": [f"u{number}"] * 3,
                "item_id": ["a", "b", "c"],
                "rating": [1.0, 5.0, 3.0],
                "timestamp": [1, 2, 3],
            }
        )
        for number in range(2)
    }


def _vector_map() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        made = VectorMap(np.zeros(3), np.eye(3)[:, :2], np.ones(2), unit=True)
        made.save(Path(name) / "m.npz", {"measure": "dot"})
        return (Path(name) / "m.npz").read_bytes()


def _kept() -> Files:
    with tempfile.TemporaryDirectory() as name:
        open_cache(Path(name)).put(KEY, SAID, values=np.arange(4.0))
        found = [one for one in Path(name).rglob("*") if one.is_file()]
        return {f"kept/{one.relative_to(name)}": one.read_bytes() for one in found}
