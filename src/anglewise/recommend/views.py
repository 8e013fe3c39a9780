"""The space as a measure may see it, and where new users stand in it; each made once."""

from dataclasses import dataclass
from functools import cached_property

from anglewise.core.embeddings import Space
from anglewise.core.typing import Direction
from anglewise.gauges.gauge import without_biases
from anglewise.measures.formulas import Measure
from anglewise.recommend.fold_in import FoldIn, learn_fold_in
from anglewise.recommend.knob import reads_biases


@dataclass(frozen=True, eq=False)
class View:
    """A space, and the map that folds users in, learnt when it is first asked for."""

    space: Space

    @cached_property
    def fold_in(self) -> FoldIn:
        """The map from what was used to a vector of this space."""
        return learn_fold_in(self.space)


@dataclass(frozen=True, eq=False)
class Views:
    """A space with its bias columns and without."""

    space: Space

    def through(self, measure: Measure, direction: Direction) -> View:
        """With bias columns where they belong to the score, else without."""
        return self.whole if reads_biases(measure, direction) else self._unbiased

    @cached_property
    def whole(self) -> View:
        """The space as it came."""
        return View(self.space)

    @cached_property
    def _unbiased(self) -> View:
        without = without_biases(self.space)
        return self.whole if without is self.space else View(without)
