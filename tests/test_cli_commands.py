"""The main job from the command line: fit, compare, search, on small files."""

import csv
import gzip
import json
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from anglewise import AnglewiseError, Embeddings, Space, write_space
from cli_run import anglewise, refused

__all__ = ["anglewise"]

BIN = Path(sys.executable).parent / "anglewise"
VERDICT = {"decision", "measure", "tied_with", "needed_queries", "smallest_detectable", "reason"}
TOP = {"command", "version", "signature", "direction", "metric", "k", "queries", "items", "judged"}
DIFFERENCE = {"difference", "low", "high", "p", "p_adjusted"}
ROW = {"measure", "metrics", "vs_best", "best_probability", "may_be_best"}


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """120 users in two tastes, 40 films, popular ones first in each taste."""
    folder = tmp_path_factory.mktemp("ratings")
    rng = np.random.default_rng(0)
    with gzip.open(folder / "ratings.csv.gz", "wt") as file:
        rows = csv.writer(file)
        rows.writerow(["user_id", "item_id", "rating", "timestamp"])
        for user in range(120):
            for item in range(40):
                if rng.random() < (0.75 if user % 2 == item % 2 else 0.1) * 0.96**item:
                    rows.writerow([f"u{user}", f"i{item}", rng.integers(1, 6), user + item])
    with (folder / "films.csv").open("w") as file:
        csv.writer(file).writerows(
            [["item_id", "title"], *((f"i{i}", f"Film {i}") for i in range(40))]
        )
    return folder


@pytest.fixture(scope="module")
def movies(ratings):
    """What fit writes, by the command itself."""
    from anglewise.cli import main

    words = [str(ratings / "ratings.csv.gz"), "-o", str(ratings / "movies"), "--components", "8"]
    words += ["--penalty", "10", "--item-table", str(ratings / "films.csv"), "--quiet"]
    assert main(["fit", *words]) == 0
    return ratings / "movies"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """60 queries that lie near their item, 60 items of different lengths, and what is relevant."""
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8))
    np.save(folder / "q.npy", x + 0.4 * rng.standard_normal((60, 8)))
    np.save(folder / "d.npy", x * rng.uniform(0.3, 3, (60, 1)))
    (folder / "q.txt").write_text("".join(f"q{i}\n" for i in range(60)))
    (folder / "d.txt").write_text("".join(f"d{i}\n" for i in range(60)))
    qrels = [f"q{i} 0 d{i} 2\nq{i} 0 d{(i + 1) % 60} 0\n" for i in range(60)]
    (folder / "qrels.txt").write_text("".join(qrels))
    lines = [{"_id": f"d{i}", "title": f"Document {i}", "text": "..."} for i in range(60)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pairs = [[f"d{i}", f"d{i + 1}", x[i] @ x[i + 1]] for i in range(59)]
    with (folder / "pairs.csv").open("w") as file:
        csv.writer(file).writerows([["id_a", "id_b", "score"], *pairs])
    return folder


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def both_sides(folder):
    names = {"queries": "q.npy", "query-ids": "q.txt", "items": "d.npy", "item-ids": "d.txt"}
    return [word for name, file in names.items() for word in (f"--{name}", folder / file)]


def judged(folder):
    return ["compare", *both_sides(folder), "--qrels", folder / "qrels.txt"]


def test_fit_tells_what_it_learned_and_what_to_type_next(anglewise, ratings, tmp_path):
    run = anglewise("fit", ratings / "ratings.csv.gz", "-o", tmp_path / "m", "--components", 8)
    assert run.code == 0
    assert "120 users, 40 items" in run.out
    assert f"anglewise compare {tmp_path / 'm'} --direction items-items" in run.out
    assert "users from 'user_id'" in run.err


@pytest.mark.parametrize("objective", ["ease", "raw-data"])
def test_spaces_as_long_as_the_table_are_written_and_compared(
    anglewise, ratings, tmp_path, objective
):
    words = ["fit", ratings / "ratings.csv.gz", "-o", tmp_path / "m", "--objective", objective]
    words += ["--penalty", 5] if objective == "ease" else []
    told = json.loads(anglewise(*words, "--normalise", "l2", "--json", "-").out)
    assert (told["components"], told["gauge"], told["normalise"]) == (None, None, "l2")
    assert told["penalty"] == (5 if objective == "ease" else None)
    about = json.loads((tmp_path / "m" / "space.json").read_text())["about"]
    assert (about["objective"], about["normalise"]) == (objective, "l2")
    for direction in ("queries-items", "items-items"):
        run = anglewise("compare", tmp_path / "m", "--direction", direction, "--quiet")
        assert run.code == 0
        assert "nDCG@10" in run.out


def test_fit_shows_what_was_done_to_the_table(anglewise, ratings, tmp_path):
    words = ["fit", ratings / "ratings.csv.gz", "-o", tmp_path / "m", "--components", 4]
    run = anglewise(*words, "--normalise", "BM25(1, 0.5)", "--penalty", 1)
    assert "normalised by bm25(1,0.5)" in " ".join(run.out.split())
    assert refused(anglewise(*words, "--normalise", "whitened"), "no normalisation is called")
    assert refused(anglewise(*words, "--objective", "ease"), "has no components")


def test_fit_says_in_json_what_it_did(anglewise, ratings, tmp_path):
    words = ["-o", tmp_path / "m", "--components", 8, "--penalty", 10, "--holdout", 0.25]
    run = anglewise("fit", ratings / "ratings.csv.gz", *words, "--json", "-", "--seed", 3)
    told = json.loads(run.out)
    assert (told["command"], told["users"], told["items"], told["seed"]) == ("fit", 120, 40, 3)
    assert told["judgements"]["queries-items"]["queries"] == 30
    assert (tmp_path / "m" / "space.json").exists()


def test_fit_keeps_what_weighs_enough(anglewise, ratings, tmp_path):
    words = ["-o", tmp_path / "m", "--components", 4, "--json", "-", "--min-weight", 4]
    told = json.loads(anglewise("fit", ratings / "ratings.csv.gz", *words).out)
    everything = json.loads(anglewise("fit", ratings / "ratings.csv.gz", *words[:-2]).out)
    assert 0 < told["interactions"] < everything["interactions"]


def test_fit_without_holding_out_promises_no_comparison(anglewise, ratings, tmp_path):
    words = ["-o", tmp_path / "m", "--components", 4, "--holdout", 0]
    run = anglewise("fit", ratings / "ratings.csv.gz", *words)
    assert "compare" not in run.out
    assert refused(anglewise("compare", tmp_path / "m"), "no judgements")


def test_compare_reads_the_folder_that_fit_wrote_in_both_directions(anglewise, movies):
    for direction in ("queries-items", "items-items"):
        run = anglewise("compare", movies, "--direction", direction)
        assert run.code == 0
        assert run.out.startswith(f"{direction} · nDCG@10")
        assert "Signature" not in run.out
        assert f"direction:{direction}|" in run.out


def test_compare_json_has_the_promised_keys_and_nothing_else_is_printed(anglewise, vectors):
    run = anglewise(
        *judged(vectors), "--measures", "dot,cosine,norm(0,0.5)", "--metrics", "R@5", "--json", "-"
    )
    told = json.loads(run.out)
    assert set(told) >= TOP | {"seed", "measures", "verdict"}
    assert told["command"] == "compare"
    assert (told["direction"], told["metric"], told["k"]) == ("queries-items", "nDCG@10", 10)
    assert (told["queries"], told["items"], told["judged"], told["seed"]) == (60, 60, 120, 0)
    assert set(told["verdict"]) >= VERDICT
    assert told["verdict"]["decision"] in {"use", "tie", "cannot-tell"}
    assert {row["measure"] for row in told["measures"]} == {"dot", "cosine", "norm(0,0.5)"}
    for row in told["measures"]:
        assert set(row) >= ROW
        assert set(row["metrics"]) == {"nDCG@10", "R@5"}
        assert all(set(one) == {"mean", "low", "high"} for one in row["metrics"].values())
        assert row["vs_best"] is None or set(row["vs_best"]) == DIFFERENCE


def test_the_same_seed_gives_the_same_bytes_everywhere(anglewise, vectors, tmp_path):
    made = []
    for name in ("one", "two"):
        files = [tmp_path / f"{name}.{kind}" for kind in ("json", "html", "md")]
        words = zip(("--json", "--html", "--markdown"), files, strict=True)
        run = anglewise(*judged(vectors), "--seed", 5, *(word for pair in words for word in pair))
        made.append((run.out, *(file.read_bytes() for file in files)))
    assert made[0] == made[1]
    assert made[0][0] != anglewise(*judged(vectors), "--seed", 6).out


def test_what_was_guessed_is_said_unless_quiet_is_asked_for(anglewise, vectors):
    words = ["--items", vectors / "d.npy", "--query", 3]
    assert "names no ids" in anglewise("search", *words).err
    assert anglewise("search", *words, "--quiet").err == ""


def test_pairs_are_judged_by_correlation(anglewise, vectors):
    items = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt"]
    told = json.loads(anglewise("compare", vectors / "pairs.csv", *items, "--json", "-").out)
    assert (told["metric"], told["direction"], told["judged"]) == ("spearman", None, 59)
    run = anglewise("compare", vectors / "pairs.csv", *items, "--html", vectors / "p.html")
    assert run.out.startswith("spearman · 59 judgements")
    assert "<article>" not in (vectors / "p.html").read_text()


def test_pairs_without_a_header_are_pairs(anglewise, vectors, tmp_path):
    lines = (vectors / "pairs.csv").read_text().splitlines()[1:]
    (tmp_path / "bare.csv").write_text("\n".join(lines))
    items = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt"]
    told = json.loads(anglewise("compare", tmp_path / "bare.csv", *items, "--json", "-").out)
    assert (told["metric"], told["judged"]) == ("spearman", 59)


def test_triplets_and_labels_stand_beside_items_too(anglewise, vectors, tmp_path):
    items = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt", "--json", "-"]
    rows = [f"d{i},d{i + 1},d{i + 2}" for i in range(50)]
    (tmp_path / "triplets.csv").write_text("\n".join(["anchor,near,far", *rows]))
    told = json.loads(anglewise("compare", tmp_path / "triplets.csv", *items).out)
    assert (told["metric"], told["judged"]) == ("triplet-accuracy", 50)
    rows = [f"d{i},{i % 4}" for i in range(60)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *rows]))
    told = json.loads(anglewise("compare", tmp_path / "labels.csv", *items).out)
    assert (told["metric"], told["direction"]) == ("nDCG@10", "items-items")


def test_some_labelled_items_can_ask_for_all(anglewise, vectors, tmp_path):
    items = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt", "--json", "-"]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["id,label", *(f"d{i},{i % 4}" for i in range(60))]))
    words = ["compare", labels, *items, "--label-queries", "12"]
    told = json.loads(anglewise(*words).out)
    assert (told["queries"], told["judged"]) == (12, 12 * 14)
    assert json.loads(anglewise(*words).out) == told
    other = json.loads(anglewise(*words, "--seed", "1").out)
    means = [
        [one["metrics"]["nDCG@10"]["mean"] for one in run["measures"]] for run in (told, other)
    ]
    assert means[0] != means[1]
    beside = ["compare", "--qrels", labels, *items, "--label-queries", "12"]
    assert json.loads(anglewise(*beside).out) == told


def test_a_sample_of_labels_is_refused_where_there_are_none(anglewise, vectors, tmp_path):
    words = ["--label-queries", "5"]
    assert refused(anglewise(*judged(vectors), *words), "--label-queries", "holds none")
    (tmp_path / "pairs.csv").write_text("id_a,id_b,score\nd1,d2,3\nd1,d3,2\nd2,d3,1\n")
    items = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt"]
    run = anglewise("compare", tmp_path / "pairs.csv", *items, *words)
    assert refused(run, "--label-queries", "holds none")
    assert refused(anglewise(*judged(vectors), "--label-queries", "0"), "--label-queries")


def test_a_gate_that_fails_exits_with_1_and_one_that_holds_with_0(anglewise, vectors):
    table = judged(vectors)
    assert anglewise(*table, "--gate", "cosine>=dot").code == 0
    failed = anglewise(*table, "--gate", "cosine>=dot", "--gate", "dot>=cosine+0.01")
    assert failed.code == 1
    assert "gate cosine>=dot holds" in failed.out
    assert "gate dot>=cosine+0.01 fails" in failed.out
    told = anglewise(*table, "--gate", "dot>=0.999", "--json", "-")
    assert told.code == 1
    assert [one["passed"] for one in json.loads(told.out)["gates"]] == [False]


def test_a_gate_that_cannot_be_read_is_refused_before_any_work(anglewise, vectors):
    assert refused(anglewise(*judged(vectors), "--gate", "cosine=dot"), "cosine=dot")
    assert refused(anglewise("compare", "nowhere", "--gate", "best"), "'best'")
    words = ["--gate", "manhattan>=dot", "--html", vectors / "never.html"]
    assert refused(anglewise(*judged(vectors), *words), "manhattan")
    assert not (vectors / "never.html").exists()


def test_gates_are_each_held_once_and_bounded_in_number(vectors, anglewise):
    same = ["--gate", "cosine>=dot-0.5", "--gate", "cosine >= dot - .5"] * 200
    told = anglewise(*judged(vectors), *same, "--json", "-")
    assert [gate["gate"] for gate in json.loads(told.out)["gates"]] == ["cosine>=dot-0.5"]
    many = [word for n in range(101) for word in ("--gate", f"cosine>=0.{n:03}")]
    assert refused(anglewise(*judged(vectors), *many), "101 gates are named, 100 at most")


def test_a_gate_holds_its_exit_code_when_the_reader_leaves(vectors):
    words = shlex.join([str(word) for word in judged(vectors)])
    pipe = f"{BIN} {words} --gate 'dot>=0.999' | true; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.count("Traceback")) == (1, 0)


class SeenError(AnglewiseError):
    """What a function was given, before it does anything."""


def seen(name, monkeypatch):
    def spy(*_, **named):
        raise SeenError(str(named))

    home = {"fit": "recommender_models.fit", "compare": "comparison.compare"}[name]
    monkeypatch.setattr(import_module(f"anglewise.{home}"), name, spy)


def test_every_setting_of_fit_arrives(anglewise, ratings, monkeypatch):
    seen("fit", monkeypatch)
    words = ["--objective", "factors", "--components", 7, "--penalty", 9, "--gauge", "power(0.2)"]
    words += ["--normalise", "bm25", "--holdout", 0.3, "--split", "time", "--seed", 4]
    words += ["--graded", "--confidence", 2]
    run = anglewise("fit", ratings / "ratings.csv.gz", "-o", "x", *words)
    told = {"objective": "factors", "components": 7, "penalty": 9.0, "gauge": "power(0.2)"}
    told |= {"normalise": "bm25", "trainer": None, "holdout": 0.3, "split": "time"}
    told |= {"graded": True, "confidence": 2.0, "seed": 4}
    assert refused(run, str(told))


def test_every_setting_of_compare_arrives(anglewise, vectors, monkeypatch):
    seen("compare", monkeypatch)
    words = ["--metrics", "R@5,P@5", "--tolerance", 0.05, "--baseline", "dot", "--seed", 4]
    told = ["'metrics': 'R@5,P@5'", "'tolerance': '0.05'", "'baseline': 'dot'", "'seed': 4"]
    assert refused(anglewise(*judged(vectors), *words), *told)


@pytest.mark.parametrize("option", ["user", "item", "weight", "time"])
def test_columns_of_interactions_can_be_named(option, anglewise, ratings):
    words = ["-o", ratings / "never", f"--{option}", "nobody"]
    run = anglewise("fit", ratings / "ratings.csv.gz", *words)
    assert refused(run, "no column 'nobody'")


@pytest.mark.parametrize("option", ["query", "item", "gain"])
def test_columns_of_judgements_can_be_named(option, anglewise, vectors, tmp_path):
    (tmp_path / "j.csv").write_text("who,what,much\nq1,d1,1\nq2,d3,1\n")
    columns = {"query": "who", "item": "what", "gain": "much"}
    words = [*both_sides(vectors), "--qrels", tmp_path / "j.csv", "--json", "-"]

    def named(names):
        return [word for name, column in names.items() for word in (f"--{name}-column", column)]

    assert json.loads(anglewise("compare", *words, *named(columns)).out)["judged"] == 2
    wrong = anglewise("compare", *words, *named(columns | {option: "nobody"}))
    assert refused(wrong, "no column 'nobody'")


def test_runs_hold_the_queries_that_were_judged(anglewise, vectors, tmp_path):
    (tmp_path / "few.txt").write_text("q40 0 d40 1\nq7 0 d7 1\n")
    words = [
        "--qrels",
        tmp_path / "few.txt",
        "--measures",
        "cosine",
        "--run-out",
        tmp_path / "r.run",
    ]
    assert anglewise("compare", *both_sides(vectors), *words).code == 0
    lines = [line.split() for line in (tmp_path / "r.run").read_text().splitlines()]
    assert {line[0] for line in lines} == {"q40", "q7"}
    assert {(line[0], line[2]) for line in lines if line[3] == "1"} == {
        ("q40", "d40"),
        ("q7", "d7"),
    }


def test_runs_are_written_one_for_each_measure(anglewise, vectors, tmp_path):
    words = ["--measures", "dot,norm(0,0.5)", "--run-out"]
    assert anglewise(*judged(vectors), *words, tmp_path / "runs").code == 0
    written = {file.name: file.read_text().splitlines() for file in (tmp_path / "runs").iterdir()}
    assert set(written) == {"dot.run", "norm_0_0.5.run"}
    assert len(written["dot.run"]) == 600
    assert written["dot.run"][0].split()[0] == "q0"
    one = anglewise(*judged(vectors), "--measures", "dot", "--run-out", tmp_path / "dot.parquet")
    assert (one.code, (tmp_path / "dot.parquet").read_bytes()[:4]) == (0, b"PAR1")
    (tmp_path / "taken").write_text("")
    page = tmp_path / "page.html"
    taken = anglewise(*judged(vectors), *words, tmp_path / "taken", "--html", page)
    assert refused(taken, "is a file")
    assert not page.exists()


@pytest.mark.parametrize("content", ["q7 Q0 d7 1 0.5 other\n", "my thesis\n", "\0\xff"])
def test_runs_take_no_place_of_a_file_that_is_none_of_theirs(content, anglewise, vectors, tmp_path):
    words = [*judged(vectors), "--measures", "dot,norm(0,0.5)", "--run-out", tmp_path]
    assert anglewise(*words).code == 0
    assert anglewise(*words).code == 0  # its own are replaced
    (tmp_path / "dot.run").write_text(content)
    page = tmp_path / "page.html"
    assert refused(anglewise(*words, "--html", page), "dot.run", "no run that anglewise wrote")
    assert (tmp_path / "dot.run").read_text() == content
    assert not page.exists()


def test_the_page_shows_titles(anglewise, vectors, tmp_path):
    words = ["--item-texts", vectors / "corpus.jsonl", "--html", tmp_path / "x.html"]
    assert anglewise(*judged(vectors), *words).code == 0
    assert "Document 7<" in (tmp_path / "x.html").read_text().replace(" <", "<")


def test_search_shows_lists_side_by_side_with_titles(anglewise, vectors, movies):
    words = ["--item-texts", vectors / "corpus.jsonl", "--query", "q7", "-k", 3]
    run = anglewise("search", *both_sides(vectors), *words, "--measures", "dot,cosine")
    assert run.out.startswith("query q7\n")
    assert run.out.count("Document 7\n") + run.out.count("Document 7 ") == 2
    assert "cosine: cosine in [-1, 1]" in run.out
    run = anglewise("search", movies, "--query", "i3", "--direction", "items-items")
    assert run.out.startswith("item i3: Film 3\n")
    assert "Film 3 " not in run.out


def test_search_says_in_json_what_was_found(anglewise, vectors):
    words = ["--query", "q7", "-k", 2, "--json", "-", "--measures", "cosine"]
    told = json.loads(anglewise("search", *both_sides(vectors), *words).out)
    assert (told["command"], told["direction"], told["k"]) == ("search", "queries-items", 2)
    (found,) = told["measures"]
    assert [one["rank"] for one in found["neighbours"]] == [1, 2]
    assert found["neighbours"][0]["id"] == "d7"
    assert -1 <= found["neighbours"][1]["score"] <= found["neighbours"][0]["score"] <= 1


def test_items_ask_each_other_where_there_are_no_queries(anglewise, vectors):
    words = ["--items", vectors / "d.npy", "--item-ids", vectors / "d.txt", "--query", "d5"]
    told = json.loads(anglewise("search", *words, "--json", "-").out)
    assert told["direction"] == "items-items"
    assert "d5" not in {one["id"] for one in told["measures"][0]["neighbours"]}


@pytest.mark.parametrize(
    ("query", "says"),
    [("q700", "did you mean 'q7'"), ("Document", "by title: 'd0' is 'Document 0'"), ("#", "'q0'")],
)
def test_an_unknown_id_is_answered_with_known_ones(query, says, anglewise, vectors):
    words = ["--item-texts", vectors / "corpus.jsonl", "--query", query]
    if query == "Document":
        words += ["--direction", "items-items"]
    run = anglewise("search", *both_sides(vectors), *words)
    assert run.code == 2
    assert says in run.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--measures", "cosin"], ["'cosin'", "did you mean 'cosine'"]),
        (["--measures", "cosine@centerd"], ["centred"]),
        (["--metric", "nDGC@10"], ["nDCG@10"]),
        (["--metric", "spearman"], ["spearman"]),
        (["--baseline", "manhattan"], ["baseline", "manhattan"]),
        (["--html", "no/such/folder/x.html"], ["no/such/folder"]),
        (["--html", "."], ["folder"]),
        (["--json", "."], ["folder"]),
    ],
)
def test_what_compare_cannot_use_is_one_message(words, says, anglewise, vectors, empty_folder):
    assert refused(anglewise(*judged(vectors), "--quiet", *words), *says)
    assert not list(empty_folder.iterdir())


def test_missing_and_mistaken_inputs_are_one_message(anglewise, vectors, ratings, movies, tmp_path):
    items = ["--items", vectors / "d.npy"]
    assert refused(anglewise("compare", tmp_path / "none"), "none", "does not exist")
    assert refused(anglewise("compare"), "items")
    assert refused(anglewise("compare", *items, "--quiet"), "--qrels")
    assert refused(anglewise("compare", movies, "--direction", "queries-queries"), "queries-items")
    assert refused(anglewise("compare", vectors / "pairs.csv", *items, "--qrels", "x"), "--qrels x")
    assert refused(anglewise("compare", *items, "--qrels", vectors, "--quiet"), str(vectors))
    assert refused(anglewise("fit", tmp_path, "-o", tmp_path / "m"), str(tmp_path))
    assert refused(anglewise("fit", tmp_path / "no.csv", "-o", tmp_path / "m"), "no.csv")
    full = [ratings / "ratings.csv.gz", "-o", ratings]
    assert refused(anglewise("fit", *full, "--components", 4, "--quiet"), str(ratings))
    elsewhere = [ratings / "ratings.csv.gz", "-o", tmp_path / "m"]
    assert refused(anglewise("fit", *elsewhere, "--user", "viewer"), "viewer", "user_id")
    assert refused(anglewise("search", movies, "--query", "u1", "-k", 4000), "4000", "40")


def test_ids_that_do_not_match_are_shown(anglewise, vectors, tmp_path):
    (tmp_path / "q.txt").write_text("zero 0 one 1\n")
    words = [*both_sides(vectors), "--qrels", tmp_path / "q.txt", "--quiet"]
    assert refused(anglewise("compare", *words), "'zero'", "'q0'")


@pytest.mark.parametrize("evil", ["items", "queries"])
def test_ids_that_a_run_cannot_hold_are_refused_before_anything_is_written(
    anglewise, tmp_path, evil
):
    rng = np.random.default_rng(0)
    names = {side: [f"{side[0]}{i}" for i in range(8)] for side in ("queries", "items")}
    names[evil][3] = "with blank"
    sides = {side: Embeddings(rng.standard_normal((8, 3)), ids=names[side]) for side in names}
    write_space(Space(**sides), tmp_path / "space")
    lines = [f"{q},{d},1\n" for q, d in zip(names["queries"], names["items"], strict=True)]
    (tmp_path / "qrels.csv").write_text("query_id,item_id,gain\n" + "".join(lines))
    words = ["compare", tmp_path / "space", "--qrels", tmp_path / "qrels.csv"]
    outputs = [("--html", "c.html"), ("--history", "h.parquet"), ("--run-out", "runs")]
    out = [word for option, name in outputs for word in (option, tmp_path / name)]
    before = sorted(tmp_path.iterdir())
    assert refused(anglewise(*words, *out), "cannot hold the id 'with blank'")
    assert sorted(tmp_path.iterdir()) == before
    run = tmp_path / "dot.parquet"
    assert anglewise(*words, "--measures", "dot", "--run-out", run).code == 0
    assert run.exists()
