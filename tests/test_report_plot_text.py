"""Text of people in pictures is text, and no formula."""

import numpy as np
import pytest

from anglewise.comparison.next_judgements import Planned, Power
from anglewise.report.audit_figures import draw_lengths
from anglewise.report.document import inline, svg
from anglewise.report.plots import Bar, ComparisonDisplay, Palette, literal, power_picture

EVIL = ["$x^$", r"\$x^$", "$", "$$", "a $5 b $6", r"$\frac{$", "$x^2$"]


@pytest.mark.parametrize("name", EVIL)
def test_names_with_dollars_are_drawn_as_they_are(name):
    bars = [Bar(name, 0.5, 0.4, 0.6, may_be_best=True)] * 2
    display = ComparisonDisplay(name, bars, bars, 0.01)
    for kind in ("means", "differences"):
        drawn = svg(display, kind, "a picture")
        assert drawn.count(f">{name}</text>") == 2
        assert f">{name}, " in drawn


@pytest.mark.parametrize("name", EVIL)
def test_what_lengths_go_with_is_drawn_as_it_is(name):
    drawn = draw_lengths(np.arange(1.0, 5), np.arange(1.0, 5), name, Palette())
    assert f">{name}</text>" in inline(drawn, "lengths", "a picture")


@pytest.mark.parametrize("name", EVIL)
def test_a_plan_for_names_with_dollars_is_drawn(name):
    curve = tuple(Planned(n, 1 / n, None) for n in (10, 100))
    plan = Power(name, 50, name, name, curve, 0.01, 100)
    assert power_picture(plan, ".svg").startswith(b"<?xml")


def test_text_for_a_picture_escapes_every_dollar():
    assert literal("a$b$") == r"a\$b\$"
