"""How an encoder is written: ``onnx:model.onnx?pooling=cls&query_prompt=query: ``."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from anglewise.core.numbers import read_whole, shown
from anglewise.errors import SpellingError


@dataclass(frozen=True)
class Spec:
    """A kind of encoder, the model or file, and options; what ``%``, ``?`` and ``&`` mean is kept.

    Examples
    --------
    >>> spec = read_spec("onnx:e5.onnx?pooling=mean&query_prompt=query: ")
    >>> spec.place, spec.options["query_prompt"]
    ('e5.onnx', 'query: ')
    >>> str(spec)
    'onnx:e5.onnx?pooling=mean&query_prompt=query: '
    """

    kind: str
    place: str = ""
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        options = "&".join(f"{name}={_quoted(value)}" for name, value in self.options.items())
        return (
            self.kind
            + (f":{_quoted(self.place)}" if self.place else "")
            + (f"?{options}" if options else "")
        )

    def only(self, *names: str) -> "Spec":
        """The same spec, if its options are among these names; else ``SpellingError``."""
        for name in self.options:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(names)}"
                raise SpellingError(
                    f"{self.kind} has no option {name!r}: {hint if names else 'it takes none'}"
                )
        return self

    def file(self) -> Path:
        """The place as a file that is there."""
        from anglewise.io.files import existing_file

        if not self.place:
            raise SpellingError(f"{self.kind} needs a file: write {self.kind}:PATH")
        return existing_file(Path(self.place).expanduser())

    def number(self, name: str) -> int | None:
        """An option that is a whole number above 0."""
        text = self.options.get(name)
        if text is None:
            return None
        value = read_whole(text)
        if value is None or value < 1:
            raise SpellingError(f"{self.kind}: {name}={shown(text)}: a whole number above 0 is due")
        return value

    def one_of(self, name: str, words: tuple[str, ...], default: str) -> str:
        """An option that is one of some words."""
        word = self.options.get(name, default)
        if word not in words:
            raise SpellingError(f"{self.kind}: {name}={word}: one of {', '.join(words)} is due")
        return word


def read_spec(text: str) -> Spec:
    """Read a spelling; ``SpellingError`` if an option is no ``name=value``."""
    before, _, rest = text.lstrip().partition("?")
    kind, _, place = before.partition(":")
    options: dict[str, str] = {}
    for part in rest.split("&") if rest else ():
        name, equals, value = part.partition("=")
        if not equals or not name or name in options:
            raise SpellingError(
                f"{text!r}: {part!r} is no option, or comes twice: write name=value, parted by &"
            )
        options[name] = unquote(value)
    return Spec(kind, unquote(place), options)


def _quoted(text: str) -> str:
    """Only what has a meaning in a spelling is escaped, so that it stays readable."""
    return "".join(quote(letter) if letter in "%?&" else letter for letter in text)
