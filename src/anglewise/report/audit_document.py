"""An audit as a document: sentences and two tables, and on a page figures, lists and pairs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.certified import CONDITIONS, DRAWS, Certificates
from anglewise.auditing.findings import LightGate
from anglewise.auditing.gauge_overlap import PairReport, RunReport
from anglewise.auditing.geometry import SideGeometry
from anglewise.auditing.subject import NamedRow
from anglewise.data_types.text import counted, percent, shortened
from anglewise.data_types.typing import Direction
from anglewise.report.audit_chapters import chapters
from anglewise.report.audit_lights import (
    Amount,
    brief_lines,
    few_notes,
    gate_group,
    light_sections,
    lights_group,
    plain_body,
)
from anglewise.report.audit_trainings import reached_sentences
from anglewise.report.dimension_sentences import dimension_sentences
from anglewise.report.document import Document, Findings, Group, Line, Table, TableColumn
from anglewise.report.words import NOTHING, at_most, number, ratio

EXAMPLES = 2
"""Neighbours that an example names."""
TITLE = 32


def audit_document(
    audit: Audit,
    amount: Amount = "details",
    space: str = "SPACE",
    gate: LightGate | None = None,
    asked: Collection[str] = ("reachable", "runs", "pairs", "dimension", "invariant"),
) -> Document:
    """What was audited, whether cosine is determined, and the sentences behind it.

    ``amount`` says how much a terminal shows: five lines, plain words, or every figure, of which
    the certificates from item to item alone, and one example; a page shows all. ``space`` stands
    in the commands that help; ``asked`` names the sections that stand among the plain words too.
    """
    cosine = audit.verdict.cosine
    queries = [] if audit.queries is None else [counted(audit.queries, "query")]
    items, dimension = counted(audit.items, "item"), counted(audit.dimension, "dimension")
    facts = [*queries, items, dimension, f"seed {audit.seed}"]
    first, last = _first_sections(audit), _last_sections(audit)
    choice = _choice(audit)
    if amount == "brief":
        return Document([[*brief_lines(audit, facts, gate)]])
    plain = amount == "plain"
    answers = {title: lines for title, lines in last.items() if title in asked}
    body: list[Group] = [
        lights_group(audit),
        [Findings(first)],
        [choice, Findings({"moved": [*_moved_most(audit)][:1]})],
    ]
    between: Direction = "items-items"
    if between in audit.certificates:
        certificates: dict[Direction, Certificates] = {between: audit.certificates[between]}
        body.append([_certificates(certificates), Line(_sure(certificates), "dim")])
    body.append([Findings(last)])
    return Document(
        question="Is the cosine real?",
        facts=facts,
        notes=few_notes(audit.notes) if plain else audit.notes,
        headline=f"Cosine is {'not known to be determined' if cosine == 'unknown' else cosine}",
        reason=audit.verdict.reason,
        tone=cosine,
        body=plain_body(audit, answers, space, gate) if plain else [*body, *gate_group(gate)],
        chapters=partial(
            chapters,
            audit,
            first | last,
            choice,
            _certificates(audit.certificates),
            _sure(audit.certificates),
            lights=light_sections(audit),
        ),
        footer=f"anglewise audit · {' · '.join(facts)}",
    )


def _first_sections(audit: Audit) -> dict[str, list[str]]:
    """What stands before the tables."""
    return {"training": [_training(audit), *_gap(audit)], "lengths": [*_lengths(audit)]}


def _last_sections(audit: Audit) -> dict[str, list[str]]:
    """What stands after the tables; sections with nothing to say are left out."""
    sections = {
        "reachable": [] if audit.reachable is None else [*reached_sentences(audit)],
        "witness": [*_witness(audit)],
        "runs": [_run(run, audit.dimension) for run in audit.runs],
        "pairs": [_pair(pair, audit) for pair in audit.pairs],
        "hubs": [*_hubs(audit)],
        "spread": [*_spread(audit)],
        "copies": [*_copies(audit)],
        "columns": [*_columns(audit)],
        "dimension": [] if audit.relevance is None else [*dimension_sentences(audit.relevance)],
        "invariant": [*_invariant(audit)],
    }
    return {title: sentences for title, sentences in sections.items() if sentences}


def _choice(audit: Audit) -> Table:
    """What is left of the cosine lists under other measures and in equal gauges, by direction."""
    depth = next(iter(audit.agreement.values())).k
    rival = "an equally good cosine" if audit.certificates else "cosine about the mean"
    caption = (
        f"The share of the nearest {depth} by cosine that another measure, or {rival}, finds too; "
        "in brackets rank-biased overlap, where the front counts more"
    )
    names = dict.fromkeys(
        name
        for lists in audit.agreement.values()
        for name in lists.overlap["cosine"]
        if "@" not in name or name.startswith("cosine")
    )
    rows = [
        [
            name,
            *(
                f"{percent(lists.overlap['cosine'][name])} "
                f"({number(lists.rank_biased['cosine'][name], 2)})"
                if name in lists.overlap["cosine"]
                else ""
                for lists in audit.agreement.values()
            ),
        ]
        for name in names
    ]
    name = TableColumn("kept of the cosine lists under", "name")
    return Table([name, *map(TableColumn, audit.agreement)], rows, caption)


def _certificates(certificates: Mapping[Direction, Certificates]) -> Table:
    """Worst case and random maps, by direction and condition."""
    rows: list[list[str]] = []
    conditions: tuple[float, ...] = ()
    for direction, result in certificates.items():
        conditions = result.conditions
        members = [_of_list(share, result.k) for share in result.members_certified]
        rows.append([f"{direction}: cannot leave", *members])
        random = zip(
            result.monte_carlo_overlap, result.monte_carlo_low, result.monte_carlo_high, strict=True
        )
        band = [f"{percent(m)} ({percent(low)}-{percent(high)})" for m, low, high in random]
        rows.append([f"  {DRAWS} random maps keep", *band])
    counts = "; ".join(
        f"{direction}: {result.queries:,} lists certified, {result.asked_again:,} searched again"
        for direction, result in certificates.items()
    )
    caption = f"Neighbours of a list that no map of the condition takes out, on average; {counts}"
    columns = [TableColumn("maps of condition", "name")]
    columns += (TableColumn(f"{s:g}") for s in conditions)
    return Table(columns, rows, caption)


def _moved_most(audit: Audit) -> Iterator[str]:
    """In each direction the list that moves most between two equally good cosines."""
    for direction, lists in audit.agreement.items():
        worst = lists.moved[0]
        yield (
            f"{direction}, {_name(worst.asked)}: {percent(worst.overlap)} stay by {lists.against}; "
            f"{_change(worst.before, worst.after)}"
        )


def _of_list(share: float, k: int) -> str:
    """A mean number of neighbours of a list; never 0 or all where it is not."""
    count = f"{share * k:.1f}"
    if 0 < share < 1 and float(count) in {0.0, float(k)}:
        count = "<0.1" if float(count) == 0 else f">{k - 0.1:g}"
    return f"{count.removesuffix('.0')} of {k}"


def _sure(certificates: Mapping[Direction, Certificates]) -> str:
    """What no map of the mildest condition takes out: of the nearest, of all, of whole lists."""
    mildest = f"{next(iter(certificates.values())).conditions[0]:g}" if certificates else ""
    parts = "; ".join(
        f"{percent(result.by_rank[0][0])} of the nearest, "
        f"{percent(result.members_certified[0])} of all {result.k}, "
        f"{percent(result.top_k_certified[0])} of whole lists ({direction})"
        for direction, result in certificates.items()
    )
    return f"Cannot leave at condition {mildest}: {parts}."


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
    if audit.reading.few_queries:
        yield "gauge gap not measured: fewer queries than dimensions, and they are a sample"
        return
    balance = "balanced" if audit.gap.pinned else "not balanced"
    yield (
        f"gauge gap {ratio(audit.gauge_gap)}: {balance} (1 is P'P = c Q'Q, as uniform weight decay "
        "leaves it)"
    )


def _lengths(audit: Audit) -> Iterator[str]:
    for name, side in audit.geometry.sides.items():
        yield f"{name}: {_length(side)}"


def _length(side: SideGeometry) -> str:
    if side.norms.unit:
        return "all 1, to within 0.001"
    spread = f"{side.norms.min:.3g} to {side.norms.max:.3g}, median {side.norms.median:.3g}"
    if side.popularity_spearman is None:
        return spread
    what = {"seen": "use", "popularity": "popularity"}.get(side.popularity or "", "text length")
    return f"{spread}; Spearman with {what} {side.popularity_spearman:+z.2f}"


def _witness(audit: Audit) -> Iterator[str]:
    witness = audit.witness
    if witness is None:
        return
    remaining = round(witness.overlap * len(witness.before))
    yield (
        f"a map of condition {ratio(witness.condition)} leaves {remaining} of the "
        f"{len(witness.before)} neighbours of {_name(witness.item)}: "
        f"{_change(witness.before, witness.after)}"
    )
    yield (
        f"no prediction moves: of {witness.checked:,} none changes by more than "
        f"{at_most(witness.largest_change)} of the largest"
    )
    mildest = CONDITIONS[0]
    sure = [
        row for row, limit in zip(witness.before, witness.limits, strict=True) if limit > mildest
    ]
    examples = f": {', '.join(map(_name, sure[: 2 * EXAMPLES]))}" if sure else ""
    yield (
        f"{len(sure)} of these {len(witness.before)} cannot leave under any map of condition "
        f"{mildest:g}{examples}{', ...' if len(sure) > 2 * EXAMPLES else ''}"
    )


def _run(run: RunReport, dimension: int) -> str:
    items = run.items
    chance = min(dimension / items.shared, 1.0)
    return (
        f"{run.name}: item vectors differ{_shifted(run)} by {_part(items.difference)}: rotation "
        f"takes away {_part(items.rotation)}, another linear map {_part(items.gauge)} (of "
        f"condition {ratio(items.condition)}; of unrelated vectors both would take about "
        f"{percent(chance)}), {_part(items.real)} is left; predictions differ by "
        f"{_part(run.predictions)}; cosine lists share {_part(run.overlap['given'])}, after "
        f"the best map {_part(run.overlap['linear'])}, both balanced "
        f"{_part(run.overlap['balanced'])}; dot lists {_part(run.overlap['dot'])}"
    )


def _shifted(run: RunReport) -> str:
    return ", about their means, as the loss sees no shift of all items," if run.shifted else ""


def _pair(pair: PairReport, audit: Audit) -> str:
    gauges = ", ".join(f"{number(value, 2)} {name}" for name, value in pair.gauges.items())
    ends = ", ".join(
        f"{s:g}: [{number(certified.low, 2)}, {number(certified.high, 2)}]"
        for s, certified in zip(pair.conditions, pair.certified, strict=True)
    )
    above = audit.by_chance(pair)["above_random"]
    parts = [
        f"{_name(pair.one)} and {_name(pair.other)}: cosine {number(pair.cosine, 2)}",
        "" if audit.chance is None or above is None else audit.chance.above(above),
        gauges,
        f"maps of condition {ends}" if ends else "",
    ]
    return "; ".join(part for part in parts if part)


def _hubs(audit: Audit) -> Iterator[str]:
    shares = ", ".join(
        f"{direction} {percent(hubness.anti_hubs)} ({percent(hubness.anti_hubs_by_chance)}; "
        f"{_or_nothing(hubness.skewness, 1)})"
        for direction, hubness in audit.geometry.hubness.items()
    )
    yield f"in no cosine list (by chance; skewness): {shares}"


def _spread(audit: Audit) -> Iterator[str]:
    for name, side in audit.geometry.sides.items():
        isotropy = side.isotropy
        top = NOTHING if isotropy.top_share is None else percent(isotropy.top_share)
        yield (
            f"{name}: mean cosine {_or_nothing(isotropy.mean_cosine)} ("
            f"{_or_nothing(isotropy.permuted_cosine)} permuted), eff. rank "
            f"{_or_nothing(isotropy.effective_rank, 0)}, top direction {top}, "
            f"IsoScore {_or_nothing(isotropy.isoscore)}"
        )


def _copies(audit: Audit) -> Iterator[str]:
    copies = [
        f"{name} that repeat another one: {side.exact_duplicates.surplus:,}"
        for name, side in audit.geometry.sides.items()
        if side.exact_duplicates.surplus
    ]
    copies += [
        f"pairs in lists with one direction up to rounding: {duplicates.pairs:,} ({direction})"
        for direction, duplicates in audit.geometry.near_duplicates.items()
        if duplicates.pairs
    ]
    if copies:
        yield "; ".join(copies)


def _columns(audit: Audit) -> Iterator[str]:
    columns: list[str] = []
    for name, side in audit.geometry.sides.items():
        dimensions = side.dimensions
        dead = len(dimensions.zero) + len(dimensions.faint)
        if dead:
            columns.append(f"{counted(dead, 'column')} of the {name} carry nothing beyond rounding")
        if dimensions.dominating:
            column, share = dimensions.dominating[0]
            columns.append(f"column {column} holds {percent(share)} of the {name}' squared length")
    if columns:
        yield "; ".join(columns)


def _invariant(audit: Audit) -> Iterator[str]:
    """What does not depend on what training left open."""
    directions: dict[tuple[str, ...], list[str]] = {}
    for direction, names in audit.verdict.invariant.items():
        directions.setdefault(names, []).append(direction)
    if directions:
        listed = "; ".join(
            f"{', '.join(group)}: {' or '.join(names)}" for names, group in directions.items()
        )
        gauged = audit.reading.trained_for in {"dot", "unknown"}
        what = "the gauge" if gauged else "what training left open"
        yield f"{listed} (do not depend on {what}; whether they are good: anglewise compare)"


def _name(row: NamedRow) -> str:
    return shortened(str(row), TITLE)


def _part(value: float) -> str:
    """A share without its rounding noise, which is not even the same on every machine."""
    return percent(round(value, 6))


def _change(before: Sequence[NamedRow], after: Sequence[NamedRow]) -> str:
    """Who leaves a list, and who comes into it."""
    gone = [_name(row) for row in before if row not in after]
    new = [_name(row) for row in after if row not in before]
    if not gone or not new:
        return "nobody goes"
    return f"such as {', '.join(gone[:EXAMPLES])} go, {', '.join(new[:EXAMPLES])} come"


def _or_nothing(value: float | None, places: int = 2) -> str:
    return NOTHING if value is None else number(value, places)
