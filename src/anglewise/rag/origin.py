"""Where a calibration comes from: scores of another space or encoder say nothing about it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any, cast

from anglewise.data_types.conversion import BLOCK
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.encoders.encoder import Encoder
from anglewise.encoders.load import UNNAMED
from anglewise.errors import SpellingError

ANEW = "learn it anew (anglewise calibrate)"


def fingerprint(items: Embeddings) -> str:
    """A digest of the vectors and ids of some items, in their order; metadata is not in it.

    >>> films = Embeddings([[1.0, 2.0]], ["heat"])
    >>> fingerprint(films) == fingerprint(Embeddings([[1.0, 2.0]], ["heat"], {"year": [1995]}))
    True
    >>> fingerprint(films) == fingerprint(Embeddings([[1.0, 2.0]], ["alien"]))
    False
    """
    digest = blake2b(repr(items.vectors.shape).encode(), digest_size=8)
    for start in range(0, len(items), BLOCK):
        digest.update(items.vectors[start : start + BLOCK].astype("<f4").data)
    digest.update(json.dumps(items.ids.tolist()).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Origin:
    """The space whose scores were judged, and the encoder of its questions.

    Attributes
    ----------
    fingerprint
        Of the items' vectors and ids.
    items, dimension
        How many items there were, and the length of their vectors.
    name
        What the space was called, for messages; None where it had no name.
    encoder, identity
        The spelling of the encoder and what identifies its weights; None where that is not known.
    """

    fingerprint: str
    items: int
    dimension: int
    name: str | None = None
    encoder: str | None = None
    identity: str | None = None

    @staticmethod
    def of(space: Space, items: Embeddings | None = None, name: str | None = None) -> "Origin":
        """The origin of scores of a space; ``items`` are those searched, if not all of its own."""
        searched = space.items if items is None else items
        encoder, encoding = space.about.get("encoder"), space.about.get("encoding")
        known = isinstance(encoder, str) and encoder != UNNAMED
        about = cast("dict[str, Any]", encoding) if isinstance(encoding, dict) else {}
        identity = about.get("identity")
        return Origin(
            fingerprint(searched),
            len(searched),
            searched.dimension,
            name,
            encoder if known else None,
            identity if known and isinstance(identity, str) and identity else None,
        )

    def __str__(self) -> str:
        called = self.name or "a space without a name"
        by = f" encoded by {self.encoder}" if self.encoder else ""
        shape = f"{self.items:,} x {self.dimension}, fingerprint {self.fingerprint}"
        return f"{called}{by} ({shape})"

    def asked_by(self, encoder: Encoder) -> "Origin":
        """The origin with the encoder of its questions, where the space does not name it."""
        if self.encoder is not None or encoder.spec == UNNAMED:
            return self
        return replace(self, encoder=encoder.spec, identity=encoder.identity or None)

    def check_items(self, items: Embeddings, name: str | None = None) -> None:
        """Raise ``SpellingError`` if the items are not those that were judged."""
        here = fingerprint(items)
        if here != self.fingerprint:
            shape = f"{len(items):,} x {items.dimension}, fingerprint {here}"
            raise SpellingError(
                f"relevance was learned from the scores of {self}, and this is "
                f"{name or 'another space'} ({shape}): {ANEW}"
            )

    def check_encoder(self, encoder: Encoder) -> None:
        """Raise ``SpellingError`` if it is known that another encoder made the questions.

        Weights decide where both are known; spellings where one is not.
        """
        if self.encoder is None or encoder.spec == UNNAMED:
            return
        known = self.identity and encoder.identity
        same = encoder.identity == self.identity if known else encoder.spec == self.encoder
        if not same:
            weights = ", of other weights" if encoder.spec == self.encoder else ""
            raise SpellingError(
                f"relevance was learned from the scores of {self}, and {encoder.spec}{weights} is "
                f"to encode the questions: {ANEW}, or take that encoder"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, which :meth:`from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Origin":
        """Read the result of :meth:`to_dict`; ``ValueError`` or ``KeyError`` for anything else."""
        words = {name: content[name] for name in ("name", "encoder", "identity")}
        counts = [content["items"], content["dimension"]]
        if not isinstance(content["fingerprint"], str) or not all(
            word is None or isinstance(word, str) for word in words.values()
        ):
            raise ValueError("the space that it belongs to is not described by words")
        if not all(type(count) is int and count > 0 for count in counts):
            raise ValueError(f"the space that it belongs to is {counts[0]} x {counts[1]}")
        return cls(content["fingerprint"], *counts, **words)
