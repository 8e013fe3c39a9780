"""Text encoders from libraries, model2vec, word vectors, sentence-transformers; its rerankers."""

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.libraries import library
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.numbers import shown
from anglewise.data_types.typing import Array, Float32
from anglewise.encoders.encoder import Encoder, Spec, check_lengths, digest
from anglewise.encoders.reranker import Reranker
from anglewise.encoders.tokenizer_files import check_tokenizer, encodings_of, panics_as_errors
from anglewise.errors import EncoderError, FileError, MissingExtraError, SpellingError, reason
from anglewise.io.files import existing_file, is_folder, user_path
from anglewise.io.vectors import read_vectors

FLOAT = 8
"""Bytes of a number of a token's vector while they are summed, with what stands beside."""


def load_model2vec(spec: Spec) -> Encoder:
    """Load a folder that model2vec wrote, or a model of the hub by its name.

    Option: ``dimensions``, to keep the first ones only. These models are distilled for cosine, and
    their ``normalize`` setting tells whether vectors have length one. All of a text is read; the
    library's default would stop after ``max_length`` tokens.
    """
    spec.only("dimensions")
    if not spec.source:
        raise SpellingError("model2vec needs a model: write model2vec:FOLDER or model2vec:NAME")
    static: Any = library("model2vec", "model2vec").StaticModel
    source, panics = _folder_or_name(spec), nullcontext()
    if is_folder(Path(source)):
        panics = panics_as_errors(Path(source))
        _check_files(Path(source))
        if (tokenizer := Path(source) / "tokenizer.json").is_file():
            check_tokenizer(tokenizer)
    try:
        with panics:
            model: Any = static.from_pretrained(
                source, dimensionality=spec.number("dimensions"), force_download=False
            )
    except Exception as error:  # the hub and the readers below it raise anything
        why = reason(error)
        raise EncoderError(f"{spec}: no model2vec model could be loaded ({why})") from error

    def encode(texts: list[str]) -> Any:
        check_lengths(texts, tokens, FLOAT * int(model.dim))
        # the tokenizer uses threads of its own; more processes would only wait for them
        return model.encode(
            texts, max_length=None, batch_size=max(1, len(texts)), use_multiprocessing=False
        )

    def tokens(texts: list[str]) -> list[int]:
        plain: Any = model.tokenizer
        plain.no_truncation()
        encodings = encodings_of(plain, texts, special=False)
        return [len(encoding.ids) for encoding in encodings]

    return Encoder(
        spec=str(Spec("model2vec", source, spec.options)),
        documents=encode,
        similarity="cosine",
        normalises=bool(model.normalize),
        tokens=tokens,
        batch=1024,
        identity=f"model2vec {_digest(model)}",
    )


LONGEST_NAME = 200
"""Letters of a model's name on the hub, which takes 96."""


def _folder_or_name(spec: Spec) -> str:
    """The whole path of a folder that is there, else a name of the hub."""
    local = user_path(spec.source)
    if is_folder(local):
        return str(local.absolute())
    if len(spec.source) > LONGEST_NAME:
        raise EncoderError(
            f"{spec.kind}: {shown(spec.source)} has {len(spec.source):,} letters, and is neither a "
            "folder nor a name that a model of the hub can have: mend it"
        )
    return spec.source


def _check_files(folder: Path) -> None:
    """Refuse pipes, for which a library waits without end, and what no memory holds."""
    for file in sorted(folder.iterdir()):
        if file.is_file() or (file.exists() and not file.is_dir()):
            size = existing_file(file).stat().st_size
            if size > room():
                raise FileError(
                    f"{file} has {words(size)}, and {words(room())} are allowed: if it is right, "
                    f"allow more: {VARIABLE}={words(2 * size).replace(' ', '')}"
                )


def _digest(model: Any) -> str:
    checksum = hashlib.sha256()
    for array in (model.embedding, model.weights, model.token_mapping):
        if array is not None:
            checksum.update(np.ascontiguousarray(array).tobytes())
    checksum.update(model.tokenizer.to_str().encode())
    checksum.update(f"{model.normalize}".encode())
    return checksum.hexdigest()[:16]


WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # noqa: RUF001 the apostrophe that texts use


def load_words(spec: Spec) -> Encoder:
    """Load word vectors, in word2vec's formats or any other file of vectors.

    Options: ``words`` (a file of the words, where the vectors come without), ``pool`` (``mean`` or
    ``sum``), ``case`` (``lower`` by default, as in GloVe; ``keep``). A word that is not in the file
    is split at its apostrophes, and skipped if its parts are not there either; a text without any
    known word has the zero vector. Means of words were not trained, so the similarity is unknown.
    """
    spec.only("words", "pool", "case")
    path = spec.file()
    names = spec.options.get("words")
    pool = spec.one_of("pool", ("mean", "sum"), "mean")
    lower = spec.one_of("case", ("lower", "keep"), "lower") == "lower"
    words = None if names is None else existing_file(user_path(names))
    table = read_vectors(path, "items", ids=words)
    rows, vectors = table.row_of, table.vectors

    def encode(texts: list[str]) -> Float32[Array, "texts d"]:
        check_lengths(texts, tokens, FLOAT * vectors.shape[1])
        return np.stack(
            [_pooled(_word_rows(text, rows, lower=lower), vectors, pool) for text in texts]
        )

    def tokens(texts: list[str]) -> list[int]:
        return [len(WORD.findall(text)) for text in texts]

    files = [path] if words is None else [path, words]
    options = dict(spec.options) | ({} if words is None else {"words": str(words.absolute())})
    return Encoder(
        spec=str(Spec("words", str(path.absolute()), options)),
        documents=encode,
        tokens=tokens,
        normalises=False,
        identity=f"words {digest(files)} {pool} lower={lower}",
    )


def _word_rows(text: str, rows: Mapping[str, int], *, lower: bool) -> list[int]:
    word_rows: list[int] = []
    for word in WORD.findall(text.lower() if lower else text):
        row = rows.get(word)
        if row is not None:
            word_rows.append(row)
        elif len(word) > 1:  # don't -> don t
            parts = [rows.get(part) for part in re.split(r"['’]", word)]  # noqa: RUF001
            word_rows += [part for part in parts if part is not None]
    return word_rows


def _pooled(rows: list[int], vectors: Float32[Array, "words d"], pool: str) -> Array:
    word_vectors: Array = vectors[rows]
    total: Array = word_vectors.sum(axis=0)  # of no word: zeros
    return total / np.float32(max(1, len(rows))) if pool == "mean" else total


SAFE = 6
"""The first major version that imports code from a folder only with ``trust_remote_code``."""
PROMPTS = ("query", "document", "passage", "corpus")
KNOWN: dict[str, TrainedFor] = {"cosine": "cosine", "dot": "dot", "euclidean": "euclidean"}


def load_sentence_transformer(spec: Spec) -> Encoder:
    """Load a folder that sentence-transformers wrote, or a model of the hub by its name.

    Option: ``device`` (``cpu``, ``cuda``). Code that comes with a model is refused; versions before
    6.0 would run it, and are refused too. Where a model states its similarity, it counts as trained
    for that; with a normalising layer at its end an inner product is a cosine.
    """
    spec.only("device")
    if not spec.source:
        raise SpellingError(f"{spec.kind} needs a model: write {spec.kind}:FOLDER or NAME")
    local, source = user_path(spec.source), _folder_or_name(spec)
    model = _loaded(_library().SentenceTransformer, source, spec)
    layers = [type(layer).__name__ for layer in model]
    normalises = "Normalize" in layers
    settings = {"batch_size": 32, "show_progress_bar": False, "convert_to_numpy": True}
    prompts: dict[str, str | None] = model.prompts or {}
    different = "Router" in layers or any(prompts.get(name) for name in PROMPTS)
    return Encoder(
        spec=str(Spec(spec.kind, source, spec.options)),
        documents=partial(model.encode_document, **settings),
        queries=partial(model.encode_query, **settings) if different else None,
        similarity=_similarity(model, normalises=normalises),
        normalises=normalises or None,
        window=_window(model, prompts),
        tokens=partial(_tokens, model.tokenizer),
        batch=256,
        identity=_identity(model, local, prompts),
    )


def _loaded(kind: Any, source: str, spec: Spec) -> Any:
    """A model of the library; its code is never run. Raises ``EncoderError`` where none loads."""
    try:
        return kind(source, device=spec.options.get("device"), trust_remote_code=False)
    except Exception as error:  # the hub and the readers below it raise anything
        why = reason(error)
        needs_code = "trust_remote_code" in str(error)
        hint = "; code of a model is run as a function of yours, python:MODULE:FUNCTION"
        raise EncoderError(
            f"{spec}: no such model could be loaded ({why}){hint if needs_code else ''}"
        ) from error


def load_cross_encoder(spec: Spec) -> Reranker:
    """Load a cross-encoder that sentence-transformers wrote, or one of the hub by its name.

    Option: ``device`` (``cpu``, ``cuda``). Code that comes with a model is refused, as in
    ``load_sentence_transformer``.
    """
    spec.only("device")
    if not spec.source:
        raise SpellingError(f"{spec.kind} needs a model: write {spec.kind}:FOLDER or NAME")
    local, source = user_path(spec.source), _folder_or_name(spec)
    model = _loaded(_library().CrossEncoder, source, spec)
    longest = getattr(model, "max_seq_length", None)
    tokenizer: Any = getattr(model, "tokenizer", None)
    if not hasattr(tokenizer, "num_special_tokens_to_add"):  # it is no tokenizer of texts alone
        longest = None

    def scores(query: str, texts: list[str]) -> Any:
        pairs = [(query, text) for text in texts]
        return model.predict(pairs, batch_size=32, show_progress_bar=False, convert_to_numpy=True)

    def tokens(query: str, texts: list[str]) -> list[int]:
        pairs: Any = tokenizer([query] * len(texts), texts, truncation=False, verbose=False)
        return list(map(len, pairs["input_ids"]))

    weights = digest(_weight_files(local)) if is_folder(local) else _commit(model)
    return Reranker(
        spec=str(Spec(spec.kind, source, spec.options)),
        scores=scores,
        identity=f"sentence-transformers cross-encoder {weights}" if weights else "",
        window=None if longest is None else int(longest),
        tokens=None if longest is None else tokens,
    )


def _commit(model: Any) -> str:
    """The hub's commit of a cross-encoder's weights; empty where the library does not say it."""
    return str(getattr(getattr(model, "config", None), "_commit_hash", None) or "")


def _library() -> Any:
    """The library, in a version that does not run code from a model's folder unasked."""
    module = library("sentence_transformers", "sentence-transformers")
    installed = str(getattr(module, "__version__", "0"))
    major = installed.partition(".")[0]
    if not major.isdecimal() or int(major) < SAFE:
        raise MissingExtraError(
            f"sentence-transformers {installed} would run Python files that lie in a model's "
            f"folder, and {SAFE}.0 or later does not: pip install "
            "'anglewise[sentence-transformers]'"
        )
    return module


def _similarity(model: Any, *, normalises: bool) -> TrainedFor:
    """The similarity that the model states; the library's default does not count as stated."""
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
    added = 0 if count is None else count(pair=False)
    used_prompts = [prompt for prompt in prompts.values() if prompt]
    return max(1, int(longest) - added - max(_tokens(model.tokenizer, used_prompts), default=0))


def _tokens(tokenizer: Any, texts: list[str]) -> list[int]:
    if not texts:
        return []
    if hasattr(tokenizer, "encode_batch"):  # of the library tokenizers, in static models
        return [len(encoding.ids) for encoding in encodings_of(tokenizer, texts, special=False)]
    encodings = tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)
    return [len(ids) for ids in encodings["input_ids"]]


WEIGHTS = {".safetensors", ".bin", ".json", ".txt", ".model"}


def _weight_files(folder: Path) -> list[Path]:
    """The files that make a model what it is, also those in folders behind links."""
    files: list[Path] = []
    visited: set[str] = set()  # links may lead in a circle
    for inside, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(inside) in visited:
            folders.clear()
            continue
        visited.add(os.path.realpath(inside))
        files += [Path(inside, name) for name in names]
    return sorted(file for file in files if file.is_file() and file.suffix in WEIGHTS)


def _identity(model: Any, local: Path, prompts: dict[str, str | None]) -> str:
    """The identity of the weights, by the digest of a folder or the hub's commit; else empty."""
    if is_folder(local):
        weights = digest(_weight_files(local))
    else:
        settings = getattr(getattr(model[0], "auto_model", None), "config", None)
        weights = getattr(settings, "_commit_hash", None)
    return f"sentence-transformers {weights} {prompts}" if weights else ""
