"""What was read lazily, and what searches, goes to other processes whole."""

import copy
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import WrongTypeError


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    titles = {"title": [f"Film {i}" for i in range(30)]}
    items = aw.Embeddings(rng.standard_normal((30, 4)), [f"i{i}" for i in range(30)], titles)
    queries = aw.Embeddings(rng.standard_normal((9, 4)), [f"u{i}" for i in range(9)])
    seen = SparseRows.from_pairs([0, 1], [1, 2], [1.0, 1.0], shape=(9, 30))
    aw.write_space(aw.Space(items=items, queries=queries, seen=seen), tmp_path / "space")
    return tmp_path / "space"


def of_itself(thing):
    """What a search says, and the title of an item."""
    if isinstance(thing, aw.Space):
        found = aw.search(thing, "cosine", k=3)["cosine"]
        return found.indices.tolist(), str((thing.items.metadata or {})["title"][7])
    if isinstance(thing, aw.Recommender):
        return thing.recommend("u1", 5).found.indices.tolist()
    return [hit.id for hit in thing.search(np.ones(4), 3)[0]]


@pytest.mark.parametrize(
    "make",
    [lambda s: s, lambda s: aw.Recommender(s, "dot"), lambda s: aw.Index(s, "cosine@centred")],
)
def test_a_pickle_and_a_copy_say_the_same(folder, make):
    thing = make(aw.read_space(folder))
    before, data, copied = of_itself(thing), pickle.dumps(thing), copy.deepcopy(thing)
    assert of_itself(copied) == before
    shutil.rmtree(folder)
    assert of_itself(pickle.loads(data)) == before  # noqa: S301 made here


SCRIPT = """
import multiprocessing
import sys

import anglewise as aw


def titles_and_rows(pair):
    space, recommender = pair
    found = aw.search(space, "cosine", k=3)["cosine"]
    of_user = recommender.recommend("u1", 5).found
    return found.indices.tolist(), of_user.indices.tolist(), str(space.items.metadata["title"][7])


if __name__ == "__main__":
    space = aw.read_space(sys.argv[1])
    pair = space, aw.Recommender(space, "dot")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(titles_and_rows, [pair]) == [titles_and_rows(pair)]
"""


def test_a_spawned_process_gets_it(folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    subprocess.run([sys.executable, script, folder], check=True, timeout=60)


def test_an_open_store_says_that_it_stays_here(tmp_path):
    with aw.JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        for way in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(WrongTypeError, match="hand on its path"):
                way(store)
