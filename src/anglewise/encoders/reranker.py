"""The ``Reranker``: what scores texts for a query, and how one is named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from anglewise.data_types.numbers import COUNT, POSITIVE, check_kind, described
from anglewise.encoders.encoder import Encoder, Spec, read_spec
from anglewise.encoders.load import imported, load_adapted, spelling_of
from anglewise.errors import EncoderError, SpellingError

Score: TypeAlias = Callable[[str, list[str]], Any]
"""Takes a query and some texts, and gives a number for each of these: larger is nearer."""


@dataclass(frozen=True, kw_only=True)
class Reranker:
    """A function that scores texts for a query, with the facts that its use depends on.

    Attributes
    ----------
    spec
        Its spelling, or what it is called.
    scores
        The function of a query and a list of texts: a finite number for each text, larger for
        what answers the query better.
    batch
        The most texts that it is given at once.
    identity
        Identifies what it computes: two rerankers of one identity are taken to give the same
        scores. Where it is empty, scores are not kept.
    patience
        Seconds after which a call that gives no answer is given up; None for one that ends by
        itself.
    window, tokens
        The most tokens that it reads of a query and a text together, the rest being cut off, and
        what counts those of some texts with a query; None where that is not known.

    Examples
    --------
    >>> lengths = Reranker(spec="lengths", scores=lambda query, texts: [len(t) for t in texts])
    >>> lengths("Who pays?", ["a", "heist"])
    [1, 5]
    """

    spec: str
    scores: Score
    batch: int = 100
    identity: str = ""
    patience: float | None = 600.0
    window: int | None = None
    tokens: Callable[[str, list[str]], list[int]] | None = None

    def __post_init__(self) -> None:
        check_kind(self.spec, str, "the spelling of a reranker", "a text")
        check_kind(self.identity, str, "the identity of a reranker", "a text")
        check_kind(self.scores, Callable, "scores", "a function of a query and a list of texts")
        COUNT.check("batch", self.batch)
        if self.patience is not None:
            POSITIVE.check("patience", self.patience)
        if (self.window is None) != (self.tokens is None):
            raise SpellingError("of a reranker, window and tokens are given both or neither")
        if self.window is not None:
            COUNT.check("window", self.window)
            check_kind(self.tokens, Callable, "tokens", "a function of a query and texts")

    def __call__(self, query: str, texts: list[str]) -> Any:
        """Score texts for a query."""
        return self.scores(query, texts)


KINDS = {
    "python": "reranker:load_python",
    "onnx": "cross_encoder:load_onnx_pairs",
    "sentence-transformers": "text_models:load_cross_encoder",
    "rerank": "rerank_endpoint:load_rerank_endpoint",
}
"""The kinds of reranker, each with the module and the function that load it."""


def reranker(which: "str | Score | Reranker") -> Reranker:
    """The reranker of a spelling, or one made of a function of a query and texts.

    Spellings: ``python:MODULE:FUNCTION``, ``onnx:FOLDER``, ``sentence-transformers:MODEL``,
    ``rerank:MODEL?url=…``; each with options behind ``?``. They may run code and send texts to a
    server, so that only a person may name one: never a file.

    Raises
    ------
    SpellingError
        No such kind or option.
    MissingExtraError
        A library is missing; the message names the extra.
    EncoderError, FileError
        The model cannot be loaded, or what came is no reranker.

    Examples
    --------
    >>> reranker(lambda query, texts: [text.count(query) for text in texts])("a", ["banana"])
    [3]
    >>> reranker("use")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no reranker is called 'use'; there are python, onnx, ...
    """
    if isinstance(which, Reranker):
        return which
    if not isinstance(which, str):
        return _of_function(which, "")
    return load_adapted(read_spec(which), KINDS, "reranker")


def load_python(spec: Spec) -> Reranker:
    """Import a function of a query and texts, or a ``Reranker``; ``EncoderError`` if there is none.

    >>> load_python(Spec("python", "builtins:max")).spec
    'python:builtins:max'
    """
    value = imported(spec)
    if isinstance(value, Reranker):
        return replace(value, spec=str(spec))
    return _of_function(value, str(spec))


def _of_function(function: Any, spelling: str) -> Reranker:
    if isinstance(function, Encoder) or not callable(function):
        what = "an Encoder" if isinstance(function, Encoder) else described(function)
        raise EncoderError(
            f"{spelling or 'the reranker'} is {what}: a spelling such as rerank:MODEL?url=…, a "
            "Reranker, or a function of a query and a list of texts is due"
        )
    return Reranker(spec=spelling or spelling_of(function), scores=function)
