"""MATLAB's files read by SciPy in a process of its own, since damaged ones end its process."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

MINUTES = 10

CODE = """
import io, json, sys
import numpy as np
from scipy.io import loadmat
from scipy.sparse import coo_array

data, sys.stdin = sys.stdin.buffer.read(), None
matrices = {
    name: value
    for name, value in loadmat(io.BytesIO(data)).items()
    if not name.startswith("__")
    and getattr(value, "ndim", 0) == 2
    and value.dtype.kind in "fiub"
    and min(value.shape) > 1
}
print(json.dumps(list(matrices)), flush=True)
if len(matrices) == 1:
    found = coo_array(*matrices.values())
    parts = {"rows": found.row, "columns": found.col, "values": found.data}
    np.savez(sys.stdout.buffer, shape=np.array(found.shape), **parts)
"""
"""What that process runs: nothing of a file is run, and nothing but arrays comes back."""


def matrices_in(data: bytes) -> tuple[list[str], Any]:
    """The names of the matrices of numbers in a file, and, where it is one, that as ``coo_array``.

    Raises ``ValueError`` for what SciPy cannot read, by its own words where it has any.
    """
    from scipy.sparse import coo_array

    # found as here, and nothing of the folder that somebody stands in
    places = os.pathsep.join(place for place in sys.path if place)
    run = subprocess.run(  # noqa: S603 our own words and Python
        [sys.executable, "-P", "-c", CODE],
        input=data,
        capture_output=True,
        check=False,
        timeout=60 * MINUTES,
        env={**os.environ, "PYTHONPATH": places},
    )
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(said[-1] if run.returncode == 1 and said else "SciPy breaks on it")
    words, _, arrays = run.stdout.partition(b"\n")
    names: list[str] = json.loads(words)
    if not arrays:
        return names, None
    with np.load(io.BytesIO(arrays)) as parts:
        places_of = (parts["rows"], parts["columns"])
        return names, coo_array((parts["values"], places_of), shape=tuple(parts["shape"].tolist()))
