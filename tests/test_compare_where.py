"""A comparison under a filter is that of a system that searches with it."""

import json
from dataclasses import replace

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.history import identity
from anglewise.comparison.without_vectors import HiddenRows, of_space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError
from cli_run import anglewise, refused

__all__ = ["anglewise"]

ITEMS, QUERIES = 240, 60
OWN = "items.tenant = queries.tenant"
MEASURES = "dot,cosine,euclidean"


def made(seed=0):
    """Queries near their relevant items, of which some belong to another tenant or to none."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ITEMS, 6)) * rng.uniform(0.5, 2, (ITEMS, 1))
    tenants = rng.choice(["a", "b", "c", None], ITEMS).tolist()
    asking = rng.choice(["a", "b", "c"], QUERIES).tolist()
    pairs = {(q, int(i)) for q in range(QUERIES) for i in rng.choice(ITEMS, 3, replace=False)}
    near = np.zeros((QUERIES, 6))
    for query, item in pairs:
        near[query] += x[item]
    words = lambda n: [f"w{row % 13} v{row % 7}" for row in range(n)]  # noqa: E731
    items = aw.Embeddings(
        x,
        ids=[f"i{row}" for row in range(ITEMS)],
        metadata={"tenant": tenants, "text": words(ITEMS), "year": list(range(ITEMS))},
    )
    queries = aw.Embeddings(
        near + rng.normal(size=near.shape),
        ids=[f"q{row}" for row in range(QUERIES)],
        metadata={"tenant": asking, "text": words(QUERIES)},
    )
    space = aw.Space(queries=queries, items=items)
    named = [(f"q{q}", f"i{i}", 1 + (q + i) % 2) for q, i in sorted(pairs)]
    return space, aw.Judgements.from_pairs(named, space)


def part_of(space, judged, rows):
    """The space of some items, judged by the same."""
    part = aw.Space(
        queries=space.queries,
        items=replace_metadata(space.items.take(rows), space, rows),
    )
    names = {f"q{q}": {} for q in range(QUERIES)}
    for query, item, gain in zip(
        judged.gains.rows, judged.gains.indices, judged.gains.values, strict=True
    ):
        names[f"q{query}"][f"i{item}"] = gain
    return part, names


def replace_metadata(items, space, rows):
    about = {name: [cells[row] for row in rows] for name, cells in space.items.metadata.items()}
    return aw.Embeddings(items.vectors, items.ids, about)


def figures(result):
    return {
        row.measure: {name: estimate.mean for name, estimate in row.metrics.items()}
        for row in result.measures
    }


@pytest.mark.parametrize("missing", ["count", "drop"])
def test_a_filter_compares_as_the_space_of_what_passes_does(missing):
    space, judged = made()
    rows = np.flatnonzero([cell == "a" for cell in space.items.metadata["tenant"]])
    settings = {"metric": "nDCG@5", "metrics": "R@10,AP@20", "missing": missing}
    result = aw.compare(space, judged, MEASURES, where={"tenant": "a"}, **settings)
    part, names = part_of(space, judged, rows)
    alone = aw.compare(part, aw.Judgements.from_dict(names, part), MEASURES, **settings)
    assert figures(result) == figures(alone)
    assert result.queries == alone.queries
    for row, due in zip(result.measures, alone.measures, strict=True):
        assert row.coverage == due.coverage
        assert row.unjudged_share == due.unjudged_share
    assert result.verdict.decision == alone.verdict.decision


def test_a_filter_of_the_querys_own_compares_as_each_tenant_by_itself():
    space, judged = made()
    result = aw.compare(space, judged, MEASURES, "nDCG@5", where=OWN)
    values = dict(zip(result.evidence.measures, result.evidence.values["nDCG@5"], strict=True))
    for tenant in "abc":
        rows = np.flatnonzero([cell == tenant for cell in space.items.metadata["tenant"]])
        part, names = part_of(space, judged, rows)
        alone = aw.compare(part, aw.Judgements.from_dict(names, part), MEASURES, "nDCG@5")
        own = np.flatnonzero([cell == tenant for cell in space.queries.metadata["tenant"]])
        due = dict(zip(alone.evidence.measures, alone.evidence.values["nDCG@5"], strict=True))
        for measure, line in values.items():
            assert line[own].tolist() == due[measure][own].tolist()


def test_what_does_not_pass_stands_in_no_list_of_any_candidate():
    space, judged = made()
    run = aw.Run.from_dict(
        {f"q{q}": {f"i{(q + 7 * i) % ITEMS}": -i for i in range(60)} for q in range(QUERIES)},
        "other",
    )
    measures = "cosine,cosine@centred,csls(5),norm(0,*),bm25,fusion(bm25,cosine)"
    result = aw.compare(space, judged, measures, "R@20", where=OWN, runs=run)
    tenant, own = space.items.metadata["tenant"], space.queries.metadata["tenant"]
    assert len(result.evidence.found) == 7
    for lists in result.evidence.found.values():
        for row, places in zip(result.evidence.rows, lists.indices, strict=True):
            listed = places[places >= 0].tolist()
            assert listed
            assert {tenant[item] for item in listed} <= {own[row]}
    assert any("of other hold items that do not pass the filter" in note for note in result.notes)


def test_runs_that_name_what_the_space_lacks_lose_it_under_a_filter():
    space, judged = made()
    run = aw.Run.from_dict(
        {f"q{q}": {"stranger": 3, f"i{q}": 2, f"i{q + 1}": 1} for q in range(QUERIES)}, "other"
    )
    result = aw.compare(space, judged, (), "R@5", runs=run, where={"tenant": ["a", "b"]})
    names = [*space.items.ids, "stranger"]
    tenants = space.items.metadata["tenant"]
    passing = {f"i{row}" for row, tenant in enumerate(tenants) if tenant in {"a", "b"}}
    listed = {names[i] for i in result.evidence.found["other"].indices.ravel() if i >= 0}
    assert listed
    assert listed <= passing


def test_floors_are_of_what_passes():
    """Random lists are drawn from a tenth of the items, and find ten times as much."""
    space, judged = made()
    where = {"year": {"<": 24}}
    kept = judged.where(np.isin(judged.graded.indices, np.arange(24)))
    whole = aw.compare(space, kept, MEASURES, "R@24").floors[0]
    result = aw.compare(space, kept, MEASURES, "R@24", where=where)
    assert (whole.name, result.floors[0].name) == ("random", "random")
    assert whole.mean < 0.3
    assert result.floors[0].mean == 1.0
    assert {floor.name for floor in result.floors} == {"random", "bm25"}


def test_hidden_rows_are_what_is_seen_and_what_fails():
    space, judged = made()
    seen = np.random.default_rng(0).random((QUERIES, ITEMS)) < 0.1
    rows, columns = np.nonzero(seen)
    judged = replace(judged, seen=SparseRows.from_pairs(rows, columns, shape=seen.shape))
    result = aw.compare(space, judged, "dot", where=OWN)
    context = of_space(space, result.evidence.judgements)
    hidden = HiddenRows(context.judgements, judged.judged_rows, context.items)
    tenant, own = space.items.metadata["tenant"], space.queries.metadata["tenant"]
    for place, row in enumerate(judged.judged_rows):
        due = [i for i in range(ITEMS) if seen[row, i] or tenant[i] != own[row]]
        assert sorted(set(hidden[place].tolist())) == due
    assert [out.tolist() for out in hidden[2:4]] == [hidden[2].tolist(), hidden[3].tolist()]


def test_documents_pass_where_a_passage_does():
    rng = np.random.default_rng(1)
    items = aw.Embeddings(
        rng.normal(size=(60, 4)),
        ids=[f"d{row // 3}#{row % 3}" for row in range(60)],
        metadata={
            "document": [f"d{row // 3}" for row in range(60)],
            "language": ["en", "de", "fr"] * 19 + ["de"] * 3,
        },
    )
    queries = aw.Embeddings(rng.normal(size=(20, 4)), ids=[f"q{row}" for row in range(20)])
    space = aw.Space(queries=queries, items=items)
    judged = aw.Judgements.from_dict({f"q{row}": {f"d{row}": 1} for row in range(20)}, space)
    assert judged.parts is not None
    result = aw.compare(space, judged, "dot,cosine", "R@20", where={"language": "en"})
    rows = np.arange(0, 57, 3)
    alone = aw.search(aw.Space(queries=queries, items=items.take(rows)), "cosine", k=19)["cosine"]
    places = dict(result.evidence.found)["cosine"]
    assert np.array_equal(places.indices[:, :19], rows[alone.indices] // 3)
    assert (places.indices[:, 19:] == -1).all()
    assert result.notes[0] == "ranked are the passages that pass language = en: 19 of 60"
    assert result.notes[1].startswith("1 of 20 relevant judgements are of items that do not pass")


def test_a_note_says_what_passes_and_what_is_missed():
    space, judged = made()
    result = aw.compare(space, judged, MEASURES, where=OWN)
    tenant, own = space.items.metadata["tenant"], space.queries.metadata["tenant"]
    pairs = zip(judged.gains.rows, judged.gains.indices, strict=True)
    outside = sum(tenant[item] != own[query] for query, item in pairs)
    counts = [tenant.count(name) for name in "abc"]
    assert result.notes[:2] == (
        f"each query ranks the items that pass {OWN}: {min(counts)} to {max(counts)} of {ITEMS}",
        (
            f"{outside} of {len(judged.gains.rows)} relevant judgements are of items that do not "
            "pass: counted as missed, as whoever searches with this filter does not find them "
            "(--missing drop leaves them out)"
        ),
    )
    dropped = aw.compare(space, judged, MEASURES, where=OWN, missing="drop")
    assert dropped.notes[1].endswith("that do not pass: left out (--missing drop)")
    assert dropped.judged == len(judged.gains.rows) - outside
    assert result.to_dict()["where"] == OWN
    assert "where" not in aw.compare(space, judged, MEASURES).to_dict()


def test_queries_for_which_nothing_passes_have_empty_lists_and_are_counted():
    space, judged = made()
    about = {**space.queries.metadata}
    about["tenant"] = ["nobody", None, *about["tenant"][2:]]
    queries = aw.Embeddings(space.queries.vectors, space.queries.ids, about)
    result = aw.compare(aw.Space(queries=queries, items=space.items), judged, MEASURES, where=OWN)
    assert "; none passes for 2 judged queries, whose lists are empty" in result.notes[0]
    values = result.evidence.values["nDCG@10"]
    assert (values[:, :2] == 0).all()
    assert result.queries == QUERIES


def test_verdicts_of_tenants_go_with_the_filter_of_tenants():
    space, judged = made()
    result = aw.compare(space, judged, MEASURES, where=OWN, slices="queries:tenant")
    assert [part.value for part in result.slices] == ["a", "b", "c"]
    for name, mean in figures(result).items():
        weighted = sum(part.queries * part.means[name] for part in result.slices) / QUERIES
        assert mean["nDCG@10"] == pytest.approx(weighted)


def test_a_gate_knows_that_the_filter_changed():
    space, judged = made()
    first, second, third = (
        identity(aw.compare(space, judged, MEASURES, where=where)).judgements
        for where in (None, {"tenant": "a"}, "tenant = a")
    )
    assert first != second == third


def test_a_comparison_that_could_find_nothing_is_refused():
    space, judged = made()
    for where, error in (
        ({"tenant": "z"}, TooFewError),
        ({"tenan": "a"}, SpellingError),
        ({"year": ITEMS - 1}, TooFewError),
    ):
        only = judged.where(judged.graded.indices < ITEMS - 1)
        with pytest.raises(error):
            aw.compare(space, only, MEASURES, where=where)
    filtered = aw.compare(space, judged, "dot", where=OWN).evidence.judgements
    with pytest.raises(SpellingError, match="of one space"):
        aw.compare_spaces({"x": space}, filtered, "dot")
    pairs = aw.Pairs(np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(SpellingError, match="is of lists"):
        aw.compare(aw.Space(items=space.items), pairs, "dot", where={"tenant": "a"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    space, judged = made()
    folder = tmp_path_factory.mktemp("tenants") / "space"
    aw.write_space(space, folder, judgements={"queries-items": judged})
    return folder


def test_the_command_compares_as_the_function_does(anglewise, folder):
    space, judged = made()
    words = ["--where", OWN, "--where", "year>=20", "--slice", "queries:tenant", "--json", "-"]
    for missing in ("count", "drop"):
        run = anglewise("compare", folder, *words, "--missing", missing)
        assert run.code == 0, run
        told = json.loads(run.out)
        due = aw.compare(
            space,
            judged,
            where=[OWN, {"year": {">=": 20}}],
            slices="queries:tenant",
            missing=missing,
        )
        assert told["where"] == f"{OWN} and year >= 20"
        assert {row["measure"]: row["metrics"]["nDCG@10"]["mean"] for row in told["measures"]} == {
            row.measure: row.metrics["nDCG@10"].mean for row in due.measures
        }
        assert told["notes"] == list(due.notes)
    shown = anglewise("compare", folder, "--where", OWN)
    assert f"each query ranks the items that pass {OWN}" in " ".join(shown.out.split())
    dry = anglewise("compare", folder, "--where", "tenant = a", "--dry-run")
    assert dry.code == 0


REFUSED = [
    (["--where", "tenat = a"], "did you mean 'tenant'?"),
    (["--where", "tenant = z"], "none of 240 items passes"),
    (["--where", "items.tenant = queries.tenat"], "no metadata is called 'tenat'"),
    (["--where", "year = soon"], "hold numbers, and 'soon' came"),
    (["--where", "tenat = a", "--dry-run"], "did you mean 'tenant'?"),
    (["--where", "tenant = a", "--variants", "int8"], "--where is for one space"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_a_filter_that_cannot_be_applied_is_refused(options, words, anglewise, folder):
    assert refused(anglewise("compare", folder, *options), words)


def test_runs_alone_have_no_metadata_to_filter_by(anglewise, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"q0": {"i0": 1.0}}))
    (tmp_path / "qrels.txt").write_text("q0 0 i0 1\n")
    words = ["--runs", tmp_path / "a.json", "--qrels", tmp_path / "qrels.txt"]
    assert refused(anglewise("compare", *words, "--where", "tenant = a"), "--where is of a space")
