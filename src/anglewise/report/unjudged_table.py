"""What nobody judged: how far it could move a lead, and which pairs to judge next."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from anglewise.comparison.unjudged import Unjudged

WIDTH = 48
NO_WORDS: Mapping[str, str] = {}


def show_unjudged(
    rest: Unjudged,
    console: Console,
    queries: Mapping[str, str] = NO_WORDS,
    items: Mapping[str, str] = NO_WORDS,
) -> None:
    """Print the sentence, the bounds of each lead and the pairs, with their words where known."""
    console.print(f"{rest}\n", soft_wrap=True)
    for one in rest.bounds:
        console.print(
            f"lead over {one.measure}: {one.lead:+.3f}, between {one.low:+.3f} and {one.high:+.3f} "
            "whatever the rest says"
        )
    if not rest.to_judge:
        return
    table = Table(box=None, pad_edge=False, header_style="", title_justify="left")
    for head in ("worth", "query", "item", "ranks"):
        table.add_column(head, justify="right" if head == "worth" else "left")
    for pair in rest.to_judge:
        ranks = ", ".join(f"{name} {rank}" for name, rank in pair.ranks.items())
        query = _short(queries.get(pair.query_id, ""), pair.query_id)
        item = _short(items.get(pair.item_id, ""), pair.item_id)
        table.add_row(f"{pair.worth:.1%}", query, item, ranks)
    console.print("\nto judge next:")
    console.print(table)


def _short(text: str, name: str) -> str:
    said = " ".join(text.split())
    if not said:
        return name
    return f"{name}: {said if len(said) <= WIDTH else said[: WIDTH - 1] + '…'}"
