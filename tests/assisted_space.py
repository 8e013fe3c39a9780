"""A space whose texts say how relevant they are, graded by a model and by people."""

import csv
import io
import re

import numpy as np

from anglewise import Embeddings, Space, write_space

QUERIES, ITEMS, DIMENSIONS = 40, 160, 8
MEASURES = "dot,cosine"


def made_space(folder, queries=QUERIES, seed=0):
    """Write it; give the grade of each pair, by ids: by cosine, and noise."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(ITEMS, DIMENSIONS)) * rng.lognormal(0, 0.8, size=(ITEMS, 1))
    asks = rng.normal(size=(queries, DIMENSIONS))
    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    near = asks / np.linalg.norm(asks, axis=1, keepdims=True) @ unit.T
    near += rng.normal(0, 0.25, size=near.shape)
    grades = np.digitize(near, [0.55, 0.75, 0.95])
    space = Space(
        queries=Embeddings(
            asks,
            [f"q{row}" for row in range(queries)],
            metadata={"text": [f"question {row}" for row in range(queries)]},
        ),
        items=Embeddings(
            items,
            [f"d{row}" for row in range(ITEMS)],
            metadata={"text": [f"document {row}" for row in range(ITEMS)]},
        ),
    )
    write_space(space, folder)
    return {
        (f"q{row}", f"d{column}"): int(grades[row, column])
        for row in range(queries)
        for column in range(ITEMS)
    }


def texts_in(prompt):
    """Which pair a prompt is about."""
    query = re.search(r"question (\d+)", prompt)[1]
    return f"q{query}", f"d{re.search(r'document ([0-9]+)', prompt)[1]}"


def judge_that_errs(truth, accuracy=0.8, seed=1):
    """A grader that is right so often, and else gives any other grade."""
    rng = np.random.default_rng(seed)
    said = {
        pair: grade if rng.random() < accuracy else int((grade + rng.integers(1, 4)) % 4)
        for pair, grade in truth.items()
    }
    return lambda prompt: said[texts_in(prompt)]


def fill_in(file, truth, leave=0):
    """Grade the pairs of a table as people would, but for so many."""
    names, *rows = csv.reader(io.StringIO(file.read_text()))
    for row in rows[: len(rows) - leave]:
        row[names.index("grade")] = str(truth[row[0], row[1]])
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *rows])
    file.write_text(text.getvalue())
    return len(rows)
