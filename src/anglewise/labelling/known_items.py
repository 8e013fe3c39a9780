"""Make queries of items that are their known answers, by titles, sentences or a model."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from anglewise.data_types.columns import column
from anglewise.data_types.embeddings import Embeddings
from anglewise.encoders.chat_endpoint import ask_chat
from anglewise.encoders.json_requests import Patience, bearer, checked_address
from anglewise.errors import FileError, TooFewError
from anglewise.io.answer_log import append_line, logged_lines
from anglewise.io.files import PathLike
from anglewise.io.judgement_export import write_judged
from anglewise.io.outputs import new_folder, write_text
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.judgements.store_files import STORE_NAME

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


def write_known_items(path: PathLike, generated: KnownItems, *, now: float) -> None:
    """Write a new folder: ``queries.jsonl`` and ``qrels/test.tsv`` of BEIR's format, and a store.

    Every judgement in the store is marked as generated.
    """
    rows = [
        Judged(query, item, 1, judge=generated.judge, source="generated", time=now)
        for query, item in generated.items.items()
    ]
    lines = [
        json.dumps({"_id": name, "text": text}, ensure_ascii=False)
        for name, text in generated.queries.items()
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
            answer = ask_chat(url, model, content, headers, patience)
            answers[digest] = answer.words.strip('"')
            append_line(cache, {"key": digest, "model": model, "answer": answers[digest]})
        return answers[digest]

    return ask


def _read_cache(cache: Path) -> dict[str, str]:
    """The answers of earlier runs by their digest; lines that were cut off are left out.

    Raises ``FileError`` for a file of something else, so that no answer is added to it.
    """
    answers: dict[str, str] = {}
    *lines, last = logged_lines(cache, "answers of a model")
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
    """Whether a line is one that was written here."""
    texts = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    are_texts = all(isinstance(text, str) for text in texts.values())
    is_whole = texts.keys() == {"key", "model", "answer"} and are_texts
    return is_whole and re.fullmatch("[0-9a-f]{32}", texts["key"]) is not None


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
