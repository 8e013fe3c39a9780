"""Whole runs kept by content, so that the same run again searches nothing."""

from collections.abc import Sequence
from dataclasses import asdict

from anglewise.remedy.bench import Bench, Found
from anglewise.remedy.cache import key_of
from anglewise.remedy.contender import Contender
from anglewise.remedy.defaults import baselines
from anglewise.remedy.run import Outcome, run
from anglewise.remedy.screening import Screened


def recorded(bench: Bench, among: Sequence[Contender], finalists: int) -> Outcome:
    """The outcome of a run, from the cache where the same one came to its end before.

    A run that was interrupted is not kept as a whole, but all that it had found is: the next one
    goes on from there. So does one with a larger budget.
    """
    metrics = [str(metric) for metric in bench.metrics]
    asked = [str(one) for one in among]
    key = key_of(bench.content, asked, metrics, finalists, bench.budget.seconds, bench.seed)
    known = _read(bench, key, among)
    if known is not None:
        return known
    outcome = run(bench, among, finalists)
    if outcome.stopped != "interrupt":
        said = {
            "found": [str(one) for one in outcome.found],
            "screening_queries": outcome.screening_queries,
            "screened": [asdict(one) for one in outcome.screened],
            "left_out": outcome.left_out,
            "stopped": outcome.stopped,
            "seconds": outcome.seconds,
        }
        bench.cache.put(key, said, rows=outcome.rows)
    return outcome


def _read(bench: Bench, key: str, among: Sequence[Contender]) -> Outcome | None:
    held = bench.cache.get(key)
    if held is None:
        return None
    said, arrays = held
    spelled = {str(one): one for one in [*baselines(), *among]}
    found: dict[Contender, Found] = {}
    for name in said["found"]:
        kept = bench.kept(spelled[name], arrays["rows"])
        if kept is None:
            return None
        found[spelled[name]] = kept
    return Outcome(
        found,
        arrays["rows"],
        said["screening_queries"],
        tuple(Screened(**one) for one in said["screened"]),
        said["left_out"],
        said["stopped"],
        said["seconds"],
    )
