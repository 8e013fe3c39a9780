"""What an audit says of the dimensions that judgements take."""

from collections.abc import Iterator

from anglewise.auditing.dimension_meter import DimensionMeter
from anglewise.data_types.text import counted, listed
from anglewise.report.words import number

NAMED = 2
"""Items of a proof that are named."""


def dimension_sentences(meter: DimensionMeter) -> Iterator[str]:
    """What is proven too few, what was found enough, and what of the dimension of the space."""
    sets = counted(meter.sets, "different set")
    yield (
        f"{sets} of relevant items ({meter.direction}), each to stand before all else: "
        f"{'; '.join([_too_few(meter), _enough(meter)])}"
    )
    yield (
        f"{counted(meter.dimension, 'dimension')}, as here: {_own(meter)}. Whether a model makes "
        "such vectors is another question"
    )


def _too_few(meter: DimensionMeter) -> str:
    if not meter.impossible:
        return "no number of dimensions is proven too few"
    few = f"{counted(meter.impossible, 'dimension')} cannot (proven: "
    if meter.proof == "spectral":
        return f"{few}a sign rank of at least {number(meter.sign_rank or 0, 1)})"
    names = listed([str(row) for row in meter.part[:NAMED]])
    return (
        f"{few}the queries part {counted(meter.part_size, 'item')} such as {names} in "
        f"{meter.ways:,} ways, of which so few dimensions allow {meter.allowed:,})"
    )


def _enough(meter: DimensionMeter) -> str:
    sample = (
        f" for a sample of {meter.found_queries:,} of these sets" if meter.is_of_a_sample else ""
    )
    if meter.found is None:
        return f"no vectors were found that can{sample}"
    other = ", with vectors for those who ask beside the items' own" if meter.one_sided else ""
    return (
        f"{meter.found:,} can{sample}{other} (found: such vectors, their cosines "
        f"{meter.margin:.1g} apart at least)"
    )


def _own(meter: DimensionMeter) -> str:
    if meter.own == "found":
        return "enough"
    if meter.own == "impossible":
        return (
            "too few for one vector an item, by dot or cosine; several vectors an item (maxsim) "
            "and words (bm25) are not bound by this"
        )
    return "not known"
