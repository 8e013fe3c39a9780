"""What the page of an audit shows beside its sentences: figures, overlaps, lists, pairs, runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.certified import Certificates
from anglewise.auditing.gauge_overlap import (
    DRAWS,
    GaugeAgreement,
    GaugePath,
    Interval,
    PairReport,
    RunReport,
)
from anglewise.auditing.geometry import Panel
from anglewise.auditing.subject import NamedRow
from anglewise.data_types.text import counted, percent, shortened
from anglewise.data_types.typing import Direction
from anglewise.report.document import (
    Bars,
    Block,
    Cell,
    DrawnPicture,
    Entry,
    Findings,
    Folded,
    Line,
    Listing,
    Pictures,
    RankedList,
    RankedLists,
    Table,
)
from anglewise.report.pictures import (
    draw_certificates,
    draw_lengths,
    draw_panel,
    draw_path_overlap,
    draw_path_score,
)
from anglewise.report.words import NOTHING, number, ratio

USE = {"seen": "interactions in training", "popularity": "popularity"}
CHOSEN = {"longest": "longest vectors"}
LISTED, ITEM, ASKED = 60, 70, 160
ELSEWHERE = {"witness", "pairs", "runs"}
"""Sections that have a chapter of their own in the page."""


def chapters(
    audit: Audit,
    sections: Mapping[str, Sequence[str]],
    choice: Table,
    certificates: Table,
    sure: str,
    *,
    lights: Mapping[str, Sequence[str]],
) -> Iterator[Block]:
    """A picture, the lights, the other figures with their numbers, the sentences, lists and pairs.

    ``sure`` says how many neighbours no map takes out.
    """
    yield from _panels(audit)
    yield Line("What to do", "heading")
    yield Findings(lights)
    if audit.path:
        yield from _path(audit.path)
    if audit.certificates:
        yield Line("What no map can change, and what random ones do", "heading")
        yield Line(
            "A certificate is about the worst map of a condition, and is loose in many "
            f"dimensions: it is not what typically happens. {sure}"
        )
        directions = enumerate(audit.certificates.values())
        yield Pictures([_certified(result, position) for position, result in directions])
        yield certificates
    yield from _lengths(audit)
    yield Line("What was found", "heading")
    remaining = {title: lines for title, lines in sections.items() if title not in ELSEWHERE}
    yield Findings(remaining)
    yield Line("How much the choice matters", "heading")
    yield choice
    yield from _between_measures(audit)
    yield from _moved_lists(audit)
    yield from _witness(audit, sections)
    yield from _pairs(audit)
    yield from _runs(audit.runs)


def _panels(audit: Audit) -> Iterator[Block]:
    shown = audit.panels
    last = shown.panels[-1].name
    text = (
        f"{len(shown.items)} items, the {CHOSEN.get(shown.chosen, shown.chosen)}, each with each, "
        "in the same order in every panel: the order that puts side by side what is alike under "
        f"{last}."
    )
    if audit.certificates:
        text += (
            " The predictions behind all panels are the same, so they do not say which is right."
        )
    rows = [
        [
            panel.name,
            number(panel.mean, 2),
            f"{number(panel.low, 2)} to {number(panel.high, 2)}",
            NOTHING if panel.spearman is None else number(panel.spearman, 2),
        ]
        for panel in shown.panels
    ]
    heads = ["panel", "mean cosine", "middle 90%", f"Spearman with {last}"]
    yield Line("One model, several cosines", "heading")
    yield Line(text)
    yield Pictures(
        [_panel(panel, position) for position, panel in enumerate(shown.panels)], "panels"
    )
    yield Table.of(heads, rows, "The cosines of two different items, in each panel")
    items = [shortened(str(item), LISTED) for item in shown.items]
    yield Folded("The items, in the order of the panels", [Listing(items)])


def _panel(panel: Panel, position: int) -> DrawnPicture:
    title = "as given" if panel.name == "cosine" else panel.name.removeprefix("cosine@")
    text = (
        f"Matrix of cosines, {title}: mean {number(panel.mean, 2)}, the middle 90% from "
        f"{number(panel.low, 2)} to {number(panel.high, 2)}"
    )
    return DrawnPicture(f"panel{position}", lambda _: draw_panel(panel), text, title)


BY_USE = (
    " Similar items are judged over all of them by what users used together: how much items are "
    "used decides much of such figures (compare takes strata of similar use)."
)


def _path(paths: Mapping[Direction, GaugePath]) -> Iterator[Block]:
    judged: dict[Direction, GaugePath] = {
        direction: path for direction, path in paths.items() if path.score is not None
    }
    overlaps = "; ".join(
        f"{direction}: {', '.join(map(percent, path.overlap))}" for direction, path in paths.items()
    )
    pictures = [
        DrawnPicture(
            "path",
            lambda palette: draw_path_overlap(paths, palette),
            f"What is kept of the given lists from t = 0 to 1. {overlaps}",
            "Every t predicts the same. How much of the lists of the given vectors is left at "
            "each.",
        )
    ]
    if judged:
        metric = next(iter(paths.values())).metric
        scores = "; ".join(
            f"{direction}: {', '.join(map(number, path.score or ()))}"
            for direction, path in judged.items()
        )
        pictures.append(
            DrawnPicture(
                "score",
                lambda palette: draw_path_score(judged, palette),
                f"{metric} from t = 0 to 1. {scores}",
                f"{metric} of cosine on the judgements of the space; no difference is tested here."
                f"{BY_USE if any(path.by_use for path in judged.values()) else ''}",
            )
        )
    queries = ", ".join(f"{path.queries:,} asked in {name}" for name, path in paths.items())
    yield Line("The path of gauges", "heading")
    yield Line(
        "Between item-orthonormal (t = 0) and user-orthonormal (t = 1) the spectrum of the "
        "predictions moves from the users to the items, and no prediction changes."
    )
    yield Pictures(pictures)
    table = Table.of(*_path_table(paths), f"Cosine lists along it; {queries}")
    yield Folded("The numbers of the path", [table])


def _path_table(paths: Mapping[Direction, GaugePath]) -> tuple[list[str], list[list[str]]]:
    powers = sorted({t for path in paths.values() for t in path.powers})
    heads, columns = ["t"], [[f"{t:g}" for t in powers] + ["as given"]]

    def column(path: GaugePath, cells: list[str]) -> list[str]:
        cell_of = dict(zip(path.powers, cells, strict=True))
        return [cell_of.get(t, NOTHING) for t in powers]

    for direction, path in paths.items():
        heads.append(f"kept ({direction})")
        columns.append([*column(path, [percent(share) for share in path.overlap]), "100%"])
        if path.score is not None and path.given_score is not None:
            heads.append(f"{path.metric} ({direction})")
            cells = column(path, [number(score) for score in path.score])
            columns.append([*cells, number(path.given_score)])
    return heads, [list(row) for row in zip(*columns, strict=True)]


def _certified(certificates: Certificates, position: int) -> DrawnPicture:
    shares = "; ".join(
        f"s = {s:g}: {percent(certified)} cannot leave, random maps keep {percent(mean)}"
        for s, certified, mean in zip(
            certificates.conditions,
            certificates.members_certified,
            certificates.monte_carlo_overlap,
            strict=True,
        )
    )
    return DrawnPicture(
        f"certified{position}",
        lambda palette: draw_certificates(certificates, palette),
        f"{certificates.direction}, by condition of the map. {shares}",
        f"{certificates.direction}: neighbours that no map of condition s takes out of a list "
        "(solid), and what random maps keep of the lists (dashed, with the least and the most of "
        "a single map).",
    )


def _lengths(audit: Audit) -> Iterator[Block]:
    sides, points = audit.geometry.sides, audit.geometry.points
    heads = ["lengths", "least", "median", "greatest", "zero", "95th over 5th", "Spearman"]
    rows = [
        [
            name,
            *(f"{value:.3g}" for value in (side.norms.min, side.norms.median, side.norms.max)),
            f"{side.norms.zero_rows:,}",
            ratio(side.norms.spread),
            NOTHING if side.popularity_spearman is None else f"{side.popularity_spearman:+z.2f}",
        ]
        for name, side in sides.items()
    ]
    yield Line("Lengths", "heading")
    if points is not None and len(points[0]):
        what = USE.get(sides["items"].popularity or "", "length of the text")
        correlation = sides["items"].popularity_spearman
        rank = "" if correlation is None else f", Spearman {correlation:+z.2f}"
        picture = DrawnPicture(
            "lengths",
            lambda palette: draw_lengths(*points, what, palette),
            f"Scatter of the length of items against {what}{rank}",
            f"Items: length against {what}{rank}. Dot follows the length, cosine drops it.",
        )
        yield Pictures([picture])
    yield Table.of(heads, rows, "Lengths of the vectors, and how they go with use")


def _between_measures(audit: Audit) -> Iterator[Block]:
    """Overlap of the lists of all measures, two by two, in each direction."""
    yield Line("All measures among each other", "heading")
    yield Line(
        "The share of the nearest that two measures have in common, on average over those who "
        "asked; the darker the more. In each direction every measure stands against every other."
    )
    for position, (direction, lists) in enumerate(audit.agreement.items()):
        names = list(lists.overlap)
        rows = [
            [name, *(_share(lists.overlap[name].get(other)) for other in names)] for name in names
        ]
        caption = f"{direction}: kept of the nearest {lists.k}, in per cent"
        table = Table.of(["", *names], rows, caption, kind="heat")
        summary = f"{direction}: {counted(lists.queries, 'list')} of {lists.k}"
        yield Folded(summary, [table], unfolded=position == 0)


def _share(share: float | None) -> Cell:
    """Per cent, on a ground as dark as they are many; a dot where a measure meets itself."""
    return Cell("·", share=0.0) if share is None else Cell(percent(share).rstrip("%"), share=share)


def _moved_lists(audit: Audit) -> Iterator[Block]:
    """In each direction those whose lists move most between two equally good cosines."""
    yield Line("The lists that move most", "heading")
    for position, (direction, lists) in enumerate(audit.agreement.items()):
        examples = _examples(lists)
        summary = f"{direction}: from cosine to {lists.against}"
        yield Folded(summary, examples, unfolded=position == 0, grid=True)


def _examples(lists: GaugeAgreement) -> list[RankedLists]:
    kind = "item" if lists.direction == "items-items" else "query"
    return [
        _before_and_after(
            kind, moved.asked, moved.overlap, (moved.before, moved.after), lists.against
        )
        for moved in lists.moved
    ]


def _witness(audit: Audit, sections: Mapping[str, Sequence[str]]) -> Iterator[Block]:
    """The item whose neighbours a map changed, with the proof that predictions stayed."""
    witness = audit.witness
    if witness is None:
        return
    yield Line("The witness: same predictions, other neighbours", "heading")
    yield from (Line(f"{text[:1].upper()}{text[1:]}.") for text in sections["witness"])
    yield _before_and_after(
        "item",
        witness.item,
        witness.overlap,
        (witness.before, witness.after),
        f"cosine after a map of condition {ratio(witness.condition)}",
    )


def _before_and_after(
    kind: str,
    query: NamedRow,
    overlap: float,
    lists: tuple[Sequence[NamedRow], Sequence[NamedRow]],
    name: str,
) -> RankedLists:
    before, after = lists
    titled = query.title is not None
    depth = max(len(before), len(after))
    return RankedLists(
        [
            RankedList("cosine as given", _entries(before, after, "- gone")),
            RankedList(name, _entries(after, before, "+ new", good=True)),
        ],
        shortened(str(query), ASKED) if titled else f"{kind} {query.id}",
        [f"{percent(overlap)} stay" + (f" · id {query.id}" if titled else "")],
        f"Nearest {depth}, before and after; grey: in both",
    )


def _entries(
    rows: Sequence[NamedRow], other_rows: Sequence[NamedRow], mark: str, *, good: bool = False
) -> list[Entry]:
    ids = {row.id for row in other_rows}
    texts = [shortened(str(row), ITEM) for row in rows]
    return [
        Entry(text, kind="shared") if row.id in ids else Entry(text, mark=mark, good=good)
        for row, text in zip(rows, texts, strict=True)
    ]


def _pairs(audit: Audit) -> Iterator[Block]:
    """What gauges and maps can make of the cosine of two items."""
    if not audit.pairs and not audit.beside_witness:
        return
    yield Line("Pairs", "heading")
    yield Line(
        "The cosine of two items as given, in each equally good geometry, and "
        "under all maps of condition s: between the ends that no map passes and some map reaches "
        f"(thin), and where the middle 90% of {DRAWS} random maps leave it (thick); the stroke is "
        "the given cosine."
    )
    yield from map(_pair, audit.pairs)
    if audit.beside_witness:
        summary = "The item of the witness and neighbours that it lost or won"
        yield Folded(summary, [*map(_pair, audit.beside_witness)], unfolded=not audit.pairs)


def _pair(pair: PairReport) -> Table:
    def bars(wide: tuple[float, float], narrow: tuple[float, float]) -> Bars:
        return Bars(pair.cosine, wide, narrow)

    values = {"cosine": pair.cosine, **pair.gauges}.items()
    rows = [
        [name, number(value, 2), "", bars((value, value), (value, value))] for name, value in values
    ]
    rows += [
        [
            f"maps of condition {s:g}",
            _ends(certified),
            _ends(random),
            bars((certified.low, certified.high), (random.low, random.high)),
        ]
        for s, certified, random in zip(pair.conditions, pair.certified, pair.random, strict=True)
    ]
    heads = ["cosine, or its certified ends", "middle 90% at random", "from -1 to 1"]
    caption = f"{shortened(str(pair.one), ITEM)} and {shortened(str(pair.other), ITEM)}"
    return Table.of(["", *heads], rows, caption, kind="pair")


def _ends(interval: Interval) -> str:
    return f"[{number(interval.low, 2)}, {number(interval.high, 2)}]"


RUN: dict[str, Callable[[RunReport], str]] = {
    "vectors differ by": lambda run: percent(run.items.difference),
    "of it rotation": lambda run: percent(run.items.rotation),
    "another map": lambda run: percent(run.items.gauge),
    "left": lambda run: percent(run.items.real),
    "condition of the map": lambda run: ratio(run.items.condition),
    "predictions differ by": lambda run: percent(run.predictions),
    "lists shared": lambda run: percent(run.overlap["given"]),
    "after the best map": lambda run: percent(run.overlap["linear"]),
    "both balanced": lambda run: percent(run.overlap["balanced"]),
    "dot lists": lambda run: percent(run.overlap["dot"]),
}


def _runs(runs: Sequence[RunReport]) -> Iterator[Block]:
    """How much of the disagreement of runs is rotation, gauge, or real."""
    if not runs:
        return
    yield Line("Other runs", "heading")
    yield Line(
        "Rotations change no cosine. What the best linear map takes away beyond them can be gauge, "
        "or chance: of unrelated vectors the two take away about one part in as many as there are "
        "shared items to a column. What is left no gauge explains."
    )
    rows = [[run.name, *(figure(run) for figure in RUN.values())] for run in runs]
    yield Table.of(["run", *RUN], rows, "The items of each run beside those audited")
