"""Items written in shards, and what a search over all of them at once finds."""

import os
import signal
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anglewise import Embeddings, Space, search
from anglewise.data_types.sparse import Interactions
from anglewise.io.side_files import write_side

MEASURES = "dot,cosine,euclidean,manhattan,norm(0.5,1)"


def planted(seed=0, items=60, ids=None):
    """Queries, and items of few values, so that many scores tie; the ids in no order."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-1, 2, (items, 3)).astype(np.float32)
    vectors[0] = 0
    names = rng.permutation(items).astype(str) if ids is None else ids
    return Embeddings(rng.integers(-1, 2, (7, 3)) + 0.5), Embeddings(vectors, ids=list(names))


def written(folder, items, cuts):
    """The items as files, cut before some rows."""
    folder.mkdir()
    bounds = [0, *cuts, len(items)]
    for number, (start, stop) in enumerate(pairwise(bounds)):
        shard = Embeddings(items.vectors[start:stop], ids=items.ids[start:stop].tolist())
        write_side(folder / f"shard-{number:03d}.parquet", shard)
    return folder


def at_once(queries, items, k, measures=MEASURES):
    """Ids, scores and ties of each measure by one search."""
    found = search(Space(queries=queries, items=items), measures, k=k)
    return {
        name: (items.ids[lists.indices], lists.scores, lists.tied_at_cut)
        for name, lists in found.items()
    }


def same(lists, due):
    """Whether lists are those of one search, to the byte."""
    return lists.keys() == due.keys() and all(
        own.ids.tolist() == ids.tolist()
        and own.scores.tobytes() == scores.tobytes()
        and own.tied_at_cut.tolist() == tied.tolist()
        for own, (ids, scores, tied) in zip(lists.values(), due.values(), strict=True)
    )


@dataclass(frozen=True)
class EndsOnce:
    """Work whose process is killed the first time that it gets a shard."""

    folder: Path
    often: int = 1

    def __call__(self, shard):
        for attempt in range(self.often):
            mark = self.folder / f"{shard.path.name}.{attempt}"
            if shard.first == 0 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return shard.first


def used_by_many(items, users=200, seed=0):
    """Who used what: popular items are used more, and users have tastes."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=(users, 3)) @ rng.normal(size=(3, items))
    chance = 1 / (1 + np.exp(3 - taste + np.log1p(np.arange(items))[None, :] / 2))
    user, item = np.nonzero(rng.random((users, items)) < chance)
    ids = [
        np.array([f"{kind}{row}" for row in range(n)]) for kind, n in (("u", users), ("i", items))
    ]
    return Interactions(user, item, np.ones(len(user)), *ids)


def written_uses(folder, used, count):
    """Interactions as so many files, each user in one of them."""
    folder.mkdir()
    for number in range(count):
        rows = used.users % count == number
        table = {
            "user_id": used.user_ids[used.users[rows]].tolist(),
            "item_id": used.item_ids[used.items[rows]].tolist(),
        }
        pq.write_table(pa.table(table), folder / f"shard-{number:03d}.parquet")
    return folder
