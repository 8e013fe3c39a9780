"""The made set on which one vector a text has no room for all answers."""

import json
import re
import runpy
from itertools import combinations
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "limit.py"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE))


def test_every_two_people_are_the_answer_to_one_question(example, tmp_path):
    example["write"](tmp_path)
    lines = (tmp_path / "qrels" / "test.tsv").read_text().splitlines()[1:]
    answers = {}
    for line in lines:
        query, person, grade = line.split("\t")
        assert grade == "1"
        answers.setdefault(query, []).append(person)
    people = [f"p{i}" for i in range(46)]
    assert sorted(map(tuple, answers.values())) == sorted(combinations(people, 2))


def test_who_likes_a_thing_is_told_by_its_word_alone(example, tmp_path):
    example["write"](tmp_path)
    read = {
        name: {
            row["_id"]: set(re.findall(r"\w+", row["text"]))
            for row in map(json.loads, (tmp_path / f"{name}.jsonl").read_text().splitlines())
        }
        for name in ("corpus", "queries")
    }
    answers = {}
    for line in (tmp_path / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, person, _ = line.split("\t")
        answers.setdefault(query, set()).add(person)
    for query, words in read["queries"].items():
        [thing] = words - {"Who", "likes"}
        assert {person for person, own in read["corpus"].items() if thing in own} == answers[query]


def test_dense_vectors_lose_to_words_in_one_command(example, tmp_path, capsys):
    assert example["main"](tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Use bm25: R@2" in printed
    means = dict(re.findall(r"^\w\s+(bm25|cosine)\s+(\d\.\d+)", printed, re.MULTILINE))
    assert float(means["bm25"]) > 0.99
    assert float(means["cosine"]) < 0.25
