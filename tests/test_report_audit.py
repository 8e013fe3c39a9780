"""An audit told to people: in forty lines, and on a page that all can read."""

import re
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, audit
from anglewise.data_types.sparse import SparseRows
from anglewise.report.audit_chapters import _share
from rendered import document, printed
from rendered import page as audit_page
from test_report_page import Reader, _luminance

EVIL = 'heat <b>& "wings"</b>'
DRAWN = ["as given", "item-orthonormal", "balanced", "data-space"]


def titled(rows, prefix, rng):
    names = {"title": [f"{prefix} {EVIL} {i}" for i in range(rows)]}
    x = rng.normal(size=(rows, 5)) * [9, 4, 2, 1, 0.5] * rng.uniform(0.2, 3, (rows, 1))
    return Embeddings(x, ids=[f"{prefix}{i}" for i in range(rows)], metadata=names)


def made_space(trained_for="dot", seed=0):
    rng = np.random.default_rng(seed)
    queries, items = titled(50, "q", rng), titled(40, "i", rng)
    seen = np.sort(rng.permutation(50 * 40)[:600])
    used = SparseRows.from_pairs(seen // 40, seen % 40, np.ones(600), shape=(50, 40))
    return Space(queries=queries, items=items, trained_for=trained_for, seen=used)


def alike(space):
    """Items are relevant to each other when their numbers share a remainder."""
    n = len(space.items)
    one, other = np.nonzero((np.arange(n)[:, None] - np.arange(n)) % 8 == 0)
    gains = SparseRows.from_pairs(one, other, np.ones(len(one)), shape=(n, n))
    return Judgements(gains, direction="items-items")


@pytest.fixture(scope="module")
def two_sided():
    space = made_space()
    other = made_space(seed=3)
    return audit(
        space,
        judgements={"items-items": alike(space)},
        runs={"other <run>": other},
        pairs=[("i1", "i2")],
        k=5,
        threads=1,
    )


@pytest.fixture(scope="module")
def plain():
    return audit(made_space(), k=5, threads=1)


@pytest.fixture(scope="module")
def for_cosine():
    return audit(made_space("cosine"), k=5, threads=1)


@pytest.fixture(scope="module")
def one_sided():
    return audit(Space(items=titled(30, "d", np.random.default_rng(1))), k=5, threads=1)


@pytest.fixture(scope="module")
def page_of():
    """Pages, each drawn once."""
    drawn = {}

    def page_of(result):
        if id(result) not in drawn:
            drawn[id(result)] = result, audit_page(result)
        return drawn[id(result)][1]

    return page_of


@pytest.fixture(scope="module")
def page(two_sided, page_of):
    return page_of(two_sided)


@pytest.fixture(params=["two_sided", "plain", "for_cosine", "one_sided"])
def any_audit(request):
    return request.getfixturevalue(request.param)


def shown(result, width=100, **how):
    return printed(result, width, **how)


def test_figures_take_forty_lines_of_a_hundred_columns_beside_the_findings(
    plain, for_cosine, one_sided
):
    """Plain words alone take 25 (test_lights)."""
    for result in (plain, for_cosine, one_sided):
        lines = shown(result, 200).splitlines()
        figures = next(n for n, line in enumerate(lines) if line.startswith("training"))
        findings = next(n for n, line in enumerate(lines) if line.startswith("looked at"))
        assert findings + len(lines) - figures <= 40
        assert max(map(len, lines)) <= 100


def test_what_was_asked_for_is_told_and_fits_the_width(two_sided):
    text = shown(two_sided)
    assert max(map(len, text.splitlines())) <= 100
    assert "other <run>: item vectors differ by" in text
    assert f"i {EVIL} 1 and i {EVIL} 2: cosine" in " ".join(text.split())


def test_pairs_that_nobody_asked_for_stay_on_the_page(plain, page_of):
    assert not plain.pairs
    assert plain.beside_witness
    assert not re.search(r"^pairs", shown(plain), flags=re.MULTILINE)
    assert {"panels", "beside_witness"}.isdisjoint(plain.to_dict())
    assert "<h2>Pairs</h2>" in page_of(plain)


def test_colour_says_nothing_that_characters_do_not_say(any_audit):
    coloured = shown(any_audit, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(any_audit)


def test_the_verdict_and_its_reason_come_first(any_audit, page_of):
    reason = any_audit.verdict.reason.split()
    assert " ".join(reason[:6]) in " ".join(shown(any_audit).split()[:60])
    page = page_of(any_audit)
    assert page.index("Cosine is") < page.index(f'"verdict {any_audit.verdict.cosine}"')
    assert page.index('class="verdict') < page.index("<h2>")


def test_the_page_parses_and_needs_no_other_file(any_audit, page_of):
    text = page_of(any_audit)
    read = Reader(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read.tags}
    assert "http" not in text
    assert "url(" not in re.sub(r"url\(#", "", text)
    links = [value for _, attrs in read.tags for name, value in attrs.items() if "href" in name]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert len(text.encode()) < 1_000_000
    names = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(names) == len(set(names))


def test_the_same_audit_gives_the_same_bytes(two_sided, page):
    assert audit_page(two_sided) == page


def test_every_figure_has_words_a_caption_and_a_table(any_audit, page_of):
    text = page_of(any_audit)
    read = Reader(text)
    figures = text.split("<figure>")[1:]
    assert len(figures) >= 2
    for one in figures:
        label = re.search(r'<svg role="img"[^>]* aria-label="([^"]+)"', one)
        assert re.search(r"\d", label[1])
        assert re.search(r"<figcaption>[^<]+</figcaption>", one)
    assert all("aria-label" in one or one.get("aria-hidden") for one in read.all("svg"))
    for chapter in text.split("<h2>")[1:]:
        assert ("<figure>" not in chapter) or "<table" in chapter


def test_tables_have_captions_and_named_rows_and_columns(page):
    read = Reader(page)
    assert len(read.all("caption")) == len(read.all("table"))
    assert {attrs.get("scope") for attrs in read.all("th")} == {"col", "row"}
    assert len(read.all("h1")) == 1


def test_titles_names_and_runs_are_text_and_never_markup(page):
    assert "heat <b>" not in page
    assert "other <run>" not in page
    assert "heat &lt;b&gt;&amp; &quot;wings&quot;&lt;/b&gt;" in page
    assert "other &lt;run&gt;" in page
    assert "<b>&" not in page


def test_every_sentence_of_the_terminal_stands_on_the_page(plain, page_of):
    shown_there = " ".join("".join(Reader(page_of(plain)).text).split()).lower()
    blocks = [block for group in document(plain).body for block in group]
    findings = [block for block in blocks if hasattr(block, "sections")]
    sections = {title: said for block in findings for title, said in block.sections.items()}
    assert {"training", "lengths", "witness", "hubs", "invariant"} <= set(sections)
    del sections["moved"]  # there it is a list
    for sentences in sections.values():
        for sentence in sentences:
            assert " ".join(sentence.lower().split()) in shown_there, sentence


def test_the_panels_show_the_same_items_under_every_gauge(two_sided, page):
    panels = two_sided.panels
    assert [one.name.removeprefix("cosine@") for one in panels.panels[1:]] == DRAWN[1:]
    assert re.findall(r"<figcaption>([^<]+)<", page)[:4] == DRAWN
    assert panels.chosen == "most used"
    assert len(panels.items) == 40
    for one in panels.panels:
        assert one.cosines.shape == (40, 40)
        np.testing.assert_allclose(np.diag(one.cosines), 1.0)
        np.testing.assert_allclose(one.cosines, one.cosines.T, atol=1e-12)
    assert panels.panels[-1].spearman == 1.0


def test_the_order_of_the_panels_puts_groups_side_by_side():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 60)
    x = np.eye(3)[group] + 0.05 * rng.normal(size=(60, 3))
    named = Embeddings(x, ids=[f"{g}.{i}" for i, g in enumerate(group)])
    panels = audit(Space(items=named, trained_for="cosine"), k=5, threads=1).panels
    inside = [one.id.split(".")[0] for one in panels.items]
    assert sum(a != b for a, b in pairwise(inside)) == 2
    assert panels.chosen == "longest"


def test_scores_along_the_path_are_drawn_where_somebody_judged(page, plain, page_of):
    assert "nDCG@5 of cosine on the judgements" in page
    assert "nDCG@5" not in page_of(plain)


def test_certificates_stand_beside_the_band_of_random_maps(two_sided, page):
    drawn = re.findall(r'aria-label="([^"]*by condition of the map[^"]*)"', page)
    assert len(drawn) == len(two_sided.certificates) == 2
    assert all("random maps keep" in one for one in drawn)
    assert "not what typically happens" in page


def test_the_heat_table_holds_every_overlap_as_a_number(two_sided, page):
    tables = re.findall(r'<table class="heat">.*?</table>', page, flags=re.DOTALL)
    assert len(tables) == len(two_sided.agreement) == 3
    for text, one in zip(tables, two_sided.agreement.values(), strict=True):
        told = [int(n) for n in re.findall(r'style="--share:\d+%">(?:&[lg]t;)?(\d+)</td>', text)]
        due = [round(100 * value) for row in one.overlap.values() for value in row.values()]
        assert np.abs(np.array(told) - due).max() <= 1


def test_lists_before_and_after_mark_what_went_and_came(two_sided, page):
    articles = page.split("<article>")[1:]
    cases = [(m.before, m.after) for one in two_sided.agreement.values() for m in one.moved]
    cases.append((two_sided.witness.before, two_sided.witness.after))
    assert len(articles) == len(cases)
    for article, (before, after) in zip(articles, cases, strict=True):
        old, new = ({one.id for one in many} for many in (before, after))
        assert article.count("- gone") == len(old - new)
        assert article.count("+ new") == len(new - old)


def test_pairs_show_what_every_gauge_and_map_makes_of_them(two_sided, page):
    tables = re.findall(r'<table class="pair">.*?</table>', page, flags=re.DOTALL)
    reports = (*two_sided.pairs, *two_sided.beside_witness)
    assert len(tables) == len(reports)
    for text, one in zip(tables, reports, strict=True):
        assert text.count("<tr>") == 2 + len(one.gauges) + len(one.conditions)
        assert f">{one.cosine:.2f}<" in text
        assert f"[{one.certified[-1].low:.2f}, {one.certified[-1].high:.2f}]" in text


def test_nothing_is_said_of_gauges_where_none_is_free(for_cosine, one_sided, page_of):
    for result in (for_cosine, one_sided):
        page = page_of(result)
        for heading in ("The path of gauges", "The witness", "<h2>Pairs", "Other runs"):
            assert heading not in page
        assert "a choice that training did not make" not in page
        assert "equally good" not in page
        assert re.findall(r"<figcaption>([^<]+)<", page)[:2] == ["as given", "centred"]


def test_without_matplotlib_the_page_says_so_and_keeps_its_numbers(monkeypatch, two_sided, page):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    text = audit_page(two_sided)
    assert "<figure>" not in text
    assert "anglewise[plot]" in text
    assert text.count("<table") == page.count("<table")


def test_a_space_of_unknown_use_draws_no_scatter(plain, page_of):
    bare = replace(plain, geometry=replace(plain.geometry, points=None))
    assert "Scatter" not in audit_page(bare)
    assert "Scatter" in page_of(plain)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(page, mode):
    """Contrast of at least 4.5, as the Web Content Accessibility Guidelines ask of text (AA)."""
    blocks = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)
    colours = {
        name: colour
        for block in (blocks[mode], blocks[2 + mode])
        for name, colour in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)
    }
    for ink, ground in (("arbitrary", "card"), ("arbitrary", "page"), ("ink", "heat")):
        low, high = sorted(_luminance(colours[name]) for name in (ink, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


def test_no_share_on_the_page_is_rounded_to_certainty():
    assert [_share(share).text for share in (0.997, 1.0, 0.004, 0.0)] == [">99", "100", "<1", "0"]
