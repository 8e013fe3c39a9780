"""What docs/how-to/stores.md says to do to a query is what the library does to it."""

import json
import subprocess

import numpy as np
import pytest

import anglewise as aw
from anglewise.errors import FileError
from anglewise.similarity_measures.measure import measure
from anglewise.stores.query_transform import QueryTransform
from anglewise.stores.reductions import reductions
from query_recipes import QUERIES, TRANSFORMS, node, recipe

EACH = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
ASK = """
import { readFileSync } from "node:fs";
import { prepared } from "./recipe.mjs";
const queries = JSON.parse(readFileSync("queries.json", "utf8"));
console.log(JSON.stringify(queries.map((query) => [...prepared(query)])));
"""


@EACH
def test_the_recipe_in_python(transform, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    transform.save("query.npz")
    names = {"queries": QUERIES}
    exec(recipe("python"), names)  # noqa: S102 a block of our own page
    assert names["q"].dtype == np.float32
    np.testing.assert_allclose(names["q"], transform(QUERIES), rtol=1e-6, atol=1e-12)


@EACH
def test_the_recipe_in_javascript(transform, tmp_path):
    transform.save(tmp_path / "query.json")
    (tmp_path / "queries.json").write_text(json.dumps(QUERIES.tolist()))
    (tmp_path / "recipe.mjs").write_text(recipe("js"))
    (tmp_path / "ask.mjs").write_text(ASK)
    run = subprocess.run(
        [node(), "ask.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    came = np.array(json.loads(run.stdout))
    np.testing.assert_allclose(came, transform(QUERIES), rtol=1e-6, atol=1e-12)


@EACH
def test_both_files_hold_the_same_numbers(transform, tmp_path):
    for name in ("q.npz", "q.json", "q.JSON"):
        transform.save(tmp_path / name, {"measure": "dot"})
        again = QueryTransform.load(tmp_path / name)
        assert again.digest == transform.digest
        assert (again(QUERIES) == transform(QUERIES)).all()
    assert json.loads((tmp_path / "q.json").read_text())["measure"] == "dot"


def test_a_recipe_does_what_a_measure_asks_for(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    space = aw.Space(
        queries=aw.Embeddings(rng.normal(size=(20, 6))),
        items=aw.Embeddings(rng.normal(size=(50, 6)) + 1),
    )
    monkeypatch.chdir(tmp_path)
    for spelling in ("cosine@whitened", "csls(5)@centred", "dot@standardised", "euclidean"):
        for way in reductions(measure(spelling), space, "queries-items"):
            way.queries.save("query.npz")
            names = {"queries": space.queries.vectors}
            exec(recipe("python"), names)  # noqa: S102 a block of our own page
            due = way.queries(space.queries.vectors)
            np.testing.assert_allclose(names["q"], due, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "content",
    ["no", "[]", "{}", '{"unit": false, "offset": ["a"], "appended": []}', "[" * 100_000],
)
def test_what_is_no_transform_is_refused(content, tmp_path):
    (tmp_path / "q.json").write_text(content)
    with pytest.raises(FileError):
        QueryTransform.load(tmp_path / "q.json")


def test_a_number_that_was_changed_is_noticed(tmp_path):
    path = tmp_path / "q.json"
    TRANSFORMS["all"].save(path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "offset": [x + 1 for x in content["offset"]]}))
    with pytest.raises(FileError, match="was changed"):
        QueryTransform.load(path)
    path.write_text(json.dumps({**content, "unit": False}))
    with pytest.raises(FileError, match="was changed"):
        QueryTransform.load(path)
