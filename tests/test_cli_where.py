"""``--where`` on the command line: what is listed passes, and what cannot be applied is refused."""

import json

import numpy as np
import pytest

from anglewise import Embeddings, Encoder, encode, write_space
from cli_run import anglewise, refused
from test_cli_context import MINE, WORDS, counts

__all__ = ["anglewise"]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """40 notes of two tenants, of which one lacks the year; a question of each tenant."""
    rng = np.random.default_rng(0)
    notes = [" ".join(rng.choice(WORDS, 6, replace=False)) for _ in range(40)]
    asks = {"qa": "wing flow", "qb": "wing flow", "qc": "wing flow"}
    made = encode(
        {f"d{i}": note for i, note in enumerate(notes)},
        Encoder(spec=MINE, documents=counts, similarity="cosine"),
        queries=asks,
    )
    about = {"tenant": ["a", "b"] * 20, "year": [None, *range(1981, 2020)]}
    items = Embeddings(made.items.vectors, made.items.ids, {**as_dict(made.items), **about})
    own = {**as_dict(made.queries), "tenant": ["a", "b", "c"]}
    queries = Embeddings(made.queries.vectors, made.queries.ids, own)
    folder = tmp_path_factory.mktemp("notes") / "space"
    write_space(type(made)(items=items, queries=queries, about=made.about), folder)
    return folder


def as_dict(side):
    from anglewise.data_types.columns import column

    return {name: column(side, name) for name in side.metadata_columns}


def listed(run):
    told = json.loads(run.out)
    return [int(place["id"][1:]) for place in told["measures"][0]["neighbours"]], told


ASK = ["--measures", "cosine", "--json", "-"]


def test_what_is_listed_passes_all_filters(anglewise, space):
    words = ["--query", "qa", "-k", 40, *ASK]
    whole, told = listed(anglewise("search", space, *words))
    assert "where" not in told
    run = anglewise("search", space, *words, "--where", "tenant = b", "--where", "year>=2000")
    passing, told = listed(run)
    assert passing == [i for i in whole if i % 2 and 1980 + i >= 2000]
    assert told["where"] == "tenant = b and year >= 2000"
    shown = anglewise("search", space, *words[:-2], "--where", "year>=2000", "--quiet")
    assert shown.out.endswith("listed are items that pass year >= 2000: 20 of 40\n")


def test_a_query_is_shown_its_own_tenant_and_a_text_has_none(anglewise, space):
    own = ["--where", "items.tenant = queries.tenant"]
    for query, odd in (("qa", 0), ("qb", 1)):
        passing, _ = listed(anglewise("search", space, "--query", query, *ASK, *own))
        assert len(passing) == 10
        assert {i % 2 for i in passing} == {odd}
    run = anglewise("search", space, "--query", "qc", *ASK, *own)
    assert refused(run, "no item passes the filter items.tenant = queries.tenant for 'qc'")
    words = ["--text", "wing flow", "--encoder", MINE, *ASK]
    assert refused(anglewise("search", space, *words, *own), "these vectors have no metadata")
    passing, _ = listed(anglewise("search", space, *words, "--where", "tenant = a"))
    assert {i % 2 for i in passing} == {0}


def test_few_that_pass_are_all_listed_and_said_so(anglewise, space):
    run = anglewise("search", space, "--query", "qa", *ASK, "--where", "year in 1990, 1991")
    assert sorted(listed(run)[0]) == [10, 11]
    assert "the filter leaves 2 items, and all are listed" in run.err


def test_passages_pass_the_filter(anglewise, space):
    words = ["--prompt", "wing flow", "--encoder", MINE, "--json", "-"]
    run = anglewise("context", space, *words, "--where", "tenant = b")
    told = json.loads(run.out)
    assert told["where"] == "tenant = b"
    assert {passage["metadata"]["tenant"] for passage in told["passages"]} == {"b"}
    assert "20 of 40 items pass the filter tenant = b" in run.err
    missing = anglewise("context", space, *words, "--where", "year is missing")
    assert [passage["id"] for passage in json.loads(missing.out)["passages"]] == ["d0"]


REFUSED = [
    ("tenat = a", "no metadata is called 'tenat': did you mean 'tenant'?"),
    ("tenant = z", "none of 40 items passes the filter tenant = z"),
    ("tenant", "has no comparison"),
    ("", "--where is empty"),
    ("year = last", "'year' hold numbers, and 'last' came"),
    ("tenant > 3", "compared letter by letter"),
    ("year >", "lacks a value"),
    ("year => 3", "cannot be read"),
]


@pytest.mark.parametrize(("where", "words"), REFUSED)
def test_a_filter_that_cannot_be_applied_is_refused(where, words, anglewise, space):
    for command in (["search", space, "--query", "qa"], ["context", space, "--prompt", "wing"]):
        encoder = ["--encoder", MINE] * (command[0] == "context")
        assert refused(anglewise(*command, *encoder, "--where", where), words)


def test_a_filter_in_the_environment_is_one_whatever_blanks_it_holds(anglewise, space, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_SEARCH_WHERE", "year in 1990, 1991")
    passing, _ = listed(anglewise("search", space, "--query", "qa", *ASK))
    assert sorted(passing) == [10, 11]
