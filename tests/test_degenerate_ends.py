"""Spaces at their ends: each command answers or refuses in a sentence, and never with NaN."""

import itertools
from functools import cache

import numpy as np
import pytest

from anglewise import AnglewiseError, Embeddings, Judgements, Space, search, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.similarity_measures.measure import FORMULAS, FRAMES
from cli_run import anglewise, refused

__all__ = ["anglewise"]

NUMBERS = {
    "norm": "(0,0.5)", "csls": "(5)", "local-scaling": "(5)", "without-top": "(1)",
    "power": "(0.3)", "random": "(30,1)",
}  # fmt: skip
SPELLED = [word + NUMBERS.get(word, "") for word in FORMULAS]
MEASURES = SPELLED + [
    "@".join(pair) for pair in itertools.product(SPELLED, [w + NUMBERS.get(w, "") for w in FRAMES])
]
DRAWN = np.random.default_rng(0)
Q, X = DRAWN.standard_normal((8, 4)), DRAWN.standard_normal((12, 4))
ENDS = {
    "equal": (np.ones((8, 4)), np.ones((12, 4))),
    "equal items": (Q, np.ones((12, 4))),
    "zeros": (np.zeros((8, 4)), np.zeros((12, 4))),
    "zero items": (Q, np.zeros((12, 4))),
    "one item": (Q, X[:1]),
    "one query": (Q[:1], X),
    "one of each": (Q[:1], X[:1]),
    "one dimension": (Q[:, :1], X[:, :1]),
    "two identical": (Q, np.ones((2, 4))),
    "huge": (Q * 1e37, X * 1e37),
    "tiny": (Q * 1e-37, X * 1e-37),
    "of all lengths": (Q, X * np.logspace(-37, 37, 12)[:, None]),
}
every_end = pytest.mark.parametrize("end", ENDS)


@cache
def space_of(end):
    queries, items = ENDS[end]
    return Space(
        queries=Embeddings(queries, metadata={"text": ["q"] * len(queries)}),
        items=Embeddings(items, metadata={"text": ["t"] * len(items)}),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    there = tmp_path_factory.mktemp("ends")
    for end, (queries, items) in ENDS.items():
        rows = np.arange(len(queries))
        shape = (len(queries), len(items))
        own = SparseRows.from_pairs(rows, rows % len(items), np.ones(len(rows)), shape=shape)
        judged = {"queries-items": Judgements(own)}
        write_space(space_of(end), there / end, judgements=judged)
    return there


@every_end
@pytest.mark.parametrize("spelling", MEASURES)
def test_a_search_gives_numbers_or_a_sentence(end, spelling):
    try:
        found = search(space_of(end), spelling, k=1)
    except AnglewiseError:
        return
    for one in found.values():
        assert not np.isnan(one.scores).any()
        assert (one.indices >= 0).all()


@every_end
@pytest.mark.parametrize(
    "words",
    [
        ["compare"], ["audit"], ["audit", "-k", "1"], ["remedy", "--budget", "2s"],
        ["judge", "lint"], ["judge", "sample", "-o", "{out}.csv"],
        ["judge", "next", "-o", "{out}.csv"], ["judge", "power"], ["judge", "agreement"],
        ["calibrate", "-o", "{out}.json"], ["recommend", "--user", "0"],
        ["search", "--query", "0", "-k", "1"], ["inspect", "--export", "{out}.html"],
        ["compare", "--measures", "cosine@whitened,dot"],
        ["compare", "--measures", "norm(0,*),cosine@adapted,dot"],
        ["compare", "--variants", "int8,binary"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_answers_or_refuses(end, words, folders, anglewise, tmp_path):
    split = 2 if words[0] == "judge" else 1
    rest = [word.replace("{out}", str(tmp_path / "out")) for word in words[split:]]
    run = anglewise(*words[:split], folders / end, *rest)
    assert run.code in {0, 1, 2}, run.err
    assert "Traceback" not in run.err


def test_a_frame_in_which_all_are_alike_says_so():
    for frame in ("standardised", "whitened", "whitened(0.1)"):
        with pytest.raises(AnglewiseError, match="all alike"):
            search(space_of("equal items"), f"cosine@{frame}", k=1)


def test_a_folder_for_settings_is_one_message(folders, anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anglewise.toml").mkdir()
    assert refused(anglewise("audit", folders / "one query"), "anglewise.toml", "folder")


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["nul", "surrogate"])
@pytest.mark.parametrize("option", ["--html", "--json", "--measures", "--run-out", "--label"])
def test_what_no_path_and_no_text_holds_is_refused(text, option, folders, anglewise):
    assert refused(anglewise("compare", folders / "one query", option, text), option)
    assert refused(anglewise("compare", text), "SOURCE")


@pytest.mark.parametrize(
    "curve",
    [
        '{"scores": [0, 1], "probabilities": [0.5]}', '{"scores": [], "probabilities": []}',
        '{"scores": [1, 0], "probabilities": [0.1, 0.5]}',
        '{"scores": [0, NaN], "probabilities": [0.1, 0.5]}',
        '{"scores": [0, 1], "probabilities": [0.5, 0.1]}',
        '{"scores": [0, 1], "probabilities": [0.5, 7]}',
        '{"scores": [[0, 1]], "probabilities": [[0.5, 0.6]]}',
    ],
)  # fmt: skip
def test_an_uneven_relevance_is_refused(curve):
    import json

    from anglewise.rag.relevance import _curve

    with pytest.raises(ValueError, match="scores"):
        _curve("isotonic", json.loads(curve))
