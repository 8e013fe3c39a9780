"""Each result has a JSON Schema, and is what it says: ``conftest`` holds every run to it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, validators

from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS as PROGRAM
from anglewise.report.plain_text import as_json
from anglewise.report.schemas import COMMANDS, FILES, SCHEMAS, schema
from cli_run import anglewise, refused  # noqa: F401 a fixture
from json_schemas import damaged, fault, made, validator

GOLDEN = Path(__file__).parent / "golden"
FREE = {"metadata", "about", "numbers", "reported", "computed", "a"}
"""Fields that hold whatever others put there."""


def walk(value):
    yield value
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from walk(each)


def test_every_command_with_json_has_a_schema():
    commands = {name for name in PROGRAM if name not in {"judge", "mcp"}}
    commands |= {f"judge {name}" for name in JUDGE_COMMANDS}
    assert set(COMMANDS) == commands


def test_the_one_command_without_a_schema_writes_no_json(anglewise):  # noqa: F811
    assert refused(anglewise("mcp", "--root", ".", "--json", "-"), "--json", "leave it out")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_sound_and_knows_every_field(name):
    content = schema(name)
    Draft202012Validator.check_schema(content)
    assert content["$schema"].endswith("2020-12/schema")
    records = [each for each in walk(content) if isinstance(each, dict) and "required" in each]
    assert all(each["additionalProperties"] is False for each in records if "properties" in each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_document_with_one_wrong_place_is_refused(name):
    content = schema(name)
    document = made(content, content.get("$defs", {}))
    assert fault(name, document) is None
    may_lack = {"a", *optional_names(content)}
    wrong = {what: each for what, each in damaged(document) if not may_be(what, may_lack)}
    assert [what for what, each in wrong.items() if validator(name).is_valid(each)] == []
    assert len(wrong) >= 2


def may_be(what, may_lack):
    """Whether a schema lets this be: a place for whatever others write, or an optional field."""
    path, _, done = what.partition(": ")
    free = any(f"'{name}'" in path for name in FREE)
    return free or done.removeprefix("without ") in may_lack


def optional_names(content):
    """Fields that a record may lack, and names of which an object has any."""
    for part in walk(content):
        if isinstance(part, dict):
            if "properties" in part:
                yield from set(part["properties"]) - set(part.get("required", ()))
            known = part.get("propertyNames", {})
            yield from known.get("enum", []) if isinstance(known, dict) else []


def held(check):
    """The rule of a schema, but for what golden files keep in another form."""

    def lenient(rules, value, instance, content):
        masked = instance in ("masked", "in prose.txt") or (
            isinstance(instance, dict) and {"entries"} <= set(instance) <= DIGEST
        )
        return iter(()) if masked else check(rules, value, instance, content)

    return lenient


DIGEST = {"entries", "sum", "sum of squares", "mean place", "first", "last", "sha256 of texts"}
LENIENT = validators.extend(
    Draft202012Validator,
    {word: held(check) for word, check in Draft202012Validator.VALIDATORS.items() if check},
)


def golden():
    """What golden files keep of the JSON of jobs."""
    for file in sorted(GOLDEN.glob("*.json")):
        content = json.loads(file.read_text())["json"]
        if content is not None:
            yield pytest.param(content, id=file.stem)


@pytest.mark.parametrize("content", [*golden()])
def test_what_jobs_put_out_is_as_the_schema_says(content):
    assert list(LENIENT(schema(content["command"])).iter_errors(content)) == []
    assert not LENIENT(schema(content["command"])).is_valid({**content, "new": 1})


@pytest.mark.parametrize("content", [*golden()])
def test_a_figure_may_be_undefined_everywhere(content):
    undefined = json.loads(as_json(without_figures(content)))
    assert list(LENIENT(schema(content["command"])).iter_errors(undefined)) == []


def without_figures(value):
    if isinstance(value, dict):
        return {key: without_figures(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_figures(each) for each in value]
    return math.nan if isinstance(value, float) else value


def test_schemas_are_printed_and_written(anglewise, tmp_path):  # noqa: F811
    assert json.loads(anglewise("schema", "judge", "lint").out) == schema("judge lint")
    assert anglewise("schema", "compare", "--json", tmp_path / "c.json", "--quiet").code == 0
    assert json.loads((tmp_path / "c.json").read_text()) == schema("compare")
    names = json.loads(anglewise("schema", "--json", "-").out)["schemas"]
    assert set(names) == set(SCHEMAS) == {*COMMANDS, *FILES}
    assert refused(anglewise("schema", "compre"), "did you mean 'compare'?", "anglewise schema")


def test_a_result_that_is_not_as_its_schema_says_fails_the_test_that_made_it(
    anglewise,  # noqa: F811
    monkeypatch,
):
    from anglewise.cli import doctor

    examine = doctor._examine
    monkeypatch.setattr(doctor, "_examine", lambda: {**examine(), "new": 1})
    run = anglewise("doctor", "--json", "-")
    assert run.code == 70
    assert "'new' was unexpected" in run.err


def test_the_schemas_take_nothing_that_is_not_installed_with_the_package():
    code = "from anglewise.report.schemas import SCHEMAS, schema; [schema(n) for n in SCHEMAS]"
    ours = f"import sys; sys.modules['jsonschema'] = None; {code}"
    subprocess.run([sys.executable, "-c", ours], check=True)
