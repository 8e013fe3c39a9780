"""The changes that `make mutation` draws from, and the reasons for those that no test ends."""

import ast
from pathlib import Path

from mutation.mutants import UNSEEN, Mutant, mutants_of, mutated
from mutation.reasons import reasons
from mutation.rooms import ROOMS, SOURCE, files_of_tests

CODE = '''
"""A module."""
BLOCK = 3
LIMIT = 3


def first(x, y):
    """Words: 1 + 1."""
    assert x > 0
    if x < y:
        raise ValueError(f"{x + 1} is too small")
    return sum(a * b for a, b in zip(x, y, strict=True))


class Thing:
    kept: int = 2

    def second(self, x):
        def inner(y):
            return y + 1
        return inner(x) and not x
'''


def found(tmp_path, code=CODE):
    path = tmp_path / "code.py"
    path.write_text(code, encoding="utf-8")
    return path, mutants_of("code.py", path)


def told(mutants):
    return {(one.owner, one.before, one.after) for one in mutants}


def test_changes_are_of_what_runs_and_neither_of_words_nor_of_checks_of_the_code(tmp_path):
    _, mutants = found(tmp_path)
    assert told(mutants) == {
        ("", "3", "4"),
        ("first", CODE_OF_IF, f"if not {CODE_OF_IF[3:]}"),
        ("first", "x < y", "x <= y"),
        ("first", "raise ValueError(f'{x + 1} is too small')", "pass"),
        ("first", "a * b", "a / b"),
        ("", "2", "3"),
        ("Thing.second", "y + 1", "y - 1"),
        ("Thing.second", "1", "2"),
        ("Thing.second", "inner(x) and (not x)", "inner(x) or not x"),
        ("Thing.second", "not x", "x"),
    }


CODE_OF_IF = "if x < y: raise ValueError(f'{x + 1} is too small')"


def test_each_change_is_made_by_its_number_and_no_other(tmp_path):
    path, mutants = found(tmp_path)
    whole = ast.unparse(ast.parse(CODE)).splitlines()
    for one in mutants:
        changed = ast.unparse(mutated(path, one.number)).splitlines()
        differing = [(a, b) for a, b in zip(whole, changed, strict=False) if a != b]
        assert len(changed) == len(whole) or one.after == "pass"
        assert len(differing) >= 1
        assert len(differing) == 1 or one.after == "pass"


def test_what_is_drawn_does_not_depend_on_the_rest_of_the_file(tmp_path):
    _, mutants = found(tmp_path)
    _, moved = found(tmp_path, CODE.replace('"""A module."""', '"""A module."""\nOTHER = [1.5]\n'))
    before = [one.key for one in sorted(mutants, key=lambda one: one.order(0))]
    after = [one.key for one in sorted(moved, key=lambda one: one.order(0))]
    assert [key for key in after if key in set(before)] == before
    assert len(after) == len(before) + 1


def test_no_two_changes_have_one_key():
    for files in ROOMS.values():
        keys = [one.key for file in files for one in mutants_of(file, SOURCE / file)]
        assert len(set(keys)) == len(keys) > 300


def test_every_reason_is_of_a_change_that_is_there():
    every: dict[str, Mutant] = {
        one.key: one
        for files in ROOMS.values()
        for file in files
        for one in mutants_of(file, SOURCE / file)
    }
    assert sorted(set(reasons()) - set(every)) == []
    assert all(len(why) > 20 for why in reasons().values())


def test_names_of_sizes_are_no_names_of_results():
    assert UNSEEN.search("BLOCK_BYTES")
    assert not UNSEEN.search("FEWEST")


def test_the_files_that_are_asked_are_there():
    assert [one for one in files_of_tests() if not (Path(SOURCE).parent / one).exists()] == []
