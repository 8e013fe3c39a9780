"""What is said about judgements stays short, however long the ids, names and texts are."""

import numpy as np
import pytest

from anglewise import (
    AnglewiseError,
    Embeddings,
    Judged,
    Judgements,
    JudgementStore,
    Neighbours,
    Space,
    read_judgements,
)
from anglewise.data_types.sparse import SparseRows
from anglewise.io.judgement_export import write_judged
from anglewise.io.judgement_files import read_labels
from anglewise.io.judgement_formats import read_judged
from anglewise.io.pairs_to_judge import read_queue
from anglewise.io.runs import write_run
from anglewise.judgements.combine import by_pair, combined
from anglewise.judgements.records import Labels, judged_from
from anglewise.judgements.same_label import from_labels
from anglewise.labelling.lint import lint
from anglewise.labelling.sample import column_numbers, sample
from anglewise.web_page.open_space import queue_of

LONG = "i" * 100_000
ITEMS = Embeddings(np.eye(3), ["a", "b", "c"], metadata={"words": ["x", LONG, "y"]})
SPACE = Space(items=ITEMS)


def judged(**other):
    about = {"query_id": "a", "item_id": "b", "grade": 1.0, "judge": "anna"}
    return judged_from({**about, "direction": "items-items", **other})


def table(tmp_path, text):
    (tmp_path / "table.csv").write_text(text)
    return tmp_path / "table.csv"


REFUSED = {
    "field": lambda _: judged_from({LONG: 1}),
    "unknown field": lambda _: judged(**{LONG: 1}),
    "judge": lambda _: judged(judge=[LONG]),
    "blank id": lambda _: judged(query_id=" " * 100_000),
    "grade": lambda _: judged(grade=LONG),
    "direction": lambda _: judged(direction=LONG),
    "uuid": lambda _: judged(uuid=LONG),
    "combine": lambda _: by_pair([judged()], combine=LONG),
    "sources": lambda _: by_pair([judged()], sources=[LONG]),
    "one text": lambda _: by_pair([judged()], judges=LONG),
    "nobody's": lambda _: combined([judged()], SPACE, "items-items", judges=[LONG]),
    "another space": lambda _: combined([judged(item_id=LONG)], SPACE, "items-items"),
    "labels": lambda _: from_labels(SPACE, Labels({LONG: "x"})),
    "traffic": lambda _: column_numbers(ITEMS, "words"),
    "stratum": lambda _: sample(SPACE, "dot", direction="items-items", strata=[LONG]),
    "format": lambda path: write_judged(path / "x", [judged()], LONG),
    "id with blanks": lambda path: write_judged(path / "x", [judged(item_id=f"{LONG} x")], "trec"),
    "half grade": lambda path: write_judged(path / "x", [judged(item_id=LONG, grade=0.5)], "beir"),
    "two models": lambda path: write_judged(
        path / "x",
        [judged(item_id=LONG, judge=name, source="generated") for name in "ab"],
        "argilla",
    ),
    "run": lambda path: write_run(
        path / "x.run",
        Neighbours("dot", np.array([[0]]), np.array([[1]], "f4"), np.array([0])),
        ["q"],
        [f"{LONG} x"],
    ),
    "queue": lambda path: read_queue(
        table(path, f"query_id,item_id\nq,{LONG}\nq,{LONG}\n"),
    ),
    "chance": lambda path: read_queue(
        table(path, f"query_id,item_id,probability\nq,i,{LONG}\n"),
    ),
    "stranger": lambda path: queue_of(table(path, f"query_id,item_id\na,{LONG}\n"), SPACE),
    "two labels": lambda path: read_labels(table(path, f"id,label\n{LONG},a\n{LONG},{LONG}\n")),
    "qrels": lambda path: read_judgements(
        table(path, f"query_id,item_id,gain\na,{LONG},1\n"), SPACE, direction="items-items"
    ),
    "rows": lambda path: read_judged(table(path, f"query_id,item_id,grade\na,b,{LONG}\n")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_message_quotes_no_more_than_its_beginning(what, tmp_path):
    with pytest.raises(AnglewiseError) as said:
        REFUSED[what](tmp_path)
    assert len(str(said.value)) < 1000


def test_what_is_taken_back_is_not_repeated_at_its_length(tmp_path):
    with JudgementStore.open(tmp_path / "judgements.sqlite") as store:
        row = judged(judge=LONG)
        store.add(row)
        for uuid, judge in ((LONG, "anna"), (row.uuid, LONG + "x")):
            with pytest.raises(AnglewiseError) as said:
                store.retract(uuid, judge=judge, own=True)
            assert len(str(said.value)) < 1000
        assert len(store.judgements(SPACE, "items-items").source) < 1000


def test_findings_name_ids_by_their_beginnings():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3))
    ids = [LONG + str(row) for row in range(4)]
    items = Embeddings(np.repeat(x, 2, axis=0), [LONG + str(row) for row in range(8)])
    items.metadata = {"text": [f"say {row}" for row in range(8)]}
    queries = Embeddings(x, ids, metadata={"text": [f"say {row}" for row in range(4)]})
    gains = SparseRows.from_pairs([0, 1], [0, 1], [1.0, 0.0], shape=(4, 8))
    rows = [
        Judged(ids[0], LONG + "0", grade, judge=judge) for grade, judge in ((1, "anna"), (0, "ben"))
    ]
    found = lint(Space(items=items, queries=queries), Judgements(gains), k=2, rows=rows)
    assert len(found.findings) >= 4
    assert max(len(finding.what) for finding in found.findings) < 1000
