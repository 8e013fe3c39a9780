"""Documents judged where passages are searched: each is as near as the best of its own."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from anglewise import (
    AnglewiseError,
    Embeddings,
    Index,
    Judgements,
    Space,
    compare,
    compare_spaces,
    read_judgements,
    read_space,
    search,
    write_space,
)
from anglewise.comparison.lists import EvaluationSettings, SearchedSpace, nearest_documents
from anglewise.data_types.parts import Parts, parts_of
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError, IdsError, ShapeError, SpellingError
from anglewise.evaluation_metrics.evaluate import evaluate
from anglewise.rag.relevance import gather
from anglewise.similarity_measures.measure import measures
from cli_run import anglewise, refused

__all__ = ["anglewise"]

MEASURES = "dot,cosine,euclidean,cosine@centred"
QUERIES = 40


def cut(rng, sizes, *, steps=None, whole=()):
    """A space of documents cut into so many passages; steps make for scores that tie."""
    names = [f"d{i}" for i, size in enumerate(sizes) for _ in range(size)]
    ids = [
        f"d{i}" if i in whole else f"d{i}#{part}"
        for i, size in enumerate(sizes)
        for part in range(size)
    ]
    x, q = rng.standard_normal((len(names), 6)), rng.standard_normal((QUERIES, 6))
    if steps is not None:
        x, q = np.round(x * steps), np.round(q * steps)
    about = {"document": names, "text": [f"text of {name}" for name in ids]}
    return Space(
        queries=Embeddings(q, ids=[f"q{i}" for i in range(QUERIES)]),
        items=Embeddings(x, ids=ids, metadata=about),
    )


def qrels(path, pairs):
    path.write_text("".join(f"{query} 0 {name} {gain}\n" for query, name, gain in pairs))
    return path


def by_force(space, parts, k):
    """Rank every passage, then keep each document where it stands first."""
    found = search(space, MEASURES, k=len(space.items))
    lists = {}
    for name, one in found.items():
        lists[name] = [
            list(dict.fromkeys(zip(parts.of[row].tolist(), best, strict=True)))
            for row, best in (
                (row, best(parts.of[row], score))
                for row, score in zip(one.indices, one.scores, strict=True)
            )
        ]
    return {name: [row[:k] for row in rows] for name, rows in lists.items()}


def best(of, scores):
    """For each passage the score of its document: the largest over its passages."""
    top = {}
    for document, score in zip(of.tolist(), scores.tolist(), strict=True):
        top[document] = max(score, top.get(document, -np.inf))
    return [top[document] for document in of.tolist()]


def nearest(space, parts, names, k, left=None):
    nothing = SparseRows.from_pairs([], [], shape=(QUERIES, len(parts)))
    searched = SearchedSpace(space, Judgements(nothing, seen=left, parts=parts), np.arange(QUERIES))
    settings = EvaluationSettings([], threads=1)
    return nearest_documents(searched, parts, measures(names), k, settings)


@pytest.mark.parametrize("steps", [None, 1], ids=["apart", "tied"])
@pytest.mark.parametrize(
    "sizes", [[3] * 30, [1] * 20, [200, *[1] * 15], [1, 50, 2, 50, 3, 50, 1, 1]]
)
@pytest.mark.parametrize("k", [1, 7])
def test_documents_stand_where_the_best_of_their_passages_stands(sizes, steps, k):
    space = cut(np.random.default_rng(len(sizes)), sizes, steps=steps)
    parts = Parts.named(space.items.metadata["document"])
    found = nearest(space, parts, MEASURES, k)
    for name, due in by_force(space, parts, k).items():
        pairs = [
            list(zip(row.tolist(), scores.tolist(), strict=True))
            for row, scores in zip(found[name].indices, found[name].scores, strict=True)
        ]
        assert pairs == due
        whole = by_force(space, parts, len(sizes))[name]
        ties = [sum(s == row[k - 1][1] for _, s in row[k:]) for row in whole]
        assert found[name].tied_at_cut.tolist() == ties


def test_fewer_documents_than_places_leave_places_empty():
    space = cut(np.random.default_rng(0), [4, 4, 4])
    parts = Parts.named(space.items.metadata["document"])
    left = SparseRows.from_pairs([0] * 4, [0, 1, 2, 3], shape=(QUERIES, 12))
    found = nearest(space, parts, "dot", 10, left)["dot"]
    assert found.indices[0].tolist()[2:] == [-1]
    assert sorted(found.indices[0].tolist()[:2]) == [1, 2]
    assert np.all(np.sort(found.indices[1:], axis=1) == np.arange(3))


def test_the_metric_counts_a_document_once(tmp_path):
    rng = np.random.default_rng(5)
    space = cut(rng, [int(size) for size in rng.integers(1, 9, 50)])
    pairs = [(f"q{i}", f"d{j}", 1 + j % 3) for i in range(QUERIES) for j in (i, (3 * i) % 50)]
    judged = read_judgements(qrels(tmp_path / "qrels.txt", pairs), space)
    result = compare(space, judged, measures=MEASURES, metrics="R@5")
    parts = parts_of(space.items)
    assert judged.parts.documents == parts.documents
    for name, rows in by_force(space, parts, 10).items():
        lists = result.evidence.found[name]
        assert lists.indices.tolist() == [[document for document, _ in row] for row in rows]
        for metric in ("nDCG@10", "R@5"):
            due = evaluate({name: lists}, judged, judged.judged_rows, metric)[metric][0]
            place = result.evidence.measures.index(name)
            assert np.array_equal(result.evidence.values[metric][place], due)
    assert result.items == 50
    assert result.evidence.space.items.ids.tolist() == list(parts.documents)
    [said] = [note for note in result.notes if "judged by their documents" in note]
    assert f"{len(space.items)} passages of 50 documents" in said
    json.dumps(result.to_dict())


def test_spaces_cut_in_other_ways_meet_in_the_same_documents(tmp_path):
    rng = np.random.default_rng(3)
    short, long = cut(rng, [5] * 25), cut(rng, [2] * 25)
    whole = Space(
        queries=short.queries,
        items=Embeddings(rng.standard_normal((25, 6)), ids=[f"d{i}" for i in range(25)]),
    )
    spaces = {"whole": whole, "short": short, "long": long}
    pairs = [(f"q{i}", f"d{(7 * i) % 25}", 1) for i in range(QUERIES)]
    file = qrels(tmp_path / "qrels", pairs)
    judged = {name: read_judgements(file, space) for name, space in spaces.items()}
    result = compare_spaces(spaces, judged, "dot,cosine")
    assert result.items == 25
    alone = {name: compare(space, judged[name], "dot,cosine") for name, space in spaces.items()}
    for one in result.measures:
        space, _, measure = one.measure.partition(": ")
        [due] = [row for row in alone[space].measures if row.measure == measure]
        assert one.metrics["nDCG@10"].mean == pytest.approx(due.metrics["nDCG@10"].mean)
    said = [note for note in result.notes if "judged by their documents" in note]
    assert [note.partition(":")[0] for note in said] == ["short", "long"]
    by_one = compare_spaces({"short": short, "long": long}, judged["short"], "dot,cosine")
    by_both = compare_spaces(
        {"short": short, "long": long}, {n: judged[n] for n in ("short", "long")}, "dot,cosine"
    )
    assert by_one.to_dict() == by_both.to_dict()


def test_spaces_of_passages_that_leave_items_out_are_refused(tmp_path):
    space = cut(np.random.default_rng(3), [5] * 5)
    seen = SparseRows.from_pairs([0], [0], shape=(QUERIES, 25))
    seeing = Space(queries=space.queries, items=space.items, seen=seen)
    judged = read_judgements(qrels(tmp_path / "qrels", [("q0", "d1", 1)]), seeing)
    with pytest.raises(SpellingError, match="one by one"):
        compare_spaces({"a": seeing, "b": space}, judged, "dot,cosine")


def test_passages_that_are_judged_themselves_are_judged_as_ever(tmp_path):
    space = cut(np.random.default_rng(1), [2] * 30)
    pairs = [(f"q{i}", f"d{i % 30}#1", 1) for i in range(QUERIES)]
    judged = read_judgements(qrels(tmp_path / "qrels.txt", pairs), space)
    assert judged.parts is None
    plain = Space(queries=space.queries, items=Embeddings(space.items.vectors, space.items.ids))
    theirs = read_judgements(tmp_path / "qrels.txt", plain)
    ours = compare(space, judged, measures="dot,cosine")
    assert ours.to_dict() == compare(plain, theirs, measures="dot,cosine").to_dict()


def test_documents_that_were_not_cut_are_documents_all_the_same(tmp_path):
    space = cut(np.random.default_rng(1), [1, 3, 1, 2], whole={0, 2})
    both = [("q0", "d0", 1), ("q1", "d1", 1), ("q2", "d2", 1)]
    assert read_judgements(qrels(tmp_path / "a", both), space).parts is not None
    passages = [("q0", "d0", 1), ("q1", "d1#2", 1)]
    assert read_judgements(qrels(tmp_path / "b", passages), space).parts is None
    uncut = cut(np.random.default_rng(1), [1, 1], whole={0, 1})
    assert parts_of(uncut.items) is None


def test_names_of_both_or_of_neither_are_refused(tmp_path):
    space = cut(np.random.default_rng(1), [2] * 5)
    mixed = qrels(tmp_path / "mixed", [("q0", "d1#0", 1), ("q1", "d2", 1)])
    with pytest.raises(IdsError, match=r"names passages, such as 'd1#0', and documents.*'d2'"):
        read_judgements(mixed, space)
    strange = qrels(tmp_path / "strange", [("q0", "x", 1)])
    with pytest.raises(IdsError, match=r"'d0#0'.*passages of the documents 'd0', 'd1', 'd2'"):
        read_judgements(strange, space)


def test_measures_are_not_learnt_from_judgements_of_documents(tmp_path):
    space = cut(np.random.default_rng(1), [2] * 30)
    pairs = [(f"q{i}", f"d{i % 30}", 1) for i in range(QUERIES)]
    judged = read_judgements(qrels(tmp_path / "qrels", pairs), space)
    with pytest.raises(SpellingError, match="judge passages, or encode whole documents"):
        compare(space, judged, measures="cosine,cosine@adapted(4)")


def test_a_space_stores_judgements_of_its_documents(tmp_path):
    space = cut(np.random.default_rng(1), [2] * 5)
    pairs = [("q0", "d1", 1), ("q1", "d3", 2), ("q1", "d0", 0), ("q2", "elsewhere", 1)]
    judged = read_judgements(qrels(tmp_path / "qrels", pairs), space)
    write_space(space, tmp_path / "space", judgements={"queries-items": judged})
    again = read_space(tmp_path / "space")
    read = read_judgements(tmp_path / "space", again)
    assert read.parts is not None
    assert read.parts.documents == judged.parts.documents
    for name in ("indptr", "indices", "values"):
        assert getattr(read.gains, name).tolist() == getattr(judged.gains, name).tolist()
    assert read.missing_ids == judged.missing_ids
    assert asdict(read.complaints) == asdict(judged.complaints)
    before, after = (
        compare(s, j).to_dict()["measures"] for s, j in ((space, judged), (again, read))
    )
    assert before == after


def test_a_space_stores_no_judgements_of_other_documents(tmp_path):
    space = cut(np.random.default_rng(1), [2] * 5)
    judged = read_judgements(qrels(tmp_path / "qrels", [("q0", "d1", 1)]), space)
    other = Space(queries=space.queries, items=Embeddings(space.items.vectors, space.items.ids))
    with pytest.raises(ShapeError, match="of 5 documents are stored with a space of 0"):
        write_space(other, tmp_path / "space", judgements={"queries-items": judged})
    write_space(space, tmp_path / "space", judgements={"queries-items": judged})
    write_space(other, tmp_path / "other")
    (tmp_path / "space" / "items.parquet").write_bytes(
        (tmp_path / "other" / "items.parquet").read_bytes()
    )
    described = (tmp_path / "space" / "space.json").read_text()
    parts = described.split('"sha256"')
    (tmp_path / "space" / "space.json").write_text(f'{parts[0]}"sha256": {{}}}}')
    with pytest.raises(FileError, match="judgements of documents, and no passages"):
        read_judgements(tmp_path / "space", read_space(tmp_path / "space"))


def test_every_passage_has_a_document():
    with pytest.raises(AnglewiseError, match="2 documents"):
        Parts(("a", "b"), np.array([0, 0]))


def test_a_document_speaks_once_about_relevance(tmp_path):
    space = cut(np.random.default_rng(2), [4] * 10)
    judged = read_judgements(
        qrels(tmp_path / "qrels", [(f"q{i}", f"d{i % 10}", 1) for i in range(QUERIES)]), space
    )
    evidence = gather(Index(space, "dot"), space, judged, len(space.items))
    table = space.queries.vectors.astype(float) @ space.items.vectors.astype(float).T
    due = table.reshape(QUERIES, 10, 4).max(axis=2)
    assert len(evidence.scores) == QUERIES * 10
    assert np.allclose(np.sort(evidence.scores), np.sort(due.ravel()), rtol=1e-5)
    right = due[np.arange(QUERIES), np.arange(QUERIES) % 10]
    assert np.allclose(np.sort(evidence.scores[evidence.relevant]), np.sort(right), rtol=1e-5)


def test_the_commands_judge_passages_by_documents(anglewise, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    words = [f"word{i} " * 30 + f"other{i} " * 30 for i in range(12)]
    for name, rows in {
        "corpus.jsonl": [{"_id": f"d{i}", "text": text} for i, text in enumerate(words)],
        "queries.jsonl": [{"_id": f"q{i}", "text": f"other{i}"} for i in range(12)],
    }.items():
        (texts / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = qrels(tmp_path / "qrels.txt", [(f"q{i}", f"d{i}", 1) for i in range(12)])
    space = tmp_path / "space"
    mine = ["--encoder", "python:test_compare_documents:letters", "--chunk", 20]
    assert anglewise("encode", texts, "-o", space, *mine).code == 0
    run = anglewise("compare", space, "--qrels", judged)
    assert run.code == 0, run
    assert "passages are judged by their documents" in run.out.replace("\n", " ")
    words = ["--measure", "cosine", "--depth", 30, "--quiet"]
    run = anglewise("calibrate", space, "--qrels", judged, *words[:-1])
    assert run.code == 0, run
    assert "passages are judged by their documents" in run.err
    qrels(judged, [("q0", "d0", 1), ("q1", "d1#0", 1)])
    assert refused(anglewise("compare", space, "--qrels", judged), "'d1#0'", "'d0'")


def letters(texts):
    """How long texts are, and how often some letters stand in them."""
    return np.array([[1 + len(text), *(text.count(letter) for letter in "wo12")] for text in texts])


def test_what_learns_alone_is_refused_of_documents_too():
    space = cut(np.random.default_rng(0), [3] * 20)
    parts = Parts.named(space.items.metadata["document"])
    own = SparseRows.from_pairs(np.arange(20), np.arange(20), shape=(QUERIES, 20))
    with pytest.raises(SpellingError, match="judge passages, or encode whole documents"):
        compare(space, Judgements(own, parts=parts), "cosine@adapted")
