"""What the files of a model say of its vectors: read as data, never run."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from anglewise.data_types.embeddings import TrainedFor
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import as_path, listed
from anglewise.encoders.encoder import read_spec
from anglewise.errors import FileError, SpellingError
from anglewise.io.files import PathLike, existing, existing_folder, file_text, reading, user_path
from anglewise.io.sizes import check_json_document

MODULES, SENTENCES = "modules.json", "config_sentence_transformers.json"
SETTINGS, CARD, MTEB = "config.json", "README.md", "model_meta.json"
POOLINGS = {
    "cls_token": "cls",
    "mean_tokens": "mean",
    "max_tokens": "max",
    "mean_sqrt_len_tokens": "mean over the root of the length",
    "weightedmean_tokens": "weighted mean",
    "lasttoken": "last token",
}
"""What follows ``pooling_mode_`` in the settings of a pooling layer, and how it is called here."""
ASKING = ("query", "question", "search_query", "retrieval.query", "s2p_query")
ANSWERING = ("document", "passage", "corpus", "search_document", "retrieval.passage")
SHORTER = re.compile(r"matryoshka_dim(?:ension)?s\W{1,8}\[([\d,\s]{1,400})\]")
"""A list of dimensions in a model card, as training writes it there."""


@dataclass(frozen=True)
class Declared:
    """What a model declares of its vectors, as far as its files say anything.

    Attributes
    ----------
    source
        The folder or the file.
    files
        The files that said something.
    similarity
        The name of the measure that it is made for.
    normalises
        Whether a layer brings its vectors to length one; None where no file lists the layers.
    pooling
        How the vectors of tokens become one.
    dimension, shorter
        Columns of its vectors, and to how many they may be cut (Matryoshka).
    window
        Tokens that it reads of a text.
    query_prompt, document_prompt
        What stands before a text that asks and one that is found.
    instructions
        Whether a card of MTEB says that texts need instructions.
    disagree
        A sentence for each thing on which its files differ.
    """

    source: str
    files: tuple[str, ...] = ()
    similarity: str | None = None
    normalises: bool | None = None
    pooling: str | None = None
    dimension: int | None = None
    shorter: tuple[int, ...] = ()
    window: int | None = None
    query_prompt: str = ""
    document_prompt: str = ""
    instructions: bool | None = None
    disagree: tuple[str, ...] = ()

    @property
    def asymmetric(self) -> bool:
        """Whether a text that asks is encoded in another way than one that is found."""
        return self.query_prompt != self.document_prompt

    @property
    def trained_for(self) -> TrainedFor:
        """The similarity that it counts as trained for: of vectors of length one, cosine."""
        if self.normalises and self.similarity in {None, "dot", "cosine"}:
            return "cosine"
        known: dict[str | None, TrainedFor] = {"cosine": "cosine", "dot": "dot"}
        known["euclidean"] = "euclidean"
        return known.get(self.similarity, "unknown")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            name: [*value] if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        said = [
            self.similarity,
            "length one" if self.normalises else None,
            None if self.pooling is None else f"{self.pooling} pooling",
            None if self.dimension is None else f"{self.dimension} dimensions",
            f"or {listed(map(str, self.shorter), 'or')} of them" if self.shorter else None,
            f"query prompt {shown(self.query_prompt)!r}" if self.query_prompt else None,
            f"document prompt {shown(self.document_prompt)!r}" if self.document_prompt else None,
            "instructions before texts" if self.instructions else None,
        ]
        return ", ".join(part for part in said if part)


@dataclass
class _Reading:
    """What was read so far: the first file that says a thing is believed, others may differ."""

    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    said_by: dict[str, str] = field(default_factory=dict[str, str])
    files: list[str] = field(default_factory=list[str])
    disagree: list[str] = field(default_factory=list[str])

    def say(self, file: str, **facts: Any) -> None:
        """Take over what a file says, where it says it."""
        for name, value in facts.items():
            if value is None or value in ("", ()):
                continue
            if file not in self.files:
                self.files.append(file)
            if self.facts.setdefault(name, value) != value:
                self.disagree.append(
                    f"{name}: {self.facts[name]} in {self.said_by[name]}, {value} in {file}"
                )
            self.said_by.setdefault(name, file)


def read_declared(path: PathLike) -> Declared:
    """Read what a model declares of its vectors; nothing of it is loaded or run.

    ``path`` is a folder that sentence-transformers wrote, an ONNX file or a folder of one that
    such files lie beside (as its exporters leave them), or a ``model_meta.json`` as MTEB writes it.
    Read are the list of layers, the similarity, the prompts, the pooling, the dimensions, also
    shorter ones, and the window. Raises ``FileError`` where nothing of it is there, or is broken.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "config_sentence_transformers.json").write_text(
    ...     '{"similarity_fn_name": "dot", "prompts": {"query": "query: "}}'
    ... )
    >>> declared = read_declared(folder)
    >>> declared.similarity, declared.query_prompt, declared.normalises
    ('dot', 'query: ', None)
    """
    given = existing(user_path(as_path(path, "a model")))
    found = _Reading()
    for folder, names in _places(given):
        for name in names:
            READERS[name](folder, found)
    declared = Declared(
        source=str(given),
        files=tuple(found.files),
        disagree=tuple(found.disagree),
        **found.facts,
    )
    if not found.files:
        raise FileError(
            f"{given} says nothing of a model's vectors: a folder that sentence-transformers "
            f"wrote ({MODULES}, {SENTENCES}), an ONNX file with these beside it, or MTEB's {MTEB} "
            "is due"
        )
    return declared


LOCAL = {"onnx", "sentence-transformers", "model2vec"}
"""The kinds of encoders that are files."""


def declared_beside(spelling: str) -> Declared | None:
    """What the files of an encoder say, where it is files of this machine and they say anything.

    >>> declared_beside("use") is None
    True
    """
    try:
        spec = read_spec(spelling)
    except SpellingError:  # an encoder of somebody's own is called as they like
        return None
    if spec.kind not in LOCAL or not spec.source:
        return None
    path = user_path(spec.source)
    try:
        is_there = path.exists()
    except OSError:  # a name too long, which its loader refuses
        return None
    if not is_there or not any(here for _, here in _places(path)):
        return None
    try:
        return read_declared(path)
    except FileError:  # nothing there speaks of vectors, or is broken: its loader says so
        return None


def used_otherwise(spelling: str, declared: Declared | None, *, asked: bool) -> list[str]:
    """A sentence for each thing in which an encoder is not used as its own files say.

    Only ONNX files are meant: pooling and prompts are the user's there. ``asked`` says whether
    there are queries, for which a prompt would be missed.

    >>> model = Declared("e5", pooling="cls", query_prompt="query: ")
    >>> used_otherwise("onnx:e5.onnx", model, asked=False)
    ['onnx:e5.onnx: its files say cls pooling, and mean is taken: pooling=cls']
    """
    if declared is None or (spec := read_spec(spelling)).kind != "onnx":
        return []
    taken = spec.options.get("pooling", "mean")
    doubts: list[str] = []
    if declared.pooling not in {None, taken} and taken != "none":
        option = f": pooling={declared.pooling}" if declared.pooling in {"mean", "cls"} else ""
        doubts.append(
            f"{spec}: its files say {declared.pooling} pooling, and {taken} is taken{option}"
        )
    for side, prompt in (("query", declared.query_prompt), ("document", declared.document_prompt)):
        name = f"{side}_prompt"
        given = spec.options.get(name)
        if prompt and given != prompt and (asked or side == "document"):
            before = "nothing" if not given else f"{shown(given)!r}"
            doubts.append(
                f"{spec}: its files say that {shown(prompt)!r} stands before a {side}, and "
                f"{before} is put there: {name}={shown(prompt)}"
            )
    return doubts


def _places(given: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folders to be read, and the names of what lies there."""
    if given.is_file() and given.suffix == ".json":
        name = MTEB if given.name not in READERS else given.name
        if given.name != name:
            raise FileError(f"{given.name} is none of {listed(READERS, 'or')}: name one of these")
        yield given.parent, [name]
        return
    if given.is_file() and given.suffix == ".onnx":
        folders = [given.parent, given.parent.parent]
    else:
        folders = [existing_folder(given)]
    for folder in folders:
        here = [name for name in READERS if (folder / name).is_file()]
        if here:
            yield folder, here
        if MODULES in here or SENTENCES in here:
            return


def _object(file: Path) -> dict[str, Any]:
    """An object of JSON; ``FileError`` where the file holds anything else."""
    with reading(file, "settings of a model"):
        text = file_text(file)
        check_json_document(file, text.encode())
        content: Any = json.loads(text)
    if not isinstance(content, dict):
        raise FileError(f"{file} holds {type(content).__name__}, where an object is due")
    return cast("dict[str, Any]", content)


def _layers(folder: Path, found: _Reading) -> None:
    """``modules.json``: the layers in their order, each with the folder of its settings."""
    file = folder / MODULES
    with reading(file, "a list of layers"):
        text = file_text(file)
        check_json_document(file, text.encode())
        layers = [(str(m["type"]).rpartition(".")[2], str(m["path"])) for m in json.loads(text)]
    found.say(MODULES, normalises=any(name == "Normalize" for name, _ in layers))
    for kind, place in layers:
        if place and (Path(place).is_absolute() or ".." in Path(place).parts or "\\" in place):
            raise FileError(f"{file} names a folder outside of the model: {shown(place)}")
        settings = folder / place / SETTINGS
        with reading(file, "a list of layers"):  # a name may be longer than any disk has
            is_there = settings.is_file()
        if kind in {"Pooling", "Dense"} and is_there:
            _layer(kind, settings, f"{place}/{SETTINGS}", found)
    if (width := found.facts.pop("dense", None)) is not None:  # behind the pooling
        found.facts["dimension"] = width
    for file in sorted(folder.glob("sentence_*_config.json")):
        found.say(file.name, window=_count(_object(file).get("max_seq_length")))


def _layer(kind: str, settings: Path, name: str, found: _Reading) -> None:
    content = _object(settings)
    if kind == "Dense":
        found.facts["dense"] = _count(content.get("out_features"))
        return
    modes = [word for mode, word in POOLINGS.items() if content.get(f"pooling_mode_{mode}") is True]
    width = _count(content.get("word_embedding_dimension"))
    stated = content.get("pooling_mode")
    found.say(
        name,
        pooling=" and ".join(modes) or (stated if isinstance(stated, str) else None),
        dimension=None if width is None else width * max(1, len(modes)),
    )


def _sentence_settings(folder: Path, found: _Reading) -> None:
    content = _object(folder / SENTENCES)
    cut = _count(content.get("truncate_dim"))
    found.say(
        SENTENCES,
        similarity=_word(content.get("similarity_fn_name")),
        shorter=() if cut is None else (cut,),
        **_prompts(content),
    )


def _prompts(content: Mapping[str, Any]) -> dict[str, str]:
    """The prompts of both sides; the default one is that of a side that has none of its own."""
    stated: Any = content.get("prompts")
    if not isinstance(stated, dict):
        return {}
    prompts = cast("dict[str, Any]", stated)
    usual = prompts.get(str(content.get("default_prompt_name")))
    sides = {"query_prompt": ASKING, "document_prompt": ANSWERING}
    said = {
        side: next((prompts[name] for name in names if prompts.get(name)), usual)
        for side, names in sides.items()
    }
    return {side: prompt for side, prompt in said.items() if isinstance(prompt, str)}


def _model_settings(folder: Path, found: _Reading) -> None:
    content = _object(folder / SETTINGS)
    shorter: Any = content.get("matryoshka_dimensions") or content.get("matryoshka_dims")
    sizes = cast("list[Any]", shorter) if isinstance(shorter, list) else []
    found.say(SETTINGS, shorter=_sizes(map(_count, sizes)))
    if "dimension" not in found.facts:
        found.say(SETTINGS, dimension=_count(content.get("hidden_size")))


def _card(folder: Path, found: _Reading) -> None:
    with reading(folder / CARD, "a model card"):
        text = file_text(folder / CARD)
    if (sizes := SHORTER.search(text)) is not None:
        shorter = _sizes(_count(int(word)) for word in re.findall(r"\d{1,6}", sizes[1]))
        if not found.facts.get("shorter"):
            found.say(CARD, shorter=shorter)


def _of_mteb(folder: Path, found: _Reading) -> None:
    content = _object(folder / MTEB)
    needed = content.get("use_instructions")
    found.say(
        MTEB,
        similarity=_word(content.get("similarity_fn_name")),
        dimension=_count(content.get("embed_dim")),
        window=_count(content.get("max_tokens")),
        instructions=needed if isinstance(needed, bool) else None,
    )


def _word(value: Any) -> str | None:
    """The name of a measure, without the class that some versions write before it.

    >>> _word("ScoringFunction.DOT_PRODUCT"), _word("cos_sim"), _word(None)
    ('dot', 'cosine', None)
    """
    if not isinstance(value, str):
        return None
    word = value.rpartition(".")[2].lower()
    return {"dot_product": "dot", "cos_sim": "cosine", "cosine_similarity": "cosine"}.get(
        word, word
    )


def _count(value: Any) -> int | None:
    """A whole number above 0; None for anything else, as for a window without end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < 1e9 and value == int(value) else None


def _sizes(sizes: Any) -> tuple[int, ...]:
    return tuple(sorted({size for size in sizes if size is not None}, reverse=True))


READERS = {
    MODULES: _layers,
    SENTENCES: _sentence_settings,
    SETTINGS: _model_settings,
    CARD: _card,
    MTEB: _of_mteb,
}
"""The files that are read, in the order of how much they are believed."""
