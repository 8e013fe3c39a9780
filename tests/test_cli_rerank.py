"""``anglewise compare --reranker``: what it takes, keeps and refuses."""

import json
import sys
from types import SimpleNamespace

import anglewise as aw
from cli_run import anglewise, refused
from test_rankers import QUERIES, made_space
from test_rerank import Truth, known

__all__ = ["anglewise"]


def written(tmp_path, monkeypatch):
    """A space, judgements, and a module whose function reranks by the words."""
    aw.write_space(made_space(noise=3.0), tmp_path / "space")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(QUERIES)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    truth = Truth()
    module = SimpleNamespace(words=truth, kept=known(truth), number=3)
    monkeypatch.setitem(sys.modules, "reranking_stub", module)
    return ["compare", tmp_path / "space", "--qrels", qrels], truth


def test_the_command_reranks_and_keeps_scores_among_the_caches(anglewise, tmp_path, monkeypatch):
    base, truth = written(tmp_path, monkeypatch)
    options = ["--measures", "dot,rerank(dot,50)", "--reranker", "python:reranking_stub:kept"]
    done = anglewise(*base, *options, "--gate", "rerank(dot,50)>=dot+0.1")
    assert done.code == 0, done.err
    words = " ".join(done.out.split())
    assert "Use rerank(dot,50)" in words
    assert (
        "Asked of python:reranking_stub:kept: rerank(dot,50) 50 pairs in 1 call a query." in words
    )
    asked = len(truth.pairs)
    assert [file.suffix for file in (tmp_path / "cache/anglewise/reranked").iterdir()] == [".jsonl"]
    again = anglewise(*base, *options, "--gate", "rerank(dot,50)>=dot+0.1")
    assert again.out == done.out
    assert len(truth.pairs) == asked
    timed = anglewise(*base, *options, "--breadth", "--json", "-")
    row = json.loads(timed.out)["measures"][0]
    assert row["reranking"]["seconds"]["a_query"] > 0


def test_the_command_refuses_what_it_cannot_rerank(anglewise, tmp_path, monkeypatch):
    base, _ = written(tmp_path, monkeypatch)
    reranking = ["--measures", "dot,rerank(dot,5)"]
    assert refused(anglewise(*base, *reranking), "rerank(dot,5) needs a reranker", "--reranker")
    assert refused(anglewise(*base, "--reranker", "python:a:b"), "nothing that it is to rerank")
    assert refused(anglewise(*base, *reranking, "--reranker", "use"), "no reranker is called 'use'")
    assert refused(
        anglewise(*base, *reranking, "--reranker", "python:reranking_stub:number"),
        "python:reranking_stub:number is an int",
    )
    assert refused(anglewise(*base, "--reranker-cache", tmp_path / "x"), "no")
    assert refused(
        anglewise(*base, *reranking, "--reranker", "python:nowhere:f"), "cannot be imported"
    )
    alone = ["compare", "--qrels", base[-1], "--runs", tmp_path / "a.run"]
    (tmp_path / "a.run").write_text("q0 Q0 d0 1 1 a\n")
    assert refused(anglewise(*alone, "--reranker", "python:a:b"), "--reranker is of a space")
    several = ["compare", "--spaces", tmp_path / "space", "--qrels", base[-1]]
    assert refused(anglewise(*several, "--reranker", "python:a:b"), "--reranker is for one space")


def test_a_folder_names_no_reranker(anglewise, tmp_path, monkeypatch):
    base, truth = written(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "anglewise.toml").write_text(
        '[compare]\nmeasures = "rerank(dot,5)"\nreranker = "python:reranking_stub:words"\n'
    )
    assert refused(anglewise(*base), "sets reranker under [compare]", "type --reranker")
    assert not truth.pairs
