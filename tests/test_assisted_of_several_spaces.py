"""A machine's grades and people's, of what several spaces find."""

import csv

import numpy as np
import pytest

import anglewise as aw
from anglewise import Embeddings, Space
from anglewise.comparison.assisted import compare_assisted
from anglewise.errors import IdsError, SpellingError
from anglewise.judgements.records import Judged
from anglewise.judgements.store import JudgementStore
from anglewise.labelling.double_draw import sample_double
from anglewise.labelling.sample import sample
from cli_run import anglewise, refused

__all__ = ["anglewise"]

QUERIES, ITEMS, WIDTH = 40, 120, 8
MEASURES = "dot,cosine"


def space(seed, lacking=()):
    rng = np.random.default_rng(seed)
    names = [f"d{row}" for row in range(ITEMS)]
    asks = [f"q{row}" for row in range(QUERIES)]
    kept = [row for row, name in enumerate(asks) if name not in lacking]
    queries = rng.normal(size=(QUERIES, WIDTH))[kept]
    return Space(
        queries=Embeddings(
            queries, [asks[row] for row in kept], {"text": [f"question {row}" for row in kept]}
        ),
        items=Embeddings(
            rng.normal(size=(ITEMS, WIDTH)) * rng.lognormal(size=(ITEMS, 1)),
            names,
            {"text": [f"document {row}" for row in range(ITEMS)]},
        ),
    )


@pytest.fixture(scope="module")
def both():
    return {"old": space(1), "new": space(2)}


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(7)
    return {
        (f"q{row}", f"d{column}"): int(grade)
        for row, grades in enumerate(rng.integers(0, 4, size=(QUERIES, ITEMS)))
        for column, grade in enumerate(grades)
    }


@pytest.fixture(scope="module")
def by_machine(both, truth):
    """All that either space finds, graded by a machine that is wrong about half of it."""
    drawn = sample(both, MEASURES, budget=100_000)
    names = [
        (f"q{row}", str(drawn.item_ids[item]))
        for row, item in zip(drawn.rows, drawn.items, strict=False)
    ]
    rng = np.random.default_rng(3)
    said = [truth[name] if rng.random() < 0.5 else int(rng.integers(0, 4)) for name in names]
    return [
        Judged(*name, grade, judge="m", source="generated")
        for name, grade in zip(names, said, strict=True)
    ]


def by_people(drawn, truth):
    return [
        Judged(
            *drawn.frame.names[pair],
            truth[drawn.frame.names[pair]],
            judge="anna",
            context=drawn.context,
            probability=float(drawn.chances[pair]),
        )
        for pair in drawn.chosen.tolist()
    ]


def dcg(space, measure, truth):
    """The mean over queries, by the definition."""
    found = aw.search(space, measure, k=10)[measure]
    discounts = 1 / np.log2(np.arange(2, 12))
    return np.mean(
        [
            sum(truth[f"q{row}", f"d{item}"] * d for item, d in zip(items, discounts, strict=True))
            for row, items in enumerate(found.indices.tolist())
        ]
    )


def test_where_people_graded_all_the_difference_is_theirs_whatever_the_machine_said(
    both, truth, by_machine
):
    drawn = sample_double(both, by_machine, MEASURES, count=100_000)
    assert drawn.context["double"]["measures"] == [
        "old: dot",
        "old: cosine",
        "new: dot",
        "new: cosine",
    ]
    result = compare_assisted(both, [*by_machine, *by_people(drawn, truth)])
    due = {
        f"{name}: {measure}": dcg(one, measure, truth)
        for name, one in both.items()
        for measure in ("dot", "cosine")
    }
    for one in result.deciding:
        assert one.corrected.mean == pytest.approx(due[one.measure] - due[one.baseline])


def test_the_correction_is_without_bias_over_draws(both, truth, by_machine):
    due = dcg(both["new"], "cosine", truth) - dcg(both["old"], "cosine", truth)
    found = []
    for seed in range(60):
        drawn = sample_double(both, by_machine, "cosine", count=150, seed=seed)
        result = compare_assisted(
            both, [*by_machine, *by_people(drawn, truth)], baseline="old: cosine", seed=seed
        )
        found.append(result.deciding[0].corrected.mean)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - due) < 4 * error
    assert abs(result.deciding[0].by_machine - due) > 4 * error  # and the machine's own is off


def test_one_space_by_name_is_that_space(both, by_machine):
    plain = sample_double(both["old"], by_machine, MEASURES, count=80)
    named = sample_double({"old": both["old"]}, by_machine, MEASURES, count=80)
    assert np.array_equal(plain.chosen, named.chosen)
    assert plain.context == named.context


def test_measures_of_several_are_named_with_their_space(both, truth, by_machine):
    drawn = sample_double(both, by_machine, MEASURES, count=200)
    rows = [*by_machine, *by_people(drawn, truth)]
    some = compare_assisted(both, rows, "new:cosine, old: dot", baseline="old:dot")
    assert some.measures == ("new: cosine", "old: dot")
    with pytest.raises(SpellingError, match="names no space, and several are compared"):
        compare_assisted(both, rows, "cosine,dot")
    with pytest.raises(SpellingError, match="drawn from the lists of the spaces old, new"):
        compare_assisted({"old": both["old"], "other": both["new"]}, rows)
    with pytest.raises(SpellingError, match="drawn from the lists of the spaces old, new"):
        compare_assisted(both["old"], rows)
    alone = sample_double(both["old"], by_machine, MEASURES, count=80)
    with pytest.raises(SpellingError, match="drawn from the lists of one space"):
        compare_assisted(both, [*by_machine, *by_people(alone, truth)])


def test_a_query_that_a_space_lacks_is_not_left_out_silently(both, by_machine):
    asked = {row.query_id for row in by_machine}
    less = {"old": both["old"], "new": space(2, lacking={min(asked)})}
    with pytest.raises(IdsError, match="new lacks 1 query of those that the machine graded"):
        sample_double(less, by_machine, MEASURES, count=80)


def test_the_commands_take_two_spaces_to_an_assisted_verdict(both, truth, anglewise, tmp_path):
    for name, one in both.items():
        aw.write_space(one, tmp_path / name)
    spaces = ["--spaces", tmp_path / "old", tmp_path / "new"]
    pool, people = tmp_path / "pool.csv", tmp_path / "people.csv"
    words = ["--measures", MEASURES]
    assert anglewise("judge", "sample", *spaces, "-o", pool, "--budget", 2000, *words).code == 0
    with pool.open(newline="") as file:
        names = [(row["query_id"], row["item_id"]) for row in csv.DictReader(file)]
    with JudgementStore.open(tmp_path / "old" / "judgements.sqlite") as store:
        for name in names:
            store.add(Judged(*name, (truth[name] + 1) % 4, judge="m", source="generated"))
    run = anglewise("judge", "sample", *spaces, "-o", people, "--double", 150, *words)
    assert run.code == 0, run
    assert "compare --spaces old new --assisted" in run.out
    with people.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with people.open("w", newline="") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows({**r, "grade": truth[r["query_id"], r["item_id"]]} for r in rows)
    assert anglewise("judge", "import", tmp_path / "old", people, "--judge", "anna").code == 0
    run = anglewise("compare", *spaces, "--assisted", "--baseline", "old: dot")
    assert run.code == 0, run
    assert "against old: dot" in run.out
    assert "new: cosine" in run.out
    refused(anglewise("compare", *spaces, "--assisted", "--seen", pool), "seen is of one space")
    refused(anglewise("compare", *spaces, "--assisted", "--variants", "int8"), "variants has no")
