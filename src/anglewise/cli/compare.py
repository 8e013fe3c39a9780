"""``anglewise compare``: measures ranked on a validation set, and which of them to use."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from anglewise.cli.options import (
    AT_LEAST_0,
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    TO_TERMINAL,
    Always,
    Judging,
    Results,
    Vectors,
)

GATE_FAILED = 1


def compare(
    source: Path | None = None,
    /,
    *,
    measures: str = "dot,cosine,euclidean",
    metric: str | None = None,
    metrics: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    tolerance: Annotated[float, Parameter(validator=AT_LEAST_0)] = 0.01,
    baseline: str | None = None,
    vectors: Vectors = NO_FILES,
    judging: Judging = FROM_FOLDER,
    results: Results = TO_TERMINAL,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Rank similarity measures on a validation set and say which to use.

    Parameters
    ----------
    source
        A folder that fit wrote, a BEIR folder, or a file of both sides; beside --items a file of
        graded pairs (id_a,id_b,score), triplets (anchor,near,far) or labels (id,label).
    measures
        Which, parted by commas: dot, cosine, euclidean, manhattan, norm(0,0.5), cosine@centred;
        norm(0,*) is tuned on one half of the queries and reported on the other.
    metric
        What decides: nDCG@10, R@100, P@10, RR@10, AP@100, spearman, pearson, triplet-accuracy.
        Without it nDCG@10, spearman for pairs, triplet-accuracy for triplets.
    metrics
        Further metrics to show, parted by commas.
    direction
        Who asks and who is ranked; without it queries-items where there are queries, else
        items-items.
    tolerance
        A difference of the metric that would matter: measures this near are called a tie.
    baseline
        One of the measures, such as the one in use today: all are compared with it too.
    """
    from anglewise.cli.judged import judged_space
    from anglewise.cli.results import show_result, write_results
    from anglewise.cli.talk import Talk
    from anglewise.compare import compare as compared
    from anglewise.compare.gate import check
    from anglewise.compare.gate import gate as read_gate

    talk = Talk(always)
    gates = [read_gate(spelling) for spelling in results.gate]
    with talk.progress("reading"):
        space, judgements = judged_space(
            source, vectors, direction, judging, talk.say, seed=always.seed
        )
    with talk.progress("searching", then="testing") as progress:
        result = compared(
            space,
            judgements,
            measures,
            metric,
            metrics=metrics or (),
            tolerance=tolerance,
            baseline=baseline,
            seed=always.seed,
            progress=progress,
        )
    checked = [check(result, gate) for gate in gates]
    write_results(result, results, talk)
    content = result.to_dict()
    if checked:
        content["gates"] = [
            {"gate": str(one.gate), "passed": one.passed, "sentence": one.sentence}
            for one in checked
        ]
    talk.give(content, lambda console: show_result(result, checked, console))
    return 0 if all(one.passed for one in checked) else GATE_FAILED
