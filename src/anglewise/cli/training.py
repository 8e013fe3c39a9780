"""The options of ``anglewise fit`` for the objectives that are trained by gradient steps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from anglewise.cli.numbers import A_COUNT, number
from anglewise.cli.paths import KEPT
from anglewise.core.numbers import KEPT_ASIDE, POSITIVE, WEIGHT

if TYPE_CHECKING:
    from anglewise.models.training import Trainer
    from anglewise.models.training_state import Epoch

_TRAINING = Group("Training for cosine, dot or euclidean", sort_key=20)


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True)
class Trained:
    """How items are trained; what is not given is as in ``anglewise.models.training_state``."""

    temperature: Annotated[float | None, number(POSITIVE)] = None
    """Scores are divided by it: 0.1 for cosine and 1 for the others if not given."""
    learn_temperature: Annotated[bool | None, Parameter(negative=())] = None
    """Learn the temperature too, from there."""
    epochs: Annotated[int | None, A_COUNT] = None
    """How often every training user is visited, at most: 50 if not given."""
    batch: Annotated[int | None, A_COUNT] = None
    """Users of one step: 16 to 256, by how many there are, if not given; halved if memory ends."""
    learning_rate: Annotated[float | None, number(POSITIVE)] = None
    """Of Adam: 0.01 if not given."""
    negatives: Annotated[int | None, A_COUNT] = None
    """Items drawn in a step to stand for all: 5000 if not given; all, where there are no more."""
    popularity: Annotated[float | None, number(WEIGHT)] = None
    """They are drawn by their popularity to this power: 0, 0.75 (if not given) or 1, say."""
    log_q: bool | None = None
    """Correct for the draws (if not given), so that popular items are not pushed down more."""
    validation: Annotated[float | None, number(KEPT_ASIDE)] = None
    """Share of the training users kept aside to see when to stop: 0.1 if not given."""
    patience: Annotated[int | None, A_COUNT] = None
    """Stop after so many epochs without a better nDCG@10 for them: 5 if not given."""
    device: Literal["cpu", "cuda", "auto"] | None = None
    """Where: cpu if not given, which repeats to the byte; auto takes a GPU where there is one."""
    checkpoint: Annotated[Path | None, KEPT] = None
    """A file written after each epoch; where it is there, the training goes on from it."""

    def given(self) -> dict[str, Any]:
        """The options that were given."""
        there = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in there if value is not None}

    def check(self, objective: str) -> None:
        """Refuse options that an objective does not have; ``SpellingError``."""
        from anglewise.models.fit import refuse
        from anglewise.models.training_steps import MEASURED

        if objective not in MEASURED:
            refuse(
                objective, **{name.replace("_", " "): value for name, value in self.given().items()}
            )

    def trainer(
        self,
        objective: str,
        tell: Callable[[int, int, str], None] | None,
        say: Callable[[str], None],
    ) -> "Trainer | None":
        """What trains, for an objective that is trained; None for the others."""
        from anglewise.models.training import Trainer
        from anglewise.models.training_state import Settings
        from anglewise.models.training_steps import MEASURED

        if objective not in MEASURED:
            return None
        told = self.given()
        checkpoint = told.pop("checkpoint", None)
        return Trainer(Settings(objective, **told), checkpoint, _report(tell), say)


AS_USUAL = Trained()


def trained_as(model: Any) -> dict[str, Any] | None:
    """The epochs and the settings of a trained model, for machines; None for other models."""
    history: tuple[Epoch, ...] | None = getattr(model, "history", None)
    if history is None:
        return None
    return {**model.about, "history": [asdict(epoch) for epoch in history]}


def _report(
    tell: Callable[[int, int, str], None] | None,
) -> "Callable[[Epoch, int], None] | None":
    if tell is None:
        return None

    def report(epoch: "Epoch", most: int) -> None:
        ndcg = "" if epoch.ndcg is None else f", nDCG@10 {epoch.ndcg:.3f} (users kept aside)"
        tell(epoch.number, most, f"epoch {epoch.number}: loss {epoch.loss:.3f}{ndcg}")

    return report
