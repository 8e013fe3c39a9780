"""From files of texts or images to a space: what ``anglewise encode`` does with what was named."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anglewise.cli.talk import Talk
from anglewise.core.embeddings import Space
from anglewise.encoders.documents import beir_files, read_documents
from anglewise.encoders.encode import encode as encode_texts
from anglewise.encoders.images import encode_images, read_images
from anglewise.encoders.load import encoder as load
from anglewise.encoders.load import reads_images
from anglewise.encoders.passages import Chunking
from anglewise.errors import SpellingError


@dataclass(frozen=True)
class Named:
    """The files, and which of their columns hold what."""

    documents: Path
    queries: Path | None
    id_column: str | None
    text_column: str | None
    image_column: str | None


def encoded(
    named: Named,
    spelling: str,
    talk: Talk,
    *,
    chunk: Chunking,
    overlap: int | None,
    **settings: Any,
) -> Space:
    """Read both sides, load the encoder, encode; settings are those of texts and images alike."""
    if reads_images(spelling):
        if (chunk, overlap, named.text_column) != ("auto", None, None):
            raise SpellingError(
                "--chunk, --overlap and --text-column are about texts, and this encoder reads "
                "images: leave them out"
            )
        read: Callable[..., Any] = partial(read_images, image_column=named.image_column)
        work: Callable[..., Space] = encode_images
        files = (named.documents, named.queries)
    else:
        if named.image_column is not None:
            raise SpellingError(
                f"--image-column is about images, and {spelling} reads texts: take an encoder of "
                "images, such as onnx-images:FILE, or leave it out"
            )
        corpus, questions = beir_files(named.documents)
        read = partial(read_documents, text_column=named.text_column)
        files = (corpus, named.queries or questions)
        work = partial(encode_texts, chunk=chunk, overlap=overlap)
    with talk.progress("reading"):
        given: Any = read(files[0], id_column=named.id_column, say=talk.say)
        asked: Any = files[1] and read(files[1], id_column=named.id_column, say=talk.say)
    with talk.progress("loading the encoder"):
        model = load(spelling)
    with talk.progress("encoding") as progress:
        return work(given, model, queries=asked, say=talk.say, progress=progress, **settings)
