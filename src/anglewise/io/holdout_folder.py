"""Folders of a split: what a model trains on and what judges it, with a manifest and checksums."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from anglewise.data_types.numbers import check_flag, check_kind, check_word
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.typing import Array, Float64, Shaped
from anglewise.errors import FileError
from anglewise.io.delimited import guarded, open_sheet
from anglewise.io.destinations import check_only
from anglewise.io.files import PathLike, arrow, existing_folder, file_text, opened, reading
from anglewise.io.json_texts import check_json
from anglewise.io.outputs import check_new_folder, new_folder
from anglewise.io.ownership import check_inside
from anglewise.io.space_files import LONGEST, plain, write_table
from anglewise.io.sparse_files import read_sparse_npz
from anglewise.io.tables import Sheet, names_of, numbers_of, only
from anglewise.judgements.holdout_split import HoldoutSplit, How, Part, split_interactions

Form: TypeAlias = Literal["parquet", "csv"]
FORMS: tuple[Form, ...] = ("parquet", "csv")
MANIFEST = "manifest.json"
COMMAND = "holdout"
FORMAT = 1
TABLES = ("train", "fold-in", "test", "users", "fold-in-users", "items")
MATRICES = ("train.npz", "fold-in.npz")
"""Users x items in the order of the tables of ids, as scipy.sparse.load_npz reads them."""
OURS = {MANIFEST, *MATRICES, *(f"{name}.{form}" for name in TABLES for form in FORMS)}


@dataclass(frozen=True, eq=False)
class EvaluationProtocol:
    """A split as it lies in a folder, every file of it verified.

    Attributes
    ----------
    path
        The folder.
    manifest
        What ``manifest.json`` says: how it was split, of what, counts, checksums.
    train
        What a model was to be trained on; its ids are the rows and columns of ``train.npz``.
    fold_in
        What is shown of held-out users, with the items of ``train``; None where there are none.
    test_users, test_items, gains
        What is to be found: ids, and how relevant each is.
    """

    path: Path
    manifest: Mapping[str, Any]
    train: Interactions
    fold_in: Interactions | None
    test_users: Shaped[Array, " entries"]
    test_items: Shaped[Array, " entries"]
    gains: Float64[Array, " entries"]

    @property
    def source(self) -> str:
        """How it was split, in words."""
        return f"{self.path.name}: {self.manifest['sentence']}"

    @cached_property
    def held_out_ids(self) -> list[str]:
        """Users who are folded in, in the rows of ``fold-in.npz``."""
        return [] if self.fold_in is None else list(map(str, self.fold_in.user_ids))


def holdout(
    interactions: Interactions,
    path: PathLike,
    how: How = "last",
    *,
    share: float | None = None,
    at: float | None = None,
    split: Part | None = None,
    k_core: int | None = None,
    graded: bool = False,
    tables: Form = "parquet",
    about: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Split interactions for a model of any library, write the parts, and say what was written.

    Parameters
    ----------
    interactions
        Who used what, as ``read_interactions`` gives it.
    path
        The folder to write; a split that is there is replaced. Files as ``write_split`` says.
    how, share, at, k_core, graded, seed
        As in ``split_interactions``: the last item of everybody, what was newly used after a
        moment, or users who are held out.
    split
        Of ``how="users"``, what is hidden of each: ``"random"``, ``"time"`` or ``"last"``.
    tables
        ``"parquet"`` or ``"csv"``.
    about
        What the manifest says beside, such as where the interactions came from.

    Raises
    ------
    SpellingError, ValuesError, TooFewError
        As ``split_interactions``.
    FileError
        As ``write_split``.

    Examples
    --------
    >>> import tempfile
    >>> used = Interactions(
    ...     users=np.array([0, 0, 1, 1]), items=np.array([0, 1, 0, 1]), weights=np.ones(4),
    ...     user_ids=np.array(["a", "b"]), item_ids=np.array(["x", "y"]),
    ... )
    >>> manifest = holdout(used, Path(tempfile.mkdtemp()) / "split", "users", share=0.5)
    >>> manifest["counts"]["train"]["users"], manifest["counts"]["fold_in"]["users"]
    (1, 1)
    """
    check_kind(interactions, Interactions, "what is split", "Interactions")
    check_flag(graded, "graded")
    if about is not None:
        check_kind(about, Mapping, "about", "a dict")
    check_new_folder(path, may_replace=_check_split)
    parts = split_interactions(
        interactions,
        how,
        share=share,
        at=at,
        part=split,
        k_core=k_core,
        graded=graded,
        seed=seed,
    )
    users, items = interactions.shape
    content: dict[str, Any] = {
        **(about or {}),
        "how": how,
        **{name: parts.settings.get(name) for name in ("share", "at", "split")},
        "k_core": k_core,
        "graded": graded,
        "seed": seed,
        "read": {"users": users, "items": items, "interactions": len(interactions.users)},
    }
    return write_split(parts, path, about=content, form=tables)


def write_split(
    split: HoldoutSplit,
    path: PathLike,
    *,
    about: Mapping[str, Any] | None = None,
    form: Form = "parquet",
) -> dict[str, Any]:
    """Write a split as a folder, whole or not at all; gives what its manifest says.

    ``train``, ``fold-in`` and ``test`` are tables of ``user_id,item_id,weight[,timestamp]`` (and
    ``gain`` of the test); ``train.npz`` and ``fold-in.npz`` the same as sparse matrices, whose rows
    stand in ``users`` and ``fold-in-users`` and whose columns in ``items``. The same split gives
    the same bytes. A split that is there is replaced; any other folder is left alone.

    Parameters
    ----------
    about
        What the manifest says beside counts and checksums, such as settings and the source.
    form
        ``"parquet"``, which keeps ids as the texts that they are, or ``"csv"``.

    Raises
    ------
    FileError
        No such parent folder, no permission, a full disk, a folder that is no split; ids that a
        CSV would not give back.

    Examples
    --------
    >>> import tempfile
    >>> from anglewise.judgements.holdout_split import split_interactions
    >>> used = Interactions(
    ...     users=np.array([0, 0, 1, 1]), items=np.array([0, 1, 0, 1]), weights=np.ones(4),
    ...     user_ids=np.array(["a", "b"]), item_ids=np.array(["x", "y"]),
    ...     times=np.array([1.0, 2.0, 4.0, 3.0]),
    ... )
    >>> folder = Path(tempfile.mkdtemp()) / "split"
    >>> manifest = write_split(split_interactions(used), folder)
    >>> manifest["counts"]["test"]
    {'users': 2, 'interactions': 2, 'not_in_training': 0}
    >>> read_protocol(folder).test_items.tolist()
    ['y', 'x']
    """
    check_word(form, FORMS, "form")
    tables = dict(_tables(split))
    if form == "csv":
        for name, table in tables.items():
            _check_csv_keeps(name, table)
    with new_folder(path, may_replace=_check_split) as folder:
        for name, table in tables.items():
            _write(folder / f"{name}.{form}", table, form)
        _write_matrix(folder / "train.npz", split.train)
        if split.fold_in is not None:
            _write_matrix(folder / "fold-in.npz", split.fold_in)
        files = sorted(file for file in folder.iterdir() if file.is_file())
        manifest = {
            "command": COMMAND,
            "format": FORMAT,
            "written_by": f"anglewise {version('anglewise')}",
            **plain(dict(about or {}), "about"),
            "sentence": split.sentence,
            "tables": form,
            "counts": _counts(split),
            "not_judged": split.not_judged,
            "sha256": {file.name: file_checksum(file) for file in files},
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / MANIFEST).write_bytes(text.encode())
    return manifest


def check_split_destination(path: PathLike) -> None:
    """Check, before interactions are read, that a split could be written here."""
    check_new_folder(path, may_replace=_check_split)


def _check_split(folder: Path) -> None:
    """Refuse to replace a folder that is no split."""
    if not is_split_folder(folder):
        raise FileError(
            f"{folder} is not empty and has no {MANIFEST} that says anglewise {COMMAND} wrote it: "
            "choose another name"
        )
    check_only(folder, OURS.__contains__)


def is_split_folder(folder: Path) -> bool:
    """Whether a folder says that it is a split."""
    try:
        return _manifest(folder)["command"] == COMMAND
    except FileError:
        return False


def _counts(split: HoldoutSplit) -> dict[str, Any]:
    shown = split.fold_in
    return {
        "train": {
            "users": split.train.shape[0],
            "items": split.train.shape[1],
            "interactions": len(split.train.users),
        },
        "fold_in": {
            "users": 0 if shown is None else shown.shape[0],
            "interactions": 0 if shown is None else len(shown.users),
        },
        "test": {
            "users": split.test.shape[0],
            "interactions": len(split.test.users),
            "not_in_training": split.unreachable,
        },
    }


def _tables(split: HoldoutSplit) -> Iterator[tuple[str, Any]]:
    """The tables by their names, as Arrow holds them."""
    yield "train", _entries(split.train)
    yield "test", _entries(split.test, split.gains)
    yield "users", _ids("user_id", split.train.user_ids)
    yield "items", _ids("item_id", split.train.item_ids)
    if split.fold_in is not None:
        yield "fold-in", _entries(split.fold_in)
        yield "fold-in-users", _ids("user_id", split.fold_in.user_ids)


def _ids(name: str, ids: Shaped[Array, " ids"]) -> Any:
    pa = arrow()
    return pa.table({name: pa.array(list(map(str, ids)), pa.string())})


def _entries(used: Interactions, gains: Float64[Array, " entries"] | None = None) -> Any:
    """Entries by user, and by time where there is one."""
    pa = arrow()
    order = np.lexsort((used.items, used.users))
    if used.times is not None:
        order = np.lexsort((used.items, used.times, used.users))
    columns = {
        "user_id": _ids("id", used.user_ids)["id"].take(pa.array(used.users[order])),
        "item_id": _ids("id", used.item_ids)["id"].take(pa.array(used.items[order])),
        "weight": pa.array(used.weights[order]),
    }
    if used.times is not None:
        columns["timestamp"] = _numbers(used.times[order])
    if gains is not None:
        columns["gain"] = pa.array(gains[order])
    return pa.table(columns)


def _numbers(values: Float64[Array, " entries"]) -> Any:
    """Whole numbers where all are whole."""
    pa = arrow()
    whole = bool((values == np.rint(values)).all()) and np.abs(values).max(initial=0) < EXACT
    return pa.array(values.astype(np.int64) if whole else values)


EXACT = 2**53


def _write(path: Path, table: Any, form: Form) -> None:
    if form == "parquet":
        write_table(path, table, rows=1 << 20)
    else:
        arrow("csv").write_csv(table, path)


def _check_csv_keeps(name: str, table: Any) -> None:
    """Refuse ids that a reader of CSV takes for something else, or a spreadsheet for a formula."""
    for column in ("user_id", "item_id"):
        if column not in table.column_names:
            continue
        for text in arrow("compute").unique(table[column]).to_pylist():
            if guarded(text) != text or text != text.strip() or not text.isprintable():
                raise FileError(
                    f"the id {text!a} in {name} would not come out of a CSV as it is, or be run as "
                    "a formula: write parquet"
                )


def _write_matrix(path: Path, used: Interactions) -> None:
    from scipy import sparse

    table, scipy = used.rows(), cast("Any", sparse)
    entries = (table.values, table.indices, table.indptr)
    scipy.save_npz(path, scipy.csr_matrix(entries, shape=table.shape), compressed=False)


def read_protocol(path: PathLike) -> EvaluationProtocol:
    """Read a split that ``anglewise holdout`` or ``holdout`` wrote, and verify every file of it.

    Raises ``FileError`` for a folder that is no split, for a file that is missing, or is not the
    one that was written, and for parts that do not fit each other.
    """
    folder = existing_folder(path)
    manifest = _manifest(folder)
    checksums: Mapping[str, str] = manifest["sha256"]
    for name, checksum in checksums.items():
        file = folder / name
        if name not in OURS or not file.is_file():
            raise FileError(f"{file} is named in {MANIFEST}, and is not there: split again")
        check_inside(file, folder)
        if file_checksum(file) != checksum:
            raise FileError(
                f"{file} is not the file that was written: its checksum differs from the one in "
                f"{MANIFEST}; what judges a model must not change: copy the folder again, or split "
                "again"
            )
    files = _Files(folder, manifest["tables"], checksums)
    items = files.column("items", "item_id")
    test, position = files.found("test", "gain")
    return EvaluationProtocol(
        path=folder,
        manifest=manifest,
        train=files.matrix("train.npz", "users", items),
        fold_in=(
            files.matrix("fold-in.npz", "fold-in-users", items)
            if "fold-in.npz" in checksums
            else None
        ),
        test_users=files.column("test", "user_id"),
        test_items=files.column("test", "item_id"),
        gains=numbers_of(test, test.columns([position])[0], position),
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise FileError(
            f"{folder} is no split: it has no {MANIFEST}; make one with anglewise {COMMAND}"
        )
    check_inside(path, folder)
    with reading(path, "the manifest of a split"):
        if path.stat().st_size > LONGEST:
            raise FileError(
                f"{path} has {path.stat().st_size:,} bytes, and at most {LONGEST:,} are read: a "
                "manifest has some thousand; split again"
            )
        text = file_text(path)
        check_json(path, text.replace("\n", " ").encode())
        manifest: Any = json.loads(text)
        if not isinstance(manifest, dict) or manifest.get("command") != COMMAND:
            raise FileError(f"{path} is not of a split: make one with anglewise {COMMAND}")
        if not isinstance(manifest.get("format"), int) or manifest["format"] > FORMAT:
            raise FileError(
                f"{path} was written by {manifest.get('written_by', 'a newer anglewise')}; this "
                f"version reads up to format {FORMAT}: upgrade anglewise"
            )
        due = {"sha256": dict, "sentence": str, "tables": str, "counts": dict}
        damaged = [name for name, kind in due.items() if not isinstance(manifest.get(name), kind)]
        if damaged or manifest["tables"] not in FORMS:
            raise FileError(f"{path} is damaged at {', '.join(damaged) or 'tables'}: split again")
    return cast("Mapping[str, Any]", manifest)


@dataclass(frozen=True)
class _Files:
    """The verified files of a split."""

    folder: Path
    form: Form
    checksums: Mapping[str, str]

    def found(self, name: str, column: str) -> tuple[Sheet, int]:
        """A table, and where one of its columns stands."""
        sheet = open_sheet(self._named(f"{name}.{self.form}"))
        if column not in (sheet.names or ()):
            raise FileError(f"{sheet.path} has no column {column}: split again")
        return sheet, only(sheet.names or (), column, sheet.path)

    def column(self, name: str, column: str) -> Shaped[Array, " entries"]:
        """A column of ids, as texts."""
        sheet, position = self.found(name, column)
        texts: list[str] = names_of(sheet, sheet.columns([position])[0], position).to_pylist()
        return np.array(texts, dtype=object)

    def matrix(self, name: str, users: str, items: Shaped[Array, " items"]) -> Interactions:
        """A matrix whose rows and columns have the ids of the tables beside it."""
        table, rows = read_sparse_npz(self._named(name)), self.column(users, "user_id")
        if table.shape != (len(rows), len(items)):
            raise FileError(
                f"{self.folder / name} is {table.shape}, and there are {len(rows)} users and "
                f"{len(items)} items: split again"
            )
        return replace(table, user_ids=rows, item_ids=items)

    def _named(self, name: str) -> Path:
        if name not in self.checksums:
            raise FileError(f"{self.folder / MANIFEST} names no {name}: split again")
        return self.folder / name


def file_checksum(path: Path) -> str:
    """The SHA-256 of a file, as manifests hold it."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
