"""What the page shows, and what it says of an address that asks for what is not there."""

import re
from html import unescape
from urllib.parse import parse_qs

import pytest

from anglewise import Embeddings, Space, search, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.evaluation_metrics.breadth import disagreement
from anglewise.io.space_folder import read_space_folder
from anglewise.web_page.metadata import Metadata
from anglewise.web_page.open_space import Inspected
from anglewise.web_page.view_state import ViewState, read_view
from inspect_site import FROM_HERE, films, made_space, one_sided, site

ITEMS = "direction=items-items"


def shown(text):
    """The ids of each column, from the links of a page of items."""
    columns = [one.split("</section>")[0] for one in text.split("data-column>")[1:]]
    return [re.findall(r'href="/\?direction=items-items&amp;query=(f\d+)', one) for one in columns]


def test_columns_hold_what_the_engine_finds():
    seen = films()
    text = site(seen).get(f"/?{ITEMS}&query=f3&measure=dot&measure=cosine&k=7").text
    found = search(seen.space, "dot,cosine", k=7, direction="items-items")
    ids = seen.space.items.ids
    assert shown(text) == [[ids[row] for row in one.indices[3]] for one in found.values()]


def test_users_are_not_shown_what_they_used():
    space = made_space()
    best = search(space, "dot", k=1)["dot"].indices[2, 0]
    seen = SparseRows.from_pairs([2], [int(best)], shape=(30, 60))
    space = Space(queries=space.queries, items=space.items, trained_for="dot", seen=seen)
    text = site(Inspected(space)).get("/?query=u2&measure=dot&measure=cosine").text
    assert f'data-row="{best}"' not in text


def test_grades_and_what_is_only_in_one_list_are_marked():
    seen = films()
    judged = seen.judgements["items-items"].gains
    text = site(seen).get(f"/?{ITEMS}&query=f3&k=59&measure=dot").text
    assert text.count("<b>✓") == int((judged.values[judged.rows == 3] > 0).sum())
    assert text.count("✗ not relevant") == int((judged.values[judged.rows == 3] == 0).sum())
    both = site(seen).get(f"/?{ITEMS}&query=f3&k=5&measure=dot&measure=euclidean").text
    lists = shown(both)
    assert both.count("<em>only here</em></span>") == len(set(lists[0]) ^ set(lists[1]))


def test_every_state_stands_in_the_address():
    here = ViewState("items-items", "a b&c", ("norm(0,0.5)", "cosine"), 7, 14)
    assert read_view(parse_qs(here.address()[1:]), ["items-items"]) == (here, [])


def test_a_measure_that_does_not_parse_is_told_in_place():
    answer = site(films()).get(f"/?{ITEMS}&measure=cosin&measure=dot")
    assert answer.status_code == 200
    assert "did you mean &#39;cosine&#39;?" in answer.text
    assert 'value="cosin"' in answer.text
    assert len(shown(answer.text)) == 1


def test_a_measure_that_cannot_be_taken_here_is_told_in_its_column():
    text = site(Inspected(one_sided("abcdef"))).get("/?measure=cosine@balanced&measure=dot").text
    assert "this space has one side" in text
    assert text.count("data-row=") == 5  # all but the one who asks


@pytest.mark.parametrize("measure", ["dot@", "(", "norm(", "a" * 5000, "\x00", "@@"])
def test_whatever_is_typed_as_a_measure_gets_an_answer(measure):
    answer = site(films()).get("/", params={"measure": [measure, "dot"]})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text


def test_more_neighbours_than_a_page_shows_are_paged():
    client = site(films())
    text = client.get(f"/?{ITEMS}&k=10000&query=f1&measure=dot").text
    assert "10000 neighbours asked" in text
    assert text.count("data-row=") == 59
    second = client.get(f"/?{ITEMS}&k=10&from=10&query=f1&measure=dot").text
    first = client.get(f"/?{ITEMS}&k=20&query=f1&measure=dot").text
    assert shown(second)[0] == shown(first)[0][10:]
    assert client.get(f"/?{ITEMS}&from=9999&query=f1").status_code == 200


@pytest.mark.parametrize("asked", ["k=-1", "k=x", "k=0", "from=-5", "k=1e3", "from=9999999999999"])
def test_numbers_that_are_none_are_told(asked):
    assert site(films()).get(f"/?{asked}").status_code == 200


def test_an_id_that_no_longer_exists_is_told():
    answer = site(films()).get("/?query=gone")
    assert answer.status_code == 404
    assert "nobody here has the id &#39;gone&#39;" in answer.text


def test_a_single_item_and_a_space_of_zeros_are_shown():
    single = site(Inspected(Space(items=Embeddings([[1.0]]))))
    zeros = site(Inspected(Space(items=Embeddings([[0.0, 0.0]] * 3))))
    for path in ("/", "/pick/random", "/pick/popular", "/judge", "/gauge", "/reports"):
        for client in (single, zeros):
            assert client.get(path).status_code in {200, 303, 400}, path


@pytest.mark.parametrize("how", ["random", "disagree", "worst", "popular", "rare"])
def test_each_way_to_pick_leads_to_somebody(how):
    client = site(films())
    first = client.get(f"/pick/{how}?{ITEMS}&measure=dot&measure=cosine")
    assert first.status_code == 303
    assert client.get(first.headers["location"]).status_code == 200
    address = first.headers["location"].removeprefix("/")
    second = client.get(f"/pick/{how}{address}").headers["location"]
    assert second != first.headers["location"]
    assert client.get(f"/pick/{how}{address}").headers["location"] == second


def test_picking_says_what_is_missing():
    client = site(films())
    assert "show two or more" in client.get(f"/pick/disagree?{ITEMS}&measure=dot").text
    assert "judge some pairs first" in client.get("/pick/worst").text
    assert "no measure here can be read" in client.get(f"/pick/worst?{ITEMS}&measure=cosin").text
    assert 'href="/pick/worst' not in client.get(f"/?{ITEMS}&measure=cosin").text
    assert 'href="/pick/worst' in client.get(f"/?{ITEMS}&measure=cosine").text
    assert client.get("/pick/elsewhere").status_code == 404


def test_measures_disagree_most_is_true():
    seen = films()
    found = search(seen.space, "dot,cosine", k=10, direction="items-items")
    worst = disagreement(list(found.values()), 10).argmax()
    picked = site(seen).get(f"/pick/disagree?{ITEMS}&measure=dot&measure=cosine")
    assert f"query=f{worst}&" in picked.headers["location"]


def test_search_finds_titles_and_ids():
    client = site(films())
    exact = client.get(f"/find?{ITEMS}&text=f12")
    assert exact.headers["location"].startswith("/?direction=items-items&query=f12")
    found = client.get(f"/find?{ITEMS}&text=FILM 5")
    assert len(re.findall(r"<bdi>Film 5\d?</bdi>", found.text)) == 11
    assert "Nobody here" in client.get(f"/find?{ITEMS}&text=zzz").text
    assert client.get(f"/find?{ITEMS}&text={'%28' * 400}").status_code == 200


def test_metadata_is_read_when_it_is_shown(tmp_path):
    write_space(made_space(), tmp_path / "space")
    known = Metadata(read_space_folder(tmp_path / "space").items)
    assert not known.held
    assert known.titles([3, 1]) == ["Film 3", "Film 1"]
    assert [name for _, name in known.held] == ["title"]
    assert known.about(3) == [("genre", "farce")]


def test_a_space_that_changed_on_disk_is_told_and_read_again(tmp_path):
    folder = tmp_path / "space"
    write_space(made_space(), folder)
    client = site(lambda: Inspected(read_space_folder(folder), {}, "s", folder))
    app = client.app.app.state.app
    app.fresh.every = 0.0
    assert "has been written anew" not in client.get("/").text
    write_space(made_space(items=40), folder)
    told = client.get("/").text
    assert "has been written anew" in told
    assert "60 items" in told
    assert client.post("/reload", headers=FROM_HERE).status_code == 303
    read = client.get("/").text
    assert "40 items" in read
    assert "has been written anew" not in read


def test_a_space_that_is_gone_is_told_on_reload(tmp_path):
    folder = tmp_path / "space"
    write_space(made_space(), folder)
    client = site(lambda: Inspected(read_space_folder(folder), {}, "s", folder))
    (folder / "space.json").unlink()
    answer = client.post("/reload", headers=FROM_HERE)
    assert answer.status_code == 400
    assert "is no space" in answer.text
    assert client.get("/").status_code == 200


@pytest.mark.slow
def test_remedies_are_a_report_too(tmp_path):
    client = site(films(tmp_path))
    assert client.post("/reports/remedy-items-items", headers=FROM_HERE).status_code == 303
    client.app.app.state.app.lookup(("report", "remedy-items-items", frozenset())).result()
    answer = client.get("/reports/remedy-items-items.html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "What should be used instead of cosine?" in answer.text
    text = client.get("/reports").text
    for address in re.findall(r'<li><a href="([^"]+)"', text):
        assert client.get(address.replace("&amp;", "&")).status_code == 200


def test_reports_are_made_and_can_do_nothing(tmp_path):
    client = site(films(tmp_path))
    assert client.post("/reports/elsewhere", headers=FROM_HERE).status_code == 404
    for kind in ("audit", "compare-items-items"):
        assert client.post(f"/reports/{kind}", headers=FROM_HERE).status_code == 303
        client.app.app.state.app.lookup(("report", kind, frozenset())).result()
        answer = client.get(f"/reports/{kind}.html")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
    text = client.get("/reports").text
    assert text.count("Read the report") == 2
    behind = re.findall(r'<li><a href="([^"]+)"', text)
    assert len(behind) > 3
    for address in behind:
        assert client.get(address.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/gauge?direction=foo", "no direction 'foo' here: directions are "),
        ("/gauge?k=abc", "k=abc is no whole number: 10 is taken"),
        ("/gauge?direction=queries-items&worst=2", "worst=2 is of items-items: queries-items is"),
        ("/gauge?t=0.1&t=0.9", "t is given 2 times: one of them is taken"),
        ("/?k=0", "0 neighbours asked: a page shows 1 at least"),
        ("/?k=1&k=50", "k is given 2 times: one of them is taken"),
        ("/judge?depth=7", "no depth '7' here (5 or 10): 5 is taken"),
        ("/judge?order=xyz", "no order 'xyz' here (informative): query by query is taken"),
        ("/judge?blind=no", "no blind 'no' here (0 or 1): 1 is taken"),
        ("/judge?direction=foo", "no direction 'foo' here: directions are "),
        ("/judge?measure=dot&measure=cosime", "measure 'cosime' is left out: no measure is"),
    ],
)
def test_what_an_address_says_in_vain_is_named(address, said, tmp_path):
    client = site(films(store=tmp_path / "j.sqlite"))
    text = unescape(client.get(address).text)
    assert said in text, re.findall("told-off.*", text)
    for plain in ("/", "/gauge", "/gauge?direction=items-items&worst=2", "/judge?depth=10&blind=0"):
        assert 'class="told-off"' not in client.get(plain).text
    if address == "/gauge?direction=foo":
        assert 'aria-current="true">items → items' in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("depth=7", "no depth '7' here (5 or 10): 5 is taken"),
        ("order=xyz", "no order 'xyz' here (informative): query by query is taken"),
        ("order=informative", "nothing is judged yet that tells which pairs are informative"),
        ("blind=no", "no blind 'no' here (0 or 1): 1 is taken"),
        ("direction=foo", "no direction 'foo' here: directions are "),
        ("k=abc", "k=abc is no whole number: 10 is taken"),
        ("measure=dot&measure=cosime", "measure 'cosime' is left out: no measure is"),
    ],
)
def test_answers_to_scripts_name_what_an_address_says_in_vain(words, said, tmp_path):
    client = site(films(store=tmp_path / "j.sqlite"))
    assert client.post("/judge/name", headers=FROM_HERE, content=b"name=anna").status_code == 303
    for path in ("cards", "state"):
        assert client.get(f"/judge/{path}").json()["notes"] == []
    assert any(said in note for note in client.get(f"/judge/cards?{words}").json()["notes"])
    if words != "order=informative":
        assert any(said in note for note in client.get(f"/judge/state?{words}").json()["notes"])


@pytest.mark.parametrize("path", ["at", "path", "quality"])
def test_answers_about_a_gauge_name_what_an_address_says_in_vain(path, tmp_path):
    client = site(films(store=tmp_path / "j.sqlite"))
    assert client.get(f"/gauge/{path}").json()["notes"] == []
    (note,) = client.get(f"/gauge/{path}?direction=foo").json()["notes"]
    assert "no direction 'foo' here" in note
