"""How far judges agree, for a terminal."""

from rich.console import Console
from rich.table import Table

from anglewise.judging.agreement import Agreed, Agreement

SHOWN = 10


def show_agreement(found: Agreement, console: Console) -> None:
    """Coefficients with intervals, judges two by two, and the widest disputes."""
    judges = ", ".join(f"{name} {count:,}" for name, count in found.judges.items())
    console.print(f"{found.pairs:,} pairs ({judges}), {found.shared:,} judged by several")
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("", "on", "agreement", "95% interval"):
        rows.add_column(head, justify="left" if not head else "right")
    shared = f"{found.shared:,} pairs"
    for level, agreed in found.alpha.items():
        rows.add_row(f"Krippendorff's alpha, {level}", shared, *_cells(agreed))
    judges_of = f"{found.fleiss_pairs:,} by {found.fleiss_judges}"
    rows.add_row("Fleiss' kappa", judges_of, *_cells(found.fleiss))
    for two in found.two:
        for kind, agreed in two.kappa.items():
            how = "" if kind == "none" else f", {kind} weights"
            name = f"Cohen's kappa of {two.first} and {two.second}{how}"
            rows.add_row(name, f"{two.pairs:,} pairs", *_cells(agreed))
    console.print(rows)
    open_ = [one for one in found.disputes if one.decided is None]
    console.print(
        f"{len(found.disputes):,} pairs on which judges differ, "
        f"{len(found.disputes) - len(open_):,} of them decided"
    )
    for one in open_[:SHOWN]:
        grades = ", ".join(f"{judge} {grade:g}" for judge, grade in one.grades.items())
        console.print(f"  {one.query_id} {one.item_id}: {grades}", soft_wrap=True)
    if len(open_) > SHOWN:
        console.print(f"  and {len(open_) - SHOWN:,} more", style="dim")


def _cells(agreed: Agreed) -> tuple[str, str]:
    if agreed.value != agreed.value:
        return "-", "all gave one grade"
    return f"{agreed.value:.3f}", f"{agreed.low:.3f} to {agreed.high:.3f}"
