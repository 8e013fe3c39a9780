"""What an audit says of trainings like the one that was audited."""

from collections.abc import Iterator

from anglewise.auditing.audit_result import Audit
from anglewise.auditing.reachable import EXPLAINED, Reachable, Recipe
from anglewise.data_types.text import percent
from anglewise.equivalent_factorisations.gap import GaugeGap
from anglewise.report.words import ratio


def reached_sentences(audit: Audit) -> Iterator[str]:
    """How much of the lists such trainings keep, what their start explains, what decay ends in."""
    found = audit.reachable
    if found is None:
        return
    recipe = found.recipe
    if found.low is not None:
        source = "" if recipe.told_by == "you" else f", as {recipe.told_by} tells"
        yield (
            f"{found}{source} (a band for {percent(found.level)} of trainings; predictions held: "
            "what other trainings change of these comes on top)"
        )
    elif found.law is not None:
        yield (
            "trainings like this one are not simulated: some directions carry so little that other "
            "ends would lie beyond the digits of float32"
        )
    elif not found.trainings and (recipe.optimiser is not None or audit.runs):
        yield (
            "no gauges to compare: some directions of one side carry no prediction, here or in the "
            "other trainings"
        )
    yield from _start(found)
    if recipe.weight_decay is not None and audit.gap is not None:
        yield _decay(recipe, recipe.weight_decay, audit.gap)
    if found.trainings:
        listed = ", ".join(f"{name} {percent(share)}" for name, share in found.trainings.items())
        yield f"the gauges in which the other trainings ended keep, of these lists: {listed}"


def _start(found: Reachable) -> Iterator[str]:
    start = found.start
    if start is None:
        return
    text = (
        f"P'P - Q'Q has a spread of {start.spread:.3g} about a mean of {start.mean:.3g}; at the "
        f"start it was {start.expected_spread:.3g} about {start.expected_mean:.3g}, and gradient "
        "flow keeps it"
    )
    share = start.share
    kept = share is not None and EXPLAINED[0] <= share <= EXPLAINED[1]
    if found.recipe.optimiser == "gd" and not kept:
        text += ": not what happened here, so that the band goes by what was measured"
    yield text


def _decay(recipe: Recipe, weights: tuple[float, float], gap: GaugeGap) -> str:
    said = f"weight decay of {weights[0]:g} and {weights[1]:g}"
    if not recipe.decays:
        return f"{said}: without any on one side nothing pulls to the balanced gauge"
    return (
        f"{said}, if uniform, ends at gauge gap 1 and |P|^2/|Q|^2 = {weights[1] / weights[0]:.3g}; "
        f"measured: {ratio(gap.gap)} and {gap.scale:.3g}"
    )
