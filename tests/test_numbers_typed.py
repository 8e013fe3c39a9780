"""Numbers in spellings: read by one grammar, refused where they are none or out of range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anglewise import AnglewiseError, Embeddings, gauge, measure
from anglewise.cli.remedy import seconds_of
from anglewise.comparison.gates import gate
from anglewise.comparison.split import query_split
from anglewise.comparison.variants import variant
from anglewise.data_types.numbers import read_number, read_whole, written
from anglewise.data_types.text import parted
from anglewise.encoders.encoder import read_spec
from anglewise.errors import SpellingError
from anglewise.evaluation_metrics.evaluate import metric, read_metrics
from anglewise.labelling.sample import order_by_stratum
from anglewise.recommender_models.normalisation import normalisation
from anglewise.similarity_measures.formulas import Norm
from anglewise.similarity_measures.measure import measures, measures_and_families
from cli_run import anglewise, refused
from processor_time import at_most

__all__ = ["anglewise"]
NO_NUMBERS = [
    "nan", "inf", "-inf", "1e308", "1e-320", "1e999", "1e-999", "-0", "-0.0", "0x10", "1_0", "+1",
    "\uff11\uff10", "٣", "1 0", "", " ", "one", "1,", "--1", "1e", ".", "1.2.3", "9" * 5000,
    "1/2", "1j",
]  # fmt: skip
NOT_WHOLE = ["1.5", "10.0", "1e1", "010", "1.", "-1", "0"]
FORMS = {
    "measure": lambda one: measure(f"norm(0,{one})"),
    "first of two": lambda one: measure(f"norm({one},0)"),
    "family": lambda one: measures_and_families(f"norm({one},*)"),
    "frame": lambda one: measure(f"cosine@whitened({one})"),
    "gauge": lambda one: gauge(f"power({one})"),
    "condition": lambda one: gauge(f"random({one},1)"),
    "normalisation": lambda one: normalisation(f"bm25({one},0.5)"),
    "propensity": lambda one: normalisation(f"propensity({one},0.5)"),
    "exponents": lambda one: normalisation(f"exponents({one},0.5)"),
}
WHOLE_FORMS = {
    "csls": lambda one: measure(f"csls({one})"),
    "local scaling": lambda one: measure(f"local-scaling({one})"),
    "without-top": lambda one: measure(f"cosine@without-top({one})"),
    "adapted": lambda one: measures_and_families([f"cosine@adapted({one})"]),
    "metric": lambda one: metric(f"nDCG@{one}"),
    "option of an encoder": lambda one: read_spec(f"use?batch={one}").number("batch"),
}


@pytest.mark.parametrize("form", {**FORMS, **WHOLE_FORMS})
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: repr(text[:8]))
def test_what_is_no_number_is_refused(form, text):
    with pytest.raises(SpellingError) as said:
        {**FORMS, **WHOLE_FORMS}[form](text)
    assert len(str(said.value)) < 500


@pytest.mark.parametrize("form", WHOLE_FORMS)
@pytest.mark.parametrize("text", NOT_WHOLE)
def test_where_a_whole_number_is_meant_no_other_is_taken(form, text):
    with pytest.raises(SpellingError):
        WHOLE_FORMS[form](text)


def test_a_seed_of_a_gauge_is_whole():
    assert str(gauge("random(30,0)")) == "random(30,0)"
    for text in ("1.5", "1.0", "-1", "1e1", "nan"):
        with pytest.raises(SpellingError):
            gauge(f"random(30,{text})")


@pytest.mark.parametrize(
    "spelling",
    [
        "cosine(", "cosine)", "cosine()", "cosine(1", "(cosine)", "norm((0),1)", "norm(0,1))",
        "norm(0,1)x", "norm(0 1)", "co sine", "cosine@", "@centred", "cosine@@centred", "",
        "cosine@centred(", "norm(0,)", "norm(,0)", "norm(,)", "norm[0,1]", "\uff43osine",
        "\0cosine",
        "csls(1 0)", "norm(0,1,2)", "cosine(1)", "\ud800", "Kosine" * 2000,
    ],
    ids=lambda text: repr(text[:14]),
)  # fmt: skip
def test_what_is_not_spelled_whole_is_refused(spelling):
    for read in (measure, measures):
        with pytest.raises(SpellingError) as said:
            read(spelling)
        assert len(str(said.value)) < 500


@pytest.mark.parametrize("text", ["", " ", ",", "dot,", ",dot", "dot,,cosine", "dot, ,cosine"])
def test_a_list_of_words_has_no_gaps(text):
    for read in (measures, measures_and_families, read_metrics):
        with pytest.raises(SpellingError):
            read(text)


@pytest.mark.parametrize("text", ["cosine>=nan", "cosine>=0.5.5", "cosine>=1_0", "cosine>=-0"])
def test_a_gate_reads_plain_numbers(text):
    with pytest.raises(SpellingError):
        gate(text)


def test_a_gate_takes_time_by_the_number_of_its_digits():
    with at_most(1), pytest.raises(SpellingError):  # four, were each pair of digits looked at
        gate("dot>=" + "1" * 40_000 + "x")


@pytest.mark.parametrize("text", ["٣", "1e1", "1_0", "", "0", "-1", "1.5", "9" * 5000])
def test_clusters_are_counted_in_whole_numbers(text):
    with pytest.raises(SpellingError):
        query_split(f"clusters({text})", Embeddings(np.eye(4)), np.arange(4))
    with pytest.raises(SpellingError):
        order_by_stratum(
            Embeddings(np.eye(4)), np.arange(4), [f"clusters({text})"], np.random.default_rng(0)
        )


@pytest.mark.parametrize("text", [":٣", ":1_0", ":1e1", ":-1", ":" + "9" * 5000])
def test_a_cut_is_a_whole_number_of_columns(text):
    with pytest.raises(SpellingError):
        variant(text)


@pytest.mark.parametrize("text", ["inf", "nan", "1e9h", "٣s", "-1s", "1_0m", "9" * 5000, "", "s"])
def test_a_time_is_a_plain_number_and_a_unit(text):
    with pytest.raises(SpellingError):
        seconds_of(text)


@pytest.mark.parametrize(
    "exponent",
    [float("nan"), float("inf"), 1e308, True, 9, -(10**5000)],
    ids=["nan", "inf", "1e308", "True", "9", "huge"],
)
def test_what_is_built_by_hand_is_held_to_the_same(exponent):
    with pytest.raises(AnglewiseError):
        Norm(exponent, 0)


@given(st.floats(-8, 8).filter(lambda value: value == 0 or abs(value) > 1e-99))
def test_every_exponent_is_written_so_that_it_reads_back(value):
    value = value or 0.0
    assert measure(str(Norm(value, 0.5))).formula.query == value
    assert read_number(written(value)) == value


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_whole_numbers_read_back(value):
    assert read_whole(str(value)) == value


@given(st.text())
def test_any_text_is_a_number_or_none(text):
    for read in (read_number, read_whole):
        value = read(text)
        assert value is None or abs(value) <= 1e100


@given(st.text(max_size=30))
def test_any_text_is_a_measure_or_refused(text):
    for spelling in (text, f"norm({text},1)", f"cosine@{text}", f"cosine{text}"):
        try:
            one = measure(spelling)
        except SpellingError:
            continue
        assert measure(str(one)) == one


def test_a_long_list_of_words_is_read_in_time_by_its_length():
    text = "a" * 1_000_000 + ",b" * 100_000
    with at_most(5):
        assert len(parted(text)) == 100_001


def test_a_gauge_of_a_fit_is_no_power_that_overflows(tmp_path, anglewise):
    file = tmp_path / "who.csv"
    file.write_text("user,item\na,x\na,y\nb,x\nb,z\n")
    fit = ("fit", file, "-o", tmp_path / "space", "--components", 2, "--holdout", 0)
    assert refused(anglewise(*fit, "--gauge", "power(1e9)"), "power")


def test_a_time_before_all_years_is_refused(anglewise, tmp_path):
    words = ("compare", "space", "--history", tmp_path / "h.parquet")
    assert refused(anglewise(*words, "--at", "0001-01-01T00:00:00+23:59"), "is no time")
