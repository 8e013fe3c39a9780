"""How queries and pairs were drawn goes wherever judgements go, or is said not to be known."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anglewise import (
    Embeddings,
    Index,
    Judged,
    Judgements,
    JudgementStore,
    Space,
    compare,
    compare_spaces,
    read_judgements,
    write_space,
)
from anglewise.comparison.stopping import sequential
from anglewise.data_types.drawn import LOT, UNNAMED, QueryDraw, drawn_context
from anglewise.errors import AnglewiseError, ValuesError
from anglewise.judgements.combine import combined
from anglewise.labelling.sample import sample
from anglewise.rag.relevance import Relevance, learn_relevance
from anglewise.report.pictures import reliability_picture
from anglewise.report.plain_text import markdown
from anglewise.report.retrieval_documents import relevance_document
from cli_run import anglewise

__all__ = ["anglewise"]

SIZE, DEPTH = 40, 5
SAMPLED = f"DCG(sampled)@{DEPTH}"
IDS = [f"i{row}" for row in range(SIZE)]
ASKING = [f"q{row}" for row in range(SIZE)]


def space(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SIZE, 8))
    return Space(
        queries=Embeddings(x + 0.8 * rng.standard_normal(x.shape), ids=ASKING),
        items=Embeddings(x * rng.uniform(0.3, 3, (SIZE, 1)), ids=IDS),
    )


def rows_of(seed=0, *, judge="anna", lot="one", chance=(1.0, 0.5, 0.1)):
    """Pairs drawn by lot: three of each query, the last ones judged first."""
    grades = np.random.default_rng(seed).integers(0, 3, (SIZE, 3))
    return [
        Judged(
            f"q{row}",
            f"i{(row + step) % SIZE}",
            float(grades[row, step]),
            judge=judge,
            time=float(1000 - row),
            probability=chance[step],
            context={LOT: lot} if lot else {},
        )
        for row in range(SIZE)
        for step in range(3)
    ]


def rows_of_all(seed=0):
    """Pairs drawn by lot from all, so that whatever is listed had its chance."""
    rng = np.random.default_rng(seed)
    return [
        Judged(
            f"q{row}",
            f"i{item}",
            float((row == item) * 2),
            judge="anna",
            time=float(1000 - row),
            probability=0.3 + 0.5 * (item % 2),
            context={LOT: "one"},
        )
        for row in range(SIZE)
        for item in range(SIZE)
        if rng.random() < 0.3 + 0.5 * (item % 2)
    ]


def judged(rows, of=None, **settings):
    return combined(rows, of or space(), "queries-items", **settings)


def means(result, metric=SAMPLED):
    return {row.measure: row.metrics[metric].mean for row in result.measures}


def test_several_spaces_and_variants_are_judged_by_the_chances_that_one_is():
    one, other = space(), space(1)
    alone = means(compare(one, judged(rows_of_all()), "dot,cosine", SAMPLED))
    spaces = {"a": one, "b": other}
    by_space = {name: judged(rows_of_all(), of) for name, of in spaces.items()}
    result = compare_spaces(spaces, by_space, "dot,cosine", SAMPLED, variants="int8")
    together = means(result)
    for name, mean in alone.items():
        assert together[f"a: {name}"] == pytest.approx(mean)
    plain = compare(one, replace(judged(rows_of_all()), chances=None), "dot", SAMPLED)
    assert means(plain)["dot"] < 0.8 * alone["dot"]


def test_several_spaces_keep_when_queries_were_judged():
    spaces = {"a": space(), "b": space(1)}
    by_space = {name: judged(rows_of(), of) for name, of in spaces.items()}
    result = compare_spaces(spaces, by_space, "dot", f"nDCG@{DEPTH}")
    kept = result.evidence.judgements.judged_at
    assert sorted(kept.tolist()) == [1000.0 - row for row in reversed(range(SIZE))]
    assert not any("is not known" in note for note in sequential(result).notes)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (rows_of(chance=(1.0, 0.5, 0.2)), "40 pairs with other chances in another space"),
        ([*rows_of(), Judged("q0", "i9", 1, judge="anna")], "1 of 121 judged pairs came without"),
        (rows_of() + rows_of(lot="two")[1:2], "several draws"),
    ],
)
def test_chances_that_spaces_do_not_agree_about_are_not_weighed_by(other, why):
    spaces = {"a": space(), "b": space(1)}
    by_space = {"a": judged(rows_of(), spaces["a"]), "b": judged(other, spaces["b"])}
    with pytest.raises(ValuesError, match=why):
        compare_spaces(spaces, by_space, "dot", SAMPLED)
    plain = compare_spaces(spaces, by_space, "dot,cosine", f"nDCG@{DEPTH}")
    assert any("drawn by lot" in n and "are not known" in n for n in plain.notes)


@pytest.mark.parametrize("judge", ["ben", "adjudicator"])
def test_a_second_judge_without_a_chance_changes_no_weight(judge):
    first = rows_of()
    second = [replace(row, judge=judge, probability=None, context={}) for row in first]
    expected = judged(first)
    for rows in (first + second, second + first):
        again = judged(rows)
        assert np.array_equal(again.chances.values, expected.chances.values)
    only = judged(first + second, judges=[judge])
    assert np.array_equal(only.chances.values, expected.chances.values)


def test_a_second_judge_without_a_context_leaves_queries_their_weight():
    context = drawn_context(0.5, 3.0, "one")
    first = [replace(row, probability=1.0, context=context) for row in rows_of()]
    second = [replace(row, judge="ben", probability=None, context={}) for row in first]
    assert judged(first + second, judges=["ben"]).drawn is not None
    assert judged(second).drawn is None


def test_pairs_that_came_without_a_chance_beside_a_lot_are_not_weighed():
    rows = [*rows_of(), Judged("q0", "i9", 1, judge="anna")]
    with pytest.raises(ValuesError, match="not known: 1 of 121 judged pairs came without one"):
        compare(space(), judged(rows), "dot", f"nDCG@{DEPTH}", metrics=SAMPLED)


def test_pairs_of_two_draws_by_lot_are_not_weighed():
    other = [replace(row, item_id=f"i{(int(row.item_id[1:]) + 7) % SIZE}") for row in rows_of(1)]
    one = judged([*rows_of(), *other])
    assert one.chances is not None
    two = judged(rows_of() + [replace(row, context={LOT: "two"}) for row in other])
    with pytest.raises(ValuesError, match="they come from several draws"):
        compare(space(), two, "dot", SAMPLED)
    whole = [replace(row, context={}, probability=1.0) for row in other]
    assert judged(rows_of() + whole).chances is not None  # certain is certain in any draw


def test_a_sample_by_lot_names_its_draw():
    drawn = sample(space(), "dot,cosine", budget=40, by="disagreement", depth=DEPTH)
    again = sample(space(), "dot,cosine", budget=40, by="disagreement", depth=DEPTH, seed=1)
    assert drawn.context(0) == {LOT: drawn.name} != again.context(0)
    assert sample(space(), "dot,cosine", budget=40, depth=DEPTH).context(0) is None


def test_a_plain_metric_says_that_pairs_were_drawn_by_lot():
    result = compare(space(), judged(rows_of()), "dot,cosine", f"nDCG@{DEPTH}")
    [note] = [note for note in result.notes if "drawn by lot" in note]
    assert f"nDCG@{DEPTH} knows nothing of their chances" in note
    assert f"--metric 'DCG(sampled)@{DEPTH}' weighs pairs by them" in note
    assert note in sequential(result).notes
    weighed = compare(space(), judged(rows_of_all()), "dot,cosine", SAMPLED)
    assert not any("drawn by lot" in note for note in weighed.notes)
    unnamed = judged(rows_of(lot=""))
    [note] = [
        note
        for note in compare(space(), unnamed, "dot,cosine", f"nDCG@{DEPTH}").notes
        if "drawn by lot" in note
    ]
    assert f"the chances are not known: {UNNAMED}" in note
    with pytest.raises(ValuesError, match=UNNAMED):
        compare(space(), unnamed, "dot,cosine", SAMPLED)
    whole = judged(rows_of(chance=(1.0, 1.0, 1.0)))
    plain = compare(space(), whole, "dot,cosine", f"nDCG@{DEPTH}")
    assert not any("drawn by lot" in note for note in plain.notes)


@pytest.fixture
def folder(tmp_path):
    write_space(space(), tmp_path / "space")
    with JudgementStore.open(tmp_path / "space" / "judgements.sqlite") as store:
        store.add_many(rows_of())
    return tmp_path / "space"


@pytest.mark.parametrize(
    "command",
    [
        ["compare"],
        ["compare", "--sequential"],
        ["compare", "--unjudged"],
        ["judge", "power"],
        ["judge", "next"],
    ],
)
def test_every_command_by_a_plain_metric_says_that_pairs_were_drawn_by_lot(
    command, folder, anglewise
):
    where = 1 if command[0] == "compare" else 2
    words = [*command[:where], folder, *command[where:], "--metric", f"nDCG@{DEPTH}"]
    notes = json.loads(anglewise(*words, "--json", "-").out)["notes"]
    assert any("drawn by lot" in note for note in notes)


def table_of(rows, path):
    """The sample as its judge filled it in."""
    from anglewise.io.judgement_export import write_judged

    write_judged(path, rows, path.suffix[1:])
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_filled_in_sample_given_straight_says_what_it_says_when_imported(ending, tmp_path):
    context = drawn_context(0.5, 3.0, "one", queries=SIZE, heaviest=6.0, heaviest_left=0.0)
    rows = [replace(row, context=context) for row in rows_of()]
    imported = judged(rows)
    straight = read_judgements(table_of(rows, tmp_path / f"filled.{ending}"), space())
    assert np.array_equal(straight.chances.values, imported.chances.values)
    assert np.array_equal(straight.drawn.chances, imported.drawn.chances)
    assert straight.drawn.queries == SIZE
    without = table_of([*rows[:3], replace(rows[4], probability=None)], tmp_path / "some.csv")
    assert read_judgements(without, space()).chances_unknown


def test_a_frame_says_how_its_pairs_were_drawn():
    rows = rows_of()
    names = ("query_id", "item_id", "grade", "probability", "context")
    frame = {name: [getattr(row, name) for row in rows] for name in names}
    known = Judgements.from_frame(frame, space(), gain_column="grade")
    assert np.array_equal(known.chances.values, judged(rows).chances.values)
    frame["probability"][3] = 1.5
    with pytest.raises(ValuesError, match=r"row 3: the column probability .*'1\.5'"):
        Judgements.from_frame(frame, space(), gain_column="grade")


def test_other_columns_called_context_say_nothing_of_a_draw(tmp_path):
    file = tmp_path / "qrels.csv"
    file.write_text("query_id,item_id,gain,context\nq0,i0,1,some text\nq1,i1,2,{not json\n")
    plain = read_judgements(file, space())
    assert (plain.drawn, plain.by_lot) == (None, False)


@pytest.mark.parametrize("name", ["out.txt", "out.tsv", "out.csv"])
def test_an_export_says_which_chances_and_weights_its_format_has_no_place_for(
    name, folder, anglewise, tmp_path
):
    said = anglewise("judge", "export", folder, tmp_path / name).out
    assert ("no place for the chances" in said) == (name != "out.csv")


@pytest.mark.parametrize("missing", [False, True])
def test_a_stored_space_says_how_its_judgements_were_drawn(missing, tmp_path):
    context = drawn_context(0.5, 3.0, "one", queries=SIZE, heaviest=6.0, heaviest_left=0.0)
    rows = [replace(row, context=context) for row in rows_of()]
    if missing:
        rows += [replace(rows[2], item_id="gone", probability=0.2)]
    known = judged(rows)
    folder = tmp_path / "stored"
    write_space(space(), folder, judgements={"queries-items": known})
    again = read_judgements(folder, space())
    for name in ("gains", "chances"):
        assert np.array_equal(getattr(again, name).values, getattr(known, name).values)
    assert np.array_equal(again.judged_at, known.judged_at)
    assert np.array_equal(again.drawn.chances, known.drawn.chances)
    assert np.array_equal(again.drawn.traffic, known.drawn.traffic)
    of_draw = [(one.draws, one.queries, one.heaviest) for one in (again.drawn, known.drawn)]
    assert of_draw[0] == of_draw[1]
    assert again.drawn.heaviest_left == 0
    assert json.loads((folder / "space.json").read_text())["format"] == 2
    write_space(space(), folder, judgements={"queries-items": again})  # in its own place


def draw(**others):
    parts = {
        "chances": np.array([0.5, np.nan, 1.0]),
        "traffic": np.array([2.0, 1.0, 3.0]),
        "queries": 2,
        "heaviest": 6.0,
        "heaviest_left": 0.0,
    }
    return QueryDraw(**{**parts, **others})


OUTSIDE = [
    {"chances": np.array([5e-324, np.nan, 1.0])},
    {"chances": np.array([0.5, np.nan, 1.5])},
    {"chances": np.array([0.5, np.nan, 0.0])},
    {"traffic": np.array([1e308, 1.0, 3.0])},
    {"traffic": np.array([5e-324, 1.0, 3.0])},
    {"traffic": np.array([-1.0, 1.0, 3.0])},
    {"traffic": np.array([np.nan, 1.0, 3.0])},
    {"queries": -5},
    {"queries": 10**30},
    {"queries": 2.5},
    {"queries": True},
    {"heaviest": -1},
    {"heaviest": 1e308},
    {"heaviest": 10**400},
    {"heaviest": 0},
    {"heaviest_left": 1e308},
    {"heaviest_left": 7.0},
]


@pytest.mark.wrong_kinds
@pytest.mark.parametrize("others", OUTSIDE)
def test_a_draw_holds_chances_traffic_and_weights_that_can_be_summed(others):
    assert draw().queries == draw(heaviest=np.nan, heaviest_left=np.nan).queries
    assert draw(queries=np.int64(2), heaviest=np.float32(6)).heaviest == 6
    with pytest.raises(ValuesError, match=r"due|weighs no more"):
        draw(**others)


def test_a_chance_of_a_pair_is_no_smaller_than_can_be_weighed(tmp_path):
    known = judged(rows_of(chance=(1.0, 0.5, 1e-9)))
    tiny = replace(known.chances, values=np.where(known.chances.values < 0.1, 1e-200, 0.5))
    with pytest.raises(ValuesError, match="chances hold 1e-200: at least 1e-12 and at most 1"):
        replace(known, chances=tiny)
    table = tmp_path / "filled.csv"
    table.write_text("query_id,item_id,grade,probability\nq0,i0,1,1e-310\n")
    with pytest.raises(ValuesError, match="at least 1e-12 and at most 1 is due"):
        read_judgements(table, space())


STORED = [
    *({name: list(column) if name in {"chances", "traffic"} else column} for each in OUTSIDE
      for name, column in each.items()),
    {"queries": "5"}, {"heaviest": "x"}, {"heaviest": True}, {"draws": "abc"}, {"draws": [["x"]]},
]  # fmt: skip


@pytest.mark.parametrize("others", STORED)
def test_a_stored_draw_is_held_to_the_same(others, tmp_path):
    context = drawn_context(0.5, 3.0, "one", queries=SIZE, heaviest=6.0, heaviest_left=0.0)
    known = judged([replace(row, context=context) for row in rows_of()])
    folder = tmp_path / "stored"
    write_space(space(), folder, judgements={"queries-items": known})
    description = json.loads((folder / "space.json").read_text())
    description["sha256"] = {}
    table = folder / "judgements" / "queries-items-queries.parquet"
    [(name, value)] = others.items()
    column = {"chances": "chance", "traffic": "traffic"}.get(name)
    if column is None:
        description["judgements"]["queries-items"]["drawn"][name] = value
    else:
        cells = pq.read_table(table)
        changed = pa.array(value + cells[column].to_pylist()[3:], pa.float64(), from_pandas=True)
        at = cells.schema.get_field_index(column)
        pq.write_table(cells.set_column(at, column, changed), table)
    (folder / "space.json").write_text(json.dumps(description))
    with pytest.raises(AnglewiseError, match=r"queries-items-queries\.parquet"):
        read_judgements(folder, space())


def test_a_stored_space_says_that_chances_are_not_known(tmp_path):
    folder = tmp_path / "stored"
    known = judged([*rows_of(), Judged("q0", "i9", 1, judge="anna")])
    write_space(space(), folder, judgements={"queries-items": known})
    again = read_judgements(folder, space())
    assert again.chances_unknown == known.chances_unknown != ""
    plain = replace(known, chances_unknown="", judged_at=None)
    write_space(space(), tmp_path / "plain", judgements={"queries-items": plain})
    assert json.loads((tmp_path / "plain" / "space.json").read_text())["format"] == 1
    assert not list((tmp_path / "plain" / "judgements").glob("*-queries.parquet"))


def relevance(rows):
    of = space()
    return learn_relevance(Index(of, "cosine"), of, judged(rows), depth=10, recall=0.5)


def test_a_threshold_is_not_said_to_hold_for_questions_drawn_with_unequal_chances():
    words = " ".join(markdown(relevance_document(relevance(rows_of()), None, 10)).split())
    assert "with 95% confidence" in words
    assert "Pairs were drawn by lot" in words
    heavy = {"q1", "q2", "q3"}
    rows = [
        replace(
            row,
            probability=1.0,
            context=drawn_context(1.0, 50.0 if row.query_id in heavy else 1.0, "one"),
        )
        for row in rows_of()
    ]
    learned = relevance(rows)
    assert (learned.at_least, learned.drawn_unequally) == (None, True)
    assert all(price.at_least is None and not price.holds for price in learned.prices)
    words = " ".join(markdown(relevance_document(learned, None, 10, prices=True)).split())
    assert "with 95% confidence" not in words.replace(
        "questions like these that find one, with 95%", ""
    )
    assert f"as questions are asked, {learned.kept_as_asked:.3f} keep one" in words
    assert re.search(r"Brier score [^,]*, [0-9.]+\], each question counted alike", words)
    assert b"each question counted alike" in reliability_picture(learned, ".svg")
    again = Relevance.from_dict(learned.to_dict())
    assert again.drawn_unequally
    assert again.kept_as_asked == learned.kept_as_asked
    several = [replace(row, context=drawn_context(1.0, 1.0, row.query_id)) for row in rows]
    assert relevance(several).kept_as_asked is None
    assert relevance(several).at_least is None


def test_a_threshold_is_weighed_for_questions_as_they_are_asked():
    """What three questions say that are asked a thousand times as often is what is said."""
    rows = [replace(row, probability=1.0, context={}) for row in rows_of()]
    alike = relevance(rows)
    kept = []
    for query in ASKING:
        traffic = {name: 1e9 if name == query else 1.0 for name in ASKING}
        drawn = [
            replace(row, context=drawn_context(1.0, traffic[row.query_id], "one")) for row in rows
        ]
        kept.append(relevance(drawn).kept_as_asked)
    found = [share for share in kept if share is not None and (share < 1e-6 or share > 1 - 1e-6)]
    assert sum(np.round(found)) == alike.held_out_recall.count


def test_equal_weights_leave_what_is_said_of_questions_like_these():
    rows = [replace(row, context=drawn_context(0.5, 3.0, "one")) for row in rows_of()]
    assert relevance(rows).at_least is not None
