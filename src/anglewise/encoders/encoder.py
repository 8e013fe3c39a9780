"""The ``Encoder``, its spelling, and the similarity that its vectors were trained for."""

import difflib
import hashlib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, unquote

from anglewise.data_types.embeddings import Embeddings, TrainedFor, check_trained_for
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.numbers import (
    CONCURRENCY,
    COUNT,
    check_flag,
    check_kind,
    check_word,
    read_whole,
    shown,
)
from anglewise.errors import EncoderError, SpellingError
from anglewise.io.files import opened, reading


def digest(files: Iterable[Path]) -> str:
    """A digest of the bytes of some files, in their order.

    >>> digest([])
    'e3b0c44298fc1c14'
    """
    checksum = hashlib.sha256()
    for path in files:
        with reading(path, "a file"), opened(path) as file:
            checksum.update(hashlib.file_digest(file, "sha256").digest())
    return checksum.hexdigest()[:16]


Encode: TypeAlias = Callable[[list[Any]], Any]
"""Takes a list of texts and gives one vector for each, in their order: any array of texts x d."""


def count_words(texts: list[str]) -> list[int]:
    """The length of texts in words, for encoders that do not count tokens.

    >>> count_words(["a heist in three acts", ""])
    [5, 0]
    """
    return [len(text.split()) for text in texts]


class PartlyEncodedError(EncoderError):
    """A server took some texts of a batch and not others.

    ``vectors`` are those that came, by the position of their texts in the batch; ``refused`` says
    of the others that were tried alone why they were refused.
    """

    def __init__(
        self,
        message: str,
        vectors: Mapping[int, list[float]] | None = None,
        refused: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.vectors = vectors or {}
        self.refused = refused or {}


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A function from texts or images to vectors, with the facts that its use depends on.

    Attributes
    ----------
    spec
        Its spelling: ``encoder(spec)`` gives the same encoder again.
    documents, queries
        The two functions; ``queries=None`` where both sides are encoded alike.
    similarity
        The measure that it is declared to have been trained for, by its model or its maker.
    normalises
        Whether it declares that its vectors have length one; ``None`` where it declares nothing.
    window
        The number of tokens that it reads of a text, the rest being cut off; ``None`` if it reads
        all.
    tokens
        Counts the tokens of texts, without those that the encoder adds itself.
    batch
        The number of texts that it is best given at once.
    identity
        Identifies the weights: two encoders of one identity are taken to give the same vectors.
        Where it is empty, vectors are not cached.
    concurrency
        The number of batches that it may be given at the same time, each in a thread of its own.
    before
        Makes one sentence on the cost of encoding some texts, said before they are encoded.
    reads
        Whether ``documents`` takes texts or images (a list of ``Picture``, of which each gives
        its ``pixels()`` when asked).

    Examples
    --------
    >>> lengths = Encoder(spec="lengths", documents=lambda texts: [[len(t), 1.0] for t in texts])
    >>> lengths(["a", "heist"])
    [[1, 1.0], [5, 1.0]]
    """

    spec: str
    documents: Encode
    queries: Encode | None = None
    similarity: TrainedFor = "unknown"
    normalises: bool | None = None
    window: int | None = None
    tokens: Callable[[list[str]], list[int]] = count_words
    batch: int = 256
    concurrency: int = 1
    identity: str = ""
    before: Callable[[list[str]], str] | None = None
    reads: Literal["texts", "images"] = "texts"

    def __post_init__(self) -> None:
        check_kind(self.spec, str, "the spelling of an encoder", "a text")
        check_kind(self.identity, str, "the identity of an encoder", "a text")
        functions = {"documents": self.documents, "tokens": self.tokens}
        functions |= {"queries": self.queries, "before": self.before}
        for name, function in functions.items():
            if function is not None or name in {"documents", "tokens"}:
                check_kind(function, Callable, name, "a function of a list of texts")
        check_trained_for(self.similarity)
        if self.normalises is not None:
            check_flag(self.normalises, "normalises")
        if self.window is not None:
            COUNT.check("window", self.window)
        COUNT.check("batch", self.batch)
        CONCURRENCY.check("concurrency", self.concurrency)
        check_word(self.reads, ("texts", "images"), "reads")

    def __call__(self, texts: list[Any]) -> Any:
        """Encode texts as documents, or images."""
        return self.documents(texts)


@dataclass(frozen=True)
class Spec:
    """A spelling in parts: the kind of encoder, its model or file, and options.

    ``%``, ``?`` and ``&`` inside the parts are escaped when written.

    Examples
    --------
    >>> spec = read_spec("onnx:e5.onnx?pooling=mean&query_prompt=query: ")
    >>> spec.source, spec.options["query_prompt"]
    ('e5.onnx', 'query: ')
    >>> str(spec)
    'onnx:e5.onnx?pooling=mean&query_prompt=query: '
    """

    kind: str
    source: str = ""
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        options = "&".join(f"{name}={_quoted(value)}" for name, value in self.options.items())
        return (
            self.kind
            + (f":{_quoted(self.source)}" if self.source else "")
            + (f"?{options}" if options else "")
        )

    def only(self, *names: str) -> "Spec":
        """The spec itself if all its options are among ``names``; else ``SpellingError``."""
        for name in self.options:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(names)}"
                raise SpellingError(
                    f"{self.kind} has no option {name!r}: {hint if names else 'it takes none'}"
                )
        return self

    def file(self) -> Path:
        """The source as the path of an existing file."""
        from anglewise.io.files import existing_file, user_path

        if not self.source:
            raise SpellingError(f"{self.kind} needs a file: write {self.kind}:PATH")
        return existing_file(user_path(self.source))

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
    head, _, tail = text.lstrip().partition("?")
    kind, _, source = head.partition(":")
    options: dict[str, str] = {}
    for part in tail.split("&") if tail else ():
        name, equals, value = part.partition("=")
        if not equals or not name or name in options:
            raise SpellingError(
                f"{text!r}: {part!r} is no option, or comes twice: write name=value, parted by &"
            )
        options[name] = unquote(value)
    return Spec(kind, unquote(source), options)


LONGEST_TYPED = 300
"""Of a longer word the middle would be left out of a message, and the end of its quotes with it."""


def typed_option(spelling: str) -> str:
    """The option that names an encoder, to be pasted into a shell; too long ones are not there.

    >>> typed_option("openai:my model"), typed_option("x" * 1000)
    ("--encoder 'openai:my model'", '--encoder SPELLING')
    """
    word = shlex.quote(spelling)
    return f"--encoder {word if len(word) <= LONGEST_TYPED else 'SPELLING'}"


def _quoted(text: str) -> str:
    """Escape only the characters that have a meaning in a spelling, so that it stays readable."""
    return "".join(quote(letter) if letter in "%?&" else letter for letter in text)


def check_settings(stated: TrainedFor | None, batch: int | None) -> None:
    """Refuse a similarity that nothing is trained for, and a batch of no texts."""
    if stated is not None:
        check_trained_for(stated)
    if batch is not None:
        COUNT.check("batch", batch)


def batches_at_once(encoder: Encoder, concurrency: int | None) -> int:
    """How many batches are encoded at a time: as many as were asked for, else the encoder's own.

    Raises ``SpellingError`` where several were asked for, and the encoder takes one.
    """
    if concurrency is None:
        return encoder.concurrency
    CONCURRENCY.check("concurrency", concurrency, SpellingError)
    if concurrency > 1 and encoder.concurrency == 1:
        raise SpellingError(
            f"{encoder.spec} is given one batch after another, and concurrency is {concurrency} "
            "(--concurrency): leave it out, or take an encoder behind a server (openai:MODEL)"
        )
    return concurrency


def trained_for(
    encoder: Encoder, vectors: Embeddings, stated: TrainedFor | None = None
) -> tuple[TrainedFor, list[str]]:
    """The similarity to record for a space, and a sentence for each doubt about it.

    What a person states wins over what the encoder declares. Vectors are never changed.

    >>> dot = Encoder(spec="mine", documents=len, similarity="dot")
    >>> trained_for(dot, Embeddings([[0.6, 0.8], [1.0, 0.0]]))
    ('dot', ['mine is declared as trained for dot, but every vector has length one, ...'])
    """
    similarity = encoder.similarity if stated is None else stated
    claim = f"{encoder.spec} is declared as" if stated is None else "it is said to be"
    unit = vectors.is_unit()
    words: list[str] = []
    if stated is not None and encoder.similarity not in {"unknown", stated}:
        words.append(
            f"{encoder.spec} is declared as trained for {encoder.similarity}: {stated} is taken, "
            "as given"
        )
    if similarity == "dot" and unit:
        words.append(
            f"{claim} trained for dot, but every vector has length one, to within 0.001: if "
            "training saw these vectors, it was trained for cosine"
        )
    if similarity == "unknown" and unit:
        words.append(
            f"{encoder.spec} does not say what it was trained for; every vector has length one, "
            "to within 0.001: anglewise compare says whether dot and cosine rank alike"
        )
    if similarity == "unknown" and not unit:
        words.append(
            f"{encoder.spec} does not say what it was trained for, and lengths differ "
            f"({_range(vectors)}): anglewise compare says which measure to use"
        )
    if encoder.normalises and not unit:
        words.append(
            f"{encoder.spec} says that its vectors have length one, but theirs are "
            f"{_range(vectors)}: they are kept as they came"
        )
    return similarity, words


def _range(vectors: Embeddings) -> str:
    return f"{vectors.norms.min():.3g} to {vectors.norms.max():.3g}"


def check_lengths(
    texts: Sequence[str], tokens: Callable[[list[str]], list[int]], each: int
) -> None:
    """Raise ``EncoderError`` for a text that an encoder without a window has no memory for.

    ``each`` is what one token takes while a text is encoded, in bytes.
    """
    long = [text for text in texts if len(text) * each > room()]  # a token has a letter or more
    for text in long:
        (count,) = tokens([text])
        if count * each > room():
            raise EncoderError(
                f"a text of {count:,} tokens takes {words(count * each)} at once, "
                f"{words(room())} are allowed: cut long texts (--chunk), or allow more: "
                f"{VARIABLE}={words(2 * count * each).replace(' ', '')}"
            )
