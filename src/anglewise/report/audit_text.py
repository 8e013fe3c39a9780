"""An audit in plain sentences and in the terminal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.certified import Certificates
from anglewise.auditing.gauge_overlap import PairReport
from anglewise.auditing.geometry import SideGeometry
from anglewise.auditing.subject import NamedRow
from anglewise.auditing.trainings import RunReport
from anglewise.core.typing import Direction
from anglewise.report.words import NOTHING, at_most, counted, number, percent, ratio, shortened

EXAMPLES = 2
"""Neighbours that an example names."""
TITLE = 32


@dataclass(frozen=True)
class Section:
    """A heading of one word and what is said under it."""

    title: str
    sentences: tuple[str, ...]


def headline(audit: Audit) -> str:
    """The verdict in three words."""
    told = {"unknown": "not known to be determined"}
    return f"Cosine is {told.get(audit.verdict.cosine, audit.verdict.cosine)}"


def facts(audit: Audit) -> list[str]:
    """What was audited, piece by piece."""
    queries = [] if audit.queries is None else [counted(audit.queries, "query", "queries")]
    items, dimension = counted(audit.items, "item"), counted(audit.dimension, "dimension")
    return [*queries, items, dimension, f"seed {audit.seed}"]


def first_sections(audit: Audit) -> list[Section]:
    """What stands before the tables."""
    return [
        Section("training", (_training(audit), *_gap(audit))),
        Section("lengths", tuple(_lengths(audit))),
    ]


def last_sections(audit: Audit) -> list[Section]:
    """What stands after the tables; sections with nothing to say are left out."""
    sections = [
        Section("witness", tuple(_witness(audit))),
        Section("runs", tuple(_run(one) for one in audit.runs)),
        Section("pairs", tuple(_pair(one) for one in audit.pairs)),
        Section("hubs", tuple(_hubs(audit))),
        Section("spread", tuple(_spread(audit))),
        Section("copies", tuple(_copies(audit))),
        Section("columns", tuple(_columns(audit))),
        Section("safe", tuple(_safe(audit))),
    ]
    return [section for section in sections if section.sentences]


def choice_table(audit: Audit) -> tuple[list[str], list[list[str]]]:
    """What is left of the cosine lists under other measures and in equal gauges, by direction."""
    ways = list(audit.agreement)
    names = list(
        dict.fromkeys(
            name
            for way in ways
            for name in audit.agreement[way].overlap["cosine"]
            if "@" not in name or name.startswith("cosine")
        )
    )
    rows = [[name, *(_kept(audit, way, name) for way in ways)] for name in names]
    return ["kept of the cosine lists under", *ways], rows


def certificate_table(
    certificates: Mapping[Direction, Certificates],
) -> tuple[list[str], list[list[str]]]:
    """Worst case and random maps, by direction and condition."""
    rows: list[list[str]] = []
    conditions: tuple[float, ...] = ()
    for way, one in certificates.items():
        conditions = one.conditions
        rows.append([f"{way}: no map changes", *(percent(x) for x in one.top_k_certified)])
        random = zip(
            one.monte_carlo_overlap, one.monte_carlo_low, one.monte_carlo_high, strict=True
        )
        band = [f"{percent(m)} ({percent(low)}-{percent(high)})" for m, low, high in random]
        rows.append(["  random maps keep", *band])
    return ["maps of condition", *(f"{s:g}" for s in conditions)], rows


def moved_most(audit: Audit) -> Iterator[str]:
    """In each direction the list that moves most between two equally good cosines."""
    for way, one in audit.agreement.items():
        worst = one.moved[0]
        yield (
            f"{way}, {_name(worst.asked)}: {percent(worst.overlap)} stay by {one.against}; "
            f"{_change(worst.before, worst.after)}"
        )


def half_lost(certificates: Mapping[Direction, Certificates]) -> str:
    """Where half of the lists have lost their certificate."""
    told = ", ".join(
        f"{'never' if one.half_lost is None else ratio(one.half_lost, 3)} ({way})"
        for way, one in certificates.items()
    )
    return f"Half of the lists have lost their certificate at {told}."


def _training(audit: Audit) -> str:
    """What the loss was, as far as anybody says, and what that leaves open."""
    reading = audit.reading
    left = {
        "gauge": "any invertible map is open",
        "rotation": "only rotations are open"
        + (", and the origin" if reading.trained_for == "euclidean" else ""),
        "unknown": "what is open cannot be said",
    }[reading.freedom]
    if reading.trained_for == "unknown":
        return f"nobody says for what: {left}"
    if reading.basis != "declared":
        return f"declared for {reading.trained_for}, but there is one side: {left}"
    return f"declared for {reading.trained_for}: {left}"


def _gap(audit: Audit) -> Iterator[str]:
    if audit.gap is None or audit.predictions_moved is None:
        return  # nobody may ask for the gauge of what has none
    balance = "balanced" if audit.gap.pinned else "not balanced"
    yield (
        f"gauge gap {ratio(audit.gauge_gap)}: {balance} (1 is P'P = c Q'Q, where weight decay ends)"
    )


def _lengths(audit: Audit) -> Iterator[str]:
    for name, side in audit.geometry.sides.items():
        yield f"{name}: {_length(side)}"


def _length(side: SideGeometry) -> str:
    if side.norms.unit:
        return "all 1, so that dot, cosine and euclidean rank alike"
    told = f"{side.norms.min:.3g} to {side.norms.max:.3g}, median {side.norms.median:.3g}"
    if side.popularity_spearman is None:
        return told
    what = {"seen": "use", "popularity": "popularity"}.get(side.popularity or "", "text length")
    return f"{told}; Spearman with {what} {side.popularity_spearman:+z.2f}"


def _witness(audit: Audit) -> Iterator[str]:
    shown = audit.witness
    if shown is None:
        return
    kept = round(shown.overlap * len(shown.before))
    yield (
        f"a map of condition {ratio(shown.condition)} leaves {kept} of the {len(shown.before)} "
        f"neighbours of {_name(shown.item)}: {_change(shown.before, shown.after)}"
    )
    yield (
        f"no prediction moves: of {shown.checked:,} none changes by more than "
        f"{at_most(shown.largest_change)} of the largest"
    )


def _run(run: RunReport) -> str:
    items = run.items
    return (
        f"{run.name}: item vectors differ by {_part(items.difference)}: rotation "
        f"{_part(items.rotation)}, gauge {_part(items.gauge)}, real {_part(items.real)} "
        f"(map of condition {ratio(items.condition)}); predictions differ by "
        f"{_part(run.predictions)}; cosine lists share {_part(run.overlap['given'])}, after "
        f"the best map {_part(run.overlap['linear'])}, both balanced "
        f"{_part(run.overlap['balanced'])}; dot lists {_part(run.overlap['dot'])}"
    )


def _pair(pair: PairReport) -> str:
    gauges = ", ".join(f"{number(value, 2)} {name}" for name, value in pair.gauges.items())
    ends = ", ".join(
        f"{s:g}: [{number(one.low, 2)}, {number(one.high, 2)}]"
        for s, one in zip(pair.conditions, pair.certified, strict=True)
    )
    names = f"{_name(pair.one)} and {_name(pair.other)}"
    return f"{names}: cosine {number(pair.cosine, 2)}; {gauges}; maps of condition {ends}"


def _hubs(audit: Audit) -> Iterator[str]:
    told = ", ".join(
        f"{way} {percent(one.anti_hubs)} ({percent(one.anti_hubs_by_chance)}; "
        f"{_or_nothing(one.skewness, 1)})"
        for way, one in audit.geometry.hubness.items()
    )
    yield f"in no cosine list (by chance; skewness): {told}"


def _spread(audit: Audit) -> Iterator[str]:
    for name, side in audit.geometry.sides.items():
        one = side.isotropy
        yield (
            f"{name}: mean cosine {_or_nothing(one.mean_cosine)} ("
            f"{_or_nothing(one.permuted_cosine)} permuted), eff. rank "
            f"{_or_nothing(one.effective_rank, 0)}, top direction {_percent(one.top_share)}, "
            f"IsoScore {_or_nothing(one.isoscore)}"
        )


def _copies(audit: Audit) -> Iterator[str]:
    told: list[str] = []
    for name, side in audit.geometry.sides.items():
        if side.exact_duplicates.surplus:
            told.append(f"{name} that repeat another one: {side.exact_duplicates.surplus:,}")
    for way, one in audit.geometry.near_duplicates.items():
        if one.pairs:
            told.append(f"pairs that differ by rounding only: {one.pairs:,} ({way})")
    if told:
        yield "; ".join(told)


def _columns(audit: Audit) -> Iterator[str]:
    told: list[str] = []
    for name, side in audit.geometry.sides.items():
        found = side.dimensions
        dead = len(found.zero) + len(found.faint)
        if dead:
            told.append(f"{counted(dead, 'column')} of the {name} carry nothing")
        if found.dominating:
            column, share = found.dominating[0]
            told.append(f"column {column} holds {percent(share)} of the {name}' squared length")
    if told:
        yield "; ".join(told)


def _safe(audit: Audit) -> Iterator[str]:
    ways: dict[tuple[str, ...], list[str]] = {}
    for way, names in audit.verdict.safe.items():
        ways.setdefault(names, []).append(way)
    if ways:
        yield "; ".join(f"{', '.join(of)}: {' or '.join(names)}" for names, of in ways.items())


def _kept(audit: Audit, way: str, name: str) -> str:
    one = audit.agreement.get(way)  # type: ignore[call-overload]
    if one is None or name not in one.overlap["cosine"]:
        return ""
    biased = one.rank_biased["cosine"][name]
    return f"{percent(one.overlap['cosine'][name])} ({number(biased, 2)})"


def _name(one: NamedRow) -> str:
    return shortened(str(one), TITLE)


def _part(value: float) -> str:
    """A share without its rounding noise, which is not even the same on every machine."""
    return percent(round(value, 6))


def _change(before: tuple[NamedRow, ...], after: tuple[NamedRow, ...]) -> str:
    """Who leaves a list, and who comes into it."""
    gone = tuple(one for one in before if one not in after)
    new = tuple(one for one in after if one not in before)
    return f"such as {_some(gone)} go, {_some(new)} come" if gone and new else "nobody goes"


def _some(many: tuple[NamedRow, ...]) -> str:
    return ", ".join(_name(one) for one in many[:EXAMPLES])


def _or_nothing(value: float | None, places: int = 2) -> str:
    return NOTHING if value is None else number(value, places)


def _percent(value: float | None) -> str:
    return NOTHING if value is None else percent(value)


WIDTH = 100
"""No line is longer, so that a report can be pasted."""
HEADING = 10
COLOURS = {
    "determined": "bold green",
    "pinned-by-training": "bold cyan",
    "arbitrary": "bold red",
    "unknown": "bold yellow",
}


def show_audit(audit: Audit, console: Console) -> None:
    """Print what was audited, what to know first, the verdict, and the sentences behind it."""
    width = min(WIDTH, console.width)
    console.print(Text(" · ".join(facts(audit)), style="dim"), width=width)
    for note in audit.notes:
        console.print(Text.assemble(("note: ", "bold yellow"), note), width=width)
    console.print()
    colour = COLOURS[audit.verdict.cosine]
    verdict = Text.assemble((headline(audit), colour), ": ", audit.verdict.reason)
    console.print(verdict, width=width)
    console.print()
    _say(first_sections(audit), console, width)
    console.print()
    console.print(_table(*choice_table(audit)), width=width)
    _say([Section("moved", tuple(moved_most(audit))[:1])], console, width)
    between: Direction = "items-items"
    if between in audit.certificates:
        certificates: dict[Direction, Certificates] = {between: audit.certificates[between]}
        console.print()
        console.print(_table(*certificate_table(certificates)), width=width)
        console.print(Text(half_lost(certificates), style="dim"), width=width)
    console.print()
    _say(last_sections(audit), console, width)


def _say(sections: Iterable[Section], console: Console, width: int) -> None:
    """Sentences under a heading of one word, later lines indented."""
    for section in sections:
        for place, sentence in enumerate(section.sentences):
            told = wrap(sentence, width - HEADING, break_on_hyphens=False)
            for row, line in enumerate(told):
                heading = section.title if place == row == 0 else ""
                console.print(Text.assemble((heading.ljust(HEADING), "bold"), line), width=width)


def _table(heads: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
