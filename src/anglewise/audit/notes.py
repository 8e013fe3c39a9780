"""What a person must know before the numbers of an audit."""

from collections.abc import Iterator

from anglewise.audit.geometry import Geometry
from anglewise.audit.subject import Subject
from anglewise.gauges.gap import GaugeGap

ILL = 1e7
"""The ratio of directions beyond which float32 holds no digits of the faintest."""


def notes(about: Subject, gap: GaugeGap | None, geometry: Geometry) -> tuple[str, ...]:
    """Sentences, most important first."""
    return (*_faint(gap, geometry), *_biases(about), *_zeros(about), *_sampled(about))


def _faint(gap: GaugeGap | None, geometry: Geometry) -> Iterator[str]:
    for name, side in geometry.sides.items():
        ratio = side.conditioning.condition_of_span
        if ratio is not None and ratio > ILL:
            yield (
                f"{name} are ill-conditioned ({ratio:.0e}): the audit is in float64, but float32 "
                "had already lost the faintest directions when the vectors were stored"
            )
    if gap is not None and gap.unseen:
        yield (
            f"{gap.unseen} direction{'s' * (gap.unseen > 1)} of the items carry no prediction: "
            "cosine between items counts them, no query does"
        )
    if gap is not None and gap.below_float32:
        yield (
            f"{gap.below_float32} of the directions of the predictions are fainter than float32 "
            "rounding of the vectors"
        )


def _biases(about: Subject) -> Iterator[str]:
    if about.biases:
        listed = ", ".join(map(str, about.biases))
        one = len(about.biases) == 1
        yield (
            f"column{'' if one else 's'} {listed} hold{'s' * one} biases: no gauge mixes them, but "
            "cosine counts them as directions; cosine@without-biases leaves them out"
        )


def _zeros(about: Subject) -> Iterator[str]:
    sides = {"items": about.space.items}
    if not about.space.one_sided:
        sides["queries"] = about.space.queries
    for name, side in sides.items():
        if len(side.zero_rows):
            yield (
                f"{len(side.zero_rows):,} of {len(side):,} {name} are zero vectors: cosine scores "
                "them 0, and they do not ask here"
            )


def _sampled(about: Subject) -> Iterator[str]:
    ways = [way for way in about.directions if len(about.space.sides(way)[0]) > about.sample]
    if ways:
        yield f"a sample of {about.sample:,} asks in {', '.join(ways)}"
