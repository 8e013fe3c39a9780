"""Queries of which the answer is known: from titles, first sentences, or a model that is asked."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from anglewise.core.embeddings import Embeddings
from anglewise.encoders.server import Patience, bearer, checked_address, post_json
from anglewise.errors import EncoderError, FileError, TooFewError
from anglewise.io.files import PathLike
from anglewise.io.judgement_export import write_judged
from anglewise.io.outputs import new_folder, write_text
from anglewise.io.texts import column, columns_of
from anglewise.judgements.connection import STORE_NAME
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore

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
    prompt = files("anglewise.judge").joinpath("prompts/known_item_query.txt").read_text("utf-8")
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
            with cache.open("a", encoding="utf-8") as file:
                line = {"key": name, "model": model, "answer": known[name]}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
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
    return words.strip().strip('"')


def _kept(cache: Path) -> dict[str, str]:
    """The answers of earlier runs; a last line that a kill left unfinished is asked for again."""
    found: dict[str, str] = {}
    for line in cache.read_text("utf-8").splitlines() if cache.exists() else []:
        try:
            one = json.loads(line)
            found[str(one["key"])] = str(one["answer"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


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
