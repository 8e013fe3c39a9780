"""``sentence-transformers:MODEL``: a model of that library, with its own prompts."""

from functools import partial
from pathlib import Path
from typing import Any

from anglewise.core.embeddings import TrainedFor
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.library import library
from anglewise.encoders.spelling import Spec
from anglewise.encoders.weights import digest
from anglewise.errors import EncoderError, MissingExtraError, SpellingError

SAFE = 6
"""The first version that asks for ``trust_remote_code`` before it imports from a folder."""
PROMPTS = ("query", "document", "passage", "corpus")
KNOWN: dict[str, TrainedFor] = {"cosine": "cosine", "dot": "dot", "euclidean": "euclidean"}


def load(spec: Spec) -> Encoder:
    """Load a folder that sentence-transformers wrote, or a model of the hub by its name.

    Option: ``device`` (``cpu``, ``cuda``). Code that comes with a model is refused, which the
    library does from 6.0 on; before, it ran what lies in a folder. Where a model
    states its similarity, that is what it was trained for; behind a normalising layer an inner
    product is a cosine.
    """
    spec.only("device")
    if not spec.place:
        raise SpellingError(f"{spec.kind} needs a model: write {spec.kind}:FOLDER or NAME")
    kind: Any = _library().SentenceTransformer
    local = Path(spec.place).expanduser()
    place = str(local.resolve()) if local.is_dir() else spec.place
    try:
        model: Any = kind(place, device=spec.options.get("device"), trust_remote_code=False)
    except Exception as error:  # the hub and the readers below it raise anything
        why = " ".join(str(error).split())[:200] or type(error).__name__
        own = "trust_remote_code" in str(error)
        hint = "; code of a model is run as a function of yours, python:MODULE:FUNCTION"
        raise EncoderError(
            f"{spec}: no such model could be loaded ({why}){hint if own else ''}"
        ) from error
    layers = [type(layer).__name__ for layer in model]
    normalises = "Normalize" in layers
    how = {"batch_size": 32, "show_progress_bar": False, "convert_to_numpy": True}
    prompts: dict[str, str | None] = model.prompts or {}
    different = "Router" in layers or any(prompts.get(name) for name in PROMPTS)
    return Encoder(
        spec=str(Spec(spec.kind, place, spec.options)),
        documents=partial(model.encode_document, **how),
        queries=partial(model.encode_query, **how) if different else None,
        similarity=_similarity(model, normalises=normalises),
        normalises=normalises or None,
        window=_window(model, prompts),
        tokens=partial(_tokens, model.tokenizer),
        batch=256,
        identity=_identity(model, local, prompts),
    )


def _library() -> Any:
    """The library in a version that runs no code of a folder unasked."""
    found = library("sentence_transformers", "sentence-transformers")
    here = str(getattr(found, "__version__", "0"))
    major = here.partition(".")[0]
    if not major.isdecimal() or int(major) < SAFE:
        raise MissingExtraError(
            f"sentence-transformers {here} would run Python files that lie in a model's folder, "
            f"and {SAFE}.0 or later does not: pip install 'anglewise[sentence-transformers]'"
        )
    return found


def _similarity(model: Any, *, normalises: bool) -> TrainedFor:
    """What the model states; the library's own default, taken where it states nothing, is not."""
    stated = getattr(model, "_similarity_fn_name", None)
    stated = getattr(stated, "value", stated)
    if normalises and stated in {None, "dot", "cosine"}:
        return "cosine"
    return KNOWN.get(str(stated), "unknown")


def _window(model: Any, prompts: dict[str, str | None]) -> int | None:
    longest = model.max_seq_length
    if longest is None:
        return None
    count = getattr(model.tokenizer, "num_special_tokens_to_add", None)
    own = 0 if count is None else count(pair=False)
    said = [prompt for prompt in prompts.values() if prompt]
    return max(1, int(longest) - own - max(_tokens(model.tokenizer, said), default=0))


def _tokens(tokenizer: Any, texts: list[str]) -> list[int]:
    if not texts:
        return []
    if hasattr(tokenizer, "encode_batch"):  # of the library tokenizers, in static models
        return [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]
    found = tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)
    return [len(ids) for ids in found["input_ids"]]


def _identity(model: Any, local: Path, prompts: dict[str, str | None]) -> str:
    """A digest of a folder, or the commit of the hub; empty where neither is known."""
    if local.is_dir():
        kinds = {".safetensors", ".bin", ".json", ".txt", ".model"}
        files = sorted(f for f in local.rglob("*") if f.is_file() and f.suffix in kinds)
        weights = digest(files)
    else:
        settings = getattr(getattr(model[0], "auto_model", None), "config", None)
        weights = getattr(settings, "_commit_hash", None)
    return f"sentence-transformers {weights} {prompts}" if weights else ""
