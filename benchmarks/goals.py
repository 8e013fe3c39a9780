"""Ratios that benchmarks measure, beside their goals and beside the last that were recorded.

    python benchmarks/goals.py            print what the last `make bench` reached
    python benchmarks/goals.py --record   keep it in benchmarks/ratios.json

A benchmark with rivals calls `note`, which adds to build/bench.json. Ratios depend on the processor
and on the vector unit that the engine takes, so they are recorded for each, and compared with those
of the same. A difference of more than 15% is shown with an arrow. What no benchmark of this run
measured is said to be so; nothing here decides whether a run passes.
"""

import argparse
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from anglewise.nearest_neighbours.search import engine_kind

MEASURED = Path(__file__).parents[1] / "build" / "bench.json"
RECORDED = Path(__file__).with_name("ratios.json")
DIFFERS = 0.15

GOALS: dict[str, tuple[float, bool]] = {
    "list of one user, 17,617 x 64, over implicit": (2.0, True),
    "list like one item, 17,617 x 64, over implicit": (2.0, True),
    "list of one user, MovieLens-1M, over implicit": (2.0, True),
    "list like one item, MovieLens-1M, over implicit": (2.0, True),
    "lists of all users, MovieLens-1M, times as fast as implicit": (1.0, False),
    "one query, 1e5 x 384, over faiss flat": (1.3, True),
    "five measures, d 64, k 10, in products": (1.6, True),
    "five measures, d 64, k 100, in products": (2.0, True),
    "five measures, d 384, k 10, in products": (1.25, True),
    "five measures, d 384, k 100, in products": (1.25, True),
    "five measures, d 64, k 10, times as fast as faiss tuned": (4.0, False),
    "five measures, d 64, k 100, times as fast as faiss tuned": (4.0, False),
    "five measures, d 384, k 10, times as fast as faiss tuned": (4.0, False),
    "five measures, d 384, k 100, times as fast as faiss tuned": (4.0, False),
    "a further frame, d 64, k 10, in products": (1.3, True),
    "a further frame, d 64, k 100, in products": (1.3, True),
    "a further frame, d 384, k 10, in products": (1.6, True),
    "a further frame, d 384, k 100, in products": (1.6, True),
    "five measures, real encoders, in products": (0.7, True),
    "SVD, k 100, times as fast as scikit-learn's automatic": (3.5, False),
    "SVD, k 100, times as fast as ARPACK and PROPACK": (1.3, False),
    "EASE, times as fast as the usual recipe": (1.0, False),
    "EASE, a path of penalties, in fits": (1.2, True),
    "beyond the memory, in times of in memory": (1.3, True),
}
"""From what is measured to its bound, and whether the bound is the most."""


def note(ratios: Mapping[str, float]) -> None:
    """Add ratios to those of this run; a name without a goal is refused."""
    unknown = [name for name in ratios if name not in GOALS]
    if unknown:
        raise KeyError(f"no goal is called {unknown[0]!r}: add it to GOALS")
    measured = _read(MEASURED)
    here = measured.setdefault(machine(), {})
    here.update({name: float(f"{ratio:.3g}") for name, ratio in ratios.items()})
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(measured, indent=1) + "\n")


def machine() -> str:
    """The processor by name, and the vector unit that the engine takes on it.

    >>> machine().count(";")
    1
    """
    return f"{_processor()}; {engine_kind()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _read(file: Path) -> dict[str, dict[str, float]]:
    return json.loads(file.read_text()) if file.exists() else {}


def table(measured: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """One line a goal: what was reached, what was recorded, what differs.

    >>> name = "one query, 1e5 x 384, over faiss flat"
    >>> [line for line in table({name: 1.0}, {name: 1.2}) if line.startswith(name)][0].split()[-5:]
    ['1.30', 'reached', '1.20', '<-', '-17%']
    """
    width = max(map(len, GOALS))
    lines = [f"{'':{width}s} {'now':>6s}  {'goal':>9s}  {'':11s}  recorded"]
    for name, (bound, at_most) in GOALS.items():
        sign = "at most " if at_most else "at least"
        if name not in measured:
            lines.append(f"{name:{width}s} {'-':>6s}  {sign} {bound:.2f}  not measured")
            continue
        now = measured[name]
        words = "reached" if (now <= bound if at_most else now >= bound) else "not reached"
        line = f"{name:{width}s} {now:6.2f}  {sign} {bound:.2f}  {words:11s}"
        if name in before:
            change = now / before[name] - 1
            line += f"  {before[name]:8.2f}"
            line += f"  <- {change:+.0%}" if abs(change) > DIFFERS else ""
        lines.append(line)
    return lines


def main() -> None:
    """Print the table; with --record, keep what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true", help="keep these ratios in ratios.json")
    options = parser.parse_args()
    measured, recorded = _read(MEASURED).get(machine(), {}), _read(RECORDED)
    print(f"\n{machine()}")
    print("\n".join(table(measured, recorded.get(machine(), {}))))
    others = [name for name in recorded if name != machine()]
    if others:
        print(f"recorded on other processors, not compared: {'; '.join(others)}")
    if options.record:
        recorded[machine()] = {**recorded.get(machine(), {}), **measured}
        RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
