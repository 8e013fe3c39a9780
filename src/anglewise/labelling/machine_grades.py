"""Grade pairs by a model behind a chat endpoint, several at once, each paid for once."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from anglewise.data_types.text import counted
from anglewise.encoders.chat_endpoint import ask_chat
from anglewise.encoders.concurrent_calls import call_all
from anglewise.encoders.endpoint import SPLIT, estimate
from anglewise.encoders.json_requests import (
    Patience,
    RefusedError,
    UnreadableAnswerError,
    bearer,
    checked_address,
    without,
)
from anglewise.errors import EncoderError, ValuesError, reason
from anglewise.io.answer_log import append_line, logged_answers
from anglewise.labelling.grading_prompt import LONGEST, Instructions, grade_in

TRIES = 3
"""How often a pair is asked about whose answers hold no grade."""
AGAIN = "\nNothing but that JSON object: no other words, no code fence."
"""Added when a pair is asked about again."""
ANSWER_TOKENS = 20
"""About how many tokens an answer takes; models that think aloud take many more."""
FAILED_AT_ONCE = 5
"""Pairs without a grade, and none with one, after which no more are asked about."""


@dataclass(frozen=True)
class PairToGrade:
    """The ids and texts of a pair."""

    query_id: str
    item_id: str
    query: str
    document: str

    @property
    def name(self) -> str:
        """What the model knows the pair by; it is not shown the ids, which may tell something."""
        ids = f"{self.query_id}\0{self.item_id}".encode("utf-8", "replace")
        return blake2b(ids, digest_size=4).hexdigest()


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost that are sent, and that are answered; None where not told."""

    sent: float | None = None
    answered: float | None = None

    def of(self, sent: int, answered: int) -> float | None:
        """The price of some tokens; those of answers cost as those sent where nothing is told.

        >>> Prices(2.0, 8.0).of(1_000_000, 250_000), Prices().of(10, 10)
        (4.0, None)
        """
        if self.sent is None:
            return None
        price = self.sent if self.answered is None else self.answered
        return sent / 1e6 * self.sent + answered / 1e6 * price


@dataclass
class Meter:
    """What was spent in this run, and what the questions on their way may cost."""

    prices: Prices
    budget: float | None = None
    sent: int = 0
    answered: int = 0
    reserved: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spent(self) -> float | None:
        """The price of all tokens until now."""
        return self.prices.of(self.sent, self.answered)

    def reserve(self, tokens: int) -> float:
        """Set aside what a question may cost; ``BudgetError`` where it would be too much."""
        price = self.prices.of(tokens, ANSWER_TOKENS) or 0.0
        with self.lock:
            if self.budget is not None and (self.spent or 0.0) + self.reserved + price > (
                self.budget
            ):
                raise BudgetError(
                    f"the budget of {self.budget:g} is used up: {self.spent or 0.0:,.4g} are spent"
                )
            self.reserved += price
        return price

    def settle(self, reserved: float, sent: int, answered: int) -> None:
        """Note what a question took in place of what was set aside for it."""
        with self.lock:
            self.reserved -= reserved
            self.sent += sent
            self.answered += answered


class BudgetError(EncoderError):
    """Another question would cost more than there is."""


@dataclass(frozen=True, eq=False)
class GradingJob:
    """Pairs to be graded by one model, and what it is told.

    Attributes
    ----------
    pairs
        What is asked about.
    known
        By the number of a pair the grade that an earlier run was given for it.
    """

    url: str
    model: str
    instructions: Instructions
    pairs: tuple[PairToGrade, ...]
    prices: Prices
    known: Mapping[int, int]
    headers: Mapping[str, str] = field(repr=False)
    log: Path

    @property
    def open(self) -> list[int]:
        """The numbers of the pairs that are still to be asked about."""
        return [number for number in range(len(self.pairs)) if number not in self.known]

    @property
    def cut_off(self) -> int:
        """How many pairs have a text longer than what is shown of it."""
        return sum(max(len(pair.query), len(pair.document)) > LONGEST for pair in self.pairs)

    def prompt(self, number: int) -> str:
        """What is asked about a pair."""
        pair = self.pairs[number]
        return self.instructions.prompt(pair.name, pair.query, pair.document)

    def tokens(self) -> tuple[int, int]:
        """About how many tokens will be sent, and how many answered."""
        todo = self.open
        return sum(estimate([self.prompt(n) for n in todo])), ANSWER_TOKENS * len(todo)

    def key(self, number: int) -> str:
        """The digest of a question and of who is asked."""
        return _key(self.url, self.model, self.prompt(number))

    def forecast(self) -> str:
        """What goes where and about what it costs, in words."""
        sent, answered = self.tokens()
        price = self.prices.of(sent, answered)
        cost = "" if price is None else f", about {price:,.4g} at the prices given"
        return (
            f"queries and documents of {counted(len(self.open), 'pair')}, about {sent:,} tokens "
            f"and {answered:,} of answers{cost}, go to {self.url}"
        )


def _key(url: str, model: str, prompt: str) -> str:
    content = f"{url}\0{model}\0{prompt}".encode("utf-8", "replace")
    return blake2b(content, digest_size=16).hexdigest()


def grading_job(
    pairs: Sequence[PairToGrade],
    *,
    url: str,
    model: str,
    instructions: Instructions,
    key: str | None,
    log: Path,
    prices: Prices | None = None,
) -> GradingJob:
    """What is to be asked, and what the log of earlier runs answers already; nothing is sent.

    Raises ``SpellingError`` for no address, ``FileError`` for a log of something else.
    """
    address = checked_address(url)
    job = GradingJob(
        address, model, instructions, tuple(pairs), prices or Prices(), {}, bearer(key), log
    )
    logged = dict(logged_answers(log, "a model that grades", "--cache", "grade", _read))
    keys = [job.key(number) for number in range(len(pairs))]
    known = {number: logged[key] for number, key in enumerate(keys) if key in logged}
    for grade in known.values():
        if not 0 <= grade <= instructions.highest:
            raise ValuesError(f"{log} holds a grade of {grade}: take the file away")
    return GradingJob(address, model, instructions, job.pairs, job.prices, known, job.headers, log)


def _read(entry: Any) -> tuple[str, int]:
    if type(entry["grade"]) is not int:
        raise TypeError("no whole grade")
    return str(entry["key"]), entry["grade"]


@dataclass(frozen=True)
class MachineGrades:
    """What came of a job.

    Attributes
    ----------
    grades
        By the number of the pair; what a log had is among them.
    failed
        By the number of the pair why it has none.
    sent_tokens, answer_tokens, spent
        Of this run: as the server counts them, or estimated where it does not.
    """

    grades: Mapping[int, int]
    failed: Mapping[int, str]
    sent_tokens: int
    answer_tokens: int
    spent: float | None

    @property
    def reasons(self) -> dict[str, int]:
        """How many pairs have no grade for each reason, the most frequent first."""
        return dict(Counter(self.failed.values()).most_common())


def grade_pairs(
    job: GradingJob,
    *,
    concurrency: int = 4,
    budget: float | None = None,
    patience: Patience | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MachineGrades:
    """Ask about each pair that has no grade yet; each grade is kept in the log as it comes.

    A pair whose answers hold no grade, three times, is left without one, and the others are asked
    about.

    Raises
    ------
    EncoderError
        The server does not answer, refuses, or the first pairs got no grade at all.
    BudgetError
        What is left of the budget does not do for the next question.
    """
    meter, todo = Meter(job.prices, budget), job.open
    grades, failed = dict(job.known), dict[int, str]()

    def keep(place: int, answer: int | str) -> None:
        number = todo[place]
        if isinstance(answer, int):
            append_line(job.log, {"key": job.key(number), "grade": answer, "model": job.model})
            grades[number] = answer
        else:
            failed[number] = answer
        done = len(grades) - len(job.known)
        if len(failed) >= FAILED_AT_ONCE and not done:
            raise EncoderError(
                f"{job.url} answered about {len(failed)} pairs and gave no grade: {answer}; try "
                "another model, or mend the instructions"
            )
        if progress is not None:
            progress(done + len(failed), len(todo))

    def ask(number: int) -> int | str:
        return _grade(job, number, meter, patience)

    call_all(ask, todo, keep, concurrency=concurrency)
    return MachineGrades(grades, failed, meter.sent, meter.answered, meter.spent)


def _grade(job: GradingJob, number: int, meter: Meter, patience: Patience | None) -> int | str:
    """The grade of a pair, or why there is none."""
    pair, clean = job.pairs[number], without(job.headers)
    prompt, why = job.prompt(number), ""
    for attempt in range(TRIES):
        content = prompt if attempt == 0 else prompt + AGAIN
        [tokens] = estimate([content])
        reserved = meter.reserve(tokens)
        sent, answered = 0, 0
        try:
            answer = ask_chat(job.url, job.model, content, job.headers, patience)
            words = answer.words
            sent = tokens if answer.sent_tokens is None else answer.sent_tokens
            [guess] = estimate([words])
            answered = guess if answer.answer_tokens is None else answer.answer_tokens
            return grade_in(words, pair.name, job.instructions.highest)
        except UnreadableAnswerError as error:
            sent, why = tokens, str(error)
        except ValuesError as error:
            why = clean(reason(error))
        except RefusedError as error:
            if error.status not in SPLIT:
                raise
            return f"refused: {error.why}"
        finally:
            meter.settle(reserved, sent, answered)
    return why
