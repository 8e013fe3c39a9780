"""Generate judgements from interactions, classes, or queries with known answers."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.numbers import shown
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.encoders.endpoint import Patience, bearer, checked_address, post_json
from anglewise.errors import EncoderError, FileError, IdsError, TooFewError, ValuesError
from anglewise.io.files import PathLike, opened, reading
from anglewise.io.judgement_export import write_judged
from anglewise.io.outputs import new_folder, write_text, writing
from anglewise.io.sizes import check_holds
from anglewise.judgements.constructed import co_consumption
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.judgements.store_files import STORE_NAME

MOST_ROWS = 2_000_000
"""Judgements that one call makes at most."""


@dataclass(frozen=True)
class Generated:
    """Judgements that were made, and remarks such as what was left out."""

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
) -> Generated:
    """Make judgements of what users did.

    ``queries-items``: the items of a user, who is a query of the space, are relevant with gain 1,
    or, ``graded``, with the weight of the interaction; those used in training (``space.seen``) are
    left out, as they are out of the ranking. ``items-items``: items used together by at least
    ``min_support`` users, graded 3 to 1 by ``co_consumption``; take users who were not trained on.

    Raises
    ------
    IdsError
        No interaction is of a user and an item of the space.
    TooFewError
        All were used in training, or no two items were used together.
    ValuesError
        ``graded`` with a weight that is not above 0; ``queries-queries``.
    """
    if direction == "queries-queries":
        raise ValuesError("interactions judge queries-items and items-items, not queries-queries")
    if direction == "items-items":
        return _used_together(space, interactions, min_support, judge, now)
    if graded and not (interactions.weights > 0).all():
        raise ValuesError("weights <= 0 cannot be grades: shift them, or leave out --graded")
    users, items = interactions.rows_in(space.queries.row_of, space.items.row_of)
    in_space = (users >= 0) & (items >= 0)
    if not in_space.any():
        raise IdsError(
            f"not one of {len(users):,} interactions is of a user and an item of the space, such "
            f"as {shown(interactions.user_ids[0])!r} and {shown(interactions.item_ids[0])!r}: take "
            "its data"
        )
    width = len(space.items)
    seen_keys = np.array([], dtype=np.int64)
    if space.seen is not None:
        seen_keys = space.seen.rows * width + space.seen.indices
    unseen = in_space & ~np.isin(users * width + items, seen_keys)
    if not unseen.any():
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
            users[unseen].tolist(),
            items[unseen].tolist(),
            interactions.weights[unseen],
            strict=True,
        )
    )
    left_out = {
        "are of users or items that the space does not hold": int((~in_space).sum()),
        "were seen in training": int((in_space & ~unseen).sum()),
    }
    return Generated(
        judged,
        tuple(f"{count:,} interactions {reason}" for reason, count in left_out.items() if count),
    )


def _used_together(
    space: Space, interactions: Interactions, min_support: int, judge: str, now: float
) -> Generated:
    everybody = np.ones(len(interactions.user_ids), dtype=bool)
    table = co_consumption(interactions, everybody, min_support=min_support).gains
    rows = _rows(interactions.item_ids, space.items.row_of)
    first, second = rows[table.rows], rows[table.indices]
    in_space = (first >= 0) & (second >= 0)
    if not in_space.any():
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
            first[in_space].tolist(),
            second[in_space].tolist(),
            table.values[in_space].tolist(),
            strict=True,
        )
    )
    dropped = int((~in_space).sum())
    return Generated(
        judged, (f"{dropped:,} pairs hold items that the space does not",) if dropped else ()
    )


def from_classes(
    space: Space,
    classes: Mapping[str, Sequence[str]],
    *,
    queries: int = 200,
    judge: str = "labels",
    seed: int = 0,
    now: float,
) -> Generated:
    """Grade pairs of items by the classes they share.

    Each item has a path of classes from the coarsest to the finest; the grade of a pair is how
    many classes from the start of their paths are the same: with (sport, shoes), another shoe has
    grade 2, any other sports article 1. Pairs that share none are not recorded.

    Parameters
    ----------
    classes
        The path of each item, all of one length.
    queries
        How many items are queries at most, drawn by ``seed``.

    Raises
    ------
    IdsError
        No labelled id is an item of the space.
    TooFewError
        No two items share a class.
    ValuesError
        More than 2,000,000 pairs: draw fewer queries.
    """
    labelled = [name for name in space.items.ids.tolist() if name in classes]
    if not labelled:
        raise IdsError(
            f"none of the {len(classes):,} labelled ids is an item of the space: take the labels "
            "that belong to it"
        )
    members: dict[str, list[str]] = {}
    for name in labelled:
        members.setdefault(classes[name][0], []).append(name)
    asking = [name for name in labelled if len(members[classes[name][0]]) > 1]
    if not asking:
        raise TooFewError("no two items share a class: labels that repeat are due")
    drawn = np.random.default_rng(seed).permutation(len(asking))[: max(queries, 1)]
    chosen = [asking[index] for index in np.sort(drawn).tolist()]
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
    unknown = len(classes) - len(labelled)
    remarks = [f"{len(chosen):,} of {len(asking):,} items ask (seed {seed})"]
    remarks += [f"{unknown:,} labelled ids are not in the space"] if unknown else []
    return Generated(judged, tuple(remarks))


def _common(path: Sequence[str], other_path: Sequence[str]) -> int:
    """How many classes from the start two paths share."""
    same = [a == b for a, b in zip(path, other_path, strict=True)]
    return same.index(False) if False in same else len(same)


def _rows(names: Array, row_of: Mapping[str, int]) -> Int64[Array, " names"]:
    return np.array([row_of.get(str(name), -1) for name in names], dtype=np.int64)


By: TypeAlias = Literal["title", "sentence", "model"]
Ask: TypeAlias = Callable[[str], str]

TITLES = ("title", "name", "question")
TEXTS = ("text", "body", "content", "sentence")
FEWEST = 3
"""How many words a query has at least."""
SENTENCE = re.compile(r"^.*?[.!?。！？](?=\s|$|[^\x00-\x7f])", re.DOTALL)  # noqa: RUF001 of other scripts
LONGEST = 8_000
"""Characters of a document that a model is given."""


@dataclass(frozen=True)
class KnownItems:
    """Texts of queries, and the one item that each was made from, by the ids of the queries."""

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
    """Make queries of items that the seed draws; the item is the known answer of its query.

    By ``title`` the query is the item's title, by ``sentence`` the first sentence of its text, by
    ``model`` what ``ask`` answers to its title and text. Queries of fewer than three words, and
    those that two items have in common, are left out.

    Raises ``TooFewError`` where no item yields a query.

    >>> about = {"title": ["On the lift of thin wings", "Heat", "Flow past a flat plate"]}
    >>> known = known_items(Embeddings(np.eye(3), ["a", "b", "c"], metadata=about), "title", 9)
    >>> known.queries["known-a"], known.items["known-a"], known.left_out
    ('On the lift of thin wings', 'a', 1)
    """
    titles, texts = _cells(items, TITLES), _cells(items, TEXTS)
    no_text = by == "model" and not any(texts)
    words = titles if by == "title" or no_text else texts
    candidates = np.flatnonzero([bool(text) for text in words])
    rows = np.sort(np.random.default_rng(seed).permutation(candidates)[:number])
    queries: dict[str, str] = {}
    for row in map(int, rows):
        document = ". ".join([text for text in [titles[row], texts[row]] if text])
        question = ask(document[:LONGEST]) if ask is not None else _first(words[row], by)
        queries[str(items.ids[row])] = " ".join(question.split())
    lower_case = [query.casefold() for query in queries.values()]
    usable = {
        name: query
        for name, query in queries.items()
        if len(query.split()) >= FEWEST and lower_case.count(query.casefold()) == 1
    }
    if not usable:
        columns = ", ".join(items.metadata_columns) or "none"
        raise TooFewError(
            f"no item makes a query by {by}: its columns are {columns}; give texts (--item-texts), "
            "or choose another way (--by)"
        )
    return KnownItems(
        {f"known-{name}": query for name, query in usable.items()},
        {f"known-{name}": name for name in usable},
        judge or f"known item by {by}",
        len(queries) - len(usable),
    )


def write_known_items(path: PathLike, known: KnownItems, *, now: float) -> None:
    """Write a new folder: ``queries.jsonl`` and ``qrels/test.tsv`` of BEIR's format, and a store.

    Every judgement in the store is marked as generated.
    """
    rows = [
        Judged(query, item, 1, judge=known.judge, source="generated", time=now)
        for query, item in known.items.items()
    ]
    lines = [
        json.dumps({"_id": name, "text": text}, ensure_ascii=False)
        for name, text in known.queries.items()
    ]
    with new_folder(path, may_replace=_refuse_to_replace) as folder:
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
    """A function that asks a chat endpoint for a query about a document, and caches the answers.

    The prompt is the file ``labelling/prompts/known_item_query.txt``. A line of the cache is one
    answer under a digest of address, model, prompt and document. The function raises
    ``EncoderError`` where the endpoint does not answer, or not as the protocol says.
    """
    url = checked_address(url)
    headers = bearer(key)
    name = "prompts/known_item_query.txt"
    prompt = files("anglewise.labelling").joinpath(name).read_text("utf-8")
    answers = _read_cache(cache)

    def ask(document: str) -> str:
        content = prompt.replace("{document}", document)
        digest = hashlib.blake2b(f"{url}\0{model}\0{content}".encode(), digest_size=16).hexdigest()
        if digest not in answers:
            body = {
                "model": model,
                "messages": [{"role": "user", "content": content}],
                "temperature": 0,
            }
            answer = post_json(f"{url}/chat/completions", body, headers, patience)
            answers[digest] = _words_in(answer, url)
            _append(cache, {"key": digest, "model": model, "answer": answers[digest]})
        return answers[digest]

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
    # a lone surrogate, which JSON can hold and no file of UTF-8 can, becomes a question mark
    return words.encode("utf-8", "replace").decode().strip().strip('"')


def _read_cache(cache: Path) -> dict[str, str]:
    """The answers of earlier runs by their digest; lines that were cut off are left out.

    Raises ``FileError`` for a file of something else, so that no answer is added to it.
    """
    answers: dict[str, str] = {}
    *lines, last = _lines(cache)
    for number, line in enumerate([*lines, *filter(None, [last])], start=1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            is_ours = CUT_OFF.fullmatch(line + FRAME[len(line) :]) and line
        else:
            if is_ours := _is_answer(entry):
                answers[entry["key"]] = entry["answer"]
        if not is_ours:
            raise FileError(
                f"{cache}, line {number}, is no answer of a model: this file is another's, and "
                "answers would be added to it; name another (--cache), or take it away"
            )
    return answers


FRAME = b'{"key": "' + b"0" * 32 + b'", "model": "'
"""How each line of the cache begins, but for the digits of the key."""
CUT_OFF = re.compile(rb'\{"key": "[0-9a-f]{32}", "model": "[ -~]*')
"""A line that a kill or a full disk cut off, once the rest of the frame is added to it."""


def _is_answer(entry: Any) -> bool:
    """Whether a line is one that ``_append`` wrote."""
    texts = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    are_texts = all(isinstance(text, str) for text in texts.values())
    is_whole = texts.keys() == {"key", "model", "answer"} and are_texts
    return is_whole and re.fullmatch("[0-9a-f]{32}", texts["key"]) is not None


def _lines(cache: Path) -> list[bytes]:
    if not cache.exists():
        return [b""]
    with reading(cache, "answers of a model"), opened(cache) as file:
        check_holds(cache, os.fstat(file.fileno()).st_size)
        return file.read().split(b"\n")


def _append(cache: Path, answer: Mapping[str, str]) -> None:
    """Append an answer to the cache, and flush it to the disk, since answers cost money.

    It begins on a new line where the line before was cut off by a kill or a full disk.
    """
    with writing(cache), cache.open("a+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        complete = file.read(1) in {b"", b"\n"}
        file.write((b"" if complete else b"\n") + json.dumps(answer).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cells(items: Embeddings, names: Sequence[str]) -> list[str]:
    column_of = {name.lower(): name for name in items.metadata_columns}
    for name in names:
        if name in column_of:
            return [" ".join(str(cell or "").split()) for cell in column(items, column_of[name])]
    return [""] * len(items)


def _first(text: str, by: By) -> str:
    sentence = SENTENCE.match(text) if by == "sentence" else None
    return sentence[0] if sentence else text


def _refuse_to_replace(folder: Path) -> None:
    raise FileError(f"{folder} is not empty: choose another name, so that nothing is lost")
