"""Readers of splits, sets of items, judged characters, and of what comes with a vector store."""

import contextlib
import hashlib
import json
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anglewise import AnglewiseError, Embeddings, Judged, JudgementStore, Space, read_judgements
from anglewise.data_types.sparse import Interactions
from anglewise.io.answer_log import append_line, logged_answers
from anglewise.io.holdout_folder import holdout, read_protocol
from anglewise.io.item_sets import read_item_sets
from anglewise.labelling.grading_prompt import grade_in
from anglewise.labelling.machine_grades import _read as read_grade
from anglewise.stores.address import read_address
from anglewise.stores.lance_files import BASE_PATH, BASES, MAGIC, check_table
from anglewise.stores.manifest import Fingerprint, Manifest, manifest_of
from anglewise.stores.qdrant_files import MODELS, check_local_folder
from anglewise.stores.query_transform import QueryTransform
from anglewise.stores.vector_store import exported_for
from fuzz.watch import BrokenError
from memory_store import MemoryStore

Options = Mapping[str, str]
ITEMS = Space(items=Embeddings(np.eye(5)[:, :3] + 0.5, ["a", "b", "c", "d", "e"]))
CUT = Space(
    queries=Embeddings(np.eye(3), ["q1", "q2", "q3"]),
    items=Embeddings(
        np.eye(3),
        ["x#0", "x#1", "y#0"],
        {
            "document": ["x", "x", "y"],
            "start": [0, 7, 0],
            "end": [7, 15, 9],
            "text": ["A ship.", "A form..", "A room..."],
        },
    ),
)
SECRET = "geheim77"  # noqa: S105 none


def _need(holds: object, kind: str, place: str) -> None:
    if not holds:
        raise BrokenError(kind, place, kind)


def _item_sets(path: Path, options: Options) -> str:
    found = read_item_sets(path, ITEMS, column=options.get("column"), say=str)
    gains = found.gains.values
    _need(((gains >= 0) & (gains <= 1)).all(), "shares beyond 0 to 1", "read_item_sets")
    return f"{len(gains)}"


def _spans(path: Path, options: Options) -> str:
    del options
    found = read_judgements(path, CUT, say=str)
    _need(np.isfinite(found.gains.values).all(), "gains that are not finite", "spans")
    return f"{len(found.gains.values)}"


def _span_store(path: Path, options: Options) -> str:
    del options
    with JudgementStore.open(path) as store:
        found = store.judgements(CUT, "queries-items")
    return f"{len(found.gains.values)}"


def _protocol(path: Path, options: Options) -> str:
    if options:
        _seal(path / "manifest.json")
    found = read_protocol(path)
    _need(np.isfinite(found.gains).all(), "gains that are not finite", "read_protocol")
    _need(len(found.test_users) == len(found.test_items) == len(found.gains), "lengths", "protocol")
    return f"{found.train.shape} {found.fold_in is None}"


def _seal(path: Path) -> None:
    """Give a split the checksums of its files, as a stranger would."""
    with contextlib.suppress(Exception):
        about = json.loads(path.read_bytes())
        for name in about["sha256"]:
            data = (path.parent / name).read_bytes()
            about["sha256"][name] = hashlib.sha256(data).hexdigest()
        path.write_text(json.dumps(about))


class _Bringing(MemoryStore):
    """A collection that brings a manifest."""

    effort_names = ("ef", "refine_factor")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def manifest(self) -> str:
        return self.text


def _manifest(path: Path, options: Options) -> str:
    del options
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    exported_for(text)
    found = manifest_of(_Bringing(text))
    if found is None:
        return "none"
    _need(found.oversample * found.k < 1 << 52, "a search without bound", "manifest")
    found.fingerprint.same(Fingerprint("i", 3, (1.0, 2.0), 0.1))
    json.dumps(json.loads(found.to_text()), allow_nan=False)
    return f"{found.measure}"


def _address(path: Path, options: Options) -> str:
    del options
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        found = read_address(text)
    except AnglewiseError as error:
        if f":{SECRET}@" in text and "//" in text:
            _need(SECRET not in str(error), "a password that is shown", "read_address")
        raise
    account = str(found).partition("@")[0]
    _need(not found.password or found.password not in account, "a password", "Address")
    assert found.places is not None
    return found.kind


def _transform(path: Path, options: Options) -> str:
    del options
    found = QueryTransform.load(path)
    return str(found(np.ones((2, found.dimension))).shape)


def _grades(path: Path, options: Options) -> str:
    del options
    found = dict(logged_answers(path, "a model", "--cache", "grade", read_grade))
    append_line(path, {"key": "0" * 32, "grade": 1, "model": "m"})
    again = dict(logged_answers(path, "a model", "--cache", "grade", read_grade))
    _need(again == {**found, "0" * 32: 1}, "an answer that is lost", "append_line")
    return f"{len(found)}"


def _graded(path: Path, options: Options) -> str:
    del options
    words = path.read_bytes().decode("utf-8", "replace")
    found = grade_in(words, "7f", 3)
    _need(type(found) is int and 0 <= found <= 3, "a grade beyond 0 to 3", "grade_in")
    return f"{found}"


def _lance(path: Path, options: Options) -> str:
    del options
    check_table(path, path.parent)
    return "fine"


def _qdrant(path: Path, options: Options) -> str:
    del options
    check_local_folder(path)
    return "fine"


READERS: dict[str, Callable[[Path, Options], str]] = {
    "item sets": _item_sets,
    "spans": _spans,
    "span store": _span_store,
    "protocol": _protocol,
    "manifest": _manifest,
    "address": _address,
    "transform": _transform,
    "grades": _grades,
    "graded": _graded,
    "lance": _lance,
    "qdrant": _qdrant,
}

LABELS = "id,genres,year\na,Crime|Drama,1999\nb,Drama,2001\nc,Comedy,\nz,Drama,1\n"
SPANS = "query_id,item_id,gain,document,start,end,digest\nq1,x#0,1,x,0,7,\nq2,old,2,x,3,12,\n"
SPANS += "q1,y#0,0,,,,\n"
ADDRESSES = (
    f"postgresql://anna:{SECRET}@db:5432/shop/items?vector=v&sslmode=require",
    "lancedb:///data/films?id=doc%20id&metric=dot",
    "qdrant://host:6333/films?vector=a&https=yes",
    "faiss://films/index.faiss",
)
ANSWERS = (
    'Sure! {"id": "7f", "grade": 2} Anything else?',
    '```json\n{"id": "7f", "grade": "3", "why": {"a": [1.0]}}\n```',
    '{"id": "7f", "grade": 1.0}{"id": "7f", "grade": 1}',
)


def seeds() -> list[tuple[str, str, dict[str, bytes], tuple[str, ...]]]:
    """Good inputs: the kind, the path, the files and the options of each."""
    manifest = Manifest("dot", "queries-items", "dot", "dot", 2, 3, "t", "i", (1.0, 2.0), 0.1)
    text = json.loads(manifest.to_text()) | {"queries": 3, "effort": {"ef": 64}}
    line = '{"key": "' + "a1" * 16 + '", "grade": 2, "model": "m"}\n'
    return [
        ("item sets", "g.csv", {"g.csv": LABELS.encode()}, ("column=genres",)),
        ("item sets", "t.csv", {"t.csv": b"id,tag\na,x\nb,x\nb,y\n"}, ()),
        ("spans", "j.csv", {"j.csv": SPANS.encode()}, ()),
        *[("span store", "j.sqlite", {"j.sqlite": _span_store_bytes()}, ())] * 2,
        *[("protocol", "s", files, ()) for files in _splits()],
        *[("protocol", "s", files, ("sealed=yes",)) for files in _splits()] * 2,
        *[("manifest", "m.json", {"m.json": json.dumps(text).encode()}, ())] * 2,
        *[("address", "a.txt", {"a.txt": word.encode()}, ()) for word in ADDRESSES],
        *[("transform", "t.npz", {"t.npz": data}, ()) for data in _transforms()],
        ("grades", "g.jsonl", {"g.jsonl": (line * 3).encode()}, ()),
        *[("graded", "a.txt", {"a.txt": words.encode()}, ()) for words in ANSWERS],
        ("lance", "films.lance", {"films.lance/_versions/1.manifest": _lance_bytes()}, ()),
        *[("qdrant", "q", _qdrant_files(), ())] * 2,
    ]


def _span_store_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "j.sqlite"
        with JudgementStore.open(path) as store:
            store.add_many(
                [
                    Judged("q1", "x#0", 2.0, judge="anna", document="x", start=0, end=7),
                    Judged("q1", "y#0", 0.0, judge="anna"),
                    Judged("q2", "old", 1.0, judge="anna", document="x", start=3, end=12),
                ]
            )
        return path.read_bytes()


def _splits() -> list[dict[str, bytes]]:
    """Folders that holdout writes, with checksums that hold and as if by hand."""
    from fuzz.readers import files_in

    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(6), 4)
    used = Interactions(
        users=users,
        items=np.tile(np.arange(4), 6),
        weights=np.ones(24),
        user_ids=np.array([f"u{i}" for i in range(6)]),
        item_ids=np.array(["a", "b", "c", "d"]),
        times=rng.permutation(24).astype(float),
    )
    found: list[dict[str, bytes]] = []
    for how, form in (("last", "parquet"), ("users", "csv"), ("time", "parquet")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "s"
            holdout(used, folder, how, tables=form)  # type: ignore[arg-type]
            files = {f"s/{path}": data for path, data in files_in(folder).items()}
        found.append(files)
    return found


def _transforms() -> list[bytes]:
    found: list[bytes] = []
    for made in (
        QueryTransform(np.zeros(3)),
        QueryTransform(np.zeros(3), np.ones(3), np.eye(3)[:, :2], unit=True, appended=(1.0,)),
    ):
        with tempfile.TemporaryDirectory() as name:
            made.save(Path(name) / "t.npz", {"measure": "dot"})
            found.append((Path(name) / "t.npz").read_bytes())
    return found


def _lance_bytes() -> bytes:
    base = bytes([BASE_PATH << 3 | 2, 7]) + b"/etc/xx"
    message = b"\x0a\x02\x08\x01" + b"\x18\x05" + bytes([BASES << 3 & 127 | 2 | 128, 1, len(base)])
    message += base
    data = len(message).to_bytes(4, "little") + message
    return data + (0).to_bytes(8, "little") + b"\0\0\2\0" + MAGIC


def _qdrant_files() -> dict[str, bytes]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)")
    point = {"id": "a", "vector": [1.0, 2.0], "payload": {"id": "a"}}
    for number, data in enumerate((pickle.dumps(point), f"c{MODELS}\nPointStruct\n.".encode())):
        connection.execute("INSERT INTO points VALUES (?, ?)", [str(number), data])
    connection.commit()
    meta: dict[str, Any] = {"collections": {"films": {"vectors": {"size": 2}}}, "aliases": {}}
    return {
        "q/meta.json": json.dumps(meta).encode(),
        "q/collection/films/storage.sqlite": bytes(connection.serialize()),
    }
