"""A model grades a pool: every grade is its answer about that pair, whatever else it sends."""

import json

import numpy as np
import pytest

from anglewise import (
    Embeddings,
    Judged,
    JudgementStore,
    Space,
    read_judgements,
    read_space,
    write_space,
)
from anglewise.errors import ValuesError
from anglewise.labelling.grading_prompt import Instructions, grade_in
from anglewise.labelling.machine_grades import PairToGrade
from cli_run import anglewise, refused
from grader_stub import Turn, graded, grader, pair_in, said

__all__ = ["anglewise", "grader"]

WORDS = [
    "wing",
    "plate",
    "flow",
    "heat",
    "drag",
    "lift",
    "stream",
    "shock",
    "wave",
    "body",
    "nose",
    "cone",
    "tube",
    "film",
    "gust",
]


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    monkeypatch.setattr("anglewise.encoders.json_requests.random.uniform", lambda *_: 0.001)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def space(tmp_path):
    rng = np.random.default_rng(0)
    texts = [f"On the {WORDS[n % 15]} of the {WORDS[(7 * n + 3) % 15]}, {n}" for n in range(30)]
    items = Embeddings(
        rng.normal(size=(30, 4)), [f"d{n}" for n in range(30)], metadata={"text": texts}
    )
    asks = [f"what does the {WORDS[n]} do" for n in range(6)]
    queries = Embeddings(
        rng.normal(size=(6, 4)), [f"q{n}" for n in range(6)], metadata={"text": asks}
    )
    write_space(Space(queries=queries, items=items), tmp_path / "space")
    return tmp_path / "space"


@pytest.fixture
def pool(space, tmp_path, anglewise):
    file = tmp_path / "pool.csv"
    words = ["--measures", "dot,cosine", "--depth", "4", "--budget", "60", "--quiet"]
    assert anglewise("judge", "sample", space, "-o", file, *words).code == 0
    return file


@pytest.fixture
def grade(anglewise, space, pool, grader):
    """Grade the pool with some words more."""

    def run(*words):
        start = ["judge", "grade", space, pool, "--model", "small", "--url", grader.url]
        return anglewise(*start, *words)

    return run


def rows(space):
    with JudgementStore.open(space / "judgements.sqlite", read_only=True) as store:
        return list(store.rows())


def pairs_in(pool):
    return pool.read_text().count("\n") - 1


def test_every_pair_is_graded_and_marked_as_generated_by_model_and_instructions(
    grade, space, pool, grader
):
    grader.grade = lambda prompt: 3 if "heat" in prompt.split("Document:")[1] else 1
    run = grade("--json", "-")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    judged = rows(space)
    assert len(judged) == told["recorded"] == told["graded"] == pairs_in(pool)
    for row in judged:
        assert row.source == "generated"
        assert row.judge == f"small ({told['instructions']['digest']})"
        assert row.probability is None
        assert row.context["generated"]["model"] == "small"
        assert row.context["generated"]["instructions"] == told["instructions"]
        number = int(row.item_id[1:])
        text = f"{WORDS[number % 15]} {WORDS[(7 * number + 3) % 15]}"
        assert row.grade == (3 if "heat" in text else 1)
    assert told["instructions"]["highest"] == 3


def test_the_prompt_never_sees_a_measure_a_rank_an_id_or_another_grade(grade, pool, grader):
    assert grade().code == 0
    assert len(grader.prompts) == pairs_in(pool)
    for prompt in grader.prompts:
        lower = prompt.lower()
        for word in ("cosine", "dot", "rank", "score", "measure", "euclidean", "probab", "strat"):
            assert word not in lower, word
        query, document = prompt.split("Query:")[1].split("Document:")
        assert query.strip().startswith("what does the")
        assert document.strip().startswith("On the")
        assert "q0" not in prompt
        assert len(document.strip().split("\n")) == 3  # the text, nothing, the form of the answer


def test_a_retry_shows_the_model_nothing_that_it_said_before(grade, grader):
    grader.script = [Turn(said("I would say 3, as cosine ranks it first"))]
    assert grade("--concurrency", "1").code == 0
    assert "cosine" not in "".join(grader.prompts)
    assert grader.prompts[1].startswith(grader.prompts[0])


def hangs():
    return Turn(b"", wait=1.5)


def object_of(prompt, grade):
    return json.dumps({"id": pair_in(prompt), "grade": grade})


PASSING = {
    "hangs": hangs(),
    "429": Turn(b"{}", 429, {"Retry-After": "0"}),
    "429 without a time": Turn(b'{"error": "slow down"}', 429),
    "500": Turn(b"boom", 500),
    "503 of a proxy": Turn(b"<html>", 503, {"Content-Type": "text/html"}),
    "closed": Turn(b"", closes=True),
    "fewer bytes than announced": Turn(said("{}")[:20], headers={"Content-Length": "900"}),
    "no JSON around": Turn(said('{"id": ')[:-9]),
    "JSON of the grade cut off": Turn(lambda prompt: said(object_of(prompt, 2)[:-4])),
    "prose alone": Turn(said("I think it is highly relevant.")),
    "a number alone": Turn(said("3")),
    "out of range": graded(4),
    "below the range": graded(-1),
    "between grades": graded(1.5),
    "a truth value": graded(True),
    "a word": graded("high"),
    "null": graded(None),
    "two grades": Turn(lambda prompt: said(object_of(prompt, 1) + object_of(prompt, 3))),
    "empty": Turn(said("")),
    "blank": Turn(said("  \n")),
    "no words": Turn(said(None)),
    "no choices": Turn(b'{"choices": []}'),
    "a list": Turn(b"[]"),
    "another id": Turn(said('{"id": "00000000", "grade": 3}')),
    "no id": Turn(said('{"grade": 3}')),
    "wrong content type": Turn(b"<html><body>login", headers={"Content-Type": "text/html"}),
    "nothing": Turn(b""),
    "not UTF-8": Turn(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("wrong", PASSING.values(), ids=PASSING.keys())
def test_a_bad_answer_is_asked_for_again_and_never_a_grade(wrong, grade, space, pool, grader):
    grader.grade = lambda _: 1
    grader.script = [wrong]
    run = grade("--concurrency", "1", "--timeout", "1")
    assert run.code == 0, run.err
    assert len(grader.asked) == pairs_in(pool) + 1
    assert {row.grade for row in rows(space)} == {1}
    assert len(rows(space)) == pairs_in(pool)


GOOD = {
    "prose around": lambda prompt: f"Sure! Here it is: {object_of(prompt, 2)}. Anything else?",
    "a code fence": lambda prompt: f"```json\n{object_of(prompt, 2)}\n```",
    "braces before": lambda prompt: f"{{well}} {object_of(prompt, 2)}",
    "twice the same": lambda prompt: object_of(prompt, 2) * 2,
    "digits as text": lambda prompt: object_of(prompt, "2"),
    "with its reasons": lambda prompt: object_of(prompt, 2)[:-1] + ', "why": "it {is} so"}',
}


@pytest.mark.parametrize("words", GOOD.values(), ids=GOOD.keys())
def test_a_grade_is_found_whatever_stands_around_it(words, grade, space, pool, grader):
    grader.script = [Turn(lambda prompt: said(words(prompt)))] * pairs_in(pool)
    assert grade().code == 0
    assert len(grader.asked) == pairs_in(pool)
    assert {row.grade for row in rows(space)} == {2}


def test_a_pair_that_gets_no_grade_three_times_is_left_out_and_said(grade, space, pool, grader):
    grader.script = [graded(1), *[graded(9)] * 3]
    run = grade("--concurrency", "1", "--json", "-")
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert told["not_graded"] == 1
    assert told["reasons"] == {"the grade is 9: a whole number from 0 to 3 is due": 1}
    assert len(rows(space)) == pairs_in(pool) - 1
    again = json.loads(grade("--json", "-").out)  # it is asked about another time, the others not
    assert again["recorded"] == 1
    assert len(grader.asked) == pairs_in(pool) - 1 + 3 + 1


def test_a_text_that_the_server_refuses_costs_its_own_grade_alone(grade, pool, grader):
    grader.script = [Turn(b'{"error": {"message": "content filter"}}', 400)]
    told = json.loads(grade("--concurrency", "1", "--json", "-").out)
    assert told["not_graded"] == 1
    assert "content filter" in next(iter(told["reasons"]))
    assert told["graded"] == pairs_in(pool) - 1


def test_a_model_that_never_grades_is_asked_about_five_pairs_alone(grade, space, grader):
    grader.script = [Turn(said("As a language model I cannot."))] * 100
    run = grade("--concurrency", "1")
    assert refused(run, "5 pairs and gave no grade", "As a language model")
    assert len(grader.asked) == 15
    assert not (space / "judgements.sqlite").exists()


@pytest.mark.parametrize(
    ("turn", "part"),
    [
        (Turn(b'{"error": {"message": "no such key"}}', 401), "no such key"),
        (Turn(b"{}", 404), "are address and model right?"),
        (Turn(b"", 302, {"Location": "http://127.0.0.1:1/"}), "refuses"),
        (Turn(b"{}", 429, {"Retry-After": "86400"}), "asks to wait 86,400 seconds"),
    ],
)
def test_what_the_next_pair_would_hear_too_ends_the_run_and_keeps_what_came(
    turn, part, grade, pool, grader
):
    grader.script = [graded(2), graded(2), turn]
    run = grade("--concurrency", "1")
    assert refused(run, part)
    assert not (pool.parent / "space" / "judgements.sqlite").exists()
    asked = len(grader.asked)
    run = grade("--concurrency", "1")
    assert run.code == 0, run.err
    assert "2 grades of an earlier run" in run.err
    assert len(grader.asked) == asked + pairs_in(pool) - 2
    assert len(rows(pool.parent / "space")) == pairs_in(pool)


def test_a_server_that_fails_for_good_ends_the_run(grade, grader):
    grader.script = [Turn(b"", 503)] * 99
    assert refused(grade("--concurrency", "1"), "asked 6 times", "503")


def test_nobody_at_the_address_is_said(anglewise, space, pool):
    words = ["judge", "grade", space, pool, "--model", "m", "--url", "http://127.0.0.1:1/v1"]
    assert refused(anglewise(*words), "nobody answers")


def test_many_are_asked_at_once_and_each_keeps_its_own_grade(grade, space, grader):
    def by_text(prompt):
        return sum(map(ord, prompt.split("Document:")[1].split("\n")[1])) % 4

    grader.grade = by_text
    grader.script = []
    assert grade("--concurrency", "8").code == 0
    grades = {}
    for prompt in grader.prompts:
        grades[pair_in(prompt)] = by_text(prompt)
    for row in rows(space):
        assert row.grade == grades[PairToGrade(row.query_id, row.item_id, "", "").name]


def test_the_cost_is_said_before_and_a_smaller_budget_begins_nothing(grade, grader, pool):
    run = grade("--price", "1000", "--budget", "0.01")
    assert refused(run, "would cost about", "the budget is 0.01", "nothing was sent")
    assert grader.asked == []
    run = grade("--price", "1000", "--dry-run", "--json", "-")
    told = json.loads(run.out)
    assert told["to_ask"] == pairs_in(pool)
    assert told["price"] == pytest.approx(
        (told["tokens"]["sent"] + told["tokens"]["answered"]) / 1000
    )
    assert grader.asked == []


def test_the_budget_holds_on_the_way_where_answers_are_longer_than_was_thought(
    grade, space, pool, grader
):
    dear = Turn(
        lambda prompt: said(object_of(prompt, 1), prompt_tokens=200, completion_tokens=100_000)
    )
    grader.script = [dear] * 99
    run = grade("--price", "1", "--answer-price", "10", "--budget", "2.5", "--concurrency", "1")
    assert refused(run, "budget of 2.5 is used up")
    assert len(grader.asked) == 3  # each cost about 1
    assert not (space / "judgements.sqlite").exists()
    grader.script = []
    told = json.loads(grade("--price", "1", "--json", "-").out)
    assert told["graded"] == pairs_in(pool)
    assert len(grader.asked) == pairs_in(pool)


def test_what_one_judge_graded_is_not_asked_again_and_other_instructions_are_another_judge(
    grade, space, pool, grader, tmp_path
):
    assert grade().code == 0
    (pool.parent / "pool.csv.grades.jsonl").unlink()
    assert "not asked again" in grade().err
    assert len(grader.asked) == pairs_in(pool)
    own = tmp_path / "own.txt"
    own.write_text("Is {document} about {query}? 1 or 0.")
    grader.grade = lambda _: 1
    assert grade("--instructions", own, "--highest", "1").code == 0
    assert len({row.judge for row in rows(space)}) == 2
    assert len(rows(space)) == 2 * pairs_in(pool)


def test_texts_of_a_pair_cannot_fill_each_others_places():
    asked = Instructions("Q {query} D {document}").prompt("7f", "{document}", "{query}")
    assert asked.startswith("Q {document} D {query}")


def test_keys_are_never_shown(grade, grader, monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", "secret-words-of-mine")
    grader.script = [Turn(said("your key is secret-words-of-mine"))] * 99
    run = grade("--key", "MY_KEY", "--concurrency", "1")
    assert run.code == 2
    assert grader.headers[0]["Authorization"] == "Bearer secret-words-of-mine"
    assert "secret-words" not in run.err + run.out
    grader.script = []
    assert grade("--key", "MY_KEY").code == 0
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"secret-words" not in file.read_bytes()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--modell", "x"], ["--modell"]),
        (["--instructions", "none.txt"], ["none.txt"]),
        (["--instructions", "lacking.txt"], ["lacking.txt", "{document}"]),
        (["--highest", "2"], ["--highest", "--instructions"]),
        (["--budget", "2"], ["--budget", "--price"]),
        (["--answer-price", "2"], ["--answer-price", "--price"]),
        (["--budget", "-2", "--price", "1"], ["--budget"]),
        (["--concurrency", "0"], ["--concurrency"]),
        (["--key", "sk-123-secret"], ["name of an environment variable"]),
        (["--cache", "lacking.txt"], ["lacking.txt", "--cache"]),
        (["--cache", "none/new.txt"], ["none does not exist; make it first"]),
        (["--direction", "items-items"], ["not both in the space"]),
    ],
)
def test_bad_use_is_refused_before_anything_is_sent(words, parts, grade, grader, tmp_path):
    (tmp_path / "lacking.txt").write_text("Grade {query}.")
    words = [tmp_path / word if word.endswith(".txt") else word for word in words]
    assert refused(grade(*words), *parts)
    assert grader.asked == []


def test_a_space_without_texts_is_refused(anglewise, tmp_path, grader):
    write_space(Space(items=Embeddings(np.eye(5), list("abcde"))), tmp_path / "bare")
    (tmp_path / "p.csv").write_text("query_id,item_id\na,b\n")
    words = ["judge", "grade", tmp_path / "bare", tmp_path / "p.csv", "--model", "m"]
    assert refused(anglewise(*words, "--url", grader.url), "has a text on both sides", "encode")


@pytest.mark.parametrize("words", ["", "{" * 30_000, '{"id": "a", "grade": 1' * 900, "[" * 9_000])
def test_odd_answers_are_refused_in_time(words):
    with pytest.raises(ValuesError, match="no JSON object"):
        grade_in(words, "a", 3)


def test_nobody_grades_under_the_name_of_another(grade, space, grader, tmp_path):
    assert refused(grade("--judge", " "), "--judge is empty")
    with JudgementStore.open(space / "judgements.sqlite") as store:
        store.add_new([Judged("q0", "d0", 2, judge="anna")])
    assert refused(grade("--judge", "anna"), "'anna'", "no model", "--judge")
    assert grader.asked == []
    assert grade("--judge", "m").code == 0
    asked = len(grader.asked)
    assert grade("--judge", "m").code == 0  # the same again is the same judge
    own = tmp_path / "own.txt"
    own.write_text("Is {document} about {query}?")
    run = grade("--judge", "m", "--instructions", own)
    assert refused(run, "other instructions", "--judge")
    assert len(grader.asked) == asked


def test_who_compares_by_a_machines_grades_is_told_so(grade, space, grader, anglewise):
    wanted = "a machine alone graded"
    grader.grade = lambda prompt: 3 if "heat" in prompt else 0
    assert grade().code == 0
    gates = ("--gate", "dot>=0", "--gate", "cosine<=dot+1")
    told = json.loads(anglewise("compare", space, "--sequential", *gates, "--json", "-").out)
    for gate in told["gates"]:
        assert gate["sentence"].endswith("the machine grades as people would")
    count = len(rows(space))
    [note] = [note for note in told["notes"] if wanted in note]
    assert f"{count:,} of {count:,} judged pairs, and no person" in note
    assert "the machine grades as people would" in told["verdict"]["reason"]
    assert any(wanted in note for note in told["sequential"]["notes"])
    loaded = read_space(space)
    judged = read_judgements(space / "judgements.sqlite", loaded)
    write_space(loaded, space.parent / "copy", judgements={"queries-items": judged})
    told = json.loads(anglewise("compare", space.parent / "copy", "--json", "-").out)
    assert note in told["notes"]
    both = anglewise("compare", "--spaces", f"a={space}", f"b={space}", "--json", "-")
    told = json.loads(both.out)
    assert sum(wanted in note for note in told["notes"]) == 1
    assert "the machine grades as people would" in told["verdict"]["reason"]
    with JudgementStore.open(space / "judgements.sqlite") as store:
        people = [Judged(row.query_id, row.item_id, 1, judge="anna") for row in rows(space)]
        store.add_new(people[1:])
    told = json.loads(anglewise("compare", space, "--json", "-").out)
    [note] = [note for note in told["notes"] if f"1 of {count:,} judged pairs" in note]
    assert "nDCG of a machine's and people's grades together is biased" in note
    with JudgementStore.open(space / "judgements.sqlite") as store:
        store.add_new(people[:1])
    told = json.loads(anglewise("compare", space, "--json", "-").out)
    assert not any(wanted in note for note in told["notes"])
    assert "machine" not in told["verdict"]["reason"]
