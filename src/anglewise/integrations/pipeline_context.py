"""A context in plain types, for pipelines that are written to a file and loaded again.

A file names data and settings; it may come from a stranger. So it chooses an encoder as a space
does (see :mod:`anglewise.encoders.load`): one that reads numbers and words, or a server that the
environment names too; and a function where the framework's own rules let its module be loaded.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from anglewise.data_types.numbers import described
from anglewise.encoders.encoder import Encoder, Spec, read_spec
from anglewise.encoders.load import HARMLESS, UNNAMED, check_harmless
from anglewise.errors import EncoderError, SpellingError, WrongTypeError
from anglewise.nearest_neighbours.index import Index
from anglewise.rag.context import Context, estimate_tokens
from anglewise.rag.relevance import Relevance

PLAIN = (
    "budget_tokens",
    "threshold",
    "repeated",
    "diversity",
    "candidates",
    "text_column",
    "title_column",
)
"""Settings that are written as they are."""
KEYS = {"folder", "measure", "encoder", "relevance", *PLAIN}
FUNCTION = "python"


def context_settings(context: Context) -> dict[str, Any]:
    """A context in plain types, which :func:`context_of` reads.

    Raises ``SpellingError`` for what no file can hold: an index that lies in no folder as it is, an
    encoder or a counter of tokens that is a function without a name.
    """
    index, encoder = context.index, cast("Encoder", context.encoder)
    if not isinstance(index, Index) or index.folder is None:
        raise SpellingError(
            "the index of this context lies in no folder as it is now: save it first "
            "(index.save(folder))"
        )
    if context.tokens is not estimate_tokens:
        raise SpellingError(
            "this context counts tokens by a function of its own, which no file can hold"
        )
    kind = read_spec(encoder.spec).kind
    if encoder.spec == UNNAMED or kind not in {*HARMLESS, "openai", FUNCTION}:
        raise SpellingError(
            f"this context encodes prompts by {encoder.spec}, which no file may name: take an "
            f"encoder such as {', '.join(sorted(HARMLESS))}, or a function of a module"
        )
    return {
        "folder": index.folder,
        "measure": index.measure,
        "encoder": encoder.spec,
        "relevance": None if context.relevance is None else context.relevance.to_dict(),
        **{name: getattr(context, name) for name in PLAIN},
    }


def context_of(settings: Any, check_function: Callable[[Spec], object]) -> Context:
    """The context of some settings; ``check_function`` refuses functions that may not be loaded.

    Raises ``WrongTypeError`` or ``SpellingError`` for what are no settings of a context,
    ``EncoderError`` for an encoder that a file may not choose, ``FileError`` for a folder that is
    not there.
    """
    if not isinstance(settings, Mapping):
        raise WrongTypeError(f"the settings of a context are {described(settings)}: a dict is due")
    given = cast("Mapping[str, Any]", settings)
    if set(given) != KEYS:
        odd = sorted(map(str, set(given) ^ KEYS))
        raise SpellingError(
            f"the settings of a context lack or do not know {', '.join(odd)}: write them anew"
        )
    for name in ("folder", "measure", "encoder"):
        if not isinstance(given[name], str):
            raise WrongTypeError(f"{name} of a context is {described(given[name])}: a text is due")
    spec = read_spec(given["encoder"])
    if spec.kind == FUNCTION:
        check_function(spec)
    elif spec.kind in {*HARMLESS, "openai"}:
        check_harmless(spec)
    else:
        raise EncoderError(f"a file may not choose the encoder {spec}: build the context in Python")
    learned = given["relevance"]
    return Context(
        Index.load(given["folder"], given["measure"]),
        given["encoder"],
        relevance=None if learned is None else Relevance.from_dict(learned),
        **{name: given[name] for name in PLAIN},
    )
