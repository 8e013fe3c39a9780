"""Record what the jobs put out, or compare it with what was recorded.

``python tests/record.py made`` renews ``tests/golden``, for ``test_golden.py``.
``python tests/record.py real [FILE]`` records the jobs on ``../shared/data`` in a file that stays
outside the repository: FILE, else the one that GOLDEN_REAL names, else ``.golden-real.json``.
``python tests/record.py compare [FILE]`` compares with that file and exits with 1 if anything
differs.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import real_jobs
import record_jobs
from recorded import Kept, differences, joined, keep

GOLDEN = Path(__file__).with_name("golden")
REAL = Path(os.environ.get("GOLDEN_REAL", Path(__file__).parents[1] / ".golden-real.json"))


def record_made() -> None:
    """Write the golden files anew; those of jobs that are no more are deleted."""
    with tempfile.TemporaryDirectory() as folder:
        record_jobs.make(Path(folder))
        kept = {name: made(Path(folder), name) for name in record_jobs.JOBS}
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.glob("*.json"):
        path.unlink()
    for name, of in kept.items():
        text = json.dumps(of.values, indent=1, ensure_ascii=False)
        (GOLDEN / f"{name}.json").write_text(f"{text}\n", "utf-8")
    prose = joined({name: of.prose for name, of in kept.items()})
    (GOLDEN / "prose.txt").write_text(prose, "utf-8")
    texts = joined({name: of.texts for name, of in kept.items()})
    (GOLDEN / "terminal.txt").write_text(texts, "utf-8")


def made(folder: Path, name: str) -> Kept:
    """Do one job on the made data."""
    words = record_jobs.JOBS[name]
    with record_jobs.standing_in(folder):
        return keep(record_jobs.run(words), words)


def real() -> dict[str, dict[str, object]]:
    """Do the jobs on real data; says how long each took."""
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder, record_jobs.standing_in(Path(folder)):
        real_jobs.link(Path(folder))
        for words in real_jobs.BEFORE:
            if record_jobs.run(words).code != 0:
                raise RuntimeError(f"failed: anglewise {' '.join(words)}")
        for name, words in real_jobs.JOBS.items():
            start = time.process_time()
            of = keep(record_jobs.run(words), words)
            results[name] = {"values": of.values, "prose": of.prose, "texts": of.texts}
            sys.stderr.write(f"{name}: {time.process_time() - start:.1f} s\n")
    return results


def compare(recorded: dict[str, dict[str, object]]) -> list[str]:
    """Where the jobs on real data now differ from what was recorded."""
    now = json.loads(json.dumps(real()))
    return list(differences(recorded, now))


def main(mode: str, file: str | None = None) -> int:
    path = Path(file) if file else REAL
    if mode == "made":
        record_made()
    elif mode == "real":
        text = json.dumps(real(), indent=1, ensure_ascii=False)
        path.write_text(f"{text}\n", "utf-8")
    elif mode == "compare":
        found = compare(json.loads(path.read_text("utf-8")))
        sys.stdout.write("".join(f"{line}\n" for line in found) + f"{len(found)} differences\n")
        return int(bool(found))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["help"]))
