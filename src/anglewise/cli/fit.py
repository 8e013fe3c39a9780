"""``anglewise fit``: from interactions to a folder that ``compare`` can judge."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Group, Parameter

from anglewise.cli.options import (
    A_COUNT,
    NOTHING_SPECIAL,
    TABLE,
    USUAL_COLUMNS,
    Always,
    InteractionOptions,
    number,
)
from anglewise.cli.path_checks import check_outputs
from anglewise.cli.paths import FOLDER, KEPT, READ
from anglewise.data_types.numbers import KEPT_ASIDE, NOT_NEGATIVE, POSITIVE, WEIGHT, shown

if TYPE_CHECKING:
    from anglewise.data_types.sparse import Interactions
    from anglewise.recommender_models.training import Trainer
    from anglewise.recommender_models.training_state import Epoch
    from anglewise.report.document import Document

_TRAINING = Group("Training for cosine, dot or euclidean", sort_key=20)


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True)
class TrainingOptions:
    """How items are trained; what is not given is as in ``recommender_models.training_state``."""

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
        options = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in options if value is not None}

    def check(self, objective: str) -> None:
        """Refuse options that an objective does not have; ``SpellingError``."""
        from anglewise.recommender_models.fit import refuse
        from anglewise.recommender_models.training_steps import MEASURED

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
        from anglewise.recommender_models.training import Trainer
        from anglewise.recommender_models.training_state import Settings
        from anglewise.recommender_models.training_steps import MEASURED

        if objective not in MEASURED:
            return None
        settings = self.given()
        checkpoint = settings.pop("checkpoint", None)
        return Trainer(Settings(objective, **settings), checkpoint, _report(tell), say)


AS_USUAL = TrainingOptions()


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

    def report(epoch: "Epoch", epochs: int) -> None:
        ndcg = "" if epoch.ndcg is None else f", nDCG@10 {epoch.ndcg:.3f} (users kept aside)"
        tell(epoch.number, epochs, f"epoch {epoch.number}: loss {epoch.loss:.3f}{ndcg}")

    return report


Objective: TypeAlias = Literal[
    "product", "factors", "ease", "raw-data", "cosine", "dot", "euclidean"
]


def fit(
    interactions: Annotated[Path, READ],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o"), FOLDER],
    objective: Objective = "product",
    components: Annotated[int | None, A_COUNT] = None,
    penalty: Annotated[float | None, number(NOT_NEGATIVE)] = None,
    gauge: str | None = None,
    normalise: str = "none",
    holdout: Annotated[float, number(KEPT_ASIDE)] = 0.2,
    split: Literal["random", "time", "last"] = "random",
    graded: Annotated[bool, Parameter(negative=())] = False,
    confidence: Annotated[float | None, number(POSITIVE)] = None,
    columns: InteractionOptions = USUAL_COLUMNS,
    item_table: Annotated[Path | None, Parameter(group=TABLE), READ] = None,
    trained: TrainingOptions = AS_USUAL,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Learn embeddings of users and items from who used what, and keep judgements aside.

    Writes a folder for anglewise compare: vectors, what training saw, and what held-out users did.

    Parameters
    ----------
    interactions
        Who used what: CSV, TSV, parquet, RecBole .inter, MovieLens ratings.dat or u.data, scipy
        .npz, MatrixMarket, MATLAB .mat, libsvm, Netflix, MSWeb; each also as .gz, or in a zip
        archive (films.zip, or films.zip/ratings.csv where it holds several files); baskets and the
        like by --format.
    output
        The folder to write; one that anglewise wrote before is replaced.
    objective
        product penalises the predictions and leaves cosines arbitrary; factors penalises the
        vectors and fixes them. ease learns weights from item to item, raw-data nothing: then
        vectors are as long as the table has items or users, and only held-out users are written.
        cosine, dot and euclidean train items by gradient steps with that measure inside the loss
        (needs PyTorch).
    components
        Dimensions of the embeddings: 64 if not given.
    penalty
        Weight of the penalty: in squared units of the table for product and ease, in units of its
        singular values for factors. If not given 1000, and for ease what serves users best that
        are kept aside for it.
    gauge
        Which of the equally good factorisations: balanced (if not given), item-orthonormal,
        user-orthonormal, tied-weights, raw-users or power(t). Predictions are the same in all.
    normalise
        What is done to the table first: standardised (columns), l2 (rows), tf-idf, bm25,
        bm25(k1,b), propensity, propensity(a,b) or exponents(alpha,beta).
    holdout
        Share of the users that training never sees; a part of what they did is to be found again.
    split
        Which part: drawn at random, the later half by time, or the last item alone.
    graded
        Let ratings be the gains of what is held out, in place of 1.
    confidence
        Learn from weights: a like counts ALPHA log(1 + weight) in place of 1. For cosine, dot and
        euclidean it is what an item is worth among those of its user that must be found, and 1 is
        due.
    item_table
        A table about the items, such as item_id,title: shown beside their ids.
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.io.read import read_interactions
    from anglewise.io.space_folder import write_space
    from anglewise.recommender_models.fit import COMPONENTS, is_wide
    from anglewise.recommender_models.fit import fit as fitted

    talk = Talk(always)
    trained.check(objective)
    check_outputs(output, judged=holdout > 0)  # before the work, not after it
    with talk.progress("reading"):
        table = read_interactions(
            interactions,
            **vars(columns),
            item_table=item_table,
            say=talk.say,
        )
    for remark in _less_used(table, split, columns, trained, confidence):
        talk.say(remark)
    with talk.telling("learning") as tell:
        result = fitted(
            table,
            objective=objective,
            components=components,
            penalty=penalty,
            gauge=gauge,
            normalise=normalise,
            trainer=trained.trainer(objective, tell, talk.say),
            holdout=holdout,
            split=split,
            graded=graded,
            confidence=confidence,
            seed=always.seed,
        )
    write_space(result.space, output, judgements=result.judgements)
    content = {
        "command": "fit",
        "version": version(),
        "output": str(output),
        "objective": objective,
        "components": None if is_wide(result.model) else components or COMPONENTS,
        "penalty": result.space.about.get("penalty"),
        "gauge": result.space.about.get("gauge"),
        "normalise": result.space.about.get("normalise", "none"),
        "training": trained_as(result.model),
        "holdout": holdout,
        "split": split,
        "graded": graded,
        "confidence": confidence,
        "seed": always.seed,
        "users": table.shape[0],
        "items": table.shape[1],
        "interactions": len(table.users),
        "dimensions": result.space.items.dimension,
        "judgements": {
            direction: {
                "queries": len(judged.judged_rows),
                "judged": len(judged.gains.values),
                "source": judged.source,
            }
            for direction, judged in result.judgements.items()
        },
        "notes": list(result.notes),
    }
    talk.give(content, _document(content))
    return 0


def _document(content: Mapping[str, Any]) -> "Document":
    """What was learnt, what was kept aside, and what to type next."""
    from anglewise.data_types.text import counted
    from anglewise.report.document import Document, Line

    lines = [
        Line(
            f"{counted(content['users'], 'user')}, {counted(content['items'], 'item')}, "
            f"{counted(content['interactions'], 'interaction')}: "
            f"{counted(content['dimensions'], 'dimension')} by {_how(content)}"
        )
    ]
    for direction, judged in content["judgements"].items():
        queries = counted(judged["queries"], "query")
        judgements = counted(judged["judged"], "judgement")
        lines.append(Line(f"{direction}: {queries} with {judgements} ({judged['source']})"))
    lines += [Line(f"note: {note}") for note in content["notes"]]
    lines.append(Line(f"wrote {content['output']}"))
    if content["judgements"]:
        lines.append(Line("next: which measure?"))
    for direction in content["judgements"]:
        command = f"anglewise compare {quote(content['output'])} --direction {direction}"
        lines.append(Line(f"  {command}", unbroken=True))
    return Document([lines])


def _less_used(
    table: "Interactions",
    split: str,
    columns: InteractionOptions,
    trained: TrainingOptions,
    confidence: float | None = None,
) -> Iterator[str]:
    """What was given and is used for less than one might think, or for nothing."""
    from anglewise.recommender_models.training_state import Settings

    if columns.weight is not None and columns.min_weight is None and confidence is None:
        yield (
            f"--weight {shown(columns.weight)}: kept with what users did (seen), and not learned "
            "from, as every like counts 1; --confidence 1 learns from log(1 + weight), and "
            "--min-weight leaves out what weighs less"
        )
    if columns.time is not None and split == "random":
        yield (
            f"--time {shown(columns.time)}: used for pairs that come several times alone, as "
            "--split random goes by no time"
        )
    drawn = (trained.negatives or Settings.negatives) < table.shape[1]
    if trained.popularity is not None and trained.log_q is not False and not drawn:
        yield (
            f"--popularity {trained.popularity:g}: not used, as every step takes all "
            f"{table.shape[1]:,} items and draws none (--negatives)"
        )


def _how(content: Mapping[str, Any]) -> str:
    """The objective, and what it has of a penalty, a gauge and a normalisation."""
    parts = [str(content["objective"])]
    if content["penalty"] is not None:
        parts.append(f"penalty {content['penalty']:g}")
    if content["gauge"] is not None:
        parts.append(f"gauge {content['gauge']}")
    if content["normalise"] != "none":
        parts.append(f"normalised by {content['normalise']}")
    return ", ".join(parts)
