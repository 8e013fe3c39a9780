"""The page in a real browser, driven as a person drives it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from anglewise import Embeddings, JudgementStore, Space, write_space
from conftest import Server

READY = '[data-grade="0"]:not([disabled])'
ITEMS = "/?direction=items-items"


def rows(server):
    with JudgementStore.open(server.store) as store:
        return list(store.rows())


GONE = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")


def begin(page, server, name, tail=""):
    page.goto(f"{server.address}/judge{tail}")
    page.keyboard.type(name)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)


def grade(page, key):
    page.wait_for_selector(READY)
    page.keyboard.press(key)


def saved(page):
    page.wait_for_selector("[data-saved]:text('all saved')")


def grave(page):
    """What axe-core finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], one["nodes"][0]["html"])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def test_search_by_keyboard_finds_a_film_and_its_neighbours(server, visit):
    page = visit()
    page.goto(server.address + ITEMS)
    title = page.locator("[data-column] a").nth(3).inner_text()
    page.keyboard.press("/")
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?**")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1 bdi:text-is({json.dumps(title)})")
    assert "query=film-" in page.url
    page.keyboard.press("b")
    page.wait_for_url("**/find?**")


def test_four_measures_stand_side_by_side_with_lines(server, visit, picture):
    page = visit(1180, 800)
    page.goto(server.address + ITEMS)
    page.keyboard.press("m")
    fields = page.locator(".measures input[name=measure]")
    for place, spelled in enumerate(["dot", "cosine", "cosine@item-orthonormal", "cosin"]):
        fields.nth(place).fill(spelled)
    page.keyboard.press("Enter")
    page.wait_for_selector(".why:has-text(\"did you mean 'cosine'\")")
    fields.nth(3).fill("euclidean")
    fields.nth(3).press("Enter")
    page.wait_for_selector("[data-column] >> nth=3")
    assert page.locator("[data-column]").count() == 4
    assert page.locator("[data-moves] path").count() > 3
    assert page.url.count("measure=") == 4
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.press("j")
    assert page.locator("li.lit").count() >= 1
    before = page.locator("h1").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1 bdi:not(:text-is({json.dumps(before)}))")
    page.go_back()
    page.wait_for_selector(f"h1 bdi:text-is({json.dumps(before)})")
    picture(page, "inspect-neighbours")


@pytest.mark.parametrize("key", ["r", "d", "w", "p", "o"])
def test_a_key_picks_somebody(server, visit, key):
    page = visit()
    page.goto(server.address + ITEMS + "&query=film-007")
    page.wait_for_selector("[data-moves] path", state="attached")
    page.keyboard.press(key)
    page.wait_for_url(lambda url: "query=film-007" not in url)
    assert page.locator("[data-column] li").count() == 30


def test_the_first_view_needs_no_script(server, chromium):
    window = chromium.new_context(java_script_enabled=False)
    page = window.new_page()
    page.goto(server.entrance)
    assert page.url == server.address + "/"
    page.goto(server.address + ITEMS)
    assert page.locator("[data-column] li").count() == 30
    page.fill("input[name=text]", "film-003")
    page.click("text=Search")
    assert "query=film-003" in page.url
    page.goto(server.address + "/gauge?t=1")
    assert page.locator("[data-now] li").count() == 10
    window.close()


def test_the_slider_re_ranks_while_predictions_stay(server, visit, picture):
    page = visit(1400, 960)
    page.goto(server.address + "/gauge")
    page.wait_for_selector("[data-drawn]")
    page.wait_for_selector("[data-judged]")
    page.wait_for_selector("[data-now][data-at='0.5']")
    balanced = page.locator("[data-now] a").all_inner_texts()
    ndcg = page.locator("[data-ndcg]").inner_text()
    assert "of cosine here, items → items" in page.locator("[data-metric]").inner_text()
    assert "items → items" in page.locator("[data-quality] text").inner_html()
    page.keyboard.press("3")
    page.wait_for_selector("[data-now][data-at='1']")
    assert page.locator("[data-now] a").all_inner_texts() != balanced
    assert float(page.locator("[data-change]").inner_text()) <= 1e-12
    assert page.locator("[data-ndcg]").inner_text() != ndcg
    assert "t=1" in page.url
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("[data-now][data-at='0.98']")
    page.keyboard.press("1")
    page.wait_for_selector("[data-now][data-at='0']")
    page.wait_for_timeout(400)
    picture(page, "inspect-gauge")


def test_find_the_worst_plays_a_map_that_changes_the_list(server, visit, picture):
    page = visit(1400, 960, scheme="dark")
    page.goto(server.address + "/gauge")
    page.wait_for_selector("[data-drawn]")
    page.keyboard.press("x")
    page.wait_for_url("**worst=2**")
    page.wait_for_selector("[data-now][data-at='1']")
    assert page.locator("[data-now] li.new").count() >= 3
    assert float(page.locator("[data-change]").inner_text()) <= 1e-12
    page.wait_for_timeout(400)
    picture(page, "inspect-worst")


def test_thirty_pairs_by_keyboard_through_a_kill(server, visit):
    page = visit(forgiven=[*GONE, "403"])
    begin(page, server, "anna")
    for place in range(12):
        grade(page, str(place % 5))
    acknowledged = len(rows(server))
    server.kill()
    for place in range(5):  # cards are there ahead, so that judging goes on
        grade(page, str(place))
    page.wait_for_selector("[data-saved].late:text-matches('not saved yet')")
    stored = rows(server)
    assert len(stored) >= acknowledged
    server.start()
    saved(page)
    for place in range(13):
        grade(page, str(place % 5))
    saved(page)
    assert len(rows(server)) == 30
    assert len({(row.query_id, row.item_id) for row in rows(server)}) == 30
    given = [row.grade for row in sorted(rows(server), key=lambda row: row.time)]
    assert given == [place % 5 for place in [*range(12), *range(5), *range(13)]]


def test_what_is_not_saved_waits_for_the_new_address(server, visit):
    page = visit(forgiven=[*GONE, "403"])
    begin(page, server, "anna")
    server.kill()
    grade(page, "2")
    page.wait_for_selector("[data-saved].late")
    server.start(let_in=False)
    page.wait_for_selector("[data-saved]:text-matches('open the address that was printed last')")
    assert rows(server) == []
    beside = page.context.new_page()
    beside.goto(server.entrance)
    saved(page)
    assert [row.grade for row in rows(server)] == [2]


def test_what_is_not_saved_survives_a_reload(server, visit):
    page = visit(forgiven=[*GONE, "403"])
    begin(page, server, "anna")
    grade(page, "4")
    saved(page)
    server.kill()
    grade(page, "2")
    page.wait_for_selector("[data-saved].late")
    server.start()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(server.address + "/judge")
    page.wait_for_selector(READY)
    for _ in range(50):
        if len(rows(server)) == 2:
            break
        page.wait_for_timeout(200)
    assert sorted(row.grade for row in rows(server)) == [2, 4]


def test_two_tabs_keep_all_that_waits_in_the_browser(server, visit):
    one = visit(forgiven=[*GONE, "403"])
    begin(one, server, "anna")
    other = one.context.new_page()
    other.goto(server.address + "/judge")
    for key in "ss":  # past the two cards that are judged in the first tab
        grade(other, key)
    other.wait_for_selector(READY)
    server.kill()
    for page, keys in ((one, "23"), (other, "4")):
        for key in keys:
            grade(page, key)
        page.wait_for_selector("[data-saved].late")
    one.close()
    other.close()
    server.start()
    again = server.windows[0].new_page()
    again.goto(server.address + "/judge")
    again.wait_for_selector(READY)
    for _ in range(50):
        if len(rows(server)) == 3:
            break
        again.wait_for_timeout(200)
    assert sorted(row.grade for row in rows(server)) == [2, 3, 4]
    assert again.evaluate("localStorage.length") == 0


def test_what_waits_is_not_given_to_another_space(server, visit, tmp_path):
    page = visit(forgiven=[*GONE, "400", "403", "409"])
    begin(page, server, "anna")
    server.kill()
    grade(page, "2")
    page.wait_for_selector("[data-saved].late")
    other = Server(server.folder, tmp_path / "other.sqlite", server.port, windows=server.windows)
    other.start()
    try:
        said = "1 not saved yet: another space, store or queue is open here now"
        page.wait_for_selector(f"[data-saved]:text('{said}')")
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(other.address + "/judge")
        page.wait_for_selector("[data-elsewhere]:text('1 answer waits')")
        assert "(films)" in page.locator("[data-elsewhere]").inner_text()
        grade(page, "4")
        saved(page)
        assert [row.grade for row in rows(other)] == [4]
    finally:
        other.kill()
    server.start()
    page.goto(server.address + "/judge")
    page.wait_for_selector(READY)
    for _ in range(50):
        if rows(server):
            break
        page.wait_for_timeout(200)
    assert [row.grade for row in rows(server)] == [2]
    page.reload()
    page.wait_for_selector(READY)
    assert not page.locator("[data-elsewhere]").is_visible()


def test_keys_typed_before_a_card_is_on_the_screen_count_for_nothing(server, visit):
    page = visit()
    begin(page, server, "anna")
    # Ten keys in one task: the first judges the card that is seen, the others no card at all.
    page.evaluate(
        """() => { for (let i = 0; i < 10; i++)
           document.dispatchEvent(new KeyboardEvent("keydown", { key: "3", bubbles: true })); }"""
    )
    page.wait_for_selector(READY)
    saved(page)
    assert len(rows(server)) == 1


def test_undo_skip_and_note(server, visit):
    page = visit()
    begin(page, server, "anna")
    first = page.locator("[data-item]").inner_text()
    grade(page, "1")
    page.wait_for_selector(READY)
    page.keyboard.press("u")
    page.wait_for_selector(f"[data-item]:text-is({json.dumps(first)})")
    page.wait_for_selector(READY)
    page.keyboard.press("n")
    page.keyboard.type("3 of these were wrong")
    page.keyboard.press("Enter")
    grade(page, "4")
    page.wait_for_selector(READY)
    skipped = page.locator("[data-item]").inner_text()
    page.keyboard.press("s")
    page.wait_for_selector(READY)
    grade(page, "0")
    saved(page)
    page.wait_for_timeout(300)
    stored = rows(server)
    assert [(row.grade, row.note) for row in stored] == [(4, "3 of these were wrong"), (0, "")]
    assert skipped != first
    with JudgementStore.open(server.store) as store:
        assert [row.grade for row in store.rows(retracted=True)] == [1]


def test_a_page_that_is_open_to_other_machines_takes_grades(server, visit):
    """Browsers give randomUUID to https and to this machine alone."""
    page = visit()
    page.add_init_script("delete Crypto.prototype.randomUUID")
    begin(page, server, "anna")
    assert page.evaluate("typeof crypto.randomUUID") == "undefined"
    for value in "321":
        grade(page, value)
    saved(page)
    assert [row.grade for row in rows(server)] == [3, 2, 1]
    assert all(UUID(row.uuid).version == 4 for row in rows(server))


def test_two_judges_at_once(server, visit, picture):
    anna, ben = visit(1200, 760), visit()
    begin(anna, server, "anna")
    begin(ben, server, "ben")
    for place in range(45):
        grade(anna, str(place % 5))
        if place < 15:
            grade(ben, "2")
    saved(anna)
    saved(ben)
    judges = [row.judge for row in rows(server)]
    assert (judges.count("anna"), judges.count("ben")) == (45, 15)
    anna.wait_for_selector("[data-agreement]:text-matches('others judged too')")
    anna.wait_for_selector("[data-done]:text-matches('^45 of')")
    anna.wait_for_timeout(4500)  # the decision follows
    picture(anna, "inspect-judging")


def test_the_page_opens_on_an_overview_that_fills_itself(server, visit):
    page = visit(1280, 900)
    page.goto(server.address + "/")
    assert page.locator("h1").inner_text() == "films"
    page.wait_for_selector(".lights .light")
    page.wait_for_selector(".of-direction .finding")
    page.click("text=Look at neighbours")
    page.wait_for_selector("[data-column] li")
    page.go_back()
    page.wait_for_selector(".lights .light")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")


def test_reports_are_made_and_lead_to_neighbours(server, visit):
    page = visit(forgiven=["sandboxed"])
    page.goto(server.address + "/reports")
    page.locator("section[aria-label='Comparison, items → items'] button").click()
    page.wait_for_selector("text=Read the report", timeout=4 * 30_000)
    page.locator("section li a").first.click()
    page.wait_for_selector("[data-column] >> nth=1")
    page.go_back()
    page.click("text=Read the report")
    assert page.locator("h1").inner_text() == "Which similarity measure should be used?"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1400])
@pytest.mark.parametrize("where", ["/", ITEMS, "/gauge", "/judge", "/reports"])
def test_everybody_can_use_it(server, visit, where, width, scheme):
    page = visit(width, 844, scheme=scheme)
    if where == "/judge":
        begin(page, server, "anna")
    else:
        page.goto(server.address + where)
        page.wait_for_load_state("networkidle")
    if where == "/":
        page.wait_for_selector(".of-direction")
    found = Axe().run(page).response["violations"]
    grave = [
        (one["id"], one["nodes"][0]["html"])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []
    wide = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0


def test_a_copy_opens_from_a_disk(films, visit, tmp_path):
    command = [str(Path(sys.executable).with_name("anglewise")), "inspect", str(films)]
    command += ["--export", str(tmp_path / "copy"), "--export-queries", "12", "--quiet"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    page = visit(forgiven=["connect-src", "ProgressEvent"])  # axe-core asks for style sheets
    page.goto((tmp_path / "copy" / "index.html").as_uri())
    assert page.locator("[data-list] li").count() == 12
    page.locator("[data-list] a").first.click()
    assert page.locator("[data-column] li").count() == 30
    page.wait_for_selector("[data-moves] path >> nth=3", state="attached")
    first = page.locator("[data-now] a").all_inner_texts()
    page.locator("[data-slider]").focus()
    page.keyboard.press("End")
    page.wait_for_selector("[data-position]:text-is('1.00')")
    assert page.locator("[data-now] a").all_inner_texts() != first
    assert grave(page) == []


def test_it_stops_on_ctrl_c(server):
    assert server.interrupt() == 0


def test_the_page_says_when_the_space_has_changed(server, visit, tmp_path):
    del tmp_path
    page = visit()
    page.goto(server.address + ITEMS)
    text = page.content()
    assert not re.search("has been written anew", text)
    file = server.folder / "space.json"
    content = file.read_text()
    try:
        file.write_text(content + "\n")
        page.wait_for_timeout(1200)
        page.reload()
        page.wait_for_selector("text=has been written anew")
        page.click("text=Read it again")
        page.wait_for_selector("[data-part]")
        assert page.locator(".banner").count() == 0
    finally:
        file.write_text(content)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Passages of many lines, for questions of one."""
    folder = tmp_path_factory.mktemp("spaces") / "library"
    rng = np.random.default_rng(0)
    text = [
        "\n\n".join(f"{n}, {part}. " + "Wings of this kind are thin. " * 12 for part in range(9))
        for n in range(30)
    ]
    items = Embeddings(
        rng.normal(size=(30, 6)),
        [f"d{n}" for n in range(30)],
        {"title": [f"On wings, {n}" for n in range(30)], "text": text},
    )
    asked = {"text": [f"What is known of wing {n}?" for n in range(8)]}
    queries = Embeddings(rng.normal(size=(8, 6)), [f"q{n}" for n in range(8)], asked)
    write_space(Space(queries=queries, items=items), folder)
    return folder


@pytest.mark.parametrize("size", [(1280, 720), (390, 720)])
def test_question_and_grades_stay_in_sight_while_a_long_text_is_read(
    library, visit, tmp_path, size
):
    there = Server(library, tmp_path / "library.sqlite").start()
    try:
        page = visit(*size)
        there.let_in(page.context)
        begin(page, there, "anna")
        page.locator("[data-passage]").evaluate("it => it.scrollTo(0, 0)")
        for key in ("j", "ArrowDown", "Space", "PageDown"):
            before = page.locator("[data-passage]").evaluate("it => it.scrollTop")
            page.keyboard.press(key)
            page.wait_for_function(
                "at => document.querySelector('[data-passage]').scrollTop > at", arg=before
            )
        page.keyboard.press("k")
        for what in ("[data-query-text]", '[data-grade="4"]'):
            box = page.locator(what).bounding_box()
            assert box["y"] + box["height"] <= size[1]
            assert box["y"] >= 0
        assert page.evaluate("scrollY") == 0
        assert page.locator("[data-item]").inner_text().count("On wings") == 1
        first = page.locator("[data-item-text]").inner_text()
        page.keyboard.press("2")
        page.wait_for_function(
            "was => document.querySelector('[data-item-text]').innerText !== was", arg=first
        )
        page.wait_for_selector(READY)
        assert page.locator("[data-passage]").evaluate("it => it.scrollTop") == 0
        assert grave(page) == []
    finally:
        there.kill()
