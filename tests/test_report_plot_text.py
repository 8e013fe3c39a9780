"""Text of people in pictures is text, and no formula."""

import numpy as np
import pytest

from anglewise.comparison.power import Planned, Power
from anglewise.report.document import DrawnPicture
from anglewise.report.html_page import svg
from anglewise.report.pictures import (
    Bar,
    ComparisonDisplay,
    draw_lengths,
    literal,
    power_picture,
)

EVIL = ["$x^$", r"\$x^$", "$", "$$", "a $5 b $6", r"$\frac{$", "$x^2$"]


@pytest.mark.parametrize("name", EVIL)
def test_names_with_dollars_are_drawn_as_they_are(name):
    bars = [Bar(name, 0.5, 0.4, 0.6, may_be_best=True)] * 2
    display = ComparisonDisplay(name, bars, bars, 0.01)
    for kind in ("means", "differences"):
        display.plot(kind=kind)
        drawn = svg(DrawnPicture(kind, lambda _: display.figure_, "a picture", ""))
        assert drawn.count(f">{name}</text>") == 2
        assert f">{name}, " in drawn


@pytest.mark.parametrize("name", EVIL)
def test_what_lengths_go_with_is_drawn_as_it_is(name):
    lengths = np.arange(1.0, 5)
    picture = DrawnPicture("lengths", lambda ink: draw_lengths(lengths, lengths, name, ink), "", "")
    assert f">{name}</text>" in svg(picture)


@pytest.mark.parametrize("name", EVIL)
def test_a_plan_for_names_with_dollars_is_drawn(name):
    curve = tuple(Planned(n, 1 / n, None) for n in (10, 100))
    plan = Power(name, 50, name, name, curve, 0.01, 100)
    assert power_picture(plan, ".svg").startswith(b"<?xml")


def test_text_for_a_picture_escapes_every_dollar():
    assert literal("a$b$") == r"a\$b\$"
