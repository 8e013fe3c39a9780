"""Where texts are known, remedy tries fusions with their words, and says how to run the winner."""

import json
from pathlib import Path

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import SpellingError
from anglewise.remedies.remedy import remedy, winner
from cli_run import anglewise
from test_rankers import QUERIES, judged, made_space

__all__ = ["anglewise"]

FUSED = "fusion(bm25,cosine)"
WEIGHED = "weighted(bm25,cosine)"


def names_of(result):
    return [each.candidate for each in result.candidates]


def test_fusions_are_tried_where_there_are_texts_and_counted_in_the_family():
    space = made_space(noise=3.0)
    result = remedy(space, judged(space), finalists=4)
    screened = {each.candidate for each in result.screened}
    assert {FUSED, WEIGHED} <= screened
    assert {FUSED, WEIGHED} <= {*names_of(result)}
    assert result.advice.wins
    row = next(row for row in result.comparison.measures if row.measure == WEIGHED)
    assert len(row.settings) == 2
    # chosen on queries set apart, decided on the others, with the tests of all that are left
    assert result.screening_queries + result.comparison.queries == QUERIES
    assert len(result.candidates) == 6
    without = remedy(made_space(texts=False), judged(space), finalists=4)
    assert not {FUSED, WEIGHED} & {each.candidate for each in without.screened}


def test_a_fusion_is_what_compare_makes_of_it():
    space = made_space(noise=3.0)
    result = remedy(space, judged(space), [FUSED, WEIGHED])
    plain = aw.compare(space, judged(space), ["cosine", FUSED, WEIGHED], baseline="cosine")
    for name in (FUSED, WEIGHED):
        lists = [each.evidence.found[name].indices for each in (result.comparison, plain)]
        assert (lists[0] == lists[1]).all()


def test_a_fusion_that_wins_is_run_by_compare_and_saved_by_nobody():
    space = made_space(noise=3.0)
    result = remedy(space, judged(space), FUSED)
    assert (result.advice.candidate, result.advice.wins) == (FUSED, True)
    assert "no space can be saved of it" in result.advice.sentence
    assert result.advice.command("space/") == (
        "anglewise compare space/ --measures 'fusion(bm25,cosine)' --run-out lists/"
    )
    fused = next(each for each in result.candidates if each.candidate == FUSED)
    assert fused.kind == "fused"
    assert not fused.cost.inner_product
    assert fused.cost.bytes_a_vector == 32
    with pytest.raises(SpellingError, match="no space can be saved of it"):
        winner(space, judged(space), result)


def test_a_fusion_that_is_no_better_does_not_win():
    space = made_space(noise=0.1)
    result = remedy(space, judged(space), FUSED)
    assert not result.advice.wins
    assert result.advice.options == ()


def test_kept_lists_of_a_fusion_are_those_of_the_texts(tmp_path):
    space = made_space(noise=3.0)
    first = remedy(space, judged(space), [FUSED, "euclidean"], cache=tmp_path)
    kept = len([*tmp_path.iterdir()])
    again = remedy(space, judged(space), [FUSED, "euclidean"], cache=tmp_path)
    assert again.to_dict()["measures"] == first.to_dict()["measures"]
    assert len([*tmp_path.iterdir()]) == kept
    texts = [f"{text} more" for text in space.items.metadata["text"]][::-1]
    other = aw.Space(
        queries=space.queries,
        items=aw.Embeddings(space.items.vectors, ids=space.items.ids, metadata={"text": texts}),
    )
    changed = remedy(other, judged(other), [FUSED, "euclidean"], cache=tmp_path)
    alone = remedy(other, judged(other), [FUSED, "euclidean"])
    means = [
        {row.measure: row.metrics["nDCG@10"].mean for row in each.comparison.measures}
        for each in (changed, alone, first)
    ]
    assert means[0] == means[1] != means[2]
    # the outcome and the fusion are new, the vectors and what was found in them are not
    assert len([*tmp_path.iterdir()]) == kept + 2


def test_a_fusion_without_texts_is_left_out_with_its_reason():
    space = made_space(texts=False)
    result = remedy(space, judged(space), [FUSED, "euclidean"])
    assert "bm25 ranks texts" in result.left_out[FUSED]
    assert "euclidean" in names_of(result)


@pytest.mark.parametrize(
    "word", ["bm25", "rerank(cosine,10)", "fusion(bm25)", "fusion(bm25,cosin)"]
)
def test_what_is_no_fusion_is_refused(word):
    space = made_space()
    with pytest.raises(SpellingError):
        remedy(space, judged(space), word)


def test_what_takes_longer_than_the_budget_is_left_out():
    from remedy_space import Clock

    space = made_space(noise=3.0)
    long = ["word " * 400_000, *space.items.metadata["text"][1:]]
    space = aw.Space(
        queries=space.queries,
        items=aw.Embeddings(space.items.vectors, ids=space.items.ids, metadata={"text": long}),
    )
    result = remedy(space, judged(space), [FUSED], budget_seconds=0.9, clock=Clock())
    assert result.left_out[FUSED].startswith("would take about 1 second")


def test_the_command_says_how_to_run_it_and_writes_no_space(anglewise, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    aw.write_space(made_space(noise=3.0), tmp_path / "space")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(QUERIES)))
    done = anglewise(
        "remedy", "space", "--qrels", "qrels.txt", "--candidates", FUSED, "--save", "better",
        "--json", "out.json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"{FUSED} fuses lists" in done.err
    assert not (tmp_path / "better").exists()
    content = json.loads(Path("out.json").read_text())
    assert content["saved"] is None
    command = content["command_line"]
    assert command == (
        f"anglewise compare space --qrels qrels.txt --measures '{FUSED}' --run-out lists/"
    )
    run = anglewise("compare", "space", "--qrels", "qrels.txt", "--measures", FUSED,
                    "--run-out", "lists/")  # fmt: skip
    assert run.code == 0, run.err
    [lists] = Path("lists").iterdir()
    assert len(np.unique([line.split()[0] for line in lists.read_text().splitlines()])) == QUERIES
