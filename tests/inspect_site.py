"""A small space and its page, driven in this process."""

import numpy as np
from starlette.testclient import TestClient

from anglewise import Embeddings, Judgements, Space
from anglewise.data_types.sparse import SparseRows
from anglewise.web_page.allowed_origin import AllowedOrigin
from anglewise.web_page.app import application
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.state import AppState

DOOR = AllowedOrigin("token-of-this-test", port=8000)
HERE = "http://127.0.0.1:8000"
FROM_HERE = {"origin": HERE}

NASTY = (
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "\u202eevil\u202c",
    "nul\x00here",
    "x" * 1_000_000,
    "{{ 7 * 7 }}",
    "lone \ud800 surrogate",
)


def made_space(items=60, queries=30, d=6, seed=0, metadata=None):
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.3, 3, (items, 1))
    known = {
        "title": [f"Film {i}" for i in range(items)],
        "genre": ["noir", "farce"] * (items // 2),
    }
    return Space(
        queries=Embeddings(rng.normal(size=(queries, d)), ids=[f"u{i}" for i in range(queries)]),
        items=Embeddings(
            rng.normal(size=(items, d)) * lengths * np.linspace(3, 0.2, d),
            ids=[f"f{i}" for i in range(items)],
            metadata=known if metadata is None else metadata,
        ),
        trained_for="dot",
    )


def one_sided(titles):
    rng = np.random.default_rng(1)
    return Space(
        items=Embeddings(
            rng.normal(size=(len(titles), 3)),
            ids=[f"i{i}" for i in range(len(titles))],
            metadata={"title": list(titles)},
        )
    )


def made_judgements(space, direction="items-items", seed=0):
    asking, ranked = space.sides(direction)
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(asking)), 6)
    items = [(row + 1 + rng.permutation(len(ranked) - 1)[:6]) % len(ranked) for row in rows[::6]]
    gains = SparseRows.from_pairs(
        rows,
        np.concatenate(items),
        rng.integers(0, 4, size=len(rows)).astype(np.float64),
        shape=(len(asking), len(ranked)),
    )
    return Judgements(gains, direction)


def site(seen, door=DOOR, base=HERE, *, entered=True):
    """The page of a space, entered with its token; ``seen`` is one, or reads one."""
    read = seen if callable(seen) else lambda: seen
    client = TestClient(application(AppState(read), door), base_url=base, follow_redirects=False)
    client.headers.pop("user-agent", None)
    if entered:
        client.cookies.set(door.cookie, door.token)
    return client


def films(tmp_path=None, **about):
    space = made_space()
    store = None if tmp_path is None else tmp_path / "judgements.sqlite"
    judged = {"items-items": made_judgements(space)}
    return Inspected(space, **{"judgements": judged, "name": "films", "store": store, **about})
