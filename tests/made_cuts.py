"""Made documents in which it is known which characters answer a question, cut as one likes."""

from dataclasses import dataclass

import numpy as np

from anglewise import Space
from anglewise.encoders.encode import encode

WORDS = 400
DIMENSIONS = 48
_WORD_VECTORS = np.random.default_rng(7).standard_normal((WORDS, DIMENSIONS))


def word_vectors(texts):
    """The mean of fixed vectors of words, w0 to w399: an encoder whose figures never change."""
    rows = [[int(word.strip(".")[1:]) for word in text.split()] for text in texts]
    return np.array([_WORD_VECTORS[row].mean(axis=0) for row in rows])


@dataclass(frozen=True)
class MadeCorpus:
    """Documents, questions, and for each question where its answers stand: document, start, end."""

    documents: dict[str, str]
    queries: dict[str, str]
    answers: dict[str, list[tuple[str, int, int]]]

    def cut(self, size, overlap=0):
        """The space of the documents in passages of so many words; "none" leaves them whole."""
        overlap = None if size == "none" else overlap
        return encode(
            self.documents, word_vectors, queries=self.queries, chunk=size, overlap=overlap
        )

    def grade(self, query, document, start, end):
        """What a judge who reads these characters says: 1 where an answer stands, mostly."""
        return float(
            any(
                document == name and min(end, last) - max(start, first) >= (last - first) / 2
                for name, first, last in self.answers[query]
            )
        )


def made_corpus(seed, *, documents=40, sentences=60, queries=60, answers=2, length=9):
    """Documents of sentences of ``length`` words; so many of them are about a question's words."""
    rng = np.random.default_rng(seed)
    texts = [[rng.integers(0, WORDS, length) for _ in range(sentences)] for _ in range(documents)]
    asked, places = {}, {}
    taken = set()
    for number in range(queries):
        words = rng.integers(0, WORDS, 4)
        asked[f"q{number}"] = " ".join(f"w{word}" for word in words)
        places[f"q{number}"] = []
        for document in rng.permutation(documents)[:answers].tolist():
            sentence = int(rng.integers(sentences))
            while (document, sentence) in taken:
                sentence = int(rng.integers(sentences))
            taken.add((document, sentence))
            told = texts[document][sentence]
            told[rng.permutation(length)[: len(words)]] = words
            places[f"q{number}"].append((document, sentence))
    written, starts = {}, {}
    for number, text in enumerate(texts):
        parts = [" ".join(f"w{word}" for word in words) + "." for words in text]
        at = np.cumsum([0, *(len(part) + 1 for part in parts)])
        written[f"d{number}"] = " ".join(parts)
        starts[number] = [(int(a), int(a) + len(part)) for a, part in zip(at, parts, strict=False)]
    return MadeCorpus(
        written,
        asked,
        {
            query: [(f"d{document}", *starts[document][sentence]) for document, sentence in some]
            for query, some in places.items()
        },
    )


def passages(space: Space):
    """Id, document, start and end of every passage of a space."""
    about = space.items.metadata
    columns = (about[name] for name in ("document", "start", "end"))
    return list(zip(space.items.ids.tolist(), *columns, strict=True))
