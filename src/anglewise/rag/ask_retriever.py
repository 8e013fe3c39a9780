"""Ask a retriever every query, and make a run of its answers."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeAlias, cast

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
        or of passages; or with ``{id: score}``.
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
        what was answered before a failure is not asked anew. Answers are kept by name, ``k``, id
        and text, so name a retriever anew when it changes.

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

    def answer(query: str) -> Places:
        return _places(ask(left[query]), item_of, query, k)

    rest = (
        "name a cache to keep what was answered"
        if log is None
        else "what was answered is kept: call again to go on"
    )
    for query, places in _in_threads(answer, list(left), concurrency, patience, rest):
        answers[query] = places
        if log is not None:
            append_line(log, {"key": _key(name, k, query, texts[query]), "list": places})
    if not any(answers.values()):
        raise TooFewError(f"{shown(name)!r} found nothing for any of {len(texts):,} queries")
    # equal scores keep the order of the answer
    return Run.from_dict({query: dict(answers[query]) for query in texts}, name)


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
    rest: str,
) -> Iterable[tuple[str, Places]]:
    """Each query with its answer, as they come; the first failure ends it, and says the ``rest``.

    The threads do not hold up the end of the program, so that one that hangs can be left behind.
    """
    todo: Queue[str] = Queue()
    done: Queue[tuple[str, Places | BaseException]] = Queue()
    for query in queries:
        todo.put(query)
    stop = threading.Event()
    for _ in range(min(concurrency, len(queries))):
        threading.Thread(target=_work, args=(answer, todo, done, stop), daemon=True).start()
    try:
        for number in range(len(queries)):
            try:
                query, places = done.get(timeout=patience)
            except Empty:
                raise AnglewiseError(
                    f"no answer for {patience:g} seconds after {number:,} of {len(queries):,} "
                    f"queries; {rest}"
                ) from None
            if isinstance(places, AnglewiseError):
                raise places
            if isinstance(places, BaseException):
                raise AnglewiseError(
                    f"the retriever failed at query {shown(query)!r} ({reason(places)}), after "
                    f"{number:,} of {len(queries):,}; {rest}"
                ) from places
            yield query, places
    finally:
        stop.set()


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
            done.put((query, error))
            return


def _places(answer: Any, item_of: Callable[[Any], Any] | None, query: str, k: int) -> Places:
    """An answer as ids with scores; by the rank where it has no scores."""
    if is_kind(answer, Mapping) and "documents" in answer:
        answer = answer["documents"]  # Haystack
    if is_kind(answer, Mapping):
        pairs = sorted(cast("Mapping[Any, Any]", answer).items(), key=lambda pair: -pair[1])
        entries: list[Any] = [(item, score) for item, score in pairs]
    elif is_kind(answer, list | tuple):
        entries = list(answer)
    else:
        raise ValuesError(
            f"query {shown(query)!r}: the answer is {described(answer)}: a list of ids or "
            "passages is due, best first, or {id: score}"
        )
    read = [_place(entry, item_of, query) for entry in entries[:k]]
    scores = [score for _, score in read]
    ids = as_ids([item for item, _ in read], f"items found for query {shown(query)!r}")
    twice = first_repeated(ids)
    if twice is not None:
        raise ValuesError(f"query {shown(query)!r}: item {shown(twice)!r} is found twice")
    if any(score is None for score in scores):
        return [(item, -float(rank)) for rank, item in enumerate(ids, start=1)]
    numbers = [float(cast("float", score)) for score in scores]
    if not all(map(isfinite, numbers)):
        raise ValuesError(f"query {shown(query)!r}: a score is no finite number")
    rising = [i for i in range(1, len(numbers)) if numbers[i] > numbers[i - 1]]
    if rising:
        i = rising[0]
        raise ValuesError(
            f"query {shown(query)!r}: place {i + 1} scores {numbers[i]:g}, place {i} "
            f"{numbers[i - 1]:g}: larger scores are due for better places; distances are to be "
            "negated"
        )
    return list(zip(ids, numbers, strict=True))


def _place(entry: Any, item_of: Callable[[Any], Any] | None, query: str) -> tuple[Any, Any]:
    """The id of one place of an answer, and its score or None."""
    if item_of is not None:
        score = getattr(entry, "score", None)
        return item_of(entry), score if is_kind(score, int | float) else None
    if is_kind(entry, str | int):
        return entry, None
    if is_kind(entry, tuple | list) and len(entry) == 2:
        return _id_of(entry[0], query), entry[1]
    score = getattr(entry, "score", None)
    return _id_of(entry, query), score if is_kind(score, int | float) else None


def _id_of(passage: Any, query: str) -> Any:
    if is_kind(passage, str | int):
        return passage
    about: Any = getattr(passage, "metadata", None) or getattr(passage, "meta", None)
    names: list[Any] = [getattr(passage, name, None) for name in ("node_id", "id")]
    if is_kind(about, Mapping):
        names.append(about.get("id"))
    for name in names:
        if is_kind(name, str | int) and name != "":
            return name
    raise SpellingError(
        f"query {shown(query)!r}: {described(passage)} has no id (node_id, id, or id in its "
        "metadata): give item_of=, which gives the id of a passage"
    )


def _key(name: str, k: int, query: str, text: str) -> str:
    return hashlib.blake2b(
        "\0".join([name, str(k), query, text]).encode("utf-8", "replace"), digest_size=16
    ).hexdigest()


def _answered(log: Path, name: str, k: int, texts: Mapping[str, str]) -> dict[str, Places]:
    """The answers of earlier calls to these queries."""
    query_of = {_key(name, k, query, text): query for query, text in texts.items()}

    def read(entry: Any) -> tuple[str, Places]:
        return entry["key"], [(str(item), float(score)) for item, score in entry["list"]]

    answers = logged_answers(log, "a retriever", "cache=", "list", read)
    return {query_of[key]: places for key, places in answers if key in query_of}
