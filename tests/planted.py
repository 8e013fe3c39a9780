"""Small made spaces with a planted truth, one of each kind, for laws that need no real data.

Each maker gives what ``aw.compare`` takes: a space and its judgements. The same arguments give
the same numbers.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from anglewise import Embeddings, Judgements, Pairs, Space, Triplets
from anglewise.data_types.sparse import Interactions, SparseRows

QUERIES, ITEMS, COLUMNS = 120, 200, 8


def angles_matter(queries=QUERIES, seed=0, *, noise=0.35):
    """Each query is a noisy copy of one item, whose length means nothing: cosine is right."""
    rng = np.random.default_rng(seed)
    items = rng.standard_normal((ITEMS, COLUMNS))
    asked = items[:queries] + noise * rng.standard_normal((queries, COLUMNS))
    lengthened = items * rng.lognormal(0, 0.8, (ITEMS, 1))
    return _space(asked, lengthened), own(queries)


def lengths_matter(queries=QUERIES, seed=0):
    """The lengths of items are their worth: what dot ranks first is relevant, up to some noise."""
    rng = np.random.default_rng(seed)
    items = rng.standard_normal((ITEMS, COLUMNS)) * rng.lognormal(0, 0.8, (ITEMS, 1))
    asked = rng.standard_normal((queries, COLUMNS))
    worth = asked @ items.T + 0.3 * rng.standard_normal((queries, ITEMS))
    return _space(asked, items), nearest(worth)


def recommender(queries=QUERIES, seed=0, *, gauge=None):
    """Users and items trained for dot, in an arbitrary gauge, popular items being longer.

    ``gauge`` scales the columns of the items; the users' are scaled back, so that no product
    changes.
    """
    rng = np.random.default_rng(seed)
    popularity = rng.zipf(1.8, ITEMS).clip(max=50)
    items = rng.standard_normal((ITEMS, COLUMNS)) * np.sqrt(popularity)[:, None]
    users = rng.standard_normal((queries, COLUMNS))
    worth = users @ items.T
    scale = np.geomspace(0.2, 5, COLUMNS) if gauge is None else np.asarray(gauge)
    space = Space(
        queries=Embeddings(users / scale),
        items=Embeddings(items * scale, metadata={"popularity": popularity.tolist()}),
        trained_for="dot",
    )
    return space, nearest(worth)


def unit_lengths(queries=QUERIES, seed=0):
    """As an encoder gives them: all vectors have length one, so dot and cosine rank alike."""
    space, judged = angles_matter(queries, seed)
    return _space(unit(space.queries.vectors), unit(space.items.vectors)), judged


def nothing_differs(queries=QUERIES, seed=0):
    """Lengths differ by so little that hardly a rank moves, and never the first one: a tie."""
    space, judged = angles_matter(queries, seed, noise=0.05)
    rng = np.random.default_rng(seed)
    items = unit(space.items.vectors) * rng.uniform(0.99, 1.01, (ITEMS, 1))
    return _space(space.queries.vectors, items), judged


def too_few(seed=0):
    """Five queries, of which no test at 95% can rule anything out."""
    return angles_matter(5, seed)


def graded(queries=QUERIES, seed=0):
    """Grades 0 to 3, and ten items a query that were judged and are not relevant."""
    space, _ = angles_matter(queries, seed)
    near = unit(space.queries.vectors) @ unit(space.items.vectors).T
    order = np.argsort(-near, axis=1, kind="stable")[:, :16]
    gains = np.tile(np.r_[3.0, 2, 2, 1, 1, 1, np.zeros(10)], queries)
    rows = np.repeat(np.arange(queries), 16)
    return space, Judgements(
        SparseRows.from_pairs(rows, order.ravel(), gains, shape=(queries, ITEMS))
    )


def scored_pairs(count=300, seed=0):
    """Pairs whose score is the cosine of two vectors of meaningless length."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, COLUMNS))
    a, b = rng.integers(ITEMS, size=(2, count))
    scores = (unit(x)[a] * unit(x)[b]).sum(axis=1)
    space = Space(items=Embeddings(x * rng.lognormal(0, 0.8, (ITEMS, 1))))
    return space, Pairs(a, b, scores)


def triplets(count=300, seed=0):
    """Anchors, and of two others by the angle the nearer and the further one."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, COLUMNS))
    anchors, a, b = np.array([rng.choice(ITEMS, 3, replace=False) for _ in range(count)]).T
    near = unit(x) @ unit(x).T
    swap = near[anchors, a] < near[anchors, b]
    space = Space(items=Embeddings(x * rng.lognormal(0, 0.8, (ITEMS, 1))))
    return space, Triplets(anchors, np.where(swap, b, a), np.where(swap, a, b))


def timed(judged, seed=0):
    """The same judgements, the queries judged one after the other in an order by chance."""
    rows = judged.gains.shape[0]
    at = np.random.default_rng(seed).permutation(rows).astype(float)
    return replace(judged, judged_at=at)


def interactions(users=60, items=40, seed=0):
    """Who took what and when; users of two tastes, each taking eight items of its half."""
    rng = np.random.default_rng(seed)
    half = items // 2
    taken = np.array([rng.choice(half, 8, replace=False) + half * (u % 2) for u in range(users)])
    who = np.repeat(np.arange(users), 8)
    return Interactions(
        users=who,
        items=taken.ravel(),
        weights=np.ones(who.size),
        user_ids=np.array([f"u{row}" for row in range(users)]),
        item_ids=np.array([f"i{row}" for row in range(items)]),
        times=rng.permutation(who.size).astype(float),
    )


def ratings(users=300, items=120, seed=0):
    """Who watched what: users of mixed tastes, films of five kinds, some far better known."""
    rng = np.random.default_rng(seed)
    kind, rank = np.arange(items) % 5, 1.0 + np.arange(items) // 5
    watched = []
    for _ in range(users):
        likes = np.log(rng.dirichlet(np.ones(5)) + 1e-9)[kind] - 0.9 * np.log(rank)
        many = int(2 + items // 2 * rng.random() ** 2)
        watched.append(np.sort(np.argsort(-(likes + rng.gumbel(size=items)))[:many]))
    who = np.repeat(np.arange(users), [len(films) for films in watched])
    return Interactions(
        users=who,
        items=np.concatenate(watched),
        weights=np.ones(who.size),
        user_ids=np.array([f"u{row}" for row in range(users)]),
        item_ids=np.array([f"i{row}" for row in range(items)]),
    )


def one_sided_lean(rows=1000, columns=50, seed=0):
    """Vectors that share a direction, of lengths that mean nothing, as sums of words are."""
    rng = np.random.default_rng(seed)
    vectors = 1 + rng.standard_normal((rows, columns))
    return Space(items=Embeddings(vectors * rng.lognormal(0, 0.5, (rows, 1))))


def with_duplicates(queries=QUERIES, seed=0):
    """The last ten items are copies of the ten before them."""
    space, judged = angles_matter(queries, seed)
    items = space.items.vectors.copy()
    items[-10:] = items[-20:-10]
    return _space(space.queries.vectors, items), judged


def with_zeros(queries=QUERIES, seed=0):
    """The last three items are zero vectors."""
    space, judged = angles_matter(queries, seed)
    items = space.items.vectors.copy()
    items[-3:] = 0
    return _space(space.queries.vectors, items), judged


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def own(queries):
    """Each query looks for the item of its own row."""
    rows = np.arange(queries)
    return Judgements(SparseRows.from_pairs(rows, rows, shape=(queries, ITEMS)))


def nearest(worth, relevant=5):
    """Of each query the items of most worth are relevant."""
    best = np.argsort(-worth, axis=1, kind="stable")[:, :relevant]
    rows = np.repeat(np.arange(len(worth)), relevant)
    return Judgements(SparseRows.from_pairs(rows, best.ravel(), shape=worth.shape))


def _space(queries, items):
    return Space(queries=Embeddings(queries), items=Embeddings(items))


def table(rows, columns, values=None, *, shape):
    """A sparse table of these entries, 1 where no value is given."""
    values = np.ones(len(rows)) if values is None else values
    return csr_array((values, (rows, columns)), shape=shape)
