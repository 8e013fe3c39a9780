"""Make judgements without judges: from interactions, classes, or queries with known answers."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings, Space
from anglewise.core.numbers import shown
from anglewise.core.sparse import Interactions
from anglewise.core.typing import Array, Direction, Int64
from anglewise.encoders.endpoint import Patience, bearer, checked_address, post_json
from anglewise.errors import EncoderError, FileError, IdsError, TooFewError, ValuesError
from anglewise.io.files import PathLike, check_holds, opened, reading
from anglewise.io.judgement_export import write_judged
from anglewise.io.outputs import new_folder, write_text, writing
from anglewise.io.texts import column, columns_of
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.constructed import co_consumption
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore

MOST_ROWS = 2_000_000
"""Judgements that are made at most at once."""


@dataclass(frozen=True)
class Made:
    """Judgements that were made, and what was left out of them, in words."""

    judged: tuple[Judged, ...]
    remarks: tuple[str, ...]


def from_interactions(
    space: Space,
    interactions: Interactions,
    *,
    direction: Direction = "queries-items",
    graded: bool = False,
    min_support: int = 5,
    judge: str = "interactions",
    now: float,
) -> Made:
    """Let what users did say what is relevant.

    ``queries-items``: what a user did who is a query of the space is relevant with gain 1, or,
    ``graded``, its weight; what training saw (``space.seen``) is left out, since nobody is shown
    it again. ``items-items``: items used together by at least ``min_support`` users, graded 3 to
    1 as ``co_consumption`` says; the users should be others than those of the training.

    Raises
    ------
    IdsError
        No interaction is of a user and an item of the space.
    TooFewError
        All were seen in training, or no two items are used together.
    ValuesError
        ``graded`` and a weight is not above 0; ``queries-queries``.
    """
    if direction == "queries-queries":
        raise ValuesError("interactions judge queries-items and items-items, not queries-queries")
    if direction == "items-items":
        return _used_together(space, interactions, min_support, judge, now)
    if graded and not (interactions.weights > 0).all():
        raise ValuesError("weights <= 0 cannot be grades: shift them, or leave out --graded")
    users = _rows(interactions.user_ids, space.queries.row_of)[interactions.users]
    items = _rows(interactions.item_ids, space.items.row_of)[interactions.items]
    known = (users >= 0) & (items >= 0)
    if not known.any():
        raise IdsError(
            f"not one of {len(users):,} interactions is of a user and an item of the space, such "
            f"as {shown(interactions.user_ids[0])!r} and {shown(interactions.item_ids[0])!r}: take "
            "its data"
        )
    wide = len(space.items)
    seen = np.array([], dtype=np.int64)
    if space.seen is not None:
        seen = space.seen.rows * wide + space.seen.indices
    fresh = known & ~np.isin(users * wide + items, seen)
    if not fresh.any():
        raise TooFewError(
            "training saw every one of these interactions: bring what users did afterwards, or "
            "hold some out (anglewise fit --holdout)"
        )
    judged = tuple(
        Judged(
            str(space.queries.ids[user]),
            str(space.items.ids[item]),
            float(weight) if graded else 1.0,
            judge=judge,
            source="interaction",
            time=now,
        )
        for user, item, weight in zip(
            users[fresh].tolist(), items[fresh].tolist(), interactions.weights[fresh], strict=True
        )
    )
    left = {
        "are of users or items that the space does not hold": int((~known).sum()),
        "were seen in training": int((known & ~fresh).sum()),
    }
    return Made(judged, tuple(f"{n:,} interactions {why}" for why, n in left.items() if n))


def _used_together(
    space: Space, interactions: Interactions, min_support: int, judge: str, now: float
) -> Made:
    everybody = np.ones(len(interactions.user_ids), dtype=bool)
    table = co_consumption(interactions, everybody, min_support=min_support).gains
    rows = _rows(interactions.item_ids, space.items.row_of)
    first, second = rows[table.rows], rows[table.indices]
    known = (first >= 0) & (second >= 0)
    if not known.any():
        raise IdsError("no two items that were used together are items of the space")
    ids = space.items.ids
    judged = tuple(
        Judged(
            str(ids[a]),
            str(ids[b]),
            gain,
            judge=judge,
            direction="items-items",
            source="interaction",
            time=now,
        )
        for a, b, gain in zip(
            first[known].tolist(), second[known].tolist(), table.values[known].tolist(), strict=True
        )
    )
    missing = int((~known).sum())
    return Made(
        judged, (f"{missing:,} pairs hold items that the space does not",) if missing else ()
    )


def from_classes(
    space: Space,
    classes: Mapping[str, Sequence[str]],
    *,
    queries: int = 200,
    judge: str = "labels",
    seed: int = 0,
    now: float,
) -> Made:
    """Let items of one class be relevant to each other, the more the finer the class they share.

    Each item has a path of classes from the coarsest to the finest; the grade of a pair is how
    many classes from the start of their paths are the same: with (sport, shoes), another shoe has
    grade 2, any other sports article 1. Pairs that share none are not recorded.

    Parameters
    ----------
    classes
        The path of each item, all of one length.
    queries
        So many items ask, drawn by ``seed``.

    Raises
    ------
    IdsError
        No id is an item of the space.
    TooFewError
        No two items share a class.
    ValuesError
        More than 2,000,000 pairs: let fewer ask.
    """
    known = [name for name in space.items.ids.tolist() if name in classes]
    if not known:
        raise IdsError(
            f"none of the {len(classes):,} labelled ids is an item of the space: take the labels "
            "that belong to it"
        )
    members: dict[str, list[str]] = {}
    for name in known:
        members.setdefault(classes[name][0], []).append(name)
    asking = [name for name in known if len(members[classes[name][0]]) > 1]
    if not asking:
        raise TooFewError("no two items share a class: labels that repeat are due")
    drawn = np.random.default_rng(seed).permutation(len(asking))[: max(queries, 1)]
    chosen = [asking[place] for place in np.sort(drawn).tolist()]
    rows = sum(len(members[classes[name][0]]) - 1 for name in chosen)
    if rows > MOST_ROWS:
        fitting = max(1, len(chosen) * MOST_ROWS // rows)
        raise ValuesError(f"{rows:,} pairs share a class: let about {fitting:,} ask (--queries)")
    judged = tuple(
        Judged(
            name,
            other,
            float(_common(classes[name], classes[other])),
            judge=judge,
            direction="items-items",
            source="label",
            time=now,
        )
        for name in chosen
        for other in members[classes[name][0]]
        if other != name
    )
    missing = len(classes) - len(known)
    remarks = [f"{len(chosen):,} of {len(asking):,} items ask (seed {seed})"]
    remarks += [f"{missing:,} labelled ids are not in the space"] if missing else []
    return Made(judged, tuple(remarks))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many classes two paths share from the start."""
    same = [a == b for a, b in zip(one, other, strict=True)]
    return same.index(False) if False in same else len(same)


def _rows(names: Array, row_of: Mapping[str, int]) -> Int64[Array, " names"]:
    return np.array([row_of.get(str(name), -1) for name in names], dtype=np.int64)


By: TypeAlias = Literal["title", "sentence", "model"]
Ask: TypeAlias = Callable[[str], str]

TITLES = ("title", "name", "question")
TEXTS = ("text", "body", "content", "sentence")
FEWEST = 3
"""Words that a query must have."""
SENTENCE = re.compile(r"^.*?[.!?。！？](?=\s|$|[^\x00-\x7f])", re.DOTALL)  # noqa: RUF001 of other scripts
LONGEST = 8_000
"""Letters of a document that a model is shown."""


@dataclass(frozen=True)
class KnownItems:
    """Queries in words, and the one item that each was made from."""

    queries: Mapping[str, str]
    items: Mapping[str, str]
    judge: str
    left_out: int


def known_items(
    items: Embeddings,
    by: By,
    number: int,
    *,
    seed: int = 0,
    ask: Ask | None = None,
    judge: str = "",
) -> KnownItems:
    """Make a query of each of some items, drawn by the seed; that item is its known answer.

    By ``title``: the title asks. By ``sentence``: the first sentence of the text. By ``model``:
    ``ask`` is given title and text, and answers with a question. Queries of fewer than three
    words, and those that two items would ask alike, are left out.

    Raises ``TooFewError`` where no item has the words that are needed.

    >>> about = {"title": ["On the lift of thin wings", "Heat", "Flow past a flat plate"]}
    >>> found = known_items(Embeddings(np.eye(3), ["a", "b", "c"], metadata=about), "title", 9)
    >>> found.queries["known-a"], found.items["known-a"], found.left_out
    ('On the lift of thin wings', 'a', 1)
    """
    titles, texts = _cells(items, TITLES), _cells(items, TEXTS)
    words: list[str] = titles if by == "title" else texts
    if by == "model" and not any(texts):
        words = titles
    having = np.flatnonzero([bool(text) for text in words])
    drawn = np.sort(np.random.default_rng(seed).permutation(having)[:number])
    asked: dict[str, str] = {}
    for row in map(int, drawn):
        whole = ". ".join([text for text in [titles[row], texts[row]] if text])
        found = ask(whole[:LONGEST]) if ask is not None else _first(words[row], by)
        asked[str(items.ids[row])] = " ".join(found.split())
    plain = [query.casefold() for query in asked.values()]
    kept = {
        name: query
        for name, query in asked.items()
        if len(query.split()) >= FEWEST and plain.count(query.casefold()) == 1
    }
    if not kept:
        there = ", ".join(columns_of(items)) or "none"
        raise TooFewError(
            f"no item makes a query by {by}: its columns are {there}; give texts (--item-texts), "
            "or choose another way (--by)"
        )
    return KnownItems(
        {f"known-{name}": query for name, query in kept.items()},
        {f"known-{name}": name for name in kept},
        judge or f"known item by {by}",
        len(asked) - len(kept),
    )


def write_known_items(path: PathLike, found: KnownItems, *, now: float) -> None:
    """Write a new folder: ``queries.jsonl`` and ``qrels/test.tsv`` as BEIR has them, and a store.

    In the store every judgement is marked as generated.
    """
    rows = [
        Judged(query, item, 1, judge=found.judge, source="generated", time=now)
        for query, item in found.items.items()
    ]
    lines = [
        json.dumps({"_id": name, "text": text}, ensure_ascii=False)
        for name, text in found.queries.items()
    ]
    with new_folder(path, may_replace=_never) as folder:
        write_text(folder / "queries.jsonl", "".join(f"{line}\n" for line in lines))
        (folder / "qrels").mkdir()
        write_judged(folder / "qrels" / "test.tsv", rows, "beir")
        with JudgementStore.open(folder / STORE_NAME) as store:
            store.add_many(rows)


def chat_asker(
    url: str,
    model: str,
    *,
    key: str | None,
    cache: Path,
    patience: Patience | None = None,
) -> Ask:
    """Give what asks a chat endpoint for a query, each document once: answers are kept in a file.

    The prompt is the file ``judge/prompts/known_item_query.txt``. A line of the cache is one answer
    under a digest of address, model, prompt and document, so that another prompt asks anew. Raises
    ``EncoderError`` where the endpoint does not answer, or not as the protocol says.
    """
    url = checked_address(url)
    headers = bearer(key)
    prompt = files("anglewise.judging").joinpath("prompts/known_item_query.txt").read_text("utf-8")
    known = _kept(cache)

    def ask(document: str) -> str:
        content = prompt.replace("{document}", document)
        name = hashlib.blake2b(f"{url}\0{model}\0{content}".encode(), digest_size=16).hexdigest()
        if name not in known:
            body = {
                "model": model,
                "messages": [{"role": "user", "content": content}],
                "temperature": 0,
            }
            answer = post_json(f"{url}/chat/completions", body, headers, patience)
            known[name] = _words_in(answer, url)
            _keep(cache, {"key": name, "model": model, "answer": known[name]})
        return known[name]

    return ask


def _words_in(answer: Any, url: str) -> str:
    try:
        words = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        words = None
    if not isinstance(words, str) or not words.strip():
        raise EncoderError(
            f"{url} answered without words: choices[0].message.content is due, as the protocol of "
            "OpenAI's /chat/completions has it"
        )
    # half a character, which JSON can spell and no file can hold, becomes a question mark
    return words.encode("utf-8", "replace").decode().strip().strip('"')


def _kept(cache: Path) -> dict[str, str]:
    """The answers of earlier runs; a line that a kill left unfinished is asked for again.

    Raises ``FileError`` for a file of something else, lest answers be added to it.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(cache), start=1):
        if not line or (line.startswith(BEGIN) and not line.endswith(b"}")):  # cut off
            continue
        try:
            one = json.loads(line)
            found[one["key"]] = str(one["answer"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FileError(
                f"{cache}, line {number}, is no answer of a model: this file is another's, and "
                "answers would be added to it; name another (--cache), or take it away"
            ) from None
    return found


BEGIN = b'{"key": "'
"""How every line of answers begins."""


def _lines(cache: Path) -> list[bytes]:
    if not cache.exists():
        return []
    with reading(cache, "answers of a model"), opened(cache) as file:
        check_holds(cache, os.fstat(file.fileno()).st_size)
        return file.read().split(b"\n")


def _keep(cache: Path, answer: Mapping[str, str]) -> None:
    """Add an answer, which was paid for, and see it to the disk.

    It begins on a line of its own where a kill, or a full disk, cut off the line before.
    """
    with writing(cache), cache.open("a+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        whole = file.read(1) in {b"", b"\n"}
        file.write((b"" if whole else b"\n") + json.dumps(answer).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cells(items: Embeddings, names: Sequence[str]) -> list[str]:
    known = {name.lower(): name for name in columns_of(items)}
    for name in names:
        if name in known:
            return [" ".join(str(cell or "").split()) for cell in column(items, known[name])]
    return [""] * len(items)


def _first(text: str, by: By) -> str:
    found = SENTENCE.match(text) if by == "sentence" else None
    return found[0] if found else text


def _never(folder: Path) -> None:
    raise FileError(f"{folder} is not empty: choose another name, so that nothing is lost")
