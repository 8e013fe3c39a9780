"""What a model that grades is told, and how a grade is read out of what it answers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.numbers import read_whole, shown
from anglewise.errors import FileError, ValuesError
from anglewise.io.files import contents, existing_file, reading

USUAL = "prompts/grade_relevance.txt"
"""The instructions that are used if no others are given: the four grades of TREC's tracks."""
HIGHEST = 3
PLACES = ("{query}", "{document}")
"""What stands in instructions where the texts of a pair go."""
FORM = (
    "\n\nAnswer with one JSON object and nothing else: "
    '{"id": "ID", "grade": GRADE}, where GRADE is a whole number from 0 to HIGHEST.'
)
LONGEST = 8_000
"""Characters of a query or a document that a model is shown."""
LONGEST_ANSWER = 20_000
"""Characters of an answer in which a grade is looked for."""


@dataclass(frozen=True)
class Instructions:
    """What a model is told to do with a query and a document, and the highest grade it may give.

    Nothing but the texts of one query and one document is ever put into them: no measure, no rank
    and no score, so that a grade cannot lean to what found the document by knowing it.
    """

    text: str
    highest: int = HIGHEST
    name: str = "TREC's four grades"

    @cached_property
    def digest(self) -> str:
        """Tells these instructions, with the form of the answer, from any others."""
        content = f"{self.text}\0{FORM}\0{self.highest}".encode()
        return blake2b(content, digest_size=6).hexdigest()

    def prompt(self, pair: str, query: str, document: str) -> str:
        """The message about one pair; ``pair`` is the id that the answer is to repeat.

        >>> asked = Instructions("{query}? {document}").prompt("7f", "wings", "On {query}.")
        >>> print(asked.splitlines()[0])
        wings? On {query}.
        """
        texts = {"{query}": query[:LONGEST], "{document}": document[:LONGEST]}
        asked = re.sub(r"\{query\}|\{document\}", lambda place: texts[place[0]], self.text)
        form = FORM.replace("ID", pair, 1).replace("HIGHEST", str(self.highest))
        return asked.rstrip() + form


def usual_instructions() -> Instructions:
    """The four grades of TREC's deep learning tracks, from irrelevant to perfectly relevant."""
    return Instructions(files("anglewise.labelling").joinpath(USUAL).read_text("utf-8"))


def read_instructions(path: Path, highest: int = HIGHEST) -> Instructions:
    """Instructions in a file, in which ``{query}`` and ``{document}`` stand once each or oftener.

    Raises ``FileError`` for a file that is not there, no text, or without these places.
    """
    with reading(path, "instructions in UTF-8"):
        text = bytes(contents(existing_file(path))).decode("utf-8-sig")
    lacking = [place for place in PLACES if place not in text]
    if lacking:
        raise FileError(
            f"{path} does not say where the {' and the '.join(p.strip('{}') for p in lacking)} "
            f"goes: write {' and '.join(lacking)} there"
        )
    return Instructions(text, highest, path.name)


def grade_in(words: str, pair: str, highest: int) -> int:
    """The grade in an answer: in the one JSON object that names the pair, whatever stands around.

    Raises ``ValuesError`` that says what is wrong: no such object, several that differ, the id of
    another pair, a grade that is no whole number from 0 to ``highest``.

    >>> grade_in('Sure! {"id": "7f", "grade": 2} Anything else?', "7f", 3)
    2
    >>> grade_in('{"id": "7f", "grade": 4}', "7f", 3)
    Traceback (most recent call last):
    ...
    anglewise.errors.ValuesError: the grade is 4: a whole number from 0 to 3 is due
    """
    graded = [content for content in _objects(words[:LONGEST_ANSWER]) if "grade" in content]
    if not graded:
        raise ValuesError(f"there is no JSON object with a grade in it: {shown(words)!r}")
    if any(str(content.get("id")) != pair for content in graded):
        raise ValuesError("it is the answer about another pair: the id is not the one asked about")
    grades = {_whole(content["grade"], highest) for content in graded}
    if len(grades) > 1:
        raise ValuesError(f"it gives several grades: {', '.join(map(str, sorted(grades)))}")
    return grades.pop()


def _whole(value: Any, highest: int) -> int:
    number = read_whole(value.strip()) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number <= highest:
        raise ValuesError(f"the grade is {shown(value)}: a whole number from 0 to {highest} is due")
    return number


def _objects(words: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, none within another."""
    decoder = json.JSONDecoder()
    start = words.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(words, start)
        except (ValueError, RecursionError):
            start = words.find("{", start + 1)
        else:
            yield cast("dict[str, Any]", value)
            start = words.find("{", end)
