"""Ask a retriever every query, and make a run of its answers."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite, nan
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeAlias, cast

import numpy as np

from anglewise.data_types.columns import has_texts
from anglewise.data_types.conversion import is_kind
from anglewise.data_types.embeddings import Space
from anglewise.data_types.numbers import COUNT, POSITIVE, check_kind, described, shown
from anglewise.data_types.row_ids import as_ids
from anglewise.data_types.run import Run, check_run_name
from anglewise.data_types.text import as_path, first_repeated
from anglewise.errors import (
    AnglewiseError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
    reason,
)
from anglewise.io.answer_log import append_line, logged_answers
from anglewise.io.files import PathLike
from anglewise.io.texts import texts_of

Places: TypeAlias = list[tuple[str, float]]
"""A list as it was answered: ids with scores, in the order of the answer."""
MOST_AT_ONCE = 64
IDS = str | int | np.integer
NO_SCORES = bool | np.bool_ | str | bytes
"""What Python would take for numbers."""


def ask_retriever(
    retriever: Any,
    queries: Mapping[Any, str] | Space,
    name: str,
    *,
    k: int = 100,
    item_of: Callable[[Any], Any] | None = None,
    concurrency: int = 4,
    patience: float = 60.0,
    cache: PathLike | None = None,
) -> Run:
    """Ask a retriever every query, and give its lists as a run.

    Parameters
    ----------
    retriever
        A function of a text, or what has ``invoke`` (LangChain), ``retrieve`` (LlamaIndex) or
        ``run(query=…)`` (Haystack). It answers with a list, best first, of ids, of ``(id, score)``,
        or of passages; or with ``{id: score}``. Where some place has no score, the order counts.
    queries
        ``{id: text}``, or a space whose queries have texts.
    name
        What the run is called.
    k
        How many places are kept of each list; a retriever that finds fewer gives fewer.
    item_of
        Gives the id of a passage; by default its ``id`` or ``node_id``, else ``id`` in its
        metadata.
    concurrency
        How many queries are asked at once; 1 asks one after the other.
    patience
        Seconds without any answer after which it gives up.
    cache
        A file to which each answer is added, and from which it is taken when asked again: so that
        what was answered before a failure is not asked anew. After a failure, what is asked already
        is waited for, ``patience`` seconds at most; at Ctrl-C it is not. Answers are kept by name,
        ``k``, id and text, so name a retriever anew when it changes.

    Raises
    ------
    ValuesError
        An answer that is no list, or whose scores are no numbers or rise along it.
    SpellingError
        A passage without an id.
    FileError
        A cache that holds something else, or cannot be written.
    TooFewError
        No query, or nothing found for any.
    AnglewiseError
        The retriever failed, or did not answer; what was answered before is in the cache.

    Examples
    --------
    >>> run = ask_retriever(lambda text: ["b", "a"], {"q1": "Who pays?"}, "shop")
    >>> run["q1"]
    [('b', -1.0), ('a', -2.0)]
    """
    check_run_name(name)
    COUNT.check("k", k)
    COUNT.check("concurrency", concurrency)
    POSITIVE.check("patience", patience)
    texts = _texts(queries)
    if concurrency > MOST_AT_ONCE:
        raise SpellingError(
            f"concurrency is {concurrency}: at most {MOST_AT_ONCE} are asked at once"
        )
    log = None if cache is None else as_path(cache)
    answers = {} if log is None else _answered(log, name, k, texts)
    ask = _asker(retriever)
    left = {query: text for query, text in texts.items() if query not in answers}

    one_at_a_time = threading.Lock()

    def answer(query: str) -> Places:
        places = _places(ask(left[query]), item_of, query, k)
        if log is not None:  # here, so that no failure elsewhere loses what was answered
            with one_at_a_time:
                append_line(log, {"key": _key(name, k, query, texts[query]), "list": places})
        return places

    answers |= _in_threads(answer, list(left), concurrency, patience, keeps=log is not None)
    if not any(answers.values()):
        raise TooFewError(f"{shown(name)!r} found nothing for any of {len(texts):,} queries")
    return _run_of({query: answers[query] for query in texts}, name)


def _run_of(answers: Mapping[str, Places], name: str) -> Run:
    """The run of some lists, of which equal scores keep the order of the answer."""
    number_of: dict[str, int] = {}
    places = [
        (row, number_of.setdefault(item, len(number_of)), score, rank)
        for row, listed in enumerate(answers.values())
        for rank, (item, score) in enumerate(listed, start=1)
    ]
    queries, items, scores, ranks = zip(*places, strict=True)
    return Run.of_numbers(
        name,
        (np.array(queries), np.array(list(answers), dtype=object)),
        (np.array(items), np.array(list(number_of), dtype=object)),
        np.array(scores),
        np.array(ranks, dtype=np.float64),
    )


def _texts(queries: Any) -> dict[str, str]:
    """The text of each query, by id."""
    if is_kind(queries, Space):
        side = cast("Space", queries).queries
        if not has_texts(side):
            raise SpellingError(
                "the queries of the space have no texts: give {id: text}, or read the space with "
                "query_texts="
            )
        queries = dict(zip(side.ids.tolist(), texts_of(side), strict=True))
    check_kind(queries, Mapping, "what is asked", "{id: text}, or a Space with texts,")
    given = cast("Mapping[Any, Any]", queries)
    texts = dict(zip(as_ids(list(given), "query ids"), given.values(), strict=True))
    for query, text in texts.items():
        check_kind(text, str, f"the text of query {shown(query)!r}", "a text")
    if not texts or len(texts) < len(given):
        raise TooFewError(
            "two queries have one id as text: name each once" if texts else "no query to ask"
        )
    return texts


def _asker(retriever: Any) -> Callable[[str], Any]:
    for method in ("invoke", "retrieve"):
        if callable(getattr(retriever, method, None)):
            return cast("Callable[[str], Any]", getattr(retriever, method))
    if callable(getattr(retriever, "run", None)):
        return lambda text: retriever.run(query=text)
    if callable(retriever):
        return retriever
    raise WrongTypeError(
        f"the retriever is {described(retriever)}: a function of a text is due, or what has "
        "invoke, retrieve or run"
    )


def _in_threads(
    answer: Callable[[str], Places],
    queries: list[str],
    concurrency: int,
    patience: float,
    *,
    keeps: bool,
) -> dict[str, Places]:
    """The answer to each query; the first failure ends it.

    Where answers are kept, those of queries that were asked already are waited for before the
    failure is raised. The threads do not hold up the end of the program, so that one that hangs
    can be left behind.
    """
    todo: Queue[str] = Queue()
    done: Queue[tuple[str, Places | BaseException]] = Queue()
    for query in queries:
        todo.put(query)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(answer, todo, done, stop), daemon=True)
        for _ in range(min(concurrency, len(queries)))
    ]
    for thread in threads:
        thread.start()
    rest = (
        "what was answered is kept: call again to go on"
        if keeps
        else "name a cache to keep what was answered"
    )
    answers: dict[str, Places] = {}
    try:
        while len(answers) < len(queries):
            try:
                query, places = done.get(timeout=min(patience, threading.TIMEOUT_MAX))
            except Empty:
                raise AnglewiseError(
                    f"no answer for {patience:g} seconds after {len(answers):,} of "
                    f"{len(queries):,} queries; {rest}"
                ) from None
            if not isinstance(places, BaseException):
                answers[query] = places
                continue
            count = len(answers)
            if keeps:
                _wait_for(threads, patience)
                count += sum(not isinstance(late, BaseException) for _, late in _taken(done))
            if isinstance(places, AnglewiseError):
                raise places
            raise AnglewiseError(
                f"the retriever failed at query {shown(query)!r} ({reason(places)}), after "
                f"{count:,} of {len(queries):,}; {rest}"
            ) from places
    finally:
        stop.set()
    return answers


def _wait_for(threads: Iterable[threading.Thread], patience: float) -> None:
    """Wait until all threads have ended, so many seconds at most."""
    end = time.monotonic() + patience
    for thread in threads:
        thread.join(min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX))


def _taken(
    done: "Queue[tuple[str, Places | BaseException]]",
) -> Iterator[tuple[str, Places | BaseException]]:
    """What lies in a queue, without waiting for more."""
    while True:
        try:
            yield done.get_nowait()
        except Empty:
            return


def _work(
    answer: Callable[[str], Places],
    todo: "Queue[str]",
    done: "Queue[tuple[str, Places | BaseException]]",
    stop: threading.Event,
) -> None:
    """Answer queries until there are no more, one fails, or nobody waits any longer."""
    while not stop.is_set():
        try:
            query = todo.get_nowait()
        except Empty:
            return
        try:
            done.put((query, answer(query)))
        except BaseException as error:  # noqa: BLE001 of foreign code, which may raise anything
            stop.set()
            done.put((query, error))
            return


def _places(answer: Any, item_of: Callable[[Any], Any] | None, query: str, k: int) -> Places:
    """An answer as ids with scores; by the rank where it has no scores."""
    if is_kind(answer, Mapping) and "documents" in answer:
        answer = answer["documents"]  # Haystack
    if is_kind(answer, Mapping):
        scores = cast("Mapping[Any, Any]", answer)
        for score in scores.values():
            _number(score, query)
        best_first = sorted(scores.items(), key=lambda entry: entry[1], reverse=True)[:k]
        return _checked([(item, _number(score, query)) for item, score in best_first], query)
    if not is_kind(answer, list | tuple):
        raise ValuesError(
            f"query {shown(query)!r}: the answer is {described(answer)}: a list of ids or "
            "passages is due, best first, or {id: score}"
        )
    return _checked([_place(entry, item_of, query) for entry in list(answer)[:k]], query)


def _checked(places: Sequence[tuple[Any, float | None]], query: str) -> Places:
    """Ids and scores as a list; by the rank where some place has no score."""
    ids = as_ids([item for item, _ in places], f"items found for query {shown(query)!r}")
    twice = first_repeated(ids)
    if twice is not None:
        raise ValuesError(f"query {shown(query)!r}: item {shown(twice)!r} is found twice")
    scored = [(rank, score) for rank, (_, score) in enumerate(places, 1) if score is not None]
    for (rank, score), (next_rank, next_score) in pairwise(scored):
        if next_score > score:
            raise ValuesError(
                f"query {shown(query)!r}: place {next_rank} scores {next_score:g}, place {rank} "
                f"{score:g}: larger scores are due for better places; distances are to be negated"
            )
    if len(scored) < len(places):
        return [(item, -float(rank)) for rank, item in enumerate(ids, start=1)]
    return list(zip(ids, (score for _, score in scored), strict=True))


def _place(
    entry: Any, item_of: Callable[[Any], Any] | None, query: str
) -> tuple[Any, float | None]:
    """The id of one place of an answer, and its score or None."""
    if item_of is None and is_kind(entry, IDS):
        return entry, None
    if item_of is None and is_kind(entry, tuple | list) and len(entry) == 2:
        item, score = _id_of(entry[0], query), entry[1]
    else:
        item = _id_of(entry, query) if item_of is None else item_of(entry)
        score = getattr(entry, "score", None)
    return item, None if score is None else _number(score, query)


def _number(score: Any, query: str) -> float:
    """A score as a finite number; ``ValuesError`` for anything else."""
    try:
        number = nan if is_kind(score, NO_SCORES) else float(score)
    except OverflowError:
        number = inf
    except (TypeError, ValueError):
        number = nan
    if isfinite(number):
        return number
    raise ValuesError(
        f"query {shown(query)!r}: a score is {described(score)}: a finite number is due"
    )


def _id_of(passage: Any, query: str) -> Any:
    if is_kind(passage, IDS):
        return passage
    about: Any = getattr(passage, "metadata", None) or getattr(passage, "meta", None)
    names: list[Any] = [getattr(passage, name, None) for name in ("node_id", "id")]
    if is_kind(about, Mapping):
        names.append(about.get("id"))
    for name in names:
        if is_kind(name, IDS) and name != "":
            return name
    raise SpellingError(
        f"query {shown(query)!r}: {described(passage)} has no id (node_id, id, or id in its "
        "metadata): give item_of=, which gives the id of a passage"
    )


def _key(name: str, k: int, query: str, text: str) -> str:
    """By what an answer is known again: no two askings have one key."""
    parts = [name, str(k), query, text]
    try:
        content = "\0".join(parts).encode()
    except UnicodeEncodeError:
        content = b""
    if content.count(b"\0") != len(parts) - 1:  # as JSON, nothing in the parts parts them
        content = json.dumps(parts).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _answered(log: Path, name: str, k: int, texts: Mapping[str, str]) -> dict[str, Places]:
    """The answers of earlier calls to these queries."""
    query_of = {_key(name, k, query, text): query for query, text in texts.items()}

    def read(entry: Any) -> tuple[str, Places] | None:
        if not _is_answer(entry):
            raise TypeError
        query = query_of.get(entry["key"])
        return None if query is None else (query, _kept(entry["list"], query, k))

    return dict(filter(None, logged_answers(log, "a retriever", "cache=", "list", read)))


def _is_answer(entry: Any) -> bool:
    """Whether a line of JSON has the form of those that are written."""
    return (
        is_kind(entry, dict)
        and is_kind(entry.get("key"), str)
        and is_kind(entry.get("list"), list)
        and all(
            is_kind(place, list) and len(place) == 2 and is_kind(place[0], str)
            for place in entry["list"]
        )
    )


def _kept(places: Sequence[Sequence[Any]], query: str, k: int) -> Places:
    """A list that was kept, checked as a new one is."""
    if len(places) > k:
        raise ValuesError(f"query {shown(query)!r}: {len(places):,} places, at most {k:,} are due")
    return _checked([(item, _number(score, query)) for item, score in places], query)
