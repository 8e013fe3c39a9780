"""``anglewise calibrate``: what a score says about relevance, and whether that holds."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from anglewise.cli.options import (
    A_COUNT,
    A_SOURCE,
    FROM_FOLDER,
    NO_FILES,
    NOTHING_SPECIAL,
    Always,
    Judging,
    Source,
    Vectors,
    number,
)
from anglewise.cli.paths import ENCODER_OF_SPACE, PICTURE, READ, RELEVANCE
from anglewise.data_types.numbers import PART

FOREIGN = Group("Questions from elsewhere", sort_key=30)


def calibrate(
    space: Annotated[Source | None, A_SOURCE, READ] = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o"), RELEVANCE] = None,
    measure: str | None = None,
    kind: Literal["isotonic", "logistic"] = "isotonic",
    depth: Annotated[int, A_COUNT] = 50,
    recall: Annotated[float, number(PART)] = 0.95,
    prices: Annotated[bool, Parameter(negative=())] = False,
    plot: Annotated[Path | None, PICTURE] = None,
    foreign: Annotated[Path | None, Parameter(group=FOREIGN), READ] = None,
    text_column: Annotated[str | None, Parameter(group=FOREIGN)] = None,
    encoder: Annotated[str | None, Parameter(group=FOREIGN), ENCODER_OF_SPACE] = None,
    judging: Judging = FROM_FOLDER,
    vectors: Vectors = NO_FILES,
    always: Always = NOTHING_SPECIAL,
) -> int:
    """Learn from judged questions the probability that a passage of some score is relevant.

    Probabilities, recall and what a threshold turns away are measured on questions that had no
    part in learning them.

    Parameters
    ----------
    space
        A folder of questions and documents, with its judgements or beside --qrels.
    output
        The file that anglewise context --relevance takes.
    measure
        How near is measured; without it the measure that the vectors were trained for.
    kind
        isotonic, any rising curve, or logistic, two numbers, for few judgements.
    depth
        How many passages of each question speak.
    recall
        The share of questions that are to keep a relevant passage, of those that found one: the
        threshold does so for all questions like these with 95% confidence, where there are enough.
    prices
        For ten recalls the threshold, who is turned away, the passages given and false contexts.
    plot
        Write the reliability as a picture: .svg, .png or .pdf.
    foreign
        Questions that the documents cannot answer, a table or one a line in .txt: how many would
        be given something?
    text_column
        Name of the column of these questions, if it is not a usual one.
    encoder
        What encodes questions, where the space does not name it: use, model2vec:MODEL, ...
    """
    from anglewise.cli.console import Talk
    from anglewise.cli.inputs import (
        at_most,
        encoder_for,
        judged_space,
        label_of,
        measure_for,
        questions,
        questions_in,
    )
    from anglewise.cli.program import version
    from anglewise.comparison.label_notes import judged_notes
    from anglewise.comparison.notes import part_notes
    from anglewise.data_types.judgements import Judgements
    from anglewise.errors import SpellingError
    from anglewise.nearest_neighbours.index import Index
    from anglewise.rag.relevance import learn_relevance, with_false_contexts
    from anglewise.report.plain_text import as_json
    from anglewise.report.retrieval_documents import relevance_document

    if text_column is not None and foreign is None:
        raise SpellingError("--text-column names a column of questions from elsewhere: --foreign")
    talk = Talk(always)
    loaded, judged = judged_space(space, vectors, "queries-items", judging, talk.say)
    if not isinstance(judged, Judgements):
        raise SpellingError("pairs and triplets judge no documents for questions: give qrels")
    notes = [*judged_notes(judged), *part_notes(judged.parts)]
    for note in notes:
        talk.say(note)
    depth = at_most(depth, len(loaded.items), "passages of each question (--depth)", talk.say)
    index = Index(loaded, measure_for(loaded, measure, talk.say))
    named = vectors.items if vectors.items is not None else space
    with talk.progress("learning"):
        learned = learn_relevance(
            index,
            loaded,
            judged,
            kind=kind,
            depth=depth,
            recall=recall,
            seed=always.seed,
            name=None if named is None else label_of(named),
        )
    elsewhere = None
    if foreign is not None or encoder is not None:
        model = encoder_for(loaded, encoder)
        learned = learned.asked_by(model)
        if foreign is not None:
            foreign_questions = questions_in(foreign, text_column)
            with talk.progress("encoding"):
                strangers = questions(loaded, foreign_questions, model)
            learned, elsewhere = with_false_contexts(index, strangers, learned)
    if output is not None:
        if learned.origin is not None and learned.origin.encoder is None:
            talk.say(
                f"note: nothing says which encoder made these vectors, so {output} cannot tell "
                "questions of another one: name it (--encoder)"
            )
        talk.write(output, as_json(learned.to_dict()))
    if plot is not None:
        from anglewise.report.pictures import reliability_picture

        talk.write(plot, reliability_picture(learned, plot.suffix))
    content = {
        "command": "calibrate",
        "version": version(),
        "depth": depth,
        "notes": notes,
        **learned.to_dict(),
        "false_contexts": None if elsewhere is None else vars(elsewhere.rate),
        "prices": [asdict(price) for price in learned.prices] if prices else None,
    }
    talk.give(content, relevance_document(learned, elsewhere, depth, prices=prices))
    return 0
