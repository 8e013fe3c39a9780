"""``anglewise compare``: measures ranked on a validation set, and which of them to use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from anglewise.cli.memory_option import ANY_MEMORY, MemoryOptions, check_plan
from anglewise.cli.options import (
    A_COUNT,
    A_FILTER,
    A_SOURCE,
    A_TOLERANCE,
    AS_BROUGHT,
    FROM_FOLDER,
    NO_FILES,
    NO_HISTORY,
    NO_RERANKER,
    NO_SPLIT,
    NOTHING_SPECIAL,
    ONE_SPACE,
    TO_TERMINAL,
    Always,
    HistoryOptions,
    Judging,
    RerankerOptions,
    Results,
    SeenOptions,
    Several,
    Source,
    SplitOptions,
    Vectors,
    number,
)
from anglewise.cli.paths import READ, TRUTHS
from anglewise.data_types.numbers import PART
from anglewise.errors import SpellingError

if TYPE_CHECKING:
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import Judged
    from anglewise.cli.protocol_inputs import SplitReader
    from anglewise.cli.results import Gates
    from anglewise.comparison.comparison_result import Comparison
    from anglewise.comparison.rankers import Ranker
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.judgements import Judgements
    from anglewise.data_types.pairs import Pairs, Triplets

GATE_FAILED = 1
LISTED = 100
"""The longest lists that metrics usually look at."""


def compare(
    source: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    measures: str | None = None,
    metric: str | None = None,
    metrics: str | None = None,
    direction: Literal["queries-items", "items-items", "queries-queries"] | None = None,
    tolerance: Annotated[str | None, A_TOLERANCE] = None,
    largest_difference: Annotated[float, number(PART)] = 1.0,
    largest_group: Annotated[int | None, A_COUNT] = None,
    baseline: str | None = None,
    split: str = "queries",
    slices: Annotated[
        tuple[str, ...], Parameter(name="--slice", negative=(), show_default=False)
    ] = (),
    where: Annotated[tuple[str, ...], A_FILTER] = (),
    truths: Annotated[str | None, TRUTHS] = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    assisted: Annotated[bool, Parameter(negative=())] = False,
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    judged_by: SplitOptions = NO_SPLIT,
    several: Several = ONE_SPACE,
    reranking: RerankerOptions = NO_RERANKER,
    judging: Judging = FROM_FOLDER,
    results: Results = TO_TERMINAL,
    history: HistoryOptions = NO_HISTORY,
    memory: MemoryOptions = ANY_MEMORY,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Rank similarity measures on a validation set and say which to use.

    Parameters
    ----------
    source
        A folder that fit wrote, a BEIR folder, or a file of both sides; beside --items a file of
        graded pairs (id_a,id_b,score), triplets (anchor,near,far) or labels (id,label).
    measures
        Which, parted by commas; dot, cosine, euclidean if not given, or maxsim of lists of token
        vectors. Others are manhattan, norm(0,0.5), cosine@centred; norm(0,*) is tuned on one half
        of the queries and reported on the other. bm25 ranks texts by their words;
        fusion(bm25,cosine) fuses lists by reciprocal ranks, weighted(bm25,cosine) by tuned weights;
        rerank(cosine,100) puts the first 100 places into the order of --reranker, and a star for
        100 tunes how many. Names of --runs may stand in these. Beside --runs, none compares these
        alone.
    metric
        What decides: nDCG@10, R@100, P@10, RR@10, AP@100, spearman, pearson, triplet-accuracy.
        Without it nDCG@10, spearman for pairs, triplet-accuracy for triplets.
    metrics
        Further metrics to show, parted by commas.
    direction
        Who asks and who is ranked; without it queries-items where there are queries, else
        items-items.
    tolerance
        Which leads do not matter: 2% of the mean and at least .005 if not given; 0.01 is absolute.
        Correlations take a number alone, 0.01 if not given.
    largest_difference
        The largest lead that a query of a kind not seen may have. 1 assumes nothing; less tells
        more from few queries, and the verdict names it as an assumption.
    largest_group
        Of queries in groups, by --split, how many one that was not seen may have; as many as the
        largest that was seen if not given. The verdict names it.
    baseline
        The measure in use today: it wins ties, and all are compared with it. Without it the
        simplest is kept in a tie.
    split
        Which queries belong together, or come first: group(COLUMN) of what is known about them,
        clusters(8) of their vectors, linked by what is relevant to them, time(COLUMN); by queries
        each stands for itself.
    slices
        A column of what is known about queries or items, such as language: each of its values gets
        a verdict of its own. items:language or queries:language where both have it. May come
        several times.
    where
        What the metadata of ranked items must be: tenant = a, year >= 2020, language in en, de,
        year is missing, or items.tenant = queries.tenant, by which each query ranks its own
        tenant's items. May come several times: all must hold.
    truths
        Of similar items, by what they are judged, parted by commas: co-use, what users used
        together, and tables of labels, as FILE or FILE:COLUMN. Each has its verdict; where they do
        not say the same, one cannot tell.
    dry_run
        Read everything, say what was guessed and about how long the rest would take, and stop.
    assisted
        Grades of a machine, corrected by people's of the pairs that judge sample --double drew:
        intervals of the differences in DCG(sampled) and precision, without bias whatever the
        machine's errors are, how far it agrees with people, and what it saved.
    """
    from anglewise.cli.comparison_inputs import ComparisonInputs, refuse, wanted_measures
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import read_runs, run_names
    from anglewise.cli.protocol_inputs import split_reader
    from anglewise.cli.results import Gates, check_run_out
    from anglewise.cli.truths import compared_by, read_truths
    from anglewise.comparison.rankers import split_rankers

    talk = Talk(always)
    if assisted:
        return _assisted(
            {
                "--metrics": metrics,
                "--tolerance": tolerance,
                "--largest-difference": largest_difference != 1.0,
                "--largest-group": largest_group,
                "--split": split != "queries",
                "--slice": slices,
                "--where": where,
                "--truths": truths,
                "--dry-run": dry_run,
                **{f"--{name}": value for name, value in vars(judged_by).items()},
                **{f"--{n}": value for n, value in vars(several).items() if n != "spaces"},
                **{f"--{name}": value for name, value in vars(reranking).items()},
                **{f"--{name}": value for name, value in vars(history).items()},
            },
            source,
            measures,
            metric,
            direction,
            baseline=baseline,
            spaces=several.spaces,
            vectors=vectors,
            seen=seen,
            judging=judging,
            results=results,
            talk=talk,
        )
    _check_results(results, history, talk, truths=truths, dry_run=dry_run)
    names = run_names(several.runs)
    gates = Gates.read(results, history, several.spaces, names)
    options: dict[str, Any] = {
        "metric": metric,
        "metrics": metrics or (),
        "tolerance": tolerance,
        "largest_difference": largest_difference,
        "baseline": baseline,
        "seed": always.seed,
    }
    of_space = {"split": split, "largest_group": largest_group}
    wanted_measures(measures, names, ())
    with talk.progress("reading"):
        runs = read_runs(several.runs, talk.say)
        reader = split_reader(
            judged_by, several, source, vectors=vectors, seen=seen, judging=judging
        )
        if reader is not None:
            reader = reader.towards(direction)
            source = judged_by.model
        asked = ComparisonInputs(
            source,
            measures,
            direction,
            vectors=vectors,
            seen=seen,
            several=several,
            judging=judging,
            results=results,
            runs=runs,
            reader=reader,
            talk=talk,
        )
        of_one = {
            "--slice": slices,
            "--where": where,
            "--truths": truths,
            "--dry-run": dry_run,
            "--reranker": reranking.reranker,
        }
        if asked.is_of_runs_alone:
            of_spaces = {"--split": split != "queries", "--largest-group": largest_group}
            judged, run = asked.runs_alone(options, of_one | of_spaces)
        elif judged_by.trainings:
            refuse(
                of_one | {"--history": history.history},
                "is not of several trainings: leave it or --trainings out",
            )
            judged, run = asked.trainings(judged_by.trainings, options | of_space)
        elif several.spaces or several.variants:
            refuse(of_one, "is for one space: leave --spaces and --variants out")
            judged, run = asked.spaces(options | of_space)
        else:
            space, named = read_truths(
                *(truths, source, vectors, direction, judging),
                say=talk.say,
                seen=seen,
                seed=always.seed,
                split=reader,
            )
            judgements = next(iter(named.values()))
            judged = {"": judgements}
            wanted = wanted_measures(measures, names, [space])
            options |= of_space | {"slices": slices, "where": where or None}
            check_run_out(results.run_out, {"": space}, judged, wanted, runs=names)
            _check_memory(memory, space, judgements, wanted)
            if dry_run:
                untold = {"--truths": truths, "--runs": runs, "--reranker": reranking.reranker}
                refuse(untold, "has no search whose time could be told: leave it out")
                return _dry_run(space, judgements, wanted, options, talk)
            options |= _reranker(reranking, split_rankers(wanted, names)[0])
            # what is judged of items that do not pass is read as the rest
            options |= {"missing": judging.missing} if where else {}
            run = partial(compared_by, named, space, wanted, runs=runs, **options)
    _check_directions(judged.values(), results, seen, talk)
    with talk.progress("searching", then="testing") as progress:
        result = run(progress=progress)
    return _report(result, gates, results, history, talk, reader=reader)


def _check_memory(
    memory: MemoryOptions, space: "Space", judged: "Judged", wanted: str | Sequence[str]
) -> None:
    """Refuse what ``--memory`` does not allow; pairs and triplets need no lists."""
    from anglewise.data_types.judgements import Judgements

    if isinstance(judged, Judgements):
        count = len(wanted.split(",") if isinstance(wanted, str) else wanted)
        asking = len(judged.judged_rows)
        check_plan(memory, space, judged.direction, measures=count, k=LISTED, asking=asking)


def _assisted(untold: Mapping[str, Any], *words: Any, **options: Any) -> int:
    """Compare by a machine's grades and people's."""
    from anglewise.cli.compare_assisted import compare_assisted_command, refuse_beside

    refuse_beside(untold, options["results"], options["judging"])
    return compare_assisted_command(*words, **options)


def _report(
    result: "Comparison",
    gates: "Gates",
    results: Results,
    history: HistoryOptions,
    talk: "Talk",
    *,
    reader: "SplitReader | None" = None,
) -> int:
    """Write, print and remember a result; the exit code says whether its gates held."""
    from anglewise.cli.results import gate_content, looks_content, remember, write_results
    from anglewise.comparison.next_judgements import unjudged
    from anglewise.comparison.stopping import sequential as stopping
    from anglewise.report.comparison_document import comparison_document

    if reader is not None:
        result = replace(result, notes=(*reader.remarks, *result.notes))
    until = stopping(result, seed=result.seed) if results.sequential else None
    rest = unjudged(result) if results.unjudged else None
    checked = gates.check(result)
    looks = gates.looks(result)
    document = comparison_document(result, checked, until, rest, looks, breadth=results.breadth)
    write_results(result, document, results, talk)
    remember(result, gates, checked, history, talk)
    content = result.to_dict(timed=results.breadth)
    if reader is not None:
        content["protocol"] = reader.content()
    if checked:
        content["gates"] = [gate_content(check) for check in checked]
    if history.history is not None:
        content |= looks_content(looks)
    if until is not None:
        content["sequential"] = until.to_dict()
    if rest is not None:
        content["unjudged"] = rest.to_dict()
    talk.give(content, document)
    return 0 if all(check.passed for check in checked) else GATE_FAILED


def _reranker(reranking: RerankerOptions, rankers: "Sequence[Ranker]") -> dict[str, Any]:
    """What reranks, loaded, and the file that keeps its scores."""
    from anglewise.comparison.ranker_lists import check_reranker
    from anglewise.encoders.reranker import reranker
    from anglewise.encoders.scored_pairs import usual_log

    check_reranker(rankers, reranking.reranker, reranking.reranker_cache)
    if reranking.reranker is None:
        return {}
    model = reranker(reranking.reranker)
    cache = reranking.reranker_cache or usual_log(model)
    return {"reranker": model, "reranker_cache": cache}


def _check_directions(
    judged: "Iterable[Judged]", results: Results, seen: SeenOptions, talk: "Talk"
) -> None:
    """Refuse, or say, what was given and has no meaning for the judgements that were read."""
    from anglewise.cli.inputs import say_unused

    directions = {getattr(labels, "direction", "pairs and triplets") for labels in judged}
    for direction in sorted(directions):
        say_unused(seen, direction, talk.say)
    if results.breadth and "pairs and triplets" in directions:
        raise SpellingError("--breadth is of lists, and pairs and triplets have none: leave it out")


def _check_results(
    results: Results, history: HistoryOptions, talk: "Talk", *, truths: str | None, dry_run: bool
) -> None:
    """Refuse results that several truths, or a dry run, cannot have."""
    from anglewise.cli.comparison_inputs import refuse
    from anglewise.data_types.text import parted

    _check_dry_run(results, history, talk, dry_run=dry_run)
    if truths is not None and len(parted(truths)) > 1:
        refuse(
            {"--sequential": results.sequential, "--unjudged": results.unjudged},
            "goes by one truth, and --truths names several: leave it out, or name one",
        )


def _check_dry_run(
    results: Results, history: HistoryOptions, talk: "Talk", *, dry_run: bool
) -> None:
    """Refuse what holds a build to a result that is not there; say what is not written."""
    if not dry_run:
        return
    if results.gate or results.junit is not None or history.history is not None:
        raise SpellingError(
            "--dry-run compares nothing, so that no gate can be evaluated and no run remembered: "
            "leave out --gate, --junit and --history, or --dry-run"
        )
    shown = ("html", "markdown", "per_query", "run_out", "breadth", "sequential", "unjudged")
    left_out = [f"--{name.replace('_', '-')}" for name in shown if getattr(results, name)]
    if left_out:
        talk.say(f"a dry run does not write or show {', '.join(left_out)}")


def _dry_run(
    space: "Space",
    judgements: "Judgements | Pairs | Triplets",
    measures: str | tuple[str, ...],
    options: dict[str, Any],
    talk: "Talk",
) -> int:
    """Say how long a comparison would take; what was read and guessed has been said."""
    from anglewise.comparison.dry_run import check_options, forecast
    from anglewise.comparison.rankers import check_no_rankers
    from anglewise.report.document import Document
    from anglewise.similarity_measures.measure import measures_and_families

    check_no_rankers(measures, "has no search whose time could be told")
    read = measures_and_families(measures)
    settings = check_options(space, judgements, read, **options)
    expected = forecast(space, judgements, read, settings.metrics, where=options["where"])
    content = {"command": "compare", "dry_run": True, **expected.to_dict(), "reason": str(expected)}
    talk.give(content, Document.of(str(expected)))
    return 0
