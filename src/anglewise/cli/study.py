"""``anglewise study``: the paper's experiment, and the same on one's own interactions."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Group, Parameter

from anglewise.cli.options import NOTHING_SPECIAL, Always, number
from anglewise.cli.paths import READ, STUDY
from anglewise.data_types.numbers import COUNT, FINITE, NOT_NEGATIVE

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.experiment.own_data import OwnStudy
    from anglewise.experiment.study import Study
    from anglewise.recommender_models.closed_form import LinearModel

OWN = Group("Your own interactions", sort_key=10)
HELD, NOT_HELD = 0, 1
ONE_THREAD = "OPENBLAS_NUM_THREADS"
"""Of the linear algebra. Its matrices are small here: several threads wait more than they work."""


def study(
    *,
    small: Annotated[bool, Parameter(negative=())] = False,
    output: Annotated[Path | None, Parameter(alias="-o"), STUDY] = None,
    on: Annotated[Path | None, Parameter(group=OWN), READ] = None,
    components: Annotated[int, number(COUNT, group=OWN)] = 64,
    penalty: Annotated[float, number(NOT_NEGATIVE, group=OWN)] = 1000.0,
    min_weight: Annotated[float | None, number(FINITE, group=OWN)] = None,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Run the experiment that shows how much of a cosine is a choice nobody made.

    Trains on simulated users (arXiv 2403.05440), holds every claim against a bound that was set
    beforehand, and exits with 1 if one does not hold. With --on it moves a model of your own
    interactions through the same gauges and judges the lists that come out.

    Parameters
    ----------
    small
        5,000 users and 500 items instead of 20,000 and 1,000: seconds instead of a minute.
    output
        A folder for study.json and, without --on, the figure as study.png and study.svg.
    on
        Who used what, as fit reads it: CSV, TSV, parquet, RecBole .inter, MovieLens ratings.dat
        or u.data, scipy .npz.
    components
        Dimensions of the embeddings.
    penalty
        Weight of the penalty of objective (1), in squared units of the table.
    min_weight
        Keep interactions that weigh at least this.
    """
    os.environ.setdefault(ONE_THREAD, "1")  # heard as long as nobody has imported numpy
    from anglewise.cli.console import Talk
    from anglewise.cli.program import version
    from anglewise.errors import SpellingError

    if small and on is not None:
        raise SpellingError("--small is for the simulated users, --on brings others: drop one")
    from anglewise.io.outputs import filled_folder
    from anglewise.report.check_documents import own_study_document, study_document
    from anglewise.report.plain_text import as_json

    talk = Talk(always)
    with nullcontext() if output is None else filled_folder(output):
        if on is None:
            result = _experiment(small, output, talk)
            document, options = study_document(result), {}
        else:
            result = _own(on, components, penalty, min_weight, talk)
            document = own_study_document(result)
            options = {"on": str(on), "components": components, "penalty": penalty}
        content = {
            "command": "study",
            "version": version(),
            **options,
            "seed": always.seed,
            **result.to_dict(),
        }
        if output is not None:
            talk.write(output / "study.json", as_json(content))
    talk.give(content, document)
    return HELD if result.held else NOT_HELD


def _experiment(small: bool, output: Path | None, talk: "Talk") -> "Study":
    from time import process_time

    from anglewise.experiment.setup import FULL, SMALL
    from anglewise.experiment.study import study as studied

    started = process_time()
    with talk.progress("studying") as progress:
        result = studied(SMALL if small else FULL, seed=talk.always.seed, progress=progress)
    if output is not None:
        from anglewise.report.check_documents import study_figure

        talk.write(output / "study.png", study_figure(result, "png"))
        talk.write(output / "study.svg", study_figure(result, "svg"))
    talk.say(f"{process_time() - started:.1f} s of processor time")
    return result


def _own(
    on: Path, components: int, penalty: float, min_weight: float | None, talk: "Talk"
) -> "OwnStudy":
    from anglewise.experiment.own_data import study_on
    from anglewise.io.read import read_interactions
    from anglewise.recommender_models.fit import fit

    seed = talk.always.seed
    table = read_interactions(on, min_weight=min_weight, say=talk.say)
    fitted = fit(table, components=components, penalty=penalty, seed=seed)
    model = cast("LinearModel", fitted.model)  # its objective is product
    for note in fitted.notes:
        talk.say(note)
    with talk.progress("moving through gauges") as progress:
        return study_on(fitted.space, model, fitted.judgements, seed=seed, progress=progress)
