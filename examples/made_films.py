"""Make films, questions and judgements in which a frame matters: films/ and qrels.tsv.

All vectors share an offset, as those of many encoders do, and have lengths that mean nothing; what
is relevant follows the angles about the mean.
"""

from pathlib import Path

import numpy as np

import anglewise as aw

FILMS, QUESTIONS, DIMENSION = 800, 150, 32


def main() -> None:
    """Write both beside where one stands."""
    rng = np.random.default_rng(0)
    films = rng.normal(size=(FILMS, DIMENSION))
    questions = rng.normal(size=(QUESTIONS, DIMENSION))
    angles = (questions @ films.T) / np.linalg.norm(films, axis=1)
    relevant = np.argsort(-(angles + 0.8 * rng.normal(size=angles.shape)), axis=1)[:, :10]
    offset = 1.5 * rng.normal(size=DIMENSION)
    space = aw.Space(
        queries=aw.Embeddings(questions + offset, [f"question-{i}" for i in range(QUESTIONS)]),
        items=aw.Embeddings(
            films * rng.lognormal(0, 0.3, (FILMS, 1)) + offset, [f"film-{i}" for i in range(FILMS)]
        ),
    )
    aw.write_space(space, "films")
    lines = [f"question-{q} 0 film-{i} 1" for q, row in enumerate(relevant) for i in row]
    Path("qrels.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
