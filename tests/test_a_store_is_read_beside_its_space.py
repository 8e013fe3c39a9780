"""What was judged into the store beside a space is what the page and the audit speak of."""

import json
from time import sleep

import numpy as np
import pytest

from anglewise import Judged, JudgementStore, inspect, write_space
from anglewise.web_page import app
from cli_run import anglewise  # noqa: F401 a fixture
from inspect_site import FROM_HERE, films, made_judgements, made_space, site

DIRECTION = "queries-items"


def answers(space, queries=12, each=6, judge="anna", grade=None):
    rng = np.random.default_rng(3)
    return [
        Judged(
            query_id=str(space.queries.ids[query]),
            item_id=str(space.items.ids[item]),
            grade=int(rng.integers(0, 3)) if grade is None else grade,
            judge=judge,
            direction=DIRECTION,
        )
        for query in range(queries)
        for item in rng.permutation(len(space.items))[:each]
    ]


def judged_into(path, rows):
    with JudgementStore.open(path) as store:
        for row in rows:
            store.add(row)


@pytest.fixture
def folder(tmp_path):
    space = made_space()
    write_space(space, tmp_path / "space")
    judged_into(tmp_path / "space" / "judgements.sqlite", answers(space))
    return tmp_path / "space"


def opened(folder, tmp_path, run):
    """The space as the command opens it, by its copy on a disk."""
    return run(
        "inspect", folder, "--export", tmp_path / "copy", "--export-queries", "20",
        "--direction", DIRECTION,
    )  # fmt: skip


def test_the_audit_reads_the_store(tmp_path, anglewise):  # noqa: F811
    """Judged lists of items have a curve of quality along the gauges; others have none."""
    space, folder = made_space(), tmp_path / "space"
    write_space(space, folder)
    rng = np.random.default_rng(0)
    rows = [
        Judged(
            f"f{item}",
            f"f{(item + int(step)) % 60}",
            int(rng.integers(0, 3)),
            "anna",
            "items-items",
        )
        for item in range(60)
        for step in (1 + rng.permutation(59)[:5]).tolist()
    ]
    judged_into(folder / "judgements.sqlite", rows)
    result = anglewise("audit", folder, "--json", "-")
    assert "judgements in the folder: items-items" in result.err
    told = json.loads(result.out)
    (folder / "judgements.sqlite").unlink()
    without = json.loads(anglewise("audit", folder, "--json", "-").out)
    assert told != without


def test_the_store_stands_in_place_of_what_was_held_out(tmp_path, anglewise):  # noqa: F811
    space = made_space()
    held_out = {DIRECTION: made_judgements(space, DIRECTION)}
    write_space(space, tmp_path / "space", judgements=held_out)
    judged_into(tmp_path / "space" / "judgements.sqlite", answers(space))
    result = anglewise("audit", tmp_path / "space")
    assert "they stand in place of what was held out" in result.err


def test_grades_of_the_store_are_marked_on_the_page(folder, tmp_path, anglewise):  # noqa: F811
    result = opened(folder, tmp_path, anglewise)
    assert result.code == 0, result
    pages = [page.read_text() for page in (tmp_path / "copy").glob("q*.html")]
    assert any("not relevant" in page for page in pages)
    (folder / "judgements.sqlite").unlink()
    opened(folder, tmp_path, anglewise)
    pages = [page.read_text() for page in (tmp_path / "copy").glob("q*.html")]
    assert not any("not relevant" in page for page in pages)


def test_a_store_of_other_ids_is_told_of_and_the_page_opens(folder, tmp_path, anglewise):  # noqa: F811
    (folder / "judgements.sqlite").unlink()
    stranger = Judged(query_id="?", item_id="!", grade=1, judge="anna", direction=DIRECTION)
    judged_into(folder / "judgements.sqlite", [stranger])
    result = opened(folder, tmp_path, anglewise)
    assert result.code == 0, result
    assert "no judgements are shown of" in result.err


@pytest.mark.wrong_kinds
def test_python_opens_a_space_with_its_store(tmp_path, monkeypatch):
    space = made_space()
    judged_into(tmp_path / "store.sqlite", answers(space))
    seen = []
    monkeypatch.setattr(app, "served", lambda read, **_: seen.append(read()))
    monkeypatch.setattr(app, "Inspection", lambda served: served)
    inspect(space, store=tmp_path / "store.sqlite")
    assert DIRECTION in seen[0].judgements


def test_reports_are_offered_of_what_is_judged_by_now_and_made_anew_when_more_is(tmp_path):
    inspected = films(tmp_path, judgements={})
    client = site(inspected)
    assert "Comparison, queries" not in client.get("/reports").text
    judged_into(inspected.store, answers(inspected.space))
    kind = f"compare-{DIRECTION}"
    assert f"/reports/{kind}" in client.get("/reports").text

    def report():
        assert client.post(f"/reports/{kind}", headers=FROM_HERE).status_code == 303
        state = client.app.app.state.app
        [key] = [key for key in state._results if key[:2] == ("report", kind)][-1:]
        state.lookup(key).result()
        return client.get(f"/reports/{kind}.html").text

    first = report()
    assert "72 judgements" in first
    more = answers(inspected.space, queries=14, judge="ben")[72:]
    judged_into(inspected.store, more)
    assert client.get(f"/reports/{kind}.html").status_code == 303
    assert "84 judgements" in report()


def test_a_store_that_cannot_be_read_fails_the_report_and_is_not_passed_over(tmp_path):
    held_out = {DIRECTION: made_judgements(made_space(), DIRECTION)}
    inspected = films(tmp_path, judgements=held_out)
    client = site(inspected)
    inspected.store.write_bytes(b"no store")
    kind = f"compare-{DIRECTION}"
    assert client.post(f"/reports/{kind}", headers=FROM_HERE).status_code == 303
    for _ in range(100):
        text = client.get("/reports").text
        if "no store" in text or "is no" in text:
            break
        sleep(0.05)
    assert "judgements.sqlite" in text
    assert client.get(f"/reports/{kind}.html").status_code == 303
