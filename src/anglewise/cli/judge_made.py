"""What the commands that make judgements share: recording them, and saying what was left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anglewise.cli.talk import Talk
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.judging.judged_set import record, store_of


def keep(
    command: str, space: Path, judged: Sequence[Judged], remarks: Sequence[str], talk: Talk
) -> None:
    """Record judgements in the store of a space and tell how many."""
    path = store_of(space)
    with JudgementStore.open(path) as store:
        recorded = record(store, judged)
        standing = store.counts().standing
    content: dict[str, Any] = {
        "command": f"judge {command}",
        "store": str(path),
        "direction": judged[0].direction,
        "source": judged[0].source,
        "queries": len({one.query_id for one in judged}),
        "recorded": recorded.added,
        "there_already": recorded.there,
        "remarks": list(remarks),
        "standing": standing,
    }
    for remark in remarks:
        talk.say(remark)
    there = f", {recorded.there:,} there already" if recorded.there else ""
    sentence = (
        f"{content['direction']}: {recorded.added:,} judgements of {content['queries']:,} queries "
        f"recorded{there}; {standing:,} stand in {path}"
    )
    talk.give(content, lambda console: console.print(sentence, soft_wrap=True))
