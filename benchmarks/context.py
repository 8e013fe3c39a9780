"""What ``Context`` adds to a search: passages chosen, weighed and fitted to a budget.

    python benchmarks/context.py [--items 100000] [--dimensions 384] [--prompts 30]

Items are random unit vectors with texts of 150 words drawn from the words of the demo; relevance is
learned from made-up judgements. Medians over prompts of milliseconds by the clock: the search of
the index for as many items as the context looks at; the whole context; and what the context does
beside the search, on an index that gives the same answer at once (two long times that differ by a
short one would not tell it), as CPU time of its one thread, so that other work on the machine does
not count. The encoder is a look-up; yours adds its own time. The
ratio is that of the search with what is added to the search alone; the last column says whether
the goal of 5 ms was reached.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

from anglewise.data_types.embeddings import Embeddings
from anglewise.nearest_neighbours.index import Answering, Hit, Index, Where
from anglewise.rag.context import Context
from anglewise.rag.relevance import Relevance, relevance_of
from anglewise.rag.thresholds import ScoredQuestions

GOAL = 5.0
WORDS, DIFFERENT = 150, 2000


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--prompts", type=int, default=30)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    index = made(rng, options.items, options.dimensions)
    prompts = {
        f"prompt {i}": v.astype(np.float32)
        for i, v in enumerate(rng.standard_normal((options.prompts, options.dimensions)))
    }

    def encoder(texts: list[str]) -> list[np.ndarray]:
        return [prompts[text] for text in texts]

    weighed = Context(index, encoder, relevance=learned(rng), threshold=0.0)
    varied = replace(weighed, diversity=0.3)
    contexts = {
        "2,000 tokens": Context(index, encoder),
        "8,000 tokens": Context(index, encoder, budget_tokens=8000),
        "relevance": weighed,
        "diversity": varied,
        "diversity, 8,000": replace(varied, budget_tokens=8000),
    }
    print(f"{options.items:,} items x {options.dimensions}, medians over {options.prompts} prompts")
    heads = (
        f"{'search ms':>10s} {'context ms':>11s} {'added ms':>9s} {'ratio':>6s} {'passages':>9s}"
    )
    print(f"{'':16s} {heads}  goal")
    for title, context in contexts.items():
        line(title, context, list(prompts))


def line(title: str, context: Context, prompts: list[str]) -> None:
    """Time one context."""
    taken: dict[str, list[float]] = {"search": [], "context": [], "added": []}
    for prompt in prompts:
        vector = context.vector(prompt)
        found = context.index.search(vector, context.candidates)
        at_once = replace(context, index=Known(context.index, found))
        ways: dict[str, Callable[[], object]] = {
            "search": lambda vector=vector: context.index.search(vector, context.candidates),
            "context": lambda prompt=prompt: context(prompt),
            "added": lambda prompt=prompt, at_once=at_once: at_once(prompt),
        }
        for name, way in ways.items():
            clock = time.thread_time if name == "added" else time.perf_counter
            start = clock()
            way()
            taken[name].append(1e3 * (clock() - start))
    given = len(context(prompts[0]))
    search, whole, added = (statistics.median(times) for times in taken.values())
    print(
        f"{title:16s} {search:10.1f} {whole:11.1f} {added:9.2f} {1 + added / search:6.3f} "
        f"{given:9d}  "
        f"{'yes' if added < GOAL else 'NO'}"
    )


@dataclass(frozen=True)
class Known:
    """An index that gives one answer, at once."""

    index: Answering
    found: list[list[Hit]]

    @property
    def measure(self) -> str:
        """The measure of the index."""
        return self.index.measure

    @property
    def dimension(self) -> int:
        """The dimension of the index."""
        return self.index.dimension

    def __len__(self) -> int:
        return len(self.index)

    def search(
        self, vectors: ArrayLike, k: int = 10, *, where: Where | None = None
    ) -> list[list[Hit]]:
        """The answer."""
        del vectors, k, where
        return self.found

    def vectors(self, ids: Iterable[str]) -> np.ndarray:
        """The vectors of the index."""
        return self.index.vectors(ids)


def made(rng: np.random.Generator, items: int, dimensions: int) -> Index:
    """An index with texts, of which as many differ as matter for a prompt."""
    words = sorted(set((files("anglewise") / "demo/retrieval/corpus.jsonl").read_text().split()))
    texts = [" ".join(rng.choice(words, WORDS)) for _ in range(DIFFERENT)]
    vectors = rng.standard_normal((items, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    about = {"text": [texts[i % DIFFERENT] for i in range(items)]}
    return Index(Embeddings(vectors, metadata=about), "cosine")


def learned(rng: np.random.Generator) -> Relevance:
    """Probabilities that rise with the score."""
    scores = rng.uniform(0.0, 0.4, 10_000)
    relevant = rng.random(10_000) < 0.5 + scores
    evidence = ScoredQuestions(np.repeat(np.arange(200), 50), scores, relevant)
    return relevance_of(evidence, "cosine")


if __name__ == "__main__":
    main()
