"""``anglewise audit``: how much of a cosine is the model's, how much a choice nobody made."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from anglewise.cli.memory_option import ANY_MEMORY, MemoryOptions, check_plan
from anglewise.cli.options import (
    A_COUNT,
    A_SOURCE,
    AS_BROUGHT,
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    SeenOptions,
    Source,
    Vectors,
    given_options,
    number,
)
from anglewise.cli.path_checks import check_outputs
from anglewise.cli.paths import FOLDER, HTML, READ
from anglewise.data_types.numbers import CONDITION, COUNT
from anglewise.data_types.typing import DIRECTIONS, Direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.judgements import Judgements

LOOK = Group("A closer look", sort_key=10)
TRAINING = Group("How it was trained", sort_key=9)
GATE_FAILED = 1
USUAL_CONDITION = 2.0
AUDITED = 8
"""Measures whose lists are held at once, at most."""


def audit(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    k: Annotated[int, number(COUNT, name=["-k", "--k"])] = 10,
    sample: Annotated[int, A_COUNT] = 10_000,
    witness: Annotated[str | None, Parameter(group=LOOK)] = None,
    condition: Annotated[float, number(CONDITION, group=LOOK)] = USUAL_CONDITION,
    save_witness: Annotated[Path | None, Parameter(group=LOOK), FOLDER] = None,
    pair: Annotated[tuple[tuple[str, str], ...], Parameter(group=LOOK, negative=())] = (),
    runs: Annotated[
        tuple[Path, ...],
        Parameter(name=["--trainings", "--runs"], group=LOOK, consume_multiple=True, negative=()),
        READ,
    ] = (),
    model: Annotated[Path | None, Parameter(group=LOOK), READ] = None,
    optimiser: Annotated[str | None, Parameter(group=TRAINING)] = None,
    init_scale: Annotated[str | None, Parameter(group=TRAINING)] = None,
    weight_decay: Annotated[str | None, Parameter(group=TRAINING)] = None,
    initial: Annotated[Path | None, Parameter(group=TRAINING), READ] = None,
    html: Annotated[Path | None, HTML] = None,
    judging: Judging = FROM_FOLDER,
    gate: Literal["fix", "look"] | None = None,
    accept: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    brief: Annotated[bool, Parameter(negative=())] = False,
    details: Annotated[bool, Parameter(negative=())] = False,
    vectors: Vectors = NO_FILES,
    seen: SeenOptions = AS_BROUGHT,
    memory: MemoryOptions = ANY_MEMORY,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Say how much of the cosine is fixed by the model, and how much by a choice nobody made.

    Parameters
    ----------
    space
        A folder that fit wrote, a BEIR folder, or a file that holds both sides. Judgements in it
        are used for the path of gauges; --qrels also asks how many dimensions they take.
    k
        Length of the lists.
    sample
        How many of each side ask at most.
    witness
        The id of the item whose neighbours a map is to change; without it the most used one.
    condition
        The largest condition number of that map.
    save_witness
        Write the moved space to this folder: the same predictions, other neighbours.
    pair
        Two ids of items whose cosine is to be explored, and held against random pairs. May come
        several times.
    runs
        Other trainings of the same model, as folders or files: how much of the difference is
        gauge, and how much is real. --runs means the same.
    model
        The folder, ONNX file or MTEB card of the model that made the vectors: what it declares of
        them is read, never run, and checked.
    optimiser
        How it was trained: gd (on all data at once), sgd (in batches), adam, als or bpr. The audit
        then says how much of the lists trainings like it keep, beside what the extremes keep.
    init_scale
        The standard deviation of the numbers at the start: one, or two as users,items.
    weight_decay
        The weight of the squared lengths in the loss: one number, or two as users,items.
    initial
        The initial factors, as a folder or file, in place of --init-scale.
    html
        Write a page with figures.
    gate
        Exit with 1 if any finding is of this state or worse, or unknown.
    accept
        Names of findings that do not count for the gate.
    brief
        Print five lines.
    details
        Print every figure too: gauges, certificates, witness, spread, hubs.
    """
    from anglewise.auditing.audit import audit as audited
    from anglewise.auditing.subject import may_have_gauge
    from anglewise.cli.console import Talk
    from anglewise.errors import SpellingError
    from anglewise.report.audit_document import Amount, audit_document
    from anglewise.report.audit_lights import helped
    from anglewise.stores.space_reader import read_space

    talk = Talk(always)
    if brief and details:
        raise SpellingError("--brief and --details: give one of them")
    if accept and gate is None:
        raise SpellingError("--accept is for a gate: give --gate fix or --gate look too")
    check_outputs(save_witness, html, judged=False)
    with talk.progress("reading"):
        loaded = read_space(space, **vars(vectors), **vars(seen), say=talk.say)
        start = None if initial is None else read_space(initial, say=talk.say)
        other_runs = {str(path): read_space(path, say=talk.say) for path in runs}
        judged = _judgements(space, loaded, talk.say)
        qrels = _qrels(judging, loaded, always.seed, talk.say)
        if qrels is not None:
            judged[qrels.direction] = qrels
    directions: tuple[Direction, ...] = ("items-items",) if loaded.one_sided else DIRECTIONS
    for direction in directions:
        check_plan(memory, loaded, direction, measures=AUDITED, k=k, asking=sample)
    if save_witness is not None and not may_have_gauge(loaded):
        raise SpellingError("--save-witness: this space has no gauge, so there is no witness")
    with talk.progress("auditing", then="describing") as progress:
        result = audited(
            loaded,
            judgements=judged,
            qrels=qrels,
            runs=other_runs,
            optimiser=optimiser,
            init_scale=_one_or_two(init_scale, "--init-scale"),
            weight_decay=_one_or_two(weight_decay, "--weight-decay"),
            initial=start,
            pairs=pair,
            model=model,
            witness=witness,
            condition=condition,
            k=k,
            sample=sample,
            seed=always.seed,
            progress=progress,
        )
    typed = _typed(space, vectors, seen)
    known = " ".join(given_options(judging)) if qrels is not None else None
    known = "" if known is None and judged else known  # they lie in the folder
    findings = [
        helped([light], _typed(space, vectors, seen, helps=light.do), known)[0]
        for light in result.findings
    ]
    result = replace(result, findings=tuple(findings))
    gated = None if gate is None else result.gate(gate, accept)
    amount: Amount = "brief" if brief else "details" if details else "plain"
    asked = ["reachable", "runs", "pairs", "dimension", "invariant"]
    if witness is not None or save_witness is not None or condition != USUAL_CONDITION:
        asked.append("witness")
    document = audit_document(result, amount, typed, gated, asked)
    talk.write_page(html, document)
    if save_witness is not None and result.witness is not None:
        from anglewise.io.space_folder import write_space

        write_space(result.witness.space, save_witness)
        talk.say(f"wrote {save_witness}")
    content = result.to_dict() | {"gate": None if gated is None else gated.to_dict()}
    talk.give(content, document)
    return GATE_FAILED if gated is not None and not gated.passed else 0


def _typed(space: Source | None, vectors: Vectors, seen: SeenOptions, helps: str = "") -> str:
    """What named the space, for a command that helps, but for options that it sets or refuses."""
    own = helps.split()
    if "anglewise search SPACE" in helps:  # it names its measures itself
        own.append("--trained-for")
    options = [text for text in given_options(vectors, seen) if text.split()[0] not in own]
    return " ".join([*([] if space is None else [shlex.quote(str(space))]), *options])


def _one_or_two(text: str | None, option: str) -> float | tuple[float, float] | None:
    """``0.1``, or ``0.1,0.2`` for users and items."""
    from anglewise.errors import SpellingError

    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    match numbers:
        case [both]:
            return both
        case [users, items]:
            return users, items
        case _:
            raise SpellingError(
                f"{option} is {text!r}: a number is due, or two as users,items, such as 0.1,0.01"
            )


def _judgements(
    path: Source | None, space: "Space", say: "Callable[[str], None]"
) -> "dict[Direction, Judgements]":
    """Those that lie in the folder, if it is one of ours: in its store, else beside the space."""
    from anglewise.io.judgements_beside import judgements_beside
    from anglewise.io.space_files import is_space_folder

    if not isinstance(path, Path) or not is_space_folder(path):
        return {}
    known = judgements_beside(path, space, say)
    judged = dict(known)
    for direction in known:
        if known[direction].parts is not None:
            del judged[direction]
    if judged:
        say(f"judgements in the folder: {', '.join(judged)}")
    if len(judged) < len(known):
        say("judgements in the folder are of documents, and an audit is of their passages")
    return judged


def _qrels(
    judging: Judging, space: "Space", seed: int, say: "Callable[[str], None]"
) -> "Judgements | None":
    """The judgements of which is asked how many dimensions they take."""
    from anglewise.cli.inputs import direction_of, reader_options
    from anglewise.errors import SpellingError
    from anglewise.io.read import judgement_kind, read_judgements

    if judging.qrels is None:
        return None
    kind = None if judging.names_columns else judgement_kind(judging.qrels)
    if kind in {"pairs", "triplets"}:
        raise SpellingError(
            f"--qrels {judging.qrels} holds {kind}, which say of no query what is relevant to it: "
            "give judgements or labels"
        )
    return read_judgements(
        judging.qrels,
        space,
        direction=direction_of(None, space),
        **reader_options(judging),
        seed=seed,
        say=say,
    )
