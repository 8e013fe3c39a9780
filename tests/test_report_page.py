"""The page: one file that needs nothing, that all can read, and that is the same every time."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import Neighbours
from anglewise.errors import MissingExtraError, TooFewError
from anglewise.evaluation_metrics.breadth import disagreement
from anglewise.report.pictures import ComparisonDisplay
from made_comparison import TITLE, made
from rendered import page

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Checks that tags close in order; keeps the tags and the visible text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def whole():
    return page(made(queries=40))


def test_the_same_comparison_gives_the_same_bytes(whole):
    assert page(made(queries=40)) == whole


def test_the_page_needs_no_network_and_no_script(whole):
    read = Reader(whole)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read.tags}
    assert "http" not in whole
    assert "url(" not in re.sub(r"url\(#", "", whole)


def test_twenty_measures_on_many_queries_stay_under_a_megabyte():
    assert len(page(made(measures=20, queries=60, items=2000)).encode()) < 1_000_000


def test_titles_are_text_and_never_markup(whole):
    assert "<b>&" not in whole
    assert "&lt;i&gt;question" in whole
    assert page(made(queries=40, k=40)).count("&lt;b&gt;&amp; heat") > 0
    assert "<i>question" not in whole
    assert len(TITLE) < 70


def test_every_table_has_a_caption_and_named_rows_and_columns(whole):
    read = Reader(whole)
    assert len(read.all("caption")) == len(read.all("table")) == 21
    assert {attrs.get("scope") for attrs in read.all("th")} == {"col", "row"}
    assert len(read.all("h1")) == 1


def test_charts_are_small_have_words_and_unique_names(whole):
    read = Reader(whole)
    drawn = re.findall(r"<svg.*?</svg>", whole, flags=re.DOTALL)
    assert len(drawn) == 2
    assert max(len(one.encode()) for one in drawn) < 100_000
    assert all(attrs["role"] == "img" for attrs in read.all("svg"))
    assert "cosine 0.299 [0.269, 0.329]" in read.all("svg")[0]["aria-label"]
    names = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(names) == len(set(names))


def test_a_chart_uses_the_colours_of_the_page_alone(whole):
    for one in re.findall(r"<svg.*?</svg>", whole, flags=re.DOTALL):
        assert not re.search(r"#[0-9a-f]{6}\b(?!\")", re.sub(r'"#[^"]*"', "", one))


def test_without_matplotlib_the_page_says_so_and_keeps_its_numbers(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    text = page(made())
    assert "<svg" not in text
    assert "anglewise[plot]" in text
    assert "0.299" in text
    with pytest.raises(MissingExtraError, match="plot"):
        ComparisonDisplay.from_result(made()).plot()


def test_verdict_and_notes_come_before_the_numbers(whole):
    places = [whole.index(part) for part in ("Use cosine:</strong>", "zero vectors", "<table")]
    assert places == sorted(places)


def test_the_twenty_most_disputed_queries_are_shown_most_disputed_first():
    result = made(queries=40)
    read = re.findall(r"<h3>what is &lt;i&gt;question (\d+)&lt;", page(result))
    apart = disagreement(list(result.evidence.found.values()), 10)
    assert len(read) == 20
    shown = [apart[int(query)] for query in read]
    assert shown == sorted(apart, reverse=True)[:20]


def test_relevant_neighbours_are_marked_and_missed_ones_named():
    result = made(queries=40)
    articles = page(result).split("<article>")[1:]
    gains = result.evidence.judgements.gains
    for article in articles:
        query = int(re.search(r"question (\d+)", article)[1])
        row = gains.take(np.array([query]))
        relevant = {int(i) for i in row.indices[row.values > 0]}
        lists = [found.indices[query] for found in result.evidence.found.values()]
        assert article.count("class=r") == sum(len(relevant & set(one)) for one in lists)
        missed = relevant - {int(i) for one in lists for i in one}
        told = re.search(r"in no list: (.*?)(?: and (\d+) more)?</small>", article)
        times = [re.search(r"\((\d+) times\)$", name) for name in told[1].split("; ")]
        named = sum(int(one[1]) if one else 1 for one in times)
        assert named + int(told[2] or 0) == len(missed)


def test_items_that_were_judged_for_everybody_are_marked_as_not_relevant():
    result = made(measures=2, queries=5, items=40)
    judgements = replace(result.evidence.judgements, judged_items=np.arange(40) < 20)
    told = page(replace(result, evidence=replace(result.evidence, judgements=judgements)))
    assert told.count("✗</i>") > page(result).count("✗</i>")


def test_the_metric_of_each_list_is_that_of_its_measure():
    result = made(measures=3, queries=5)
    values = result.evidence.values["nDCG@10"]
    for article in page(result).split("<article>")[1:]:
        query = int(re.search(r"question (\d+)", article)[1])
        read = re.findall(r"nDCG@10 ([\d.]+)</small>", article)
        assert read == [f"{values[m, query]:.3f}" for m in range(3)]


def test_measures_that_agree_are_said_to_agree_as_far_as_was_looked():
    told = page(made(measures=2, queries=1))
    assert "The 2 measures that are shown have the same 10 neighbours, perhaps in another" in told
    assert "for all that was judged (1 query)." in told


def test_without_evidence_the_page_ends_with_the_table():
    assert "<article>" not in page(made(evidence=False))


def test_only_the_best_eight_lists_stand_side_by_side():
    text = page(made(measures=12, queries=5))
    assert "the best 8 of 12" in text
    assert text.split("<article>")[1].count('scope="col"') == 9


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(whole, mode):
    """Contrast of at least 4.5, as the Web Content Accessibility Guidelines ask of text (AA)."""
    blocks = re.findall(r":root \{(.*?)\}", whole, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[mode]))
    for ink in ("ink", "quiet", "accent", "use", "tie", "cannot-tell"):
        for ground in ("page", "card", "good"):
            low, high = sorted(_luminance(colours[name]) for name in (ink, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


lists = st.lists(st.permutations(range(6)), min_size=2, max_size=4)


@given(lists, st.integers(1, 4), st.integers(0, 2))
def test_disagreement_is_the_mean_share_that_two_lists_do_not_have_in_common(orders, k, empty):
    found = [np.array([order[:4]]) for order in orders]
    for one in found:
        one[0, 4 - empty :] = -1
    sets = [{int(i) for i in one[0, :k] if i >= 0} for one in found]
    pairs = [1 - len(a & b) / k for i, a in enumerate(sets) for b in sets[:i]]
    neighbours = [
        Neighbours("dot", one, np.zeros((1, 4), np.float32), np.zeros(1, np.int64)) for one in found
    ]
    assert disagreement(neighbours, k)[0] == pytest.approx(np.mean(pairs))


def test_one_measure_cannot_disagree():
    with pytest.raises(TooFewError, match="two or more"):
        disagreement([], 10)


def test_a_page_holds_no_character_that_html_forbids():
    from anglewise.report.document import Document
    from anglewise.report.html_page import page as page_of

    text = page_of(Document([], question="a\0b", headline="c\0d"))
    assert "\0" not in text
    assert "a\N{REPLACEMENT CHARACTER}b" in text
