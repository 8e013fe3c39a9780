"""Reports in characters: the terminal, Markdown, JSON."""

import json
import re
from dataclasses import replace

import pytest

from anglewise.comparison.comparison_result import Estimate, MeasureResult
from anglewise.report.plain_text import as_json
from made_comparison import made
from rendered import markdown
from rendered import printed as shown


def rows(text):
    return [line for line in text.splitlines() if re.match(r"[a-z]  \S", line)]


def test_measures_stand_best_first_with_letters_for_superscripts():
    first = rows(shown(made()))[:6]
    assert [line.split()[:2] for line in first[:2]] == [["a", "cosine"], ["b", "euclidean"]]
    assert "0.299ᶜ⁻ᶠ" in first[0]
    assert "0.263ᶠ" in first[3]


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("measures", [1, 6, 40])
def test_no_line_is_longer_than_the_terminal_or_100(width, measures):
    result = made(measures, baseline="dot" if measures > 4 else None)
    assert max(map(len, shown(result, width).splitlines())) <= min(width, 100)


def test_colour_adds_nothing_that_characters_do_not_say():
    coloured = shown(made(), force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(made())


def test_notes_and_the_verdict_come_before_any_number():
    text = shown(made(decision="tie"))
    places = [text.index(part) for part in ("zero vectors", "Tie, keep cosine", "0.299")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("decision", "words"),
    [("use", "Use cosine"), ("tie", "Tie, keep cosine"), ("cannot-tell", "Cannot tell")],
)
def test_the_decision_is_said_in_words(decision, words):
    assert words in shown(made(decision=decision))
    assert f"**{words}**: " in markdown(made(decision=decision))


def test_intervals_are_drawn_on_one_axis():
    drawn = [line for line in rows(shown(made())) if "●" in line]
    points = [line.index("●") for line in drawn]
    assert points == sorted(points, reverse=True)
    assert points[0] - points[1] == pytest.approx(points[1] - points[2], abs=1)
    assert all(line.index("├") < line.index("●") < line.index("┤") for line in drawn)


def test_a_terminal_of_ascii_is_drawn_in_ascii():
    table = rows(shown(made(), encoding="latin-1"))
    assert all(line.isascii() for line in table)
    assert "0.299^c-f" in table[0]
    assert re.search(r"\|-+o-+\|", table[0])


def test_a_mean_that_is_no_number_is_a_hyphen_without_an_interval():
    nothing = float("nan")
    row = MeasureResult(
        "dot", {"nDCG@10": Estimate(nothing, nothing, nothing)}, None, nothing, may_be_best=True
    )
    line = rows(shown(made(1, evidence=False, rows=(row,))))[0]
    assert "●" not in line
    assert re.match(r"a  dot +- ", line)


def test_further_metrics_have_their_own_table_and_the_baseline_its_columns():
    text = shown(made(baseline="dot"))
    assert "R@100" in text
    assert "vs dot" in text
    assert "vs dot" not in shown(made())


def test_pairs_have_no_direction():
    text = shown(made(direction=None, k=None, metric="nDCG@10", evidence=False))
    assert text.startswith("nDCG@10 · 240 judgements · seed 0")


def test_markdown_rows_have_as_many_cells_as_the_heading():
    written = markdown(made(baseline="dot"))
    table = [line for line in written.splitlines() if line[:1] == "|"]
    assert len(table) == 2 + 6
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_markdown_of_a_reason_is_not_markup():
    verdict = replace(made().verdict, reason="a|b *c* <script>")
    assert r"a\|b \*c\* &lt;script>" in markdown(made(verdict=verdict))


def test_json_is_valid_where_numbers_are_not_finite():
    text = as_json({"a": [float("nan"), 1.5], "b": {"c": float("inf")}, "d": ("x", None)})
    assert json.loads(text) == {"a": [None, 1.5], "b": {"c": None}, "d": ["x", None]}
