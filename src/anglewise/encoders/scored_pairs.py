"""Scores of queries with texts by a reranker, each pair asked for once and kept on disk."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from queue import Empty, Queue
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from anglewise.data_types.conversion import holds_masked
from anglewise.data_types.numbers import LARGEST, shown
from anglewise.data_types.typing import Array, Float64
from anglewise.encoders.batches import KEY, default_folder, firsts
from anglewise.encoders.reranker import Reranker
from anglewise.errors import AnglewiseError, EncoderError, FileError, SpellingError, reason
from anglewise.io.answer_log import append_line, logged_answers
from anglewise.io.files import noting_opened

Kept: TypeAlias = dict[str, tuple[float, float]]
"""By the digest of a text its score for a query, and the seconds that it took."""
OPTION = "reranker_cache=, --reranker-cache"


@dataclass(frozen=True, eq=False)
class PairScores:
    """The scores of some texts for one query, and what they took.

    ``pairs`` counts different texts, ``calls`` what the reranker is asked for so many, ``seconds``
    what they took when they were asked for, be it in an earlier run; ``cut_off`` those longer than
    the reranker reads.
    """

    scores: Float64[Array, " texts"]
    pairs: int
    calls: int
    seconds: float
    cut_off: int = 0


@dataclass(eq=False)
class ScoredPairs:
    """A reranker with all that it has scored, in this run and, where there is a log, before.

    Attributes
    ----------
    reranker
        What is asked.
    log
        The file to which each answer is added; None keeps nothing for another run.
    is_named
        Whether somebody named the file: then what cannot be written to it is an error.
    kept
        By the key of a query, what is known of its texts.
    refused
        Why the log could not be written, where nobody named it.
    """

    reranker: Reranker
    log: Path | None = None
    is_named: bool = False
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    refused: str = ""

    def of(self, name: str, query: str, texts: Sequence[str], done: str) -> PairScores:
        """Scores of texts for a query; ``name`` is its id, ``done`` says how far the run is.

        Raises
        ------
        EncoderError
            The reranker fails, gives no answer in time, another number of scores, or one that is
            no finite number. What was scored before is kept.
        FileError
            A log that was named and cannot be written.
        """
        key = self.key(query)
        known = self.kept.setdefault(key, {})
        digests = [_digest(text) for text in texts]
        unique = firsts(digests)
        new = [row for row in unique if digests[row] not in known]
        size = self.reranker.batch
        for start in range(0, len(new), size):
            rows = new[start : start + size]
            begin = perf_counter()
            scores = self._asked(name, query, [texts[row] for row in rows], done)
            seconds = (perf_counter() - begin) / len(rows)
            answer = dict(zip((digests[row] for row in rows), scores, strict=True))
            known |= {digest: (score, seconds) for digest, score in answer.items()}
            self._keep({"key": key, "seconds": seconds, "scores": answer})
        return PairScores(
            np.array([known[digest][0] for digest in digests], dtype=np.float64),
            pairs=len(unique),
            calls=-(-len(unique) // size),
            seconds=sum(known[digests[row]][1] for row in unique),
            cut_off=self._cut_off(query, [texts[row] for row in unique]),
        )

    def key(self, query: str) -> str:
        """The digest of a query and of what it is asked."""
        words = f"{self.reranker.identity}\0{query}".encode("utf-8", "replace")
        return hashlib.blake2b(words, digest_size=KEY).hexdigest()

    def _keep(self, line: dict[str, Any]) -> None:
        if self.log is None or self.refused:
            return
        try:
            append_line(self.log, line)
        except FileError as error:
            if self.is_named:
                raise
            self.refused = str(error)

    def _cut_off(self, query: str, texts: list[str]) -> int:
        window, tokens = self.reranker.window, self.reranker.tokens
        if window is None or tokens is None:
            return 0
        try:
            with noting_opened():
                counts = [index(count) for count in tokens(query, texts)]
        except (AnglewiseError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a function of somebody's own may raise anything
            raise EncoderError(
                f"{self.reranker.spec} counts no tokens but fails ({reason(error)}): mend its "
                "tokens, or leave them out"
            ) from error
        return sum(count > window for count in counts)

    def _asked(self, name: str, query: str, texts: list[str], done: str) -> list[float]:
        """The answer to one call, checked; whatever it raises names the query."""
        try:
            return _checked(_in_time(self.reranker, query, texts), len(texts))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of foreign code, which may raise anything
            why = str(error) if isinstance(error, AnglewiseError) else f"it fails: {reason(error)}"
            raise EncoderError(
                f"{self.reranker.spec} at query {shown(name)!r}, {done}: {why}; {self._rest()}"
            ) from error

    def _rest(self) -> str:
        """What becomes of what was scored so far."""
        if self.log is not None and not self.refused:
            return "what was scored before is kept: run it again to go on"
        if not self.reranker.identity:
            return (
                "what was scored is not kept, as nobody can tell whether this reranker changed: "
                "give a Reranker an identity to go on another time"
            )
        return f"what was scored is not kept: name a file for it ({OPTION})"


def scored_pairs(reranker: Reranker, log: Path | None, queries: Sequence[str]) -> ScoredPairs:
    """A reranker with what a log holds of its scores for some queries.

    Raises ``SpellingError`` for a log of a reranker without identity, ``FileError`` for a file of
    something else.
    """
    if log is None:
        return ScoredPairs(reranker)
    if not reranker.identity:
        raise SpellingError(
            f"{reranker.spec} has no identity, so that nobody can tell whether what is kept in "
            f"{log} is still what it would answer: wrap it in Reranker(…, identity='…'), or leave "
            f"the file out ({OPTION})"
        )
    pairs = ScoredPairs(reranker, log, is_named=log != _usual(reranker))
    wanted = set(map(pairs.key, queries))
    for key, scores in logged_answers(log, "a reranker", OPTION, "seconds", _read):
        if key in wanted:
            pairs.kept.setdefault(key, {}).update(scores)
    return pairs


def usual_log(reranker: Reranker) -> Path | None:
    """A file among the user's caches; None without an identity, or where no folder can be made."""
    log = _usual(reranker) if reranker.identity else None
    try:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return log


def _usual(reranker: Reranker) -> Path:
    digest = hashlib.blake2b(reranker.identity.encode(), digest_size=KEY).hexdigest()
    return default_folder().with_name("reranked") / f"{digest}.jsonl"


def _read(entry: Any) -> tuple[str, Kept]:
    """A line of the log, whose numbers are held to what an answer is held to.

    Raises ``ValueError`` and the like for one of something else.
    """
    seconds = _number(entry["seconds"])
    if seconds < 0:
        raise ValueError("less time than none")
    return str(entry["key"]), {
        str(digest): (_number(score), seconds) for digest, score in entry["scores"].items()
    }


def _number(value: Any) -> float:
    if type(value) not in {int, float} or not abs(value) <= LARGEST:
        raise ValueError("no finite number")
    return float(value)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=KEY // 2).hexdigest()


def _in_time(reranker: Reranker, query: str, texts: list[str]) -> Any:
    """The answer of one call; ``EncoderError`` where none comes in time.

    The thread does not hold up the end of the program, so that a call that hangs can be left.
    """
    if reranker.patience is None:
        with noting_opened():
            return reranker.scores(query, texts)
    answers: Queue[tuple[Any, BaseException | None]] = Queue()
    ask: Callable[[], None] = lambda: _answer_into(answers, reranker, query, texts)  # noqa: E731
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer, error = answers.get(timeout=reranker.patience)
    except Empty:
        raise EncoderError(f"no answer for {reranker.patience:g} seconds") from None
    if error is not None:
        raise error
    return answer


def _answer_into(
    answers: "Queue[tuple[Any, BaseException | None]]",
    reranker: Reranker,
    query: str,
    texts: list[str],
) -> None:
    try:
        with noting_opened():
            answers.put((reranker.scores(query, texts), None))
    except BaseException as error:  # noqa: BLE001 raised again where it is waited for
        answers.put((None, error))


def _checked(answer: Any, count: int) -> list[float]:
    """An answer as finite numbers, one for each of so many texts."""
    masked = holds_masked(answer)
    scores = np.asarray(answer)
    if masked or scores.dtype.kind not in "fiu":
        kind = "masked numbers" if masked else f"something else than numbers ({scores.dtype})"
        raise EncoderError(f"it gave {kind}, where a number for each of {count} texts is due")
    if scores.shape not in {(count,), (count, 1)}:
        came = f"{len(scores)} scores" if scores.ndim == 1 else f"shape {scores.shape}"
        raise EncoderError(f"it gave {came}, where one for each of {count} texts is due")
    numbers = scores.reshape(count).astype(np.float64)
    good = np.abs(numbers) <= LARGEST
    if not good.all():
        place = int(np.argmin(good))
        raise EncoderError(f"it gave {numbers[place]:g} for text {place}: a finite number is due")
    return numbers.tolist()
