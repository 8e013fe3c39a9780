"""Labels that may be several in one, or say that there is none: told, and taken as they stand."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.io.item_sets import read_item_sets

SPACE = aw.Space(items=aw.Embeddings(np.eye(4) + 1, ids=list("abcd")))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["Drama, Crime", "Drama, Crime", "Crime", "Crime"], "1 label with a comma"),
        (["Drama;Crime", "Drama", "Drama", "Crime"], "1 label with a comma or a semicolon"),
        (["(no genres listed)", "(no genres listed)", "Crime", "Crime"], "leave their cells empty"),
        (["nan", "nan", "Crime", "Crime"], "'nan' is taken as a label"),
        (["Drama|Crime", "Drama", "Drama", "Crime"], None),
    ],
)
def test_odd_labels_are_told(tmp_path, labels, says):
    rows = [f'{name},"{label}"' for name, label in zip("abcd", labels, strict=True)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["id,genres", *rows]) + "\n")
    said = []
    read_item_sets(path, SPACE, say=said.append)
    assert says in " | ".join(said) if says else len(said) == 1
