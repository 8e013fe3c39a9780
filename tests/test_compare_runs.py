"""Ranked lists of other systems are candidates like any measure."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytrec_eval

import anglewise as aw
from anglewise.comparison.gates import check
from anglewise.errors import (
    AnglewiseError,
    FileError,
    IdsError,
    SpellingError,
    TooFewError,
    ValuesError,
    WrongTypeError,
)
from cli_run import anglewise

__all__ = ["anglewise"]

QUERIES, ITEMS = 40, 60


def made_space(seed=0, **metadata):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ITEMS, 8)) * rng.uniform(0.2, 5, (ITEMS, 1))
    items = aw.Embeddings(x, ids=[f"d{i}" for i in range(ITEMS)], metadata=metadata or None)
    queries = x[:QUERIES] + rng.standard_normal((QUERIES, 8))
    return aw.Space(
        queries=aw.Embeddings(queries, ids=[f"q{i}" for i in range(QUERIES)]), items=items
    )


def made_gains(seed=1, more=()):
    rng = np.random.default_rng(seed)
    names = [*(f"d{i}" for i in range(ITEMS)), *more]
    return {
        f"q{q}": {names[i]: int(rng.integers(0, 3)) for i in rng.choice(len(names), 8, False)}
        | {f"d{q}": 2}
        for q in range(QUERIES)
    }


def made_run(name="bm25", seed=2, more=(), deep=30):
    rng = np.random.default_rng(seed)
    names = [*(f"d{i}" for i in range(ITEMS)), *more]
    lists = {
        f"q{q}": {names[i]: float(rng.random()) for i in rng.permutation(len(names))[:deep]}
        for q in range(QUERIES)
    }
    return aw.Run.from_dict(lists, name), lists


def values_of(result, name, metric):
    return next(row.metrics[metric].mean for row in result.measures if row.measure == name)


METRICS = {"nDCG@10": "ndcg_cut_10", "R@20": "recall_20", "P@5": "P_5", "AP@100": "map_cut_100"}


@pytest.mark.parametrize("more", [(), ("gone1", "gone2", "gone3")])
def test_a_run_gets_what_trec_eval_gives_it(more):
    """Items that the space lacks keep their places, and are found where they are judged."""
    space, gains = made_space(), made_gains(more=more)
    run, lists = made_run(more=more)
    judged = aw.Judgements.from_dict(gains, space)
    names = list(METRICS)
    result = aw.compare(space, judged, "dot", names[0], runs=run, metrics=names[1:])
    oracle = pytrec_eval.RelevanceEvaluator(gains, set(METRICS.values())).evaluate(lists)
    for ours, theirs in METRICS.items():
        mean = np.mean([oracle[query][theirs] for query in gains])
        assert values_of(result, "bm25", ours) == pytest.approx(mean, abs=1e-12)


def test_a_space_takes_nothing_from_what_stands_beside_it():
    space, judged = made_space(), aw.Judgements.from_dict(made_gains(), made_space())
    alone = aw.compare(space, judged, "dot,cosine")
    beside = aw.compare(space, judged, "dot,cosine", runs=made_run(more=["strange"])[0])
    for name in ("dot", "cosine"):
        assert values_of(alone, name, "nDCG@10") == values_of(beside, name, "nDCG@10")


def test_runs_alone_need_no_vector():
    gains, (run, lists) = made_gains(), made_run()
    worse, _ = made_run("worse", seed=3, deep=3)
    result = aw.compare_runs([run, worse], gains)
    oracle = pytrec_eval.RelevanceEvaluator(gains, {"ndcg_cut_10"}).evaluate(lists)
    mean = np.mean([row["ndcg_cut_10"] for row in oracle.values()])
    assert values_of(result, "bm25", "nDCG@10") == pytest.approx(mean, abs=1e-12)
    assert result.floors == ()  # which items there are beside the named is not known
    assert not any("zero vectors" in note for note in result.notes)
    assert "simplest" not in str(result.verdict)
    frame = pd.DataFrame(
        [(q, d, g) for q, row in gains.items() for d, g in row.items()],
        columns=["query_id", "item_id", "gain"],
    )
    again = aw.compare_runs([run, worse], frame)
    assert again.verdict == result.verdict


@pytest.mark.parametrize("lacking", ["query_id", "item_id", "gain"])
def test_a_frame_of_judgements_needs_its_three_columns_once_each(lacking):
    frame = pd.DataFrame({"query_id": ["q"], "item_id": ["a"], "gain": [1.0]})
    runs = [made_run()[0], made_run("worse", seed=3)[0]]
    for given, count in (
        (frame.rename(columns={lacking: "other"}), "no"),
        (pd.concat([frame, frame[[lacking]]], axis=1), "2"),
    ):
        with pytest.raises(
            ValuesError, match=f"^the frame .* {count} columns '{lacking}'.* one each of"
        ):
            aw.compare_runs(runs, given)


def test_a_query_without_a_list_counts_as_one_that_found_nothing():
    gains = {f"q{i}": {"a": 1} for i in range(10)}
    half = aw.Run.from_dict({f"q{i}": {"a": 1.0} for i in range(5)}, "half")
    whole = aw.Run.from_dict({f"q{i}": {"a": 1.0} for i in range(10)}, "whole")
    result = aw.compare_runs([half, whole], gains)
    assert values_of(result, "half", "nDCG@10") == 0.5
    assert any("half has no list for 5 of 10 judged queries" in note for note in result.notes)


def test_what_judgements_hide_is_left_out_of_runs_too():
    space = made_space()
    seen = {"q0": ["d1"]}
    space = aw.Space(queries=space.queries, items=space.items, seen=_seen(space, seen))
    judged = aw.Judgements.from_dict({"q0": {"d2": 1}}, space)
    run = aw.Run.from_dict({"q0": ["d1", "d2"]}, "shop")
    result = aw.compare(space, judged, (), "RR@10", runs=[run])
    assert values_of(result, "shop", "RR@10") == 1
    assert any("1 place of shop" in note for note in result.notes)


def _seen(space, names):
    from anglewise.data_types.sparse import SparseRows

    pairs = [
        (space.queries.row_of[q], space.items.row_of[d]) for q, row in names.items() for d in row
    ]
    rows, columns = zip(*pairs, strict=True)
    shape = (len(space.queries), len(space.items))
    return SparseRows.from_pairs(list(rows), list(columns), shape=shape)


def test_not_itself_takes_the_query_out_of_runs_even_where_no_space_holds_it():
    items = aw.Embeddings(np.eye(3), ids=["a", "b", "c"])
    space = aw.Space(queries=aw.Embeddings(np.eye(3)[:2], ids=["a", "z"]), items=items)
    judged = aw.Judgements.from_dict({"a": {"b": 1}, "z": {"c": 1}}, space)
    run = aw.Run.from_dict({"a": ["a", "b"], "z": ["z", "c"]}, "run")
    result = aw.compare(space, judged, (), "RR@10", runs=[run], not_itself=True)
    assert values_of(result, "run", "RR@10") == 1


def test_a_run_of_passages_stands_for_their_documents():
    items = aw.Embeddings(
        np.eye(4), ids=["a#0", "a#1", "b#0", "c"], metadata={"document": ["a", "a", "b", "c"]}
    )
    space = aw.Space(queries=aw.Embeddings(np.eye(4)[:1], ids=["q"]), items=items)
    judged = aw.Judgements.from_dict({"q": {"b": 1}}, space)
    passages = aw.Run.from_dict({"q": ["a#0", "a#1", "b#0"]}, "passages")
    documents = aw.Run.from_dict({"q": ["a", "b"]}, "documents")
    result = aw.compare(space, judged, "dot", "RR@10", runs=[passages, documents])
    assert values_of(result, "passages", "RR@10") == values_of(result, "documents", "RR@10") == 0.5
    mixed = aw.Run.from_dict({"q": ["a#0", "b"]}, "mixed")
    with pytest.raises(IdsError, match="the run 'mixed' names passages"):
        aw.compare(space, judged, "dot", runs=[mixed])


def test_slices_of_items_hold_where_runs_name_others():
    space = made_space(topic=["even" if i % 2 else "odd" for i in range(ITEMS)])
    judged = aw.Judgements.from_dict(made_gains(), space)
    known, lists = made_run()
    strange = {q: {"strange": 9.0, **row} for q, row in lists.items()}
    shifted = aw.Run.from_dict(strange, "shifted")
    result = aw.compare(space, judged, "dot", "R@30", runs=[known, shifted], slices="topic")
    for part in result.slices:
        only = {
            q: {d: g for d, g in row.items() if (int(d[1:]) % 2 == 1) == (part.value == "even")}
            for q, row in made_gains().items()
        }
        only = {q: row for q, row in only.items() if any(row.values())}
        oracle = pytrec_eval.RelevanceEvaluator(only, {"recall_30"}).evaluate(lists)
        mean = np.mean([row["recall_30"] for row in oracle.values()])
        assert part.means["bm25"] == pytest.approx(mean)
        assert part.means["shifted"] <= part.means["bm25"]


def test_several_spaces_and_runs_are_one_family():
    space = made_space()
    judged = aw.Judgements.from_dict(made_gains(more=["gone1"]), space)
    run, lists = made_run(more=["gone1"])
    result = aw.compare_spaces({"old": space, "new": made_space(5)}, judged, "dot", runs=run)
    oracle = pytrec_eval.RelevanceEvaluator(made_gains(more=["gone1"]), {"ndcg_cut_10"})
    mean = np.mean([row["ndcg_cut_10"] for row in oracle.evaluate(lists).values()])
    assert [row.measure for row in result.measures].count("bm25") == 1
    assert values_of(result, "bm25", "nDCG@10") == pytest.approx(mean, abs=1e-12)


def test_the_lists_of_a_measure_rank_like_it():
    space = made_space()
    judged = aw.Judgements.from_dict(made_gains(), space)
    hits = aw.search(space, "cosine", k=10)["cosine"]
    lists = {f"q{q}": [f"d{d}" for d in row] for q, row in enumerate(hits.indices.tolist())}
    result = aw.compare(space, judged, "dot,cosine", runs=aw.Run.from_dict(lists, "copy"))
    assert next(row.alike for row in result.measures if row.measure == "copy") == ("cosine",)


def test_gates_and_baselines_name_runs():
    space, judged = made_space(), aw.Judgements.from_dict(made_gains(), made_space())
    runs = [made_run("run-1")[0], made_run("run", seed=4)[0]]
    result = aw.compare(space, judged, "dot", runs=runs, baseline="run-1")
    assert result.baseline == "run-1"
    assert check(result, "run-1>=run-1").passed
    assert str(check(result, "dot>=run-1").gate) == "dot>=run-1"  # no run less 1
    with pytest.raises(SpellingError, match="among the measures dot or the runs run-1 and run"):
        aw.compare(space, judged, "dot", runs=runs, baseline="cosine")


@pytest.mark.parametrize(
    ("lists", "error", "words"),
    [
        ({}, TooFewError, "holds no list"),
        pytest.param(
            *([("q", "d")], WrongTypeError, "a dict {query"), marks=pytest.mark.wrong_kinds
        ),
        ({"q": "d1"}, WrongTypeError, "the list of 'q' is a str"),
        ({"q": {"d": "x"}}, ValuesError, "query 'q': the score of 'd' is a str"),
        ({"q": {"d": True}}, ValuesError, "a bool"),
        ({"q": {"d": float("nan")}}, ValuesError, "nan: a finite number is due"),
        ({"q": {"d": float("inf")}}, ValuesError, "inf: a finite number is due"),
        ({"q": ["d", "d"]}, ValuesError, "'d' stands in the list of query 'q' a second time"),
        ({"q": {1: 1, "1": 2}}, ValuesError, "a second time"),
        ({1: {"d": 1}, "1": {"d": 1}}, ValuesError, "two queries"),
        ({"q": {"": 1}}, IdsError, "empty"),
        ({None: {"d": 1}}, IdsError, "missing"),
    ],
)
def test_lists_that_are_none_are_refused(lists, error, words):
    with pytest.raises(error, match=words):
        aw.Run.from_dict(lists, "run")


@pytest.mark.parametrize("name", ["", " ", "a b ", "a:b", "a,b", "a>=b", "last", "Last(v1)", "a\n"])
def test_names_that_no_gate_could_spell_are_refused(name):
    with pytest.raises(SpellingError, match="a run may not be called"):
        aw.Run.from_dict({"q": ["d"]}, name)


def test_two_candidates_of_one_name_are_refused():
    space, judged = made_space(), aw.Judgements.from_dict(made_gains(), made_space())
    for runs in ([made_run("dot")[0]], [made_run("x")[0], made_run("x")[0]]):
        with pytest.raises(SpellingError, match="two candidates are called"):
            aw.compare(space, judged, "dot", runs=runs)
    renamed = made_run("dot")[0].called("other")
    assert aw.compare(space, judged, "dot", runs=[renamed]).queries == QUERIES


@pytest.mark.parametrize(
    ("lists", "words"),
    [({"x": ["d1"]}, "judged are such as 'q0'"), ({"q0": ["x"]}, "the space holds such as 'd0'")],
)
def test_runs_of_other_queries_or_items_are_refused(lists, words):
    space, judged = made_space(), aw.Judgements.from_dict(made_gains(), made_space())
    with pytest.raises(IdsError, match=words):
        aw.compare(space, judged, "dot", runs=[aw.Run.from_dict(lists, "run")])


def test_pairs_and_triplets_have_no_runs():
    pairs = aw.Pairs(np.arange(5), np.arange(5) + 1, np.arange(5.0))
    with pytest.raises(SpellingError, match="runs and bm25 are lists of queries"):
        aw.compare(np.random.default_rng(0).random((9, 3)), pairs, "dot", runs=[made_run()[0]])


LISTS = {"q1": [("b", 2.5), ("a", 2.5), ("c", -1.0)], "q 2": [("a", 1.0)]}


def written(folder, form):
    rows = [(q, d, r, s) for q, row in LISTS.items() for r, (d, s) in enumerate(row, 1)]
    path = folder / f"bm25.{form}"
    names = ("query_id", "item_id", "rank", "score")
    if form == "run":
        path.write_text(
            "".join(f"{q.replace(' ', '')} Q0 {d} {r} {s} tag\n" for q, d, r, s in rows)
        )
    elif form == "parquet":
        pq.write_table(
            pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), path
        )
    elif form == "csv":
        path.write_text("\n".join(",".join(map(str, row)) for row in (names, *rows)) + "\n")
    else:
        content = {q: dict(row) for q, row in LISTS.items()}
        nested = {"mteb_model_meta": {"model_name": "x"}, "default": {"test": content}}
        path = path.with_suffix(".json")
        path.write_text(json.dumps(nested if form == "mteb" else content))
    return path


@pytest.mark.parametrize("form", ["run", "parquet", "csv", "json", "mteb"])
def test_every_form_of_a_run_is_read(form, tmp_path):
    run = aw.read_run(written(tmp_path, form))
    assert run.name == "bm25"
    assert {q: run[q] for q in run.queries} == {
        (q.replace(" ", "") if form == "run" else q): row for q, row in LISTS.items()
    }


@pytest.mark.parametrize("tag", ["norm(0,0.5)", "weighted(bm25,cosine)", "a;b", "a|b", "a::b"])
@pytest.mark.parametrize("item", ["d", "d,1", "d;1", "d|1", "http://x/::1"])
def test_a_trec_run_is_cut_at_blanks_whatever_ids_and_tags_hold(tag, item, tmp_path):
    (tmp_path / "x.run").write_text(f"q Q0 {item} 1 2.5e0 {tag}\nq Q0 other 2 -1.5 {tag}\n")
    assert aw.read_run(tmp_path / "x.run")["q"] == [(item, 2.5), ("other", -1.5)]


def test_a_run_that_was_written_is_read_back(anglewise, tmp_path):
    space = made_space()
    aw.write_space(space, tmp_path / "space")
    qrels = tmp_path / "qrels.txt"
    rows = [(q, d, g) for q, row in made_gains().items() for d, g in row.items()]
    qrels.write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in rows))
    for name in ("out", "cosine.parquet"):
        anglewise("compare", tmp_path / "space", "--qrels", qrels, "--measures", "cosine",
            "--run-out", tmp_path / name)  # fmt: skip
    hits = aw.search(space, "cosine", k=10)["cosine"]
    for path in (tmp_path / "out" / "cosine.run", tmp_path / "cosine.parquet"):
        run = aw.read_run(path)
        for q, row in enumerate(hits.indices.tolist()):
            assert [item for item, _ in run[f"q{q}"]] == [f"d{d}" for d in row]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.run", "q Q0 d 1 3 t\nq Q0 e 2 4 t\n", "line 1 has rank 1 and score 3"),
        ("a.run", "q Q0 d 1 3 t\nq Q0 d 2 2 t\n", "line 2: item 'd' stands .* a second time"),
        ("a.run", "q Q0 d 1 nan t\n", "line 1"),
        ("a.run", "q 0 d 1\n", "has no header and 4 columns"),
        ("a.run", "", "is empty"),
        ("a.csv", "query_id,item_id\nq,d\n", "score"),
        ("a.csv", "query_id,item_id,score\nq,,1\n", "line 2: the id"),
        ("a.json", "[1]", "holds a list"),
        ("a.json", "{}", "holds no lists"),
        ("a.json", '{"q": {"d": 1', "is no run as JSON|not a run as JSON|a run as JSON"),
        ("a.json", '{"q": {"d": 1, "d": 2}}', "'d' stands twice"),
        ("a.json", '{"a": {"q": {"d": 1}}, "b": {"q": {"d": 1}}}', "several runs .a, b."),
        ("a.json", "[" * 100_000, "deep"),
        ("last.run", "q Q0 d 1 3 t\n", "may not be called 'last'"),
    ],
)
def test_files_that_are_no_runs_are_refused(name, text, words, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(AnglewiseError, match=words):
        aw.read_run(path)
    with pytest.raises(FileError, match=r"nothing\.run"):
        aw.read_run(tmp_path / "nothing.run")


def test_equal_ranks_say_nothing_against_scores(tmp_path):
    path = tmp_path / "a.run"
    path.write_text("q Q0 d 0 1 t\nq Q0 e 0 2 t\n")
    assert aw.read_run(path)["q"] == [("e", 2.0), ("d", 1.0)]


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    aw.write_space(made_space(), folder / "space")
    rows = [(q, d, g) for q, row in made_gains().items() for d, g in row.items()]
    (folder / "qrels.txt").write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in rows))
    (folder / "bm25.json").write_text(json.dumps(made_run()[1]))
    return folder


def test_the_command_compares_runs_beside_measures(anglewise, folder, tmp_path):
    out = tmp_path / "out.json"
    done = anglewise("compare", folder / "space", "--qrels", folder / "qrels.txt",
               "--measures", "dot", "--runs", folder / "bm25.json", f"other={folder / 'bm25.json'}",
               "--gate", "bm25>=other", "--json", out)  # fmt: skip
    assert done.code == 0, done.err
    content = json.loads(out.read_text())
    assert {row["measure"] for row in content["measures"]} == {"dot", "bm25", "other"}
    assert content["gates"][0]["passed"] is True


def test_the_command_compares_runs_alone(anglewise, folder, tmp_path):
    done = anglewise("compare", "--qrels", folder / "qrels.txt", "--runs", folder / "bm25.json",
               "--json", tmp_path / "x.json")  # fmt: skip
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "x.json").read_text())
    assert [row["measure"] for row in content["measures"]] == ["bm25"]
    assert content["items"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--slice", "topic"], "--slice is of a space"),
        (["--split", "clusters(8)"], "--split is of a space"),
        (["--measures", "dot"], "--measures is of a space"),
        (["--seen", "{folder}/qrels.txt"], "--seen is of a space"),
        (["--breadth"], "--breadth is of a space"),
        (["--dry-run"], "--dry-run is of a space"),
        (["--variants", "int8"], "--variants is of a space"),
        (["--direction", "items-items"], "--direction items-items"),
        (["--gate", "bm26>=0.1"], "bm26"),
        (["--baseline", "dot"], "the baseline dot is not among the runs bm25"),
    ],
)
def test_options_of_vectors_are_refused_without_any(anglewise, options, words, folder):
    options = [word.format(folder=folder) for word in options]
    done = anglewise(
        "compare", "--qrels", folder / "qrels.txt", "--runs", folder / "bm25.json", *options
    )
    assert done.code == 2
    assert words in " ".join(done.err.split())


def test_runs_alone_need_judgements(anglewise, folder):
    done = anglewise("compare", "--runs", folder / "bm25.json")
    assert done.code == 2
    assert "--qrels" in done.err


def test_measures_none_leaves_runs_or_nothing(anglewise, folder):
    base = ["compare", folder / "space", "--qrels", folder / "qrels.txt", "--measures", "none"]
    assert anglewise(*base).code == 2
    assert anglewise(*base, "--runs", folder / "bm25.json").code == 0
