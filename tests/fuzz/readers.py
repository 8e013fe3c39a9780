"""Targets: every reader of files."""

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import dumped_vectors
import good_files
import good_shapes
import made_texts
from anglewise import (
    AnglewiseError,
    Embeddings,
    Judged,
    JudgementStore,
    Space,
    encoder,
    read_interactions,
    read_judgements,
    read_pairs,
    read_space,
    read_triplets,
    write_space,
)
from anglewise.auditing.subject import read_freedom
from anglewise.cli.inputs import questions_in
from anglewise.data_types.columns import column, titles
from anglewise.data_types.sparse_vectors import SparseVectors
from anglewise.data_types.token_vectors import TokenVectors
from anglewise.encoders.document_files import read_documents
from anglewise.encoders.images import read_images
from anglewise.encoders.pixels import settings_beside
from anglewise.equivalent_factorisations.gauge import without_biases
from anglewise.io.delimited import open_sheet
from anglewise.io.files import contents, existing_file, reading
from anglewise.io.judgement_export import write_judged
from anglewise.io.judgement_formats import read_judged, write_rejects
from anglewise.io.judgement_rows import Assumed
from anglewise.io.moments import times_of
from anglewise.io.read import (
    judgement_kind,
    judgements_of,
    read_labels,
    read_texts,
    stored_directions,
)
from anglewise.io.runs import append_history, read_history
from anglewise.io.tables import DOCUMENT, GAIN, QUERY, names_of, numbers_of
from anglewise.judgements.same_label import from_labels
from anglewise.labelling.judged_set import read_set
from anglewise.nearest_neighbours.index import read_index
from anglewise.rag.origin import Origin
from anglewise.rag.relevance import Relevance
from anglewise.recommender_models import training_state
from anglewise.web_page.open_space import queue_of
from fuzz import collected, further
from fuzz.case import Case
from fuzz.strange import NAMES, number, word
from fuzz.target import Target, harmless, with_damage, with_renaming
from fuzz.watch import BrokenError

SPACE = Space(
    queries=Embeddings(np.eye(3), ["q1", "q2", "q3"]),
    items=Embeddings(np.eye(5)[:, :3] + 0.5, ["a", "b", "c", "d", "e"]),
)
ITEMS = Space(items=SPACE.items)
Options = Mapping[str, str]
Maker = Callable[[Path], Path]


def _sound(space: Space) -> str:
    for side in (space.items, space.queries):
        _need(np.isfinite(_numbers(side)).all(), "vectors that are not finite", "read_space")
        _need(len(set(side.ids)) == len(side), "ids that repeat", "read_space")
        with contextlib.suppress(AnglewiseError):
            titles(side)
            for name in side.metadata_columns:
                _need(len(column(side, name)) == len(side), "columns of other lengths", name[:20])
    return f"{space.trained_for} {space.one_sided} {len(space.items)}"


def _numbers(side: Embeddings) -> np.ndarray[Any, Any]:
    if isinstance(side, TokenVectors):
        return side.tokens
    return side.rows.values if isinstance(side, SparseVectors) else side.vectors


def _need(holds: object, kind: str, place: str) -> None:
    if not holds:
        raise BrokenError(kind, place, kind)


def _vectors(path: Path, options: Options) -> str:
    return _sound(read_space(path, say=str, **options))  # type: ignore[arg-type]


def _side(path: Path, options: Options) -> str:
    return _sound(read_space(items=path, say=str, **options))  # type: ignore[arg-type]


def _interactions(path: Path, options: Options) -> str:
    given: dict[str, Any] = dict(options)
    if "min_weight" in given:
        given["min_weight"] = float(given["min_weight"])
    found = read_interactions(path, say=str, **given)
    _need(np.isfinite(found.weights).all(), "weights that are not finite", "read_interactions")
    _need(found.rows().shape == found.shape, "another shape", "read_interactions")
    for name in found.item_metadata or ():
        _need(len(found.item_metadata[name]) == len(found.item_ids), "other lengths", "item_table")
    return f"{found.shape}"


def _judgements(path: Path, options: Options) -> str:
    judgement_kind(path)
    given: dict[str, Any] = dict(options)
    if "label_queries" in given:
        given["label_queries"] = int(given["label_queries"])
    found = read_judgements(path, SPACE, say=str, **given)
    _need(np.isfinite(found.gains.values).all(), "gains that are not finite", "read_judgements")
    return f"{found.direction} {len(found.gains.values)}"


def _judged(path: Path, options: Options) -> str:
    given: dict[str, Any] = dict(options)
    roles = {QUERY: "query_column", DOCUMENT: "item_column", GAIN: "gain_column"}
    columns = {role: given.pop(name, None) for role, name in roles.items()}
    found = read_judged(path, columns=columns, assumed=Assumed(now=1.0), **given)
    for bad in found.rejects:
        _need(bad.row and bad.reason and bad.remedy, "a refusal without words", "read_judged")
    for one in found.judged:
        _need(np.isfinite(one.grade), "a grade that is not finite", "read_judged")
    write_rejects("rejects.csv", found.rejects)
    with JudgementStore.open(Path("new.sqlite")) as store:
        store.add_many(found.judged)
        store.counts()
    return f"{found.form} {len(found.judged)} {len(found.rejects)} {sorted(found.skipped)}"


def _set(path: Path, options: Options) -> str:
    del options
    found = read_set(path, SPACE, "queries-items", say=str)
    return f"{len(found.rows)} {len(found.rejects)}"


def _pairs(path: Path, options: Options) -> str:
    del options
    judgement_kind(path)
    return str(np.isfinite(read_pairs(path, ITEMS, say=str).scores).all())


def _triplets(path: Path, options: Options) -> str:
    del options
    judgement_kind(path)
    return str(read_triplets(path, ITEMS, say=str).far.max() < len(ITEMS.items))


def _labels(path: Path, options: Options) -> str:
    del options
    found = read_labels(path, say=str)
    from_labels(ITEMS, found)
    return str(len(found.of))


def _store(path: Path, options: Options) -> str:
    del options
    with JudgementStore.open(path) as store:
        rows = list(store.rows())
        counts = store.counts()
        for direction in counts.by_direction:
            with contextlib.suppress(AnglewiseError):
                store.judgements(SPACE, direction)
    for form in ("csv", "trec", "beir", "label-studio", "argilla", "parquet"):
        with contextlib.suppress(AnglewiseError):
            write_judged(f"out.{form}", rows, form)
    return f"{len(rows)}"


def _space(path: Path, options: Options) -> str:
    del options
    space = read_space(path, say=str)
    for direction in stored_directions(path):
        with contextlib.suppress(AnglewiseError):
            judgements_of(path, direction, space)
    with contextlib.suppress(AnglewiseError):
        read_judgements(path, space)
    with contextlib.suppress(AnglewiseError):
        read_index(path, None)
    with contextlib.suppress(AnglewiseError):
        without_biases(space)
    read_freedom(space, None)
    write_space(space, "copy")
    return _sound(space)


def _queue(path: Path, options: Options) -> str:
    return str(len(queue_of(path, SPACE, options.get("direction")).pairs))  # type: ignore[arg-type]


def _history(path: Path, options: Options) -> str:
    read_history(path).last({"measure": "dot", **options})
    row = {"label": "x", "measure": "dot", "metric": "R@10", "mean": 0.5}
    append_history(path, [row])
    return str(read_history(path).last({"measure": "dot"}) is not None)


def _relevance(path: Path, options: Options) -> str:
    del options
    with reading(path, "what anglewise calibrate wrote"):
        said = json.loads(bytes(contents(existing_file(path))))
    found = Relevance.from_dict(said)
    chances = found(np.linspace(-1, 1, 7))
    _need(((chances >= 0) & (chances <= 1)).all(), "a probability beyond 0 to 1", "Relevance")
    json.dumps(found.to_dict())
    return type(found.curve).__name__


def _texts(path: Path, options: Options) -> str:
    del options
    words = sorted(read_texts(path, ["a", "b", "c"], say=str))
    questions: object = None
    with contextlib.suppress(AnglewiseError):
        questions = len(questions_in(path))
    return f"{words} {questions}"


def _documents(path: Path, options: Options) -> str:
    return str(len(read_documents(path, say=str, **options).words))


def _questions(path: Path, options: Options) -> str:
    return str(len(questions_in(path, options.get("column"))))


def _images(path: Path, options: Options) -> str:
    found = read_images(path, say=str, **options)
    shapes = []
    for picture in found.pictures[:3]:
        with contextlib.suppress(AnglewiseError):
            shapes.append(picture.pixels().ndim)
    return f"{shapes}"


def _image_settings(path: Path, options: Options) -> str:
    del options
    return str(sorted(settings_beside(path)))


def _words(path: Path, options: Options) -> str:
    del options
    return str(encoder(f"words:{path}")(["alpha a b", ""])[0][0] > 0)


def _model(path: Path, options: Options) -> str:
    del options
    kind = "model2vec" if path.suffix != ".onnx" else "onnx"
    return str(np.isfinite(encoder(f"{kind}:{path}")(["a heist", ""])).all())


def _checkpoint(path: Path, options: Options) -> str:
    del options
    told, arrays = training_state._read(path)
    training_state._check_checkpoint(path, told, arrays, {"measure": "dot"})
    return str(sorted(arrays))


def _sheet(path: Path, options: Options) -> str:
    del options
    sheet = open_sheet(path)
    for at in range(min(sheet.width, 6)):
        for read in (names_of, numbers_of, times_of):
            with contextlib.suppress(AnglewiseError):
                read(sheet, sheet.columns([at])[0], at)
    return str(sheet.width)


READERS: dict[str, Callable[[Path, Options], str]] = {
    "vectors": _vectors,
    "side": _side,
    "interactions": _interactions,
    "judgements": _judgements,
    "judged": _judged,
    "set": _set,
    "pairs": _pairs,
    "triplets": _triplets,
    "labels": _labels,
    "store": _store,
    "space": _space,
    "queue": _queue,
    "history": _history,
    "relevance": _relevance,
    "texts": _texts,
    "documents": _documents,
    "questions": _questions,
    "images": _images,
    "image settings": _image_settings,
    "word vectors": _words,
    "model": _model,
    "checkpoint": _checkpoint,
    "sheet": _sheet,
    **collected.READERS,
    **further.READERS,
}
COLUMN_OPTIONS = ("vector_column", "id_column", "text_column", "image_column", "query_column")
COLUMN_OPTIONS += ("item_column", "gain_column", "user", "item", "weight", "time", "column")
NUMBER_OPTIONS = {"min_weight": ("0", "3", "nan", "1e309", "-1"), "label_queries": ("1", "2", "99")}


def _run(case: Case) -> str:
    kind, path, *options = case.words
    given = dict(one.split("=", 1) for one in options)
    return f"{kind} {READERS[kind](Path(path), given)}"


def _make(case: Case, pool: Sequence[Case], rng: Random) -> Case:
    chance = rng.random()
    if chance < 0.04:
        return with_renaming(case, rng)
    if chance < 0.08 and len(case.words) > 2:
        return _other_option(case, rng)
    like = [one for one in rng.sample(pool, min(8, len(pool))) if one.words[0] == case.words[0]]
    return with_damage(case, like, rng)


def _other_option(case: Case, rng: Random) -> Case:
    at = rng.randrange(2, len(case.words))
    name, _, _ = case.words[at].partition("=")
    if name in NUMBER_OPTIONS:
        new = rng.choice(NUMBER_OPTIONS[name])
    elif name in COLUMN_OPTIONS:
        new = rng.choice((*NAMES, word(rng), number(rng)))
    else:
        return case
    words = (*case.words[:at], f"{name}={new}", *case.words[at + 1 :])
    return Case(case.target, words, case.files) if harmless(words) else case


@cache
def _seeds() -> Sequence[Case]:
    found = [_of_maker(kind, maker, options) for kind, maker, options in _MADE]
    more = [_case(kind, path, files, *some) for kind, path, files, some in _beside()]
    return [*found, *_compound(), *more]


def _beside() -> list[tuple[str, str, dict[str, bytes], tuple[str, ...]]]:
    """The seeds of readers in other files, and those that no one file is."""
    return [*collected.seeds(), *further.seeds(), ("vectors", "als", _spark(), ())]


def _spark() -> dict[str, bytes]:
    """A model as Spark's ALS saves it."""
    found: dict[str, bytes] = {}
    for name, count in (("userFactors", 3), ("itemFactors", 4)):
        ids, rows = list(range(count)), [[float(row), 1.0] for row in range(count)]
        cells = pa.table({"id": ids, "features": pa.array(rows, pa.list_(pa.float32()))})
        found[f"als/{name}/part-0.snappy.parquet"] = _written(cells)
    return found


def _of_maker(kind: str, maker: Maker, options: tuple[str, ...] = ()) -> Case:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = maker(folder)
        return Case("reader", (kind, str(path.relative_to(folder)), *options), files_in(folder))


def files_in(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their paths in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


_VECTORS = good_files.NAMED + good_files.NAMELESS + good_files.MODELS + good_files.TOKENS
_TABLES = [good_files.parquet_fixed, good_files.feather_file, good_files.arrow_stream]
_TABLES += [good_files.csv, good_files.csv_quoted, good_files.ratings_dat, good_files.json_lines]
_MADE: list[tuple[str, Maker, tuple[str, ...]]] = [
    *(("vectors", maker, ()) for maker in [*_VECTORS, good_files.sparse_matrix]),
    *(("vectors", maker, ()) for maker in dumped_vectors.NAMED),
    ("vectors", dumped_vectors.qdrant_points, ("vector_format=table",)),
    ("vectors", good_files.npy_bytes, ("vector_format=bits",)),
    ("vectors", good_files.npy_bytes, ("vector_format=int8(scale=0.5)",)),
    ("vectors", good_files.parquet_fixed, ("vector_column=emb", "id_column=doc_id")),
    ("vectors", good_files.npz, ("vector_column=vectors",)),
    *(
        ("interactions", maker, ())
        for maker in [*good_files.INTERACTIONS, good_files.sparse_matrix, *good_shapes.TOLD]
    ),
    *(("interactions", maker, (f"format={form}",)) for form, maker in good_shapes.NAMED.items()),
    ("interactions", good_shapes.wide, ("format=wide", "absent=99")),
    ("interactions", good_files.csv, ("min_weight=3", "user=userId", "time=timestamp")),
    *(("judgements", maker, ()) for maker in good_files.JUDGEMENTS),
    ("judgements", good_files.qrels_csv, ("query_column=query_id", "item_column=item_id")),
    ("judgements", good_files.labels_csv, ("label_queries=2", "direction=items-items")),
    *(("judged", maker, ()) for maker in good_files.JUDGEMENTS if maker != good_files.beir_folder),
    *(("set", maker, ()) for maker in good_files.JUDGEMENTS),
    *(("pairs", maker, ()) for maker in good_files.GRADED_PAIRS),
    *(("triplets", maker, ()) for maker in good_files.TRIPLETS),
    *(("labels", maker, ()) for maker in good_files.LABELS),
    *(("sheet", maker, ()) for maker in _TABLES),
    *(("word vectors", maker, ()) for maker in (good_files.glove, good_files.word2vec_binary)),
    *(("documents", maker, ()) for maker in (good_files.json_lines, good_files.parquet_fixed)),
]

ROWS = [
    Judged(
        f"q{i // 3 + 1}",
        "abcde"[i % 5],
        float(i % 3),
        judge="anna" if i % 2 else "a model",
        time=1e9 + i,
        uuid=f"00000000-0000-0000-0000-00000000000{i}",
        source="human" if i % 2 else "generated",
        note='say "hm", twice\n' * (i % 2),
        context={"dot": {"rank": i}},
    )
    for i in range(7)
]
ABOUT = {
    "encoder": "use",
    "encoding": {"identity": "x", "texts": 3},
    "objective": "factors",
    "penalty": 1.5,
    "gauge": "balanced",
    "normalise": "none",
    "bias_columns": [2],
    "index": {"measure": "cosine"},
}
RELEVANCE = {
    "kind": "isotonic",
    "curve": {"scores": [0.0, 0.5, 1.0], "probabilities": [0.1, 0.4, 0.9]},
    "measure": "cosine",
    "threshold": 0.3,
    "recall": 0.95,
    "held_out_recall": {"count": 5, "of": 6, "value": 0.83, "low": 0.4, "high": 0.97},
    "reliability": {
        "bins": [
            {
                "predicted": 0.2,
                "observed": {"count": 1, "of": 5, "value": 0.2, "low": 0.01, "high": 0.6},
            }
        ],
        "expected_error": 0.1,
        "brier": 0.2,
        "expected_error_interval": [0.0, 0.3],
        "brier_interval": [0.1, 0.3],
    },
    "questions": 6,
    "pairs": 30,
    "relevant": 9,
}
CORPUS = (
    '{"_id": "a", "title": "Alien", "text": "A ship."}\n{"_id": "b", "title": "", "text": "B"}\n'
)
CORPUS += '{"_id": "c", "title": "Cube", "text": "A room.", "document": "x", "year": 1997}\n'
TABLE = "id,title,text,kind\na,Alien,A ship.,x\nb,Brazil,A form.,y\nc,Cube,A room.,x\n"
QUEUE = "query_id,item_id,grade,probability,stratum,query,item\nq1,a,,0.5,all,x,y\nq2,b,1,,all,,\n"
SETTINGS = {
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "size": {"shortest_edge": 256},
    "do_rescale": True,
    "rescale_factor": 0.00392,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.2, 0.2, 0.2],
    "resample": 3,
}


def _compound() -> list[Case]:
    """What no single maker of a good file makes."""
    npy = _of_maker("", good_files.npy).files["items.npy"]
    texts = {"items.npy": npy, "ids.txt": b"a\nb\nc\nd\ne\n", "t.csv": TABLE.encode()}
    beside = {"s/items.npy": npy, "s/queries.npy": npy, "s/items.txt": b"a\nb\nc\nd\ne\n"}
    picture = _picture()
    cells = pa.table({"id": ["a", "b"], "image": [picture, picture]})
    film = {"film.csv": b"item_id,title\nx,Xanadu\ny,Yojimbo\nz,Zulu\n"}
    table = _of_maker("interactions", good_files.csv)
    return [
        *_model_seeds(),
        _case("checkpoint", "c.npz", {"c.npz": _checkpoint_bytes()}),
        _case("side", "items.npy", texts, "item_ids=ids.txt", "item_texts=t.csv"),
        _case("side", "items.npy", {**texts, "t.jsonl": CORPUS.encode()}, "item_texts=t.jsonl"),
        _case("side", "items.npy", texts, "item_ids=t.csv", "trained_for=dot"),
        _case("vectors", "s", {**beside, "s/queries.jsonl": CORPUS.encode()}),
        Case("reader", (*table.words, "item_table=film.csv"), {**table.files, **film}),
        *_judged_seeds(),
        *_space_seeds(),
        _case("queue", "queue.csv", {"queue.csv": QUEUE.encode()}, "direction=queries-items"),
        _case("queue", "q.parquet", {"q.parquet": _as_parquet(QUEUE)}, "direction=items-items"),
        _case("history", "h.parquet", {"h.parquet": _history_bytes()}),
        _case("relevance", "r.json", {"r.json": json.dumps(RELEVANCE).encode()}),
        _case("relevance", "r.json", {"r.json": json.dumps(_logistic()).encode()}),
        _case("relevance", "r.json", {"r.json": json.dumps(_promised()).encode()}),
        _case("texts", "corpus.jsonl", {"corpus.jsonl": CORPUS.encode()}),
        _case("texts", "t.csv", {"t.csv": TABLE.encode()}),
        _case("documents", "beir", {"beir/corpus.jsonl": CORPUS.encode()}),
        _case("documents", "t.csv", {"t.csv": TABLE.encode()}, "text_column=text", "id_column=id"),
        *_marked_texts(),
        _case("documents", "d", {"d/a.txt": b"A ship.", "d/b/c.md": b"# A room\n\nSo it is."}),
        _case("questions", "q.txt", {"q.txt": b"Where?\n\nWho pays?\n"}),
        _case("questions", "t.csv", {"t.csv": TABLE.encode()}, "column=text"),
        _case("images", "d", {"d/a.png": picture, "d/b.bmp": _picture("BMP")}),
        _case("images", "d", {"d/a.gif": _picture("GIF"), "d/b.jpg": _picture("JPEG")}),
        _case("images", "d", {"d/a.tiff": _picture("TIFF"), "d/b.webp": _picture("WEBP")}),
        _case("images", "i.csv", {"i.csv": b"id,image\na,a.png\nb,b.png\n", "a.png": picture}),
        _case("images", "i.parquet", {"i.parquet": _written(cells)}, "image_column=image"),
        _case(
            "image settings",
            "m/model.onnx",
            {"m/model.onnx": b"", "m/preprocessor_config.json": json.dumps(SETTINGS).encode()},
        ),
    ]


def _model_seeds() -> list[Case]:
    """A small ONNX model with its tokenizer, and a folder of model2vec."""
    from model2vec import StaticModel

    from test_encoders_models import TABLE as ROWS_OF_TABLE
    from test_encoders_models import transformer, word_level

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        transformer(folder / "model.onnx")
        onnx = files_in(folder)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        StaticModel(ROWS_OF_TABLE, word_level()).save_pretrained(folder / "static")
        static = files_in(folder)
    return [_case("model", "model.onnx", onnx), *[_case("model", "static", static)] * 2]


def _checkpoint_bytes() -> bytes:
    table, scale = np.zeros((4, 2), np.float32), np.zeros(1, np.float32)
    told = {"batch": 2, "epoch": 1, "at": 0, "steps": 3, "loss": 0.5, "visited": 0}
    told |= {"taken": [3, 3], "format": 1, "of": {"measure": "dot"}}
    told["history"] = [{"number": 1, "loss": 0.5, "ndcg": None}]
    tables = {
        name: scale if "scale" in name else table
        for name in (*training_state.TENSORS, *training_state.BEST)
    }
    out = io.BytesIO()
    np.savez(out, about=np.frombuffer(json.dumps(told).encode(), np.uint8), **tables)
    return out.getvalue()


def _judged_seeds() -> list[Case]:
    endings = {"csv": "csv", "parquet": "parquet", "label-studio": "json", "argilla": "json"}
    endings |= {"trec": "txt", "beir": "tsv"}
    found: list[Case] = []
    with tempfile.TemporaryDirectory() as name:
        for form, ending in endings.items():
            path = Path(name) / f"j.{ending}"
            write_judged(path, ROWS, form)  # type: ignore[arg-type]
            files = {path.name: path.read_bytes()}
            found += [_case("judged", path.name, files, f"form={form}")] * 2
            found += [_case("judged", path.name, files), _case("judgements", path.name, files)]
        store = Path(name) / "j.sqlite"
        with JudgementStore.open(store) as opened:
            opened.add_many(ROWS)
            opened.retract(ROWS[3].uuid, judge="anna")
        files = {store.name: store.read_bytes()}
        kinds = ("store", "store", "judged", "judgements", "set")
        return found + [_case(kind, store.name, files) for kind in kinds]


def _marked_texts() -> list[Case]:
    """Texts as they come, each kind by itself and as texts by id."""
    page = made_texts.html("Alien", "A voyage & more").encode()
    files: dict[str, bytes] = {
        "cran.all": made_texts.smart().encode(),
        "doc.trec": made_texts.trec().encode(),
        "topics": made_texts.topics().encode(),
        "a.json": made_texts.json_array().encode(),
        "a.html": page,
        "a.md": b"---\ntitle: A\n---\n# B\n",
        "a.pdf": made_texts.pdf(["A heist.", None]),
    }
    found = [_case("documents", name, {name: data}) for name, data in files.items()]
    found += [_case("texts", name, {name: files[name]}) for name in ("cran.all", "doc.trec")]
    mixed = {f"d/{name}": files[name] for name in ("doc.trec", "topics", "a.md", "a.html")}
    return [*found, _case("documents", "d", mixed)]


def _space_seeds() -> list[Case]:
    """Folders of spaces, with checksums and as if written by hand."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "s"
        judged = read_judgements(good_files.trec(Path(name)), SPACE)
        items = Embeddings(SPACE.items.vectors, SPACE.items.ids, {"title": good_files.TITLES})
        space = Space(queries=SPACE.queries, items=items, about=ABOUT)
        write_space(space, folder, judgements={"queries-items": judged})
        with JudgementStore.open(folder / "judgements.sqlite") as store:
            store.add_many(ROWS)
        whole = {f"s/{path}": data for path, data in files_in(folder).items()}
        labelled = Path(name) / "l"
        (Path(name) / "k.csv").write_text("id,label\na,x\nb,x\nc,y\nd,y\n", encoding="utf-8")
        of = from_labels(ITEMS, read_labels(Path(name) / "k.csv"))
        write_space(ITEMS, labelled, judgements={"items-items": of})
        classes = {f"l/{path}": data for path, data in files_in(labelled).items()}
    about = json.loads(whole["s/space.json"])
    by_hand = dict(whole)
    by_hand["s/space.json"] = json.dumps({**about, "sha256": {}}).encode()
    bare = {path: data for path, data in by_hand.items() if not path.endswith("sqlite")}
    bare["s/space.json"] = b'{"format": 1}'
    return [
        _case("space", "s", whole),
        *[_case("space", "s", by_hand)] * 3,
        _case("space", "s", bare),
        _case("space", "l", classes),
    ]


def _promised() -> dict[str, object]:
    """A calibration that says what it promises and where it belongs."""
    origin = Origin("62d7", 3, 2, "films", "words:words.vec", "words 1").to_dict()
    shares = dict.fromkeys(("turned_away", "only_irrelevant"), RELEVANCE["held_out_recall"])
    return {**RELEVANCE, "at_least": 0.9, "out_of_reach": 1, "origin": origin, **shares}


def _logistic() -> dict[str, Any]:
    return {**RELEVANCE, "kind": "logistic", "curve": {"slope": 3.0, "intercept": -1.0}}


def _history_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "h.parquet"
        row = {"label": "v1", "measure": "dot", "metric": "R@10", "mean": 0.5, "gates_held": True}
        for _ in range(3):
            append_history(path, [{**row, "query_ids": ["a", "b"], "values": [0.5, 1.0]}])
        return path.read_bytes()


def _picture(form: str = "PNG") -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (4, 3), (200, 10, 10)).save(target, form)
    return target.getvalue()


def _as_parquet(text: str) -> bytes:
    head, *rows = [line.split(",") for line in text.strip().split("\n")]
    columns = list(zip(*rows, strict=True))
    return _written(pa.table({name: list(columns[at]) for at, name in enumerate(head)}))


def _written(table: pa.Table) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target)
    return target.getvalue()


def _case(kind: str, path: str, files: Mapping[str, bytes], *options: str) -> Case:
    return Case("reader", (kind, path, *options), dict(files))


READER = Target("reader", 50, _run, _seeds, _make)
