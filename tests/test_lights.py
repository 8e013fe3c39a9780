"""The findings of an audit as lights: faults are found and named, healthy spaces left alone."""

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anglewise as aw
from anglewise.auditing.findings import STATES, Light, gate_of, in_order
from anglewise.auditing.lights import ACROSS, AXES
from anglewise.auditing.one_model import halves
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError
from cli_run import anglewise, refused

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from planted_faults import FAULTS

__all__ = ["anglewise"]


def of_texts(seed=0, items=500, queries=260, d=40):
    """Means of word vectors of texts about ten topics: near are those that share words."""
    rng = np.random.default_rng(seed)
    words = rng.normal(size=(400, d)) * np.linspace(2, 0.3, d) + 0.25
    sides = []
    for count, prefix in ((items, "d"), (queries, "q")):
        topics = rng.integers(10, size=count)
        chosen = topics[:, None] * 40 + rng.integers(40, size=(count, 14))
        texts = [" ".join(f"w{word}" for word in row) for row in chosen]
        vectors = words[chosen].mean(axis=1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ids = [f"{prefix}{row}" for row in range(count)]
        sides.append(aw.Embeddings(vectors, ids=ids, metadata={"text": texts}))
    about = {"encoder": "python:made:words"}
    return aw.Space(items=sides[0], queries=sides[1], trained_for="cosine", about=about)


def of_uses(seed=0, users=400, items=300, d=24):
    """Factors of a model of products, with what users used: what they score highest."""
    rng = np.random.default_rng(seed)
    spectrum = np.linspace(2, 0.4, d)
    p, q = (rng.normal(size=(n, d)) * spectrum for n in (users, items))
    q *= rng.lognormal(0, 0.4, size=(items, 1))
    order = np.argsort(-(p @ q.T + rng.normal(size=(users, items))), axis=1)[:, :20]
    ids = [f"u{user}" for user in range(users)], [f"i{item}" for item in range(items)]
    rows = np.repeat(np.arange(users), 20)
    seen = SparseRows.from_pairs(rows, order.ravel(), np.ones(rows.size), shape=(users, items))
    return aw.Space(
        queries=aw.Embeddings(p, ids=ids[0]),
        items=aw.Embeddings(q, ids=ids[1]),
        trained_for="dot",
        seen=seen,
    )


MADE = {"texts": of_texts, "uses": of_uses}


def lights(space, **how):
    return {light.name: light for light in aw.audit(space, k=5, sample=200, **how).findings}


@pytest.mark.parametrize("kind", MADE)
def test_a_healthy_space_has_nothing_to_fix(kind):
    for seed in (1, 2):
        found = lights(MADE[kind](seed))
        bad = {name for name, light in found.items() if light.state != "ok"}
        assert bad <= {"gauge"}, [found[name].what for name in bad]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_and_named(fault):
    tried = 0
    for make in MADE.values():
        planted = fault.plant(make(), np.random.default_rng(3))
        if planted is None:
            continue
        tried += 1
        found = lights(planted)
        states = [found[name].state for name in fault.lights if name in found]
        assert {"fix", "look"} & set(states), {n: (x.state, x.what) for n, x in found.items()}
    assert tried


def test_people_who_use_nothing_in_common_are_no_two_models():
    """Two countries in one model: parts apart, along other axes, which training explains."""
    one, other = of_uses(1, d=12), of_uses(2, d=12)
    sides = []
    for first, second in ((one.queries, other.queries), (one.items, other.items)):
        blank = np.zeros_like(first.vectors), np.zeros_like(second.vectors)
        rows = [np.hstack([first.vectors, blank[0]]), np.hstack([blank[1], second.vectors])]
        sides.append(np.concatenate(rows))
    users, items = len(one.queries), len(one.items)
    rows = np.concatenate([one.seen.rows, other.seen.rows + users])
    columns = np.concatenate([one.seen.indices, other.seen.indices + items])
    shape = (2 * users, 2 * items)
    seen = SparseRows.from_pairs(rows, columns, np.ones(rows.size), shape=shape)
    queries, ranked = map(aw.Embeddings, sides)
    space = aw.Space(queries=queries, items=ranked, trained_for="dot", seen=seen)
    assert lights(space)["one model"].state == "ok"
    told = lights(replace(space, seen=None))["one model"]
    assert told.state == "ok", "axes that avoid each other show that one model placed them"
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
    mixed = [np.concatenate([x[: len(x) // 2], x[len(x) // 2 :] @ turned]) for x in sides]
    space = replace(space, queries=aw.Embeddings(mixed[0]), items=aw.Embeddings(mixed[1]))
    told = lights(space)["one model"]
    assert (told.state, "as training explains" in told.what) == ("ok", True)
    assert lights(replace(space, seen=None))["one model"].state == "fix"


def of_two_topics(d=128, rows=300, seed=0):
    """Columns with means of their own; each topic varies in half of the directions, by itself."""
    rng = np.random.default_rng(seed)
    means = 0.5 * rng.normal(size=d)
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    topics = [
        means + 4 * axes[i] + rng.normal(size=(rows, d // 2)) @ axes[:, i::2].T for i in (0, 1)
    ]
    return np.concatenate(topics)


def test_two_topics_of_one_model_are_no_two_models():
    """They have no neighbours across and other axes, and lean to the same side."""
    x = of_two_topics()
    rng = np.random.default_rng(0)
    found = halves(aw.Embeddings(x), rng)
    assert (found.across < ACROSS, found.axes < AXES) == (True, True)
    told = lights(aw.Space(items=aw.Embeddings(x), trained_for="cosine"))["one model"]
    assert (told.state, "topics of one model" in told.what) == ("ok", True)


def test_two_topics_of_two_models_are_two_models():
    x = of_two_topics()
    x[300:] = x[300:] @ np.linalg.qr(np.random.default_rng(1).normal(size=(128, 128)))[0]
    assert (
        lights(aw.Space(items=aw.Embeddings(x), trained_for="cosine"))["one model"].state == "fix"
    )


def of_shares(rng, columns, rows=300, d=40):
    """Topic shares: rows without negative numbers that use a few columns each, out of some."""
    x = np.zeros((rows, d))
    for row in x:
        row[rng.choice(columns, 4)] = rng.gamma(2, size=4)
    return x


def test_topics_with_columns_of_their_own_are_no_two_models():
    rng = np.random.default_rng(0)
    x = np.concatenate([of_shares(rng, np.arange(14)), of_shares(rng, np.arange(14, 40))])
    assert lights(aw.Space(items=aw.Embeddings(x), trained_for="cosine"))["one model"].state == "ok"


def test_zeros_of_sparse_rows_are_no_cut():
    """A third of the rows end in four zeros or more, as many numbers are 0 everywhere."""
    rng = np.random.default_rng(0)
    x = rng.gamma(2, size=(500, 40)) * (rng.random((500, 40)) < 0.2)
    x[np.arange(500), rng.integers(20, size=500)] = 1.0
    assert (x[:, -5:] == 0).all(axis=1).mean() > 0.3
    assert lights(aw.Space(items=aw.Embeddings(x)))["cut rows"].state == "ok"
    x = rng.normal(size=(500, 40))
    x[:10, 30:] = 0
    assert lights(aw.Space(items=aw.Embeddings(x)))["cut rows"].state == "fix"


@pytest.mark.wrong_kinds
def test_what_held_out_users_alone_used_is_no_zero_that_training_should_know():
    """An item that they alone used has no vector, and a user who used nothing else has none."""
    space = of_uses()
    used, held_out = space.seen, np.arange(400) >= 380
    for_held_out = np.isin(used.indices, np.arange(60))  # a fifth of the items
    used = used.where(~for_held_out | held_out[used.rows])
    p, q = space.queries.vectors.copy(), space.items.vectors.copy()
    q[:60] = 0
    lonely = np.flatnonzero(used.where(used.indices >= 60).counts == 0)
    p[lonely] = 0
    splits = ["held-out" if one else "train" for one in held_out]
    told = replace(
        space,
        queries=aw.Embeddings(p, ids=space.queries.ids, metadata={"split": splits}),
        items=aw.Embeddings(q, ids=space.items.ids),
        seen=used,
    )
    light = lights(told)["zeros"]
    assert light.state == "look"
    assert "60 zero vectors among the items (20%), 60 of which nobody used" in light.what
    untold = replace(told, queries=aw.Embeddings(p, ids=space.queries.ids))
    assert lights(untold)["zeros"].state == "fix", "whoever is not named held out was trained on"


def test_what_a_held_out_user_used_explains_a_zero_where_training_saw_none_of_it():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(100, 8)), rng.normal(size=(50, 8))
    p[80:], q[40:] = 0, 0
    items = np.concatenate([np.arange(80) % 40, 40 + np.arange(20) % 10])
    space = aw.Space(
        queries=aw.Embeddings(p, metadata={"split": ["train"] * 80 + ["held-out"] * 20}),
        items=aw.Embeddings(q),
        trained_for="dot",
        seen=SparseRows.from_pairs(np.arange(100), items, np.ones(100), shape=(100, 50)),
    )
    light = lights(space)["zeros"]
    assert light.state == "look"
    assert "20%" in light.what


def test_what_is_not_known_is_unknown_and_fails_a_gate():
    space = of_texts()
    bare = aw.Space(items=aw.Embeddings(space.items.vectors), trained_for="cosine")
    told = aw.audit(bare, k=5)
    gate = told.gate()
    assert [light.name for light in gate.failing] == ["ids"]
    assert "what is unknown fails it" in str(gate)
    assert told.gate(accept=["ids"]).passed
    with pytest.raises(SpellingError, match="the findings are"):
        told.gate(accept=["id"])


@pytest.mark.wrong_kinds
def test_a_gate_of_no_state_is_refused():
    with pytest.raises(SpellingError, match="known are fix, look"):
        aw.audit(of_texts(), k=5).gate("warn")


def test_findings_stand_in_the_order_of_what_they_change():
    shuffled = [
        Light("a", "ok", "", changes=0.9),
        Light("b", "look", "", changes=0.5),
        Light("c", "fix", "", changes=0.1),
        Light("d", "fix", "", changes=0.2),
        Light("e", "unknown", ""),
    ]
    assert "".join(light.name for light in in_order(shuffled)) == "dcbea"
    assert [light.name for light in gate_of(shuffled, "look").failing] == ["d", "c", "b", "e"]
    assert [light.name for light in gate_of(shuffled, "fix").failing] == ["d", "c", "e"]


def test_titles_are_no_texts_and_do_not_say_that_ids_are_wrong():
    """Films that are alike share no words in their titles."""
    space = of_texts()
    names = {"text": [f"Film {row}" for row in range(len(space.items))]}
    items = aw.Embeddings(space.items.vectors, ids=space.items.ids, metadata=names)
    assert lights(aw.Space(items=items, trained_for="cosine"))["ids"].state == "unknown"


def test_texts_of_which_nobody_says_that_they_were_encoded_are_only_worth_a_look():
    space = of_texts()
    rows = np.random.default_rng(0).permutation(len(space.items))
    items = aw.Embeddings(
        space.items.vectors[rows], ids=space.items.ids, metadata=space.items.metadata
    )
    moved = replace(space, items=items)
    assert lights(moved)["ids"].state == "fix"
    assert lights(replace(moved, about={}))["ids"].state == "look"


def test_the_same_text_twice_is_no_copy():
    space = of_texts()
    vectors, texts = space.items.vectors.copy(), list(space.items.metadata["text"])
    for row in range(0, 200, 2):
        vectors[row], texts[row] = vectors[row + 1], texts[row + 1]
    items = aw.Embeddings(vectors, ids=space.items.ids, metadata={"text": texts})
    assert lights(replace(space, items=items))["copies"].state == "ok"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("lights")
    aw.write_space(of_texts(), place / "good")
    bad = next(f for f in FAULTS if f.name == "ids of the items shuffled")
    aw.write_space(bad.plant(of_texts(), np.random.default_rng(0)), place / "bad")
    return place


def test_a_gate_of_the_command_ends_with_one(anglewise, folder):
    words = ("--quiet", "-k", 5)
    assert anglewise("audit", folder / "good", *words, "--gate", "look").code == 0
    run = anglewise("audit", folder / "bad", *words, "--gate", "fix", "--json", "-")
    told = json.loads(run.out)
    assert (run.code, told["gate"]["passed"], told["gate"]["failing"]) == (1, False, ["ids"])
    assert told["findings"][0]["name"] == "ids"
    assert set(told["findings"][0]) == {
        *("name", "state", "what", "number", "bound", "changes", "try"),
    }
    assert told["counts"]["fix"] == 1
    assert sum(told["counts"].values()) == len(told["findings"])
    assert tuple(told["counts"]) == STATES
    accepted = anglewise("audit", folder / "bad", *words, "--gate", "fix", "--accept", "ids")
    assert accepted.code == 0
    assert "gate held: nothing to fix, ids accepted" in accepted.out


def as_arrays(place, items, ids):
    np.save(place / "v.npy", items)
    (place / "ids.txt").write_text("\n".join(ids))
    return ["--items", place / "v.npy", "--item-ids", place / "ids.txt"]


def as_table(place, items, ids):
    pq.write_table(pa.table({"no": ids, "first": items.tolist()}), place / "v.parquet")
    return ["--items", place / "v.parquet", "--id-column", "no", "--vector-column", "first"]


@pytest.mark.parametrize("written", [as_arrays, as_table])
def test_commands_that_help_name_the_vectors_as_they_were_named(anglewise, tmp_path, written):
    """They are run as they are printed, and find the row."""
    place = tmp_path / "my vectors"
    place.mkdir()
    items = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    items[:40] = items[40:80]
    words = written(place, items, [f"film {row}" for row in range(200)])
    words += ["--trained-for", "cosine"]
    run = anglewise("audit", *words, "-k", 5, "--json", "-")
    tries = {light["name"]: light["try"] for light in json.loads(run.out)["findings"]}
    command = shlex.split(tries["copies"].partition("encode them again: ")[2])
    assert command[:2] == ["anglewise", "search"]
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option != "--trained-for":  # of which a search takes none
            assert command[command.index(option) + 1] == str(value)
    found = anglewise(*command[1:])
    assert found.code == 0, found
    assert "film 40" in found.out
    again = shlex.split(tries["ids"].partition(" (")[0])
    assert anglewise(*again[1 : again.index("--seen")], "--quiet").code == 0


def test_an_option_that_a_command_that_helps_sets_is_not_typed_twice(anglewise, tmp_path):
    items = np.random.default_rng(0).normal(size=(200, 8))
    words = as_arrays(tmp_path, items, [str(row) for row in range(200)])
    run = anglewise("audit", *words, "--trained-for", "unknown", "-k", 5, "--json", "-")
    tries = [light["try"] for light in json.loads(run.out)["findings"]]
    [trained] = [one for one in tries if "--trained-for cosine (or dot)" in one]
    assert trained.count("--trained-for") == 1
    assert "--item-ids" in trained


def test_five_lines_say_it_and_twenty_five_in_plain_words(anglewise, folder):
    for name in ("good", "bad"):
        short = anglewise("audit", folder / name, "-k", 5, "--brief").out.splitlines()
        assert len(short) <= 5
        assert max(map(len, short)) <= 100
        plain = anglewise("audit", folder / name, "-k", 5).out
        assert len(plain.splitlines()) <= 25
        assert "0 unknown" in plain
        assert "--details" in plain
    assert "try: write ids and vectors again" in plain
    shows = rf"anglewise search {re.escape(str(folder / 'bad'))} --query [dq]\d+ --direction "
    assert re.search(shows, " ".join(plain.split())), "a row is named that can be asked"
    gated = anglewise("audit", folder / "bad", "-k", 5, "--brief", "--gate", "fix").out
    assert len(gated.splitlines()) <= 5
    assert "gate failed: ids (fix)" in gated


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gate", "warning"], ["--gate", "fix"]),
        (["--gate", "fix", "--accept", "idz"], ["'idz'", "ids"]),
        (["--accept", "ids"], ["--gate"]),
        (["--brief", "--details"], ["--brief", "--details"]),
    ],
)
def test_gates_that_mean_nothing_are_refused(anglewise, folder, words, says):
    assert refused(anglewise("audit", folder / "good", "-k", 5, *words), *says)
