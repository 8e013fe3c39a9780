"""``anglewise audit`` from the command line, on small files."""

import json

import numpy as np
import pytest

from anglewise import read_space
from anglewise.cli import main
from cli_run import anglewise, refused

__all__ = ["anglewise"]

TOP = {"command", "version", "freedom", "gauge_gap", "norms", "overlap@5", "certificates"}
TOP |= {"hubness", "isotropy", "predictions_moved", "verdict", "witness", "runs", "pairs", "seed"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two trainings by the command itself: 60 users in two tastes, 30 films."""
    folder = tmp_path_factory.mktemp("audit")
    rng = np.random.default_rng(0)
    chance = np.where(np.arange(60)[:, None] % 2 == np.arange(30) % 2, 0.75, 0.15)
    rows = np.argwhere(rng.random((60, 30)) < chance * 0.97 ** np.arange(30))
    lines = ["user_id,item_id", *(f"u{user},i{item}" for user, item in rows)]
    (folder / "seen.csv").write_text("\n".join(lines))
    titles = ["item_id,title", *(f"i{i},Film {i}" for i in range(30))]
    (folder / "films.csv").write_text("\n".join(titles))
    for name, penalty in (("a", 1), ("b", 50)):
        words = [folder / "seen.csv", "-o", folder / name, "--components", 6, "--penalty", penalty]
        words += ["--gauge", "item-orthonormal", "--item-table", folder / "films.csv"]
        words += ["--holdout", 0.4, "--quiet"]
        assert main([str(word) for word in ("fit", *words)]) == 0
    np.save(folder / "items.npy", rng.normal(size=(20, 4)))
    return folder


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def audited(anglewise, made):
    """The folder ``a``, with short lists and one thread."""
    return lambda *words: anglewise("audit", made / "a", "-k", 5, *words)


def test_what_fit_wrote_is_audited_in_forty_lines(audited):
    run = audited()
    assert run.code == 0
    assert run.out.startswith("60 queries · 30 items · 6 dimensions · seed 0")
    assert "Cosine is" in run.out
    assert len(run.out.splitlines()) <= 40


def test_every_way_out_is_written_and_the_same_seed_gives_the_same_bytes(audited, made, tmp_path):
    told = []
    for name in ("one", "two"):
        files = [tmp_path / f"{name}.{kind}" for kind in ("json", "html")]
        words = ["--witness", "i3", "--save-witness", tmp_path / name, "--runs", made / "b"]
        words += ["--pair", "i1", "i2", "--pair", "i3", "i4"]
        run = audited(*words, "--json", files[0], "--html", files[1], "--quiet")
        assert (run.code, run.err) == (0, "")
        told.append([file.read_bytes() for file in files])
    assert told[0] == told[1]
    assert_agreed(json.loads(told[0][0]), made)
    assert b"<h1>Is the cosine real?</h1>" in told[0][1]
    assert b"Film 3" in told[0][1]
    before, after = read_space(made / "a"), read_space(tmp_path / "one")
    predicted = [one.queries.vectors @ one.items.vectors.T for one in (before, after)]
    np.testing.assert_allclose(*predicted, atol=1e-5)
    assert not np.allclose(before.items.vectors, after.items.vectors, atol=0.01)


def assert_agreed(told, made):
    assert set(told) >= TOP
    assert (told["command"], told["queries"], told["items"]) == ("audit", 60, 30)
    assert set(told["verdict"]) >= {"cosine", "reason", "safe"}
    assert set(told["certificates"]) >= {"s", "top_k_certified", "monte_carlo_overlap"}
    assert told["witness"]["item"] == {"id": "i3", "title": "Film 3"}
    assert [one["name"] for one in told["runs"]] == [str(made / "b")]
    assert [(one["one"]["id"], one["other"]["id"]) for one in told["pairs"]] == [
        ("i1", "i2"),
        ("i3", "i4"),
    ]
    assert told["path"]["items-items"]["score"] is not None


def test_json_on_the_standard_output_stands_alone(audited):
    run = audited("--json", "-", "--seed", 2)
    told = json.loads(run.out)
    assert set(told) >= TOP
    assert (told["seed"], told["runs"], told["pairs"]) == (2, [], [])


def test_items_alone_are_audited_as_far_as_that_goes(anglewise, made, tmp_path):
    page = tmp_path / "x.html"
    words = ["--items", made / "items.npy", "-k", 5, "--html", page, "--json", "-"]
    told = json.loads(anglewise("audit", *words).out)
    assert (told["verdict"]["cosine"], told["queries"], told["gauge_gap"]) == (
        "unknown",
        None,
        None,
    )
    assert (told["certificates"], told["witness"]) == (None, None)
    assert "one side alone cannot tell" in page.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--witness", "nobody"], ["'nobody'", "'i"]),
        (["--pair", "i1", "nobody"], ["'nobody'"]),
        (["--witnes", "i1"], ["--witnes", "--witness"]),
        (["-k", "29"], ["29", "at most 28"]),
        (["-k", "0"], ["at least 1"]),
        (["--condition", "0.5"], ["condition"]),
        (["--runs", "nowhere"], ["nowhere"]),
        (["--html", "no/such/folder/x.html"], ["no/such/folder"]),
        (["--html", "."], ["folder"]),
    ],
)
def test_what_audit_cannot_use_is_one_message(words, says, anglewise, made, empty_folder):
    depth = [] if "-k" in words else ["-k", 5]
    assert refused(anglewise("audit", made / "a", "--quiet", *depth, *words), *says)
    assert not list(empty_folder.iterdir())


def test_missing_and_mistaken_inputs_are_one_message(anglewise, made, tmp_path):
    assert refused(anglewise("audit", tmp_path / "none"), "none", "does not exist")
    assert refused(anglewise("audit"), "items")
    items = ["--items", made / "items.npy", "--quiet", "-k", 5]
    assert refused(anglewise("audit", *items, "--witness", "1"), "witness", "one side")
    assert refused(anglewise("audit", *items, "--save-witness", tmp_path / "w"), "--save-witness")
    assert refused(anglewise("audit", made / "a", "--save-witness", made), str(made))
