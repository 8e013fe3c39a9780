"""A training on disk: written whole or not at all, and read back to the same bits."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.core.sparse import SparseRows
from anglewise.errors import FileError
from anglewise.io.outputs import new_file
from anglewise.training.adam import Adam
from anglewise.training.factors import Epoch
from anglewise.training.settings import Settings
from anglewise.training.state import State

FORMAT = 1
TENSORS = ("table", "table_means", "table_squares", "scale", "scale_means", "scale_squares")
BEST = ("best", "best_scale")
COUNTED = ("batch", "epoch", "at", "steps", "loss", "visited")


def fingerprint(used: SparseRows, settings: Settings) -> dict[str, Any]:
    """What must be alike for a training to go on: the table and the settings.

    The device is left out, and so is how long to train: more epochs go on from fewer.

    >>> used = SparseRows.from_pairs([0], [1], shape=(1, 2))
    >>> fingerprint(used, Settings("dot"))["measure"]
    'dot'
    """
    told = settings.to_dict()
    for name in ("device", "epochs", "patience"):
        del told[name]
    digest = hashlib.sha256(np.array(used.shape).tobytes())
    digest.update(used.indptr.tobytes())
    digest.update(used.indices.tobytes())
    return {**told, "interactions": digest.hexdigest()}


def write_checkpoint(path: Path, state: State, print_of: Mapping[str, Any]) -> None:
    """Write a state; a file that is there is replaced once the new one is safe on the disk.

    Raises ``FileError`` for a missing folder, missing permission or a full disk.
    """
    told = {name: getattr(state, name) for name in COUNTED}
    told["taken"] = [state.table.taken, state.log_scale.taken]
    told["history"] = [asdict(one) for one in state.history]
    told |= {"format": FORMAT, "of": dict(print_of)}
    arrays = {
        name: tensor.detach().cpu().numpy()
        for name, tensor in zip((*TENSORS, *BEST), _tensors(state), strict=True)
    }
    text = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    with new_file(path) as file:
        np.savez(file, about=text, **arrays)


def read_checkpoint(torch: Any, path: Path, print_of: Mapping[str, Any], device: Any) -> State:
    """Read a state as it was written.

    Raises ``FileError`` for a file that is damaged, newer than this program, or of a training on
    other interactions or with other settings (the message names them).
    """
    told, arrays = _read(path)
    _check(path, told, print_of)
    tensors = [torch.from_numpy(arrays[name]).to(device) for name in (*TENSORS, *BEST)]
    table, scale = (Adam(*tensors[3 * i : 3 * i + 3], taken=told["taken"][i]) for i in range(2))
    return State(
        table=table,
        log_scale=scale,
        best=tensors[6],
        best_log_scale=tensors[7],
        history=[Epoch(**one) for one in told["history"]],
        **{name: told[name] for name in COUNTED},
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return json.loads(arrays.pop("about").tobytes()), arrays
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(
            f"{path} is no checkpoint of a training, or is damaged "
            f"({' '.join(str(error).split())[:120]}): choose another file, or remove it"
        ) from error


def _check(path: Path, told: Mapping[str, Any], print_of: Mapping[str, Any]) -> None:
    if told.get("format") != FORMAT:
        raise FileError(
            f"{path} is a checkpoint of format {told.get('format')}, this program reads {FORMAT}: "
            "upgrade anglewise, or remove it"
        )
    other = sorted(name for name in print_of if told["of"].get(name) != print_of[name])
    if other:
        raise FileError(
            f"{path} is the checkpoint of another training, which differs in {', '.join(other)}: "
            "choose another file, or remove it to begin anew"
        )


def _tensors(state: State) -> tuple[Any, ...]:
    table, scale = state.table, state.log_scale
    return (
        *(table.values, table.means, table.squares),
        *(scale.values, scale.means, scale.squares),
        *(state.best, state.best_log_scale),
    )
